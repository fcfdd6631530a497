"""Signing in, as an app (a header) or a browser (a cookie), with a second factor."""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from notifications.models import Message
from tests.cast import CAST, PASSWORD
from tests.conftest import handler

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def totp_code(secret: str = SECRET) -> str:
    """The code that an authenticator shows now; that it was used before is forgotten."""
    cache.clear()
    counter = next(totp.yield_hotp_counters_from_time())
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def with_factor(name: str) -> User:
    """One of the colleagues, who has an authenticator."""
    user = User.objects.get(email=CAST[name])
    if not Authenticator.objects.filter(user=user).exists():
        totp.TOTP.activate(user, SECRET)
    return user


class App:
    """Somebody with an app: what they are at the doors goes with the header."""

    client_name = "app"

    def __init__(self) -> None:
        self.client = Client()
        self.client.handler = handler()
        self.token = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request; ``path`` is below /api/v1/ unless it starts with a slash."""
        if self.token:
            headers["X-Session-Token"] = self.token
        url = path if path.startswith("/") else f"/api/v1/{path}"
        data = "" if body is None else json.dumps(body)
        kind = headers.pop("Content-Type", "application/json")
        answer = self.client.generic(method, url, data, content_type=kind, headers=headers)
        if "/_allauth/" in url and answer["Content-Type"] == "application/json":
            self.token = answer.json().get("meta", {}).get("session_token", self.token)
        return answer

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, {} if body is None else body, **headers)

    def delete(self, path: str, body: Any = None) -> Any:
        return self.ask("DELETE", path, {} if body is None else body)

    def auth(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """One of allauth's doors."""
        return self.ask(method, f"/_allauth/{self.client_name}/v1/{path}", body)

    def sign_in(self, name: str) -> "App":
        """One of the cast: a patient by a code, a colleague by password and factor."""
        if name in ("alice", "bruno", "eve"):
            return self.by_code(email=CAST[name])
        with_factor(name)
        assert self.by_password(name).status_code == 401
        assert self.auth("auth/2fa/authenticate", {"code": totp_code()}).status_code == 200
        return self

    def by_password(self, name: str) -> Any:
        return self.auth("auth/login", {"email": CAST[name], "password": PASSWORD})

    def by_code(self, **contact: str) -> "App":
        assert self.auth("auth/code/request", contact).status_code == 401
        assert self.auth("auth/code/confirm", {"code": last_code()}).status_code == 200
        return self


class Browser(App):
    """Somebody with a browser: cookies, and the token against CSRF."""

    client_name = "browser"

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.token = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if "csrftoken" in self.client.cookies:
            headers = {"X-CSRFToken": self.client.cookies["csrftoken"].value, **headers}
        elif method != "GET":
            self.auth("auth/session", method="GET")
            return self.ask(method, path, body, **headers)
        return super().ask(method, path, body, **headers)


def last_code() -> str:
    """The code that was drawn last and waits to leave."""
    return Message.objects.exclude(secret="").latest("id").secret


def shift(app: App, **seconds: float) -> None:
    """Let the times that are kept in somebody's session be so many seconds earlier."""
    key = app.token or app.client.cookies["sessionid"].value
    row = Session.objects.get(pk=key)
    data = row.get_decoded()
    for name, by in seconds.items():
        if name == "shown":
            for record in data["account_authentication_methods"]:
                record["at"] -= by
        else:
            data[name] -= by
    row.session_data = Session.objects.encode(data)
    row.save()
