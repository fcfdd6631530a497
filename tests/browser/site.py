"""A browser, who sits at it, and a Hearth with the demo in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, Literal

from allauth.account.internal.flows.login import record_authentication
from allauth.usersessions.models import UserSession
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
    key = str(session.session_key)
    UserSession.objects.get_or_create(
        session_key=key, defaults={"user": user, "ip": "192.0.2.7", "user_agent": "Phone"}
    )
    return key


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


# Boxes of text, as far as they show: what scrolls out of its frame, or floats above, is left out.
COVERED = """() => {
  const boxes = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const inside = (a, b) => ({
    left: Math.max(a.left, b.left), right: Math.min(a.right, b.right),
    top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom),
  });
  while (texts.nextNode()) {
    const text = texts.currentNode, holder = text.parentElement;
    if (!text.data.trim() || !holder.checkVisibility({visibilityProperty: true})) continue;
    const frames = [];
    let floats = false;
    for (let each = holder; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      floats ||= ["fixed", "sticky"].includes(style.position);
      if (style.overflow !== "visible") frames.push(each.getBoundingClientRect());
    }
    if (floats) continue;
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      const shown = frames.reduce(inside, box);
      if (shown.right - shown.left > 4 && shown.bottom - shown.top > 4)
        boxes.push({...inside(shown, shown), holder, says: text.data.trim().slice(0, 40)});
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  const found = [];
  boxes.forEach((a, at) => {
    for (const b of boxes.slice(at + 1)) {
      if (b.top > a.bottom - 7) break;
      const both = inside(a, b);
      if (a.holder !== b.holder && both.right - both.left > 4 && both.bottom - both.top > 7)
        found.push(`${a.says} / ${b.says}`);
    }
  });
  return found;
}"""


def covered(page: Page) -> list[str]:
    """Texts that lie upon each other, which nobody can read and axe does not see."""
    found: list[str] = page.evaluate(COVERED)
    return found


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA: rule, where, and why."""
    found: Any = _axe().run(page, options={"runOnly": RULES})
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
