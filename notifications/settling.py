"""What became of a message that was handed over, or could not be."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from notifications import pace, policy, twilio
from notifications.circuit import got_through, open_circuit
from notifications.models import Channel, Message, OptOut, Status
from notifications.moving import move
from notifications.reach import ask_to_call, flag_phone, lock_phone, point_all
from notifications.twilio import Outcome

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 15, 600  # seconds at most until the next attempt; doubled each time
MOST_ATTEMPTS = 6  # that may have left, or that we could not make ready


@transaction.atomic
def settle(message: Message, outcome: Outcome, now: datetime) -> None:
    """Write down what became of it, unless somebody else has taken it over since."""
    if outcome.result in ("opted_out", "bad_phone"):
        lock_phone(message.to)  # before the message, as everywhere
    rows = Message.objects.select_for_update().filter(
        pk=message.pk, claim=message.claim, status=Status.SENDING
    )
    current = rows.first()
    if current:
        _SETTLE[outcome.result](current, outcome, now)
    elif outcome.provider_id and Message.objects.filter(
        pk=message.pk, provider_id=outcome.provider_id
    ):
        got_through(message, later=False, now=now)  # a callback was faster
    else:
        log.warning("claim_lost", extra={"message_id": str(message.pk)})


def _accepted(message: Message, outcome: Outcome, now: datetime) -> None:
    to = Status.SENT if message.channel == Channel.MAIL else Status.ACCEPTED
    move(message, to, provider_id=outcome.provider_id, claim=None, secret="", error_code="")
    got_through(message, later=False, now=now)


def _busy(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent, for certain: later again, until it is useless. No attempt was used up."""
    if outcome.code == twilio.TOO_MANY:
        pace.slow_down()
    _wait(message, outcome, now, waits=message.waits + 1, attempts=message.attempts - 1)


def _late(message: Message, outcome: Outcome, now: datetime) -> None:
    """It was ours for too long: nothing left, and somebody else takes it at once."""
    why, soon = "It could not leave yet.", Now() + timedelta(seconds=1)
    put_back(message, why, try_after=soon, attempts=message.attempts - 1, error_code=outcome.code)


def _not_ready(message: Message, outcome: Outcome, now: datetime) -> None:
    """It is of a kind that we cannot send: a few times more, then a human is asked."""
    if message.attempts + 1 >= MOST_ATTEMPTS:
        give_up(message, outcome, now)
    else:
        _wait(message, outcome, now, waits=message.waits + 1, attempts=message.attempts + 1)


def _wait(message: Message, outcome: Outcome, now: datetime, **changes: int) -> None:
    """By chance, up to a limit that doubles: what failed together does not come back together."""
    left = (message.not_after - now).total_seconds()
    limit = min(FIRST_WAIT * 2 ** min(message.waits, 10), LONGEST_WAIT, left)
    seconds = random.uniform(0, max(limit, 0))  # noqa: S311  no secret
    later = Now() + timedelta(seconds=seconds)
    why = "It could not leave yet."
    put_back(message, why, try_after=later, error_code=outcome.code, **changes)


def _misconfigured(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nobody gets texts until a person puts it right; the attempt does not count.

    The next probe is another message: it may be this one alone that cannot leave.
    """
    put_back(
        message,
        "Nothing leaves at the moment.",
        try_after=Now() + timedelta(seconds=1.5 * settings.SEND_PROBE),
        error_code=outcome.code,
        attempts=message.attempts - 1,
    )
    open_circuit(message.channel, outcome.code, later=False, now=now)


def _unknown(message: Message, outcome: Outcome, now: datetime) -> None:
    why = "Nobody knows yet whether it left."
    move(message, Status.UNKNOWN, why, lease_until=grace(), error_code=outcome.code)


def _opted_out(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent; it goes by mail, like all that waits, or not at all."""
    phone = message.to
    OptOut.objects.get_or_create(
        phone=phone, ended_at=None, defaults={"source": "provider", "at": now}
    )
    if message.kind in policy.AS_WRITTEN:
        give_up(message, outcome, now)
    else:
        put_back(message, "This number takes no texts.")
    point_all(phone)


def _bad_phone(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent; it goes by mail, like all that waits, or a human calls."""
    flag_phone(message.to, outcome.code, now=now)
    if message.kind in policy.AS_WRITTEN:
        give_up(message, outcome, now)
    else:
        put_back(message, "This number takes no texts.", error_code=outcome.code)


def give_up(message: Message, outcome: Outcome, now: datetime) -> None:
    move(
        message,
        Status.FAILED,
        "It could not be sent.",
        error_code=outcome.code,
        claim=None,
        secret="",
    )
    ask_to_call(message, now=now)


_SETTLE: dict[str, Callable[[Message, Outcome, datetime], None]] = {
    "accepted": _accepted,
    "busy": _busy,
    "late": _late,
    "not_ready": _not_ready,
    "misconfigured": _misconfigured,
    "unknown": _unknown,
    "opted_out": _opted_out,
    "refused": give_up,
    "bad_phone": _bad_phone,
}


def put_back(message: Message, why: str, **changes: Any) -> None:
    """It waits again; nothing left, so no body says that it may have."""
    move(message, Status.PENDING, why, claim=None, body="", **changes)


def miss(message: Message, why: str, now: datetime) -> None:
    move(message, Status.MISSED, why, claim=None, secret="")
    ask_to_call(message, now=now)


def grace() -> Any:
    """Until when the provider may take to show a text; nobody looks before."""
    return Now() + timedelta(seconds=settings.SEND_GRACE)
