"""What `make run` runs: the servers, a prepared database, then web, worker and beat.

All in one terminal, until Ctrl-C, which leaves nothing behind. What dies of web, worker and beat
is restarted by supervisor.
"""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from config.embedded import NotStarted, alone, end_orphan, services

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
DEMO_SIGN_IN = "hearth-demo-only"
PATIENCE = 120  # seconds until the page must answer
CONF = """\
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={data}/supervisord.pid
loglevel=warn
{user}

{programs}
"""
PROGRAM = """\
[program:{name}]
command={command}
directory={root}
autorestart=true
startretries=1000
startsecs=0
stopasgroup=true
killasgroup=true
stopwaitsecs=20
redirect_stderr=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""


def _told(path: Path, *, quoted: bool = False) -> str:
    """A path as supervisor's file takes it, which expands %."""
    return (shlex.quote(str(path)) if quoted else str(path)).replace("%", "%%")


def commands(port: int, *, host: str = "127.0.0.1") -> dict[str, str]:
    """The three processes of Hearth; docker-compose.yml runs the same ones."""
    gunicorn, celery = (_told(BIN / name, quoted=True) for name in ("gunicorn", "celery"))
    return {
        "web": f"{gunicorn} config.wsgi:application --bind {host}:{port} --workers 2 "
        "--worker-class gthread --threads 8 --timeout 60 --graceful-timeout 10 "
        "--log-level warning --no-control-socket",
        "worker": f"{celery} --quiet --app config worker --concurrency 4 --without-gossip "
        "--without-mingle --loglevel WARNING",
        "beat": f"{celery} --quiet --app config beat --loglevel WARNING --pidfile= "
        "--scheduler django_celery_beat.schedulers:DatabaseScheduler",
    }


def main() -> int:
    """Run until Ctrl-C; the exit code."""
    data = Path(os.environ.get("HEARTH_DATA", ".data")).resolve()
    port = int(os.environ.get("PORT", "8000"))
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        with alone(data):
            end_orphan(data / "supervisord.pid", str(data / "supervisord.conf"), signal.SIGTERM)
            _check_port(port)
            with services(data) as given:
                return _serve(data, port, given)
    except NotStarted as error:
        Console(stderr=True).print(f"[bold red]Hearth did not start.[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 0


def _serve(data: Path, port: int, given: dict[str, str]) -> int:
    env = {"DEMO_PASSWORD": DEMO_SIGN_IN, **os.environ, **given, "PORT": str(port)}
    _manage(env, "prepare_database")
    _manage(env, "load_demo")
    with _processes(data, port, env) as supervisor:
        _welcome(supervisor, port, env["DEMO_PASSWORD"])
        return supervisor.wait()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise NotStarted(
                f"Port {port} is taken. Choose another one: PORT={port + 1} make run"
            ) from error


def _manage(env: dict[str, str], command: str) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", command], cwd=ROOT, env=env, check=False
    )
    if done.returncode:
        raise NotStarted(f"manage.py {command} failed; what it said stands above.")


@contextlib.contextmanager
def _processes(data: Path, port: int, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Web, worker and beat under supervisor, which ends them all when it is asked to."""
    programs = "\n".join(
        PROGRAM.format(name=name, command=command, root=_told(ROOT))
        for name, command in commands(port).items()
    )
    conf = data / "supervisord.conf"
    user = "user=root" if os.geteuid() == 0 else ""
    conf.write_text(CONF.format(data=_told(data), user=user, programs=programs))
    supervisor = subprocess.Popen(  # noqa: S603
        [BIN / "supervisord", "--configuration", conf, "--nodaemon"],
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )
    try:
        yield supervisor
    finally:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()


def _welcome(supervisor: subprocess.Popen[bytes], port: int, password: str) -> None:
    """Wait until the page answers, then say where everything is."""
    base = f"http://127.0.0.1:{port}"
    for _ in range(PATIENCE * 5):
        if supervisor.poll() is not None:
            raise NotStarted("The web server ended; what it said stands above.")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{base}/readyz", timeout=5).close()  # noqa: S310
            break
        threading.Event().wait(0.2)
    else:
        raise NotStarted(f"{base}/readyz does not answer; what the processes said stands above.")
    Console().print(
        Panel.fit(
            f"[bold]API[/]        {base}/api/docs/\n"
            f"[bold]Phone[/]      {base}/sandbox/\n"
            f"[bold]Sign in[/]    {base}/accounts/login/\n"
            f"[bold]Admin[/]      {base}/admin/\n\n"
            "Patients sign in with a code, which shows on the phone page:\n"
            "  alice@hearth.test  bruno@hearth.test  eve@hearth.test\n"
            f"The practice signs in with the password [bold]{password}[/]:\n"
            "  chen@hearth.test  sam@hearth.test  admin@hearth.test\n"
            "and the code of their authenticator, on the phone page, too.\n\n"
            "Ctrl-C ends everything.",
            title="Hearth is running",
            border_style="green",
            padding=(1, 2),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
