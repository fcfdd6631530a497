"""Free slots, computed from hours, time off and what is reserved. PURE."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.intervals import Interval, cut, merge, on_day, subtract

KINDS = ("initial", "follow_up")


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

    A slot fits whole into the hours; with its buffers it keeps clear of everything reserved.
    """
    taken = [
        *agenda.time_off,
        *(busy.padded(offer.after, offer.before) for busy in agenda.busy),
    ]
    for opening in _openings(agenda, within, offer.length):
        free = subtract([opening], taken)
        for slot in cut(free, length=offer.length, step=offer.step, anchor=opening.start):
            if (
                within.start <= slot.start < within.end
                and offer.earliest <= slot.start < offer.latest
                and licensed(agenda.licences, state, slot.start, zone)
            ):
                yield slot


def _openings(agenda: Agenda, within: Interval, length: timedelta) -> list[Interval]:
    """The hours and openings that touch ``within``, as merged intervals."""
    local = ZoneInfo(agenda.time_zone)
    day = within.start.astimezone(local).date() - timedelta(days=1)
    last = within.end.astimezone(local).date()
    opened = list(agenda.openings)
    while day <= last:
        opened += [
            on_day(day, opens, closes, agenda.time_zone)
            for weekday, opens, closes in agenda.hours
            if weekday == day.weekday()
        ]
        day += timedelta(days=1)
    reach = within.padded(length, length)
    return [opening for opening in merge(opened) if opening.overlaps(reach)]
