"""When a care text may leave: from 8:00 to 20:00 where its reader is. PURE.

Florida's telemarketing hours (8-20, F.S. 501.616) are stricter than the federal and New Jersey's
(8-21), and are kept for everything in both states.
"""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS, CLOSES, EVENING = time(8), time(20), time(19, 30)
LAST_MINUTE = timedelta(minutes=1)  # what leaves later could arrive after 20:00


def awake(instant: datetime, zone: str) -> bool:
    """Whether a care text may leave at ``instant`` to somebody in ``zone`` (IANA)."""
    return instant.astimezone(ZoneInfo(zone)).time() >= OPENS and instant < closing(instant, zone)


def closing(instant: datetime, zone: str) -> datetime:
    """The instant after which nothing leaves on the day of ``instant`` in ``zone``."""
    return _at(instant, zone, CLOSES) - LAST_MINUTE


def leaves_at(
    wanted: datetime, *, zone: str, now: datetime, not_after: datetime
) -> datetime | None:
    """When a care text leaves that is wanted at ``wanted``; None when no hour is left for it.

    One that is due at night goes at 8:00 if that is before ``not_after``, else at 19:30 on the
    evening before, or at once when that has passed and it is not night.
    """
    soonest = max(wanted, now)
    if soonest >= not_after:
        return None
    if awake(soonest, zone):
        return soonest
    morning = _at(soonest, zone, OPENS)
    if morning < soonest:
        morning = _at(soonest, zone, OPENS, days=1)
    if morning < not_after:
        return morning
    evening = _at(morning, zone, EVENING, days=-1)
    if evening >= now:
        return evening
    return now if awake(now, zone) else None


def _at(instant: datetime, zone: str, wall: time, *, days: int = 0) -> datetime:
    """``wall`` on the local day of ``instant``, or some days later, in UTC."""
    local = ZoneInfo(zone)
    day = instant.astimezone(local).date() + timedelta(days=days)
    return datetime.combine(day, wall, local).astimezone(UTC)
