"""What staff type about parcels; the same fields and bounds as the API's."""

from typing import Any

from django import forms

from pages.forms import Day
from scheduling.deliveries.api import carrier_name
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.models import DeliveryWindow

LONGEST_CARRIER = 40
CHANNELS = (("telephone", "On the telephone"), ("in_person", "In person"))


class NothingForm(forms.Form):
    """Nothing but which parcel."""


class DispatchForm(forms.Form):
    carrier = forms.CharField(max_length=LONGEST_CARRIER)
    tracking = forms.CharField(max_length=60, label="Tracking number")

    def clean_carrier(self) -> str:
        name = carrier_name(self.cleaned_data["carrier"])
        if len(name) > LONGEST_CARRIER:  # some letters are two in capitals
            raise forms.ValidationError(f"Use up to {LONGEST_CARRIER} letters.")
        return name


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
    signer_born = Day(label="Their date of birth", help_text="21 or older on that day.")
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
