"""The pages of physicians: name, route, who looks, and an address in the demo."""

from typing import Any

LOOKS: tuple[tuple[Any, ...], ...] = (("today", "physician/", "chen"),)
