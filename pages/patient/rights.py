"""What a patient asks for: a copy of the record, or that something in it is put right."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from pages.patient.own import Own
from records.limits import take
from rights import actions
from rights.models import Amendment, Export


class Copy(forms.Form):
    format = forms.ChoiceField(
        label="How would you like it?",
        choices=(
            (Export.Format.PDF, "PDF, to read and print"),
            (Export.Format.JSON, "JSON, for another program"),
        ),
        widget=forms.RadioSelect,
        initial=Export.Format.PDF,
    )


class Wish(forms.Form):
    text = forms.CharField(
        label="What should it say instead?",
        help_text="Tell us which part you mean, what is wrong, and what is right.",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class AskForCopy(Own):
    """A copy is asked for by who has just shown who they are."""

    template = "pages/patient/record_copy.html"
    here = "record"

    def facts(self) -> Mapping[str, Any]:
        return {"form": self.form(Copy, "ask", format=Export.Format.PDF)}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.freshly()
        return super().get(request, *args, **kwargs)

    def do_ask(self) -> HttpResponse:
        self.freshly()
        sent = self.read(self.form(Copy, "ask"))
        take("export", user=str(self.user.pk))
        actions.ask_for_export(patient=self.patient, **sent, by=self.by(), now=self.now)
        messages.success(self.request, "We make your copy now. It is here in a few minutes.")
        return redirect("record")


class MyAmendments(Own):
    """What a patient wants said otherwise, and what was answered; nothing is overwritten."""

    template = "pages/patient/amendments.html"
    here = "record"

    def facts(self) -> Mapping[str, Any]:
        mine = Amendment.objects.visible_to(self.user).select_related("answer__answered_by")
        zone = self.patient.time_zone
        return {**self.rows(mine), "zone": zone, "form": self.form(Wish, "ask")}

    def do_ask(self) -> None:
        sent = self.read(self.form(Wish, "ask"))
        common: dict[str, Any] = {"by": self.by(), "now": self.now}
        actions.ask_for_amendment(
            patient=self.patient, kind="", about_id=None, text=sent["text"], **common
        )
        messages.success(self.request, "Thank you. Your physician reads it and answers.")
