"""What every page does by itself: it asks who idles, sends a form once, and fails kindly."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.people.actions import end_sessions
from notifications.models import Message
from records.models import AccessLog
from tests.browser.site import Queries, key_of, user_of
from tests.browser.test_every_page import VIEWS

Sit = Callable[..., Page]


def test_who_idles_is_asked_and_stays_or_is_signed_out(sit: Sit) -> None:
    page = sit("sam")
    page.clock.install()
    page.goto("/practice/")
    dialog = page.get_by_role("dialog", name="Are you still here?")
    page.clock.fast_forward("13:30")
    expect(dialog).not_to_be_visible()
    page.get_by_role("textbox", name="Telephone").fill("850-555-01")
    page.clock.fast_forward("14:10")
    expect(dialog).to_be_visible()
    with page.expect_response("**/still-here/") as asked:
        dialog.get_by_role("button", name="Stay signed in").click()
    assert asked.value.status == 204
    expect(dialog).not_to_be_visible()
    expect(page.get_by_role("textbox", name="Telephone")).to_have_value("850-555-01")
    with page.expect_response("**/still-here/") as over:
        page.clock.fast_forward("15:10")
    assert over.value.status == 204  # the server counts by its own clock, and is only asked
    assert over.value.request.headers["x-poll"]
    sam = user_of("sam")
    assert sam
    end_sessions(sam)
    with page.expect_navigation():
        page.clock.run_for(6_000)
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_one_tab_in_use_keeps_the_others(sit: Sit) -> None:
    page = sit("sam")
    page.clock.install()
    page.goto("/practice/")
    other = page.context.new_page()
    other.goto("/practice/")
    other.evaluate("new BroadcastChannel('used').postMessage('used')")
    page.clock.fast_forward("14:10")
    dialog = page.get_by_role("dialog", name="Are you still here?")
    expect(dialog).to_be_visible()
    other.evaluate("new BroadcastChannel('used').postMessage('used')")
    expect(dialog).not_to_be_visible()


def test_a_double_tap_sends_a_form_once(sit: Sit) -> None:
    page = sit("sam")
    page.goto("/practice/")
    page.get_by_role("button", name="Send me a test text").dblclick()
    expect(page.get_by_role("status")).to_contain_text("on its way")
    assert Message.objects.filter(kind="test").count() == 1


def test_a_page_that_is_not_there_or_not_ours_to_see_says_so_kindly(db: None, now: object) -> None:
    client = Client(enforce_csrf_checks=True)
    assert b"There is nothing here" in client.get("/nowhere/").content
    user = user_of("sam")
    assert user
    client.cookies["sessionid"] = key_of(user)
    refused = client.get("/care/")
    assert refused.status_code == 403
    assert b"This page is not for you" in refused.content
    unproven = client.post("/practice/", {"do": "test"})
    assert unproven.status_code == 403
    assert b"Please send that once more" in unproven.content
    assert not Message.objects.filter(kind="test").exists()
    plain = Client()
    plain.cookies["sessionid"] = key_of(user)
    for does in ("", "nothing", "__class__", "name'"):
        assert plain.post("/practice/", {"do": does}).status_code == 400
    for row in ("", "1", "x" * 40):
        assert plain.post("/practice/", {"do": "withdraw", "plan": row}).status_code == 400


@pytest.mark.parametrize("path", ["/practice/", "/nowhere/", "/accounts/login/"])
def test_a_page_is_kept_by_nobody_and_framed_by_nobody(path: str, db: None, now: object) -> None:
    client = Client()
    user = user_of("chen")
    assert user
    if path == "/practice/":
        client.cookies["sessionid"] = key_of(user)
    answer = client.get(path)
    assert "no-store" in answer["Cache-Control"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert b'content="noindex"' in answer.content


def test_every_page_says_who_comes_in() -> None:
    """A page for everybody is one that nobody signs in for: of these there are few."""
    open_to_all = {route for route, view in VIEWS if view and not getattr(view, "roles", ())}
    assert all(
        not route.startswith(("care", "physician", "staff", "practice")) for route in open_to_all
    )


def test_what_a_request_for_another_host_gets_is_no_fault_of_ours(db: None, now: object) -> None:
    answer = Client(raise_request_exception=False).get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert b"That did not arrive" in answer.content


def test_whom_a_limit_stops_costs_nothing_more(db: None, now: object) -> None:
    client, user = Client(), user_of("sam")
    assert user
    client.cookies["sessionid"] = key_of(user)
    for _ in range(5):
        client.post("/practice/", {"do": "test"})
    with Queries() as asked:
        refused = client.post("/practice/", {"do": "test"})
    assert refused.status_code == 429
    assert refused["Retry-After"]
    assert len(asked) <= 6
    assert b"Plans and prices" not in refused.content


def test_a_row_of_somebody_else_that_a_button_names_is_written_down(db: None, now: object) -> None:
    client, user = Client(), user_of("sam")
    assert user
    client.cookies["sessionid"] = key_of(user)
    gone = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert client.post("/practice/", {"do": "withdraw", "plan": gone}).status_code == 404
    assert AccessLog.objects.filter(denied=True, object_ids=[gone], user=user).exists()


def test_every_template_asks_the_practice_for_what_it_has() -> None:
    for file in (Path(__file__).parents[2] / "pages/templates").rglob("*.html"):
        asked = set(re.findall(r"\bpractice\.(\w+)", file.read_text()))
        assert asked <= {"name", "phone", "time_zone"}, file


def test_where_one_is_signed_in_asks_no_more_for_more_sessions(db: None, now: object) -> None:
    sam, client = user_of("sam"), Client()
    assert sam
    client.cookies["sessionid"] = key_of(sam)

    def look() -> tuple[int, int]:
        client.get("/accounts/sessions/")
        with Queries() as asked:
            page = client.get("/accounts/sessions/")
        return page.content.count(b"192.0.2.7"), len(asked)

    shown, queries = look()
    assert shown == 1
    SessionStore(key_of(sam)).delete()
    key_of(sam)
    key_of(sam)
    assert look() == (3, queries)
    assert b"Sign out everywhere else" in client.get("/accounts/sessions/").content
