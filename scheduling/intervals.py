"""Half-open intervals of UTC instants, and what wall clocks mean: merge, subtract, cut. PURE."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """The time from ``start`` up to, but not including, ``end``; both in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: "Interval") -> bool:
        return self.start < other.end and other.start < self.end

    def common(self, other: "Interval") -> "Interval":
        """The time of both; ends before it starts, or as it does, where they have none."""
        return Interval(max(self.start, other.start), min(self.end, other.end))

    def padded(self, before: timedelta, after: timedelta) -> "Interval":
        """The interval with ``before`` added in front and ``after`` behind."""
        return Interval(self.start - before, self.end + after)


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time as sorted intervals that neither overlap nor touch; empty ones vanish."""
    merged: list[Interval] = []
    for interval in sorted(i for i in intervals if i.start < i.end):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def subtract(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """The time of ``intervals`` that is not in ``taken``, merged."""
    left: list[Interval] = []
    gone = merge(taken)
    first = 0
    for interval in merge(intervals):
        start = interval.start
        while first < len(gone) and gone[first].end <= start:
            first += 1
        for hole in gone[first:]:
            if hole.start >= interval.end:
                break
            if hole.start > start:
                left.append(Interval(start, hole.start))
            start = max(start, hole.end)
        if start < interval.end:
            left.append(Interval(start, interval.end))
    return left


def cut(
    free: Iterable[Interval], *, length: timedelta, step: timedelta, anchor: datetime
) -> Iterator[Interval]:
    """Intervals of ``length`` within ``free``, which start whole ``step``s away from ``anchor``."""
    for interval in merge(free):
        steps = -((anchor - interval.start) // step)
        start = anchor + steps * step
        while start + length <= interval.end:
            yield Interval(start, start + length)
            start += step


def on_day(day: date, opens: time, closes: time, zone: str) -> Interval:
    """Wall-clock hours of a day in ``zone``, as an interval; the one place where they meet UTC.

    An hour that spring leaves out is shifted behind the gap; of an hour that autumn repeats, the
    opening takes the first and the closing the second, so that both are inside. ``closes`` at
    00:00 means the end of the day.
    """
    local = ZoneInfo(zone)
    last = day if closes > time(0) else day + timedelta(days=1)
    start = datetime.combine(day, opens, local).replace(fold=0)
    end = datetime.combine(last, closes, local).replace(fold=1)
    return Interval(_real(start), _real(end))


def wall_before(start: datetime, zone: str, earlier: timedelta) -> datetime:
    """The instant whose wall clock in ``zone`` shows ``earlier`` than at ``start``.

    "24 h before" is the same time on the day before, also when clocks change in between.
    """
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None) - earlier
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _real(wall: datetime) -> datetime:
    """The instant of a wall-clock time; one that does not exist becomes the end of its gap."""
    instant = wall.astimezone(UTC)
    if instant.astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    before = wall.replace(fold=1).astimezone(UTC)
    after = wall.replace(fold=0).astimezone(UTC)
    return _gap_end(min(before, after), max(before, after), wall)


def _gap_end(low: datetime, high: datetime, wall: datetime) -> datetime:
    """The instant at which the clocks of ``wall``'s zone jump between ``low`` and ``high``."""
    offset = high.astimezone(wall.tzinfo).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(wall.tzinfo).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
