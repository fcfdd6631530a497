"""The pages of staff: name, route, who looks, and an address in the demo."""

from typing import Any

LOOKS: tuple[tuple[Any, ...], ...] = (("board", "staff/", "sam"),)
