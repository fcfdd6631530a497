"""When a care text may leave: from 8:00 to 20:00 where its reader is. PURE.

Florida's telemarketing hours (8-20, F.S. 501.616) are stricter than the federal and New Jersey's
(8-21), and are kept for everything in both states. Who reads may narrow them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(8), time(20)
LAST_MINUTE = timedelta(minutes=1)  # what leaves later could arrive after closing
EVENING = timedelta(minutes=30)  # before closing
EASTERN = "America/New_York"


@dataclass(frozen=True, slots=True)
class Hours:
    """From when to when somebody is texted, by the wall clock of ``zone`` (IANA).

    Where the zone is not known, only while it is so in both: Central is an hour behind.
    """

    zone: str
    opens: time = OPENS
    closes: time = CLOSES

    def opening(self, instant: datetime, *, days: int = 0) -> datetime:
        """When they open on the local day of ``instant``, or some days later, in UTC."""
        behind = timedelta(0) if self.zone else timedelta(hours=1)
        return self._at(instant, self.opens, days) + behind

    def closing(self, instant: datetime, *, days: int = 0) -> datetime:
        """The instant after which nothing leaves on the local day of ``instant``."""
        return self._at(instant, self.closes, days) - LAST_MINUTE

    def _at(self, instant: datetime, wall: time, days: int) -> datetime:
        local = ZoneInfo(self.zone or EASTERN)
        day = instant.astimezone(local).date() + timedelta(days=days)
        return datetime.combine(day, wall, local).astimezone(UTC)


def awake(instant: datetime, hours: Hours) -> bool:
    """Whether a care text may leave at ``instant``."""
    return hours.opening(instant) <= instant < hours.closing(instant)


def why_not(instant: datetime, hours: Hours) -> str:
    """Why a care text may not leave at ``instant``, to stand after "it is"; empty when it may."""
    if awake(instant, hours):
        return ""
    own = awake(instant, Hours(hours.zone))
    return "outside the hours in which they want texts" if own else "night there"


def leaves_at(
    wanted: datetime, *, hours: Hours, now: datetime, not_after: datetime
) -> datetime | None:
    """When a care text leaves that is wanted at ``wanted``; None when no hour is left for it.

    One that is due at night goes when the hours open if that is before ``not_after``, else half an
    hour before they close on the evening before, or at once when that has passed and it is not
    night.
    """
    soonest = max(wanted, now)
    if soonest >= not_after:
        return None
    if awake(soonest, hours):
        return soonest
    days = 0 if soonest < hours.opening(soonest) else 1
    morning = hours.opening(soonest, days=days)
    if morning < not_after:
        return morning
    evening = hours.closing(morning, days=-1) + LAST_MINUTE - EVENING
    if evening >= now:
        return evening
    return now if awake(now, hours) else None
