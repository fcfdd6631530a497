"""Doors for people: what they look at in a browser, by who looks."""
