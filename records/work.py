"""What humans do with work items: claim them, close them."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from records.actor import Actor
from records.events import record
from records.models import WorkItem
from records.refused import Refused


@transaction.atomic
def claim(*, item: WorkItem, by: Actor, now: datetime) -> WorkItem:
    """Somebody does it; raises `Refused` ``wrong_state`` when somebody else does, or it is done."""
    locked = lock(item)
    if locked.claimed_by_id not in (None, by.user_id):
        raise Refused("wrong_state", "Somebody else is on it already.")
    locked.claimed_by_id = by.user_id
    locked.save(update_fields=["claimed_by"])
    record("work_item.claimed", locked, by=by, now=now, patient_id=locked.patient_id)
    return locked


@transaction.atomic
def close(*, item: WorkItem, note: str, by: Actor, now: datetime) -> WorkItem:
    """It is done; the note says how."""
    return _close(lock(item), note, by, now)


@transaction.atomic
def settle(kind: str, about: UUID, *, note: str, by: Actor, now: datetime) -> bool:
    """Close the open item of a kind about something: the matter has settled itself.

    Returns whether there was one.
    """
    rows = WorkItem.objects.select_for_update(no_key=True)
    item = rows.filter(kind=kind, object_id=about, status=WorkItem.Status.OPEN).first()
    if item:
        _close(item, note, by, now)
    return item is not None


def _close(locked: WorkItem, note: str, by: Actor, now: datetime) -> WorkItem:
    locked.status, locked.note = WorkItem.Status.CLOSED, note
    locked.closed_by_id, locked.closed_at = by.user_id, now
    locked.save(update_fields=["status", "note", "closed_by", "closed_at"])
    record("work_item.closed", locked, by=by, now=now, patient_id=locked.patient_id)
    return locked


def lock(item: WorkItem) -> WorkItem:
    """The row, locked; raises `Refused` ``wrong_state`` when it is closed."""
    locked = WorkItem.objects.select_for_update(no_key=True).get(pk=item.pk)
    if locked.status != WorkItem.Status.OPEN:
        raise Refused("wrong_state", "This has been done already.")
    return locked
