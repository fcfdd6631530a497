"""Who works here: invited, deactivated, helped by a second person; their sessions and tokens."""
