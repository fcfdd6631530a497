"""Everything that takes place at a time, in the order of care."""
