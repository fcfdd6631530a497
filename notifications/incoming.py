"""Texts that come in, written down and acted on once."""

import logging
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from notifications import policy, replies
from notifications.answers import answers_question, last_told
from notifications.models import BadPhone, InboundMessage, OptOut
from notifications.reach import lock_phone, point_all
from notifications.writing import queue_answer
from patients.models import Patient
from records.actor import sweep
from records.events import raise_work_item, record
from records.ids import uuid7
from records.models import WorkItem
from records.outage import ENDS_A_SWEEP

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
AT_ONCE = 20
BY_PHONE = ("reply", "provider")  # sources of an opt-out that START takes back
WRONG_NUMBER = "wrong_number"
CALL_NOW = "Call this person now: read what they texted in the inbox."


def hear_text(
    *, provider_id: str, sender: str, body: str, opt_out_type: str, now: datetime
) -> None:
    """Keep a text that came in, once, and do what it means: as Twilio understood it, or as we do.

    One without an id is a text of its own. Kept in one transaction and acted on in the next, so the
    caller opens none: whatever goes wrong with what it asks for, it is kept, and staff read it.
    """
    text, _ = InboundMessage.objects.get_or_create(
        provider_id=provider_id or str(uuid7()),
        defaults={
            "sender": sender,
            "body": body,
            "understood": opt_out_type.lower()[:10],
            "patient_id": _only_patient(sender),
            "received_at": now,
        },
    )
    _act_or_leave(text, now)


def act_on_kept(*, now: datetime) -> int:
    """Act on texts that were kept by a process which died before it acted; returns how many."""
    kept = InboundMessage.objects.filter(meaning="", received_at__lte=now - MINUTE)
    texts = list(kept.order_by("received_at")[:AT_ONCE])
    for text in texts:
        _act_or_leave(text, now)
    return len(texts)


def _act_or_leave(text: InboundMessage, now: datetime) -> None:
    """Where nothing can be done at all, it stays one that nobody has acted on."""
    is_understood = text.understood in replies.TOLD
    meant, to_read = (text.understood, False) if is_understood else replies.meaning(text.body)
    act_on = partial(_act_on, text, meant, to_read=to_read, now=now)
    for do in (act_on, partial(_leave_to_staff, text, meant, now)):
        try:
            return do()
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("text_not_acted_on", extra={"message_id": str(text.pk)})
    return None


@transaction.atomic
def _act_on(text: InboundMessage, meant: str, *, to_read: bool, now: datetime) -> None:
    """Once: a text without a meaning is one that nobody has acted on."""
    if not _is_new(text):
        return
    BadPhone.objects.filter(phone=text.sender).delete()  # it texts, so it can be texted
    is_crisis = _heed(text, meant, now)
    if is_crisis:
        queue_answer("help_now", text, about=("inboundmessage", text.pk), now=now)
    if meant == "stop":
        point_all(text.sender)
    elif meant == "start":
        to_read = not _take_back(text.sender, now)
    if to_read and not is_crisis and not answers_question(text, now=now):
        _ask_to_read(text, now)


@transaction.atomic
def _leave_to_staff(text: InboundMessage, meant: str, now: datetime) -> None:
    """What it asks for failed: only what may not wait for a human is done."""
    if _is_new(text):
        _heed(text, meant, now)
        _ask_to_read(text, now)


def _is_new(text: InboundMessage) -> bool:
    """Whether nobody has acted on it; locked, since it may come twice at once."""
    rows = InboundMessage.objects.select_for_update(no_key=True)
    return not rows.get(pk=text.pk).meaning


def _heed(text: InboundMessage, meant: str, now: datetime) -> bool:
    """STOP, and a call for help: physicians are paged until one is on it. Whether it is one."""
    is_crisis = replies.calls_for_help(text.body)
    text.meaning = "crisis" if is_crisis else meant
    text.save(update_fields=["meaning"])
    if is_crisis:
        _call_for_help(text, now)
    if meant == "stop":
        source = WRONG_NUMBER if replies.is_wrong_number(text.body) else "reply"
        _refuse_texts(text.sender, source, now)
    return is_crisis


def _call_for_help(text: InboundMessage, now: datetime) -> None:
    """Physicians are asked and paged; while they are for this number, it is one thing to do."""
    lock_phone(text.sender)
    item = _being_paged(text.sender, now)
    if item:
        texts = InboundMessage.objects.filter(sender=text.sender, meaning="crisis")
        first = InboundMessage.objects.get(pk=item.object_id)
        count = texts.filter(received_at__gte=first.received_at).count()
        item.detail = f"{CALL_NOW} They have texted {count} times."
        item.save(update_fields=["detail"])
        return
    by = sweep()
    raise_work_item(
        "call_for_help",
        text,
        detail=CALL_NOW,
        urgency=WorkItem.Urgency.NOW,
        for_role="physician",
        by=by,
        now=now,
        patient_id=text.patient_id,
    )
    record("text.crisis", text, by=by, now=now, patient_id=text.patient_id)


def _being_paged(sender: str, now: datetime) -> WorkItem | None:
    """What nobody has opened yet of this number, and is not past its last page; locked."""
    last = timedelta(minutes=policy.PAGED_AGAIN_AT[-1])
    open_ones = WorkItem.objects.filter(
        kind="call_for_help",
        status=WorkItem.Status.OPEN,
        claimed_by=None,
        raised_at__gt=now - last,
    )
    theirs = InboundMessage.objects.filter(sender=sender, pk__in=open_ones.values("object_id"))
    mine = open_ones.filter(object_id__in=theirs.values("pk"))
    return mine.select_for_update(no_key=True).order_by("pk").first()


def opt_out(*, phone: str, source: str, now: datetime) -> None:
    """No more texts to this number: once this is committed, none is checked and found good.

    One that was being handed over at that very moment may still arrive.
    """
    _refuse_texts(phone, source, now)
    point_all(phone)


def _refuse_texts(phone: str, source: str, now: datetime) -> None:
    """What the phone itself said gives way to what somebody told otherwise, not the reverse."""
    lock_phone(phone)
    said = {"source": source, "at": now}
    row, is_new = OptOut.objects.get_or_create(phone=phone, ended_at=None, defaults=said)
    if not is_new and row.source in BY_PHONE and source not in BY_PHONE:
        OptOut.objects.filter(pk=row.pk).update(**said)


def _take_back(phone: str, now: datetime) -> bool:
    """START ends what the phone itself said; anything else, only staff do."""
    lock_phone(phone)
    refused = OptOut.objects.filter(phone=phone, ended_at=None)
    refused.filter(source__in=BY_PHONE).update(ended_at=now)
    return not refused.exists()


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
