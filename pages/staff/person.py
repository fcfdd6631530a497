"""One patient: where they stand, what is missing, and the button that clears it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404

from pages.staff.desk import Desk
from pages.staff.gates import ACTS, missing
from patients.models import Patient
from scheduling import replan, timeline


class Person(Desk):
    """The chain of care of a patient, as staff clear its gates."""

    template = "pages/staff/patient.html"

    def facts(self) -> Mapping[str, Any]:
        among = Patient.objects.visible_to(self.user)
        try:
            care, rows = replan.read(self.kwargs["pk"], now=self.now, among=among)
        except Patient.DoesNotExist as error:
            raise Http404 from error
        self.looked("patient", [rows.patient])
        chain = timeline.steps(care)
        upcoming = timeline.next_of(chain, self.now)
        return {
            **self.about(rows.patient),
            "here": "patients",
            "tab": "patient",
            "steps": _shown(chain, rows.patient),
            "next": upcoming,
            "next_acts": ACTS[upcoming.who],
            "done": sum(step.done for step in chain),
            "meetings": rows.meetings,
            "parcels": rows.standing.deliveries,
            "plan": rows.standing.subscription,
            "months": rows.standing.periods,
            "sessions": rows.sessions,
        }


def _shown(chain: Sequence[timeline.Step], patient: Patient) -> list[dict[str, Any]]:
    return [
        {"step": step, "missing": [missing(gate, patient, step.object) for gate in step.unmet]}
        for step in chain
    ]
