"""The pages of physicians: name, route, who looks, and an address in the demo."""

from collections.abc import Callable
from typing import Any


def visit(**of: Any) -> Callable[[], str]:
    """A consultation of Dr. Chen in the demo that is like this."""

    def address() -> str:
        from scheduling.models import Consultation

        rows = Consultation.objects.filter(physician__name="Dr. Chen", **of)
        return f"/physician/consultations/{rows.order_by('start')[0].pk}/"

    return address


def patient(path: str = "", **of: Any) -> Callable[[], str]:
    """A patient of Dr. Chen in the demo who is like this."""

    def address() -> str:
        from patients.models import Patient

        rows = Patient.objects.filter(care__physician__name="Dr. Chen", **of)
        return f"/physician/patients/{rows.order_by('pk')[0].pk}/{path}"

    return address


def assessment() -> str:
    from patients.models import Assessment

    row = Assessment.objects.filter(urgency=1)[0]
    return f"/physician/assessments/{row.pk}/"


def to_move() -> str:
    """A consultation of Dr. Chen that can be moved."""
    from scheduling.models import Consultation

    rows = Consultation.objects.filter(status="booked", physician__name="Dr. Chen")
    return f"/physician/consultations/{rows.order_by('start')[0].pk}/move/"


UNDECIDED: dict[str, Any] = {
    "consultations__status": "completed",
    "consultations__decisions__isnull": True,
}
VISIT = "physician/consultations/<uuid:pk>/"
PATIENT = "physician/patients/<uuid:pk>/"
LOOKS: tuple[tuple[Any, ...], ...] = (
    ("today", "physician/", "chen"),
    ("week", "physician/week/", "chen"),
    ("week-next", "physician/week/", "chen", lambda: "/physician/week/?from=2026-11-30"),
    ("week-empty", "physician/week/", "chen", lambda: "/physician/week/?from=2027-07-05"),
    ("week-move", "physician/consultations/<uuid:pk>/move/", "chen", to_move),
    ("assessments", "physician/assessments/", "chen"),
    ("assessments-reviewed", "physician/assessments/", "chen",
     lambda: "/physician/assessments/?show=reviewed"),
    ("assessment", "physician/assessments/<uuid:pk>/", "chen", assessment),
    ("visit-booked", VISIT, "chen", visit(status="booked")),
    ("visit-arrived", VISIT, "chen", visit(status="arrived")),
    ("visit-to-decide", VISIT, "chen", visit(status="completed", decisions__isnull=True)),
    ("visit-decided", VISIT, "chen", visit(decisions__outcome="approved")),
    ("patients", "physician/patients/", "chen"),
    ("patients-nobody", "physician/patients/", "chen",
     lambda: "/physician/patients/?search=nobody"),
    ("patient-new", PATIENT, "chen", patient(**UNDECIDED)),
    ("patient-treated", PATIENT, "chen", patient(sessions__status="in_progress")),
    ("patient-held", PATIENT, "chen", patient(clinical_holds__reason="reading")),
    ("chain-new", PATIENT + "chain/", "chen",
     patient("chain/", **UNDECIDED)),
    ("chain-held", PATIENT + "chain/", "chen", patient("chain/", clinical_holds__reason="reading")),
    ("prescriptions", "physician/patients/<uuid:pk>/prescriptions/", "chen",
     patient("prescriptions/", prescriptions__ended_at=None, prescriptions__sessions=4)),
    ("prescriptions-none", PATIENT + "prescriptions/", "chen",
     patient("prescriptions/", **UNDECIDED)),
    ("amendments-of", PATIENT + "amendments/", "chen", patient("amendments/", **UNDECIDED)),
    ("physician-settings", "physician/settings/", "chen"),
)  # fmt: skip
