"""Every write about colleagues and about how somebody signs in.

What lasts is counted in real time (the database's); ``now`` is for what happened.
"""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from accounts.models import COLLEAGUES, ApiToken, PasswordLink, Role, User
from accounts.tokens import digest, make_token
from records.actor import Actor
from records.events import keep_correction, record
from records.refused import Refused

LINK_OPENS = timedelta(hours=72)
TAKEN = Refused("contact_taken", "A colleague has this e-mail address already.", pointer="/email")


# --- joining -------------------------------------------------------------------------------------


@transaction.atomic
def invite(
    *, role: str, name: str, email: str, by: Actor, now: datetime, phone: str = ""
) -> PasswordLink:
    """Somebody may join by a link that is mailed; raises `Refused` ``contact_taken``.

    Nobody who has ever set a password is touched: an address of a colleague is refused. Whoever
    was invited and did not come is invited anew.
    """
    known = User.objects.select_for_update(no_key=True).filter(
        email__iexact=email, role__in=COLLEAGUES
    )
    user = known.first() or User(email=email.lower(), is_active=False)
    if user.is_active or (user.has_usable_password() and user.password):
        raise TAKEN
    user.role, user.name, user.phone = role, name, phone
    user.is_superuser = role == Role.ADMINISTRATOR
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise TAKEN from error
    return _send_link(user, PasswordLink.Kind.JOIN, "user.invited", by=by, now=now)


def _send_link(user: User, kind: str, fact: str, *, by: Actor, now: datetime) -> PasswordLink:
    """The earlier ones open nothing any more; the token arises when the mail leaves."""
    _withdraw(user)
    link = PasswordLink.objects.create(kind=kind, user=user, expires_at=Now() + LINK_OPENS)
    link.refresh_from_db()
    record(fact, link, by=by, now=now, user=str(user.pk), role=user.role)
    return link


def _withdraw(user: User) -> None:
    PasswordLink.objects.open().filter(user=user).update(withdrawn_at=Now())


@transaction.atomic
def withdraw(*, link: PasswordLink, by: Actor, now: datetime) -> None:
    """The link opens nothing any more; raises `Refused` ``wrong_state`` when it did not before."""
    if not PasswordLink.objects.open().filter(pk=link.pk).update(withdrawn_at=Now()):
        raise Refused("wrong_state", "This link was used or has ended already.")
    record("user.link_withdrawn", link, by=by, now=now, user=str(link.user_id))


def is_open(link_id: UUID) -> bool:
    """Whether a link would open still."""
    return PasswordLink.objects.open().filter(pk=link_id).exists()


def of_token(token: str) -> QuerySet[PasswordLink]:
    """The link that holds this token, while it works."""
    return PasswordLink.objects.open().filter(secret=digest(token))


def issue_link(link_id: UUID) -> str:
    """A token for a link, when its mail leaves; of an earlier mail's opens nothing any more."""
    token = secrets.token_urlsafe(15)
    PasswordLink.objects.filter(pk=link_id).update(secret=digest(token))
    return token


@transaction.atomic
def set_password(*, token: str, password: str, now: datetime) -> User:
    """Whoever holds the link sets a password, once; who was invited has joined by that.

    It is no sign-in: the second factor is asked for, or set up, after it. Raises
    `PasswordLink.DoesNotExist`, and `Refused` ``invalid`` for a password that is too weak.
    """
    meant = of_token(token)
    user = User.objects.select_for_update(no_key=True).get(pk=meant.get().user_id)
    link = meant.get()  # still, now that nobody else uses it
    joins = link.kind == PasswordLink.Kind.JOIN
    if not (joins or user.is_active):
        raise PasswordLink.DoesNotExist
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused("invalid", " ".join(error.messages), pointer="/password") from error
    user.set_password(password)
    user.is_active = True
    user.save(update_fields=["password", "is_active"])
    PasswordLink.objects.filter(pk=link.pk).update(used_at=Now())
    by = Actor(role=user.role, user_id=user.pk)
    record("user.joined" if joins else "user.password_set", user, by=by, now=now)
    return user


# --- what one colleague does for another -----------------------------------------------------


@transaction.atomic
def deactivate(*, user: User, by: Actor, now: datetime) -> User:
    """Somebody is out at once, with sessions, tokens and links; what they did stays.

    Raises `Refused` ``second_person``, ``last_administrator``, ``wrong_state``.
    """
    locked = _lock_other(user, by=by)
    if not locked.is_active:
        raise Refused("wrong_state", "This account is not active.")
    locked.is_active = False
    _save_and_sign_out(locked, "is_active")
    record("user.deactivated", locked, by=by, now=now)
    return locked


@transaction.atomic
def reactivate(*, user: User, by: Actor, now: datetime) -> User:
    """Somebody may sign in again; raises `Refused` ``wrong_state`` for who never joined."""
    locked = _lock_other(user, by=by)
    if locked.is_active or not locked.has_usable_password():
        raise Refused("wrong_state", "This account is active, or nobody has joined by it yet.")
    locked.is_active = True
    locked.save(update_fields=["is_active"])
    record("user.reactivated", locked, by=by, now=now)
    return locked


@transaction.atomic
def change_role(*, user: User, role: str, by: Actor, now: datetime) -> User:
    """Another role, from the next sign-in on; raises as `deactivate`."""
    locked = _lock_other(user, by=by)
    old = locked.role
    if role == old:
        raise Refused("wrong_state", "This is their role already.")
    locked.role, locked.is_superuser = role, role == Role.ADMINISTRATOR
    _save_and_sign_out(locked, "role", "is_superuser")
    record("user.role_changed", locked, by=by, now=now, old=old, new=role)
    return locked


@transaction.atomic
def reset_factors(*, user: User, reason: str, by: Actor, now: datetime) -> User:
    """Somebody has lost their second factor: they set up another one when they sign in next.

    They are told by mail. Raises `Refused` ``second_person``.
    """
    locked = _lock_other(user, by=by, keeps_one=False)
    remove_factors(user=locked, by=by, now=now)
    keep_correction(locked, was="factors", reason=reason, by=by, now=now)
    return locked


@transaction.atomic
def remove_factors(*, user: User, by: Actor, now: datetime) -> None:
    """All second factors go, and every session with them."""
    Authenticator.objects.filter(user=user).delete()
    end_sessions(user)
    record("user.factors_reset", user, by=by, now=now)


@transaction.atomic
def send_password_link(*, user: User, by: Actor, now: datetime) -> User:
    """Who forgot their password gets a link by mail; it does not stand for the second factor."""
    locked = _lock_other(user, by=by, keeps_one=False)
    if not locked.is_active:
        raise Refused("wrong_state", "This account is not active.")
    _send_link(locked, PasswordLink.Kind.FORGOTTEN, "user.password_link", by=by, now=now)
    return locked


def _lock_other(user: User, *, by: Actor, keeps_one: bool = True) -> User:
    """A colleague, locked, who is another one than who acts.

    With ``keeps_one``, who acts stays as an administrator when this one goes: all are locked by id,
    so that of two who remove each other the second is none any more.
    """
    if user.pk == by.user_id:
        raise Refused("second_person", "Somebody else has to do this for you.")
    active = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True).order_by("pk")
    left = {admin.pk for admin in active.select_for_update(no_key=True)} - {user.pk}
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if keeps_one and by.user_id not in left:
        raise Refused("last_administrator", "You are no administrator any more.")
    return locked


def _save_and_sign_out(user: User, *changed: str) -> None:
    user.save(update_fields=changed)
    end_sessions(user)
    ApiToken.objects.filter(user=user).delete()
    _withdraw(user)


def end_sessions(user: User) -> None:
    """Somebody is signed in nowhere any more, in the caller's transaction."""
    User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
    UserSession.objects.filter(user=user).delete()


# --- one's own -------------------------------------------------------------------------------


@transaction.atomic
def sign_in_changed(*, user: User, what: str, by: Actor, now: datetime) -> None:
    """A password or a factor was changed: every session ends; the caller keeps its own."""
    User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
    record("user.sign_in_changed", user, by=by, now=now, what=what)


@transaction.atomic
def end_session(*, session: UserSession, by: Actor, now: datetime) -> None:
    """A session of somebody ends at once."""
    session.end()
    record("user.session_ended", session.user, by=by, now=now)


@transaction.atomic
def add_token(
    *, user: User, scope: str, name: str, by: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """A token for a script, and its text, which is told this once."""
    text = make_token(user, scope, name=name)
    row = ApiToken.objects.get(hash=digest(text))
    record("token.made", row, by=by, now=now, scope=scope)
    return row, text


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Actor, now: datetime) -> None:
    """A token opens nothing any more."""
    record("token.revoked", token, by=by, now=now)
    token.delete()
