"""The rights of patients: a copy of the record, words added to it, and how long it is kept."""
