"""Times as forms of physicians carry them: an instant with its offset, and a wall-clock time."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from scheduling.intervals import Interval, on_day

DAY = timedelta(days=1)
YEARS = range(2000, 2201)  # that calendars go through


class Instant(forms.CharField):
    """RFC 3339 with an offset, in UTC; without one nobody knows which instant is meant."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                raise forms.ValidationError("Say in which time zone that is.", code="no_offset")
            return at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError("Choose a time.", code="invalid") from error


class WallTime(forms.CharField):
    """A day and a time of day, as a clock on the wall shows it: ``2026-12-24T08:30``."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise forms.ValidationError("Choose a day and a time.", code="invalid") from error
        if at.tzinfo is not None or at.year not in YEARS:
            raise forms.ValidationError("Choose a day and a time.", code="invalid")
        return at


def between(start: datetime, end: datetime, zone: str) -> Interval:
    """The time between two wall-clock times in a zone.

    An hour that autumn repeats is inside as a whole.
    """
    last = end.date() - DAY if end.time() == time(0) else end.date()
    return Interval(
        on_day(start.date(), start.time(), time(0), zone).start,
        on_day(last, time(0), end.time(), zone).end,
    )
