"""What became of a text, as the provider tells it: kept, and followed forwards only."""

from datetime import datetime, timedelta
from uuid import UUID

from notifications import policy
from notifications.again import write_again
from notifications.circuit import got_through, open_circuit
from notifications.models import Message, ProviderEvent, Status
from notifications.moving import move
from notifications.reach import NOT_TOLD, ask_to_call, ask_to_correct, flag_phone, needs_no_call
from notifications.subjects import told_of
from notifications.twilio import is_misconfigured
from records.actor import sweep
from records.events import raise_work_item
from records.models import WorkItem
from records.once import add_once
from records.refused import Refused

# Twilio's word → ours. What is not here changes nothing.
SAYS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
LOST = (Status.UNDELIVERED, Status.FAILED)


def hear_status(
    *, provider_id: str, status: str, error_code: str, message_id: str, now: datetime
) -> None:
    """Keep what the provider said, and follow it forwards only, in the caller's transaction.

    ``message_id`` came with the callback: by it we know a text whose answer was lost, also when
    it was given up since. What names no text says nothing; what was said before, nothing new.
    """
    if not provider_id:
        return
    message = _message_of(provider_id, message_id)
    said = ProviderEvent(
        provider_id=provider_id, status=status, error_code=error_code, message=message
    )
    add_once([said], unique=("provider_id", "status", "error_code"))
    if message is None:
        return
    if message.provider_id is None:
        _adopt(message, provider_id, now)
    elif message.provider_id != provider_id:
        _ask_why_twice(message, now)
        return
    _follow(message, SAYS.get(status), error_code, now)


def _adopt(message: Message, provider_id: str, now: datetime) -> None:
    """Its answer was lost, and it left. Who read what had been taken back is called."""
    taken_back = message.status in (Status.CANCELLED, Status.MISSED)
    left = "The provider says that it left."
    move(message, Status.ACCEPTED, left, provider_id=provider_id, secret="")
    told = told_of(message.about_kind, message.about_id, now=now) if taken_back else None
    if told and policy.still_true(message.kind, told.subject, revision=message.revision):
        ask_to_correct(message, now=now)


def _follow(message: Message, said: str | None, error_code: str, now: datetime) -> None:
    why = "It did not get through." if said in LOST else ""
    if said is None or not move(message, said, why, error_code=error_code):
        return
    if said == Status.DELIVERED:
        _arrived(message, now)
    elif said in LOST:
        _make_up_for(message, now)
        if is_misconfigured(error_code):
            open_circuit(message.channel, error_code, later=True, now=now)


def _arrived(message: Message, now: datetime) -> None:
    """Perhaps after it was given up: then nobody needs it once more, nor a call."""
    if message.parent_id or {line["status"] for line in message.history}.intersection(NOT_TOLD):
        again = Message.objects.select_for_update().filter(parent=message, status=Status.PENDING)
        for child in again:
            move(child, Status.CANCELLED, "The first one arrived after all.", secret="")
        needs_no_call(message, now=now)
    got_through(message, later=True, now=now)


def _make_up_for(message: Message, now: datetime) -> None:
    """What did not get through is tried once more where that may help; else a human calls."""
    if message.error_code in policy.BAD_PHONE:
        flag_phone(message.to, message.error_code, now=now)
    passing = message.error_code in policy.PASSING and message.parent_id is None
    try:
        if message.error_code not in policy.BAD_PHONE and not passing:
            raise Refused("wrong_state", "Nothing better would come of it.")
        wait = policy.TRIED_AGAIN_AFTER if passing else timedelta(0)
        write_again(message, cause=message.cause, wanted_at=now + wait, now=now)
    except Refused:
        ask_to_call(message, now=now)


def _message_of(provider_id: str, message_id: str) -> Message | None:
    """By the id that came with the callback; another row that has the provider's id goes before."""
    rows = Message.objects.select_for_update()
    try:
        named = rows.filter(pk=UUID(message_id)).first()
    except ValueError:
        named = None
    if named and named.provider_id == provider_id:
        return named
    return rows.filter(provider_id=provider_id).first() or named


def _ask_why_twice(message: Message, now: datetime) -> None:
    raise_work_item(
        "sent_twice",
        message,
        detail="This text left twice: please have the provider's log looked at.",
        urgency=WorkItem.Urgency.SOON,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=message.patient_id,
    )
