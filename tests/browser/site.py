"""A browser, who sits at it, and a Hearth with the demo in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, Literal

from allauth.account.internal.flows.login import record_authentication
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts import sessions
from accounts.models import User
from tests.cast import CAST

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESK = {"viewport": {"width": 1360, "height": 900}}
Scheme = Literal["light", "dark"]
SIZES = ("phone", "desk")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def executable() -> str:
    """Where the browser is; tests/browser/chromium.sh brings it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "The tests of pages need Chromium: apt-get install chromium"
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium. Django asks whether a loop runs in this thread, and Playwright has one."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[*FLAGS])
        browser.phone = playwright.devices["Pixel 7"] | {  # type: ignore[attr-defined]
            "viewport": {"width": 390, "height": 844}
        }
        yield browser
        browser.close()


def key_of(user: User) -> str:
    """The key of a session in which somebody has just shown all that their role needs."""
    client = Client()
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    sessions.begin(session)
    record_authentication(
        SimpleNamespace(session=session), user, "mfa" if user.is_colleague else "code"
    )
    session.save()
    return str(session.session_key)


class Queries(CaptureQueriesContext):
    """What is asked of the database; whether the clock was moved, the sandbox alone asks."""

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def captured_queries(self) -> list[dict[str, str]]:
        asked: list[dict[str, str]] = super().captured_queries
        return [query for query in asked if "records_clock" not in query["sql"]]


def user_of(name: str) -> User | None:
    """One of the cast, or of the people of the demo by their first name; None for nobody."""
    return User.objects.get(email=CAST.get(name, f"{name}@hearth.test")) if name else None


def seat(
    browser: Browser,
    base: str,
    user: User | None = None,
    *,
    size: str = "desk",
    scheme: Scheme = "light",
) -> BrowserContext:
    """A browser of somebody's own: a phone in Pensacola's zone, or a desk in New York's."""
    device = browser.phone if size == "phone" else DESK  # type: ignore[attr-defined]
    zone = "America/Chicago" if size == "phone" else "America/New_York"
    context = browser.new_context(
        **device, base_url=base, color_scheme=scheme, reduced_motion="reduce", timezone_id=zone
    )
    context.set_default_timeout(10_000)
    if user:
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": key_of(user), "url": base}])
    return context


@cache
def _axe() -> Axe:
    return Axe()


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA: rule, where, and why."""
    found: Any = _axe().run(page, options={"runOnly": RULES})
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
