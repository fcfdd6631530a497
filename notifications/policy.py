"""Fact → messages: who is told what, when, and until when it makes sense. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# How long before the start a message has lost its sense; a cancellation only an hour after it.
NOT_AFTER = {
    "reminder_24h": timedelta(hours=3),
    "reminder_2h": timedelta(minutes=20),
    "confirmation": timedelta(0),
    "rescheduled": timedelta(0),
    "cancelled": timedelta(hours=-1),
}
APART = timedelta(minutes=30)  # a reminder this close to the first word would only repeat it
WITHDRAWN_BY = {
    "consultation.rescheduled": "The consultation was moved.",
    "consultation.cancelled": "The consultation was cancelled.",
    "consultation.arrived": "The consultation has begun.",
    "consultation.no_show": "The consultation is over.",
}
ANY_HOUR = ("sign_in_code", "urgent_alert")
FIRST_WORD = {
    "consultation.booked": "confirmation",
    "consultation.rescheduled": "rescheduled",
    "consultation.cancelled": "cancelled",
}
ALERTS = ("assessment.crisis", "assessment.flagged")
ALERT_KEEPS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A consultation as messages see it: instants in UTC, ``zone`` (IANA) of the patient."""

    status: str
    revision: int
    start: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be written; ``wanted_at`` and ``not_after`` in UTC."""

    kind: str
    wanted_at: datetime
    not_after: datetime


def about_meeting(
    fact: str, meeting: Meeting, *, revision: int, occurred_at: datetime
) -> Iterator[Planned]:
    """What a fact about a consultation makes us say; nothing, when it is not true any more."""
    stands = meeting.status == "booked"
    is_true = meeting.revision == revision and stands == (fact != "consultation.cancelled")
    if fact not in FIRST_WORD or not is_true:
        return
    first = _planned(FIRST_WORD[fact], occurred_at, meeting)
    if occurred_at >= first.not_after:
        return
    yield first
    if stands:
        for kind, wanted in (
            ("reminder_24h", wall_before(meeting.start, meeting.zone, timedelta(days=1))),
            ("reminder_2h", wall_before(meeting.start, meeting.zone, timedelta(hours=2))),
        ):
            if wanted > occurred_at:
                yield _planned(kind, wanted, meeting)


def alert(fact: str, *, occurred_at: datetime) -> Iterator[Planned]:
    """What a fact makes us say to physicians, at any hour."""
    if fact in ALERTS:
        yield Planned("urgent_alert", occurred_at, occurred_at + ALERT_KEEPS)


def still_true(kind: str, meeting: Meeting, *, revision: int) -> str:
    """Why a message about a consultation is not true any more; empty while it is."""
    if kind == "cancelled":
        return "" if meeting.status == "cancelled" else "The consultation stands again."
    if meeting.status != "booked":
        return "The consultation is not ahead any more."
    return "" if meeting.revision == revision else "The consultation was moved."


def wall_before(start: datetime, zone: str, earlier: timedelta) -> datetime:
    """The instant whose wall clock in ``zone`` shows ``earlier`` than at ``start``.

    "24 h before" is the same time on the day before, also when clocks change in between.
    """
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - earlier
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def helps_until(kind: str, not_after: datetime) -> datetime:
    """Until when a call helps in place of a message: the start of the meeting; else for a day.

    In place of a cancellation as long as the message itself.
    """
    return not_after + max(NOT_AFTER.get(kind, timedelta(days=1)), timedelta(0))


def _planned(kind: str, wanted: datetime, meeting: Meeting) -> Planned:
    return Planned(kind, wanted, meeting.start - NOT_AFTER[kind])
