"""What staff type about windows, closures, holidays and zones; times are wall-clock in a zone."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from pages.forms import Clock, Day, WallTime, between
from patients.service_area import CENTRAL, EASTERN
from patients.zip_table import corrections
from scheduling.deliveries.windows.models import DeliveryZone, Holiday
from scheduling.intervals import Interval

TIME_ZONES = ((EASTERN, "Eastern"), (CENTRAL, "Central"))
WEEKDAYS = tuple(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))


class PlacesField(forms.IntegerField):
    """How many parcels a window takes."""

    def __init__(self, *, label: str = "Places", initial: int | None = None) -> None:
        super().__init__(min_value=1, max_value=1000, label=label, initial=initial)


def in_zone(at: datetime, zone: str) -> datetime:
    """A wall clock's time as an instant in UTC."""
    return at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def counties() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every county by state: ``FL Bay``, said as ``Bay``."""
    known = corrections()["counties"]
    return [
        (state, [(f"{state} {name}", name) for name in sorted(known[state])]) for state in known
    ]


class CountiesField(forms.MultipleChoiceField):
    """Counties as ``FL Bay``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=forms.CheckboxSelectMultiple, choices=counties, **options)


class DaysForm(forms.Form):
    """Which zone, and from which day on; what cannot be read asks for nothing."""

    zone = forms.UUIDField(required=False)
    first = Day(required=False)


class CapacityForm(forms.Form):
    window = forms.UUIDField(widget=forms.HiddenInput)
    capacity = PlacesField()


class WindowForm(forms.Form):
    day = Day()
    opens = Clock(label="From")
    closes = Clock(label="To")
    capacity = PlacesField(initial=10)
    ship_on = Day(required=False, help_text="Empty: as the zone says.", label="Ships on")
    cutoff = WallTime(
        required=False, help_text="Empty: as the zone says. Eastern time.", label="Order until"
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        opens, closes, day = said.get("opens"), said.get("closes"), said.get("day")
        if opens and closes and closes <= opens:
            self.add_error("closes", "Use a time after it opens.")
        if day and said.get("ship_on") and said["ship_on"] >= day:
            self.add_error("ship_on", "Use a day before the window's.")
        if day and opens and said.get("cutoff") and said["cutoff"] >= datetime.combine(day, opens):
            self.add_error("cutoff", "Use a time before the window begins.")
        return said


class ClosureForm(forms.Form):
    counties = CountiesField()
    start = WallTime(label="From")
    end = WallTime(label="Until")
    time_zone = forms.ChoiceField(choices=TIME_ZONES, label="These times are")
    reason = forms.CharField(max_length=200, label="Reason, for colleagues")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("start") and said.get("end") and said["end"] <= said["start"]:
            self.add_error("end", "Use a time after the start.")
        return said

    def span(self) -> Interval:
        """From when until when, in UTC; of a form that is valid."""
        said = self.cleaned_data
        return between(said["start"], said["end"], said["time_zone"])


class HolidayForm(forms.Form):
    day = Day()
    name = forms.CharField(max_length=60)
    effect = forms.ChoiceField(
        choices=Holiday.Effect.choices, label="On that day", initial=Holiday.Effect.NEITHER
    )


class TakeForm(forms.Form):
    zone = forms.ChoiceField(label="Zone that gets them")
    counties = CountiesField()

    def __init__(self, *args: Any, zones: Iterable[DeliveryZone], **more: Any) -> None:
        super().__init__(*args, **more)
        zone: Any = self.fields["zone"]
        zone.choices = [(str(row.pk), row.name) for row in zones]


def _days(label: str, initial: Iterable[int]) -> forms.TypedMultipleChoiceField:
    return forms.TypedMultipleChoiceField(
        choices=WEEKDAYS,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label=label,
        initial=list(initial),
    )


class ZoneForm(forms.Form):
    """A zone, with one window or two on some days of the week."""

    name = forms.CharField(max_length=60)
    time_zone = forms.ChoiceField(choices=TIME_ZONES, label="Its clocks are")
    weekdays = _days("Days with windows", range(1, 5))
    opens = Clock(label="Window from", initial=time(9))
    closes = Clock(label="to", initial=time(13))
    opens_2 = Clock(label="A second one from", required=False)
    closes_2 = Clock(label="to", required=False)
    capacity = PlacesField(label="Places in each", initial=10)
    ship_weekdays = _days("Days on which the pharmacy ships", range(4))
    transit_days = forms.IntegerField(
        min_value=1, max_value=7, initial=1, label="Days from shipping to the window"
    )
    cutoff = Clock(
        label="Order until", initial=time(11),
        help_text="At the pharmacy, on the business day before shipping.",
    )  # fmt: skip
    counties = CountiesField(
        required=False,
        label="Counties that no other zone has",
        help_text="More can be taken later.",
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        for opens, closes in (("opens", "closes"), ("opens_2", "closes_2")):
            if bool(said.get(opens)) != bool(said.get(closes)):
                self.add_error(closes, "Give both, from when and to when.")
            elif said.get(opens) and said[closes] <= said[opens]:
                self.add_error(closes, "Use a time after it opens.")
        if said.get("opens") and said.get("opens") == said.get("opens_2"):
            self.add_error("opens_2", "The first one begins then, too.")
        return said

    def clean_weekdays(self) -> list[int]:
        return sorted(set(self.cleaned_data["weekdays"]))

    def clean_ship_weekdays(self) -> list[int]:
        return sorted(set(self.cleaned_data["ship_weekdays"]))

    def templates(self) -> list[dict[str, Any]]:
        """The windows of a week, as the action takes them."""
        said = self.cleaned_data
        hours = [(said["opens"], said["closes"])]
        if said["opens_2"]:
            hours.append((said["opens_2"], said["closes_2"]))
        return [
            {"weekday": day, "opens": opens, "closes": closes, "capacity": said["capacity"]}
            for day in said["weekdays"]
            for opens, closes in hours
        ]
