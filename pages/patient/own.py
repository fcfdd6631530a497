"""What the pages of patients share: whose they are, what was typed, lists page by page."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse

from accounts.models import Role
from pages.page import Page
from patients.models import Patient

PAGE = 20  # rows of a list
F = TypeVar("F", bound=forms.BaseForm)


class Own(Page):
    """A page about the patient who looks; ``here`` is the tab that it belongs to."""

    roles = (Role.PATIENT,)
    here = "care"

    @cached_property
    def patient(self) -> Patient:
        """Who looks, with the address."""
        row = Patient.objects.visible_to(self.user).select_related("address").first()
        if row is None:
            raise Http404
        return row

    def page(self, *, status: int = 200, **more: Any) -> HttpResponse:
        """What was read before something was refused may have changed since: it is read anew."""
        if self.request.method == "POST":
            self.__dict__.pop("patient", None)
        return super().page(status=status, here=self.here, **more)

    @property
    def version(self) -> int:
        """The version of what the form was about, as it was shown; what is none is stale."""
        text = self.request.POST.get("version", "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1

    def form(self, of: type[F], does: str, **initial: Any) -> F:
        """A form with what was typed into it, if this is what was sent; else as it begins."""
        is_sent = self.request.POST.get("do") == does
        return of(self.request.POST if is_sent else None, initial=initial)

    def rows(self, of: Any) -> Mapping[str, Any]:
        """A page of these rows, the latest first; ``before`` is the id to go on from, or None."""
        try:
            after = UUID(self.request.GET.get("before", ""))
        except ValueError:
            after = None
        found = list((of.filter(pk__lt=after) if after else of).order_by("-pk")[: PAGE + 1])
        more = len(found) > PAGE
        return {"rows": found[:PAGE], "before": found[PAGE - 1].pk if more else None}
