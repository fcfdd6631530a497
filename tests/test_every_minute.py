"""Case 35: no care text leaves at night, and a text tells the time of the calendar.

`make test` asks about each quarter hour of the days on which clocks change, and the edges of the
hours on every third day of two years; `make test-all` about every minute. What a clock shows is
reckoned here from the days of change, in minutes since those years began, not by the time zones
that Hearth asks.
"""

from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import NamedTuple

import pytest
from hypothesis import settings as hypothesis

from notifications.policy import CARE, MINUTE, SAYINGS, Saying, Subject, length
from notifications.quiet_hours import Hours, leaves_at
from notifications.texts import Words, text_of
from records.values import DEFAULTS

EASTERN, CENTRAL, UNKNOWN = "America/New_York", "America/Chicago", ""
ZONES = (EASTERN, CENTRAL, UNKNOWN)
HOUR, DAY = 60, 1440
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = 2 * 365 * DAY


def minutes(at: datetime) -> int:
    return (at - BEGIN) // MINUTE


# At 2 in the morning, in turns: from winter to summer and back; Central an hour later.
CHANGE_DAYS = (date(2026, 3, 8), date(2026, 11, 1), date(2027, 3, 14), date(2027, 11, 7))
EASTERN_CHANGES = [
    minutes(datetime(day.year, day.month, day.day, 7 - summer, tzinfo=UTC))
    for day, summer in zip(CHANGE_DAYS, (0, 1, 0, 1), strict=True)
]
WINTER = {EASTERN: -5 * HOUR, CENTRAL: -6 * HOUR}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EDGES = {
    zone: [edge - past for edge in (opens, 20 * HOUR - 1) for past in (1, 0)]
    for zone, opens in ((EASTERN, 8 * HOUR), (CENTRAL, 8 * HOUR), (UNKNOWN, 9 * HOUR))
}


def offset(at: int, zone: str) -> int:
    """What a zone is ahead of UTC at an instant."""
    behind = WINTER[EASTERN] - WINTER[zone]
    return WINTER[zone] + HOUR * (bisect(EASTERN_CHANGES, at - behind) % 2)


def wall(at: int, zone: str) -> int:
    """What the clock on the wall shows."""
    return at + offset(at, zone)


def instant(shown: int, zone: str) -> int:
    """When it shows this: of an hour that comes twice the first, of a gap the hour after it."""
    summer = WINTER[zone] + HOUR
    at = shown - summer
    return at if offset(at, zone) == summer else shown - WINTER[zone]


class Timing(NamedTuple):
    """A way of timing of the policy: one of its sayings, by numbers in force.

    The fact lies ``before`` what it makes us say, in minutes, and ``lead`` before the start.
    """

    saying: Saying
    values: dict[str, int]
    before: int
    lead: int


def timings() -> Iterator[Timing]:
    """Each once, with every number at its lowest, as it stands, and at its highest."""
    known = set()
    for bound in ("low", "value", "high"):
        values = {key: getattr(default, bound) for key, default in DEFAULTS.items()}
        for saying in SAYINGS:
            if saying.states and saying.words_class == CARE:
                for timing in ways(saying, values):
                    ahead = timing.lead - timing.before if saying.ahead else 0
                    way = (*told_at(timing, MAY), ahead, saying.morning)
                    if way not in known:
                        known.add(way)
                        yield timing


def ways(saying: Saying, values: dict[str, int]) -> Iterator[Timing]:
    """A reminder of what is 30 days away; what is said at once, shortly before and on the day."""
    if saying.ahead:
        ahead = length(saying.ahead, values) // MINUTE
        yield Timing(saying, values, 30 * DAY - ahead, 30 * DAY)
    else:
        grace = values["confirmation_grace"] if saying.grace else 0
        yield from (Timing(saying, values, grace, lead) for lead in (2 * HOUR, 15 * HOUR))


def told_at(timing: Timing, at: int, zone: str = EASTERN) -> tuple[datetime, datetime]:
    """When it is wanted, about ``at``, and until when it makes sense."""
    saying, values, before, lead = timing
    fact = BEGIN + (at - before) * MINUTE
    start = fact + lead * MINUTE
    row = Subject("", 1, start, start + HOUR * MINUTE, zone)
    return saying.wanted(row, fact, values), saying.until(row, fact, values)


MAY = 120 * DAY
TIMINGS = {f"{timing.saying.kind}-{n}": timing for n, timing in enumerate(timings())}


def asked(zone: str, ahead: int = 0) -> Iterator[int]:
    """The instants to ask about: on days of change also those so much ahead."""
    if hypothesis.get_current_profile_name() == "all":
        return iter(range(YEARS))
    begins = [minutes(datetime(d.year, d.month, d.day, tzinfo=UTC)) for d in CHANGE_DAYS]
    begins += [begin - ahead for begin in begins]
    changes = chain.from_iterable(range(begin, begin + DAY + 6 * HOUR, 15) for begin in begins)
    days = range(DAY, YEARS, 3 * DAY)
    return chain(
        changes, (instant(day + edge, zone or EASTERN) for day in days for edge in EDGES[zone])
    )


def by_the_hours(wanted: int, *, zone: str, now: int, until: int) -> int | None:
    """When it leaves, by the rule: by day at once, else at eight, else the evening before."""
    place, opens = (zone, 8 * HOUR) if zone else (EASTERN, 9 * HOUR)

    def is_day(at: int) -> bool:
        return opens <= wall(at, place) % DAY < 20 * HOUR - 1

    if is_day(wanted):
        return wanted
    shown = wall(wanted, place)
    morning = shown - shown % DAY + opens + (DAY if shown % DAY >= opens else 0)
    if instant(morning, place) < until:
        return instant(morning, place)
    evening = instant(morning - opens - 4 * HOUR - HOUR // 2, place)
    return max(evening, now) if evening >= now or is_day(now) else None


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("way", TIMINGS)
def test_case_35_no_care_text_leaves_at_night(way: str, zone: str) -> None:
    timing, place, hours = TIMINGS[way], zone or EASTERN, Hours(zone)
    for at in asked(zone, timing.lead - timing.before):
        fact, (wanted, until) = at - timing.before, told_at(timing, at, place)
        now = BEGIN + fact * MINUTE
        left = leaves_at(wanted, hours=hours, now=now, not_after=until)
        leaves = None if left is None else minutes(left)
        told = (now, wanted, until, left)
        if timing.saying.ahead:
            start = wall(fact + timing.lead, place)
            assert minutes(wanted) == instant(start - timing.lead + timing.before, place), told
            if wanted >= until:  # the gap of spring swallowed it, and nobody meets at 3
                assert start % DAY < 4 * HOUR, told
                continue
            assert leaves is not None, told
        assert leaves == by_the_hours(minutes(wanted), zone=zone, now=fact, until=minutes(until)), (
            told
        )
        if leaves is not None:
            assert fact <= leaves < minutes(until), told
            assert wall(leaves, zone or CENTRAL) % DAY >= 8 * HOUR, told
            assert wall(leaves, place) % DAY < 20 * HOUR, told


@pytest.mark.parametrize("zone", [EASTERN, CENTRAL])
def test_case_35_the_time_in_a_text_is_that_of_the_calendar(zone: str) -> None:
    for at in asked(zone):
        start = BEGIN + at * MINUTE
        words = Words("Hearth", "850-555-0100", when=start, till=start + HOUR * MINUTE, zone=zone)
        said = f"delivery {spoken(at, zone)} to {spoken(at + HOUR, zone).split(', ')[-1]}. "
        assert said in text_of("delivery_24h", words)
        last = spoken(at + HOUR - 1, zone).rsplit(", ", 1)[0]
        assert f" is due by {last}. " in text_of("payment_due", words)


def spoken(at: int, zone: str) -> str:
    """An instant in the words of a text: ``Mon, Nov 30, 9:00 AM Central``."""
    days, minute = divmod(wall(at, zone), DAY)
    day = date(2026, 1, 1) + timedelta(days)
    name, month = DAYS[day.weekday()], MONTHS[day.month - 1]
    half = "PM" if minute >= 12 * HOUR else "AM"
    hour = f"{minute // HOUR % 12 or 12}:{minute % HOUR:02}"
    return f"{name}, {month} {day.day}, {hour} {half} {zone_word(at, zone)}"


def zone_word(at: int, zone: str) -> str:
    """That of the zone; of an hour that comes twice, that of summer, then of winter."""
    if wall(at, zone) == wall(at + HOUR, zone):
        return {EASTERN: "EDT", CENTRAL: "CDT"}[zone]
    if wall(at, zone) == wall(at - HOUR, zone):
        return {EASTERN: "EST", CENTRAL: "CST"}[zone]
    return {EASTERN: "Eastern", CENTRAL: "Central"}[zone]
