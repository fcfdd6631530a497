"""How long a record is kept. PURE.

Seven years after its last entry: N.J.A.C. 13:35-6.5(b). Florida asks for five (F.A.C. 64B8-10.002),
45 CFR 164.316(b)(2) for six of what HIPAA wants written. A legal hold wins.
"""

from datetime import datetime

YEARS = 7


def keep_until(last_entry: datetime) -> datetime:
    """Until when a record is kept: the same instant seven years on, never earlier."""
    try:
        return last_entry.replace(year=last_entry.year + YEARS)
    except ValueError:  # the 29th of February
        return last_entry.replace(year=last_entry.year + YEARS, month=3, day=1)


def may_be_purged(*, last_entry: datetime, is_held: bool, now: datetime) -> bool:
    """Whether nothing has been written for so long, and nobody holds it."""
    return not is_held and now >= keep_until(last_entry)
