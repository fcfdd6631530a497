"""The brake on automation: what one cause would do to many patients waits for a person."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from records.actor import Actor, sweep
from records.events import raise_work_item, record
from records.models import Brake, Event, WorkItem
from records.refused import Refused
from records.work import close, lock

KIND = "brake"
MOST = 10  # patients whom one cause may touch without anybody looking
NOT_YET = "Nothing of it happens yet."
ASKS = "Approve it, or put the cause right and close this."


@transaction.atomic
def weigh(cause: UUID, *, patients: int, would: str, now: datetime, done: int = 0) -> bool:
    """Whether what follows from a cause may go on; more than `MOST` patients wait for a person.

    ``would`` says what would happen, without names; ``done``: to how many of them it has happened
    by now. One that touched few is weighed again when it turns out to touch more; what a person
    decided stays.
    """
    row, _ = Brake.objects.get_or_create(cause=cause, defaults={"status": Brake.Status.RELEASED})
    if patients <= MOST or row.decided_by_id:
        return bool(row.status == Brake.Status.RELEASED)
    yet = f"It has happened to {done} of them, and to no more yet." if done else NOT_YET
    detail = f"One change would touch {patients} patients: {would}. {yet} {ASKS}"
    by_nobody = Brake.objects.filter(cause=cause, status=Brake.Status.RELEASED, decided_by=None)
    if by_nobody.update(status=Brake.Status.WAITING):
        by_physician = Event.objects.filter(cause=cause, role="physician").exists()
        raise_work_item(
            KIND,
            ("cause", cause),
            detail=detail,
            urgency=WorkItem.Urgency.NOW,
            for_role="physician" if by_physician else "staff",
            by=sweep(),
            now=now,
        )
    else:
        asked = WorkItem.objects.filter(kind=KIND, object_id=cause, status=WorkItem.Status.OPEN)
        asked.filter(detail__contains=would).update(detail=detail)
    return False


@transaction.atomic
def approve(*, item: WorkItem, by: Actor, now: datetime) -> WorkItem:
    """What waits may happen. Raises `Refused` ``wrong_state`` for what is not a brake, or over."""
    if lock(item).kind != KIND:
        raise Refused("wrong_state", "There is nothing to approve here.")
    return _decide(item, Brake.Status.RELEASED, "Approved.", by, now)


def withdraw(*, item: WorkItem, note: str, by: Actor, now: datetime) -> WorkItem:
    """What waits does not happen: its texts never leave, its changes are worked out anew."""
    return _decide(item, Brake.Status.WITHDRAWN, note, by, now)


def _decide(item: WorkItem, status: str, note: str, by: Actor, now: datetime) -> WorkItem:
    closed = close(item=item, note=note, by=by, now=now)
    rows = Brake.objects.filter(cause=item.object_id, status=Brake.Status.WAITING)
    rows.update(status=status, decided_by=by.user_id)
    record(f"brake.{status}", closed, by=by, now=now)
    return closed
