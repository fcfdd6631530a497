"""Second factors: what allauth keeps of them is sealed, and passkeys are of our own address."""

import base64
import hashlib
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings


def seal(text: str) -> str:
    """A secret as it may lie in the database."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """A secret that `seal` has sealed; raises InvalidToken with another key."""
    return _box().decrypt(sealed.encode()).decode()


def _box() -> Fernet:
    key = hashlib.sha256(b"hearth.factors\n" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


class FactorAdapter(DefaultMFAAdapter):
    """Named by the setting MFA_ADAPTER."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        return str(settings.PRACTICE_NAME)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Not of the Host header, which the client says."""
        host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
        return {"id": host, "name": settings.PRACTICE_NAME}
