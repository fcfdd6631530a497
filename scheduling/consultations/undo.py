"""A patient takes back that they cancelled: for some minutes, and once."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Role
from patients.actions import lock_patient
from records.actor import Actor
from records.refused import Refused
from scheduling.consultations.actions import book
from scheduling.consultations.models import Consultation, Status

UNDO_FOR = timedelta(minutes=10)


def can_book_again(row: Consultation, now: datetime) -> bool:
    """Whether its patient has just cancelled it, and has booked nothing since."""
    if row.status != Status.CANCELLED or row.cancelled_by != Role.PATIENT or not row.cancelled_at:
        return False
    if now >= min(row.cancelled_at + UNDO_FOR, row.start):
        return False
    since = Consultation.objects.filter(patient=row.patient_id, booked_at__gte=row.cancelled_at)
    return not since.exclude(pk=row.pk).exists()


@transaction.atomic
def book_again(*, consultation: Consultation, by: Actor, now: datetime) -> Consultation:
    """Book what its patient has just cancelled, as it was, if its time is free still.

    Raises `Refused` ``too_late`` when that is longer ago or something was booked since, and what
    `book` raises.
    """
    patient = lock_patient(consultation.patient_id)
    row = Consultation.objects.get(pk=consultation.pk)
    if not can_book_again(row, now):
        raise Refused("too_late", "That cannot be undone any more.")
    return book(
        patient=patient,
        physician=row.physician_id,
        start=row.start,
        kind=row.kind,
        location={
            "state": row.location_state,
            "line1": row.location_line1,
            "city": row.location_city,
        },
        by=by,
        now=now,
        back=True,
    )
