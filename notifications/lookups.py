"""Texts of which nobody has said that they arrived: a callback may be lost, so we ask."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from notifications import twilio
from notifications.circuit import got_through
from notifications.claiming import lane
from notifications.models import Channel, Message, Status
from notifications.moving import change, move
from notifications.reach import ask_to_call
from notifications.statuses import hear_status

log = logging.getLogger(__name__)

LOOK = 0x100D  # the first half of the advisory lock of looking
AT_ONCE = 20
AFTER, AGAIN = timedelta(hours=1), timedelta(hours=1)  # since it left; between two looks
FINAL = timedelta(hours=72)  # a carrier that has not confirmed an arrival by now never will
UNCONFIRMED = "Its arrival was not confirmed."


def look_up(*, now: datetime) -> int:
    """Ask what became of texts that left an hour ago; returns how many were looked up.

    One sweep at a time, and not more than a few: where the provider gives no answer, or is asked
    too often (429), it ends.
    """
    with lane(LOOK, 1) as is_free:
        return _look_up_all(now) if is_free else 0


def _look_up_all(now: datetime) -> int:
    for count in range(AT_ONCE):
        message = _claim_look(now)
        if message is None:
            return count
        try:
            status, code = twilio.status_of(message.provider_id or "")
        except twilio.NO_ANSWER:
            log.exception("look_failed", extra={"message_id": str(message.pk)})
            return count
        _hear(message, status, code, now)
    return AT_ONCE


@transaction.atomic
def _claim_look(now: datetime) -> Message | None:
    """What left first of those to look up, put off at once."""
    rows = Message.objects.filter(Q(try_after__isnull=True) | Q(try_after__lte=Now()))
    silent = rows.filter(
        channel=Channel.SMS,
        status__in=(Status.ACCEPTED, Status.SENT),
        left_at__range=(now - 2 * FINAL, now - AFTER),
    ).exclude(why=UNCONFIRMED)
    message = silent.select_for_update(skip_locked=True).order_by("left_at", "pk").first()
    if message is not None:
        Message.objects.filter(pk=message.pk).update(try_after=Now() + AGAIN)
    return message


@transaction.atomic
def _hear(message: Message, status: str, code: str, now: datetime) -> None:
    """As if the callback had come; a text that stays sent has left, and at last is over.

    One of which nobody ever said that it left was lost.
    """
    if status:
        sid, pk = message.provider_id or "", str(message.pk)
        hear_status(provider_id=sid, status=status, error_code=code, message_id=pk, now=now)
    current = Message.objects.select_for_update().get(pk=message.pk)
    if current.status == Status.SENT:
        got_through(current, later=True, now=now)
    if not current.left_at or current.left_at > now - FINAL:
        return
    if current.status == Status.SENT:
        change(current, why=UNCONFIRMED)
    elif current.status == Status.ACCEPTED:
        move(current, Status.UNDELIVERED, "The provider never said that it left.")
        ask_to_call(current, now=now)
