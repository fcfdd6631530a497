"""A started Hearth: what `make run` runs, with its own data, port, worker and beat."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from config.embedded import free_port

T = TypeVar("T")
AUTH = "/_allauth/app/v1/auth"
ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "hearth-demo-only"
NOT_INHERITED = (
    "DATABASE_URL", "DATABASE_OWNER_URL", "BROKER_URL", "SECRET_KEY", "FIELD_KEYS", "HEARTH_ENV",
)  # fmt: skip


def wait_for(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """What ``look`` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        threading.Event().wait(0.1)
    return found


class Hearth:
    """The doors of a started Hearth, over HTTP."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.process = process
        self.log = log
        self.colleagues: dict[str, dict[str, str]] = {}
        self.tried: set[tuple[str, str]] = set()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One request; ``path`` is below /api/v1/ unless it starts with a slash."""
        url = self.base + (path if path.startswith("/") else f"/api/v1/{path}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, url, json=body, headers=named, timeout=90)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers).json()

    def move_clock(self, **to: Any) -> None:
        """Move the time of care; every sweep has run when this returns."""
        answer = self.call("POST", "/sandbox/clock/", to)
        assert answer.status_code == 200, answer.text

    def later(self) -> None:
        """The time passes in which what was done may be taken back untold."""
        self.move_clock(advance_seconds=180)

    def texts(self, to: str) -> list[str]:
        """The texts or mails that somebody got, the oldest first."""
        answer = requests.get(f"{self.base}/sandbox/messages/", params={"to": to}, timeout=10)
        return [m["body"] for m in reversed(answer.json()["results"]) if m["to"] == to]

    def text_with(self, to: str, words: str) -> str:
        """The text that says these words, once it has arrived; it must be the only one."""

        def look() -> list[str]:
            return [text for text in self.texts(to) if words in text]

        found = wait_for(look, f"a text with {words!r}")
        assert len(found) == 1, found
        return found[0]

    def sign_in_by_code(self, **contact: str) -> dict[str, str]:
        """A patient signs in with the code that arrives; gives the header."""
        ((_, to),) = contact.items()
        before = len(self.texts(to))
        asked = self.call("POST", f"{AUTH}/code/request", contact)
        assert asked.status_code == 401, asked.text
        token = asked.json()["meta"]["session_token"]
        texts = wait_for(lambda: self.texts(to)[before:], "the code")
        code = next(word for word in texts[-1].replace(".", " ").split() if word.isdigit())
        done = self.call("POST", f"{AUTH}/code/confirm", {"code": code}, X_Session_Token=token)
        assert done.status_code == 200, done.text
        return {"X_Session_Token": done.json()["meta"].get("session_token", token)}

    def sign_in(self, name: str) -> dict[str, str]:
        """A colleague signs in with password and authenticator, once; gives the header."""
        if name not in self.colleagues:
            email = f"{name}@hearth.test"
            asked = self.call("POST", f"{AUTH}/login", {"email": email, "password": PASSWORD})
            assert asked.status_code == 401, asked.text
            header = {"X_Session_Token": asked.json()["meta"]["session_token"]}
            wait_for(lambda: self._shows_factor(email, header), "a code that was not used", 60)
            self.colleagues[name] = header
        return self.colleagues[name]

    def _shows_factor(self, email: str, header: dict[str, str]) -> bool:
        """With the code that the authenticator shows now, if it was not tried before."""
        shown = self.get("/sandbox/authenticators/")["results"]
        code = next(row["code"] for row in shown if row["email"] == email)
        if (email, code) in self.tried:
            return False
        self.tried.add((email, code))
        done = self.call("POST", f"{AUTH}/2fa/authenticate", {"code": code}, **header)
        meta = done.json().get("meta") or {}
        header["X_Session_Token"] = meta.get("session_token", header["X_Session_Token"])
        return done.status_code == 200


@contextmanager
def started(data: Path, **env: str) -> Iterator[Hearth]:
    """Start Hearth, wait until it is ready, and end it as Ctrl-C does."""
    port = int(env.get("PORT") or free_port())
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    log = data.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.run"],
            cwd=ROOT,
            env={**inherited, **env, "PORT": str(port), "HEARTH_DATA": str(data)},
            stdout=out,
            stderr=out,
        )
    hearth = Hearth(port, process, log)
    try:
        wait_for(lambda: _ready(hearth), "Hearth", 120)
        yield hearth
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _ready(hearth: Hearth) -> bool:
    assert hearth.process.poll() is None, hearth.log.read_text(errors="replace")[-3000:]
    try:
        return hearth.call("GET", "/readyz").status_code == 200
    except requests.RequestException:
        return False
