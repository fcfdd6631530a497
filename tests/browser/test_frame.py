"""What every page does by itself: it asks who idles, sends a form once, and fails kindly."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from notifications.models import Message
from tests.browser.site import key_of, user_of
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
    with page.expect_navigation():
        page.clock.fast_forward("15:10")


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
