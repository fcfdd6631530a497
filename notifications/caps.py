"""How many care texts a number gets; what is more goes by mail, or a human calls.

Counted for the number, whoever of its household is meant. Who asks holds the lock of the phone,
so that of several texts due at once each counts those before it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from notifications import policy
from notifications.models import Channel, Message, Status
from records.values import in_force

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARE = [kind for kind in policy.OF_KIND if policy.class_of(kind) == policy.CARE]
LESSER = [kind for kind in CARE if policy.priority_of(kind) == policy.LESSER]
# Of what was asked for.
BUDGETS = {"sign_in_code": "codes", "change_link": "answers", "time_taken": "answers"}


def is_full(message: Message, now: datetime) -> bool:
    """Whether the number that a care text would go to has had its texts.

    Days are 24 hours, rolling.
    """
    if message.channel != Channel.SMS or message.kind not in CARE:
        return False
    today, lesser = Q(left_at__gt=now - DAY), Q(kind__in=LESSER)
    left = _left(message, since=now - 7 * DAY).aggregate(
        a_day=Count("pk", filter=today),
        lesser_a_day=Count("pk", filter=today & lesser),
        lesser_a_week=Count("pk", filter=lesser),
    )
    if not any(left.values()):
        return False
    values = in_force(now)
    return left["a_day"] >= values["texts_a_day"] or (
        message.kind in LESSER
        and (
            left["lesser_a_day"] >= values["lesser_texts_a_day"]
            or left["lesser_a_week"] >= values["lesser_texts_a_week"]
        )
    )


def is_over(kind: str, to: str, values: Mapping[str, int]) -> bool:
    """Whether so many of a kind were asked for, in real time, that this address gets no more."""
    asked, budget = Message.objects.filter(kind=kind, to=to), BUDGETS[kind]
    return (
        asked.filter(created_at__gt=Now() - HOUR).count() >= values[f"{budget}_an_hour"]
        or asked.filter(created_at__gt=Now() - DAY).count() >= values[f"{budget}_a_day"]
    )


def _left(message: Message, *, since: datetime) -> QuerySet[Message]:
    """Other texts of care that left for the number, or may have: a body says so."""
    rows = Message.objects.filter(to=message.to, channel=Channel.SMS, left_at__gt=since)
    rows = rows.filter(kind__in=CARE).exclude(body="").exclude(status=Status.FAILED)
    return rows.exclude(pk=message.pk).order_by()
