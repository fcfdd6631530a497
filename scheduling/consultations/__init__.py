"""Meetings of a patient with the physician."""
