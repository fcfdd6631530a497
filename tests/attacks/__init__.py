"""The attacks of the security reference, by their numbers, against the doors."""
