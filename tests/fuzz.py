"""Every door asked by everybody with whatever fits or breaks the schema: `make fuzz`.

Web of our own over real HTTP, with a patient whose treatment is on its way; schemathesis asks as a
visitor, two patients, staff, two physicians and an administrator, one after another, and follows
what one answer says into the next request. The exit code is 1 when an answer was a 5xx, did not
fit the schema, or held what its reader must not see.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from config import embedded
from config.run import commands
from tests import chaos
from tests.started import ROOT, wait_for

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "nobody_else_is_told",
)  # fmt: skip
SECONDS = 200  # of each role
AT_LEAST = 20_000


@dataclass
class World:
    """Tokens of those who ask, what must not be told to each, and ids that there are."""

    tokens: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)


def _rows_of(patient: Any) -> Iterator[Any]:
    """Every row that belongs to a patient."""
    from django.apps import apps

    yield patient
    for model in apps.get_models():
        if any(f.name in ("patient", "patient_id") for f in model._meta.concrete_fields):
            yield from model._default_manager.filter(patient_id=patient.pk)


def _traces(patient: Any) -> list[str]:
    """What tells of a patient: ids, contacts, street."""
    ids = [str(row.pk) for row in _rows_of(patient)]
    return [*ids, str(patient.user_id), str(patient.phone), patient.email, patient.address.line1]


def build() -> World:
    """Alice under treatment, Bruno and Eve with an assessment; a physician who knows no one."""
    from django.test import override_settings

    from accounts.models import User
    from accounts.tokens import make_token
    from patients.models import Patient
    from scheduling.models import Physician
    from tests.care import care
    from tests.cast import CAST
    from tests.conftest import caller

    with override_settings(ALLOWED_HOSTS=["testserver"]):
        care(caller("alice")).delivered()
        care(caller("bruno"), talk="2026-12-29T15:00:00Z").approved()
    dee = User.objects.create_user(role="physician", name="Dr. Dee", email="dee@hearth.test")
    Physician.objects.create(user=dee, name="Dr. Dee")
    alice, bruno, eve = (
        _traces(p) for p in Patient.objects.filter(email__in=CAST.values()).order_by("pk")
    )
    world = World(ids=[one for one in alice + bruno + eve if len(one) == 36])
    for name, email in {**CAST, "dee": "dee@hearth.test"}.items():
        world.tokens[name] = make_token(User.objects.get(email__iexact=email), "write")
    everyone = alice + bruno + eve
    by_id = {alice[0], bruno[0]}  # what is to be done names whom it is about, by that alone
    world.hidden = {
        "visitor": everyone, "alice": bruno + eve, "eve": alice + bruno,
        "dee": [trace for trace in alice + bruno if trace not in by_id], "sam": [], "chen": [],
        "admin": everyone,  # the last: it may take the others' roles
    }  # fmt: skip
    return world


def ask(
    base: str, who: str, world: World, folder: Path, seconds: int, seed: int | None
) -> tuple[dict[str, int], str]:
    """What one role was answered, by status, and what schemathesis found; empty for nothing."""
    at, count = folder / f"{who}.world", folder / f"{who}.count"
    at.write_text(json.dumps({"ids": world.ids, "hidden": world.hidden[who]}))
    count.write_text("{}")
    env = {
        **os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz_hooks", "PYTHONPATH": str(ROOT),
        "FUZZ_WORLD": str(at), "FUZZ_COUNT": str(count),
    }  # fmt: skip
    token = world.tokens.get(who)
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "st"), "run", str(ROOT / "openapi.yaml"),
            "--url", base, "--checks", ",".join(CHECKS), "--max-time", str(seconds),
            "--exclude-path", "/api/v1/me/tokens/{id}/",  # nobody saws off their own branch
            "--continue-on-failure", "--warnings", "off", "--no-color", *header,
            *(["--seed", str(seed)] if seed is not None else []),
        ],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return json.loads(count.read_text()), "" if done.returncode == 0 else done.stdout + done.stderr


def run(
    urls: dict[str, str], seconds: int, roles: tuple[str, ...] = (), seed: int | None = None
) -> tuple[dict[str, dict[str, int]], str]:
    """Ask as each role for so many seconds: the statuses, and what was found."""
    with TemporaryDirectory(prefix="hearth-fuzz-") as name:
        world, folder, port = build(), Path(name), embedded.free_port()
        env = {**os.environ, **urls, "PORT": str(port), "TRUSTED_PROXY_COUNT": "1"}
        env |= {"PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "ERROR"}
        processes = chaos.Processes(env, folder / "web.log")
        try:
            processes.start("web", commands(port)["web"])
            base = f"http://127.0.0.1:{port}"
            wait_for(lambda: _is_up(base), "the web server", 60)
            answers, found = {}, ""
            for who in roles or tuple(world.hidden):
                answers[who], faults = ask(base, who, world, folder, seconds, seed)
                found += f"\n--- {who}\n{faults}" if faults else ""
            if found:
                found += (folder / "web.log").read_text(errors="replace")[-20_000:]
        finally:
            processes.kill("web")
    return answers, found


def _is_up(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def main() -> int:
    """All roles; 1 when anything was found, or too little was asked."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with chaos.database() as urls:
        answers, found = run(urls, seconds, tuple(sys.argv[2:]))
    statuses = sorted({status for row in answers.values() for status in row})
    table = Table("", *statuses, "in all", title="What was answered")
    for who, row in answers.items():
        table.add_row(who, *(f"{row.get(s, 0):,}" for s in statuses), f"{sum(row.values()):,}")
    Console().print(table)
    asked = sum(sum(row.values()) for row in answers.values())
    if found:
        print(found, file=sys.stderr)
    return 1 if found or asked < AT_LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
