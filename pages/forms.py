"""Fields that pages of several roles share: times and days as browsers send them, a mail address.

Each takes what the API's field of the same meaning takes (records/api.py), and no more.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms

from records.api import RFC3339
from scheduling.intervals import Interval, on_day

DAY = timedelta(days=1)
YEARS = range(2000, 2101)  # of instants and of times on a wall
BAD_YEAR = "Use a time between the years 2000 and 2100."


def plain_mail(text: str) -> str:
    """Of letters that have no plain capitals, the database would take another address for it."""
    if not (text.isascii() and text.isprintable()):
        raise forms.ValidationError("Enter a valid email address.")
    return text


def instant_in(text: str) -> datetime | None:
    """RFC 3339 with an offset, as an instant in UTC; None for what is none, or far away."""
    if not RFC3339.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in YEARS else None


def version_in(text: str) -> int:
    """Which version of what is changed the page showed; one that nobody showed is stale."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


class Lines(forms.CharField):
    """Text of several lines. A line ends as it was typed: a browser's form sends two signs for it,
    a script one, and both count as one."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class Instant(forms.CharField):
    """RFC 3339 with an offset, in UTC; without one nobody knows which instant is meant."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        at = instant_in(text)
        if at is None:
            raise forms.ValidationError("Choose a time.", code="invalid")
        return at


class Day(forms.DateField):
    """A day between the years 1900 and 2100."""

    def __init__(self, **options: Any) -> None:
        box = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=box, input_formats=["%Y-%m-%d", "%m/%d/%Y"], **options)

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day and not 1900 <= day.year <= 2100:
            raise forms.ValidationError("Use a day between the years 1900 and 2100.")
        return day


class Clock(forms.TimeField):
    """Hours and minutes on somebody's wall."""

    def __init__(self, **options: Any) -> None:
        box = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
        super().__init__(input_formats=["%H:%M"], widget=box, **options)


class WallTime(forms.CharField):
    """A day and a time of day, as a clock on the wall shows it: ``2026-12-24T08:30``."""

    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            at = datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007  the zone follows
        except ValueError as error:
            raise forms.ValidationError("Choose a day and a time.", code="invalid") from error
        if at.year not in YEARS:
            raise forms.ValidationError(BAD_YEAR, code="invalid")
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
