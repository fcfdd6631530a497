"""The pages of patients: name, route, who looks, and an address in the demo."""

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
LOOKS: tuple[tuple[Any, ...], ...] = (
    ("care", "care/", "alice"),
    ("appointment", APPOINTMENT, "carla", _appointment("carla")),
    ("appointment-move", APPOINTMENT, "carla", _appointment("carla", "?do=move")),
    ("appointment-cancel", APPOINTMENT, "carla", _appointment("carla", "?do=cancel")),
    ("appointment-cancelled", APPOINTMENT, "pablo", _appointment("pablo")),
    ("record", "care/record/", "alice"),
    ("my-settings", "care/settings/", "alice"),
)
