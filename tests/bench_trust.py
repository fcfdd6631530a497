"""What watching and proving costs a physician's look at a timeline: `make bench-trust`, a minute.

Two web servers on one database, one with the access log, the second factor and the limits, one
without; the same session asks both in turn, so that the noise of the machine meets both. The exit
code is 1 when they take more than a quarter of the requests per second.
"""

import http.client
import os
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from config import embedded
from config.run import commands
from tests import chaos
from tests.started import wait_for

ROUNDS, SECONDS = 15, 1.0  # of each server, in turn
MOST = 0.25


def _ask(server: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    server.request("GET", path, headers=headers)
    answer = server.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {body[:200]!r}")


def _per_second(port: int, path: str, headers: dict[str, str]) -> float:
    """Requests that one client gets answered in a second, one after another."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < SECONDS:
        _ask(server, path, headers)
        count += 1
    return count / (time.monotonic() - begun)


def _is_up(port: int) -> bool:
    try:
        _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/readyz", {})
    except (OSError, RuntimeError):
        return False
    return True


def measure(urls: dict[str, str]) -> dict[str, list[float]]:
    """Requests per second with and without, round by round."""
    from django.test import override_settings

    from records.models import AccessLog
    from tests.care import care
    from tests.conftest import caller
    from tests.signing import App

    with override_settings(ALLOWED_HOSTS=["testserver"]):
        patient = care(caller("alice")).delivered().id
        headers = {"X-Session-Token": App().sign_in("chen").token}
    path = f"/api/v1/patients/{patient}/timeline/"
    seen: dict[str, list[float]] = {"with": [], "without": []}
    with TemporaryDirectory(prefix="hearth-trust-") as folder:
        processes = chaos.Processes(
            {**os.environ, **urls, "LOG_LEVEL": "INFO"}, Path(folder) / "log"
        )
        ports = {"with": embedded.free_port(), "without": embedded.free_port()}
        try:
            for name, port in ports.items():
                web = commands(port)["web"].replace("--workers 2", "--workers 1")
                bare = web.replace("config.wsgi", "tests.bare")
                processes.start(name, web if name == "with" else bare)
                wait_for(partial(_is_up, port), f"the server {name}", 60)
                _per_second(port, path, headers)
            before = AccessLog.objects.count()
            for _ in range(ROUNDS):
                for name, port in ports.items():
                    seen[name].append(_per_second(port, path, headers))
            watched = AccessLog.objects.count() - before
        finally:
            for name in processes.running:
                processes.kill(name)
    asked = sum(seen["with"]) * SECONDS
    if not 0.9 * asked < watched < 1.1 * asked + ROUNDS:
        raise RuntimeError(f"{watched} looks were written down of {asked:.0f}")
    return seen


def main() -> int:
    """Measure in a database of its own; 1 when it costs too much."""
    with chaos.database() as urls:
        seen = measure(urls)
    cost = 1 - median(a / b for a, b in zip(seen["with"], seen["without"], strict=True))
    table = Table(
        "", "requests a second", "least", "most", title="A physician's look at a timeline"
    )
    for name, rows in seen.items():
        table.add_row(name, *(f"{figure:.1f}" for figure in (median(rows), min(rows), max(rows))))
    table.add_row("it costs", f"{cost:.1%}")
    Console().print(table)
    return 0 if cost <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
