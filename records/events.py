"""Writing down what happened, who looked, and what a human must do."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Now

from records import hints
from records.actor import Actor
from records.asking import asked
from records.ids import uuid7
from records.models import AccessLog, Correction, Event, Outbox, WorkItem

# How long a work item may wait, by urgency.
WAIT = {
    WorkItem.Urgency.NOW: timedelta(0),
    WorkItem.Urgency.TODAY: timedelta(hours=4),
    WorkItem.Urgency.SOON: timedelta(days=1),
}


def record(
    kind: str,
    about: models.Model,
    *,
    by: Actor,
    now: datetime,
    patient_id: UUID | None = None,
    **payload: Any,
) -> Event:
    """Write down a fact, and that notifications must look at it, in the caller's transaction.

    ``payload`` takes ids, codes and instants that the row can no longer tell (the old start of
    what was rescheduled), never what a person said.
    """
    event = Event.objects.create(
        kind=kind,
        occurred_at=now,
        actor_id=by.user_id,
        role=by.role,
        channel=by.channel,
        cause=by.cause,
        object_kind=kind_of(about),
        object_id=about.pk,
        patient_id=patient_id,
        payload=payload,
    )
    Outbox.objects.create(event=event)
    hints.wake("notifications.write_messages")
    return event


OLDEST = """
    SELECT coalesce(min(xact_start), clock_timestamp()) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


def settled_before() -> UUID:
    """An id below which no event appears any more: that of the oldest transaction still open.

    Who asks for what comes after an id would else miss an event that was committed late. Ids are
    of the web server's clock and transactions of the database's: the two must agree (NTP).
    """
    with connection.cursor() as cursor:
        cursor.execute(OLDEST)
        (oldest,) = cursor.fetchone()
    return UUID(int=int(oldest.timestamp() * 1000) << 80)


def raise_work_item(
    kind: str,
    about: models.Model | tuple[str, UUID],
    *,
    detail: str,
    urgency: WorkItem.Urgency,
    for_role: str,
    by: Actor,
    now: datetime,
    patient_id: UUID | None = None,
    due_at: datetime | None = None,
) -> bool:
    """Ask a human for something, once: while one of this kind is open, nothing is added.

    ``about`` is a row, or the kind and id of one. ``detail`` says what to do, without names and
    without anything about health. ``due_at`` is by urgency, where no law says when. Returns whether
    it is new.
    """
    object_kind, object_id = about if isinstance(about, tuple) else (kind_of(about), about.pk)
    _, is_new = WorkItem.objects.get_or_create(
        kind=kind,
        object_id=object_id,
        status=WorkItem.Status.OPEN,
        defaults={
            "detail": detail,
            "urgency": urgency,
            "for_role": for_role,
            "patient_id": patient_id,
            "object_kind": object_kind,
            "cause": by.cause,
            "raised_at": now,
            "due_at": due_at or now + WAIT[urgency],
        },
    )
    return is_new


def keep_correction(
    about: models.Model, *, was: str, reason: str, by: Actor, now: datetime
) -> None:
    """Keep why a row was put back from the state ``was``; the event cannot hold the words."""
    Correction.objects.create(
        object_kind=kind_of(about),
        object_id=about.pk,
        was=was,
        reason=reason,
        corrected_by_id=by.person,
        corrected_at=now,
    )


def log_access(
    *,
    user_id: UUID,
    role: str,
    kind: str,
    object_ids: Iterable[UUID],
    patient_ids: Iterable[UUID],
    reason: UUID | None = None,
    denied: bool = False,
) -> None:
    """Write down that somebody looked at other people's data, or wished to."""
    request = asked()
    AccessLog.objects.create(
        user_id=user_id,
        role=role,
        object_kind=kind,
        object_ids=[str(i) for i in object_ids],
        patient_ids=sorted({str(i) for i in patient_ids}),
        address=request.address,
        request_id=request.id,
        door=request.door,
        reason=reason,
        denied=denied,
    )


def log_access_again(user_id: UUID, request_id: str) -> None:
    """What ``user_id`` was shown in answer to a request is shown to them once more."""
    request = asked()
    for row in AccessLog.objects.filter(user=user_id, request_id=request_id, door=request.door):
        row.pk, row.at = uuid7(), Now()
        row.address, row.request_id = request.address, request.id
        row.save(force_insert=True)


def kind_of(about: models.Model) -> str:
    """The word for a row in events, work items and messages: its model's name in lower case."""
    return about._meta.model_name or ""
