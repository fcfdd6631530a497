"""What pages of staff share: a form that keeps what was typed, a patient, a list page by page."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse

from accounts.models import Role
from pages.forms import version_in
from pages.page import Page
from patients.api import found
from patients.models import Patient

SIZE = 25  # rows of a list


class Desk(Page):
    """A page of staff. What was typed stays, also where a rule refuses it."""

    roles = (Role.STAFF,)

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.typed: dict[str, BaseForm] = {}

    def read(self, form: BaseForm, name: str = "form") -> dict[str, Any]:
        self.typed[name] = form
        return super().read(form, name)

    def page(self, *, status: int = 200, **more: Any) -> HttpResponse:
        return super().page(status=status, **{"practice_zone": self.practice.time_zone, **more})

    def about(self, patient: Patient) -> dict[str, Any]:
        """What the head of a patient's pages shows: who it is, and both zones."""
        zone = patient.time_zone
        return {"patient": patient, "zone": zone, "two_zones": zone != self.practice.time_zone}

    def form(self, kind: type[BaseForm], name: str = "form", **options: Any) -> BaseForm:
        """The form as it was typed just now, or a new one."""
        return self.typed.get(name) or kind(**options)


class OfPatient(Desk):
    """A page about the patient of the address."""

    @cached_property
    def patient(self) -> Patient:
        rows = Patient.objects.visible_to(self.user).select_related("address")
        row: Patient = found(rows, self.kwargs["pk"])
        return row

    def facts(self) -> Mapping[str, Any]:
        self.looked("patient", [self.patient])
        return self.about(self.patient)


def version_of(request: HttpRequest) -> int:
    """Which version the page showed."""
    return version_in(request.POST.get("version", ""))


def uuid_of(text: str) -> UUID | None:
    """An id that was sent, or None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def named(rows: Any, text: str) -> Any:
    """The row of these that was named by its id; 404 for what is none."""
    pk = uuid_of(text)
    if pk is None:
        raise Http404
    return found(rows, pk)


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> tuple[Sequence[Any], str]:
    """The newest rows, or those before the one that the address names; and where the next begin."""
    if before := uuid_of(request.GET.get("before", "")):
        rows = rows.filter(pk__lt=before)
    found_rows = list(rows.order_by("-pk")[: SIZE + 1])
    shown = found_rows[:SIZE]
    if len(found_rows) <= SIZE:
        return shown, ""
    asked = request.GET.copy()
    asked["before"] = str(shown[-1].pk)
    return shown, f"?{asked.urlencode()}"
