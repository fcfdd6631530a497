"""Who is treated, and where."""
