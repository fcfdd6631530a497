"""Whether the time of an answer tells who is known: two hundred of each, in turn (A34)."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from math import exp, sqrt
from typing import Any

from rich.console import Console
from rich.table import Table

ROUNDS = int(os.environ.get("ROUNDS", "200"))
APART, CHANCE = 0.10, 0.01
API = "/_allauth/app/v1/auth/"


def differ(some: list[float], others: list[float]) -> tuple[float, float]:
    """How far the medians are apart, and how likely that is by chance (Kolmogorov-Smirnov)."""
    middle, other = statistics.median(some), statistics.median(others)
    steps = sorted([(t, 1 / len(some)) for t in some] + [(t, -1 / len(others)) for t in others])
    gap = height = 0.0
    for _, step in steps:
        height += step
        gap = max(gap, abs(height))
    size = sqrt(len(some) * len(others) / (len(some) + len(others)))
    scaled = (size + 0.12 + 0.11 / size) * gap
    terms = (2 * (-1) ** (k - 1) * exp(-2 * k**2 * scaled**2) for k in range(1, 101))
    chance = 1.0 if scaled < 0.2 else max(0.0, min(1.0, sum(terms)))
    return abs(middle - other) / min(middle, other), chance


def timed(post: Callable[[str, dict[str, str]], Any], door: str, body: dict[str, str]) -> float:
    begun = time.perf_counter()
    answer = post(door, body)
    seconds = time.perf_counter() - begun
    assert answer.status_code == (400 if door == "login" else 401), answer.content
    return seconds


def pairs() -> Iterator[tuple[str, str, Callable[[int], dict[str, str]], Callable[[int], Any]]]:
    """What is asked → the door, and bodies with a known and an unknown contact."""
    yield (
        "a code by text", "code/request", lambda n: {"phone": f"+1352555{2000 + n}"},
        lambda n: {"phone": f"+1352555{6000 + n}"},
    )  # fmt: skip
    yield (
        "a code by mail", "code/request", lambda n: {"email": f"known{n}@example.org"},
        lambda n: {"email": f"other{n}@example.org"},
    )  # fmt: skip
    yield (
        "a password", "login", lambda n: {"email": f"staff{n}@example.org", "password": "wrong"},
        lambda n: {"email": f"nobody{n}@example.org", "password": "wrong"},
    )  # fmt: skip


def measure(post: Callable[[str, dict[str, str]], Any]) -> int:
    """Print the table; 1 when a bound is missed."""
    table, missed = Table("asked for", "known", "unknown", "apart", "by chance"), 0
    for what, door, known, unknown in pairs():
        times: tuple[list[float], list[float]] = ([], [])
        for n in range(ROUNDS):
            timed(post, door, known(n)) if n == 0 else None  # the first of all is slow
            order = ((0, known), (1, unknown)) if n % 2 else ((1, unknown), (0, known))
            for which, body in order:
                times[which].append(timed(post, door, body(n)))
        apart, chance = differ(*times)
        missed |= apart >= APART or chance <= CHANCE
        shown = (f"{statistics.median(t) * 1000:.2f} ms" for t in times)
        table.add_row(what, *shown, f"{apart:.1%}", f"{chance:.3f}")
    Console().print(table)
    return int(missed)


def main() -> int:
    from django.core.wsgi import get_wsgi_application

    get_wsgi_application()
    from tests import conftest
    from tests.conftest import clone, drop, make_template, use

    name = f"hearth_test_timing_{conftest.RUN[:12]}"
    make_template()
    clone(name, conftest.TEMPLATE)
    use(name)
    try:
        return measure(_asker())
    finally:
        from django.db import connections

        connections.close_all()
        drop(name)


def _asker() -> Callable[[str, dict[str, str]], Any]:
    """Everybody who is known, without limits, and who asks."""
    from django.test import Client

    from accounts.models import User
    from records.limits import LIMITS
    from tests.cast import PASSWORD
    from tests.conftest import handler

    for what, rows in LIMITS.items():  # counted all the same
        LIMITS[what] = tuple((by, 10**9, seconds) for by, _, seconds in rows)
    made = User(role="staff", name="x")
    made.set_password(PASSWORD)
    for n in range(ROUNDS):
        mail = f"staff{n}@example.org"
        User.objects.create(role="staff", name="x", email=mail, password=made.password)
        phone, mail = f"+1352555{2000 + n}", f"known{n}@example.org"
        User.objects.create(role="patient", name="x", email=mail, phone=phone)
    client = Client(SERVER_NAME="127.0.0.1")
    client.handler = handler()
    return lambda door, body: client.post(API + door, body, content_type="application/json")


if __name__ == "__main__":
    sys.exit(main())
