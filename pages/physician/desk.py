"""What every page of a physician has: whose desk it is, and in which zone its times are."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.http import HttpResponse

from accounts.models import Role
from pages.page import Page
from patients.models import Patient
from scheduling.calendar.api import physician_of
from scheduling.calendar.models import Physician

F = TypeVar("F", bound=forms.Form)


class Desk(Page):
    """A page of a physician; ``here`` is where it stands in the navigation."""

    roles = (Role.PHYSICIAN,)
    here = ""

    @cached_property
    def physician(self) -> Physician:
        return physician_of(self.user)

    @property
    def zone(self) -> str:
        return self.physician.time_zone

    def page(self, *, status: int = 200, **more: Any) -> HttpResponse:
        frame = {"here": self.here, "zone": self.zone, "physician": self.physician}
        return super().page(status=status, **{**frame, **more})

    def saw(self, patients: set[UUID]) -> None:
        """Write down whom a page that puts several things together is about, in one row."""
        if patients:
            self.looked("patient", [Patient(pk=pk) for pk in sorted(patients)])

    def form(self, shape: type[F], does: str, initial: Mapping[str, Any] | None = None) -> F:
        """A form of the page; after a refusal with what was typed, if its button was pressed."""
        pressed = self.request.method == "POST" and self.request.POST.get("do") == does
        typed = {name: self.request.POST.get(name) for name in shape.base_fields if pressed}
        return shape(initial={**(initial or {}), **typed}, auto_id=f"{does}_%s")

    def typed(self, shape: type[F], does: str) -> F:
        """The same form, with what was sent."""
        return shape(self.request.POST, auto_id=f"{does}_%s")
