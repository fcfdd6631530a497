"""Sessions at home: plan, move, measure, start, finish, tell how it was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from pages.patient.forms import US_STATES, Reading
from pages.patient.own import Own
from patients.api import found
from records.values import in_force
from scheduling.calendar.api import days
from scheduling.intervals import Interval
from scheduling.sessions import actions
from scheduling.sessions.gates import MEASURE_BEFORE, START_BEFORE, above_limits
from scheduling.sessions.models import TO_COME, Status, TreatmentSession
from scheduling.subscriptions.actions import local_day

WEEK = timedelta(days=7)
NAMES = {
    Status.SCHEDULED: ("Planned", "calm"),
    Status.HELD: ("Needs another time", "warn"),
    Status.IN_PROGRESS: ("Under way", "calm"),
    Status.COMPLETED: ("Done", "good"),
    Status.CANCELLED: ("Cancelled", ""),
    Status.MISSED: ("Missed", ""),
}
WHO = {
    "patient": "This is for you to do.",
    "physician": "Your physician sees to it.",
    "staff": "Our team sees to it.",
    "pharmacy": "The pharmacy sees to it.",
}


class Instant(forms.CharField):
    """An instant as our own pages send it: RFC 3339 with an offset."""

    def clean(self, value: Any) -> datetime:
        text = super().clean(value)
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is None or not 2000 <= at.year <= 2100:
                raise ValueError
            return at.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError("Please choose one of the times.") from error


class Time(forms.Form):
    start = Instant(max_length=40, error_messages={"required": "Please choose a time."})


class PreCheck(Reading):
    """What is measured within the hour before a session, and who and where."""

    state = forms.ChoiceField(
        label="Where are you now?", choices=US_STATES, widget=forms.RadioSelect
    )
    support_person_present = forms.TypedChoiceField(
        label="Is your support person with you?",
        choices=(("yes", "Yes"), ("no", "Not yet")),
        coerce=lambda text: text == "yes",
        widget=forms.RadioSelect,
    )
    minutes_ago = forms.TypedChoiceField(
        label="When did you measure?",
        choices=((0, "Just now"), (10, "10 minutes ago"), (20, "20 minutes ago"), (60, "Earlier")),
        coerce=int,
        initial=0,
        widget=forms.RadioSelect,
    )
    field_order = ("state", "support_person_present", "systolic", "diastolic", "pulse")


class CheckIn(forms.Form):
    feeling = forms.ChoiceField(
        label="How do you feel?",
        choices=(("well", "Well"), ("unsure", "Not sure"), ("unwell", "Unwell")),
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label="Anything that your physician should know?",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def _mine(page: Own) -> Any:
    return TreatmentSession.objects.visible_to(page.user)


class AllSessions(Own):
    """The sessions of who looks, the latest first."""

    template = "pages/patient/sessions.html"

    def facts(self) -> Mapping[str, Any]:
        mine = self.rows(_mine(self).select_related("physician"))
        shown = [{"row": row, "name": NAMES[Status(row.status)]} for row in mine["rows"]]
        coming = [each for each in shown if each["row"].status in (*TO_COME, Status.IN_PROGRESS)]
        past = [each for each in shown if each not in coming]
        coming.sort(key=lambda each: each["row"].start)
        return {**mine, "coming": coming, "past": past, "zone": self.patient.time_zone}


# --- when ----------------------------------------------------------------------------------------


class Times(Own):
    """Free times, a week at a time; ``from`` is the first day, where the patient lives."""

    template = "pages/patient/session_times.html"

    def moving(self) -> TreatmentSession | None:
        """The session that gets another time; None for one that is planned anew."""
        return None

    def facts(self) -> Mapping[str, Any]:
        zone, moving = self.patient.time_zone, self.moving()
        today = local_day(self.now, zone)
        first = max(self._from(), today)
        within = days(first, first + WEEK - timedelta(days=1), zone)
        offered = actions.times(self.patient, within, now=self.now, moving=moving)
        return {
            "moving": moving,
            "days": _by_day(offered.slots, zone),
            "supervised": offered.supervised,
            "unmet": offered.unmet,
            "zone": zone,
            "first": first,
            "earlier": max(first - WEEK, today) if first > today else None,
            "later": first + WEEK,
            "form": self.form(Time, "plan"),
        }

    def _from(self) -> date:
        try:
            day = date.fromisoformat(self.request.GET.get("from", ""))
        except ValueError:
            return date.min
        return day if 2000 <= day.year <= 2100 else date.min


def _by_day(slots: Sequence[Interval], zone: str) -> list[tuple[date, list[Interval]]]:
    grouped = groupby(slots, key=lambda slot: local_day(slot.start, zone))
    return [(day, list(rows)) for day, rows in grouped]


class PlanSession(Times):
    """A session is planned."""

    def do_plan(self) -> HttpResponse:
        start = self.read(self.form(Time, "plan"))["start"]
        planned = actions.plan(patient=self.patient, start=start, by=self.by(), now=self.now)
        messages.success(self.request, "Your session is planned.")
        return redirect("session", planned.pk)


class MoveSession(Times):
    """A session gets another time."""

    def moving(self) -> TreatmentSession:
        row: TreatmentSession = found(_mine(self).select_related("reservation"), self.kwargs["pk"])
        return row

    def do_plan(self) -> HttpResponse:
        start = self.read(self.form(Time, "plan"))["start"]
        common: dict[str, Any] = {"by": self.by(), "now": self.now, "version": self.version}
        moved = actions.reschedule(session=self.moving(), start=start, **common)
        messages.success(self.request, "Your session has another time.")
        return redirect("session", moved.pk)


# --- one session ---------------------------------------------------------------------------------


class OneSession(Own):
    """One session, and what its patient does at it."""

    template = "pages/patient/session.html"

    def facts(self) -> Mapping[str, Any]:
        row = self._row()
        unmet = actions.unmet_gates([row], now=self.now).get(row.pk, [])
        planned = row.status == Status.SCHEDULED
        can_measure = planned and row.start - MEASURE_BEFORE <= self.now < row.end
        return {
            "row": row,
            "name": NAMES[Status(row.status)],
            "zone": row.patient.time_zone,
            "unmet": [{"gate": gate, "who": WHO[gate.who]} for gate in unmet],
            "measure_from": row.start - MEASURE_BEFORE,
            "start_from": row.start - START_BEFORE,
            "can_measure": can_measure,
            "can_start": can_measure and row.cleared_at and self.now >= row.start - START_BEFORE,
            "can_move": planned and self.now < row.start,
            "can_choose": row.status == Status.HELD
            and not any(gate.who in ("physician", "staff") for gate in unmet),
            "readings": row.readings.all(),
            "pre_check": self.form(PreCheck, "pre_check", minutes_ago=0),
            "finish": self.form(Reading, "finish"),
            "check_in": self.form(CheckIn, "check_in"),
        }

    def _row(self) -> Any:
        rows = _mine(self).select_related("patient__address", "physician")
        return found(rows.prefetch_related("readings"), self.kwargs["pk"])

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {"by": self.by(), "now": self.now, "version": self.version}
        return {"session": self._row(), **common}

    def do_cancel(self) -> None:
        actions.cancel(**self._common())
        messages.success(self.request, "Your session is cancelled.")

    def do_pre_check(self) -> None:
        sent = self.read(self.form(PreCheck, "pre_check"), "pre_check")
        measured_at = self.now - timedelta(minutes=sent.pop("minutes_ago"))
        checked = actions.pre_check(measured_at=measured_at, **sent, **self._common())
        if checked.status == Status.HELD:
            messages.warning(
                self.request,
                "Your numbers are higher than your physician wants before a session. Please do not "
                "begin. Your physician looks at it now and calls you.",
            )
        else:
            messages.success(self.request, "Thank you. We have your numbers.")

    def do_start(self) -> None:
        actions.start(**self._common())
        messages.success(self.request, "Your session has begun. Be well.")

    def do_finish(self) -> None:
        sent = self.read(self.form(Reading, "finish"), "finish")
        actions.finish(**sent, **self._common())
        if above_limits(**sent, values=in_force(self.now)):
            messages.warning(
                self.request,
                "Your numbers are high. Please stay seated, and do not be alone. Your physician "
                "was told just now and calls you. If you feel unwell, call 911 at once.",
            )
        else:
            messages.success(
                self.request, "Thank you. Rest now, and do not drive until you have slept."
            )

    def do_check_in(self) -> None:
        sent = self.read(self.form(CheckIn, "check_in"), "check_in")
        actions.check_in(**sent, **self._common())
        if sent["feeling"] == TreatmentSession.Feeling.UNWELL:
            says = "Thank you for telling us. We call you now. In an emergency call 911."
            messages.warning(self.request, says)
        else:
            messages.success(self.request, "Thank you for telling us.")
