"""The physician's week, as Dr. Chen uses it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.models import User
from patients.models import Assessment
from records.models import AccessLog
from scheduling.models import (
    Consultation,
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from tests.browser.site import SCHEMES, Queries, key_of, seat, user_of, violations
from tests.conftest import Caller, caller
from tests.texting import book

MONDAY = "/physician/week/?from=2026-11-30"
TEN = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)  # Monday, 10:00 Eastern


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def key(name: str) -> str:
    user = user_of(name)
    assert user
    return key_of(user)


def start_of(pk: Any) -> datetime:
    return Consultation.objects.get(pk=pk).start


def entry(page: Page, name: str) -> Locator:
    """What the calendar shows of somebody."""
    return page.locator("#calendar a", has_text=name)


def place(what: Locator) -> tuple[float, float]:
    box = what.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + 8


def drag(page: Page, what: Locator, *, hours: int = 0, days: int = 0) -> None:
    """Drag an entry with the mouse, down and to the right."""
    calendar = page.locator("#calendar")
    what.evaluate("entry => entry.scrollIntoView({ block: 'center' })")
    hour = place(calendar.get_by_text("11AM"))[1] - place(calendar.get_by_text("10AM"))[1]
    monday, tuesday = (place(calendar.get_by_text(re.compile(day)))[0] for day in ("Mon,", "Tue,"))
    x, y = place(what)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 4, y + 6, steps=3)
    page.mouse.move(x + days * (tuesday - monday), y + hours * hour, steps=12)
    page.mouse.up()


# --- stories in a browser -----------------------------------------------------------------------


def test_a_call_is_dragged_to_another_time(alice_booked: Caller, sit: Callable[..., Page]) -> None:
    """It shows both clocks, and is where it was dropped, in the database too."""
    page = sit("chen")
    page.goto(MONDAY)
    expect(page.get_by_text("Times are Eastern time")).to_be_visible()
    alices = entry(page, "Alice Test")
    expect(alices).to_contain_text("10:00")
    expect(alices).to_contain_text("9:00 AM Central for Alice")
    expect(alices).to_contain_text("Not confirmed yet")
    drag(page, alices, hours=3, days=1)
    expect(page.get_by_role("status")).to_contain_text(
        "Alice Test is now on Tue, Dec 1, 1:00 PM Eastern (12:00 PM Central for Alice)."
    )
    assert Consultation.objects.get().start == TEN + timedelta(days=1, hours=3)


def test_whoever_was_faster_is_told_of(alice_booked: Caller, sit: Callable[..., Page]) -> None:
    """Another tab moved it: it is put back, the sentence is shown, and the free times."""
    page, other = sit("chen"), sit("chen")
    page.goto(MONDAY)
    pk = Consultation.objects.get().pk
    other.goto(f"/physician/consultations/{pk}/move/")
    other.get_by_role("radio", name=re.compile("^12:00 PM")).check()
    other.get_by_role("button", name="Move it").click()
    expect(other.get_by_role("status")).to_contain_text("is now on Mon, Nov 30, 12:00 PM Eastern")
    drag(page, entry(page, "Alice Test"), hours=1)
    dialog = page.get_by_role("dialog", name="Consultation")
    expect(dialog.get_by_role("alert")).to_contain_text("This has changed since you looked")
    expect(dialog).to_contain_text("Mon, Nov 30, 12:00 PM Eastern")
    assert start_of(pk) == TEN + timedelta(hours=2)
    dialog.get_by_role("button", name="Close").click()
    expect(entry(page, "Alice Test")).to_contain_text("12:00 PM")

    page.goto(MONDAY)
    book(caller("bruno"), start="2026-12-01T15:00:00Z", state="NJ")
    drag(page, entry(page, "Alice Test"), hours=-2, days=1)
    expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has this time.")
    expect(entry(page, "Alice Test")).to_contain_text("12:00 PM")
    next_one = dialog.get_by_role("group", name="The next free times").get_by_role("radio").first
    next_one.check()
    dialog.get_by_role("button", name="Move it there").click()
    expect(page.get_by_role("status")).to_contain_text("Alice Test is now on Tue, Dec 1")
    assert start_of(pk).date() == utc("2026-12-01").date()


def test_by_keyboard_alone_in_a_browser_of_another_zone(
    alice_booked: Caller, web: str, chromium: Browser
) -> None:
    """Los Angeles sees Eastern times; Enter opens an entry, and it is moved without a mouse."""
    context = chromium.new_context(
        base_url=web, timezone_id="America/Los_Angeles", viewport={"width": 1360, "height": 900}
    )
    name = "sessionid"
    context.add_cookies([{"name": name, "value": key("chen"), "url": web}])
    page = context.new_page()
    page.goto(MONDAY)
    alices = entry(page, "Alice Test")
    expect(alices).to_contain_text("10:00 AM · 9:00 AM Central for Alice")
    alices.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Consultation")
    expect(dialog.get_by_role("heading", name="Alice Test")).to_be_visible()
    dialog.get_by_label("Day").focus()
    dialog.get_by_label("Day").fill("2026-12-02")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Free on Wednesday, December 2, Eastern time")).to_be_visible()
    dialog.get_by_role("radio", name=re.compile("^8:30 AM")).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Alice Test is now on Wed, Dec 2, 8:45 AM")
    assert Consultation.objects.get().start == utc("2026-12-02T13:45")
    context.close()


def test_time_off_and_hours_on_the_same_page(
    alice_booked: Caller, sit: Callable[..., Page]
) -> None:
    """Those at risk are shown before anything is saved; a break is the gap between two rows."""
    page = sit("chen")
    page.goto(MONDAY)
    off = page.get_by_role("region", name="Time off")
    off.get_by_label("From").fill("2026-11-30T09:00")
    off.get_by_label("Until").fill("2026-11-30T12:00")
    off.get_by_role("button", name="Show who is booked then").click()
    expect(off).to_contain_text("1 consultation would be at risk. Nothing is cancelled")
    expect(off.get_by_role("link", name="Alice Test, Mon, Nov 30, 10:00 AM")).to_be_visible()
    assert not TimeOff.objects.exists()
    off.get_by_role("button", name="Save time off").click()
    expect(page.get_by_text("1 consultation is at risk until moved")).to_be_visible()
    row = TimeOff.objects.get()
    assert (row.start, row.end) == (utc("2026-11-30T14:00"), utc("2026-11-30T17:00"))
    expect(entry(page, "Alice Test")).to_contain_text("At risk")

    hours = page.get_by_role("region", name="Hours and breaks")
    hours.get_by_role("button", name="Remove Tuesday").click()
    for opens, closes in (("08:30", "12:00"), ("13:00", "17:00")):
        hours.get_by_label("Day").select_option("Tuesday")
        hours.get_by_label("From").fill(opens)
        hours.get_by_label("Until").fill(closes)
        hours.get_by_role("button", name="Add hours").click()
        expect(page.get_by_role("status")).to_contain_text("The hours are in.")
    expect(hours).to_contain_text("8:30 AM – 12:00 PM")
    assert WorkingHours.objects.filter(weekday=1).count() == 2
    assert not violations(page)


def test_on_a_phone_and_without_scripts(alice_booked: Caller, web: str, chromium: Browser) -> None:
    """The list of days is the page; moving and cancelling are pages and buttons."""
    phone = chromium.phone  # type: ignore[attr-defined]
    context = chromium.new_context(**phone, base_url=web, java_script_enabled=False)
    cookie = {"name": "sessionid", "value": key("chen"), "url": web}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(MONDAY)
    monday = page.get_by_role("region", name="Monday, November 30")
    expect(monday).to_contain_text("10:00 AM – 10:30 AM")
    expect(monday).to_contain_text("9:00 AM Central for Alice")
    monday.get_by_role("link", name="Move to…").click()
    page.get_by_role("link", name=re.compile("^Tue, Dec 1")).click()
    page.get_by_role("radio", name=re.compile("^8:30 AM")).check()
    page.get_by_role("button", name="Move it").click()
    expect(page.get_by_role("status")).to_contain_text("is now on Tue, Dec 1, 8:30 AM Eastern")
    tuesday = page.get_by_role("region", name="Tuesday, December 1")
    tuesday.get_by_role("link", name="Move to…").click()
    page.get_by_text("Cancel it").click()
    page.get_by_label(re.compile("^Reason")).fill("She asked.")
    page.get_by_role("button", name="Cancel the consultation").click()
    expect(page.get_by_role("status")).to_contain_text("8:30 AM Eastern: cancelled.")
    assert Consultation.objects.get().status == "cancelled"
    context.close()


def test_axe_finds_nothing_in_a_full_week_and_its_dialog(demo: str, chromium: Browser) -> None:
    """One entry is open over the week."""
    for scheme in SCHEMES:
        context = seat(chromium, demo, user_of("chen"), scheme=scheme)
        page = context.new_page()
        page.goto("/physician/week/")
        entry(page, "Rosa Rinaldi").click()
        dialog = page.get_by_role("dialog", name="Consultation")
        expect(dialog.get_by_role("heading", name="Rosa Rinaldi")).to_be_visible()
        assert not violations(page)
        page.keyboard.press("Escape")
        expect(entry(page, "Rosa Rinaldi")).to_be_focused()
        context.close()


# --- what needs no browser ----------------------------------------------------------------------


@pytest.fixture
def booked(alice: Caller) -> Consultation:
    book(alice)
    return Consultation.objects.get()


def desk(name: str = "chen") -> Client:
    client = Client()
    client.cookies["sessionid"] = key(name)
    return client


def posted(client: Client, address: str, do: str, **fields: Any) -> Any:
    return client.post(address, {"do": do, **fields})


def move_page(row: Consultation) -> str:
    return f"/physician/consultations/{row.pk}/move/"


def test_a_move_that_cannot_be(booked: Consultation) -> None:
    """The sentence is the API's, the status too, and the free times come with it."""
    chen, page = desk(), move_page(booked)
    for start, version, status, sentence in (
        ("2026-11-20T15:00:00Z", 1, 409, "That time has passed."),
        ("2026-11-30T03:00:00Z", 1, 409, "This time is not offered."),
        ("2026-12-01T15:00:00Z", 7, 412, "This has changed since you looked"),
        ("2028-12-01T15:00:00Z", 1, 409, "That is further ahead than can be booked."),
        ("2026-12-01T15:00:00", 1, 400, "Choose a time."),
        ("tomorrow", 1, 400, "Choose a time."),
        ("", 1, 400, "This field is required."),
        ("2026-12-01T15:00:00Z", "x", 400, "Please look at this page again."),
    ):
        answer = posted(chen, page, "move", start=start, version=version)
        assert answer.status_code in (status, 422), (start, answer.status_code)
        assert sentence in answer.content.decode(), start
    assert start_of(booked.pk) == TEN
    refused = posted(chen, page, "move", start="2026-11-30T03:00:00Z", version=1)
    assert "The next free times" in refused.content.decode()


def test_what_is_not_ones_own_is_not_there(booked: Consultation, now: datetime) -> None:
    """Another physician's consultation is like one that never was, and that is written down."""
    other = User.objects.create_user(
        role="physician", name="Dr. Other", email="other@hearth.test", password="x" * 14
    )
    Physician.objects.create(user=other, name="Dr. Other")
    Assessment.objects.update(status="reviewed")  # what waits in the queue is everybody's
    client = Client()
    client.cookies["sessionid"] = key_of(other)
    assert client.get(move_page(booked)).status_code == 404
    moved = posted(client, move_page(booked), "move", start="2026-12-01T15:00:00Z", version=1)
    assert moved.status_code == 404
    assert start_of(booked.pk) == TEN
    assert "Alice" not in client.get(MONDAY).content.decode()
    row = WorkingHours.objects.filter(weekday=0).get()
    gone = posted(client, MONDAY, "remove", of="hours", row=str(row.pk))
    assert gone.status_code == 404
    assert WorkingHours.objects.filter(pk=row.pk).exists()
    never = desk().get("/physician/consultations/01890a5d-ac96-774b-bcce-b302099a8057/move/")
    assert never.status_code == 404


def test_whoever_looks_is_written_down(booked: Consultation) -> None:
    before = AccessLog.objects.count()
    chen = desk()
    assert chen.get(MONDAY)["Cache-Control"] == "no-store"
    (line,) = AccessLog.objects.order_by("pk")[before:]
    assert (line.object_kind, line.patient_ids) == ("reservation", [str(booked.patient_id)])
    chen.get(move_page(booked))
    assert AccessLog.objects.count() == before + 2


def test_three_entries_cost_as_many_queries_as_one(booked: Consultation) -> None:
    chen = desk()
    chen.get(MONDAY)
    with Queries() as one:
        chen.get(MONDAY)
    book(caller("bruno"), start="2026-12-01T15:00:00Z", state="NJ")
    book(caller("eve"), start="2026-12-02T15:00:00Z", state="NJ")
    physician = Physician.objects.get()
    for day in (3, 4, 5):
        start = utc(f"2026-12-{day:02}T15:00")
        for table in (TimeOff, Opening):
            table.objects.create(physician=physician, start=start, end=start + timedelta(hours=1))
    with Queries() as three:
        page = chen.get(MONDAY).content.decode()
    assert page.count("Move to…") == 3
    assert len(three) == len(one) <= 12


def test_bad_weeks_and_bad_forms(booked: Consultation) -> None:
    chen = desk()
    for asked in ("yesterday", "2026-13-01", "0001-01-01", "9999-12-31"):
        assert chen.get(f"/physician/week/?from={asked}").status_code == 400, asked
        assert chen.get(f"{move_page(booked)}?on={asked}").status_code == 400, asked
    for do, fields, sentence in (
        ("add_hours", {"weekday": 0, "opens": "12:00", "closes": "11:00"}, "Close after opening"),
        ("add_hours", {"weekday": 9, "opens": "08:00", "closes": "11:00"}, "Select a valid choice"),
        ("preview", {"start": "2026-12-02T10:00", "end": "2026-12-02T09:00"}, "after the start"),
        ("preview", {"start": "2026-12-02T10:00Z", "end": "x"}, "Choose a day and a time."),
        ("add_time_off", {"start": "", "end": ""}, "This field is required."),
        ("add_opening", {"start": "2026-12-02T10:00", "end": "2026-12-04T09:00"}, "24 hours"),
        ("add_hours", {"weekday": 0, "opens": "23:59:10", "closes": "00:00:30"}, "valid time"),
        ("add_hours", {"weekday": 5, "opens": "01:02:03.123456", "closes": "02:00"}, "valid time"),
        ("add_opening", {"start": "2027-03-14T02:10", "end": "2027-03-14T02:50"}, "after the"),
        (
            "add_licence",
            {"state": "FL", "number": "1", "valid_from": "0001-01-01", "expires_on": "9999-12-31"},
            "Use a day between",
        ),
        (
            "add_licence",
            {"state": "FL", "number": "1", "valid_from": "2026-01-02", "expires_on": "2026-01-01"},
            "Use a day after the first.",
        ),
        ("remove", {"of": "physician", "row": "x"}, "Hours and breaks"),
    ):
        answer = posted(chen, MONDAY, do, **fields)
        assert answer.status_code == 400, (do, fields)
        assert sentence in answer.content.decode(), (do, fields)
    assert posted(chen, MONDAY, "dance").status_code == 400
    assert TimeOff.objects.count() == Opening.objects.count() == 0


def test_the_week_in_which_clocks_change(at: Callable[[str], datetime], alice: Caller) -> None:
    """On Monday it is an hour earlier in UTC than on Friday, and 10:00 on both."""
    at("2027-02-20T15:00Z")
    book(alice, start="2027-03-12T15:00:00Z")
    book(caller("bruno"), start="2027-03-15T14:00:00Z", state="NJ")
    chen = desk()
    for monday, weekday in (("2027-03-08", "Friday"), ("2027-03-15", "Monday")):
        page = chen.get(f"/physician/week/?from={monday}").content.decode()
        assert re.search(rf"{weekday}, March.*?10:00 AM – 10:30 AM", page, re.S), monday
        assert "8:30 AM – 5:00 PM" in page
    sent = {"start": "2027-03-13T22:00", "end": "2027-03-15T00:00"}
    posted(chen, MONDAY, "add_time_off", **sent)
    row = TimeOff.objects.get()
    assert (row.start, row.end) == (utc("2027-03-14T03:00"), utc("2027-03-15T04:00"))


def test_all_that_takes_time_is_there(booked: Consultation, now: datetime) -> None:
    """Holds, time off over midnight, openings on a Saturday, a licence that ends."""
    chen, physician = desk(), Physician.objects.get()
    hold = {"start": "2026-12-01T15:00:00Z", "kind": "initial", "state": "FL"}
    assert Caller().post("holds/", hold).status_code == 201
    posted(chen, MONDAY, "add_time_off", start="2026-12-03T12:00", end="2026-12-04T12:00")
    posted(chen, MONDAY, "add_opening", start="2026-12-05T09:00", end="2026-12-05T12:00")
    Licence.objects.filter(state="FL").update(expires_on=now.date() + timedelta(days=20))
    page = chen.get(MONDAY)
    text = page.content.decode()
    assert "Somebody is choosing" in text
    assert text.count("<strong>Time off</strong>") == 2
    assert "9:00 AM – 12:00 PM" in text
    assert "Ends in 20 days" in text
    drawn = page.context["calendar"]
    assert drawn["weekends"]
    ten = next(e for e in drawn["entries"] if e["type"] == "consultation")
    kept = datetime.fromisoformat(ten["busy_end"]) - datetime.fromisoformat(ten["end"])
    assert kept == timedelta(minutes=15)
    for of, table in (("time_off", TimeOff), ("opening", Opening), ("licence", Licence)):
        row = table.objects.filter(physician=physician).first()
        assert row
        assert posted(chen, MONDAY, "remove", of=of, row=str(row.pk)).status_code == 302
        assert not table.objects.filter(pk=row.pk).exists()
    sent = {"state": "NJ", "number": "2", "valid_from": "2027-01-01", "expires_on": "2029-01-01"}
    assert posted(chen, MONDAY, "add_licence", **sent).status_code == 302
    assert "Not yet" in chen.get(MONDAY).content.decode()
    assert Reservation.objects.count() == 2


def test_a_preview_saves_nothing(booked: Consultation) -> None:
    chen = desk()
    sent = {"start": "2026-11-30T10:15", "end": "2026-11-30T11:00"}
    page = posted(chen, MONDAY, "preview", **sent).content.decode()
    assert "1 consultation would be at risk" in page
    assert "Alice Test, Mon, Nov 30, 10:00 AM Eastern" in page
    assert not TimeOff.objects.exists()
    sent = {"start": "2026-11-30T10:30", "end": "2026-11-30T11:00"}
    assert "Nobody is booked in it." in posted(chen, MONDAY, "preview", **sent).content.decode()


def test_back_to_the_week_in_which_it_is_here(now: Any, alice: Caller) -> None:
    """Sunday evening in New York is Monday in UTC, and in another week."""
    sunday = {"weekday": 6, "opens": "18:00", "closes": "23:00"}
    assert posted(desk(), MONDAY, "add_hours", **sunday).status_code == 302
    book(alice, start="2026-12-07T01:00:00Z")
    page = desk().get(move_page(Consultation.objects.get())).content.decode()
    assert "/physician/week/?from=2026-12-06" in page


def test_nothing_is_moved_once_the_sign_in_has_ended(
    alice_booked: Caller, sit: Callable[..., Page]
) -> None:
    page = sit("chen")
    page.goto(MONDAY)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    drag(page, entry(page, "Alice Test"), hours=1)
    expect(page.get_by_role("alert")).to_contain_text("your sign-in has ended")
    expect(entry(page, "Alice Test")).to_contain_text("10:00")
    assert Consultation.objects.get().start == TEN
