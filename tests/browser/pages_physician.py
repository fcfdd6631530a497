"""The pages of physicians: name, route, who looks, and an address in the demo."""

from typing import Any


def to_move() -> str:
    """A consultation of Dr. Chen that can be moved."""
    from scheduling.models import Consultation

    rows = Consultation.objects.filter(status="booked", physician__name="Dr. Chen")
    return f"/physician/consultations/{rows.order_by('start')[0].pk}/move/"


LOOKS: tuple[tuple[Any, ...], ...] = (
    ("today", "physician/", "chen"),
    ("week", "physician/week/", "chen"),
    ("week-next", "physician/week/", "chen", lambda: "/physician/week/?from=2026-11-30"),
    ("week-empty", "physician/week/", "chen", lambda: "/physician/week/?from=2027-07-05"),
    ("week-move", "physician/consultations/<uuid:pk>/move/", "chen", to_move),
)
