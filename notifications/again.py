"""A message once more: a new row that names its parent, for what is still true and has a way."""

from datetime import datetime
from uuid import UUID

from notifications import policy, quiet_hours
from notifications.models import Message, Status
from notifications.moving import entry
from notifications.reach import hours_of, way_of
from notifications.subjects import told_of
from records.refused import Refused

# By hand also what arrived, since somebody may have deleted it.
OVER = (
    Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.SUPPRESSED, Status.CANCELLED,
    Status.MISSED, Status.SENT,
)  # fmt: skip


def write_again(parent: Message, *, cause: UUID, wanted_at: datetime, now: datetime) -> Message:
    """Write a locked message once more, in the caller's transaction.

    An offer names the times that are free when it leaves.

    Raises `Refused` ``wrong_state`` for what is not over, was repeated, is not true any more or has
    no way to its reader, and ``too_late``.
    """
    saying = policy.OF_KIND[parent.kind]
    if parent.status not in OVER or not saying.states:
        raise Refused("wrong_state", "This message cannot be sent again.")
    if Message.objects.filter(parent=parent).exists():
        raise Refused("wrong_state", "This message was sent again already: look at that one.")
    told = told_of(parent.about_kind, parent.about_id, now=now)
    assert told  # noqa: S101  what is true in some states is about something
    untrue = policy.still_true(parent.kind, told.subject, revision=parent.revision)
    if untrue:
        raise Refused("wrong_state", f"This is not true any more. {untrue}")
    way = way_of(parent)
    if way is None:
        raise Refused("wrong_state", "There is no way to reach this person: please call.")
    hours = hours_of(told.patient, saying.reader)
    leaves = quiet_hours.leaves_at(wanted_at, hours=hours, now=now, not_after=parent.not_after)
    if leaves is None:
        raise Refused("too_late", "It is too late for this message: please call.")
    return Message.objects.create(
        key=f"again:{parent.pk}",
        parent=parent,
        cause=cause,
        channel=way[0],
        to=way[1],
        wanted_at=wanted_at,
        due_at=leaves,
        history=[entry(Status.PENDING, "It is sent again.")],
        **{field: getattr(parent, field) for field in SAME},
    )


SAME = (
    "kind", "patient_id", "user_id", "support_person_id", "about_kind", "about_id", "revision",
    "not_after", "priority",
)  # fmt: skip
