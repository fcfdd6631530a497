"""The pages of visitors: name, route, who looks, and an address in the demo."""

from typing import Any

START = "2026-11-30T15:00:00Z"
# Pages that a story leads to: without what was done before they lead elsewhere.
ON_THE_WAY = {"book/confirm/", "qualify/done/"}
LOOKS: tuple[tuple[Any, ...], ...] = (
    ("front", ""),
    ("front-served", "", "", lambda: "/?postal_code=32501"),
    ("front-elsewhere", "", "", lambda: "/?postal_code=10001"),
    ("qualify", "qualify/"),
    ("qualify-first", "qualify/<slug:step>/", "", lambda: "/qualify/birthday/"),
    ("book", "book/"),
    ("book-times", "book/", "", lambda: "/book/?postal_code=32501"),
    ("book-zone", "book/", "", lambda: "/book/?postal_code=32456"),
    ("book-elsewhere", "book/", "", lambda: "/book/?postal_code=10001"),
    ("book-embedded", "book/", "", lambda: "/book/?embed=1&postal_code=08753"),
    ("book-patient", "book/", "alice"),
    ("book-booked", "book/", "carla"),
    ("book-follow-up", "book/", "maya"),
    ("book-time", "book/time/", "", lambda: f"/book/time/?postal_code=32501&start={START}"),
    ("link-support", "support/<str:token>", "", lambda: "/support/none"),
    ("link-join", "join/<str:token>", "", lambda: "/join/none"),
    ("link-appointment", "a/<str:token>", "", lambda: "/a/none"),
    ("sign-in", "accounts/login/"),
    ("sign-in-code", "accounts/login/code/"),
)
