"""Whose practice this is, and who is on call: the environment says it until somebody sets it up."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Practice, Role, User
from accounts.phones import us_number
from records.actor import Actor
from records.events import record
from records.refused import Refused

ZONES = ("America/New_York", "America/Chicago")
BAD_NAME = "Use 1 to 20 plain letters: every text must hold the name."
BAD_PHONE = "Use a telephone number in the United States."
BAD_ZONE = "Use America/New_York or America/Chicago."


def practice() -> Practice:
    """The practice as it is set up; before that, as the environment names it (not saved)."""
    return Practice.objects.last() or Practice(
        name=settings.PRACTICE_NAME, phone=settings.PRACTICE_PHONE, time_zone=settings.PRACTICE_ZONE
    )


def physicians() -> list[User]:
    """Who may be on call."""
    return list(User.objects.filter(role=Role.PHYSICIAN, is_active=True).order_by("name", "pk"))


def is_name(text: str) -> bool:
    """Whether every text can hold it."""
    return text.isascii() and text.isprintable() and 1 <= len(text) <= 20


@transaction.atomic
def set_up(*, name: str, phone: str, time_zone: str, by: Actor, now: datetime) -> Practice:
    """Name the practice, from the next text and page on.

    Raises `Refused` ``invalid`` or ``not_us_number`` with the pointer.
    """
    name, number = name.strip(), us_number(phone)
    if not is_name(name):
        raise Refused("invalid", BAD_NAME, pointer="/name")
    if number is None:
        raise Refused("not_us_number", BAD_PHONE, pointer="/phone")
    if time_zone not in ZONES:
        raise Refused("invalid", BAD_ZONE, pointer="/time_zone")
    row = Practice.objects.create(name=name, phone=number, time_zone=time_zone)
    record("practice.set_up", row, by=by, now=now)
    return row


@transaction.atomic
def set_on_call(*, users: Collection[UUID], by: Actor, now: datetime) -> None:
    """These physicians are paged first; with nobody, all of them are.

    Raises `Refused` ``invalid`` for who is no physician here, or cannot be texted.
    """
    rows = {user.pk: user for user in physicians()}
    if not set(users) <= set(rows):
        raise Refused("invalid", "Only physicians who work here can be on call.", pointer="/users")
    if any(not rows[pk].phone for pk in users):
        raise Refused("contact_required", "Who is on call needs a telephone.", pointer="/users")
    for pk, user in rows.items():
        if user.is_on_call != (pk in users):
            user.is_on_call = pk in users
            user.save(update_fields=["is_on_call"])
            record("user.on_call", user, by=by, now=now, is_on_call=user.is_on_call)
