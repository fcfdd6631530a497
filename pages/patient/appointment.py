"""One appointment: when, with whom, how to join; moved or cancelled in two taps, and undone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from icalendar import Calendar, Event

from accounts.models import Role
from pages.page import Page
from pages.public.book import DAY, SHOWN, count_look, weeks
from pages.public.links import instant
from patients.api import found
from records.refused import Refused
from records.values import in_force
from scheduling.calendar.api import free_times
from scheduling.consultations.actions import cancel, confirm, reschedule, risks_of
from scheduling.consultations.models import Consultation, Status
from scheduling.consultations.undo import UNDO_FOR, book_again, can_book_again

UNDO = "undo"  # in the session: where an appointment was before it was moved


class VersionForm(forms.Form):
    """Which version of the appointment was looked at."""

    version = forms.IntegerField(min_value=1, max_value=10**9)


class OwnAppointment(Page):
    """A page about one consultation of the patient who looks."""

    roles = (Role.PATIENT,)

    def consultation(self) -> Consultation:
        rows = Consultation.objects.visible_to(self.user).with_people()
        row: Consultation = found(rows, self.kwargs["pk"])
        return row


class Appointment(OwnAppointment):
    """When, with whom and how; what can be done about it, and be undone for some minutes."""

    template = "pages/patient/appointment.html"

    def facts(self) -> Mapping[str, Any]:
        row = self.consultation()
        zone = row.patient.time_zone
        stands = row.status == Status.BOOKED and self.now < row.end
        changes = stands and self.now < row.start
        does = self.request.GET.get("do", "") if changes else ""
        return {
            "here": "care",
            "it": row,
            "zone": zone,
            "stands": stands,
            "changes": changes,
            "over": row.status == Status.BOOKED and not stands,
            "soon": stands and row.start - self.now < timedelta(minutes=15),
            "risks": risks_of(row) if stands else [],
            "does": does,
            "undo": self._undo(row),
            **(self._times(row, zone) if does == "move" else {}),
        }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.GET.get("do") == "move":
            count_look(request)
        return super().get(request, *args, **kwargs)

    def do_confirm(self) -> None:
        confirm(consultation=self.consultation(), by=self.by(), now=self.now, version=self._seen())
        messages.success(self.request, "Thank you: you will be there.", extra_tags="good")

    def do_cancel(self) -> HttpResponseBase:
        row = self.consultation()
        cancel(consultation=row, reason="", by=self.by(), now=self.now, version=self._seen())
        return redirect("appointment", row.pk)

    def do_move(self) -> HttpResponseBase:
        row = self.consultation()
        start = instant(self.request.POST.get("start", ""))
        if start is None:
            raise Refused("not_offered", "Please choose one of the free times.")
        was = row.start.isoformat()
        moved = reschedule(
            consultation=row,
            start=start,
            physician=None,
            by=self.by(),
            now=self.now,
            version=self._seen(),
        )
        until = (self.now + UNDO_FOR).isoformat()
        self.request.session[UNDO] = {
            "start": was, "of": str(row.pk), "version": moved.version, "until": until,
        }  # fmt: skip
        return redirect("appointment", row.pk)

    def do_undo(self) -> HttpResponseBase:
        """Put back what was just done, if its time is free still."""
        row = self.consultation()
        undo = self._undo(row)
        if undo is None:
            raise Refused("too_late", "That cannot be undone any more.")
        if row.status == Status.CANCELLED:
            row = book_again(consultation=row, by=self.by(), now=self.now)
        else:
            self._move_back(row, undo)
        messages.success(self.request, "All is as it was before.", extra_tags="good")
        return redirect("appointment", row.pk)

    def _move_back(self, row: Consultation, undo: dict[str, Any]) -> None:
        reschedule(
            consultation=row,
            start=undo["start"],
            physician=None,
            by=self.by(),
            now=self.now,
            version=undo["version"],
            back=True,
        )
        self.request.session.pop(UNDO, None)

    def _undo(self, row: Consultation) -> dict[str, Any] | None:
        """What can be taken back for some minutes more: the patient's own, and the last."""
        if row.status == Status.CANCELLED:
            return {"start": row.start} if can_book_again(row, self.now) else None
        kept = self.request.session.get(UNDO)
        if not kept or kept["of"] != str(row.pk) or kept["version"] != row.version:
            return None
        until, start = (datetime.fromisoformat(kept[name]) for name in ("until", "start"))
        living = row.status == Status.BOOKED and self.now < min(until, start)
        return {"start": start, "version": kept["version"]} if living else None

    def _seen(self) -> int:
        form = VersionForm(self.request.POST)
        return form.cleaned_data["version"] if form.is_valid() else -1

    def _times(self, row: Consultation, zone: str) -> dict[str, Any]:
        local = ZoneInfo(zone)
        today, own = (at.astimezone(local).date() for at in (self.now, row.start))
        last = today + timedelta(days=in_force(self.now)["consultation_horizon"])
        monday = own - timedelta(days=own.weekday())
        first, until = weeks(self.request.GET.get("from"), monday, today, last)
        rows = free_times(
            first,
            until,
            kind=row.kind,
            state=row.location_state,
            zone=zone,
            only=[row.physician_id],
            now=self.now,
        )
        starts = [slot["start"] for slot in rows]
        days = groupby(starts, lambda start: start.astimezone(local).date())
        return {
            "days": [(day, list(times)) for day, times in days],
            "earlier": _from(max(first - SHOWN, today)) if first > today else "",
            "later": _from(until + DAY) if until < last else "",
        }


def _from(day: date) -> str:
    """The address of other weeks."""
    return "?" + urlencode({"do": "move", "from": day})


class AddToCalendar(OwnAppointment):
    """The appointment as a file for calendars; it says nothing about health."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = HttpResponse(as_file(self.consultation()), content_type="text/calendar")
        answer["Content-Disposition"] = 'attachment; filename="appointment.ics"'
        return answer


def as_file(row: Consultation) -> bytes:
    """RFC 5545: the same UID always, a SEQUENCE that grows with each move, times in UTC."""
    event = Event()
    event.add("uid", f"{row.pk}@hearth")
    event.add("dtstamp", row.changed_at.astimezone(UTC))
    event.add("sequence", row.revision - 1 + (row.status == Status.CANCELLED))
    event.add("dtstart", row.start.astimezone(UTC))
    event.add("dtend", row.end.astimezone(UTC))
    event.add("summary", "Appointment")
    event.add("status", "CANCELLED" if row.status == Status.CANCELLED else "CONFIRMED")
    calendar = Calendar()
    calendar.add("prodid", "-//Hearth//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
