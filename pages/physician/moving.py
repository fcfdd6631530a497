"""Another time for a consultation, or none: a page of its own, and what the week opens over it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import Role
from notifications.texts import spoken_time
from pages.forms import YEARS, Instant
from pages.page import Page
from pages.physician.entries import full_name, met, theirs
from pages.templatetags.words import clock_time
from patients.api import found
from scheduling.calendar.api import days, physician_of
from scheduling.consultations import actions
from scheduling.consultations.free import free_times
from scheduling.consultations.models import Consultation, Status
from scheduling.intervals import Interval

LOOKS = timedelta(days=14)  # how far free times are looked for, from the day on
OTHER_DAYS = 6


class OnForm(forms.Form):
    """The day of which the free times are shown."""

    on = forms.DateField(required=False)


class MoveForm(forms.Form):
    """Where to; ``version`` is that of the consultation as it was seen."""

    start = Instant()
    version = forms.IntegerField(min_value=0, max_value=10**9)


class CancelForm(forms.Form):
    """Why; the patient does not read it."""

    reason = forms.CharField(
        label="Reason (the patient does not see it)", max_length=300, required=False
    )
    version = forms.IntegerField(min_value=0, max_value=10**9, widget=forms.HiddenInput)


class Move(Page):
    """A consultation, the free times of a day (``?on=``) and after it, and taking it off."""

    roles = (Role.PHYSICIAN,)
    template = "pages/physician/move.html"

    @cached_property
    def row(self) -> Consultation:
        """The consultation; whoever sees it is written down."""
        rows = Consultation.objects.visible_to(self.user).with_people()
        row: Consultation = found(rows.select_related("reservation"), self.kwargs["pk"])
        self.looked("consultation", [row])
        return row

    @cached_property
    def zone(self) -> str:
        """Where the one who looks reads: a colleague's consultation too."""
        return physician_of(self.user).time_zone

    def facts(self) -> Mapping[str, Any]:
        row = self.row
        on = self._on()
        span = Interval(row.start, row.end)
        within = days(on, on + LOOKS, self.zone)
        booked = row.status == Status.BOOKED
        free = free_times(row, within=within, now=self.now) if booked else []
        by_day = {day: list(starts) for day, starts in groupby(free, self._day)}
        return {
            "here": "week",
            "row": row,
            "entry": met(row, row.patient, row.physician, span, self.now),
            "zone": self.zone,
            "on": on,
            "its_day": self._day(row.start),
            "today": self._day(self.now),
            "times": [self._told(start) for start in by_day.pop(on, [])],
            "others": [(day, len(starts)) for day, starts in by_day.items()][:OTHER_DAYS],
            "cancel_form": CancelForm(initial={"version": row.version}),
        }

    def do_move(self) -> HttpResponseBase:
        row, sent = self.row, self.read(MoveForm(self.request.POST), "move_form")
        moved = actions.reschedule(
            consultation=row, **sent, physician=None, by=self.by(), now=self.now
        )
        there = theirs(moved.start, row.patient, self.zone)
        words = f"{full_name(row.patient)} is now on {spoken_time(moved.start, self.zone)}"
        messages.success(self.request, f"{words} ({there})." if there else f"{words}.")
        return self._week(moved)

    def do_cancel(self) -> HttpResponseBase:
        row, sent = self.row, self.read(CancelForm(self.request.POST), "cancel_form")
        actions.cancel(consultation=row, **sent, by=self.by(), now=self.now)
        when = spoken_time(row.start, self.zone)
        messages.success(self.request, f"{full_name(row.patient)}, {when}: cancelled.")
        return self._week(row)

    def _week(self, row: Consultation) -> HttpResponseBase:
        return redirect(f"{reverse('week')}?from={self._day(row.start)}")

    def _on(self) -> date:
        """The day that is asked for; else that of the consultation, or today when it is over."""
        form = OnForm(self.request.GET)
        if not form.is_valid():
            raise BadRequest
        asked: date | None = form.cleaned_data["on"]
        if asked and asked.year not in YEARS:
            raise BadRequest
        return asked or max(self._day(self.row.start), self._day(self.now))

    def _day(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()

    def _told(self, start: datetime) -> dict[str, str]:
        """A free time: its value, the physician's clock, and the patient's where it differs."""
        return {
            "value": start.isoformat(),
            "words": clock_time(start, self.zone),
            "theirs": theirs(start, self.row.patient, self.zone),
        }
