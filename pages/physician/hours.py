"""Forms of a physician's hours: of a weekday, openings, time off, licences."""

from datetime import date, time, timedelta
from typing import Any

from django import forms

from pages.forms import DAY, Clock, Day, WallTime, between
from scheduling.calendar.models import Licence, Opening, TimeOff, WorkingHours

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STATES = (("FL", "Florida"), ("NJ", "New Jersey"))
WARNS = timedelta(days=60)  # so long before a licence ends its renewal is asked for
# What a physician can take out again, by the name that the button sends.
ROWS: dict[str, Any] = {
    "hours": WorkingHours,
    "opening": Opening,
    "time_off": TimeOff,
    "licence": Licence,
}


class HoursForm(forms.Form):
    """Hours of a weekday; two rows of a day have a break between them."""

    weekday = forms.TypedChoiceField(
        label="Day", coerce=int, choices=list(enumerate(WEEKDAYS)), initial=0
    )
    opens = Clock(label="From")
    closes = Clock(label="Until")

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        opens, closes = sent.get("opens"), sent.get("closes")
        if opens and closes and closes != time(0) and closes <= opens:
            self.add_error("closes", "Close after opening; 12:00 AM is midnight.")
        return sent


class SpanForm(forms.Form):
    """Some time, once; wall-clock times in ``zone`` (IANA) become ``span``, in UTC."""

    start = WallTime(label="From")
    end = WallTime(label="Until")
    longest: timedelta | None = None

    def __init__(self, *args: Any, zone: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.zone = zone

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        if not sent.get("start") or not sent.get("end"):
            return sent
        span = between(sent["start"], sent["end"], self.zone)
        if span.end <= span.start:
            self.add_error("end", "Use a time after the start.")
        elif self.longest and span.end - span.start > self.longest:
            self.add_error("end", "This lasts 24 hours at most.")
        return {"start": span.start, "end": span.end}


class OpeningForm(SpanForm):
    """Additional hours, a day of them at most."""

    longest = DAY


class LicenceForm(forms.Form):
    """A licence; a renewal is a row of its own."""

    state = forms.ChoiceField(label="State", choices=STATES)
    number = forms.CharField(label="Number", max_length=30)
    valid_from = Day(label="Good from")
    expires_on = Day(label="Last day")

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        first, last = sent.get("valid_from"), sent.get("expires_on")
        if first and last and last < first:
            self.add_error("expires_on", "Use a day after the first.")
        return sent


class RowForm(forms.Form):
    """Which row goes."""

    of = forms.ChoiceField(choices=[(name, name) for name in ROWS])
    row = forms.UUIDField()


def ends(licence: Licence, today: date) -> tuple[str, str]:
    """How a licence stands: a tone, and words; two empty ones while it is simply good."""
    if licence.expires_on < today:
        return "bad", "Expired"
    if licence.valid_from > today:
        return "calm", "Not yet"
    left = (licence.expires_on - today).days
    if left <= WARNS.days:
        return "warn", "Last day today" if not left else f"Ends in {left} days"
    return "good", "Good"
