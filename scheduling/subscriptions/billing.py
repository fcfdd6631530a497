"""Months of a subscription: dates alone. PURE."""

from calendar import monthrange
from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day some months later; a month that is too short ends on its last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def month(anchor: date, steps: int) -> tuple[date, date]:
    """First day, and first day after, of the month ``steps`` months after that of ``anchor``."""
    return add_months(anchor, steps), add_months(anchor, steps + 1)


def month_of(anchor: date, day: date) -> int:
    """How many months after ``anchor``'s own the month lies that holds ``day``; may be negative."""
    steps = (day.year - anchor.year) * 12 + day.month - anchor.month
    return steps if add_months(anchor, steps) <= day else steps - 1
