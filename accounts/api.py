"""Who asks, as the API sees it: bearer tokens, sessions, second factors, roles."""

from collections.abc import Iterable
from typing import Any

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts import sessions
from accounts.models import ApiToken, Role, User
from accounts.tokens import token_of
from records.actor import Actor, visitor
from records.refused import Refused

MFA_REQUIRED = "Set up or show your second factor first: /accounts/2fa/."


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


class Unproven:
    """In place of the session of a colleague who has not shown a second factor.

    They are nobody at every door, also at one that forgot to ask; `Door` tells them why.
    """

    refused = Refused("mfa_required", MFA_REQUIRED)


def _by_session(user: User, session: SessionBase) -> tuple[Any, Any]:
    """The user and session of a sign-in, once all that their role needs was shown."""
    if sessions.is_proven(session, user):
        return user, session
    return AnonymousUser(), Unproven()


class SessionToken(XSessionTokenAuthentication):
    """``X-Session-Token`` from signing in; one that is not valid any more is a 401."""

    def authenticate(self, request: Any) -> Any:
        if not self.get_session_token(request):
            return None
        found = super().authenticate(request)
        if found is None or not sessions.goes_on(found[1], found[0]):
            raise AuthenticationFailed("Please sign in again.")
        return _by_session(*found)

    def authenticate_header(self, request: Request) -> str:
        return "X-Session-Token"


class Cookie(SessionAuthentication):
    """The cookie of a browser, with what proves that a page of ours sends it (CSRF)."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        asked = request._request  # noqa: SLF001  DRF's own way
        found = super().authenticate(request)
        return _by_session(found[0], asked.session) if found else None

    def enforce_csrf(self, request: Request) -> None:
        """Of Django's request: DRF's would first refuse a body that it cannot read."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


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


class CookieScheme(OpenApiAuthenticationExtension):
    target_class = Cookie
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class DenyAll(BasePermission):
    """What a door that forgot to say who may come in says: nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


def _within_scope(request: Request) -> bool:
    """Whether the token, if there is one, is good for this: one with the scope ``read`` looks."""
    token = request.auth
    reads = isinstance(token, ApiToken) and token.scope == ApiToken.Scope.READ
    return request.method in SAFE_METHODS or not reads


def freshly(request: Request, *, second_factor: bool = False) -> None:
    """Raises `Refused` ``reauthentication_required`` unless they showed just now who they are.

    A bearer token shows nothing of that: whoever stole one would have it for good.
    """
    session: Any = request.auth
    if not (
        isinstance(session, SessionBase)
        and sessions.is_fresh(session, signed_in(request), second_factor=second_factor)
    ):
        raise Refused("reauthentication_required", "Show once more that it is you, then try again.")


def may_export(request: Request) -> bool:
    """A list as a file leaves the house: a session shows first who it is. Scripts have tokens."""
    renderer = getattr(request, "accepted_renderer", None)  # the client words the media type
    if getattr(renderer, "format", "") == "csv" and isinstance(request.auth, SessionBase):
        freshly(request)
    return True


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
            if request.user.role not in allowed or not _within_scope(request):
                return False
            return may_export(request)

    return HasRole


PATIENT, STAFF, PHYSICIAN = Role.PATIENT, Role.STAFF, Role.PHYSICIAN
ADMINISTRATOR = Role.ADMINISTRATOR
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
