"""The embedded servers and `make run`: who may reach them, what is left, what a crash leaves."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import requests

from config import embedded
from config.embedded import NotStarted, alone
from config.run import DEMO_SIGN_IN
from tests.started import ROOT, Hearth, started, wait_for


@contextmanager
def services(data: Path, *, fast: bool) -> Iterator[dict[str, str]]:
    """The servers, as `make run` and `make test` bring them up."""
    with alone(data), embedded.services(data, fast=fast) as given:
        yield given


CLEAN = ("DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL")


@pytest.fixture(scope="module", autouse=True)
def _nothing_given() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in CLEAN:
            patch.delenv(name, raising=False)
        yield


def processes_with(mark: str) -> list[str]:
    """Command lines of living processes that name something."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                where = str((entry / "cwd").readlink())
            except OSError:
                continue
            if (mark in line or mark in where) and int(entry.name) != os.getpid():
                found.append(f"{entry.name} {line}")
    return found


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder whose parent is closed to everybody else."""
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o700)
    return parent / "data"


def test_two_copies_side_by_side_do_not_disturb_each_other(tmp_path: Path) -> None:
    with services(tmp_path / "a", fast=True) as a, services(tmp_path / "b", fast=True) as b:
        assert a["DATABASE_URL"] != b["DATABASE_URL"]
        assert a["BROKER_URL"] != b["BROKER_URL"]
        for given in (a, b):
            with psycopg.connect(given["DATABASE_OWNER_URL"]) as owner:
                owner.execute("CREATE TABLE only_here (id int)")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(a["DATABASE_URL"].replace("hearth_app:", "hearth_app:not-"))


def test_a_second_one_with_the_same_data_is_told_what_to_do(tmp_path: Path) -> None:
    with (
        services(tmp_path, fast=True),
        pytest.raises(NotStarted, match="HEARTH_DATA"),
        services(tmp_path, fast=True),
    ):
        pass


def test_folders_are_closed_and_no_parent_is_opened(closed: Path) -> None:
    parent = closed.parent
    before = parent.stat().st_mode
    with services(closed, fast=True) as given:
        with psycopg.connect(given["DATABASE_OWNER_URL"]) as owner:
            shown = owner.execute("SHOW data_directory").fetchone()
            version = owner.execute("SHOW server_version").fetchone()
        assert shown
        assert version
        assert version[0].startswith("18.")
        cluster = Path(shown[0])
        assert cluster.stat().st_mode & 0o077 == 0
        assert cluster.parent.stat().st_mode & 0o077 == 0
        assert (closed / "secrets.json").stat().st_mode & 0o077 == 0
        assert closed.stat().st_mode & 0o007 == 0
        if os.geteuid() == 0:
            assert pwd.getpwuid(cluster.stat().st_uid).pw_name in ("postgres", "nobody")
    assert parent.stat().st_mode == before


def test_it_listens_to_the_loopback_alone_and_asks_for_the_password(tmp_path: Path) -> None:
    with services(tmp_path, fast=True) as given:
        port = psycopg.conninfo.conninfo_to_dict(given["DATABASE_URL"])["port"]
        with psycopg.connect(given["DATABASE_OWNER_URL"]) as owner:
            told = owner.execute("SHOW listen_addresses").fetchone()
            rules = owner.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert told == ("127.0.0.1",)
        assert rules == [("scram-sha-256",)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgres://hearth_owner@127.0.0.1:{port}/hearth")


def test_data_and_passwords_stay_over_a_restart_and_nothing_runs_in_between(
    tmp_path: Path,
) -> None:
    with (
        services(tmp_path, fast=True) as given,
        psycopg.connect(given["DATABASE_OWNER_URL"]) as owner,
    ):
        owner.execute("CREATE TABLE kept (id int)")
        secret = given["SECRET_KEY"], given["FIELD_KEYS"]
    assert processes_with(str(tmp_path)) == []
    with (
        services(tmp_path, fast=True) as again,
        psycopg.connect(again["DATABASE_OWNER_URL"]) as owner,
    ):
        owner.execute("SELECT * FROM kept")
        assert (again["SECRET_KEY"], again["FIELD_KEYS"]) == secret


def test_after_a_kill_the_next_start_takes_over(tmp_path: Path) -> None:
    """The servers of a Hearth that was killed still run: they go, and the data is there."""
    script = (
        "import sys, pathlib, json\n"
        "from config.embedded import alone, services\n"
        "data = pathlib.Path(sys.argv[1])\n"
        "with alone(data), services(data, fast=True) as given:\n"
        "    print(json.dumps(given), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert first.stdout
    given = json.loads(first.stdout.readline())
    with psycopg.connect(given["DATABASE_OWNER_URL"]) as owner:
        owner.execute("CREATE TABLE kept (id int)")
    first.kill()
    first.wait()
    with services(tmp_path, fast=True) as again:
        assert again["DATABASE_OWNER_URL"] != given["DATABASE_OWNER_URL"]
        with psycopg.connect(again["DATABASE_OWNER_URL"]) as owner:
            owner.execute("SELECT * FROM kept")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(given["DATABASE_OWNER_URL"])
    assert processes_with(str(tmp_path)) == []


def test_after_its_folder_was_deleted_it_begins_anew(closed: Path) -> None:
    """As root the database is elsewhere: its password is gone, and comes back with the secrets."""
    with (
        services(closed, fast=True) as given,
        psycopg.connect(given["DATABASE_OWNER_URL"]) as owner,
    ):
        owner.execute("CREATE TABLE kept (id int)")
    secrets = (closed / "secrets.json").read_text()
    shutil.rmtree(closed)
    with (
        services(closed, fast=True) as given,
        psycopg.connect(given["DATABASE_OWNER_URL"]) as owner,
    ):
        assert owner.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    (closed / "secrets.json").write_text(secrets)
    with (
        services(closed, fast=True) as given,
        psycopg.connect(given["DATABASE_OWNER_URL"]) as owner,
    ):
        found = owner.execute("SELECT to_regclass('kept')").fetchone()
        assert found == ("kept" if os.geteuid() == 0 else None,)


def test_it_starts_whatever_the_umask_is(closed: Path) -> None:
    before = os.umask(0o077)
    try:
        with services(closed, fast=True) as given:
            psycopg.connect(given["DATABASE_URL"]).close()
    finally:
        os.umask(before)


def test_copied_binaries_may_be_read_and_run_by_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STATE", tmp_path / "state")
    before = os.umask(0o077)
    try:
        (tmp_path / "from" / "bin").mkdir(parents=True)
        program = tmp_path / "from" / "bin" / "program"
        program.touch(mode=0o700)
        (tmp_path / "from" / "text").touch()
        copy = embedded._copied(tmp_path / "from", "bin/program")
    finally:
        os.umask(before)
    modes = {str(p.relative_to(copy)): p.stat().st_mode & 0o777 for p in copy.rglob("*")}
    assert modes == {"bin": 0o755, "bin/program": 0o755, "text": 0o644}
    for folder in (copy, copy.parent, copy.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o755


def test_whoever_listens_where_valkey_did_is_told_nothing(tmp_path: Path) -> None:
    with (
        services(tmp_path, fast=True) as given,
        redis.Redis.from_url(given["BROKER_URL"]) as valkey,
    ):
        folder = Path(str(valkey.config_get("dir")["dir"]))
        port = valkey.connection_pool.connection_kwargs["port"]
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", port)) as stranger:

        def listen() -> None:
            with contextlib.suppress(OSError):
                caller, _ = stranger.accept()
                heard.append(caller.recv(1000))
                caller.close()

        threading.Thread(target=listen, daemon=True).start()
        with services(tmp_path, fast=True):
            pass
    assert heard == []
    assert not list(folder.glob("*.pid"))


def test_a_pid_file_that_lies_stops_nobody(tmp_path: Path) -> None:
    with (
        services(tmp_path, fast=True) as given,
        psycopg.connect(given["DATABASE_OWNER_URL"]) as owner,
    ):
        shown = owner.execute("SHOW data_directory").fetchone()
        assert shown
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        pid_file = Path(shown[0]) / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n{shown[0]}\n0\n5432\n\n127.0.0.1\n")
        with services(tmp_path, fast=True) as given:
            psycopg.connect(given["DATABASE_URL"]).close()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_first_start_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    """Killed within initdb: what it left is not taken for a cluster, nor half a file for one."""
    with services(tmp_path, fast=True) as given:
        with psycopg.connect(given["DATABASE_OWNER_URL"]) as owner:
            shown = owner.execute("SHOW data_directory").fetchone()
        assert shown
    cluster = Path(shown[0])
    cluster.rename(cluster.with_name("cluster.new"))
    (cluster.with_name("cluster.new") / "PG_VERSION").write_text("18\n")
    (tmp_path / "secrets.json.new").write_text("{")
    with services(tmp_path, fast=True) as given:
        psycopg.connect(given["DATABASE_URL"]).close()
    assert not cluster.with_name("cluster.new").exists()


# --- make run --------------------------------------------------------------------------------


def run(data: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "config.run"],
        cwd=ROOT,
        env={**os.environ, "HEARTH_ENV": "development", "HEARTH_DATA": str(data), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run(tmp_path / "data", PORT=str(port))
    assert told.returncode == 1
    assert f"Port {port} is taken" in told.stderr
    assert f"PORT={port + 1} make run" in told.stderr
    assert "Traceback" not in told.stderr


def manage(given: dict[str, str], command: str) -> None:
    """What `make run` does before it starts its processes."""
    env = {**os.environ, **given, "HEARTH_ENV": "development", "DEMO_PASSWORD": DEMO_SIGN_IN}
    subprocess.run([sys.executable, "manage.py", command], cwd=ROOT, env=env, check=True)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a Hearth that has ended: a database that is migrated, nobody in it."""
    data: Path = tmp_path_factory.mktemp("prepared") / "data"
    with services(data, fast=True) as given:
        manage(given, "prepare_database")
    return data


@pytest.fixture
def data(prepared: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it; as root the database lies elsewhere."""
    copy = tmp_path / "data"
    elsewhere, there = (embedded.STATE / embedded._mark(str(folder)) for folder in (prepared, copy))
    subprocess.run(["cp", "-a", prepared, copy], check=True)
    if elsewhere.exists():
        subprocess.run(["cp", "-a", elsewhere, there], check=True)
    yield copy
    shutil.rmtree(there, ignore_errors=True)


def test_ctrl_c_leaves_nothing_behind_and_demo_0_loads_nobody(data: Path) -> None:
    with started(data, DEMO="0") as hearth:
        assert hearth.get("physicians/")["results"] == []
        assert hearth.get("service-area/?postal_code=32501")["served"] is True
        mark = str(data)
        assert processes_with(mark)
    assert hearth.process.returncode == 0
    assert processes_with(mark) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(hearth.base.rpartition(":")[2])))


def test_after_a_kill_of_everything_the_same_command_takes_over(data: Path) -> None:
    """Killed, `make run` leaves supervisor with the port: the next one ends it."""
    with started(data, DEMO="0") as hearth:
        hearth.process.kill()
        hearth.process.wait()
        left = processes_with(str(data))
        assert [line for line in left if "supervisord" in line]
        port = int(hearth.base.rpartition(":")[2])
        with started(data, DEMO="0", PORT=str(port)) as again:
            assert again.base == hearth.base
            wait_for(lambda: not set(left) & set(processes_with(str(data))), "its end")
            wait_for(lambda: _answers(again), "the page")
    assert processes_with(str(data)) == []


def _answers(hearth: Hearth) -> bool:
    try:
        return hearth.call("GET", "/readyz").status_code == 200
    except requests.RequestException:
        return False


def test_real_credentials_and_demo_people_do_not_go_together(data: Path) -> None:
    real = {"TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "PORT": "0"}
    refused = run(data, **real)
    assert refused.returncode == 1
    needed = "TWILIO_AUTH_TOKEN, TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER, EMAIL_URL"
    assert f"Real texts and mails need {needed}." in refused.stderr
    real |= {
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_FROM_NUMBER": "+18505550100",
        "EMAIL_URL": "smtp://127.0.0.1:9",
        "PUBLIC_BASE_URL": "https://hearth.example.org",
    }
    refused = run(data, **real)
    assert refused.returncode == 1
    assert "set DEMO=0" in refused.stderr
    with services(data, fast=True) as given:
        manage(given, "load_demo")
    refused = run(data, DEMO="0", **real)
    assert refused.returncode == 1
    assert "demo people are in the database" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data: Path = tmp_path_factory.mktemp("demo") / "data"
    with started(data) as hearth:
        yield hearth


def test_what_dies_is_started_again(demo: Any) -> None:
    supervisor = processes_with("supervisord")
    for part in ("config.wsgi", "config worker", "config beat"):
        mine = [line for line in processes_with(part) if _below(line, demo.process.pid)]
        assert mine, (part, supervisor)
        eldest = min(int(line.split()[0]) for line in mine)
        os.kill(eldest, signal.SIGKILL)

        def fresh(part: str = part, old: int = eldest, count: int = len(mine)) -> bool:
            now = [line for line in processes_with(part) if _below(line, demo.process.pid)]
            return len(now) >= count and old not in {int(line.split()[0]) for line in now}

        wait_for(fresh, f"a new {part}")

    wait_for(lambda: _answers(demo), "the page")


def _below(line: str, ancestor: int) -> bool:
    """Whether a process descends from another."""
    pid = int(line.split()[0])
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
    return False


def test_the_demo_is_there_and_the_addresses_are_told(demo: Any) -> None:
    assert len(demo.get("physicians/")["results"]) == 2
    prices = [plan["monthly_price"] for plan in demo.get("plans/")["results"]]
    assert prices == ["250.00", "350.00", "450.00"]
    sam = demo.sign_in("sam")
    patients = demo.get("patients/?limit=100", **sam)["results"]
    assert 28 <= len(patients) <= 50
    assert {p["address"]["state"] for p in patients} >= {"FL", "NJ"}
    statuses = {c["status"] for c in demo.get("consultations/?limit=100", **sam)["results"]}
    assert statuses == {"booked", "completed", "cancelled", "no_show"}
    log = demo.log.read_text()
    for word in ("Hearth is running", "/api/docs/", "/sandbox/", "alice@hearth.test"):
        assert word in log
    for name in ("alice", "bruno", "eve"):
        demo.sign_in_by_code(email=f"{name}@hearth.test")
    for name in ("chen", "sam", "admin"):
        demo.sign_in(name)


def test_the_documentation_is_served_without_the_network(demo: Any) -> None:
    page = demo.call("GET", "/api/docs/")
    assert page.status_code == 200
    assert "swagger-ui" in page.text
    assert "cdn" not in page.text
    schema = demo.call("GET", "/api/schema/")
    assert schema.status_code == 200
    assert schema.text == (ROOT / "openapi.yaml").read_text()
    for line in page.text.split('"'):
        if line.startswith("/static/"):
            assert demo.call("GET", line).status_code == 200
