"""What staff type about parcels; the same fields and bounds as the API's."""

from datetime import date
from typing import Any

from django import forms

from scheduling.deliveries.api import carrier_name
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.models import DeliveryWindow

EARLIEST, LATEST = date(1900, 1, 1), date(2100, 12, 31)
CHANNELS = (("telephone", "On the telephone"), ("in_person", "In person"))


class DayField(forms.DateField):
    """A day as browsers send it, between the years 1900 and 2100."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(input_formats=["%Y-%m-%d"], widget=widget, **options)

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if day and not EARLIEST <= day <= LATEST:
            raise forms.ValidationError("Use a day between 1900 and 2100.")
        return day


class NothingForm(forms.Form):
    """Nothing but which parcel."""


class DispatchForm(forms.Form):
    carrier = forms.CharField(max_length=40)
    tracking = forms.CharField(max_length=60, label="Tracking number")

    def clean_carrier(self) -> str:
        return carrier_name(self.cleaned_data["carrier"])


class DeliverForm(forms.Form):
    signed_by = forms.CharField(max_length=120, label="Signed by")
    relation = forms.ChoiceField(
        choices=Delivery.Relation.choices, label="Who that is", initial=Delivery.Relation.SIGNER
    )
    signer_age = forms.IntegerField(min_value=0, max_value=120, label="Age of the signer")
    id_checked = forms.BooleanField(required=False, label="A photo ID was checked")


class AttemptForm(forms.Form):
    code = forms.ChoiceField(choices=Delivery.Failure.choices, label="Why not")


class ReturnForm(forms.Form):
    seal_ok = forms.ChoiceField(
        choices=(("yes", "The seal is whole"), ("no", "The seal is broken")),
        label="The seal",
        widget=forms.RadioSelect,
    )

    def clean_seal_ok(self) -> bool:
        return bool(self.cleaned_data["seal_ok"] == "yes")


class CorrectForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why this was wrong",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It is kept with your name.",
    )


class ChannelForm(forms.Form):
    channel = forms.ChoiceField(choices=CHANNELS, label="How the patient said so")


class ReceiptForm(ChannelForm):
    received = forms.ChoiceField(
        choices=(("yes", "Yes, the patient has it"), ("no", "No, it is missing")),
        label="Is the parcel there?",
        widget=forms.RadioSelect,
    )

    def clean_received(self) -> bool:
        return bool(self.cleaned_data["received"] == "yes")


class ChooseForm(ChannelForm):
    """A window of those that are offered, and the adult who takes the parcel."""

    window = forms.TypedChoiceField(label="Window")
    signer_name = forms.CharField(max_length=120, label="Who takes it")
    signer_born = DayField(label="Their date of birth", help_text="21 or older on that day.")
    field_order = ("window", "signer_name", "signer_born", "channel")

    def __init__(self, *args: Any, offered: dict[str, tuple[str, DeliveryWindow]], **more: Any):
        super().__init__(*args, **more)
        self.offered = offered
        window: Any = self.fields["window"]
        window.choices = [
            ("", "Choose a window"),
            *((k, words) for k, (words, _) in offered.items()),
        ]

    def clean_window(self) -> DeliveryWindow:
        return self.offered[self.cleaned_data["window"]][1]
