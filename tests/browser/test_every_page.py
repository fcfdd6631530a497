"""What holds for every page: who comes in, axe, no error, few queries."""

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser

from accounts import sessions
from accounts.models import Role, User
from pages.page import Page
from pages.urls import urls
from records import clock
from records.models import AccessLog
from tests.browser.every_page import LOOKS, NO_PAGE, Look
from tests.browser.site import SCHEMES, SIZES, Queries, covered, key_of, seat, user_of, violations
from tests.cast import NOW

MOST = 12


# The address of each page for some roles alone, about something that never was → the roles.
GONE = {"int": "0", "uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "str": "x", "slug": "x"}
VIEWS = [(str(row.pattern), getattr(row.callback, "view_class", None)) for row in urls]
ROLES_OF = {
    "/" + re.sub(r"<(\w+):\w+>", lambda part: GONE[part[1]], route): view.roles
    for route, view in VIEWS
    if view and issubclass(view, Page) and view.roles
}


def test_every_page_is_looked_at() -> None:
    routes = {str(row.pattern) for row in urls}
    looked_at = {look.route for look in LOOKS}
    assert routes - looked_at - NO_PAGE == set()
    assert {r for r in looked_at if not r.startswith("accounts/")} <= routes


def test_a_page_lets_in_its_roles_alone(db: None) -> None:
    """Whoever has not signed in is led there, whoever is of another role is refused."""
    clock.move(NOW)
    callers = {"": Client()}
    for role in Role.values:
        callers[role] = Client()
        user = User.objects.filter(role=role).first()
        assert user
        callers[role].cookies["sessionid"] = key_of(user)
    for address, roles in ROLES_OF.items():
        for role, client in callers.items():
            for answer in (client.get(address), client.post(address)):
                asks = (address, role, answer.status_code)
                if not role:
                    assert answer.status_code == 302, asks
                    assert answer["Location"].startswith("/accounts/login/"), asks
                elif role not in roles:
                    assert answer.status_code == 403, asks
                else:
                    assert answer.status_code in (200, 302, 400, 404, 405, 409), asks


def test_a_colleague_without_a_second_factor_is_led_to_one(db: None) -> None:
    clock.move(NOW)
    client = Client()
    user = User.objects.filter(role=Role.STAFF).get()
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    sessions.begin(session)
    session.save()
    answer = client.get("/staff/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")


# --- with the demo ------------------------------------------------------------------------------


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_axe_finds_nothing(look: Look, demo: str, chromium: Browser) -> None:
    """WCAG 2.2 A and AA, on a phone and at a desk, in light and dark; no error in the console."""
    found: list[str] = []
    said: list[str] = []
    for size in SIZES:
        context = seat(chromium, demo, user_of(look.who), size=size)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        answer = page.goto(look.address)
        assert answer
        assert answer.status == (404 if look.address.endswith("/none") else 200), answer.status
        assert urlsplit(page.url).path == look.address.partition("?")[0]
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found += [f"{size} {scheme}: {line}" for line in violations(page)]
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{size}: {wide} px wider than the screen"
        found += [f"{size}: one upon the other: {line}" for line in covered(page)]
        context.close()
    said = [text for text in said if "status of 404" not in text]
    assert not said, said
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_a_page_asks_little_of_the_database(look: Look, demo: str) -> None:
    client = Client()
    if user := user_of(look.who):
        client.cookies["sessionid"] = key_of(user)
    address = look.address
    client.get(address)
    with Queries() as asked:
        client.get(address)
    assert len(asked) <= MOST, "\n".join(q["sql"][:200] for q in asked.captured_queries)


OF_PATIENTS = [look for look in LOOKS if look.who in ("chen", "sam") and "patients/<" in look.route]


@pytest.mark.parametrize("look", OF_PATIENTS, ids=lambda look: look.name)
def test_whoever_looks_at_a_patient_is_written_down(look: Look, demo: str) -> None:
    """Also where there is nothing to list: the head of the page names them."""
    client = Client()
    user = user_of(look.who)
    assert user
    client.cookies["sessionid"] = key_of(user)
    address = look.address
    before = AccessLog.objects.filter(user=user).count()
    assert client.get(address).status_code == 200
    new = AccessLog.objects.filter(user=user).order_by("-pk")
    (patient,) = re.findall(r"patients/([0-9a-f-]{36})/", address)
    assert new.count() > before
    assert patient in new[0].patient_ids
