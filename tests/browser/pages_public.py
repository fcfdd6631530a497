"""The pages of visitors: name, route, who looks, and an address in the demo."""

from typing import Any

LOOKS: tuple[tuple[Any, ...], ...] = (
    ("front", ""),
    ("book", "book/"),
    ("link-support", "support/<str:token>", "", lambda: "/support/none"),
    ("link-join", "join/<str:token>", "", lambda: "/join/none"),
    ("link-appointment", "a/<str:token>", "", lambda: "/a/none"),
    ("sign-in", "accounts/login/"),
    ("sign-in-code", "accounts/login/code/"),
)
