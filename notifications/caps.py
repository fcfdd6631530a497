"""How many care texts a number gets; what is more goes by mail, or a human calls.

Counted for the number, whoever of its household is meant. Who asks holds the lock of the phone,
so that of several texts due at once each counts those before it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from notifications import policy
from notifications.models import Channel, Message
from records.values import in_force

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARE = [kind for kind in policy.OF_KIND if policy.class_of(kind) == policy.CARE]
LESSER = [kind for kind in CARE if policy.priority_of(kind) == policy.LESSER]
# Of what was asked for.
BUDGETS = {
    "sign_in_code": "codes",
    "contact_code": "codes",
    "change_link": "answers",
    "time_taken": "answers",
}

# All of a day, what can wait of a day, what can wait of a week. A body says that it may have left.
LEFT = """
    SELECT count(*) FILTER (WHERE left_at > %(a_day)s),
        count(*) FILTER (WHERE left_at > %(a_day)s AND kind = ANY(%(lesser)s)),
        count(*) FILTER (WHERE kind = ANY(%(lesser)s))
    FROM notifications_message
    WHERE "to" = %(to)s AND channel = 'sms' AND left_at > %(a_week)s AND kind = ANY(%(care)s)
        AND body != '' AND status != 'failed' AND id != %(id)s"""


def is_full(message: Message, now: datetime) -> bool:
    """Whether the number that a care text would go to has had its texts.

    Days are 24 hours, rolling.
    """
    if message.channel != Channel.SMS or message.kind not in CARE:
        return False
    a_day, lesser_a_day, lesser_a_week = _left(message, now)
    if not (a_day or lesser_a_week):
        return False
    values = in_force(now)
    return a_day >= values["texts_a_day"] or (
        message.kind in LESSER
        and (
            lesser_a_day >= values["lesser_texts_a_day"]
            or lesser_a_week >= values["lesser_texts_a_week"]
        )
    )


def is_over(kind: str, to: str, values: Mapping[str, int]) -> bool:
    """Whether so many of a kind were asked for, in real time, that this address gets no more."""
    budget = BUDGETS[kind]
    kinds = [other for other, theirs in BUDGETS.items() if theirs == budget]
    asked = Message.objects.filter(kind__in=kinds, to=to)
    return (
        asked.filter(created_at__gt=Now() - HOUR).count() >= values[f"{budget}_an_hour"]
        or asked.filter(created_at__gt=Now() - DAY).count() >= values[f"{budget}_a_day"]
    )


def _left(message: Message, now: datetime) -> tuple[int, int, int]:
    """How many other texts left for the number, or may have; in the order of `LEFT`."""
    at: dict[str, Any] = {
        "to": message.to,
        "id": message.pk,
        "a_day": now - DAY,
        "a_week": now - 7 * DAY,
    }
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {**at, "care": CARE, "lesser": LESSER})
        return tuple(cursor.fetchone())
