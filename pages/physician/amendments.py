"""What a patient in care wants amended in the record, and a physician's answers."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages

from pages.physician.desk import Desk
from pages.physician.patients import of_care
from patients.api import found
from rights.actions import answer_amendment
from rights.api import WITH_ANSWER
from rights.models import Amendment

SHOWN = 20


class AnswerForm(forms.Form):
    amendment = forms.UUIDField(widget=forms.HiddenInput)
    accepted = forms.TypedChoiceField(
        choices=(("yes", "It is amended"), ("no", "It stays as it is")),
        coerce=lambda said: said == "yes",
        widget=forms.RadioSelect,
        label="Your answer",
    )
    text = forms.CharField(
        max_length=5000, widget=forms.Textarea(attrs={"rows": 3}), label="What the patient reads"
    )


class Amendments(Desk):
    """Both stay in the record: what was asked for, and what was answered."""

    template, here = "pages/physician/amendments.html", "patients"

    def facts(self) -> Mapping[str, Any]:
        patient = of_care(self.user, self.kwargs["pk"])
        rows = Amendment.objects.visible_to(self.user).filter(patient=patient)
        shown = list(rows.select_related(WITH_ANSWER).order_by("-pk")[:SHOWN])
        self.looked("amendment", [patient, *shown])
        return {"patient": patient, "rows": [(row, self._form(row)) for row in shown]}

    def do_answer(self) -> None:
        patient = of_care(self.user, self.kwargs["pk"])
        sent = self.read(AnswerForm(self.request.POST), "answering")
        rows = Amendment.objects.visible_to(self.user).filter(patient=patient)
        answer_amendment(
            amendment=found(rows, sent["amendment"]),
            accepted=sent["accepted"],
            text=sent["text"],
            by=self.by(),
            now=self.now,
        )
        messages.success(self.request, "The patient can read your answer now.")

    def _form(self, row: Amendment) -> AnswerForm | None:
        """A form for what waits; with what was typed, where its button was just pressed."""
        if getattr(row, "answer", None):
            return None
        pressed = self.request.POST.get("amendment") == str(row.pk)
        return AnswerForm(
            self.request.POST if pressed else None,
            initial={"amendment": row.pk},
            auto_id=f"{row.pk}_%s",
        )
