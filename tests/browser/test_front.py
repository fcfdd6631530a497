"""The front page: what it is and for whom, by ZIP code, and how much a phone has to load for it."""

import re
from typing import Any

import requests
from django.test import Client
from playwright.sync_api import Page, expect

from scheduling.models import Plan
from tests.browser.site import key_of, user_of

MOST = 100_000  # bytes without fonts


def test_a_visitor_learns_whether_we_come_to_them(sit: Any) -> None:
    page: Page = sit()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("at home")
    expect(page.get_by_text("not FDA approved for these uses")).to_be_visible()
    expect(page.get_by_text("$250 a month").first).to_be_visible()
    for zip_code, answer in (
        ("32501", "Yes, we come to Escambia County, Florida."),
        ("07105", "Yes, we come to Essex County, New Jersey."),
        ("10001", "We only treat at addresses in Florida and New Jersey, and are sorry."),
        ("1234", "Use a ZIP code of five digits."),
    ):
        page.get_by_label("Your ZIP code").fill(zip_code)
        page.get_by_role("button", name="Check").click()
        expect(page.locator("#zip-answer")).to_contain_text(answer)
    page.get_by_role("main").get_by_role("button", name="See if you qualify").first.click()
    expect(page).to_have_url(re.compile("/qualify/$"))


def test_it_loads_less_than_a_hundred_kilobytes(sit: Any, web: str) -> None:
    """HTML, styles, scripts and images as a browser asks for them; fonts are left out."""
    page: Page = sit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/", wait_until="networkidle")
    assert {url.partition("/static/")[0] for url in asked} <= {web, f"{web}/"}
    sizes = {url: _bytes(url) for url in asked if not url.endswith(".woff2")}
    assert any(url.endswith("base.css") for url in sizes)
    assert sum(sizes.values()) < MOST, sizes


def _bytes(url: str) -> int:
    """What goes over the wire, packed where the server has it packed."""
    answer = requests.get(url, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10)
    assert answer.status_code == 200, url
    return len(answer.raw.read(decode_content=False))


def test_the_cheapest_plan_on_offer_is_named(now: object) -> None:
    Plan.objects.filter(name="Essential").update(is_offered=False)
    text = Client().get("/").content.decode()
    assert "$350 a month" in text
    assert "$250" not in text
    Plan.objects.update(is_offered=False)
    assert "a month" not in Client().get("/").content.decode()


def test_only_the_front_page_may_be_found_by_search(now: object) -> None:
    assert b"noindex" not in Client().get("/").content
    for path in ("/qualify/", "/book/", "/accounts/login/"):
        assert b'content="noindex"' in Client().get(path).content, path


def test_asking_too_often_is_told_when_to_come_again(now: object) -> None:
    from records.models import Count

    visitor, alice = Client(), Client()
    alice.cookies["sessionid"] = key_of(user_of("alice"))  # type: ignore[arg-type]
    for client in (visitor, alice):
        assert client.get("/?postal_code=32501").status_code == 200
        Count.objects.filter(name__startswith="look").update(n=1200)
        answer = client.get("/?postal_code=32501")
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) > 0
        Count.objects.all().delete()
