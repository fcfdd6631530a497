"""What a physician's week shows: entries with the patient's own time, days, what is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from notifications.texts import spoken_hour
from patients.models import Patient
from scheduling.calendar.models import Physician, Reservation, TimeOff
from scheduling.consultations.actions import risks_of
from scheduling.consultations.models import Consultation, Kind, Status
from scheduling.intervals import Interval, on_day
from scheduling.sessions.models import Status as OfSession
from scheduling.sessions.models import TreatmentSession

DAY = timedelta(days=1)
KINDS = {Kind.INITIAL: "First consultation", Kind.FOLLOW_UP: "Follow-up"}
# Status of a consultation or session → tone and words, where there is something to say.
TOLD = {
    Status.ARRIVED.value: ("calm", "Arrived"),
    Status.COMPLETED.value: ("good", "Done"),
    Status.CANCELLED.value: ("bad", "Cancelled"),
    Status.NO_SHOW.value: ("bad", "Did not come"),
    OfSession.IN_PROGRESS.value: ("calm", "Under way"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that takes the physician's time; ``busy`` is with what is kept free around it.

    ``theirs``: when it is for the patient, where their clocks differ. ``marks``: tone and words.
    ``risks``: why it cannot take place as it is. ``moves``: whether it can be moved.
    """

    type: str
    id: Any
    span: Interval
    busy: Interval
    title: str
    kind: str = ""
    theirs: str = ""
    join_url: str = ""
    marks: tuple[tuple[str, str], ...] = ()
    risks: tuple[str, ...] = ()
    version: int = 0
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the week: its entries, and when it is open, in UTC."""

    date: date
    entries: Sequence[Entry]
    open: Sequence[Interval]


def theirs(at: datetime, patient: Patient, zone: str) -> str:
    """``8:00 AM Central for Alice``, where their clocks show something else than in ``zone``."""
    there = patient.time_zone
    if at.astimezone(ZoneInfo(there)).utcoffset() == at.astimezone(ZoneInfo(zone)).utcoffset():
        return ""
    return f"{spoken_hour(at, there)} for {patient.first_name}"


def full_name(patient: Patient) -> str:
    """First name, last name."""
    return f"{patient.first_name} {patient.last_name}"


def entry_of(row: Reservation, physician: Physician, now: datetime) -> Entry:
    """What a reservation is for: a consultation, a session, or somebody who is choosing.

    ``physician`` has licences and time off at hand, the reservation its patient with the address.
    """
    busy = Interval(row.busy.lower, row.busy.upper)
    meeting: Consultation | None = getattr(row, "consultation", None)
    session: TreatmentSession | None = getattr(row, "session", None)
    if meeting and row.patient:
        return met(meeting, row.patient, physician, busy, now)
    if session and row.patient:
        told = TOLD.get(session.status)
        return Entry(
            "session",
            session.pk,
            busy,
            busy,
            full_name(row.patient),
            kind="Session at home, with you",
            theirs=theirs(session.start, row.patient, physician.time_zone),
            join_url=physician.join_url,
            marks=(told,) if told else (),
        )
    span = Interval(row.hold_start or busy.start, row.period.upper if row.period else busy.end)
    return Entry("hold", row.pk, span, busy, "Somebody is choosing")


def met(
    meeting: Consultation, patient: Patient, physician: Physician, busy: Interval, now: datetime
) -> Entry:
    """A consultation as an entry."""
    meeting.patient, meeting.physician = patient, physician  # what their gates ask is at hand there
    ahead = meeting.status == Status.BOOKED and meeting.end > now
    risks = tuple(gate.detail for gate in risks_of(meeting)) if ahead else ()
    marks = [("bad", "At risk")] if risks else []
    if told := TOLD.get(meeting.status):
        marks.append(told)
    elif meeting.status == Status.BOOKED:
        marks.append(
            ("good", "Confirmed") if meeting.confirmed_at else ("warn", "Not confirmed yet")
        )
    return Entry(
        "consultation",
        meeting.pk,
        Interval(meeting.start, meeting.end),
        busy,
        full_name(patient),
        kind=KINDS[Kind(meeting.kind)],
        theirs=theirs(meeting.start, patient, physician.time_zone),
        join_url=physician.join_url,
        marks=tuple(marks),
        risks=risks,
        version=meeting.version,
        moves=meeting.status == Status.BOOKED,
    )


def off_entry(row: TimeOff) -> Entry:
    """Time off as an entry."""
    span = Interval(row.start, row.end)
    return Entry("time_off", row.pk, span, span, "Time off")


def days_of(
    first: date, entries: Iterable[Entry], opened: Iterable[Interval], zone: str
) -> list[Day]:
    """The seven days from ``first`` on; what goes over midnight stands on each of its days."""
    everything, hours = list(entries), list(opened)
    found = []
    for number in range(7):
        day = first + number * DAY
        whole = on_day(day, time(0), time(0), zone)
        found.append(
            Day(
                day,
                [entry for entry in everything if entry.span.overlaps(whole)],
                [span.common(whole) for span in hours if span.overlaps(whole)],
            )
        )
    return found


def shown_hours(days: Sequence[Day], zone: str) -> tuple[int, int]:
    """The first and last hour of the day that a week has to show; 8 to 18 at least."""
    local = ZoneInfo(zone)
    low, high = 8, 18
    for day in days:
        midnight = on_day(day.date, time(0), time(0), zone)
        spans = [entry.span for entry in day.entries if entry.type != "time_off"] + [*day.open]
        for span in spans:
            part = span.common(midnight)
            low = min(low, part.start.astimezone(local).hour)
            ends = part.end.astimezone(local)
            high = 24 if ends.date() > day.date else max(high, ends.hour + bool(ends.minute))
    return low, high


def for_calendar(entry: Entry) -> dict[str, Any]:
    """An entry as the calendar's script takes it."""
    return {
        "id": str(entry.id),
        "type": entry.type,
        "start": entry.span.start.isoformat(),
        "end": entry.span.end.isoformat(),
        "busy_start": entry.busy.start.isoformat(),
        "busy_end": entry.busy.end.isoformat(),
        "title": entry.title,
        "kind": entry.kind,
        "theirs": entry.theirs,
        "marks": [list(mark) for mark in entry.marks],
        "version": entry.version,
        "moves": entry.moves,
    }
