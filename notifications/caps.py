"""How many care texts a number gets; what is more goes by mail, or a human calls.

Counted for the number, whoever of its household is meant. Who asks holds the lock of the phone,
so that of several texts due at once each counts those before it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models.functions import Now

from notifications import policy
from notifications.models import Channel, Message, Status

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARE = [kind for kind in policy.OF_KIND if policy.class_of(kind) == policy.CARE]
LESSER = [kind for kind in CARE if policy.priority_of(kind) == policy.LESSER]
BUDGETS = {"sign_in_code": "codes", "change_link": "answers"}  # of what was asked for


def is_full(message: Message, values: Mapping[str, int], now: datetime) -> bool:
    """Whether the number that a care text would go to has had its texts.

    ``values`` are the settings in force; days are 24 hours, rolling.
    """
    if message.channel != Channel.SMS or message.kind not in CARE:
        return False
    if _left(message, CARE, now - DAY) >= values["texts_a_day"]:
        return True
    return message.kind in LESSER and (
        _left(message, LESSER, now - DAY) >= values["lesser_texts_a_day"]
        or _left(message, LESSER, now - 7 * DAY) >= values["lesser_texts_a_week"]
    )


def is_over(kind: str, to: str, values: Mapping[str, int]) -> bool:
    """Whether so many of a kind were asked for, in real time, that this address gets no more."""
    asked, budget = Message.objects.filter(kind=kind, to=to), BUDGETS[kind]
    return (
        asked.filter(created_at__gt=Now() - HOUR).count() >= values[f"{budget}_an_hour"]
        or asked.filter(created_at__gt=Now() - DAY).count() >= values[f"{budget}_a_day"]
    )


def _left(message: Message, kinds: list[str], since: datetime) -> int:
    """How many of these kinds left for the number, or may have: a body says so."""
    rows = Message.objects.filter(to=message.to, channel=Channel.SMS, left_at__gt=since)
    rows = rows.filter(kind__in=kinds).exclude(body="").exclude(status=Status.FAILED)
    return rows.exclude(pk=message.pk).count()
