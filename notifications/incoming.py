"""What the provider and people tell us, written down and acted on once."""

from datetime import datetime
from uuid import UUID

from notifications import replies
from notifications.models import InboundMessage, Message, OptOut, ProviderEvent, Status
from notifications.moving import lock_phone, move, suppress_texts
from patients.models import Patient
from records.actor import sweep
from records.events import raise_work_item
from records.models import WorkItem

# Twilio's word → ours. What is not here changes nothing.
SAYS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
IN_DOUBT = (Status.SENDING, Status.UNKNOWN)


def hear_status(
    *, provider_id: str, status: str, error_code: str, message_id: str, now: datetime
) -> None:
    """Keep what the provider said, and follow it forwards only.

    A text whose answer was lost (``message_id`` came with the callback) is known by it again.
    """
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
        if message.status not in IN_DOUBT:
            return
        move(message, Status.ACCEPTED, "its callback came", provider_id=provider_id, secret="")
    said = SAYS.get(status)
    if said and move(message, said, error_code and f"code {error_code}", error_code=error_code):
        _follow_up(message, now)


def _message_of(provider_id: str, message_id: str) -> Message | None:
    rows = Message.objects.select_for_update()
    found = rows.filter(provider_id=provider_id).first()
    if found:
        return found
    try:
        return rows.filter(pk=UUID(message_id), provider_id__isnull=True).first()
    except ValueError:
        return None


def _follow_up(message: Message, now: datetime) -> None:
    if message.status in (Status.UNDELIVERED, Status.FAILED):
        raise_work_item(
            "call_patient",
            message,
            detail="A text did not get through: please call.",
            urgency=WorkItem.Urgency.TODAY,
            for_role="staff",
            by=sweep(),
            now=now,
            patient_id=message.patient_id,
        )


def hear_text(
    *, provider_id: str, sender: str, body: str, opt_out_type: str, now: datetime
) -> None:
    """Keep a text that came in, once, and do what it means."""
    meaning = opt_out_type.lower() or replies.meaning(body)
    text, is_new = InboundMessage.objects.get_or_create(
        provider_id=provider_id,
        defaults={"sender": sender, "body": body, "meaning": meaning, "received_at": now},
    )
    if not is_new:
        return
    if meaning == "stop":
        opt_out(phone=sender, source="reply", now=now)
    elif meaning == "start":
        OptOut.objects.filter(phone=sender, ended_at__isnull=True).update(ended_at=now)
    elif meaning == "other":
        _ask_to_read(text, now)


def opt_out(*, phone: str, source: str, now: datetime) -> None:
    """No more texts to this number, at once: after this is committed, none is handed over."""
    lock_phone(phone)
    OptOut.objects.get_or_create(phone=phone, ended_at=None, defaults={"source": source, "at": now})
    suppress_texts(phone, why="they wrote stop")


def _ask_to_read(text: InboundMessage, now: datetime) -> None:
    patients = Patient.objects.filter(phone=text.sender).values_list("pk", flat=True)[:2]
    raise_work_item(
        "read_reply",
        text,
        detail="Somebody answered a text: please read it.",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=patients[0] if len(patients) == 1 else None,
    )
