"""Refill arithmetic: how long a prescription fills, and when the next fill may be packed. PURE.

All dates are days of the pharmacy. Sources: 21 CFR 1306.22 (six months from the day of issue, five
refills), N.J.A.C. 13:45H-7.14 and F.S. 893.04(1)(g), which say the same.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from scheduling.subscriptions.billing import add_months

MONTHS = 6


@dataclass(frozen=True, slots=True)
class Prescribed:
    """A prescription as the arithmetic takes it; ``fills``: the days on which it was packed.

    ``before``: the last day on which an earlier one was packed, and for how many days.
    """

    issued_on: date
    days_supply: int
    refills: int
    use_by: date
    fills: tuple[date, ...] = ()
    before: tuple[date, int] | None = None


def last_fill_day(prescribed: Prescribed) -> date:
    """The last day on which a fill may be packed: six months after the day of issue."""
    return add_months(prescribed.issued_on, MONTHS)


def fills_left(prescribed: Prescribed) -> int:
    """How many fills may still be packed, the first one included."""
    return max(1 + prescribed.refills - len(prescribed.fills), 0)


def earliest_fill(prescribed: Prescribed, early_days: int) -> date:
    """The first day on which the next fill may be packed: whatever was packed last, for this or an
    earlier prescription, has to be nearly used up.
    """
    last = [(max(prescribed.fills), prescribed.days_supply)] if prescribed.fills else []
    last += [prescribed.before] if prescribed.before else []
    supplied = [day + timedelta(days=supply - early_days) for day, supply in last]
    return max([*supplied, prescribed.issued_on])
