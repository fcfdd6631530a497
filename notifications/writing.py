"""Facts become messages: each event of the outbox once, in one transaction with its messages."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import User
from notifications import policy, quiet_hours
from notifications.models import Channel, Message, OptOut, Status
from notifications.moving import entry, withdraw
from patients.models import Consent, Patient
from records import hints
from records.actor import Actor, sweep
from records.events import raise_work_item
from records.models import Event, Outbox, WorkItem
from scheduling.models import Consultation, Physician

BATCH = 100
CODE_LASTS = timedelta(minutes=10)


def write_messages(*, now: datetime) -> int:
    """Look at every event that waits; returns how many. Two sweeps share the work."""
    seen = 0
    while done := _write_one(now):
        seen += done
        if seen >= BATCH:
            hints.wake("notifications.write_messages")
            break
    return seen


@transaction.atomic
def _write_one(now: datetime) -> int:
    waiting = Outbox.objects.select_for_update(skip_locked=True, of=("self",))
    entry = waiting.select_related("event").order_by("event_id").first()
    if entry is None:
        return 0
    event = entry.event
    if event.object_kind == "consultation":
        _about_consultation(event, now)
    elif event.kind == "address.changed":
        _follow_zone(event, now)
    for plan in policy.alert(event.kind, now=now):
        _alert_physicians(event, plan)
    entry.delete()
    return 1


def _about_consultation(event: Event, now: datetime) -> None:
    rows = Consultation.objects.select_related("patient__address")
    consultation = rows.get(pk=event.object_id)
    if event.kind in policy.WITHDRAWN_BY:
        withdraw(consultation.pk, why=event.kind, before_revision=_last_withdrawn(consultation))
    meeting = meeting_of(consultation)
    plans = policy.about_meeting(event.kind, meeting, revision=event.payload["revision"], now=now)
    for plan in plans:
        _write_for_patient(plan, consultation, event, now)


def _last_withdrawn(consultation: Consultation) -> int:
    """Messages of earlier revisions go, and of this one too when it does not stand any more."""
    return consultation.revision + (consultation.status != "booked")


def meeting_of(consultation: Consultation) -> policy.Meeting:
    """A consultation as the policy sees it."""
    return policy.Meeting(
        status=consultation.status,
        revision=consultation.revision,
        start=consultation.start,
        zone=consultation.patient.time_zone,
    )


def _write_for_patient(
    plan: policy.Planned, consultation: Consultation, event: Event, now: datetime
) -> None:
    patient = consultation.patient
    channel = policy.channel_of(
        phone=str(patient.phone), email=patient.email, texts_allowed=may_text(patient)
    )
    leaves = quiet_hours.leaves_at(
        plan.wanted_at, zone=patient.time_zone, now=now, not_after=plan.not_after
    )
    message = Message(
        key=f"{plan.kind}:{consultation.pk}:r{consultation.revision}",
        kind=plan.kind,
        channel=channel or Channel.SMS,
        patient=patient,
        user_id=patient.user_id,
        to=address_of(patient, channel or Channel.SMS),
        about_kind="consultation",
        about_id=consultation.pk,
        revision=consultation.revision,
        cause=event.cause,
        wanted_at=plan.wanted_at,
        due_at=leaves or plan.wanted_at,
        not_after=plan.not_after,
    )
    if channel is None:
        message.status, message.why = Status.SUPPRESSED, "no way to reach this person"
        _ask_to_call(patient, consultation, now)
    elif leaves is None:
        message.status, message.why = Status.MISSED, "no hour was left outside the quiet hours"
    _add([message])


def _ask_to_call(patient: Patient, consultation: Consultation, now: datetime) -> None:
    raise_work_item(
        "call_patient",
        consultation,
        detail="This patient gets no texts and has no e-mail address: please call.",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=patient.pk,
    )


def _alert_physicians(event: Event, plan: policy.Planned) -> None:
    physicians = Physician.objects.filter(is_active=True).select_related("user")
    _add(_alert(event, plan, physician.user) for physician in physicians)


def _alert(event: Event, plan: policy.Planned, user: User) -> Message:
    channel = Channel.SMS if user.phone else Channel.MAIL
    return Message(
        key=f"{plan.kind}:{event.kind}:{event.object_id}:{user.pk}",
        kind=plan.kind,
        channel=channel,
        user=user,
        to=str(user.phone) or user.email,
        about_kind=event.object_kind,
        about_id=event.object_id,
        cause=event.cause,
        wanted_at=plan.wanted_at,
        due_at=plan.wanted_at,
        not_after=plan.not_after,
    )


def _follow_zone(event: Event, now: datetime) -> None:
    """Somebody moved: what is pending leaves in the hours of the new zone."""
    patient = Patient.objects.select_related("address").get(pk=event.object_id)
    pending = Message.objects.select_for_update().filter(patient=patient, status=Status.PENDING)
    for message in pending.order_by("pk"):
        leaves = quiet_hours.leaves_at(
            message.wanted_at, zone=patient.time_zone, now=now, not_after=message.not_after
        )
        if leaves and leaves != message.due_at and message.kind not in policy.ANY_HOUR:
            message.due_at = leaves
            message.save(update_fields=["due_at"])


def queue_code(*, user: User, channel: str, to: str, code: str, now: datetime) -> None:
    """A code that somebody has just asked for: at any hour, gone from the row once it is sent."""
    message = Message(
        kind="sign_in_code",
        channel=channel,
        user=user,
        to=to,
        about_kind="user",
        about_id=user.pk,
        cause=Actor(role=user.role, user_id=user.pk).cause,
        wanted_at=now,
        due_at=now,
        not_after=now + CODE_LASTS,
        secret=code,
    )
    message.key = f"sign_in_code:{message.pk}"
    with transaction.atomic():
        _add([message])


def _add(messages: Iterable[Message]) -> None:
    """Write messages down; one that is there already, by its key, stays as it is."""
    rows = list(messages)
    for row in rows:
        row.history = [entry(row.status, row.why)]
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    hints.wake("notifications.send_due")


def may_text(patient: Patient) -> bool:
    """Whether the latest word of this patient about texts to this number is yes."""
    phone = str(patient.phone)
    if not phone or has_opted_out(phone):
        return False
    latest = Consent.objects.filter(patient=patient, kind=Consent.Kind.SMS).order_by("-pk").first()
    return latest is not None and latest.accepted and str(latest.phone) == phone


def has_opted_out(phone: str) -> bool:
    """Whether this number wants no texts."""
    return OptOut.objects.filter(phone=phone, ended_at__isnull=True).exists()


def address_of(patient: Patient, channel: str) -> str:
    """Where a channel reaches a patient."""
    return str(patient.phone) if channel == Channel.SMS else patient.email
