"""What is in doubt: an answer was lost, or a process died, before or after a text left.

The provider knows no idempotency key: such a message is *unknown*, never *failed*, and is looked
up before anything is sent again.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from notifications import twilio
from notifications.checking import body
from notifications.claiming import lane
from notifications.models import Channel, Message, Status
from notifications.moving import move
from notifications.settling import MOST_ATTEMPTS, give_up, grace, miss, put_back
from notifications.twilio import NO_ANSWER, Outcome

log = logging.getLogger(__name__)

LOOK = 0x100C  # the first half of the advisory lock of looking
LOOKS_AT_ONCE = 20


def reconcile(*, now: datetime) -> int:
    """Look up what is in doubt, what waits longest first; returns how many were decided.

    One sweep looks at a time, until one look gets no answer: each may take as long as a timeout.
    """
    with lane(LOOK, 1) as is_free:
        return _look_up_all(now) if is_free else 0


def _look_up_all(now: datetime) -> int:
    _doubt_what_was_dropped()
    decided = 0
    for _ in range(LOOKS_AT_ONCE):
        message = _claim_look()
        if message is None:
            break
        try:
            found = _look_up(message)
        except NO_ANSWER:
            log.exception("look_failed", extra={"message_id": str(message.pk)})
            return decided + _unasked(message, now)
        decided += _decide(message, found, now)
    return decided


@transaction.atomic
def _doubt_what_was_dropped() -> None:
    """A claim whose lease is over: its process died, before or after the text left.

    What has no body was not handed over.
    """
    rows = Message.objects.filter(status=Status.SENDING, lease_until__lte=Now())
    for message in rows.select_for_update(skip_locked=True):
        if message.body:
            move(message, Status.UNKNOWN, "It was interrupted.", lease_until=grace(), claim=None)
        else:
            put_back(message, "It was interrupted.")


@transaction.atomic
def _claim_look() -> Message | None:
    """One to look up, put off at once: nothing is looked up again before its grace is over.

    Not while the same words are on their way to the same number: whose they are cannot be told.
    """
    doubtful = Message.objects.filter(status=Status.UNKNOWN, lease_until__lte=Now())
    same = Message.objects.filter(
        to=OuterRef("to"), body=OuterRef("body"), status=Status.SENDING, left_at__isnull=False
    )
    doubtful = doubtful.exclude(Exists(same.exclude(body="")))
    message = doubtful.select_for_update(skip_locked=True).order_by("lease_until", "pk").first()
    if message is not None:
        Message.objects.filter(pk=message.pk).update(lease_until=grace())
    return message


def _look_up(message: Message) -> Outcome | None:
    """Ask the provider for a text that reached the hand-over; raises one of `NO_ANSWER`."""
    if message.channel == Channel.MAIL or not message.body:
        return None
    known = Message.objects.filter(to=message.to, provider_id__isnull=False)
    sids = [row.provider_id or "" for row in known]
    return twilio.find(to=message.to, body=body(message), known=sids)


@transaction.atomic
def _decide(message: Message, found: Outcome | None, now: datetime) -> bool:
    current = _still_in_doubt(message)
    if current and found:
        why = "It was found at the provider."
        return move(current, Status.ACCEPTED, why, provider_id=found.provider_id, secret="")
    return current is not None and _without_a_trace(current, now)


@transaction.atomic
def _unasked(message: Message, now: datetime) -> bool:
    """The provider could not be asked: later again, while there is a point in it."""
    current = _still_in_doubt(message)
    if current is None or now < current.not_after:
        return False
    miss(current, "Nobody knows whether it left.", now)
    return True


def _still_in_doubt(message: Message) -> Message | None:
    """The row, locked; None when a callback was faster than our look."""
    rows = Message.objects.select_for_update()
    return rows.filter(pk=message.pk, status=Status.UNKNOWN).first()


def _without_a_trace(message: Message, now: datetime) -> bool:
    """Two looks without a hit, and a text was not sent; of a mail nobody can tell."""
    if message.channel == Channel.SMS and message.body and message.looks == 0:
        message.looks = 1
        message.save(update_fields=["looks"])
        return False
    if message.channel == Channel.MAIL and message.body:
        give_up(message, Outcome("unknown", code="no_answer"), now)
    elif now >= message.not_after:
        miss(message, "It was never sent, and is too late now.", now)
    elif message.attempts >= MOST_ATTEMPTS:
        give_up(message, Outcome("unknown", code="interrupted"), now)
    else:
        put_back(message, "It was never sent.", looks=0)
    return True
