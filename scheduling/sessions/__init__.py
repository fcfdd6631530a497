"""Treatment at home."""
