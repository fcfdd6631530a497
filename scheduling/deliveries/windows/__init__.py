"""Bringing it to the door."""
