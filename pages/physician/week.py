"""The physician's week: who is when, hours and breaks, time off, licences."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpResponse

from accounts.models import Role
from pages.forms import YEARS
from pages.page import Page
from pages.physician.entries import (
    DAY,
    Day,
    Entry,
    days_of,
    entry_of,
    for_calendar,
    off_entry,
    shown_hours,
)
from pages.physician.hours import (
    ROWS,
    WEEKDAYS,
    HoursForm,
    LicenceForm,
    OpeningForm,
    RowForm,
    SpanForm,
    ends,
)
from patients.api import found
from records.values import in_force
from scheduling import taken
from scheduling.calendar import actions
from scheduling.calendar.api import days, physician_of
from scheduling.calendar.models import Opening, Physician, TimeOff, WorkingHours
from scheduling.calendar.slots import opened
from scheduling.intervals import Interval

WEEK = timedelta(days=7)


class Week(Page):
    """A week of the physician who looks, in their zone; ``?from=`` is any day of it."""

    roles = (Role.PHYSICIAN,)
    template = "pages/physician/week.html"

    @cached_property
    def physician(self) -> Physician:
        """Who looks, with the hours that this week and all that is to come need."""
        row = physician_of(self.user)
        self.zone = row.time_zone
        ahead = {"end__gt": min(self.now, self.within.start)}
        prefetch_related_objects(
            [row],
            "licences",
            Prefetch("working_hours", WorkingHours.objects.order_by("weekday", "opens")),
            Prefetch("openings", Opening.objects.filter(**ahead).order_by("start")),
            Prefetch("time_off", TimeOff.objects.filter(**ahead).order_by("start")),
        )
        return row

    @cached_property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    @cached_property
    def first(self) -> date:
        """The Monday of the week."""
        try:
            day = date.fromisoformat(self.request.GET.get("from") or self.today.isoformat())
        except ValueError as error:
            raise BadRequest from error
        if day.year not in YEARS:
            raise BadRequest
        return day - day.weekday() * DAY

    @cached_property
    def within(self) -> Interval:
        return days(self.first, self.first + 6 * DAY, self.zone)

    def facts(self) -> Mapping[str, Any]:
        physician = self.physician
        entries = self._entries()
        hours = [(row.weekday, row.opens, row.closes) for row in physician.working_hours.all()]
        more = [Interval(row.start, row.end) for row in physician.openings.all()]
        open_ = opened(hours, more, self.zone, self.within)
        shown = days_of(self.first, entries, open_, self.zone)
        return {
            "here": "week",
            "physician": physician,
            "zone": self.zone,
            "today": self.today,
            "days": shown,
            "last": self.first + 6 * DAY,
            "before": self.first - WEEK,
            "after": self.first + WEEK,
            "is_now": self.first <= self.today < self.first + WEEK,
            "calendar": self._calendar(shown, entries, open_),
            **self._tables(),
            **self._forms(),
        }

    def _entries(self) -> list[Entry]:
        rows = taken.reserved(self.physician, self.within, self.now)
        reserved = list(rows.select_related("patient__address"))
        self.looked("reservation", [row for row in reserved if row.patient_id])
        entries = [entry_of(row, self.physician, self.now) for row in reserved]
        away = [off_entry(row) for row in self.physician.time_off.all()]
        entries += [entry for entry in away if entry.span.overlaps(self.within)]
        return sorted(entries, key=lambda entry: (entry.span.start, str(entry.id)))

    def _calendar(
        self, shown: list[Day], entries: list[Entry], open_: list[Interval]
    ) -> dict[str, Any]:
        """What the script draws."""
        low, high = shown_hours(shown, self.zone)
        weekend = any(day.entries or day.open for day in shown[5:])
        return {
            "zone": self.zone,
            "first": self.first.isoformat(),
            "now": self.now.isoformat(),
            "from": f"{low:02}:00",
            "until": f"{high:02}:00",
            "step": in_force(self.now)["slot_step"],
            "weekends": weekend,
            "open": [[span.start.isoformat(), span.end.isoformat()] for span in open_],
            "entries": [for_calendar(entry) for entry in entries],
        }

    def _tables(self) -> dict[str, Any]:
        """The physician's hours, and what is to come of the rest."""
        row = self.physician
        hours = [
            {"name": name, "rows": [h for h in row.working_hours.all() if h.weekday == number]}
            for number, name in enumerate(WEEKDAYS)
        ]
        licences = sorted(row.licences.all(), key=lambda x: (x.state, x.valid_from))
        return {
            "hours": hours,
            "openings": [x for x in row.openings.all() if x.end > self.now],
            "time_off": [x for x in row.time_off.all() if x.end > self.now],
            "licences": [(x, *ends(x, self.today)) for x in licences],
        }

    def _forms(self) -> dict[str, Any]:
        return {
            "hours_form": HoursForm(auto_id="hours_%s"),
            "opening_form": OpeningForm(zone=self.zone, auto_id="opening_%s"),
            "off_form": SpanForm(zone=self.zone, auto_id="off_%s"),
            "licence_form": LicenceForm(auto_id="licence_%s"),
        }

    # --- what the buttons do

    def do_add_hours(self) -> None:
        sent = self.read(HoursForm(self.request.POST, auto_id="hours_%s"), "hours_form")
        self._add(actions.add_working_hours, sent)
        messages.success(self.request, "The hours are in.")

    def do_add_opening(self) -> None:
        self._add(
            actions.add_opening, self.read(self._span(OpeningForm, "opening_"), "opening_form")
        )
        messages.success(self.request, "That time is open.")

    def do_add_licence(self) -> None:
        sent = self.read(LicenceForm(self.request.POST, auto_id="licence_%s"), "licence_form")
        self._add(actions.add_licence, sent)
        messages.success(self.request, "The licence is in.")

    def do_preview(self) -> HttpResponse:
        """Who is at risk if this time is taken off; nothing is saved."""
        form = self._span(SpanForm, "off_")
        span = Interval(**self.read(form, "off_form"))
        typed = {name: self.request.POST[name] for name in ("start", "end")}
        at_risk = self._at_risk(span)
        return self.page(off_form=form, preview={"span": span, "at_risk": at_risk, "typed": typed})

    def do_add_time_off(self) -> None:
        sent = self.read(self._span(SpanForm, "off_"), "off_form")
        self._add(actions.add_time_off, sent)
        number = len(self._at_risk(Interval(**sent)))
        words = "Time off is saved; nobody is booked in it."
        if number:
            who = "1 consultation is" if number == 1 else f"{number} consultations are"
            words = f"Time off is saved. {who} at risk until moved: nothing was cancelled."
        messages.success(self.request, words)

    def do_remove(self) -> None:
        sent = self.read(RowForm(self.request.POST), "row_form")
        rows = ROWS[sent["of"]].objects.filter(physician=self.physician)
        actions.remove(found(rows, sent["row"]), by=self.by(), now=self.now)
        messages.success(self.request, "It is taken out.")

    def _add(self, add: Callable[..., Any], sent: dict[str, Any]) -> None:
        add(physician=self.physician, **sent, by=self.by(), now=self.now)

    def _span(self, form: type[SpanForm], prefix: str) -> SpanForm:
        zone = self.physician.time_zone
        return form(self.request.POST, zone=zone, auto_id=f"{prefix}%s")

    def _at_risk(self, span: Interval) -> list[Any]:
        """What is booked in it; whoever sees the names is written down."""
        rows = taken.booked(self.physician, span).select_related("patient__address")
        at_risk = list(rows)
        self.looked("consultation", at_risk)
        return at_risk
