"""What staff type: for a caller, and about what they do themselves."""

from collections.abc import Iterable
from typing import Any

from django import forms

from pages.forms import Clock, Day, Instant, plain_mail
from pages.patient.forms import Reading
from pages.patient.sessions import CheckIn, PreCheck
from patients.api import CHANNELS, SHORTEST
from patients.models import EARLIEST, LATEST, Consent, IdentityCheck
from patients.service_area import CENTRAL, EASTERN, LONGEST_STATE, zip_code

ASKED_BY = dict(zip(CHANNELS, ("On the telephone", "In person"), strict=True))
ZONES = ((EASTERN, "Eastern time"), (CENTRAL, "Central time"))


class Words(forms.CharField):
    """Several lines."""

    def __init__(self, *, rows: int = 3, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": rows}), **options)


class OnBehalf(forms.Form):
    """How the wish of a caller came: every act for somebody else says so."""

    channel = forms.ChoiceField(
        choices=tuple(ASKED_BY.items()),
        initial=CHANNELS[0],
        widget=forms.RadioSelect,
        label="How did they ask for it?",
    )


class PreCheckOf(OnBehalf, PreCheck):
    """What a patient measured within the hour before a session, as they say it."""


class FinishOf(OnBehalf, Reading):
    """What a patient measured at the end of a session, as they say it."""


class CheckInOf(OnBehalf, CheckIn):
    """How a patient feels after a session, as they say it."""


class AddressForm(forms.Form):
    """County and zone are asked where the ZIP code does not tell."""

    line1 = forms.CharField(max_length=100, label="Street and number")
    line2 = forms.CharField(max_length=100, required=False, label="Apartment, if any")
    city = forms.CharField(max_length=60, label="City")
    state = forms.CharField(max_length=LONGEST_STATE, label="State", initial="FL")
    postal_code = forms.CharField(max_length=20, label="ZIP code")
    county = forms.ChoiceField(required=False, label="County")
    time_zone = forms.ChoiceField(choices=ZONES, required=False, label="Time zone where they live")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Both are asked only once a ZIP code leaves them open; what was chosen stays chosen.
        county = self.data.get(self.add_prefix("county"), "")
        self.offer("county", [(county, county)] if county else [])
        if not self.data.get(self.add_prefix("time_zone")):
            self.offer("time_zone", [])

    def offer(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        """Ask for the county or the zone, by these choices; without any it is not asked."""
        known = list(choices)
        field: Any = self.fields[name]
        field.choices = [("", "Choose…"), *known]
        field.widget = forms.Select(choices=field.choices) if known else forms.HiddenInput()

    def clean_postal_code(self) -> str:
        try:
            return zip_code(self.cleaned_data["postal_code"])
        except ValueError as error:
            raise forms.ValidationError("Use a ZIP code of five digits.") from error

    def address(self) -> dict[str, str]:
        """What was typed, as actions take it."""
        names = ("line1", "line2", "city", "state", "postal_code", "county", "time_zone")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}


class CallerForm(AddressForm, OnBehalf):
    """Somebody new who calls: who they are, where they live, what they agree to."""

    first_name = forms.CharField(max_length=60, label="First name")
    last_name = forms.CharField(max_length=60, label="Last name")
    date_of_birth = Day(label="Date of birth")
    phone = forms.CharField(max_length=30, required=False, label="Mobile phone")
    email = forms.EmailField(max_length=254, required=False, label="E-mail")
    privacy = forms.BooleanField(
        required=False, label="They accept the privacy notice (we may keep what they tell us)"
    )
    telehealth = forms.BooleanField(
        required=False, label="They agree to talk by video or telephone"
    )
    sms = forms.BooleanField(required=False, label="They want texts about their care")

    def clean_email(self) -> str:
        return plain_mail(self.cleaned_data["email"])


class MoveForm(AddressForm, OnBehalf):
    kind = forms.ChoiceField(
        choices=(
            ("correction", "It was written down wrongly"),
            ("move", "They have moved, or will live there now"),
        ),
        widget=forms.RadioSelect,
        label="Why does it change?",
    )
    reason = forms.CharField(max_length=300, required=False, label="Anything to note about it")


class TextHoursForm(OnBehalf):
    """Hours on the wall where the patient lives, two apart at least."""

    text_from = Clock(label="Texts from")
    text_until = Clock(label="Texts until")

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        opens, closes = sent.get("text_from"), sent.get("text_until")
        if opens and closes:
            if opens < EARLIEST or closes > LATEST:
                self.add_error("text_from", "Texts come from 08:00 to 20:00.")
            if (opens.hour + SHORTEST, opens.minute) > (closes.hour, closes.minute):
                self.add_error("text_until", "Leave two hours at least.")
        return sent


class ContactForm(forms.Form):
    phone = forms.CharField(max_length=30, required=False, label="New mobile phone")
    email = forms.EmailField(max_length=254, required=False, label="New e-mail")
    reason = forms.CharField(max_length=300, label="Why it changes")

    def clean_email(self) -> str:
        return plain_mail(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        if not sent.get("phone") and not sent.get("email") and not self.errors:
            self.add_error("phone", "Give a phone or an email.")
        return sent


class IdentityForm(forms.Form):
    document = forms.ChoiceField(choices=IdentityCheck.Document.choices, label="Document")
    last4 = forms.RegexField(
        r"\A[0-9A-Za-z]{4}\Z",
        label="Its last four letters or digits",
        error_messages={"invalid": "Use the last four letters or digits."},
    )

    def clean_last4(self) -> str:
        return str(self.cleaned_data["last4"]).upper()


class SupportForm(OnBehalf):
    name = forms.CharField(max_length=120, label="Their name")
    date_of_birth = Day(label="Their date of birth")
    phone = forms.CharField(max_length=30, label="Their mobile phone")


KINDS = {
    Consent.Kind.PRIVACY: "Privacy notice",
    Consent.Kind.TELEHEALTH: "Talking by video or telephone",
    Consent.Kind.SMS: "Texts about their care",
    Consent.Kind.TREATMENT: "Treatment at home: what it is and what it is not",
    Consent.Kind.SAFEKEEPING: "Keeping the medication safe",
}


class ConsentForm(OnBehalf):
    """What a caller says yes or no to now; what was not spoken of stays as it is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for kind, label in KINDS.items():
            self.fields[kind] = forms.ChoiceField(
                choices=(("", "Not spoken of"), ("yes", "Yes"), ("no", "No")),
                required=False,
                label=label,
            )

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        if not any(sent.get(kind) for kind in KINDS):
            raise forms.ValidationError("Choose yes or no for what you spoke of.")
        return sent

    def consents(self) -> dict[str, bool]:
        """Kind → accepted, of what was spoken of."""
        sent = self.cleaned_data
        return {str(kind): sent[kind] == "yes" for kind in KINDS if sent.get(kind)}


class RefuseTextsForm(forms.Form):
    source = forms.ChoiceField(
        choices=(
            ("telephone", "On the telephone"),
            ("in_person", "In person"),
            ("email", "By e-mail"),
            ("letter", "By letter"),
        ),
        label="How did they say so?",
    )
    phone = forms.CharField(
        max_length=30, required=False, label="Another number than theirs, if it is about one"
    )


class SignerForm(OnBehalf):
    """A window for a parcel, and the adult who takes it."""

    window = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": "Choose a window."}
    )
    name = forms.CharField(max_length=120, label="Who takes it (21 or older)")
    date_of_birth = Day(label="Their date of birth")


class StartForm(OnBehalf):
    """A time that was chosen, as an instant with its offset."""

    start = Instant(widget=forms.HiddenInput, error_messages={"required": "Choose a time."})


class BookForm(StartForm):
    physician = forms.UUIDField(widget=forms.HiddenInput, required=False)
    place = forms.RegexField(
        r"\A[A-Za-z]{2}\Z",
        label="State they will be in",
        error_messages={"invalid": "Use the two letters of a state, such as FL."},
    )


class ReasonForm(OnBehalf):
    reason = forms.CharField(max_length=300, required=False, label="Why, in a few words")


class PlanForm(OnBehalf):
    plan = forms.UUIDField(widget=forms.HiddenInput, error_messages={"required": "Choose a plan."})


class PauseForm(OnBehalf):
    until = Day(required=False, label="Until (empty: until they call)")


class EndPlanForm(OnBehalf):
    when = forms.ChoiceField(
        choices=(("period_end", "With the month that is paid"), ("now", "Today")),
        label="When does it end?",
    )


class PaidForm(forms.Form):
    number = forms.IntegerField(min_value=1, max_value=100_000, widget=forms.HiddenInput)
    reference = forms.CharField(max_length=60, label="Reference of the payment")


class NoteForm(forms.Form):
    note = Words(max_length=2000, label="What was done")
