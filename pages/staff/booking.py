"""A consultation is booked, moved, confirmed or cancelled for a caller, in the caller's zone."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect

from pages.staff.desk import Desk, OfPatient, named, version_of
from pages.staff.forms import BookForm, OnBehalf, ReasonForm
from patients.api import found
from scheduling.calendar.api import free_times
from scheduling.calendar.models import Physician
from scheduling.consultations import actions
from scheduling.consultations.models import Consultation, Kind, Status

STRIP = 14  # days


def first_day(text: str, today: date) -> date:
    """The day that the address asks for; today for none, or for one that is over or far."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if today <= day <= today + timedelta(days=365) else today


def strip_of(
    starts: list[Any], first: date, zone: str, chosen: date, *, length: int = STRIP
) -> list[dict[str, Any]]:
    """Days, each with how many of the times start on it; a start is the first of each row."""
    on = groupby(starts, key=lambda row: row[0].astimezone(ZoneInfo(zone)).date())
    counts = {day: len(list(rows)) for day, rows in on}
    days = [first + timedelta(days=n) for n in range(length)]
    return [{"day": d, "free": counts.get(d, 0), "chosen": d == chosen} for d in days]


def on_day(starts: list[Any], day: date, zone: str) -> list[Any]:
    """Those of the times that start on a day of the zone."""
    return [row for row in starts if row[0].astimezone(ZoneInfo(zone)).date() == day]


class Book(OfPatient):
    """Free times on a strip of days; booking one, or moving what is booked to it."""

    template = "pages/staff/book.html"

    def facts(self) -> Mapping[str, Any]:
        zone, moving = self.patient.time_zone, self._moving()
        today = self.now.astimezone(ZoneInfo(zone)).date()
        asked = self.request.GET
        first = first_day(asked.get("from", ""), today)
        kind = moving.kind if moving else self._kind()
        names = self._physicians()
        slots = self._slots(first, kind)
        free = [slot[0].astimezone(ZoneInfo(zone)).date() for slot in slots]
        day = (
            first_day(asked.get("day", ""), today) if asked.get("day") else min(free, default=first)
        )
        return {
            **super().facts(),
            "here": "patients",
            "form": self.form(BookForm, initial={"place": self._state}),
            "moving": moving,
            "move_id": str(moving.pk) if moving else "",
            "kind": kind,
            "day": day,
            "strip": strip_of(slots, first, zone, day),
            "earlier": max(today, first - timedelta(days=STRIP)) if first > today else None,
            "later": first + timedelta(days=STRIP),
            "first": first,
            "times": [
                {"start": slot[0], "physician": slot[2], "name": names.get(slot[2], "")}
                for slot in on_day(slots, day, zone)
            ],
            "several": len(names) > 1,
        }

    @property
    def _state(self) -> str:
        return self.patient.address.state if self.patient.address else ""

    def _physicians(self) -> dict[Any, str]:
        rows = Physician.objects.filter(is_active=True).order_by("name")
        return dict(rows.values_list("pk", "name"))

    def _slots(self, first: date, kind: str) -> list[Any]:
        """Where nobody is treated, nothing is offered; booking says why."""
        address = self.patient.address
        if address is None or not address.served:
            return []
        last, zone = first + timedelta(days=STRIP - 1), self.patient.time_zone
        rows = free_times(first, last, kind=kind, state=address.state, zone=zone, now=self.now)
        return [(row["start"], row["end"], row["physician"]) for row in rows]

    def _kind(self) -> str:
        if (asked := self.request.GET.get("kind")) in Kind.values:
            return asked
        rows = Consultation.objects.visible_to(self.user).filter(patient=self.patient)
        held = rows.filter(status=Status.COMPLETED).exists()
        return Kind.FOLLOW_UP if held else Kind.INITIAL

    def _moving(self) -> Consultation | None:
        text = self.request.GET.get("move", "")
        rows = Consultation.objects.visible_to(self.user).filter(patient=self.patient)
        return named(rows.select_related("physician"), text) if text else None

    def do_book(self) -> HttpResponseBase:
        form = BookForm(self.request.POST)
        sent = self.read(form)
        meeting = actions.book(
            patient=self.patient,
            physician=sent["physician"],
            start=sent["start"],
            kind=self._kind(),
            location={"state": sent["place"].upper()},
            by=self.by(sent["channel"]),
            now=self.now,
        )
        return redirect("staff-consultation", meeting.pk)

    def do_move(self) -> HttpResponseBase:
        form = BookForm(self.request.POST)
        sent, moving = self.read(form), self._moving()
        if moving is None:
            return redirect("patient-book", self.patient.pk)
        moved = actions.reschedule(
            consultation=moving,
            start=sent["start"],
            physician=sent["physician"],
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, "It is moved. Read it back to them.")
        return redirect("staff-consultation", moved.pk)


class Meeting(Desk):
    """What is booked, to be read back; confirm, move, cancel."""

    template = "pages/staff/consultation.html"

    @property
    def _meeting(self) -> Consultation:
        rows = Consultation.objects.visible_to(self.user).with_people()
        row: Consultation = found(rows, self.kwargs["pk"])
        return row

    def facts(self) -> Mapping[str, Any]:
        row = self._meeting
        self.looked("consultation", [row])
        coming = row.status == Status.BOOKED
        return {
            **self.about(row.patient),
            "here": "patients",
            "meeting": row,
            "is_coming": coming,
            "risks": actions.risks_of(row) if coming and row.end > self.now else [],
            "form": self.form(ReasonForm),
            "confirm_form": self.form(OnBehalf, "confirm_form"),
        }

    def do_confirm(self) -> None:
        sent = self.read(OnBehalf(self.request.POST), "confirm_form")
        actions.confirm(
            consultation=self._meeting,
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, "They said that they will be there.")

    def do_cancel(self) -> None:
        sent = self.read(ReasonForm(self.request.POST))
        actions.cancel(
            consultation=self._meeting,
            reason=sent["reason"],
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, "The consultation is cancelled, its time is free again.")
