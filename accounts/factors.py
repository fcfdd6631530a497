"""Second factors: what allauth keeps of them is sealed, and passkeys are of our own address."""

import base64
import hashlib
from urllib.parse import urlsplit

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from cryptography.fernet import Fernet
from django.conf import settings

from accounts.models import User
from accounts.practice import practice


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
        return practice().name

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Not of the Host header, which the client says; browsers know no passkey of a number."""
        host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
        host = "localhost" if host == "127.0.0.1" else host
        return {"id": host, "name": practice().name}


# --- the demo's colleagues, whose authenticator is a panel of the sandbox ------------------------


def give_authenticator(user: User) -> None:
    """Let ``user`` have an authenticator that nobody holds in hand; for the demo alone."""
    if not settings.SANDBOX:
        raise RuntimeError("Nobody gets a factor where real people sign in.")
    totp.TOTP.activate(user, totp.generate_totp_secret())


def shown_now(domain: str) -> list[dict[str, str]]:
    """What the authenticators of colleagues with an address of this domain show now."""
    if not settings.SANDBOX:
        raise RuntimeError("Nobody's codes are shown where real people sign in.")
    rows = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user__email__endswith=domain)
    counter = next(totp.yield_hotp_counters_from_time())
    return [
        {
            "email": row.user.email,
            "code": totp.format_hotp_value(totp.hotp_value(unseal(row.data["secret"]), counter)),
        }
        for row in rows.select_related("user").order_by("user__email")
    ]
