"""What a patient agrees to, and may take back."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages

from pages.patient.own import Own
from patients.actions import CONSENT_VERSION, give_consents
from patients.models import Consent

Kind = Consent.Kind
# After an approval, both are needed for everything that follows.
BOTH = (Kind.TREATMENT, Kind.SAFEKEEPING)


class Accept(forms.Form):
    """Both agreements at once: each was read by itself."""

    treatment = forms.BooleanField(label="I have read this, and I accept it.")
    safekeeping = forms.BooleanField(label="I have read this, and I accept it.")


class Answer(forms.Form):
    kind = forms.ChoiceField(choices=Kind.choices)
    accepted = forms.TypedChoiceField(
        choices=(("yes", "yes"), ("no", "no")), coerce=lambda text: text == "yes"
    )


class Agreements(Own):
    """What a patient agrees to: what is open first, then what they said yes or no to."""

    template = "pages/patient/agreements.html"

    def facts(self) -> Mapping[str, Any]:
        rows = Consent.objects.filter(patient=self.patient).order_by("kind", "-pk").distinct("kind")
        latest = {row.kind: row for row in rows}
        accepted = {kind for kind, row in latest.items() if row.accepted}
        return {
            "latest": latest,
            "accepted": accepted,
            "agreed": accepted >= {*BOTH},
            "version": CONSENT_VERSION,
            "zone": self.patient.time_zone,
            "form": self.form(Accept, "accept"),
        }

    def do_accept(self) -> None:
        self.read(self.form(Accept, "accept"))
        self._give({str(kind): True for kind in BOTH})
        messages.success(self.request, "Thank you. Both agreements are accepted.")

    def do_answer(self) -> None:
        sent = self.read(self.form(Answer, "answer"), "answer")
        self._give({sent["kind"]: sent["accepted"]})
        says = "Thank you. We wrote it down." if sent["accepted"] else "It is taken back."
        messages.success(self.request, says)

    def _give(self, consents: Mapping[str, bool]) -> None:
        give_consents(patient=self.patient, consents=consents, by=self.by(), now=self.now)
