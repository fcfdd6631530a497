"""How long a sign-in lasts and what it was proven by; in real time, whatever the clock of care."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from allauth.account.internal.flows.login import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    get_authentication_records,
)
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY, get_user
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import SentCode, User

LONGEST = timedelta(hours=12)
IDLE, IDLE_OF_PATIENT = timedelta(minutes=15), timedelta(minutes=30)
FRESH = timedelta(minutes=5)
STEP = timedelta(minutes=1)  # a use is written down once in this time, not with each request
KEPT = timedelta(days=1)  # codes, after they were sent
POLLS = "X-Poll"  # a page that asks by itself says so: that somebody is there, it does not show
BEGAN, USED = "began_at", "used_at"  # seconds since 1970, in the session
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def begin(session: SessionBase) -> None:
    """Somebody has signed in."""
    session[BEGAN] = session[USED] = time.time()


def goes_on(session: SessionBase, user: User, *, is_use: bool = True) -> bool:
    """Whether a sign-in lasts still; this counts as a use of it, unless nobody did anything.

    Django's own age of a session grows with each save of it, so it is not asked.
    """
    now = time.time()
    if _is_over(session, user, now):
        return False
    is_noted = now - session[USED] < STEP.total_seconds()
    return bool(is_noted or not is_use) or _use(session, now)


def idle_of(user: User) -> timedelta:
    """After how long without a use a sign-in ends."""
    return IDLE if user.is_colleague else IDLE_OF_PATIENT


def _is_over(session: Any, user: User, now: float) -> bool:
    idle = idle_of(user)
    since_began, since_used = now - session.get(BEGAN, 0), now - session.get(USED, 0)
    return bool(since_began >= LONGEST.total_seconds() or since_used >= idle.total_seconds())


def living(user: User) -> QuerySet[UserSession]:
    """The sessions of somebody that go on: of those that ended, in whatever way, rows are left."""
    rows: QuerySet[UserSession] = UserSession.objects.filter(user=user)
    kept = Session.objects.filter(session_key__in=rows.values("session_key"))
    mark, now = user.get_session_auth_hash(), time.time()
    held = {row.pk: row.get_decoded() for row in kept}
    keys = [
        key
        for key, session in held.items()
        if session.get(HASH_SESSION_KEY) == mark and not _is_over(session, user, now)
    ]
    return rows.filter(session_key__in=keys)


def _use(session: SessionBase, now: float) -> bool:
    session[USED] = now
    try:
        session.save()
    except UpdateError:  # it was ended a moment ago
        return False
    UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=Now())
    return True


def forget() -> None:
    """Delete the sessions whose time is over, what is left of those that ended, and old codes."""
    Session.objects.filter(expire_date__lt=Now()).delete()
    open_ones = Session.objects.values("session_key")
    UserSession.objects.exclude(session_key__in=open_ones).delete()
    SentCode.objects.filter(created_at__lt=Now() - KEPT).delete()


def is_proven(session: SessionBase, user: User) -> bool:
    """Whether what the role of ``user`` asks for was shown: of colleagues a second factor."""
    return not user.is_colleague or bool(_shown(session, user, second_factor=True))


def is_fresh(session: SessionBase, user: User, *, second_factor: bool = False) -> bool:
    """Whether they showed in the last minutes who they are, or with what they have."""
    earliest = time.time() - FRESH.total_seconds()
    return any(at > earliest for at in _shown(session, user, second_factor=second_factor))


def _shown(session: SessionBase, user: User, *, second_factor: bool) -> list[float]:
    """When they showed something; a passkey stands for both factors, since it knows its owner."""
    request: Any = SimpleNamespace(session=session)
    records = get_authentication_records(request, user)
    return [r["at"] for r in records if r["method"] == "mfa" or not second_factor]


def came_by_mail(session: SessionBase, user: User) -> bool:
    """Whether they signed in by a code that was mailed to the address which is theirs still."""
    request: Any = SimpleNamespace(session=session)
    records = get_authentication_records(request, user)
    return any((r["method"], r.get("email")) == ("code", user.email) for r in records)


def show(session: SessionBase, user: User, method: str) -> None:
    """Write down that ``user`` has shown again who they are; ``mfa`` is a second factor."""
    request: Any = SimpleNamespace(session=session)
    records = get_authentication_records(request, user)
    shown = {"method": method, "at": time.time(), "reauthenticated": True}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [*records, shown]
    session.save()


def has_factor(user: User) -> bool:
    """Whether somebody has a second factor; recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def keep(session: SessionBase, user: User) -> None:
    """This session goes on, while a change of ``user`` has ended the others."""
    user.refresh_from_db()
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()


class SignedIn(AuthenticationMiddleware):
    """Django's middleware, for which a sign-in that is over is none: for pages, admin, cookies.

    Allauth's doors ask it, too, after they have put the session of the header in place.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user(request))  # type: ignore[assignment]


def _user(request: HttpRequest) -> Any:
    user = get_user(request)
    by_itself = POLLS in request.headers
    if isinstance(user, User) and not goes_on(request.session, user, is_use=not by_itself):
        request.session.flush()
        return AnonymousUser()
    return user
