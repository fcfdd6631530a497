"""What Hearth is, and for whom."""

from collections.abc import Mapping
from typing import Any

from pages.page import Page
from pages.public.place import ZipForm, of_place
from patients.actions import place_of
from records.limits import take
from scheduling.models import Plan


class Front(Page):
    """What Hearth is, and for whom; a ZIP code is answered on the same page."""

    template = "pages/public/front.html"

    def facts(self) -> Mapping[str, Any]:
        cheapest = Plan.objects.filter(is_offered=True).order_by("monthly_price").first()
        asks = "postal_code" in self.request.GET
        form = ZipForm(self.request.GET if asks else None)
        facts: dict[str, Any] = {"cheapest": cheapest, "form": form, "here": "front"}
        if asks and form.is_valid():
            if self.request.user.is_authenticated:
                take("look", user=str(self.request.user.pk))
            place = place_of(form.cleaned_data)
            facts |= {"place": place, "county": of_place(place) if place.served else ""}
        return facts
