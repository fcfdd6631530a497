"""The pages of staff: name, route, who looks, and an address in the demo."""

from typing import Any


def _parcel(status: str, tail: str = "") -> str:
    """The address of a parcel of the demo that is in this state."""
    from scheduling.models import Delivery

    return f"/staff/deliveries/{Delivery.objects.filter(status=status)[0].pk}/{tail}"


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
)  # fmt: skip
