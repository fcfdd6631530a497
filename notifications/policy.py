"""Fact → messages: who is told what, when, and until when it makes sense; one table. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.intervals import wall_before

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APART = timedelta(minutes=30)  # a reminder this close to the first word would only repeat it
ANY_HOUR = ("sign_in_code", "urgent_alert", "help_now", "change_link")
# What these ask may be answered by a text: C confirms, R asks for a link.
ANSWERABLE = ("confirmation", "rescheduled", "reminder_24h", "reminder_2h")
ALERTS = ("assessment.crisis", "assessment.flagged", "session.alarm", "text.crisis")
BY_ONE_WAY = ("assessment.flagged",)  # for today; the others are paged by text and by mail
ALERT_KEEPS = 3 * DAY
# Minutes since a work item of `NOW` was raised for physicians, at which they are paged again, with
# the back-up, while nobody has opened it.
PAGED_AGAIN_AT = (5, 15)
# What the provider says about a number that will never take a text: no mobile, or nobody's.
BAD_PHONE = ("21211", "21217", "21614", "30005", "30006")
# What may be better a little later: the handset was off, the reason is unknown, the queue was full.
# Tried once more; what the carrier filtered (30007) never.
PASSING = ("30001", "30003", "30008", "30500")
TRIED_AGAIN_AFTER = timedelta(minutes=30)
PATIENT, SUPPORT_PERSON = "patient", "support_person"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about: a consultation, a delivery, a session, a month, a support person.

    ``start`` and ``end`` (UTC) are those of the meeting, of the window, or of the time to pay or
    to agree; ``zone`` (IANA) is the patient's.
    """

    status: str
    revision: int
    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be written; ``wanted_at`` and ``not_after`` in UTC."""

    kind: str
    wanted_at: datetime
    not_after: datetime
    reader: str = PATIENT
    reminds: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """A kind of message: which facts call for it, in which states it is true, when and how long.

    It is wanted ``ahead`` of the start by the wall clock, or in the ``morning`` after the fact at
    10:00, else at once. It has lost its sense ``gone`` before the start, or when it is ``old``
    since the fact, else at the end. One that ``outlives`` is true in its states whatever changed
    since; others are of the revision that they were written for.
    """

    kind: str
    facts: tuple[str, ...]
    states: tuple[str, ...]
    gone: timedelta | None = None
    old: timedelta | None = None
    ahead: timedelta | None = None
    morning: bool = False
    outlives: bool = False
    reader: str = PATIENT

    def wanted(self, subject: Subject, occurred_at: datetime) -> datetime:
        if self.ahead is not None:
            return wall_before(subject.start, subject.zone, self.ahead)
        if self.morning:
            day = occurred_at.astimezone(ZoneInfo(subject.zone)).date() + DAY
            return datetime.combine(day, time(10), ZoneInfo(subject.zone)).astimezone(UTC)
        return occurred_at

    def until(self, subject: Subject, occurred_at: datetime) -> datetime:
        if self.gone is not None:
            return subject.start - self.gone
        return occurred_at + self.old if self.old else subject.end


BOOKED, MOVED = ("consultation.booked",), ("consultation.rescheduled",)
PLANNED = ("session.planned", "session.rescheduled")
TO_CHOOSE = ("delivery.created", "delivery.window_lost", "delivery.released")
ON_THE_WAY = ("scheduled", "packed", "dispatched", "out_for_delivery")
NOTHING = timedelta(0)
OF_A_DAY: dict[str, Any] = {"ahead": DAY, "gone": 3 * HOUR}
OF_2_HOURS: dict[str, Any] = {"ahead": 2 * HOUR, "gone": HOUR / 3}
TO_SUPPORT: dict[str, Any] = {"reader": SUPPORT_PERSON}

SAYINGS = (
    Saying("confirmation", BOOKED, ("booked",), gone=NOTHING),
    Saying("rescheduled", MOVED, ("booked",), gone=NOTHING),
    Saying("cancelled", ("consultation.cancelled",), ("cancelled",), gone=-HOUR, outlives=True),
    Saying("reminder_24h", BOOKED + MOVED, ("booked",), **OF_A_DAY),
    Saying("reminder_2h", BOOKED + MOVED, ("booked",), **OF_2_HOURS),
    Saying("payment_due", ("billing_period.opened",), ("open",)),
    Saying("window_to_choose", TO_CHOOSE, ("awaiting_window",), old=2 * DAY),
    Saying("window_missing", ("delivery.window_missing",), ("awaiting_window",), old=2 * DAY),
    Saying(
        "delivery_24h",
        ("delivery.scheduled", "delivery.released"),
        ON_THE_WAY,
        ahead=DAY,
        gone=HOUR,
    ),
    Saying("on_its_way", ("delivery.out_for_delivery",), ("out_for_delivery",), old=8 * HOUR),
    Saying("delivered", ("delivery.delivered",), ("delivered",), old=DAY),
    Saying("receipt", ("delivery.delivered_unverified",), ("delivered_unverified",), old=2 * DAY),
    Saying("delivery_missed", ("delivery.attempted",), ("attempted",), old=DAY),
    Saying("session_planned", PLANNED, ("scheduled",), gone=NOTHING),
    Saying("session_held", ("session.held",), ("held",), old=2 * DAY),
    Saying("session_cancelled", ("session.cancelled",), ("cancelled",), gone=-HOUR, outlives=True),
    Saying("session_24h", PLANNED, ("scheduled",), **OF_A_DAY),
    Saying("session_2h", PLANNED, ("scheduled",), **OF_2_HOURS),
    Saying("check_in", ("session.completed",), ("completed",), old=2 * DAY, morning=True),
    Saying("support_invite", ("support_person.named",), ("named",), **TO_SUPPORT),
    Saying("support_24h", PLANNED, ("scheduled",), **OF_A_DAY, **TO_SUPPORT),
    Saying("support_2h", PLANNED, ("scheduled",), **OF_2_HOURS, **TO_SUPPORT),
)
BECAUSE = {
    "cancelled": "It was cancelled.",
    "arrived": "It has begun.",
    "in_progress": "It has begun.",
    "completed": "It is over.",
    "no_show": "It is over.",
    "missed": "It is over.",
    "held": "It is on hold.",
    "paid": "It was paid.",
    "confirmed": "They have agreed.",
    "replaced": "Somebody else was named.",
}
OF_KIND = {saying.kind: saying for saying in SAYINGS}


def about(
    fact: str, subject: Subject, *, revision: int, occurred_at: datetime
) -> Iterator[Planned]:
    """What a fact makes us say; nothing, when it is not true any more, or too late for it."""
    for saying in SAYINGS:
        if fact not in saying.facts or still_true(saying.kind, subject, revision=revision):
            continue
        wanted, until = saying.wanted(subject, occurred_at), saying.until(subject, occurred_at)
        is_in_time = wanted > occurred_at or saying.ahead is None
        if is_in_time and occurred_at < until:
            yield Planned(saying.kind, wanted, until, saying.reader, saying.ahead is not None)


def alert(fact: str, *, occurred_at: datetime) -> Iterator[Planned]:
    """What a fact makes us say to physicians, at any hour."""
    if fact in ALERTS:
        yield Planned("urgent_alert", occurred_at, occurred_at + ALERT_KEEPS)


def paged_again_at(raised_at: datetime, now: datetime) -> int | None:
    """The latest of `PAGED_AGAIN_AT` that has come; None before the first."""
    waited = now - raised_at
    return max((m for m in PAGED_AGAIN_AT if waited >= timedelta(minutes=m)), default=None)


def still_true(kind: str, subject: Subject, *, revision: int) -> str:
    """Why a message is not true any more, as a sentence; empty while it is."""
    saying = OF_KIND[kind]
    if subject.status not in saying.states:
        return BECAUSE.get(subject.status, "It is not so any more.")
    if not saying.outlives and subject.revision != revision:
        return "It was moved."
    return ""


def waits_for_a_yes(kind: str, confirmed_at: datetime | None) -> bool:
    """Whether a support person has not agreed yet, whom only the question may reach."""
    return OF_KIND[kind].reader == SUPPORT_PERSON and not confirmed_at and kind != "support_invite"


def helps_until(kind: str, not_after: datetime) -> datetime:
    """Until when a call helps in place of a message: the start that it tells of; else for a day.

    In place of a cancellation as long as the message itself.
    """
    saying = OF_KIND.get(kind)
    if saying is None or saying.gone is None:
        return not_after + DAY
    return not_after + max(saying.gone, NOTHING)
