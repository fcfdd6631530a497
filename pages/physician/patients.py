"""The patients in a physician's care: found by name, and one of them as he stands."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import Http404

from accounts.models import User
from pages.physician.desk import Desk
from pages.physician.forms import ClearForm, HoldForm
from patients.actions import clear_hold, hold_patient
from patients.api import found
from patients.gates import NOT_IDENTIFIED, ON_HOLD
from patients.models import ClinicalHold, Patient
from records.gates import UnmetGate
from records.limits import take
from scheduling import replan, timeline
from scheduling.api import search_patients
from scheduling.consultations.gates import NOT_APPROVED
from scheduling.consultations.models import Consultation, Decision
from scheduling.prescriptions.gates import NOT_PRESCRIBED
from scheduling.prescriptions.models import Prescription
from scheduling.sessions.models import TreatmentSession

A_PAGE = 25
SHOWN = 20  # visits, sessions
# Steps of the chain, as colleagues name them.
STEPS = {
    "assessment": "Assessment",
    "consultation": "Consultation",
    "decision": "Decision",
    "agreements": "Agreements",
    "plan": "Plan",
    "payment": "Payment of the month",
    "prescription": "Prescription",
    "delivery": "Delivery",
    "session": "Session at home",
    "check_in": "Check-in",
}
# What waits for a physician, in the words for one; the gates speak to patients.
FOR_YOU = {
    ON_HOLD.code: "A clinical hold is open: look at it, and clear it when treatment may go on.",
    NOT_IDENTIFIED.code: "A photo ID has to be looked at once.",
    NOT_APPROVED.code: "You decide after the consultation.",
    NOT_PRESCRIBED.code: "You record the prescription.",
    timeline.PARCEL_UNDECIDED.code: "A parcel did not arrive: you decide whether another is sent.",
}
# Outcome of a decision → its word, and which badge.
OUTCOMES = {
    "approved": ("Approved", "good"),
    "declined": ("Declined", "bad"),
    "more_info": ("More is needed", "warn"),
}


class SearchForm(forms.Form):
    search = forms.CharField(
        label="Find a patient",
        help_text="Name, telephone, birthday (1988-04-12), or a reference such as C-7K2M9Q.",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    after = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean_search(self) -> str:
        text: str = self.cleaned_data["search"].strip()
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A):
            try:
                date.fromisoformat(text)
            except ValueError as error:
                raise forms.ValidationError("There is no such day.") from error
        return text


class Patients(Desk):
    """Those in care, the latest first; a search is counted, and every row that is shown is kept."""

    template, here = "pages/physician/patients.html", "patients"

    def facts(self) -> Mapping[str, Any]:
        take("search", user=str(self.user.pk))
        form = SearchForm(self.request.GET)
        asked = form.cleaned_data if form.is_valid() else {}
        mine = Patient.objects.visible_to(self.user).select_related("address")
        rows = search_patients(mine, asked.get("search", "")).order_by("-pk")
        if after := asked.get("after"):
            rows = rows.filter(pk__lt=after)
        page = list(rows[: A_PAGE + 1]) if form.is_valid() else []
        shown = page[:A_PAGE]
        self.looked("patient", shown)
        return {
            "form": form,
            "search": asked.get("search", ""),
            "rows": [(row, STEPS.get(row.step, "")) for row in shown],
            "after": shown[-1].pk if len(page) > A_PAGE else None,
        }


class Chain(Desk):
    """How a patient stands on the chain of care: what is done, what waits for whom."""

    template, here = "pages/physician/chain.html", "patients"

    def facts(self) -> Mapping[str, Any]:
        mine = Patient.objects.visible_to(self.user)
        try:
            care, rows = replan.read(self.kwargs["pk"], now=self.now, among=mine)
        except Patient.DoesNotExist as error:
            raise Http404 from error
        self.looked("patient", [rows.patient])
        steps = [
            replace(x, unmet=[for_you(gate) for gate in x.unmet]) for x in timeline.steps(care)
        ]
        return {
            "patient": rows.patient,
            "steps": [(step, STEPS[step.key]) for step in steps],
            "next": timeline.next_of(steps, care.now),
        }


class OnePatient(Desk):
    """What holds a patient, what was said and measured, what was prescribed."""

    template, here = "pages/physician/patient.html", "patients"

    def facts(self) -> Mapping[str, Any]:
        patient = of_care(self.user, self.kwargs["pk"])
        of = {"patient": patient}
        self.looked("patient", [patient])
        outcome = Decision.objects.visible_to(self.user).filter(consultation=OuterRef("pk"))
        talks: Any = Consultation.objects.visible_to(self.user).filter(**of)
        talks = talks.annotate(outcome_=Subquery(outcome.order_by("-pk").values("outcome")[:1]))
        held = TreatmentSession.objects.visible_to(self.user).filter(**of)
        written = Prescription.objects.visible_to(self.user).filter(**of)
        holds = ClinicalHold.objects.visible_to(self.user).filter(**of)
        return {
            "patient": patient,
            "step": STEPS.get(patient.step, ""),
            "talks": [
                (talk, OUTCOMES.get(talk.outcome_)) for talk in talks.order_by("-start")[:SHOWN]
            ],
            "sessions": list(held.prefetch_related("readings").order_by("-start")[:SHOWN]),
            "prescriptions": list(written.order_by("-pk")[:SHOWN]),
            "holds": [(hold, self._clearing(hold)) for hold in holds[:SHOWN]],
            "hold_form": self.form(HoldForm, "hold"),
        }

    def do_hold(self) -> None:
        patient = of_care(self.user, self.kwargs["pk"])
        sent = self.read(self.typed(HoldForm, "hold"), "hold_form")
        hold_patient(
            patient_id=patient.pk,
            reason=ClinicalHold.Reason.PHYSICIAN,
            note=sent["note"],
            by=self.by(),
            now=self.now,
        )
        messages.success(self.request, "Treatment waits until a physician clears it.")

    def do_clear(self) -> None:
        patient = of_care(self.user, self.kwargs["pk"])
        sent = self.read(self.typed(ClearForm, "clear"), "clearing")
        rows = ClinicalHold.objects.visible_to(self.user).filter(patient=patient)
        hold = found(rows, sent["hold"])
        clear_hold(hold=hold, note=sent["note"], by=self.by(), now=self.now)
        messages.success(self.request, "The hold is cleared: treatment may go on.")

    def _clearing(self, hold: ClinicalHold) -> ClearForm | None:
        """The form of one of several; the one that was sent shows what is wrong with it."""
        if hold.cleared_at:
            return None
        sent = self.request.POST
        if sent.get("do") == "clear" and sent.get("hold") == str(hold.pk):
            return self.typed(ClearForm, "clear")
        return ClearForm(initial={"hold": hold.pk}, auto_id=f"{hold.pk}_%s")


def for_you(gate: UnmetGate) -> UnmetGate:
    """A gate as a physician reads it."""
    return replace(gate, detail=FOR_YOU.get(gate.code, gate.detail))


def of_care(user: User, pk: UUID) -> Patient:
    """A patient in the care of this physician, or 404."""
    row: Patient = found(Patient.objects.visible_to(user).select_related("address"), pk)
    return row
