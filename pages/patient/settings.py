"""What patients set themselves: name, address, hours of texts."""

from collections.abc import Mapping
from datetime import time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from notifications.reach import agreed, has_opted_out
from pages.patient.forms import Text
from pages.patient.own import Own
from patients import actions, service_area
from patients.api import text_hours_errors
from patients.models import EARLIEST, LATEST, Address, Consent, Patient
from patients.service_area import Place

HOURS = [time(hour) for hour in range(EARLIEST.hour, LATEST.hour + 1)]


class Name(forms.Form):
    first_name = Text(label="First name", max_length=60, fill="given-name")
    last_name = Text(label="Last name", max_length=60, fill="family-name")


def _hour(label: str) -> forms.TypedChoiceField:
    said = [(f"{hour:%H:%M}", f"{hour:%I:%M %p}".lstrip("0")) for hour in HOURS]
    return forms.TypedChoiceField(label=label, choices=said, coerce=time.fromisoformat)


class TextHours(forms.Form):
    """The hours in which a patient is texted, on the wall where they live."""

    text_from = _hour("From")
    text_until = _hour("Until")

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if not self.errors:
            for name, says in text_hours_errors(typed["text_from"], typed["text_until"]).items():
                self.add_error(name, says)
        return typed


class AddressForm(forms.Form):
    kind = forms.ChoiceField(
        label="What is it?",
        choices=(
            (Address.Kind.MOVE, "I move, or have moved"),
            (Address.Kind.CORRECTION, "A typo, or a missing apartment"),
        ),
        widget=forms.RadioSelect,
    )
    line1 = Text(label="Street address", max_length=100, fill="address-line1")
    line2 = Text(label="Apartment", max_length=100, required=False, fill="address-line2")
    city = Text(label="City", max_length=60, fill="address-level2")
    state = Text(label="State", max_length=service_area.LONGEST_STATE, fill="address-level1")
    postal_code = Text(label="ZIP code", max_length=20, fill="postal-code")
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=(
            ("", "As the ZIP code says"),
            ("America/New_York", "Eastern"),
            ("America/Chicago", "Central"),
        ),
        required=False,
        help_text="Only few ZIP codes have two.",
    )

    def clean_postal_code(self) -> str:
        try:
            return service_area.zip_code(self.cleaned_data["postal_code"])
        except ValueError as error:
            raise forms.ValidationError("Use a ZIP code of five digits.") from error


class Settings(Own):
    """What patients set themselves, and the way to what takes more than one step."""

    template = "pages/patient/settings.html"
    here = "settings"

    def facts(self) -> Mapping[str, Any]:
        patient, phone = self.patient, str(self.patient.phone)
        named = {"first_name": patient.first_name, "last_name": patient.last_name}
        hours = {name: f"{getattr(patient, name):%H:%M}" for name in ("text_from", "text_until")}
        return {
            "patient": patient,
            "texts": bool(phone) and agreed(patient, phone),
            "stopped": bool(phone) and has_opted_out(phone),
            "name": self.form(Name, "name", **named),
            "hours": self.form(TextHours, "hours", **hours),
        }

    def do_name(self) -> None:
        self._change(self.read(self.form(Name, "name"), "name"))
        messages.success(self.request, "Your name is saved.")

    def do_hours(self) -> None:
        self._change(self.read(self.form(TextHours, "hours"), "hours"))
        messages.success(self.request, "We text you in these hours alone.")

    def do_texts_on(self) -> None:
        self._texts(accepted=True)
        messages.success(self.request, "We text you about your care.")

    def do_texts_off(self) -> None:
        self._texts(accepted=False)
        messages.success(self.request, "We do not text you any more. We write e-mails, or call.")

    def _change(self, fields: Mapping[str, Any]) -> Patient:
        common: dict[str, Any] = {"by": self.by(), "now": self.now, "version": self.version}
        return actions.change_profile(patient=self.patient, fields=fields, **common)

    def _texts(self, *, accepted: bool) -> None:
        consents = {str(Consent.Kind.SMS): accepted}
        actions.give_consents(patient=self.patient, consents=consents, by=self.by(), now=self.now)


class MyAddress(Own):
    """Another address: first what follows from it, then it is kept."""

    template = "pages/patient/address.html"
    here = "settings"

    def facts(self) -> Mapping[str, Any]:
        does = "look" if self.request.POST.get("do") != "keep" else "keep"
        return {
            "old": self.patient.address,
            "version": self.patient.version,
            "form": self.form(AddressForm, does),
            "place": None,
        }

    def do_look(self) -> HttpResponse:
        form = self.form(AddressForm, "look")
        typed = self.read(form)
        place = actions.place_of_change(typed["kind"], _typed(typed))
        return self.page(form=form, place=place, follows=self._follows(typed["kind"], place))

    def do_keep(self) -> HttpResponse:
        typed = self.read(self.form(AddressForm, "keep"))
        actions.change_address(
            patient=self.patient,
            kind=typed["kind"],
            address=_typed(typed),
            reason="",
            by=self.by(),
            now=self.now,
            version=self.version,
        )
        messages.success(self.request, "Your address is saved.")
        return redirect("my-settings")

    def _follows(self, kind: str, place: Place) -> str:
        """What follows from living there: nothing, another door, or that we cannot come."""
        old = self.patient.address
        if not place.served:
            return "away"
        if kind == Address.Kind.MOVE:
            return "move"
        is_same = old is not None and (old.state, old.county) == (place.state, place.county)
        return "nothing" if is_same else "move"


def _typed(typed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in typed.items() if name != "kind"}
