"""The attacks of the specification, one by one, each by a test that stands by itself."""
