"""What somebody answered before they were a patient, and the flags it raises."""
