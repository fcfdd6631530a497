"""What people write about health is encrypted, column by column: AES-256-GCM, with rotating keys.

A ciphertext names its key (``id:base64``) and is bound to its table and column: moved elsewhere, it
does not open. The first of FIELD_KEYS encrypts, all of them decrypt.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

NONCE = 12  # bytes, drawn for each text


def encrypt(text: str, *, of: str) -> str:
    """The ciphertext of a text; ``of`` says where it stands (``table.column``)."""
    name, key = next(iter(settings.FIELD_KEYS.items()))
    nonce = os.urandom(NONCE)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), of.encode())
    return f"{name}:{b64encode(nonce + sealed).decode()}"


def decrypt(sealed: str, *, of: str) -> str:
    """The text again. Raises KeyError for a key that is gone, InvalidTag for what was tampered."""
    name, _, body = sealed.partition(":")
    raw = b64decode(body)
    key = settings.FIELD_KEYS[name]
    return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], of.encode()).decode()


class Encrypted(models.Field):  # type: ignore[type-arg]
    """A column of ciphertext, which nothing can be looked up by. An empty text stays empty."""

    dumps: Callable[[Any], str] = staticmethod(str)
    loads: Callable[[str], Any] = staticmethod(str)

    @property
    def place(self) -> str:
        """To what its ciphertexts are bound."""
        return f"{self.model._meta.db_table}.{self.column}"

    def get_internal_type(self) -> str:
        return "TextField"

    def get_lookup(self, lookup_name: str) -> Any:
        return None

    def get_transform(self, name: str) -> Any:
        return None

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return self.loads(decrypt(value, of=self.place)) if value else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        text = "" if value is None else self.dumps(value)
        return encrypt(text, of=self.place) if text else text

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return self.get_db_prep_value(value, connection)


class EncryptedText(Encrypted, models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted in the database."""


class EncryptedJson(Encrypted, models.JSONField):
    """JSON that is encrypted in the database."""

    dumps, loads = staticmethod(json.dumps), staticmethod(json.loads)
