"""Times, money and numbers on pages, as people write them: ``{% load words %}``.

Whatever shows a time names the zone of who reads it: ``{{ start|when:zone }}``.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template

from notifications.texts import ZONE_WORDS, spoken_phone, spoken_time
from pages.physician.answers import flag_words
from patients.models import Patient

register = template.Library()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@register.filter
def when(at: datetime | None, zone: str) -> str:
    """``Mon, Nov 30, 9:00 AM Central``; empty for nothing."""
    return spoken_time(at, zone)


@register.filter
def clock_time(at: datetime, zone: str) -> str:
    """``9:00 AM``, where the zone stands beside the list."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%I:%M %p}".lstrip("0")


@register.filter
def day(at: datetime | date, zone: str = "") -> str:
    """``Monday, November 30``; an instant needs a zone."""
    local = at.astimezone(ZoneInfo(zone)) if isinstance(at, datetime) else at
    return f"{local:%A, %B} {local.day}"


@register.filter
def short_day(at: datetime | date, zone: str = "") -> str:
    """``Mon, Nov 30``."""
    local = at.astimezone(ZoneInfo(zone)) if isinstance(at, datetime) else at
    return f"{local:%a, %b} {local.day}"


@register.filter
def date_of(at: date | None) -> str:
    """``November 30, 2026``."""
    return f"{at:%B} {at.day}, {at.year}" if at else ""


@register.filter
def zone_name(zone: str) -> str:
    """``Central time``."""
    return f"{ZONE_WORDS.get(zone, zone)} time"


@register.filter
def ago(at: datetime, now: datetime) -> str:
    """``just now``, ``2 minutes ago``, ``3 hours ago``, ``4 days ago``."""
    since = now - at
    for unit, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if since >= unit:
            return f"{_count(since // unit, word)} ago"
    return "just now"


@register.filter
def left(until: datetime, now: datetime) -> str:
    """``in 3 days``, ``in 5 hours``, ``in 8 minutes``, ``overdue``."""
    rest = until - now
    for unit, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if rest >= unit:
            return f"in {_count(rest // unit, word)}"
    return "now" if rest >= timedelta() else "overdue"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


@register.filter
def money(amount: Decimal | str) -> str:
    """``$250``, ``$1,250.50``: cents only where there are some."""
    value = Decimal(amount)
    return f"${value:,.0f}" if value == value.to_integral() else f"${value:,.2f}"


@register.filter
def phone(number: Any) -> str:
    """``850-555-0101``."""
    return spoken_phone(str(number))


@register.filter
def iso(at: datetime) -> str:
    """An instant as forms and ``<time>`` carry it: RFC 3339 with an offset."""
    return at.isoformat()


@register.filter
def age(patient: Patient, now: datetime) -> int:
    """``38``, on the day where the patient lives."""
    return patient.age(now)


@register.filter
def flag(code: str) -> str:
    """``High blood pressure`` for the code of a flag."""
    return flag_words(code)
