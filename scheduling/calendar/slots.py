"""Free slots, computed from hours, time off and what is reserved. PURE."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.intervals import Interval, cut, merge, on_day, subtract

KINDS = ("initial", "follow_up")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Licensed:
    """A licence: good in ``state`` from ``valid_from`` to ``expires_on``, both inclusive."""

    state: str
    valid_from: date
    expires_on: date


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is known of a physician's time; intervals are in UTC, hours in ``time_zone``.

    ``hours``: (weekday, opens, closes), Monday is 0. ``busy`` includes everybody's buffers.
    """

    physician: UUID
    time_zone: str
    hours: Sequence[tuple[int, time, time]]
    openings: Sequence[Interval]
    time_off: Sequence[Interval]
    busy: Sequence[Interval]
    licences: Sequence[Licensed]


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be booked: how long, how far apart, between which instants, with which buffers."""

    length: timedelta
    step: timedelta
    before: timedelta
    after: timedelta
    earliest: datetime
    latest: datetime


def offer_of(kind: str, values: Mapping[str, int], now: datetime) -> Offer:
    """The offer for a kind of consultation by the numbers in force; ``latest`` is exclusive."""
    return Offer(
        length=timedelta(minutes=values[f"consultation_{kind}_minutes"]),
        step=timedelta(minutes=values["slot_step"]),
        before=timedelta(minutes=values["consultation_buffer_before"]),
        after=timedelta(minutes=values["consultation_buffer_after"]),
        earliest=now + timedelta(minutes=values["consultation_lead"]),
        latest=now + timedelta(days=values["consultation_horizon"]),
    )


def licensed(licences: Sequence[Licensed], state: str, start: datetime, zone: str) -> bool:
    """Whether some licence is good in ``state`` on the day of ``start`` in the patient's zone."""
    day = start.astimezone(ZoneInfo(zone)).date()
    return any(
        licence.state == state and licence.valid_from <= day <= licence.expires_on
        for licence in licences
    )


def free_slots(
    agenda: Agenda, offer: Offer, *, state: str, within: Interval, zone: str
) -> Iterator[Interval]:
    """The slots of one physician that start ``within``, for a patient in ``state`` and ``zone``.

    A slot fits whole into the hours; with its buffers it keeps clear of everything reserved. The
    grid begins with each opening, and with each midnight of the physician that one goes over: so
    it is the same whatever else is asked for.
    """
    wanted = Interval(max(within.start, offer.earliest), min(within.end, offer.latest))
    taken = [
        *agenda.time_off,
        *(busy.padded(offer.after, offer.before) for busy in agenda.busy),
    ]
    for opening in opened(agenda.hours, agenda.openings, agenda.time_zone, wanted):
        for day in _dates(opening.common(wanted), agenda.time_zone):
            whole = on_day(day, time(0), time(0), agenda.time_zone)
            starts = opening.common(wanted).common(whole)
            room = opening.common(starts.padded(timedelta(0), offer.length))
            grid = cut(
                subtract([room], taken),
                length=offer.length,
                step=offer.step,
                anchor=max(opening.start, whole.start),
            )
            for slot in grid:
                if slot.start < starts.end and licensed(agenda.licences, state, slot.start, zone):
                    yield slot


def opened(
    hours: Iterable[tuple[int, time, time]],
    openings: Iterable[Interval],
    zone: str,
    wanted: Interval,
) -> list[Interval]:
    """The hours and openings that have time in ``wanted``, merged with those of the days around.

    ``hours`` as in `Agenda`, wall-clock times in ``zone``; time off is not taken out.
    """
    weekly = list(hours)
    ours = [
        on_day(day, opens, closes, zone)
        for day in _dates(wanted.padded(DAY, DAY), zone)
        for weekday, opens, closes in weekly
        if weekday == day.weekday()
    ]
    return [o for o in merge([*ours, *openings]) if o.overlaps(wanted)]


def _dates(span: Interval, zone: str) -> Iterator[date]:
    """The days that have time in a span, where ``zone`` is."""
    local = ZoneInfo(zone)
    day, last = (at.astimezone(local).date() for at in (span.start, span.end))
    while day <= last:
        yield day
        day += DAY
