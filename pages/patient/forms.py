"""Fields that several forms of patients have."""

from datetime import date
from typing import Any

from django import forms

US_STATES = (("FL", "Florida"), ("NJ", "New Jersey"), ("elsewhere", "Somewhere else"))


class Birthday(forms.DateField):
    """A day on which somebody was born."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date", "min": "1900-01-01"}, format="%Y-%m-%d")
        super().__init__(widget=widget, input_formats=["%Y-%m-%d", "%m/%d/%Y"], **options)

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        if isinstance(day, date) and not 1900 <= day.year <= 2100:
            raise forms.ValidationError("Please check the year.")
        return day


class Text(forms.CharField):
    """A line of text; ``fill`` is what a browser may fill in by itself."""

    def __init__(self, *, fill: str = "off", **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"autocomplete": fill}))
        super().__init__(**options)


class Phone(Text):
    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
        super().__init__(max_length=30, widget=widget, **options)


class OneOf(forms.ModelChoiceField):  # type: ignore[type-arg]  # not subscriptable when run
    """A row that was chosen; of what is no id, the same is said as of a row that is gone."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except forms.ValidationError as error:
            if error.code == "invalid_choice":
                raise
            gone = self.error_messages["invalid_choice"]
            raise forms.ValidationError(gone, code="invalid_choice") from error


class Reading(forms.Form):
    """Blood pressure in mmHg, pulse in beats a minute: of somebody who lives."""

    systolic = forms.IntegerField(
        label="Blood pressure: upper number",
        min_value=50,
        max_value=280,
        help_text="Your monitor says SYS.",
    )
    diastolic = forms.IntegerField(
        label="Blood pressure: lower number",
        min_value=30,
        max_value=200,
        help_text="Your monitor says DIA.",
    )
    pulse = forms.IntegerField(
        label="Pulse", min_value=20, max_value=250, help_text="Beats a minute."
    )

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if typed.get("diastolic", 0) >= typed.get("systolic", 1000):
            self.add_error("diastolic", "The lower number is below the upper one.")
        return typed
