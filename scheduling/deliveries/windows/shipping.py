"""Which windows there are on a day: ship days, cut-offs, holidays. PURE."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.intervals import on_day

DAY = timedelta(days=1)
BUSINESS_WEEK = range(5)


@dataclass(frozen=True, slots=True)
class Zone:
    """What a zone says about shipping; hours of windows are of ``time_zone``."""

    time_zone: str
    pharmacy: str
    cutoff: time
    transit_days: int
    ship_weekdays: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """The holidays: days without shipping, and days without deliveries."""

    no_ship: Collection[date] = ()
    no_deliver: Collection[date] = ()

    def rule_out(self, ship_on: date, day: date) -> bool:
        """Whether nothing can be shipped on one day, or brought on the other."""
        return ship_on in self.no_ship or day in self.no_deliver


@dataclass(frozen=True, slots=True)
class Opened:
    """A window to be opened; instants in UTC."""

    starts: datetime
    ends: datetime
    ship_on: date
    cutoff_at: datetime
    capacity: int


def window_on(
    day: date, opens: time, closes: time, capacity: int, zone: Zone, holidays: Days
) -> Opened | None:
    """The window of a day, or None when nothing could be shipped for it or brought then.

    Nor is there one in an hour that spring leaves out.
    """
    ship_on = day - zone.transit_days * DAY
    if holidays.rule_out(ship_on, day) or ship_on.weekday() not in zone.ship_weekdays:
        return None
    hours = on_day(day, opens, closes, zone.time_zone)
    if hours.start >= hours.end:
        return None
    return Opened(
        starts=hours.start,
        ends=hours.end,
        ship_on=ship_on,
        cutoff_at=cutoff_of(ship_on, zone, holidays),
        capacity=capacity,
    )


def cutoff_of(ship_on: date, zone: Zone, holidays: Days) -> datetime:
    """Until when a parcel that is shipped on a day can be ordered: the business day before."""
    day = ship_on - DAY
    while not _works(day, holidays):
        day -= DAY
    return datetime.combine(day, zone.cutoff, ZoneInfo(zone.pharmacy)).astimezone(UTC)


def business_day_after(day: date, holidays: Days) -> date:
    """The next day on which the pharmacy works."""
    day += DAY
    while not _works(day, holidays):
        day += DAY
    return day


def _works(day: date, holidays: Days) -> bool:
    return day.weekday() in BUSINESS_WEEK and day not in holidays.no_ship


def days_ahead(now: datetime, zone: str, count: int) -> Iterator[date]:
    """Today in ``zone`` and the days after it."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return (today + number * DAY for number in range(count + 1))
