"""A consultation is booked: a free time is chosen, held, and booked by whoever has signed in."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.models import User
from pages.page import Invalid, Page
from pages.public import held
from pages.public.frame import is_embedded
from pages.public.held import Held
from pages.public.links import instant
from pages.public.place import ZONES, PlaceForm, ZipForm
from patients.models import Patient
from records.limits import address_of, take
from records.refused import Refused
from records.values import in_force
from scheduling.calendar import actions
from scheduling.calendar.actions import Wish
from scheduling.calendar.api import browser_of, free_times, keep_browser, where_of_zip
from scheduling.calendar.slots import offer_of
from scheduling.consultations.models import Consultation, Status

SHOWN = timedelta(days=14)  # in the strip at once
DAY = timedelta(days=1)


def patient_of(user: Any) -> Patient | None:
    """The patient who looks; None for a visitor. Colleagues book at their own desks."""
    if not isinstance(user, User):
        return None
    if user.is_colleague:
        raise PermissionDenied
    return Patient.objects.visible_to(user).select_related("address").first()


def count_look(request: HttpRequest) -> None:
    """Looking for free times counts for who has signed in too, as at the door of the API."""
    if isinstance(request.user, User):
        take("look", user=str(request.user.pk))


def kinds_of(patient: Patient | None, user: Any, *, now: datetime) -> tuple[list[str], Any]:
    """What somebody may book, the likely one first, and what stands in the way of a first one."""
    if patient is None:
        return ["initial"], None
    rows = Consultation.objects.visible_to(user).filter(patient=patient)
    mine = list(rows.order_by("-start").values("pk", "kind", "status", "start", "end")[:20])
    ahead = [row for row in mine if row["status"] == Status.BOOKED and row["end"] > now]
    first = next((row for row in ahead if row["kind"] == "initial"), None)
    if any(row["status"] == Status.COMPLETED for row in mine):
        return ["follow_up", "initial"] if first is None else ["follow_up"], first
    return ["initial"], first


class Choosing(Page):
    """What the pages of free times share: where somebody is, and which kind they may book."""

    @property
    def asked(self) -> Any:
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def patient(self) -> Patient | None:
        """Who looks; in the frame of another site, nobody."""
        return None if is_embedded(self.request) else patient_of(self.request.user)

    def where(self, patient: Patient | None) -> tuple[str, str]:
        """State and zone: of the address, or of the ZIP code; raises `Refused` and `Invalid`."""
        if patient is None:
            return where_of_zip(self.read(PlaceForm(self.asked), "form"))
        address = patient.address
        if address is None or not address.served:
            raise Refused("out_of_area", "We only treat at addresses in Florida and New Jersey.")
        return address.state, address.time_zone

    def kind(self, kinds: list[str]) -> str:
        asked = self.asked.get("kind", "")
        return asked if asked in kinds else kinds[0]

    def typed(self) -> dict[str, str]:
        names = ("postal_code", "time_zone")
        return {name: self.asked[name] for name in names if self.asked.get(name)}


class Book(Choosing):
    """The days of two weeks, the free times of one, and a button for each: it is held."""

    template = "pages/public/book.html"

    def facts(self) -> Mapping[str, Any]:
        patient = self.patient()
        kinds, ahead = kinds_of(patient, self.request.user, now=self.now)
        facts = {
            "here": "book",
            "embed": is_embedded(self.request),
            "patient": patient,
            "ahead": ahead if kinds == ["initial"] else None,
            "held": self._held(),
            "form": ZipForm(),
            "zones": ZONES,
        }
        if facts["ahead"] or (patient is None and "postal_code" not in self.asked):
            return facts
        try:
            state, zone = self.where(patient)
        except Invalid as invalid:
            return {**facts, "form": invalid.form}
        except Refused as why:
            return {**facts, "form": PlaceForm(self.asked), "why": why}
        return {**facts, **self._times(state, zone, kinds)}

    def do_hold(self) -> HttpResponseBase:
        user = self.request.user if isinstance(self.request.user, User) else None
        patient = self.patient()
        state, zone = self.where(patient)
        kinds, _ = kinds_of(patient, user, now=self.now)
        by = {"user": str(user.pk)} if user else {"address": address_of(self.request)}
        take("hold", **by)
        start = instant(self.asked.get("start", ""))
        if start is None:
            raise Refused("not_offered", "Please choose one of the free times.")
        wish = Wish(start, self.kind(kinds), state, zone)
        browser = browser_of(self.request, user)
        before = Held.of(self.request)
        hold, secret = actions.take_hold(
            wish=wish, browser=browser, now=self.now, instead=before.key if before else None
        )
        code = "" if patient else self.read(ZipForm(self.asked))["postal_code"]
        held.keep(self.request, hold, secret, zone=zone, postal_code=code)
        answer = redirect("book-confirm")
        if user is None:
            keep_browser(answer, browser)
        return answer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        count_look(request)
        facts = self.facts()
        refused = facts.get("why")
        is_wrong = "slots" not in facts and facts["form"].is_bound and refused is None
        shown = {**facts, "now": self.now}
        return render(request, self.template, shown, status=400 if is_wrong else 200)

    def _held(self) -> Held | None:
        """The time that this browser holds already; not in a frame."""
        row = None if is_embedded(self.request) else Held.of(self.request)
        return row if row and row.lives(self.now) else None

    def _times(self, state: str, zone: str, kinds: list[str]) -> dict[str, Any]:
        kind = self.kind(kinds)
        today = self.now.astimezone(ZoneInfo(zone)).date()
        last = today + timedelta(days=in_force(self.now)["consultation_horizon"])
        first, until = weeks(self.asked.get("from"), today, today, last)
        rows = free_times(first, until, kind=kind, state=state, zone=zone, now=self.now)
        days = {day: list(slots) for day, slots in groupby(rows, lambda row: _local(row, zone))}
        wanted = _day(self.asked.get("day"))
        day = wanted if wanted in days else next(iter(days), None)
        strip = [first + n * DAY for n in range((until - first).days + 1)]
        chosen = {"kind": kind, **self.typed()}
        return {
            "zone": zone,
            "kind": kind,
            "kinds": kinds if len(kinds) > 1 else [],
            "day": day,
            "slots": _once(days.get(day, [])) if day else [],
            "strip": [(each, len(days.get(each, [])), self._to(day=each)) for each in strip],
            "earlier": self._to(**{"from": max(first - SHOWN, today)}) if first > today else "",
            "later": self._to(**{"from": until + DAY}) if until < last else "",
            "chosen": chosen,
            "link": urlencode(chosen),
        }

    def _to(self, **more: Any) -> str:
        """The address of another day, with what was chosen before."""
        names = ("postal_code", "time_zone", "kind", "from", "embed")
        kept = {name: self.asked[name] for name in names if self.asked.get(name)}
        return f"{reverse('book')}?{urlencode({**kept, **more})}"


class Time(Choosing):
    """One time that was chosen elsewhere, in the frame of another site: here it can be held."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        count_look(request)
        try:
            chosen = self._chosen()
        except Invalid:  # nobody knows where they are: that is asked there
            return redirect("book")
        return render(request, "pages/public/time.html", chosen)

    def _chosen(self) -> dict[str, Any]:
        patient = self.patient()
        _, zone = self.where(patient)
        kinds, _ = kinds_of(patient, self.request.user, now=self.now)
        start = instant(self.asked.get("start", ""))
        if start is None:
            raise Refused("not_offered", "Please choose one of the free times.")
        kind = self.kind(kinds)
        actions.check_ahead(start, offer_of(kind, in_force(self.now), self.now), self.now)
        return {
            "here": "book",
            "now": self.now,
            "start": start,
            "zone": zone,
            "chosen": {"kind": kind, **self.typed()},
        }


def weeks(asked: str | None, else_: date, today: date, last: date) -> tuple[date, date]:
    """The first and the last day that are shown: from a day that was asked for, or another."""
    first = min(max(_day(asked) or else_, today), last)
    return first, min(first + SHOWN - DAY, last)


class DayForm(forms.Form):
    """A day as addresses carry it."""

    day = forms.DateField(input_formats=["%Y-%m-%d"])


def _day(text: str | None) -> date | None:
    """The day that an address names; None for what is none."""
    form = DayForm({"day": text})
    return form.cleaned_data["day"] if form.is_valid() else None


def _local(row: dict[str, Any], zone: str) -> date:
    start: datetime = row["start"]
    return start.astimezone(ZoneInfo(zone)).date()


def _once(slots: list[dict[str, Any]]) -> list[datetime]:
    """The times of a day: whoever is free then, it is one time."""
    return sorted({slot["start"] for slot in slots})
