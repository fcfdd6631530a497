"""What a physician types about a visit, a prescription, a hold."""

from datetime import datetime
from typing import Any

from django import forms

from pages.forms import Day, Lines, version_in
from patients.models import IdentityCheck
from scheduling.consultations.api import LONGEST_NOTE
from scheduling.prescriptions.models import MOST_REFILLS


class Versioned(forms.Form):
    """A form about something that may have changed since it was shown."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_version(self) -> int:
        return version_in(self.cleaned_data["version"])


class ArriveForm(Versioned):
    state = forms.CharField(
        label="Which state are you in now?",
        help_text="Ask, even if you know. Two letters.",
        min_length=2,
        max_length=2,
        widget=forms.TextInput(attrs={"size": 4, "autocapitalize": "characters"}),
    )

    def clean_state(self) -> str:
        text: str = self.cleaned_data["state"].upper()
        if not (text.isascii() and text.isalpha()):
            raise forms.ValidationError("Use the two letters of a state, such as FL.")
        return text


class NoteForm(Versioned):
    note = Lines(
        label="Your note",
        required=False,
        strip=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 14}),
    )


class DecisionForm(Versioned):
    outcome = forms.ChoiceField(
        label="You decide",
        choices=[("approved", "Approve"), ("declined", "Decline"), ("more_info", "More is needed")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the three."},
    )
    note = Lines(
        label="Why, for the record",
        help_text="Only physicians read it.",
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class IdentityForm(forms.Form):
    document = forms.ChoiceField(
        label="Document",
        choices=[(v, str(n).capitalize()) for v, n in IdentityCheck.Document.choices],
    )
    last4 = forms.RegexField(
        label="Last four letters or digits",
        regex=r"^[0-9A-Za-z]{4}\Z",
        error_messages={"invalid": "Use the last four letters or digits."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 6, "maxlength": 4}),
    )

    def clean_last4(self) -> str:
        return str(self.cleaned_data["last4"]).upper()


class ReasonForm(Versioned):
    reason = forms.CharField(label="What was wrong", max_length=300)


class HoldForm(forms.Form):
    note = forms.CharField(
        label="Why treatment has to wait",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ClearForm(forms.Form):
    hold = forms.UUIDField(widget=forms.HiddenInput)
    note = forms.CharField(
        label="Why treatment may go on",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class Instant(forms.DateTimeField):
    """Day and time on the wall of who types it: the page says in which zone."""

    def __init__(self, **options: Any) -> None:
        box = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
        super().__init__(widget=box, **options)

    def clean(self, value: Any) -> datetime:
        at: datetime = super().clean(value)
        if not 2000 <= at.year <= 2100:
            raise forms.ValidationError("Use a time between the years 2000 and 2100.")
        return at


class PrescriptionForm(forms.Form):
    issued_on = Day(label="Prescribed on")
    days_supply = forms.IntegerField(label="Days' supply of one fill", min_value=1, max_value=180)
    sessions = forms.IntegerField(label="Sessions that one fill is for", min_value=1, max_value=60)
    refills = forms.IntegerField(
        label="Refills after the first fill",
        help_text=f"Up to {MOST_REFILLS}, within six months.",
        min_value=0,
        max_value=MOST_REFILLS,
    )
    use_by = Day(label="Use by", help_text="The last day the medication is good for.")
    external_reference = forms.CharField(
        label="Reference in your prescribing system", max_length=60
    )
    registry_checked_at = Instant(
        label="You looked at the state's registry", help_text="Day and time, in your own zone."
    )
