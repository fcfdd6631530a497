"""Who asks, as the API sees it: bearer tokens, session tokens, roles."""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.contrib.sessions.backends.base import SessionBase
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken, Role, User
from accounts.tokens import token_of
from records.actor import Actor, visitor
from records.refused import Refused

FRESH = timedelta(minutes=5)


class Bearer(BaseAuthentication):
    """``Authorization: Bearer`` for scripts."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token_of(text.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown or has expired.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionToken(XSessionTokenAuthentication):
    """``X-Session-Token`` from signing in; one that is not valid any more is a 401."""

    def authenticate(self, request: Any) -> Any:
        if not self.get_session_token(request):
            return None
        found = super().authenticate(request)
        if found is None or not found[0].is_active:
            raise AuthenticationFailed("Please sign in again.")
        return found

    def authenticate_header(self, request: Request) -> str:
        return "X-Session-Token"


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = Bearer
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionTokenScheme(OpenApiAuthenticationExtension):
    target_class = SessionToken
    name = "sessionToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-Session-Token"}


class DenyAll(BasePermission):
    """What a door that forgot to say who may come in says: nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


def _within_scope(request: Request) -> bool:
    """Whether the token, if there is one, is good for this: one with the scope ``read`` looks."""
    token = request.auth
    reads = isinstance(token, ApiToken) and token.scope == ApiToken.Scope.READ
    return request.method in SAFE_METHODS or not reads


def freshly(request: Request) -> None:
    """Raises `Refused` ``reauthentication_required`` unless they showed just now who they are.

    A bearer token shows nothing of that: whoever stole one would have it for good.
    """
    session = request.auth
    shown = (
        session.get(AUTHENTICATION_METHODS_SESSION_KEY)
        if isinstance(session, SessionBase)
        else None
    )
    earliest = time.time() - FRESH.total_seconds()
    if not any(each["at"] > earliest for each in shown or ()):
        raise Refused("reauthentication_required", "Show once more that it is you, then try again.")


class Anyone(BasePermission):
    """Also those who have not signed in; a token keeps its scope here, too."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return _within_scope(request)


def roles(*allowed: str) -> type[BasePermission]:
    """Only users in one of these roles; a token with the scope ``read`` only looks."""

    class HasRole(BasePermission):
        message = "Your role does not do this."

        def has_permission(self, request: Request, view: Any) -> bool:
            if not request.user.is_authenticated:
                return False
            return _within_scope(request) and request.user.role in allowed

    return HasRole


PATIENT, STAFF, PHYSICIAN = Role.PATIENT, Role.STAFF, Role.PHYSICIAN
CARE: Iterable[str] = (Role.PATIENT, Role.STAFF, Role.PHYSICIAN)
# Who reads what is clinical of what they see; an administrator sees it through broken glass alone.
CLINICAL: Iterable[str] = (Role.PHYSICIAN, Role.ADMINISTRATOR)


def user_of(request: Request) -> User | None:
    """The user who asks, or None for a visitor."""
    return request.user if isinstance(request.user, User) else None


def signed_in(request: Request) -> User:
    """The user who asks; the permissions of the door have made sure of one."""
    assert isinstance(request.user, User)  # noqa: S101  narrows the type, checked by permissions
    return request.user


def actor_of(request: Request, *, channel: str = "web") -> Actor:
    """The one who asks, as the actor of a write."""
    user = user_of(request)
    return Actor(role=user.role, user_id=user.pk, channel=channel) if user else visitor()
