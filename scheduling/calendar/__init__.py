"""Whose time is whose: hours, time off, reservations; slots are computed, never stored."""
