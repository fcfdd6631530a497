"""What the provider and people tell us, written down and acted on once."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from notifications import policy, replies
from notifications.again import write_again
from notifications.answers import answers_question, last_told
from notifications.circuit import got_through, open_circuit
from notifications.models import (
    BadPhone,
    InboundMessage,
    Message,
    OptOut,
    ProviderEvent,
    Status,
)
from notifications.moving import move
from notifications.reach import TAKEN_BACK, ask_to_call, flag_phone, lock_phone, point_all
from notifications.subjects import told_of
from notifications.twilio import is_misconfigured
from notifications.writing import queue_answer
from patients.models import Patient
from records.actor import sweep
from records.events import raise_work_item, record
from records.ids import uuid7
from records.models import WorkItem
from records.refused import Refused

# Twilio's word → ours. What is not here changes nothing.
SAYS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}


def hear_status(
    *, provider_id: str, status: str, error_code: str, message_id: str, now: datetime
) -> None:
    """Keep what the provider said, and follow it forwards only.

    ``message_id`` came with the callback: by it we know a text whose answer was lost, also when
    it was given up since. What names no text says nothing.
    """
    if not provider_id:
        return
    message = _message_of(provider_id, message_id)
    ProviderEvent.objects.bulk_create(
        [
            ProviderEvent(
                provider_id=provider_id, status=status, error_code=error_code, message=message
            )
        ],
        ignore_conflicts=True,
    )
    if message is None:
        return
    if message.provider_id is None:
        _adopt(message, provider_id, now)
    elif message.provider_id != provider_id:
        _ask_why_twice(message, now)
        return
    said = SAYS.get(status)
    lost = said in (Status.UNDELIVERED, Status.FAILED)
    why = "It did not get through." if lost else ""
    if said and move(message, said, why, error_code=error_code) and lost:
        _make_up_for(message, now)
    if lost and is_misconfigured(error_code):
        open_circuit(message.channel, error_code, later=True, now=now)
    elif said and not lost:
        got_through(message, later=True, now=now)


def _adopt(message: Message, provider_id: str, now: datetime) -> None:
    """Its answer was lost, and it left. Who read what had been taken back is called."""
    taken_back = message.status in (Status.CANCELLED, Status.MISSED)
    left = "The provider says that it left."
    move(message, Status.ACCEPTED, left, provider_id=provider_id, secret="")
    told = told_of(message.about_kind, message.about_id, now=now) if taken_back else None
    if told and policy.still_true(message.kind, told.subject, revision=message.revision):
        ask_to_call(message, now=now, because=TAKEN_BACK)


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
    rows = Message.objects.select_for_update()
    found = rows.filter(provider_id=provider_id).first()
    if found:
        return found
    try:
        return rows.filter(pk=UUID(message_id)).first()
    except ValueError:
        return None


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


def hear_text(
    *, provider_id: str, sender: str, body: str, opt_out_type: str, now: datetime
) -> None:
    """Keep a text that came in, once, and do what it means: as Twilio understood it, or as we do.

    One without an id is a text of its own.
    """
    told = opt_out_type.lower()
    meant, to_read = (told, False) if told in replies.TOLD else replies.meaning(body)
    is_crisis = replies.calls_for_help(body)
    text, is_new = InboundMessage.objects.get_or_create(
        provider_id=provider_id or str(uuid7()),
        defaults={
            "sender": sender,
            "body": body,
            "meaning": "crisis" if is_crisis else meant,
            "patient_id": _only_patient(sender),
            "received_at": now,
        },
    )
    if not is_new:
        return
    BadPhone.objects.filter(phone=sender).delete()  # it texts, so it can be texted
    if is_crisis:
        _call_for_help(text, now)
    if meant == "stop":
        opt_out(phone=sender, source="reply", now=now)
    elif meant == "start":
        OptOut.objects.filter(phone=sender, ended_at__isnull=True).update(ended_at=now)
    if to_read and not is_crisis and not answers_question(text, now=now):
        _ask_to_read(text, now)


def _call_for_help(text: InboundMessage, now: datetime) -> None:
    """Somebody may be in danger: answered at once, and physicians are paged until one is on it."""
    by = sweep()
    raise_work_item(
        "call_for_help",
        text,
        detail="Call this person now: read what they texted in the inbox.",
        urgency=WorkItem.Urgency.NOW,
        for_role="physician",
        by=by,
        now=now,
        patient_id=text.patient_id,
    )
    record("text.crisis", text, by=by, now=now, patient_id=text.patient_id)
    queue_answer("help_now", text, about=("inboundmessage", text.pk), now=now)


def opt_out(*, phone: str, source: str, now: datetime) -> None:
    """No more texts to this number: once this is committed, none is checked and found good.

    One that was being handed over at that very moment may still arrive.
    """
    lock_phone(phone)
    OptOut.objects.get_or_create(phone=phone, ended_at=None, defaults={"source": source, "at": now})
    point_all(phone)


def _ask_to_read(text: InboundMessage, now: datetime) -> None:
    """A human reads it, and knows what this number was told last."""
    last = last_told(text.sender, ~Q(kind__in=policy.ANY_HOUR))
    context = f" It came after: {policy.OF_KIND[last.kind].subject}." if last else ""
    raise_work_item(
        "read_reply",
        text,
        detail=f"Somebody answered a text: please read it.{context}",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=text.patient_id,
    )


def _only_patient(phone: str) -> UUID | None:
    """The patient with this number; None where several share it, or nobody has it."""
    patients = Patient.objects.filter(phone=phone).values_list("pk", flat=True)[:2]
    return patients[0] if len(patients) == 1 else None
