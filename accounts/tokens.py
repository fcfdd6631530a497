"""Bearer tokens for scripts: made once, stored hashed, checked in constant time by the index."""

import hashlib
import secrets
from datetime import timedelta

from django.db.models.functions import Now

from accounts.models import ApiToken, User

LASTS = timedelta(days=90)


def digest(token: str) -> str:
    """What is stored of a secret that was drawn at random (and needs no slow hash therefore)."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def make_token(user: User, scope: str, *, name: str = "") -> str:
    """A new token for ``user``, valid for 90 days; it is shown this once."""
    token = "hearth_" + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        user=user, name=name, hash=digest(token), scope=scope, expires_at=Now() + LASTS
    )
    return token


def token_of(text: str) -> ApiToken | None:
    """The token row of a bearer's text while it is valid, with its user."""
    valid = ApiToken.objects.filter(expires_at__gt=Now(), user__is_active=True)
    return valid.select_related("user").filter(hash=digest(text)).first()
