"""Patients are looked up; the list tells where each of them stands."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from rest_framework.serializers import ValidationError

from pages.staff.desk import Desk, page_of
from pages.staff.gates import GATES, STEPS
from patients.models import Patient
from records.limits import take
from scheduling.api import FILTERS, search_patients

US_DAY = re.compile(r"^\s*(\d\d)/(\d\d)/(\d{4})\s*$", re.ASCII)  # as birthdays are told


class LookForm(forms.Form):
    """The filters; empty ones are not asked."""

    search = forms.CharField(
        max_length=100,
        required=False,
        label="Search",
        help_text="Name, phone, birthday (04/12/1988), reference or tracking number",
    )
    state = forms.ChoiceField(
        choices=(("", "Both states"), ("FL", "Florida"), ("NJ", "New Jersey")), required=False
    )
    county = forms.CharField(max_length=60, required=False, label="County")
    step = forms.ChoiceField(choices=(("", "Any step"), *STEPS.items()), required=False)
    gate = forms.ChoiceField(
        choices=(("", "Whatever is missing"), *((code, gate.short) for code, gate in GATES)),
        required=False,
        label="What is missing",
    )


class Patients(Desk):
    """Whom the practice treats or may treat, the newest first."""

    template = "pages/staff/patients.html"

    def facts(self) -> Mapping[str, Any]:
        take("search", user=str(self.user.pk))
        form = LookForm(self.request.GET)
        shown, following = page_of(self.request, self._rows(form))
        self.looked("patient", shown)
        asked = {name for name in form.fields if self.request.GET.get(name)}
        return {
            "here": "patients",
            "form": form,
            "rows": shown,
            "following": following,
            "filtered": bool(asked),
            "narrowed": bool(asked - {"search"}),
        }

    def _rows(self, form: LookForm) -> Any:
        rows = Patient.objects.visible_to(self.user).select_related("address")
        if not form.is_valid():
            return rows.none()
        asked = {name: value for name, value in form.cleaned_data.items() if value}
        if "gate" in asked:
            asked["gate"] = [asked["gate"]]
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        try:
            return search_patients(rows, US_DAY.sub(r"\3-\1-\2", asked.get("search", "")))
        except ValidationError:
            form.add_error("search", "There is no such day.")
            return rows.none()
