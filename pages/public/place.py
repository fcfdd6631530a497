"""Where somebody lives, by their ZIP code: the small form that several pages of visitors have."""

from typing import Any

from django import forms

from patients.service_area import CENTRAL, EASTERN, zip_code

ZONES = ((EASTERN, "Eastern time"), (CENTRAL, "Central time"))


class ZipForm(forms.Form):
    """Five digits, or nine; surrounding blanks are fine."""

    postal_code = forms.CharField(
        label="Your ZIP code",
        max_length=20,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "postal-code", "size": 10}
        ),
    )

    def clean_postal_code(self) -> str:
        try:
            return zip_code(self.cleaned_data["postal_code"])
        except ValueError as error:
            raise forms.ValidationError("Use a ZIP code of five digits.") from error


class PlaceForm(ZipForm):
    """A ZIP code, and the time zone where it lies in two."""

    time_zone = forms.ChoiceField(choices=ZONES, required=False, widget=forms.HiddenInput)


def of_place(place: Any) -> str:
    """``Escambia County, Florida``."""
    states = {"FL": "Florida", "NJ": "New Jersey"}
    return f"{place.county} County, {states[place.state]}" if place.county else states[place.state]
