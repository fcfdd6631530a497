"""What keeps a whole channel back: a provider that takes nothing, and a pause that staff made."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from notifications.models import Circuit, Message, Pause, Status
from records import hints
from records.actor import Actor, sweep
from records.events import raise_work_item, record
from records.models import WorkItem
from records.work import settle

PROVIDER = UUID(int=0)  # what a work item about the provider itself is about


def open_circuit(channel: str, code: str, *, later: bool, now: datetime) -> None:
    """Nobody gets care texts until a probe gets through; a human is told.

    ``later``: the provider takes texts, and says of them afterwards that they cannot leave.
    """
    Circuit.objects.get_or_create(
        channel=channel,
        defaults={
            "code": code,
            "later": later,
            "probe_after": Now() + timedelta(seconds=settings.SEND_PROBE),
        },
    )
    raise_work_item(
        "texts_do_not_leave",
        ("provider", PROVIDER),
        detail=f"The provider takes none of our messages ({code}): check its settings.",
        urgency=WorkItem.Urgency.NOW,
        for_role="staff",
        by=sweep(),
        now=now,
    )


def got_through(message: Message, *, later: bool, now: datetime) -> None:
    """A message was taken, or ``later`` has arrived: its channel's circuit closes, if it may.

    Where texts are taken and fail afterwards, only one tells that was handed over since.
    """
    circuits = Circuit.objects.filter(channel=message.channel, later=later)
    if later:
        circuits = circuits.filter(opened_at__lt=_handed_over_at(message))
    closed, _ = circuits.delete()
    if closed and not Circuit.objects.exists():
        note = "Messages leave again."
        settle("texts_do_not_leave", PROVIDER, note=note, by=sweep(), now=now)
        hints.wake("notifications.send_due")


def _handed_over_at(message: Message) -> datetime:
    """When it was last handed over, in real time."""
    lines = (line["at"] for line in message.history if line["status"] == Status.SENDING)
    return datetime.fromisoformat(max(lines, default=message.history[0]["at"]))


@transaction.atomic
def pause(*, by: Actor, now: datetime) -> Pause:
    """Nothing of care leaves any more, neither texts nor mails; once more changes nothing."""
    row, is_new = Pause.objects.get_or_create(
        ended_at=None, defaults={"at": now, "by_id": by.person}
    )
    if is_new:
        record("messages.paused", row, by=by, now=now)
        _ask_to_resume(row, by, now)
    return row


def go_on_asking(pause_id: UUID, *, now: datetime) -> None:
    """Whoever closes the work item of a pause has not ended it."""
    row = Pause.objects.filter(pk=pause_id, ended_at=None).first()
    if row:
        _ask_to_resume(row, sweep(), now)


def _ask_to_resume(row: Pause, by: Actor, now: datetime) -> None:
    raise_work_item(
        "texts_paused",
        ("pause", row.pk),
        detail="No text of care leaves until somebody resumes them.",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=by,
        now=now,
    )


@transaction.atomic
def resume(*, by: Actor, now: datetime) -> None:
    """What is still true and in time leaves."""
    row = Pause.objects.select_for_update().filter(ended_at=None).first()
    if row:
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        record("messages.resumed", row, by=by, now=now)
        settle("texts_paused", row.pk, note="Texts leave again.", by=by, now=now)
        hints.wake("notifications.send_due")
