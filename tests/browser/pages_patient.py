"""The pages of patients: name, route, who looks, and an address in the demo."""

from collections.abc import Callable
from typing import Any


def _appointment(name: str, query: str = "") -> Any:
    """The appointment of somebody in the demo."""

    def find() -> str:
        from scheduling.models import Consultation
        from tests.browser.site import user_of

        row = Consultation.objects.filter(patient__user=user_of(name)).latest("start")
        return f"/care/appointments/{row.pk}/{query}"

    return find


APPOINTMENT = "care/appointments/<uuid:pk>/"


def _delivery(name: str) -> Callable[[], str]:
    def address() -> str:
        from scheduling.models import Delivery

        row = Delivery.objects.filter(patient__first_name=name).latest("pk")
        return f"/care/deliveries/{row.pk}/"

    return address


def _session(name: str, more: str = "") -> Callable[[], str]:
    def address() -> str:
        from scheduling.models import TreatmentSession

        row = TreatmentSession.objects.filter(patient__first_name=name).earliest("pk")
        return f"/care/sessions/{row.pk}/{more}"

    return address


DELIVERY, SESSION = "care/deliveries/<uuid:pk>/", "care/sessions/<uuid:pk>/"
# The people of the demo are called by what is about them: scheduling/demo.py, PEOPLE.
LOOKS: tuple[tuple[Any, ...], ...] = (
    ("care", "care/", "alice"),
    ("appointment", APPOINTMENT, "carla", _appointment("carla")),
    ("appointment-move", APPOINTMENT, "carla", _appointment("carla", "?do=move")),
    ("appointment-cancel", APPOINTMENT, "carla", _appointment("carla", "?do=cancel")),
    ("appointment-cancelled", APPOINTMENT, "pablo", _appointment("pablo")),
    ("care-booked", "care/", "carla"),
    ("care-declined", "care/", "dario"),
    ("care-approved", "care/", "greta"),
    ("care-window", "care/", "iris"),
    ("care-scheduled", "care/", "jonas"),
    ("care-planned", "care/", "quinn"),
    ("care-moved", "care/", "rosa"),
    ("care-held", "care/", "gino"),
    ("care-treated", "care/", "cyrus"),
    ("agreements", "care/agreements/", "alice"),
    ("agreements-given", "care/agreements/", "iris"),
    ("plan", "care/plan/", "greta"),
    ("plan-not-yet", "care/plan/", "alice"),
    ("plan-mine", "care/plan/", "iris"),
    ("plan-late", "care/plan/", "dana"),
    ("plan-paused", "care/plan/", "emil"),
    ("plan-ended", "care/plan/", "flora"),
    ("deliveries", "care/deliveries/", "iris"),
    ("deliveries-none", "care/deliveries/", "alice"),
    ("delivery", DELIVERY, "iris", _delivery("Iris")),
    ("delivery-scheduled", DELIVERY, "jonas", _delivery("Jonas")),
    ("delivery-under-way", DELIVERY, "liam", _delivery("Liam")),
    ("delivery-there", DELIVERY, "quinn", _delivery("Quinn")),
    ("delivery-elsewhere", DELIVERY, "wanda", _delivery("Wanda")),
    ("delivery-lost", DELIVERY, "bella", _delivery("Bella")),
    ("sessions", "care/sessions/", "cyrus"),
    ("sessions-none", "care/sessions/", "alice"),
    ("session-plan", "care/sessions/plan/", "jonas"),
    ("session-plan-not-yet", "care/sessions/plan/", "alice"),
    ("session", SESSION, "quinn", _session("Quinn")),
    ("session-held", SESSION, "gino", _session("Gino")),
    ("session-begun", SESSION, "hana", _session("Hana")),
    ("session-missed", SESSION, "ivo", _session("Ivo")),
    ("session-done", SESSION, "cyrus", _session("Cyrus")),
    ("session-move", f"{SESSION}move/", "quinn", _session("Quinn", "move/")),
    ("support-person", "care/support/", "alice"),
    ("support-person-agreed", "care/support/", "quinn"),
    ("record", "care/record/", "alice"),
    ("record-copy", "care/record/copy/", "alice"),
    ("amendments", "care/record/amendments/", "alice"),
    ("my-settings", "care/settings/", "alice"),
    ("my-address", "care/settings/address/", "alice"),
    ("my-phone", "care/settings/phone/", "alice"),
    ("my-email", "care/settings/email/", "alice"),
    ("my-messages", "care/settings/messages/", "alice"),
    ("my-messages-many", "care/settings/messages/", "cyrus"),
)
