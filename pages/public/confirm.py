"""The time that somebody holds becomes an appointment, once they have signed in."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from pages.page import Page
from pages.public import held
from pages.public.book import DAY, count_look, patient_of
from pages.public.held import Held
from patients.actions import give_consents
from patients.facts import facts_of
from patients.gates import patient_gates
from patients.models import Patient
from records.limits import address_of, take
from records.refused import Refused
from scheduling.calendar import actions
from scheduling.calendar.actions import Wish
from scheduling.calendar.api import browser_of, free_times, keep_browser
from scheduling.consultations.actions import book
from scheduling.consultations.models import Consultation, Status

STATES = (("FL", "Florida"), ("NJ", "New Jersey"))
OTHERS = 6  # times that are offered instead
AHEAD = timedelta(days=14)


class WhereForm(forms.Form):
    """Where somebody is going to be: the physician may practise in some states alone."""

    state = forms.ChoiceField(label="State", choices=STATES)
    city = forms.CharField(label="City or town", max_length=60, required=False)


class Confirm(Page):
    """How long the time is held, and the button that books it."""

    template = "pages/public/confirm.html"

    @cached_property
    def kept(self) -> Held | None:
        return Held.of(self.request)

    @property
    def hold(self) -> Held:
        """The time that is held, past `get` and `post`."""
        assert self.kept  # noqa: S101  narrows the type; without one, they lead elsewhere
        return self.kept

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.kept is None:
            return redirect("book")
        count_look(request)
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What a button does, to the time that its page shows."""
        shown = request.POST.get("hold", "")
        if self.kept is None:
            is_id = request.user.is_authenticated and shown
            mine = self._booked(reservation=self.posted_id("hold")) if is_id else None
            return redirect("appointment", mine) if mine else redirect("book")
        if shown != str(self.hold.id):
            raise Refused("stale", "This page was not up to date any more. Please look again.")
        return super().post(request, *args, **kwargs)

    def facts(self) -> Mapping[str, Any]:
        patient = patient_of(self.request.user)
        lives = self.hold.lives(self.now)
        zone = patient.time_zone if patient else self.hold.zone
        facts = {
            "here": "book",
            "hold": self.hold,
            "lives": lives,
            "seconds": int((self.hold.expires_at - self.now).total_seconds()),
            "zone": zone,
            "patient": patient,
            "chosen": self.hold.chosen,
            "others": [] if lives else self._others(zone),
        }
        return facts | (self._of_patient(patient) if patient else {})

    def do_book(self) -> HttpResponseBase:
        patient = self._me()
        where = self.read(WhereForm(self.request.POST))
        hold = self.hold
        is_for_it = where["state"] == hold.state  # else it is held for the other state
        opens: dict[str, Any] = (
            {"hold": hold.id, "secret": hold.secret} if is_for_it else {"instead": hold.key}
        )
        try:
            booked = book(
                patient=patient,
                physician=hold.physician,
                start=hold.start,
                kind=hold.kind,
                location=where,
                by=self.by(),
                now=self.now,
                **opens,
            )
        except Refused:
            mine = self._booked(physician=hold.physician, start=hold.start)
            if mine is None:
                raise
            held.forget(self.request)  # the button was pressed twice
            return redirect("appointment", mine)
        held.forget(self.request)
        messages.success(self.request, "You are booked.", extra_tags="good")
        return redirect("appointment", booked.pk)

    def do_agree(self) -> None:
        """The consent that booking asks for, given here."""
        consents = {"telehealth": True}
        give_consents(patient=self._me(), consents=consents, by=self.by(), now=self.now)

    def do_renew(self) -> HttpResponseBase:
        """The same time for longer; once it has run out, if nobody has taken it since."""
        user = self.user if self.request.user.is_authenticated else None
        hold = self.hold
        by = {"user": str(user.pk)} if user else {"address": address_of(self.request)}
        take("hold", **by)
        browser = browser_of(self.request, user)
        wish = Wish(hold.start, hold.kind, hold.state, hold.zone, hold.physician)
        row, secret = actions.take_hold(wish=wish, browser=browser, now=self.now, instead=hold.key)
        held.keep(self.request, row, secret, zone=hold.zone, postal_code=hold.postal_code)
        answer = redirect("book-confirm")
        if user is None:
            keep_browser(answer, browser)
        return answer

    def do_release(self) -> HttpResponseBase:
        held.release(self.request)
        code = self.hold.postal_code
        query = f"?{urlencode({'postal_code': code})}" if code else ""
        return redirect(reverse("book") + query)

    def _booked(self, **so: Any) -> UUID | None:
        """The consultation that who looks has booked already with what was held."""
        rows = Consultation.objects.visible_to(self.user).filter(status=Status.BOOKED, **so)
        return rows.values_list("pk", flat=True).first()

    def _of_patient(self, patient: Patient) -> dict[str, Any]:
        address = patient.address
        first = {"state": self.hold.state, "city": address.city if address else ""}
        form = WhereForm(initial=first)
        return {"form": form, "unmet": patient_gates(facts_of(patient))}

    def _others(self, zone: str) -> list[Any]:
        today = self.now.astimezone(ZoneInfo(zone)).date()
        rows = free_times(
            today,
            today + AHEAD,
            kind=self.hold.kind,
            state=self.hold.state,
            zone=zone,
            now=self.now,
        )
        starts = sorted({row["start"] for row in rows if row["start"] >= self.hold.start - DAY})
        return starts[:OTHERS]

    def _me(self) -> Patient:
        patient = patient_of(self.request.user)
        if patient is None:
            raise BadRequest
        return patient
