"""How a patient is reached, and signs in: changed by a code to the new contact, or for a caller."""
