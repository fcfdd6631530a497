"""The cast, the doors, and databases: one for each worker, cloned from a migrated template."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from datetime import UTC, datetime
from functools import cache
from socketserver import ThreadingMixIn
from typing import Any, LiteralString
from uuid import uuid4
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections, transaction
from django.test import Client
from django.test.client import ClientHandler
from hypothesis import settings as hypothesis
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.models import User
from accounts.tokens import make_token
from notifications.sandbox.callbacks import wait_until_told
from records import clock
from scheduling.models import Physician
from tests.cast import CAST, NOW

RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
TEMPLATE = f"hearth_template_{RUN[:12]}"
hypothesis.register_profile("walks", max_examples=200)  # make walks
hypothesis.register_profile("all")  # make test-all
EMPTY = f"{TEMPLATE}_empty"


# Files that take long, the longest first: no worker is left alone with one of them at the end.
SLOW = (
    "chaos", "fuzz", "embedded", "main_job", "deliveries", "sessions", "bad_input", "races",
    "trouble", "chain_machine", "carriers", "compose", "messages", "chain_races",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files come first; the others stay in their order."""
    place = {f"tests/test_{name}.py": number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(SLOW)))


# --- databases ---------------------------------------------------------------------------------


@contextmanager
def owner(database: str = "postgres") -> Iterator[psycopg.Connection]:
    """A connection of the owner, outside Django."""
    url = os.environ["DATABASE_OWNER_URL"]
    with psycopg.connect(in_database(url, database), autocommit=True) as connection:
        yield connection


def in_database(url: str, name: str) -> str:
    """The same server, another database."""
    return make_conninfo(url, dbname=name)


def urls_of(name: str) -> dict[str, str]:
    """The environment's URLs, with another database."""
    variables = ("DATABASE_URL", "DATABASE_OWNER_URL")
    return {variable: os.environ[variable].rsplit("/", 1)[0] + "/" + name for variable in variables}


def clone(name: str, source: str) -> None:
    with owner() as connection:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(source)))


def drop(name: str) -> None:
    with owner() as connection:
        gone = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        connection.execute(gone.format(sql.Identifier(name)))


def make_template() -> None:
    """The templates, by whoever comes first: migrated, with the ZIP table; and with the cast."""
    with owner() as connection:
        connection.execute("SELECT pg_advisory_lock(4711)")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if known.fetchone():
            return
        old = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'hearth_te%' AND NOT EXISTS "
            "(SELECT 1 FROM pg_stat_activity a WHERE a.datname = pg_database.datname)"
        )
        for (name,) in old.fetchall():
            drop(name)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(EMPTY)))
        _run_in(EMPTY, "manage.py", "prepare_database")
        clone(TEMPLATE, EMPTY)
        _run_in(TEMPLATE, "-m", "tests.cast")


def _run_in(name: str, *command: str) -> None:
    env = os.environ | urls_of(name)
    subprocess.run([sys.executable, *command], env=env, check=True, capture_output=True)


def keep(name: str) -> None:
    """Set aside what a database begins with, for `put_back`; the ZIP table, nobody writes."""
    with owner(name) as its:
        its.execute("CREATE SCHEMA kept")
        for (table,) in its.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename <> 'patients_zipcode'"
        ).fetchall():
            its.execute(_of_table("CREATE TABLE kept.{0} AS TABLE public.{0}", table))
        its.execute("CREATE TABLE kept.sequences AS SELECT * FROM pg_sequences")


def put_back(name: str) -> None:
    """Bring a database back to what it began with; whoever is still connected is cut off.

    A new clone would do the same, but ext4 looks for a minute past the files of the one before.
    """
    with owner(name) as its, its.transaction():
        its.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        its.execute("SET LOCAL session_replication_role = replica")  # no trigger, no foreign key
        for (table,) in its.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'kept' AND tablename <> 'sequences'"
        ).fetchall():
            its.execute(_of_table("DELETE FROM public.{0}", table))
            again = "INSERT INTO public.{0} OVERRIDING SYSTEM VALUE TABLE kept.{0}"
            its.execute(_of_table(again, table))
        its.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename), "
            "coalesce(last_value, start_value), last_value IS NOT NULL) FROM kept.sequences"
        )
        its.execute("SELECT pg_stat_reset()")  # deadlocks are counted


def _of_table(statement: LiteralString, table: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(table))


def use(name: str) -> None:
    """Let Django talk to another database from now on."""
    connection = connections["default"]
    connection.close()
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """A database of this worker's own; the application's role serves it, as in production."""
    make_template()
    name = f"hearth_test_{RUN[:12]}_{WORKER}"
    clone(name, TEMPLATE)
    with django_db_blocker.unblock():
        use(name)
    yield
    with django_db_blocker.unblock():
        STAGE.change("")
        connections["default"].close()
    drop(name)


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    """A database that is migrated, with nobody in it; its name."""
    make_template()
    name = f"hearth_test_{uuid4().hex[:16]}"
    clone(name, EMPTY)
    yield name
    drop(name)


@pytest.fixture(scope="session")
def second(django_db_setup: None) -> Iterator[str]:
    """Another database of this worker's own, for what is really committed; its name."""
    name = f"hearth_test_{RUN[:12]}_{WORKER}_2"
    clone(name, TEMPLATE)
    keep(name)
    yield name
    drop(name)


@pytest.fixture
def committed(second: str, django_db_blocker: Any) -> Iterator[str]:
    """A database for what needs real commits, with the cast alone in it; its name."""
    before = settings.DATABASES["default"]["NAME"]
    put_back(second)
    with django_db_blocker.unblock():
        use(second)
        clock.move(NOW)
        yield second
        connections["default"].close()
        use(before)


@pytest.fixture
def as_owner(committed: str) -> Iterator[str]:
    """The owner's connection leads to the database of this test, too."""
    its = connections["owner"]
    before = its.settings_dict["NAME"]
    its.settings_dict["NAME"] = committed
    yield committed
    its.close()
    its.settings_dict["NAME"] = before


# --- stages --------------------------------------------------------------------------------------

# What many tests begin with, by the name of its fixture: how it is made.
STAGES: dict[str, Callable[[], Any]] = {}


class Stage:
    """One of them at a time, made once in a transaction around those of the tests that name it."""

    def __init__(self) -> None:
        self.name, self.things, self.at = "", None, NOW
        self.undo = ExitStack()

    def change(self, name: str) -> None:
        self.undo.close()
        self.name = ""
        if name:
            self.undo.enter_context(rolled_back())
            clock.move(NOW)
            self.things, self.at, self.name = STAGES[name](), clock.now(), name


STAGE = Stage()


@contextmanager
def rolled_back() -> Iterator[None]:
    """What is written within is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _stage(request: pytest.FixtureRequest, django_db_blocker: Any) -> None:
    """The stage of this test, or none: nobody sees another's."""
    named = next((name for name in STAGES if name in request.fixturenames), "")
    if named != STAGE.name:
        request.getfixturevalue("django_db_setup")
        with django_db_blocker.unblock():
            STAGE.change(named)


@pytest.fixture
def staged(now: datetime, at: Callable[[datetime], datetime]) -> Any:
    """What is on the stage, at the time when it was made."""
    at(STAGE.at)
    return STAGE.things


@pytest.fixture
def prescribed(staged: Any) -> Any:
    """Alice's `Care`, with a prescription; nothing is sent yet."""
    return copy(staged)


# --- doors ----------------------------------------------------------------------------------------


@cache
def handler() -> ClientHandler:
    """One for all callers: WhiteNoise looks for all static files whenever one is made."""
    made = ClientHandler(enforce_csrf_checks=False)
    made.load_middleware()
    return made


class Caller:
    """Somebody at the API: JSON in, JSON out, with a token of their own, or nobody's."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user
        token = make_token(user, "write") if user else ""
        self.client = Client(headers={"Authorization": f"Bearer {token}"} if user else {})
        self.client.handler = handler()

    def get(self, path: str, **query: Any) -> Any:
        headers = query.pop("headers", {})
        return self.client.get(self._at(path), query, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("delete", path, body, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = body if isinstance(body, (str, bytes)) else json.dumps({} if body is None else body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        send = getattr(self.client, method)
        return send(self._at(path), data, content_type="application/json", headers=named)

    def _at(self, path: str) -> str:
        return path if path.startswith("/") else f"/api/v1/{path}"


@pytest.fixture
def at(db: None) -> Callable[[str | datetime], datetime]:
    """Moves the clock of care: ``at("2026-11-24T15:00Z")``."""

    def move(to: str | datetime) -> datetime:
        instant = to if isinstance(to, datetime) else datetime.fromisoformat(to).astimezone(UTC)
        clock.move(instant)
        return instant

    return move


@pytest.fixture
def now(at: Callable[[str | datetime], datetime]) -> datetime:
    """Tuesday, 24 November 2026, 10:00 in New York: nothing depends on the hour of the run."""
    return at(NOW)


def caller(name: str) -> Caller:
    """One of the cast at the API."""
    return Caller(User.objects.get(email=CAST[name]))


@pytest.fixture
def alice(now: datetime) -> Caller:
    return caller("alice")


@pytest.fixture
def bruno(now: datetime) -> Caller:
    return caller("bruno")


@pytest.fixture
def eve(now: datetime) -> Caller:
    return caller("eve")


@pytest.fixture
def chen(now: datetime) -> Caller:
    return caller("chen")


@pytest.fixture
def sam(now: datetime) -> Caller:
    return caller("sam")


@pytest.fixture
def admin(now: datetime) -> Caller:
    return caller("admin")


@pytest.fixture
def outsider(now: datetime) -> Caller:
    return Caller()


@pytest.fixture
def physician(now: datetime) -> Physician:
    return Physician.objects.get()


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """What carriers sign with."""
    monkeypatch.setattr(settings, "CARRIER_WEBHOOK_SECRET", "s" * 32)
    return str(settings.CARRIER_WEBHOOK_SECRET)


class QuietHandler(WSGIRequestHandler):
    """A request handler that does not write a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """Nothing."""


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def process_request_thread(self, *args: Any) -> None:
        """A thread of one request keeps no connection to the database."""
        super().process_request_thread(*args)
        connections.close_all()


@contextmanager
def serving() -> Iterator[str]:
    """Hearth over real HTTP in this process, the sandbox behind it; its address."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), ThreadingServer, QuietHandler)
    base = f"http://127.0.0.1:{server.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "PUBLIC_BASE_URL", base)
        patch.setattr(settings, "TWILIO_BASE_URL", f"{base}/sandbox")
        patch.setattr(settings, "EMAIL_BACKEND", "notifications.sandbox.mailbox.EmailBackend")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield base
        wait_until_told()
        server.shutdown()
        server.server_close()


@pytest.fixture
def web(committed: str) -> Iterator[str]:
    """Hearth over real HTTP, with the cast alone in it; its address."""
    with serving() as base:
        yield base


@pytest.fixture
def alice_booked(web: str) -> Caller:
    """Alice, with a consultation on Monday at 9:00 in Pensacola, of which nobody was told yet."""
    from tests.texting import book

    alice = caller("alice")
    book(alice)
    return alice
