"""Who is asking: users, roles, sign-in, tokens."""
