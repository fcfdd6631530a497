"""What the physician prescribed elsewhere, recorded."""
