"""The pages of staff: name, route, who looks, and an address in the demo."""

from collections.abc import Callable
from typing import Any


def patient(part: str = "", **which: Any) -> Callable[[], str]:
    """The page of the first patient of the demo who is so, or a part of it."""

    def of() -> str:
        from patients.models import Patient

        row = Patient.objects.filter(**which).order_by("pk")[0]
        return f"/staff/patients/{row.pk}/{part}"

    return of


def consultation(status: str) -> Callable[[], str]:
    def of() -> str:
        from scheduling.models import Consultation

        row = Consultation.objects.filter(status=status).order_by("pk")[0]
        return f"/staff/consultations/{row.pk}/"

    return of


def moving() -> str:
    from scheduling.models import Consultation

    row = Consultation.objects.filter(status="booked").order_by("pk")[0]
    return f"/staff/patients/{row.patient_id}/book/?move={row.pk}"


def moving_session() -> str:
    from scheduling.models import TreatmentSession

    row = TreatmentSession.objects.filter(status="held").order_by("pk")[0]
    return f"/staff/patients/{row.patient_id}/sessions/?move={row.pk}"


def work_item(kind: str) -> Callable[[], str]:
    def of() -> str:
        from records.models import WorkItem

        row = WorkItem.objects.filter(kind=kind, for_role="staff").order_by("pk")[0]
        return f"/staff/work/{row.pk}/"

    return of


def said() -> None:
    """Texts of the demo are written and came in, once: no worker runs beside these pages."""
    from notifications import writing
    from notifications.incoming import hear_text
    from notifications.models import InboundMessage, Message
    from patients.models import Patient
    from records import clock

    if not Message.objects.exists():
        writing.write_messages(now=clock.now())
    if not InboundMessage.objects.exists():
        known = Patient.objects.order_by("pk").exclude(phone="")
        for number, body in enumerate(("Can I come later on Monday?", "HELP", "thanks!")):
            hear_text(
                provider_id=f"SM{number}",
                sender=str(known[number].phone),
                body=body,
                opt_out_type="",
                now=clock.now(),
            )


def texts(address: str) -> Callable[[], str]:
    def of() -> str:
        said()
        return address

    return of


def thread() -> str:
    from notifications.models import InboundMessage

    said()
    row = InboundMessage.objects.order_by("pk")[0]
    return f"/staff/patients/{row.patient_id}/texts/"


def text() -> str:
    from notifications.models import Message

    said()
    row = Message.objects.exclude(patient=None).order_by("-pk")[0]
    return f"/staff/texts/{row.pk}/"


def _parcel(status: str, tail: str = "") -> str:
    """The address of a parcel of the demo that is in this state."""
    from scheduling.models import Delivery

    return f"/staff/deliveries/{Delivery.objects.filter(status=status)[0].pk}/{tail}"


OF = "staff/patients/<uuid:pk>/"
DUE = {"subscriptions__periods__status": "open"}
LOOKS: tuple[tuple[Any, ...], ...] = (
    ("board", "staff/", "sam"),
    ("board-empty", "staff/", "sam", lambda: "/staff/?day=2026-01-01"),
    *(
        (f"parcel-{status}", "staff/deliveries/<uuid:pk>/", "sam", lambda s=status: _parcel(s))
        for status in ("scheduled", "out_for_delivery", "attempted", "delivered")
    ),
    (
        "choose", "staff/deliveries/<uuid:pk>/window/", "sam",
        lambda: _parcel("awaiting_window", "window/"),
    ),
    ("windows", "staff/windows/", "sam"),
    ("closures", "staff/windows/closures/", "sam"),
    ("holidays", "staff/windows/holidays/", "sam"),
    ("zones", "staff/windows/zones/", "sam"),
    ("desk-caller", "staff/callers/new/", "sam"),
    ("desk-patients", "staff/patients/", "sam"),
    ("desk-patients-none", "staff/patients/", "sam", lambda: "/staff/patients/?search=Zzz"),
    ("desk-patient-new", OF, "sam", patient(first_name="Alice")),
    ("desk-patient-treated", OF, "sam", patient(sessions__status="completed")),
    ("desk-patient-session", OF, "sam", patient(sessions__status="scheduled")),
    ("desk-patient-parcel", OF, "sam", patient(deliveries__status="scheduled")),
    ("desk-patient-away", OF, "sam", patient(address__served=False)),
    ("desk-assessment", OF + "assessment/", "sam", patient("assessment/")),
    ("desk-crisis", OF + "crisis/", "sam", patient("crisis/")),
    ("desk-book", OF + "book/", "sam", patient("book/", consultations=None)),
    ("desk-book-move", OF + "book/", "sam", moving),
    ("desk-consultation", "staff/consultations/<uuid:pk>/", "sam", consultation("booked")),
    ("desk-consultation-off", "staff/consultations/<uuid:pk>/", "sam", consultation("cancelled")),
    ("desk-plan-none", OF + "plan/", "sam", patient("plan/", consultations=None)),
    ("desk-plan-due", OF + "plan/", "sam", patient("plan/", **DUE)),
    (
        "desk-window", OF + "window/", "sam",
        patient("window/", deliveries__status="awaiting_window"),
    ),
    ("desk-window-set", OF + "window/", "sam", patient("window/", deliveries__status="scheduled")),
    (
        "desk-window-ask", OF + "window/", "sam",
        patient("window/", deliveries__status="delivered_unverified"),
    ),
    ("desk-window-none", OF + "window/", "sam", patient("window/", consultations=None)),
    (
        "desk-sessions", OF + "sessions/", "sam",
        patient("sessions/", deliveries__status="delivered"),
    ),
    (
        "desk-sessions-coming", OF + "sessions/", "sam",
        patient("sessions/", first_name="Quinn"),
    ),
    (
        "desk-sessions-begun", OF + "sessions/", "sam",
        patient("sessions/", sessions__status="in_progress"),
    ),
    ("desk-sessions-move", OF + "sessions/", "sam", moving_session),
    (
        "desk-sessions-none", OF + "sessions/", "sam", patient("sessions/", consultations=None),
    ),
    ("desk-contact", OF + "contact/", "sam", patient("contact/")),
    ("desk-address", OF + "address/", "sam", patient("address/")),
    ("desk-consents", OF + "consents/", "sam", patient("consents/")),
    ("desk-support", OF + "support/", "sam", patient("support/", sessions__status="scheduled")),
    ("desk-thread", OF + "texts/", "sam", thread),
    ("desk-texts", "staff/texts/", "sam", texts("/staff/texts/")),
    ("desk-texts-sent", "staff/texts/sent/", "sam", texts("/staff/texts/sent/")),
    ("desk-text", "staff/texts/<uuid:pk>/", "sam", text),
    ("desk-work", "staff/work/", "sam"),
    ("desk-work-none", "staff/work/", "sam", lambda: "/staff/work/?kind=brake"),
    ("desk-work-item", "staff/work/<uuid:pk>/", "sam", work_item("parcel_lost")),
    ("desk-settings", "staff/settings/", "sam"),
)  # fmt: skip
