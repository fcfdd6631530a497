"""The pages of patients: name, route, who looks, and an address in the demo."""

from typing import Any

LOOKS: tuple[tuple[Any, ...], ...] = (
    ("care", "care/", "alice"),
    ("record", "care/record/", "alice"),
    ("my-settings", "care/settings/", "alice"),
)
