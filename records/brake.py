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


def weigh(cause: UUID, *, patients: int, would: str, now: datetime) -> bool:
    """Whether what follows from a cause may go on; more than `MOST` patients wait for a person.

    ``would`` says what would happen, without names. It is asked once for each cause.
    """
    few = patients <= MOST
    status = Brake.Status.RELEASED if few else Brake.Status.WAITING
    row, is_new = Brake.objects.get_or_create(cause=cause, defaults={"status": status})
    if is_new and not few:
        by_physician = Event.objects.filter(cause=cause, role="physician").exists()
        raise_work_item(
            KIND,
            ("cause", cause),
            detail=f"One change would touch {patients} patients: {would}. Nothing of it happens "
            "yet. Approve it, or put the cause right and close this.",
            urgency=WorkItem.Urgency.NOW,
            for_role="physician" if by_physician else "staff",
            by=sweep(),
            now=now,
        )
    return bool(row.status == Brake.Status.RELEASED)


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
