"""The questionnaire as people read it: words for each choice, help under each question, forms."""

from datetime import date
from typing import Any

from django import forms

from pages.public.place import ZONES
from patients.questionnaire import Question

WORDS = {
    "no": "No",
    "yes": "Yes",
    "not_sure": "I am not sure",
    "none": "None of these",
    "depression": "Depression",
    "anxiety": "Anxiety",
    "ptsd": "PTSD",
    "ocd": "OCD",
    "chronic_pain": "Pain that lasts",
    "other": "Something else",
    "thoughts": "Yes, thoughts",
    "plan_or_intent": "Yes, with a plan, or I mean to do it",
    "attempt_in_last_year": "I tried to end my life in the last year",
    "maoi": "An MAOI, such as phenelzine or selegiline",
    "benzodiazepine": "A benzodiazepine, such as alprazolam or lorazepam",
    "opioid": "An opioid pain medicine",
    "stimulant": "A stimulant, such as for ADHD",
    "other_sedating": "Something else that makes drowsy, also for sleep",
    "earlier": "Yes, earlier",
    "with_another_provider_now": "Yes, with somebody else now",
}
HELP = {
    "reason": "Choose all that apply.",
    "suic": "Please be open: whatever you answer, a physician reads it.",
    "preg": "Choose No if this cannot apply to you.",
    "htn": "Not under control means that it is often above 140 over 90.",
    "htn_systolic": "It is fine to leave this empty.",
    "htn_diastolic": "It is fine to leave this empty.",
    "card": "Choose Yes if any one of these is so.",
    "resp": "Sleep apnea that you have a mask for, and use it, counts as treated.",
    "psych": "Choose Yes if it was ever said to you.",
    "mania": "Mania is a time of very high mood and energy, with little sleep, for days.",
    "sud": "This helps us to keep you safe. It does not rule you out by itself.",
    "cyst": "Choose Yes if any one of these is so.",
    "liver": "Such as cirrhosis, or hepatitis that is active.",
    "thyr": "Choose No if you take medicine for it and it is under control.",
    "allg": "Choose No if you never had it.",
    "seiz": "Also when it was long ago.",
    "icp": "A doctor would have told you so after a scan or an eye exam.",
    "glau": "An eye doctor would have told you so.",
    "meds": "Choose all that apply. Do not stop a medicine because of this question.",
    "home": "Choose Yes if all of this can be arranged.",
    "prior": "Anywhere: at a clinic, or at home.",
    "pdmpx": "Such as a strong pain medicine, a medicine for sleep or anxiety, or for ADHD.",
    "note": "It is fine to leave this empty.",
}
MONTHS = [(n, f"{date(2000, n, 1):%B}") for n in range(1, 13)]


def choices_of(question: Question) -> list[tuple[str, str]]:
    return [(option, WORDS[option]) for option in question.options]


class QuestionForm(forms.Form):
    """One question; its field is ``answer``."""

    def __init__(self, question: Question, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.question = question
        missing = {"required": "Please answer this question."}
        self.fields["answer"] = _field(question)
        self.fields["answer"].error_messages |= missing

    def clean_answer(self) -> Any:
        answer = self.cleaned_data["answer"]
        if isinstance(answer, list) and "none" in answer and len(answer) > 1:
            raise forms.ValidationError("Choose “None of these” alone, or only the others.")
        return answer


def _field(question: Question) -> forms.Field:
    """The field of a question, by its type."""
    asks: dict[str, Any] = {
        "label": question.text,
        "help_text": HELP.get(question.key, ""),
        "required": question.required,
    }
    if question.type == "choice":
        return forms.ChoiceField(choices=choices_of(question), widget=forms.RadioSelect, **asks)
    if question.type == "choices":
        widget = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(choices=choices_of(question), widget=widget, **asks)
    if question.type == "number":
        number = forms.NumberInput(attrs={"inputmode": "numeric"})
        low, high = question.low, question.high
        return forms.IntegerField(min_value=low, max_value=high, widget=number, **asks)
    area = forms.Textarea(attrs={"rows": 6})
    return forms.CharField(max_length=question.high, widget=area, **asks)


class BirthdayForm(forms.Form):
    """A birthday in three parts: a calendar of a month is no way to a year long ago."""

    month = forms.ChoiceField(
        choices=[("", "Month"), *MONTHS],
        widget=forms.Select(attrs={"autocomplete": "bday-month"}),
    )
    day = forms.IntegerField(
        min_value=1,
        max_value=31,
        widget=forms.NumberInput(attrs={"autocomplete": "bday-day", "inputmode": "numeric"}),
    )
    year = forms.IntegerField(
        min_value=1900,
        max_value=2100,
        widget=forms.NumberInput(attrs={"autocomplete": "bday-year", "inputmode": "numeric"}),
    )

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if not self.errors:
            try:
                typed["born"] = date(typed["year"], int(typed["month"]), typed["day"])
            except ValueError as error:
                raise forms.ValidationError("There is no such day. Please check it.") from error
        return typed


class ZoneForm(forms.Form):
    """Of a ZIP code in two time zones, which one."""

    time_zone = forms.ChoiceField(
        choices=ZONES,
        widget=forms.RadioSelect,
        error_messages={"required": "Please choose your time zone."},
    )


class NameForm(forms.Form):
    """Names as on the photo document that is looked at later."""

    first_name = forms.CharField(
        max_length=60, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        max_length=60, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )


class ContactForm(forms.Form):
    """One of the two is enough; the action says so."""

    phone = forms.CharField(
        label="Mobile phone",
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "type": "tel"}),
    )
    email = forms.EmailField(
        label="Email",
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_email(self) -> str:
        """As the API's `MailField` says."""
        text: str = self.cleaned_data["email"]
        if not (text.isascii() and (text.isprintable() or not text)):
            raise forms.ValidationError("Use an address of plain letters.")
        return text


class AddressForm(forms.Form):
    """The street address; state and ZIP code were asked before."""

    line1 = forms.CharField(
        label="Street address",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
    )
    line2 = forms.CharField(
        label="Apartment, unit (if there is one)",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line2"}),
    )
    city = forms.CharField(
        label="City or town",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    county = forms.ChoiceField(required=False, label="County")

    def __init__(self, *args: Any, counties: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        if len(counties) > 1:
            self.fields["county"] = forms.ChoiceField(
                choices=[(name, name) for name in counties],
                help_text="Your ZIP code lies in more than one: please choose yours.",
            )
        else:
            del self.fields["county"]


class ConsentsForm(forms.Form):
    """What somebody agrees to; what is needed, the action says."""

    privacy = forms.BooleanField(
        required=False,
        label="I agree that the practice keeps my answers, and that its physician reads them.",
    )
    telehealth = forms.BooleanField(
        required=False, label="I agree to talk with the physician by video or telephone."
    )
    sms = forms.BooleanField(
        required=False,
        label="Text me about my appointments and deliveries (you do not have to agree).",
        help_text="How many depends on your care. Message and data rates may apply. "
        "Reply STOP to end them, HELP for help.",
    )

    def __init__(self, *args: Any, texts: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not texts:
            del self.fields["sms"]
