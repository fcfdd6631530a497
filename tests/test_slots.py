"""Intervals and slots: any hours, any bookings, both clock changes, both zones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.calendar.slots import Agenda, Licensed, Offer, free_slots, offer_of
from scheduling.intervals import Interval, cut, merge, on_day, subtract

ZONES = ("America/New_York", "America/Chicago")
BASE = datetime(2027, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SPRING, AUTUMN = date(2027, 3, 14), date(2027, 11, 7)

spans = st.builds(
    lambda start, length: Interval(BASE + start * MINUTE, BASE + (start + length) * MINUTE),
    st.integers(0, 600),
    st.integers(0, 90),
)
many = st.lists(spans, max_size=12)


def minutes(intervals: Sequence[Interval]) -> set[int]:
    """The same time as a set of minutes: the slow, obvious way."""
    return {
        m
        for i in intervals
        for m in range(int((i.start - BASE) / MINUTE), int((i.end - BASE) / MINUTE))
    }


def is_clean(intervals: Sequence[Interval]) -> bool:
    """Sorted, not empty, neither overlapping nor touching."""
    pairs = pairwise(intervals)
    return all(i.start < i.end for i in intervals) and all(a.end < b.start for a, b in pairs)


@given(many)
def test_merge_keeps_the_time(some: list[Interval]) -> None:
    merged = merge(some)
    assert minutes(merged) == minutes(some)
    assert is_clean(merged)


@given(many, many)
def test_subtract_leaves_what_is_not_taken(some: list[Interval], taken: list[Interval]) -> None:
    left = subtract(some, taken)
    assert minutes(left) == minutes(some) - minutes(taken)
    assert is_clean(left)


@given(many, st.integers(1, 60), st.integers(1, 60), st.integers(-300, 300))
def test_cut_gives_every_start_on_the_grid_that_fits(
    free: list[Interval], length: int, step: int, anchor: int
) -> None:
    cuts = cut(free, length=length * MINUTE, step=step * MINUTE, anchor=BASE + anchor * MINUTE)
    starts = [int((i.start - BASE) / MINUTE) for i in cuts]
    room = minutes(free)
    expected = [
        m
        for m in range(-100, 800)
        if (m - anchor) % step == 0 and set(range(m, m + length)) <= room
    ]
    assert starts == expected


@given(spans, spans)
def test_overlapping_is_mutual_and_touching_is_not_overlapping(a: Interval, b: Interval) -> None:
    assert a.overlaps(b) == b.overlaps(a)
    if a.start < a.end and b.start < b.end:
        assert a.overlaps(b) == bool(minutes([a]) & minutes([b]))
    assert not Interval(a.start, a.end).overlaps(Interval(a.end, a.end + MINUTE))


# --- walls and clocks ------------------------------------------------------------------------


@given(
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    opens=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    hours=st.integers(1, 23),
    zone=st.sampled_from(ZONES),
)
def test_hours_mean_the_wall_clock_on_every_day(
    day: date, opens: time, hours: int, zone: str
) -> None:
    closes = (datetime.combine(day, opens) + timedelta(hours=hours)).time()
    if closes != time(0) and closes <= opens:
        return
    interval = on_day(day, opens, closes, zone)
    local = ZoneInfo(zone)
    start, end = interval.start.astimezone(local), interval.end.astimezone(local)
    assert interval.start <= interval.end
    if day != SPRING.replace(year=day.year) and not _in_gap(day, opens, zone):
        assert (start.date(), start.time()) == (day, opens)
    if not _in_gap(day, closes, zone):
        assert end.time() == closes


def _in_gap(day: date, wall: time, zone: str) -> bool:
    at = datetime.combine(day, wall, ZoneInfo(zone))
    return at.astimezone(UTC).astimezone(at.tzinfo).time() != wall


@pytest.mark.parametrize("zone", ZONES)
def test_the_hour_that_spring_leaves_out_is_not_there(zone: str) -> None:
    """T12: 02:30 does not exist; hours from 02:00 to 04:00 are one hour long."""
    night = on_day(SPRING, time(2), time(4), zone)
    assert night.end - night.start == timedelta(hours=1)
    assert night.start.astimezone(ZoneInfo(zone)).time() == time(3)
    gap = on_day(SPRING, time(2), time(3), zone)
    assert gap.start == gap.end
    whole = on_day(SPRING, time(0), time(0), zone)
    assert whole.end - whole.start == timedelta(hours=23)


@pytest.mark.parametrize("zone", ZONES)
def test_the_hour_that_autumn_repeats_counts_twice(zone: str) -> None:
    night = on_day(AUTUMN, time(1), time(2), zone)
    assert night.end - night.start == timedelta(hours=2)
    whole = on_day(AUTUMN, time(0), time(0), zone)
    assert whole.end - whole.start == timedelta(hours=25)


# --- slots -----------------------------------------------------------------------------------

LICENCES = (Licensed("FL", date(2020, 1, 1), date(2030, 1, 1)),)
OFFER = Offer(
    length=30 * MINUTE,
    step=15 * MINUTE,
    before=timedelta(0),
    after=15 * MINUTE,
    earliest=datetime(2026, 1, 1, tzinfo=UTC),
    latest=datetime(2029, 1, 1, tzinfo=UTC),
)


def agenda(**given: object) -> Agenda:
    base: dict[str, object] = {
        "physician": UUID(int=1),
        "time_zone": "America/New_York",
        "hours": [(weekday, time(8, 30), time(17)) for weekday in range(7)],
        "openings": [],
        "time_off": [],
        "busy": [],
        "licences": LICENCES,
    }
    return Agenda(**{**base, **given})  # type: ignore[arg-type]


def day_of(day: date, zone: str) -> Interval:
    return on_day(day, time(0), time(0), zone)


hours_of_day = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda h: h[0] < h[1])
booked = st.lists(
    st.builds(lambda at, length: (at, length), st.integers(-300, 3 * 1440), st.integers(5, 120)),
    max_size=8,
)


@given(
    first=st.sampled_from((SPRING - DAY, AUTUMN - DAY, date(2027, 6, 1))),
    reader=st.sampled_from(ZONES),
    works=st.sampled_from(ZONES),
    hours=hours_of_day,
    busy=booked,
    off=booked,
    after=st.integers(0, 45),
    before=st.integers(0, 45),
)
def test_every_slot_is_free_and_every_free_time_on_the_grid_is_a_slot(
    first: date,
    reader: str,
    works: str,
    hours: tuple[int, int],
    busy: list[tuple[int, int]],
    off: list[tuple[int, int]],
    after: int,
    before: int,
) -> None:
    within = Interval(day_of(first, reader).start, day_of(first + 2 * DAY, reader).end)
    opens, closes = time(hours[0]), time(hours[1] % 24)
    offer = Offer(
        length=30 * MINUTE,
        step=15 * MINUTE,
        before=before * MINUTE,
        after=after * MINUTE,
        earliest=within.start,
        latest=within.end,
    )

    def spans_of(rows: list[tuple[int, int]]) -> list[Interval]:
        return [
            Interval(within.start + at * MINUTE, within.start + (at + length) * MINUTE)
            for at, length in rows
        ]

    mine = agenda(
        time_zone=works,
        hours=[(weekday, opens, closes) for weekday in range(7)],
        busy=spans_of(busy),
        time_off=spans_of(off),
    )
    slots = list(free_slots(mine, offer, state="FL", within=within, zone=reader))
    around = [first + n * DAY for n in range(-2, 5)]
    open_time = merge([on_day(day, opens, closes, works) for day in around])
    starts = {slot.start for slot in slots}
    for slot in slots:
        assert slot.end - slot.start == offer.length
        assert within.start <= slot.start < within.end
        assert any(o.start <= slot.start and slot.end <= o.end for o in open_time)
        taken = slot.padded(offer.before, offer.after)
        assert not any(taken.overlaps(b) for b in mine.busy)
        assert not any(slot.overlaps(t) for t in mine.time_off)
    for opening in open_time:
        at = opening.start
        while at + offer.length <= opening.end:
            slot = Interval(at, at + offer.length)
            wanted = (
                within.start <= at < within.end
                and not any(slot.padded(offer.before, offer.after).overlaps(b) for b in mine.busy)
                and not any(slot.overlaps(t) for t in mine.time_off)
            )
            assert (at in starts) == wanted
            at += offer.step


@given(
    hours=st.lists(hours_of_day, min_size=1, max_size=3),
    openings=st.lists(spans, max_size=3),
    step=st.integers(5, 60),
    first=st.sampled_from((SPRING - DAY, AUTUMN - DAY)),
)
def test_what_is_offered_among_many_days_is_offered_when_it_is_asked_for_alone(
    hours: list[tuple[int, int]], openings: list[Interval], step: int, first: date
) -> None:
    """Around the clock, too, and whatever the step."""
    start = day_of(first, ZONES[0]).start
    mine = agenda(
        hours=[(day, time(a), time(b % 24)) for day in range(7) for a, b in hours],
        openings=[Interval(o.start - BASE + start, o.end - BASE + start) for o in openings],
    )
    offer = replace(OFFER, step=step * MINUTE)

    def found(within: Interval) -> list[Interval]:
        return list(free_slots(mine, offer, state="FL", within=within, zone=ZONES[0]))

    many = found(Interval(start, start + 4 * DAY))
    some = many[::9]
    alone = [found(Interval(slot.start, slot.start + MINUTE)) for slot in some]
    assert alone == [[slot] for slot in some]


def walls(day: date, **hours: object) -> list[str]:
    """The slots of a day as the reader's wall clock shows them, in Pensacola."""
    local = ZoneInfo("America/Chicago")
    found = free_slots(
        agenda(**hours), OFFER, state="FL", within=day_of(day, str(local)), zone=str(local)
    )
    return [slot.start.astimezone(local).strftime("%H:%M") for slot in found]


def test_a_quarter_to_eight_in_pensacola_is_offered_and_a_quarter_past_seven_is_not() -> None:
    """T1, T2."""
    offered = walls(date(2026, 11, 24))
    assert "07:45" in offered
    assert "07:15" not in offered
    assert offered[0] == "07:30"
    assert offered[-1] == "15:30"


def test_around_the_clock_changes_the_wall_clock_stays() -> None:
    for day in (SPRING - DAY, SPRING, SPRING + DAY, AUTUMN - DAY, AUTUMN, AUTUMN + DAY):
        assert walls(day)[0] == "07:30"
        assert walls(day)[-1] == "15:30"


def test_night_hours_in_spring_skip_and_in_autumn_repeat() -> None:
    nights = {"hours": [(6, time(0), time(4))], "time_zone": "America/Chicago"}
    assert "02:30" not in walls(SPRING, **nights)
    assert walls(AUTUMN, **nights).count("01:30") == 2


def test_a_licence_is_good_on_its_last_day_where_the_patient_is() -> None:
    """T10: it ends on the 31st; at 23:30 Central it is the 1st already in New York."""
    late = agenda(
        hours=[(weekday, time(0), time(0)) for weekday in range(7)],
        licences=[Licensed("FL", date(2020, 1, 1), date(2027, 1, 31))],
    )
    within = Interval(datetime(2027, 1, 31, 12, tzinfo=UTC), datetime(2027, 2, 2, tzinfo=UTC))
    last = {
        zone: max(s.start for s in free_slots(late, OFFER, state="FL", within=within, zone=zone))
        for zone in ZONES
    }
    assert last["America/New_York"] == datetime(2027, 2, 1, 4, 45, tzinfo=UTC)
    assert last["America/Chicago"] == datetime(2027, 2, 1, 5, 45, tzinfo=UTC)
    assert not list(free_slots(late, OFFER, state="NJ", within=within, zone=ZONES[0]))


def test_lead_and_horizon_bound_the_offer() -> None:
    values = {
        "consultation_initial_minutes": 30, "slot_step": 15, "consultation_buffer_before": 0,
        "consultation_buffer_after": 15, "consultation_lead": 120, "consultation_horizon": 60,
    }  # fmt: skip
    now = datetime(2026, 11, 24, 15, 7, tzinfo=UTC)
    offer = offer_of("initial", values, now)
    within = Interval(now - DAY, now + 90 * DAY)
    found = [s.start for s in free_slots(agenda(), offer, state="FL", within=within, zone=ZONES[0])]
    assert found[0] == datetime(2026, 11, 24, 17, 15, tzinfo=UTC)
    assert found[-1] < now + 60 * DAY
