"""Booking as people do it: a time is held, and booked after a code; moved, cancelled, undone."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from icalendar import Calendar
from playwright.sync_api import Page, expect

from pages.patient.deliveries import Choose as ChooseWindow
from pages.patient.plan import Choose as ChoosePlan
from patients.models import Assessment
from records import clock
from records.models import AccessLog, Count
from scheduling.calendar.models import Reservation
from scheduling.models import Consultation, Licence, Physician, TimeOff, WorkingHours
from tests.browser.site import Queries, key_of, user_of, violations
from tests.cast import NOW
from tests.conftest import Caller, caller
from tests.signing import last_code
from tests.texting import SLOT, book

MONDAY = "2026-11-30"


def sign_in(page: Page, phone: str) -> None:
    """By a code to a phone, from wherever the page asks for it."""
    page.get_by_role("button", name="Sign in with a code").click()
    page.get_by_label("Phone").fill(phone)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(last_code())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Is this right?")).to_be_visible()


def choose(page: Page, time: str, day: str = "30") -> None:
    """A time of a day in the strip."""
    page.locator("#days").get_by_role("link", name=re.compile(rf"\b{day}\b")).click()
    expect(page.get_by_role("heading", name=re.compile(rf", \w+ {day}$"))).to_be_visible()
    page.get_by_role("button", name=time, exact=True).click()


def test_from_a_zip_code_to_an_appointment_that_is_moved_cancelled_and_undone(sit: Any) -> None:
    page: Page = sit()
    page.goto("/book/")
    page.get_by_label("Your ZIP code").fill("32501")
    page.get_by_role("button", name="Show free times").click()
    expect(page.get_by_text("All times are Central time.")).to_be_visible()
    heights = [box["height"] for chip in page.locator("#times .chip").all()[:3]
               if (box := chip.bounding_box())]  # fmt: skip
    assert min(heights) >= 48
    choose(page, "9:00 AM")
    # It is held, and the time that is left runs down.
    left = page.locator("[data-seconds]")
    expect(left).to_have_text(re.compile(r"Yours for 9:5\d more"))
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    assert violations(page) == []
    assert "secret" not in page.content()
    hold = Reservation.objects.get()
    assert hold.expires_at
    assert hold.hold_start == datetime(2026, 11, 30, 15, tzinfo=UTC)  # 9:00 in Pensacola
    sign_in(page, "850-555-0101")
    expect(page.get_by_label("City or town")).to_have_value("Pensacola")
    assert violations(page) == []
    page.get_by_role("button", name="Book this time").click()
    expect(page.get_by_text("You are booked.")).to_be_visible()
    expect(page.get_by_text("Monday, November 30")).to_be_visible()
    expect(page.get_by_text("9:00 AM")).to_be_visible()
    join = page.get_by_role("button", name="Join by video")
    expect(join).to_have_attribute("href", "https://video.hearth.test/chen")
    booked = Consultation.objects.get()
    assert (booked.location_city, booked.location_state) == ("Pensacola", "FL")
    with page.expect_download() as download:
        page.get_by_role("button", name="Add to calendar").click()
    assert download.value.suggested_filename == "appointment.ics"
    page.get_by_role("button", name="I will be there").click()
    expect(page.get_by_text("Confirmed", exact=True)).to_be_visible()
    # Moved in two taps, and back.
    page.get_by_role("button", name="Move it").click()
    assert violations(page) == []
    page.get_by_role("button", name="1:00 PM", exact=True).first.click()
    expect(page.get_by_text("It was Mon, Nov 30, 9:00 AM Central before.")).to_be_visible()
    expect(page.locator(".time-of")).to_contain_text("1:00 PM")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".time-of")).to_contain_text("9:00 AM")
    # Cancelled in two taps, and booked anew.
    page.get_by_role("button", name="Cancel it").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("All is as it was before.")).to_be_visible()
    rows = Consultation.objects.order_by("pk").values_list("status", "start")
    assert list(rows) == [("cancelled", booked.start), ("booked", booked.start)]


def test_two_want_one_time_and_one_gets_it(sit: Any) -> None:
    """In two browsers: the other is told, and offered the next times; one of them books."""
    alice, eve = sit("alice"), sit("eve")
    for page in (alice, eve):
        page.goto(f"/book/?day={MONDAY}")
    alice.get_by_role("button", name="9:00 AM", exact=True).click()
    expect(alice.get_by_role("heading", name="Is this right?")).to_be_visible()
    eve.get_by_role("button", name="10:00 AM", exact=True).click()  # the same time, in New Jersey
    expect(eve.get_by_role("alert")).to_have_text("Somebody else has this time.")
    expect(eve.get_by_role("heading", name="The next free times")).to_be_visible()
    assert violations(eve) == []
    alice.get_by_role("button", name="Book this time").click()
    expect(alice.get_by_text("You are booked.")).to_be_visible()
    assert Consultation.objects.count() == 1
    eve.locator(".wide-chips .chip").first.click()
    eve.get_by_role("button", name="Book this time").click()
    expect(eve.get_by_text("You are booked.")).to_be_visible()
    starts = Consultation.objects.values_list("start", flat=True)
    assert len(set(starts)) == 2


def test_a_hold_that_runs_out_is_told_kindly_and_can_be_taken_again(sit: Any) -> None:
    alice: Page = sit("alice")
    alice.clock.install()
    alice.goto(f"/book/?day={MONDAY}")
    alice.get_by_role("button", name="9:00 AM", exact=True).click()
    expect(alice.get_by_role("heading", name="Is this right?")).to_be_visible()
    alice.clock.run_for(timedelta(minutes=8, seconds=1) // timedelta(milliseconds=1))
    expect(alice.get_by_text("This time is yours for two more minutes.")).to_be_attached()
    clock.move(clock.now() + timedelta(minutes=11))
    # The phone sleeps meanwhile: what counts in it stands still, the time of the day does not.
    alice.clock.set_system_time(alice.evaluate("Date.now()") + 120_000)
    alice.clock.run_for(1_000)
    expect(alice.get_by_role("heading", name="Your time has run out")).to_be_visible()
    expect(alice.locator(".chips .chip").first).to_be_visible()
    assert violations(alice) == []
    alice.get_by_role("button", name="Try the same time again").click()
    expect(alice.get_by_role("heading", name="Is this right?")).to_be_visible()
    clock.move(clock.now() + timedelta(minutes=5))
    alice.get_by_role("button", name="Keep it longer").click()
    expect(alice.locator("[data-seconds]")).to_have_text(re.compile("for 9:5|for 10:00"))
    assert Reservation.objects.count() == 1
    alice.get_by_role("button", name="Another time").click()
    expect(alice.get_by_role("heading", name="Choose a time")).to_be_visible()
    assert not Reservation.objects.exists()


@contextmanager
def another_site(html: str) -> Iterator[str]:
    """The practice's own site, of another origin, with a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_practices_own_site_shows_free_times_in_a_frame(
    sit: Any, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page: Page = sit()
    with another_site(f'<title>x</title><iframe src="{web}/book/?embed=1"></iframe>') as site:
        page.goto(site)
        expect(page.frame_locator("iframe").get_by_label("Your ZIP code")).not_to_be_attached()
        monkeypatch.setattr(settings, "CORS_ALLOWED_ORIGINS", [site])
        page.goto(site)
        frame = page.frame_locator("iframe")
        frame.get_by_label("Your ZIP code").fill("32501")
        frame.get_by_role("button", name="Show free times").click()
        frame.locator("#days").get_by_role("link", name=re.compile(r"\b30\b")).click()
        expect(frame.get_by_role("heading", name="Monday, November 30")).to_be_visible()
        assert page.context.cookies() == []
        with page.expect_popup() as opened:
            frame.get_by_role("link", name="9:00 AM", exact=True).click()
    time = opened.value
    expect(time.get_by_role("heading", name="You chose this time")).to_be_visible()
    assert not Reservation.objects.exists()
    time.get_by_role("button", name="Keep this time for me").click()
    expect(time.get_by_role("heading", name="This time is kept for you")).to_be_visible()
    assert Reservation.objects.get().hold_start == datetime(2026, 11, 30, 15, tzinfo=UTC)


# --- what needs no browser -------------------------------------------------------------------


def browser(name: str = "") -> Client:
    client = Client()
    if name:
        client.cookies["sessionid"] = key_of(user_of(name))  # type: ignore[arg-type]
    return client


def hold(client: Client, start: str = SLOT, **more: str) -> Any:
    return client.post("/book/", {"do": "hold", "start": start, **more})


def press(client: Client, do: str, **typed: str) -> Any:
    """A button of the page that says for how long a time is held, as it is shown now."""
    shown = re.search(r'name="hold" value="([^"]+)"', client.get("/book/confirm/").content.decode())
    assert shown
    return client.post("/book/confirm/", {"do": do, "hold": shown[1], **typed})


def given(start: str) -> None:
    """Somebody else books a time."""
    wish = {"start": start, "kind": "initial", "location": {"state": "NJ"}}
    assert caller("bruno").post("consultations/", wish).status_code == 201


def starts_in(answer: Any) -> list[str]:
    """The times that a page offers."""
    return re.findall(r'name="start" value="([^"]+)"', answer.content.decode())


def test_only_the_embedded_page_may_stand_in_a_frame(
    now: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, site = Client(), "https://www.practice.example"
    closed = client.get("/book/?embed=1&postal_code=32501")
    assert "frame-ancestors 'none'" in closed["Content-Security-Policy"]
    assert closed["X-Frame-Options"] == "DENY"
    monkeypatch.setattr(settings, "CORS_ALLOWED_ORIGINS", [site])
    opened = client.get("/book/?embed=1&postal_code=32501")
    assert f"frame-ancestors {site}" in opened["Content-Security-Policy"]
    assert "X-Frame-Options" not in opened
    assert not opened.cookies
    assert b'<form method="post"' not in opened.content
    for path in (
        "/",
        "/book/",
        "/book/?embed=2",
        "/book/time/?embed=1&postal_code=32501",
        "/qualify/",
    ):
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], path
        assert answer["X-Frame-Options"] == "DENY", path
    posted = client.post("/book/?embed=1", {"do": "hold"})
    assert "frame-ancestors 'none'" in posted["Content-Security-Policy"]


def test_bad_input_is_answered_and_holds_nothing(now: object) -> None:
    client = Client()
    for query in (
        "postal_code=1",
        "postal_code=",
        "postal_code=%00",
        "postal_code=32501&time_zone=x",
    ):
        assert client.get(f"/book/?{query}").status_code == 400, query
    for query in ("day=x", "day=9999-99-99", "from=2999-01-01", "kind=other", "from=0001-01-01"):
        assert client.get(f"/book/?postal_code=32501&{query}").status_code == 200, query
    for start, status in (
        ("", 409), ("x", 409), ("2026-11-30T15:00:00", 409), ("2020-01-01T15:00:00Z", 422),
        ("2026-11-30T15:07:00Z", 409), ("2099-01-01T15:00:00Z", 422),
    ):  # fmt: skip
        assert hold(client, start, postal_code="32501").status_code == status, start
    assert hold(client, SLOT).status_code == 400
    assert hold(client, SLOT, postal_code="10001").status_code == 422
    assert client.get("/book/time/?postal_code=32501&start=x").status_code == 409
    assert client.get("/book/confirm/")["Location"] == "/book/"
    assert not Reservation.objects.exists()


def test_the_limits_of_holds_are_those_of_the_api(now: object) -> None:
    client = Client()
    assert hold(client, postal_code="32501").status_code == 302
    assert client.cookies["hearth_browser"]["httponly"]
    # Another choice gives the first one back: one browser blocks no day.
    assert hold(client, "2026-11-30T16:00:00Z", postal_code="32501").status_code == 302
    assert Reservation.objects.count() == 1
    # The one that is held stays when the other is refused, and the same one can be taken again.
    given(SLOT)
    assert hold(client, postal_code="32501").status_code == 409
    again = hold(client, "2026-11-30T16:00:00Z", postal_code="32501")
    assert again["Location"] == "/book/confirm/"
    living = Reservation.objects.get(expires_at__isnull=False)
    assert living.hold_start == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert "Go on with it" in client.get("/book/?postal_code=32501").content.decode()
    Count.objects.filter(name__startswith="hold address").update(n=40)
    answer = hold(client, "2026-11-30T17:00:00Z", postal_code="32501")
    assert answer.status_code == 429
    assert answer["Retry-After"]


def test_a_signed_in_patient_is_asked_no_zip_code(now: object) -> None:
    text = browser("alice").get("/book/").content.decode()
    assert "All times are Central time." in text
    assert "Your ZIP code" not in text
    text = browser("bruno").get("/book/").content.decode()
    assert "All times are Eastern time." in text


def test_what_is_missing_is_said_with_what_clears_it(alice: Caller) -> None:
    client = browser("alice")
    assert hold(client).status_code == 302
    alice.post("me/consents/", {"kind": "telehealth", "accepted": False})
    refused = press(client, "book", state="FL", city="Pensacola")
    assert refused.status_code == 409
    text = refused.content.decode()
    assert "We need your consent to talk by video or telephone first." in text
    assert press(client, "agree").status_code == 302
    done = press(client, "book", state="FL", city="Pensacola")
    assert done["Location"].startswith("/care/appointments/")


def test_without_an_assessment_the_way_to_it_is_shown(now: object) -> None:
    Assessment.objects.filter(patient__user=user_of("eve")).delete()
    client = browser("eve")
    assert hold(client).status_code == 302
    refused = press(client, "book", state="NJ", city="Toms River")
    assert refused.status_code == 409
    assert "The free assessment comes first." in refused.content.decode()
    assert 'href="/qualify/"' in refused.content.decode()


def test_in_another_state_than_the_one_held_the_same_time_is_booked(now: object) -> None:
    client = browser("alice")
    hold(client)
    done = press(client, "book", state="NJ", city="Newark")
    assert done.status_code == 302
    assert Consultation.objects.get().location_state == "NJ"
    assert Reservation.objects.count() == 1


def test_a_lost_time_is_told_with_the_next_ones(now: object) -> None:
    client = browser("alice")
    hold(client)
    clock.move(clock.now() + timedelta(minutes=11))
    given(SLOT)
    refused = press(client, "book", state="FL")
    text = refused.content.decode()
    assert refused.status_code == 409
    assert "Somebody else has this time." in text
    assert "The next free times" in text
    assert Consultation.objects.count() == 1


def test_who_has_an_appointment_is_led_to_it(alice: Caller) -> None:
    booked = book(alice)
    text = browser("alice").get("/book/").content.decode()
    assert f"/care/appointments/{booked['id']}/" in text
    assert "Choose a time" not in text


def test_a_follow_up_is_offered_after_a_consultation(alice: Caller) -> None:
    booked = book(alice)
    Consultation.objects.filter(pk=booked["id"]).update(
        status="completed", arrived_at=NOW, completed_at=NOW
    )
    client = browser("alice")
    text = client.get("/book/").content.decode()
    assert "Choose a time for your follow-up" in text
    assert "Choose a time for" not in client.get("/book/?kind=initial").content.decode()
    hold(client, "2026-12-01T15:00:00Z", kind="follow_up")
    assert Reservation.objects.get(hold_kind="follow_up")


# --- the appointment's page --------------------------------------------------------------------


def act(client: Client, pk: str, do: str, **typed: Any) -> Any:
    return client.post(f"/care/appointments/{pk}/", {"do": do, **typed})


def test_somebody_elses_appointment_is_not_there_and_the_look_is_written_down(
    alice: Caller,
) -> None:
    pk = book(alice)["id"]
    eve = browser("eve")
    never = uuid4()
    for path in (f"/care/appointments/{pk}/", f"/care/appointments/{pk}/appointment.ics"):
        theirs, nobodys = eve.get(path), eve.get(path.replace(pk, str(never)))
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
    for do in ("confirm", "cancel", "move", "undo"):
        assert act(eve, pk, do, version=1, start=SLOT).status_code == 404
    denied = AccessLog.objects.filter(user_id=user_of("eve").pk, denied=True)  # type: ignore[union-attr]
    assert denied.exists()
    assert Client().get(f"/care/appointments/{pk}/").status_code == 302
    assert Consultation.objects.get().status == "booked"


def test_a_stale_page_changes_nothing(alice: Caller) -> None:
    pk, client = book(alice)["id"], browser("alice")
    for do in ("confirm", "cancel", "move"):
        for version in ("7", "", "x"):
            answer = act(client, pk, do, version=version, start="2026-12-01T15:00:00Z")
            assert answer.status_code == 412, (do, version)
    assert act(client, pk, "move", version=1, start="x").status_code == 409
    assert act(client, pk, "what").status_code == 400
    assert Consultation.objects.get().version == 1


def test_what_cannot_be_undone_any_more_says_so(alice: Caller) -> None:
    pk, client = book(alice)["id"], browser("alice")
    assert act(client, pk, "undo").status_code == 409
    act(client, pk, "cancel", version=1)
    assert "Undo" in client.get(f"/care/appointments/{pk}/").content.decode()
    # Somebody else has the time by now.
    given(SLOT)
    refused = act(client, pk, "undo")
    assert refused.status_code == 409
    assert "Somebody else has this time." in refused.content.decode()
    clock.move(clock.now() + timedelta(minutes=11))
    assert "Undo" not in client.get(f"/care/appointments/{pk}/").content.decode()
    assert act(client, pk, "undo").status_code == 409
    assert Consultation.objects.filter(status="booked").count() == 1


def test_what_the_practice_cancelled_no_patient_undoes(alice: Caller, sam: Caller) -> None:
    pk = book(alice)["id"]
    sam.post(f"consultations/{pk}/cancel/", {"channel": "telephone"})
    client = browser("alice")
    assert "Undo" not in client.get(f"/care/appointments/{pk}/").content.decode()
    assert act(client, pk, "undo").status_code == 409


def test_a_telephone_call_and_what_stands_in_the_way_are_told(alice: Caller) -> None:
    pk = book(alice)["id"]
    Physician.objects.update(join_url="")
    start = datetime.fromisoformat(SLOT)
    physician = Physician.objects.get()
    TimeOff.objects.create(physician=physician, start=start, end=start + timedelta(hours=1))
    text = browser("alice").get(f"/care/appointments/{pk}/").content.decode()
    assert "calls you at <strong>850-555-0101</strong>" in text
    assert "The physician is away at that time." in text


def test_the_calendar_file_says_when_and_nothing_about_health(alice: Caller) -> None:
    pk, client = book(alice)["id"], browser("alice")

    def event() -> Any:
        answer = client.get(f"/care/appointments/{pk}/appointment.ics")
        assert answer["Content-Type"].startswith("text/calendar")
        assert answer["Cache-Control"] == "no-store"
        text = answer.content.decode()
        assert not re.search("Chen|Dr|ketamine|consult|physician|Alice", text)
        assert "BEGIN:VTIMEZONE" not in text
        return Calendar.from_ical(text).walk("VEVENT")[0], text

    first, text = event()
    assert "DTSTART:20261130T150000Z" in text
    assert (first["SUMMARY"], first["STATUS"]) == ("Appointment", "CONFIRMED")
    act(client, pk, "move", version=1, start="2026-12-01T15:00:00Z")
    moved, text = event()
    assert "DTSTART:20261201T150000Z" in text
    act(client, pk, "cancel", version=Consultation.objects.get().version)
    gone, _ = event()
    assert gone["STATUS"] == "CANCELLED"
    assert {first["UID"], moved["UID"], gone["UID"]} == {first["UID"]}
    assert first["SEQUENCE"] < moved["SEQUENCE"] < gone["SEQUENCE"]


def test_the_pages_ask_the_same_with_one_and_with_three_appointments(alice: Caller) -> None:
    booked = [book(alice)["id"]]
    client = browser("alice")
    paths = ("/book/", f"/care/appointments/{booked[0]}/?do=move")

    def asked() -> list[int]:
        counts = []
        for path in paths:
            client.get(path)
            with Queries() as queries:
                assert client.get(path).status_code == 200
            counts.append(len(queries))
        return counts

    with_one = asked()
    for start in ("2026-12-01T15:00:00Z", "2026-12-02T15:00:00Z"):
        book(alice, start, kind="follow_up")
    assert asked() == with_one
    assert max(with_one) <= 12


# --- what two tabs, two fast taps and odd addresses do ------------------------------------------


def test_a_stale_tab_books_no_other_time_than_it_shows(now: object) -> None:
    client = browser("alice")
    hold(client)
    shown = client.session["held"]["id"]
    hold(client, "2026-12-01T15:00:00Z")
    for do in ("book", "renew", "release"):
        for stale in (shown, "", "x"):
            answer = client.post("/book/confirm/", {"do": do, "hold": stale, "state": "FL"})
            assert answer.status_code == 412
            text = answer.content.decode()
            assert "This page was not up to date any more." in text
            assert "Tuesday, December 1" in text
    assert not Consultation.objects.exists()
    assert press(client, "book", state="FL").status_code == 302
    assert Consultation.objects.get().start == datetime(2026, 12, 1, 15, tzinfo=UTC)


def test_what_is_booked_twice_leads_to_what_was_booked(alice: Caller) -> None:
    before = book(alice)
    Consultation.objects.filter(pk=before["id"]).update(
        status="completed", arrived_at=NOW, completed_at=NOW
    )
    client = browser("alice")
    hold(client, "2026-12-01T15:00:00Z", kind="follow_up")
    kept = client.session["held"]
    wish = {"do": "book", "hold": kept["id"], "state": "FL"}
    first = client.post("/book/confirm/", wish)["Location"]
    # The other request came after it, or had read the session before it.
    assert client.post("/book/confirm/", wish)["Location"] == first
    session = client.session
    session["held"] = kept
    session.save()
    assert client.post("/book/confirm/", wish)["Location"] == first
    assert "held" not in client.session
    assert Consultation.objects.filter(status="booked").count() == 1
    # Nobody is led to what is not theirs.
    assert browser("eve").post("/book/confirm/", wish)["Location"] == "/book/"
    assert Client().post("/book/confirm/", wish)["Location"] == "/book/"
    assert client.post("/book/confirm/", {**wish, "hold": "x"}).status_code == 400


def test_a_hold_stays_when_the_booking_in_another_state_is_refused(now: object) -> None:
    Licence.objects.filter(state="NJ").delete()
    client = browser("alice")
    hold(client)
    refused = press(client, "book", state="NJ", city="Newark")
    assert refused.status_code == 409
    assert "data-seconds" in refused.content.decode()
    assert Reservation.objects.get(expires_at__isnull=False)
    assert press(client, "book", state="FL").status_code == 302


def test_times_of_this_evening_are_offered_instead_of_a_lost_one(at: Any) -> None:
    at("2026-11-24T15:00:00Z")
    for weekday in range(7):
        WorkingHours.objects.create(
            physician=Physician.objects.get(), weekday=weekday, opens=time(19), closes=time(23, 30)
        )
    client = Client()
    hold(client, "2026-11-25T02:30:00Z", postal_code="32501")
    at("2026-11-25T00:10:00Z")  # ten past six in the evening of the 24th in Pensacola
    assert starts_in(client.get("/book/confirm/"))[0].startswith("2026-11-25T02:")


def test_a_hold_of_an_earlier_release_is_none(now: object) -> None:
    client = browser("alice")
    hold(client)
    kept = client.session["held"]
    for odd in ({**kept, "more": 1}, {"id": kept["id"]}, {**kept, "start": "x"}, "x", None):
        session = client.session
        session["held"] = odd
        session.save()
        assert client.get("/book/").status_code == 200, odd
        assert client.get("/book/confirm/")["Location"] == "/book/", odd


def test_a_zip_code_is_kept_clean_and_of_visitors_alone(now: object) -> None:
    visitor = Client()
    hold(visitor, postal_code=" 32501-1234 ")
    assert visitor.session["held"]["postal_code"] == "32501"
    assert press(visitor, "release")["Location"] == "/book/?postal_code=32501"
    patient = browser("alice")
    hold(patient, postal_code="&x=1")
    assert patient.session["held"]["postal_code"] == ""
    assert press(patient, "release")["Location"] == "/book/"


def test_a_time_from_a_frame_is_one_that_can_be_held(now: object) -> None:
    client = Client()
    path = "/book/time/?postal_code=32501&start="
    for query in ("", "postal_code=1", "postal_code=%00", f"start={SLOT}"):
        assert client.get(f"/book/time/?{query}")["Location"] == "/book/", query
    wrong_zone = client.get(f"{path}{SLOT}&time_zone=x")
    assert wrong_zone["Location"] == "/book/"
    for start, status in (
        ("0001-01-01T00:00:00%2B00:00", 409), ("9999-12-31T23:59:59Z", 409),
        ("2020-01-01T15:00:00Z", 422), ("2099-01-01T15:00:00Z", 422), (SLOT, 200),
    ):  # fmt: skip
        assert client.get(path + start).status_code == status, start
    assert client.post("/book/time/", {"do": "x"}).status_code == 405
    Count.objects.filter(name__startswith="look address").update(n=5000)
    assert client.post("/book/time/", {"do": "x"}).status_code == 429
    with Queries() as asked:
        assert client.get("/book/confirm/").status_code == 429
    assert len(asked) <= 2


def test_looks_of_who_has_signed_in_are_counted(alice: Caller) -> None:
    pk, client = book(alice)["id"], browser("alice")
    hold(client, "2026-12-01T15:00:00Z")
    paths = (
        "/book/", f"/book/time/?start={SLOT}", "/book/confirm/",
        f"/care/appointments/{pk}/?do=move",
    )  # fmt: skip
    for path in paths:
        Count.objects.filter(name__startswith="look user").delete()
        assert client.get(path).status_code == 200, path
        assert Count.objects.get(name__startswith="look user").n == 1, path
        Count.objects.filter(name__startswith="look user").update(n=5000)
        assert client.get(path).status_code == 429, path
    assert client.get(f"/care/appointments/{pk}/").status_code == 200


def soon(alice: Caller) -> str:
    """An appointment that begins within the time in which none is offered any more."""
    pk = str(book(alice, "2026-11-25T15:00:00Z")["id"])
    clock.move(datetime(2026, 11, 25, 14, 0, tzinfo=UTC))
    return pk


def test_what_begins_soon_can_be_undone_too(alice: Caller) -> None:
    pk, client = soon(alice), browser("alice")
    act(client, pk, "move", version=1, start="2026-12-01T15:00:00Z")
    assert act(client, pk, "undo").status_code == 302
    row = Consultation.objects.get()
    assert row.start == datetime(2026, 11, 25, 15, tzinfo=UTC)
    act(client, pk, "cancel", version=row.version)
    again = act(client, pk, "undo")
    assert again.status_code == 302
    assert Consultation.objects.get(status="booked").start == row.start
    # Whoever has not just had it is not offered it.
    act(client, again["Location"].split("/")[-2], "cancel", version=1)
    assert hold(client, "2026-11-25T15:00:00Z").status_code == 409
    # What has begun meanwhile is not gone back to.
    clock.move(datetime(2026, 11, 25, 15, 1, tzinfo=UTC))
    assert act(client, again["Location"].split("/")[-2], "undo").status_code == 409


def test_a_cancelled_appointment_comes_back_once(alice: Caller) -> None:
    before = book(alice)
    Consultation.objects.filter(pk=before["id"]).update(
        status="completed", arrived_at=NOW, completed_at=NOW
    )
    pk = book(alice, "2026-12-01T15:00:00Z", kind="follow_up")["id"]
    client = browser("alice")
    act(client, pk, "cancel", version=1)
    new = act(client, pk, "undo")["Location"].split("/")[-2]
    act(client, new, "move", version=1, start="2026-12-02T15:00:00Z")
    assert "Undo" not in client.get(f"/care/appointments/{pk}/").content.decode()
    assert act(client, pk, "undo").status_code == 409
    assert Consultation.objects.filter(status="booked").count() == 1


def test_it_can_be_moved_to_any_time_up_to_the_horizon(alice: Caller) -> None:
    pk, client = book(alice, "2026-12-29T15:00:00Z")["id"], browser("alice")
    path = f"/care/appointments/{pk}/?do=move"
    days = [start[:10] for start in starts_in(client.get(path))]
    assert days[0] == "2026-12-28"  # the Monday of its own week
    later = client.get(f"{path}&from=2027-01-11").content.decode()
    assert "2027-01-11" in later
    assert 'href="?do=move&amp;from=2026-12-28"' in later
    for day, first in (("2020-01-01", "2026-11-"), ("x", "2026-12-28"), ("", "2026-12-28")):
        assert starts_in(client.get(f"{path}&from={day}"))[0].startswith(first), day
    last = client.get(f"{path}&from=2999-01-01").content.decode()
    assert ">Earlier<" in last
    assert ">Later<" not in last
    # Full weeks say so, and lead on.
    start = datetime(2026, 12, 28, tzinfo=UTC)
    TimeOff.objects.create(
        physician=Physician.objects.get(), start=start, end=start + timedelta(days=14)
    )
    full = client.get(path).content.decode()
    assert "No free times in these two weeks" in full
    assert 'href="?do=move&amp;from=2027-01-11"' in full


def test_garbage_instead_of_a_choice_is_answered_in_plain_words() -> None:
    for form, name in ((ChoosePlan, "plan"), (ChooseWindow, "window")):
        for odd in ("x", "9" * 400, "\x00"):
            (sentence,) = form({name: odd}).errors[name]
            assert "is not there any more. Please choose another one." in str(sentence), odd
