"""Somebody calls who is new: who they are, their assessment, whatever they answer."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect

from pages.page import Invalid
from pages.staff.desk import Desk, OfPatient
from pages.staff.forms import ZONES, AddressForm, CallerForm, OnBehalf
from patients import questionnaire
from patients.actions import create_patient, place_of
from patients.assessments.actions import submit_for_patient
from patients.questionnaire import QUESTIONS, Question
from records.limits import take

SAYS = {
    "ptsd": "PTSD",
    "ocd": "OCD",
    "maoi": "MAOI",
    "thoughts": "Yes, thoughts",
    "plan_or_intent": "Yes, with a plan or the intent",
    "attempt_in_last_year": "An attempt in the last year",
    "with_another_provider_now": "Yes, with another provider now",
}


def ask_where(form: AddressForm, name: str) -> None:
    """Where a ZIP code lies in several counties or in both zones, ask; raises `Invalid`."""
    sent = form.address()
    place = place_of(sent)
    if place.served and len(place.counties) > 1 and not sent.get("county"):
        form.offer("county", [(county, county) for county in place.counties])
        form.add_error("county", "This ZIP code lies in several counties. Ask which is theirs.")
    if place.served and place.time_zone is None:
        form.offer("time_zone", ZONES)
        form.add_error("time_zone", "This ZIP code lies in two time zones. Ask what time it is.")
    if form.errors:
        raise Invalid(form, name)


class NewCaller(Desk):
    """A patient is written down, by what they say."""

    template = "pages/staff/caller.html"

    def facts(self) -> Mapping[str, Any]:
        return {"form": self.form(CallerForm), "here": "patients"}

    def do_create(self) -> HttpResponseBase:
        form = CallerForm(self.request.POST)
        sent = self.read(form)
        ask_where(form, "form")
        names = ("first_name", "last_name", "date_of_birth", "phone", "email")
        patient = create_patient(
            person={name: sent[name] for name in names},
            address=form.address(),
            consents={kind: sent[kind] for kind in ("privacy", "telehealth", "sms")},
            by=self.by(sent["channel"]),
            now=self.now,
        )
        self.looked("patient", [patient])
        messages.success(self.request, "They are in our records. Next: their assessment.")
        return redirect("patient-assessment", patient.pk)


def _words(option: str) -> str:
    return SAYS.get(option, option.replace("_", " ").capitalize())


def _field(question: Question) -> forms.Field:
    choices = [(option, _words(option)) for option in question.options]
    asked: dict[str, Any] = {"label": question.text, "required": question.required}
    if question.type == "choice":
        return forms.ChoiceField(choices=choices, widget=forms.RadioSelect, **asked)
    if question.type == "choices":
        return forms.MultipleChoiceField(
            choices=choices, widget=forms.CheckboxSelectMultiple, **asked
        )
    if question.type == "number":
        return forms.IntegerField(min_value=question.low, max_value=question.high, **asked)
    return forms.CharField(max_length=question.high, widget=forms.Textarea({"rows": 3}), **asked)


class AssessmentForm(OnBehalf):
    """The questionnaire in force; a question is called as its key."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for question in QUESTIONS:
            self.fields[question.key] = _field(question)

    def clean_meds(self) -> list[str]:
        meds: list[str] = self.cleaned_data["meds"]
        if "none" in meds and len(meds) > 1:
            raise forms.ValidationError("None, or those that they take.")
        return meds

    def answers(self) -> dict[str, Any]:
        """``{key: value}`` of what was answered."""
        sent = {question.key: self.cleaned_data.get(question.key) for question in QUESTIONS}
        return {key: value for key, value in sent.items() if value not in (None, "", [])}


class ConsentsForm(forms.Form):
    privacy = forms.BooleanField(label="They accept the privacy notice")
    telehealth = forms.BooleanField(label="They agree to talk by video or telephone")


class Assess(OfPatient):
    """What a caller answers is entered; staff do not read it back."""

    template = "pages/staff/assessment.html"

    def facts(self) -> Mapping[str, Any]:
        form = self.form(AssessmentForm)
        return {
            **super().facts(),
            "here": "patients",
            "form": form,
            "questions": [form[question.key] for question in QUESTIONS],
            "consents_form": self.form(ConsentsForm, "consents_form"),
            "crisis_text": questionnaire.CRISIS_TEXT.split("\n"),
            "crisis": bool(form.is_bound and _in_crisis(form)),
        }

    def do_submit(self) -> HttpResponseBase:
        form, agreed = AssessmentForm(self.request.POST), ConsentsForm(self.request.POST)
        self.typed |= {"form": form, "consents_form": agreed}
        sent = self.read(form)
        self.read(agreed, "consents_form")
        take("assessment", user=str(self.user.pk))
        made, _ = submit_for_patient(
            patient=self.patient,
            answers=form.answers(),
            consents={"privacy": True, "telehealth": True},
            by=self.by(sent["channel"]),
            now=self.now,
        )
        self.looked("assessment", [made])
        messages.success(self.request, f"{questionnaire.REVIEW_TEXT} Reference {made.reference}.")
        if made.crisis:
            return redirect("patient-crisis", self.patient.pk)
        return redirect("patient-book", self.patient.pk)


def _in_crisis(form: Any) -> bool:
    """Whether an answer calls for help, whatever else is wrong with them."""
    given = {name: form[name].value() for name in questionnaire.BY_KEY}
    return bool(questionnaire.crisis_answers(given))


class Crisis(OfPatient):
    """What is read out at once to a caller who may be in danger."""

    template = "pages/staff/crisis.html"

    def facts(self) -> Mapping[str, Any]:
        words = questionnaire.CRISIS_TEXT.split("\n")
        return {**super().facts(), "here": "patients", "crisis_text": words}
