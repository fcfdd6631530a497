"""The attacks of the specification, by their numbers: each one is refused."""
