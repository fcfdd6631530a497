"""What a physician prescribed in his own system, recorded for one patient; and its end."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.utils import timezone

from pages.physician.desk import Desk
from pages.physician.forms import PrescriptionForm
from pages.physician.patients import of_care
from patients.api import found
from scheduling.prescriptions.actions import end_prescription, record_prescription
from scheduling.prescriptions.api import PrescriptionOut, whole
from scheduling.prescriptions.gates import PHARMACY
from scheduling.prescriptions.models import Prescription

USUAL_DAYS = 180


class Prescriptions(Desk):
    """Record one, end one, and those there are."""

    template, here = "pages/physician/prescriptions.html", "patients"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """What is typed as a time is one on the wall of the physician."""
        if not getattr(request.user, "is_colleague", False) or request.user.role != "physician":
            return super().dispatch(request, *args, **kwargs)
        self.request = request
        with timezone.override(ZoneInfo(self.zone)):
            return super().dispatch(request, *args, **kwargs)

    def facts(self) -> Mapping[str, Any]:
        patient = of_care(self.user, self.kwargs["pk"])
        rows = list(whole(self.user).filter(patient=patient).order_by("-pk"))
        self.looked("prescription", [patient, *rows])
        return {
            "patient": patient,
            "rows": [(row, PrescriptionOut(row).data) for row in rows],
            "in_force": next((row for row in rows if row.ended_at is None), None),
            "form": self.form(PrescriptionForm, "record", self._usual()),
        }

    def do_record(self) -> None:
        patient = of_care(self.user, self.kwargs["pk"])
        sent = self.read(self.typed(PrescriptionForm, "record"))
        record_prescription(
            patient=patient, physician=self.physician, **sent, by=self.by(), now=self.now
        )
        messages.success(self.request, "The prescription is recorded.")

    def do_end(self) -> None:
        patient = of_care(self.user, self.kwargs["pk"])
        try:
            pk = UUID(self.request.POST.get("prescription", ""))
        except ValueError as error:
            raise Http404 from error
        mine = Prescription.objects.visible_to(self.user).filter(patient=patient)
        end_prescription(prescription=found(mine, pk), by=self.by(), now=self.now)
        messages.success(self.request, "It has ended: nothing more is packed for it.")

    def _usual(self) -> dict[str, Any]:
        today = self.now.astimezone(PHARMACY).date()
        return {"issued_on": today, "use_by": today + timedelta(days=USUAL_DAYS), "refills": 0}
