"""Ids: UUIDv7 for rows, and short references that can be read out over the telephone."""

import secrets

from uuid_utils.compat import uuid7

# Crockford's alphabet without I, L, O, U: nothing is misheard as something else, no word arises.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

__all__ = ["reference", "uuid7"]


def reference(letter: str) -> str:
    """A reference such as ``C-7K2M9Q``; 32**6 of them, and the column is unique."""
    return f"{letter}-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
