"""The adult who stays with a patient during a session."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages

from pages.patient.forms import Birthday, Phone, Text
from pages.patient.own import Own
from patients.actions import name_support_person
from patients.api import of_typed
from patients.models import LINK_OPENS, SupportPerson
from records.limits import take


class Name(forms.Form):
    name = Text(label="Their name", max_length=120)
    born = Birthday(label="Their birthday", help_text="They must be 18 or older.")
    phone = Phone(label="Their cell phone", help_text="We text them a link to agree.")


class Support(Own):
    """The adult who stays: the latest one named counts."""

    template = "pages/patient/support.html"

    def facts(self) -> Mapping[str, Any]:
        mine = self.rows(SupportPerson.objects.filter(patient=self.patient))
        is_first = mine["rows"] and "before" not in self.request.GET
        person = mine["rows"][0] if is_first else None
        return {
            **mine,
            "person": person,
            "is_old": person and self.now >= person.named_at + LINK_OPENS,
            "others": mine["rows"][1:] if person else mine["rows"],
            "zone": self.patient.time_zone,
            "form": self.form(Name, "name"),
        }

    def do_name(self) -> None:
        sent = self.read(self.form(Name, "name"))
        by = of_typed({"phone": sent["phone"]})
        mine = str(self.user.pk)
        take("support_person", user=mine, patient=mine, **by)
        named = {"name": sent["name"], "born": sent["born"], "phone": sent["phone"]}
        name_support_person(patient=self.patient, **named, by=self.by(), now=self.now)
        messages.success(self.request, f"We text {sent['name']} a link. It is set once they agree.")
