"""The pages of patients: name, route, who looks, and an address in the demo."""

from typing import Any


def _appointment(status: str) -> Any:
    """An appointment in the demo, by its state: where its patient looks at it."""

    def find() -> str:
        from scheduling.models import Consultation
        from tests.cast import CAST

        rows = Consultation.objects.filter(patient__user__email=CAST["alice"], status=status)
        return f"/care/appointments/{rows.latest('start').pk}/"

    return find


LOOKS: tuple[tuple[Any, ...], ...] = (
    ("care", "care/", "alice"),
    ("appointment", "care/appointments/<uuid:pk>/", "alice", _appointment("completed")),
    ("record", "care/record/", "alice"),
    ("my-settings", "care/settings/", "alice"),
)
