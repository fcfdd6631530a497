"""What Hearth refuses to start with, what its logs hold, and what beat does how often."""

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import SWEEPS, app
from notifications import doubt
from patients.models import Patient
from records import clock
from records.logs import formatter
from tests.conftest import Caller
from tests.started import ROOT
from tests.texting import ALICE, again, fault, run

REAL = {
    "HEARTH_ENV": "production",
    "SECRET_KEY": "x" * 50,
    "PUBLIC_BASE_URL": "https://hearth.example.org",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "t",
    "TWILIO_FROM_NUMBER": "+18505550100",
    "EMAIL_URL": "smtp://127.0.0.1:2525",
}


def start(code: str = "django.setup()", **env: str) -> subprocess.CompletedProcess[str]:
    """A process of its own with these settings."""
    return subprocess.run(
        [sys.executable, "-c", f"import django\n{code}"],
        cwd=ROOT,
        env={**os.environ, **REAL, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"TWILIO_ACCOUNT_SID": ""}, "need TWILIO_ACCOUNT_SID."),
        ({"TWILIO_AUTH_TOKEN": ""}, "need TWILIO_AUTH_TOKEN."),
        ({"TWILIO_FROM_NUMBER": ""}, "need TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER."),
        ({"EMAIL_URL": ""}, "need EMAIL_URL."),
        ({"HEARTH_ENV": "development", "EMAIL_URL": ""}, "need EMAIL_URL."),
        ({"HEARTH_ENV": "staging"}, "HEARTH_ENV is development, test or production."),
        ({"PRACTICE_NAME": "The Practice of Dr. Elizabeth Chen"}, "1 to 20 plain letters"),
        ({"PRACTICE_NAME": "Café"}, "1 to 20 plain letters"),
        ({"SECRET_KEY": "x" * 49}, "SECRET_KEY needs 50 characters or more."),
        ({"PUBLIC_BASE_URL": "http://hearth.example.org"}, "PUBLIC_BASE_URL begins with https://"),
        ({"HEARTH_ENV": "development", "PUBLIC_BASE_URL": ""}, "begins with https://"),
        ({"TWILIO_BASE_URL": "http://127.0.0.1:8000/sandbox"}, "TWILIO_BASE_URL begins with"),
        ({"TWILIO_BASE_URL": "http://texts.example.org"}, "TWILIO_BASE_URL begins with"),
        ({"TWILIO_BASE_URL": "https://hearth.example.org/sandbox/"}, "and is no sandbox."),
        ({"PRACTICE_NAME": " "}, "1 to 20 plain letters"),
        *(
            ({"PRACTICE_PHONE": wrong}, "PRACTICE_PHONE")
            for wrong in ("", "850-555-0100", "+1 850 555 0100", "+44 20 7946 0000", "+18501550100")
        ),
    ],
)
def test_what_is_missing_or_wrong_is_told_at_the_start(env: dict[str, str], message: str) -> None:
    done = start(**env)
    assert done.returncode == 1
    assert message in told(done)


@pytest.mark.parametrize("mode", ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer"])
def test_in_production_a_database_elsewhere_is_spoken_to_by_tls_or_not_at_all(mode: str) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        done = start(**{name: f"postgres://u:pw@db.example.org/hearth{mode}"})
        assert done.returncode == 1
        assert "needs ?sslmode=require" in told(done)
        assert "pw" not in told(done)


@pytest.mark.parametrize(
    "url",
    [
        "db.example.org/hearth?sslmode=require", "db.example.org/hearth?sslmode=verify-full",
        "localhost/hearth", "127.0.0.1:5433/hearth", "[::1]/hearth",
        "//var/run/postgresql/hearth",
    ],
)  # fmt: skip
def test_by_tls_or_on_this_machine_it_starts(url: str) -> None:
    done = start(DATABASE_URL=f"postgres://u:pw@{url}", DATABASE_OWNER_URL="")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_KEYS", "DATABASE_URL", "BROKER_URL"])
def test_no_secret_has_a_default(name: str) -> None:
    for env in ("production", "development"):
        done = start(f"import os\ndel os.environ['{name}']\ndjango.setup()", HEARTH_ENV=env)
        assert done.returncode == 1
        assert name in told(done)


@pytest.mark.parametrize("env", ["production", "development"])
def test_beside_a_real_provider_there_is_no_sandbox_and_no_moving_of_the_clock(env: str) -> None:
    code = """
django.setup()
from datetime import UTC, datetime
from django.apps import apps
from django.conf import settings
from django.urls import Resolver404, resolve
from notifications.sandbox.apps import SandboxConfig
from records import clock
assert not settings.SANDBOX and not apps.is_installed("notifications.sandbox")
assert "sandbox" not in settings.EMAIL_BACKEND
for path in ("/sandbox/", "/sandbox/clock/", "/sandbox/messages/"):
    try:
        resolve(path)
    except Resolver404:
        continue
    raise AssertionError(path)
settings.DATABASES.clear()  # asking the time does not even look at the row
assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5
try:
    clock.move(datetime(2030, 1, 1, tzinfo=UTC))
except RuntimeError:
    print("refused")
"""
    done = start(code, HEARTH_ENV=env)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_production_refuses_the_sandbox_when_it_is_put_in_by_hand() -> None:
    code = (
        "from django.conf import settings\n"
        "settings.INSTALLED_APPS.append('notifications.sandbox')\ndjango.setup()"
    )
    assert "no place beside a real provider" in told(start(code))


def test_with_everything_given_it_starts() -> None:
    done = start()
    assert done.returncode == 0, done.stderr


# --- other origins -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("service-area/?postal_code=32501", True), ("plans/", True), ("slots/", True),
        ("physicians/", True), ("assessments/questions/", True), ("holds/", True),
        ("me/", False), ("patients/", False), ("consultations/", False), ("assessments/x/", False),
    ],
)  # fmt: skip
def test_the_practice_s_own_site_may_ask_what_anybody_may_and_nothing_else(
    db: None, path: str, is_open: bool, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://practice.example.org"]
    for origin, expected in (
        ("https://practice.example.org", is_open),
        ("https://evil.example.org", False),
        ("null", False),
    ):
        answer = Client().get(f"/api/v1/{path}", headers={"Origin": origin})
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if expected else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = Client().options(f"/api/v1/{path}", headers=asked)
        assert ("Access-Control-Allow-Origin" in preflight.headers) is expected
        if expected:
            assert "idempotency-key" in preflight["Access-Control-Allow-Headers"]
            assert answer["Access-Control-Expose-Headers"] == "Retry-After, Idempotent-Replayed"


# --- logs ----------------------------------------------------------------------------------------


class Kept(logging.Handler):
    """What would have been written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(formatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def kept() -> Any:
    handler = Kept()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


def test_an_exception_is_logged_without_the_row_that_it_names(
    db: None, kept: list[dict[str, Any]]
) -> None:
    """PostgreSQL's message about a broken constraint holds the whole row."""
    with pytest.raises(IntegrityError, match="Alice") as caught, transaction.atomic():
        Patient.objects.filter(first_name="Alice").update(date_of_birth=None)
    more = {"code": "x", "phone": "+18505550101"}
    logging.getLogger("hearth").error("failed", exc_info=caught.value, extra=more)
    (line,) = kept
    assert set(line) == {"event", "level", "logger", "timestamp", "code", "exception"}
    assert "django.db.utils.IntegrityError" in line["exception"]
    assert "psycopg.errors.NotNullViolation" in line["exception"]
    assert any("test_settings.py" in frame for frame in line["exception"])
    assert "Alice" not in json.dumps(line)


def test_no_number_is_logged_when_everything_is(
    alice_booked: Caller, web: str, kept: list[dict[str, Any]]
) -> None:
    """With `LOG_LEVEL=DEBUG`: a look asks for texts to a number, in the address."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        fault(web, "500_accepted")
        run()
        again()
        doubt.reconcile(now=clock.now())
    finally:
        root.setLevel(before)
    assert kept
    assert ALICE[1:] not in json.dumps(kept)


def test_a_sweep_that_fails_is_logged_by_its_name_alone(kept: list[dict[str, Any]]) -> None:
    @app.task(name="tests.fails", shared=False)
    def fails() -> None:
        raise ValueError("Alice Alvarez, +18505550101")

    fails.apply()
    (line,) = [line for line in kept if line["logger"] == "celery.app.trace"]
    assert (line["event"], line["sweep"]) == ("sweep_failed", "tests.fails")
    assert "Alice" not in json.dumps(kept)


# --- beat --------------------------------------------------------------------------------------


def test_beat_keeps_the_table_in_the_database_and_drops_ticks_that_waited(committed: str) -> None:
    PeriodicTask.objects.all().delete()
    DatabaseScheduler(app=app).setup_schedule()
    rows = {row.task: row for row in PeriodicTask.objects.filter(name__in=SWEEPS)}
    assert set(rows) == set(SWEEPS)
    for name, seconds in SWEEPS.items():
        assert rows[name].crontab is None
        interval = rows[name].interval
        assert (interval.every, interval.period) == (seconds, "seconds")
        assert rows[name].expire_seconds == seconds
    app.loader.import_default_modules()
    assert set(SWEEPS) <= set(app.tasks)
