"""Patients' pages, as patients use them: the whole way of care, and what may go wrong on it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from patients.actions import issue_confirm_token
from patients.models import SupportPerson
from records import clock
from records.models import AccessLog
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.actions import open_windows
from scheduling.deliveries.windows.models import DeliveryWindow
from scheduling.models import TreatmentSession
from tests.browser.site import key_of
from tests.care import SESSION, SIGNER, Care, care, ok, replan, to
from tests.conftest import caller, handler

NEXT = "#next"


def reader(name: str) -> Client:
    """Somebody of the cast at the pages, without a browser and so without scripts."""
    user = caller(name).user
    assert user
    client = Client()
    client.handler = handler()
    client.cookies["sessionid"] = key_of(user)
    return client


def text(answer: Any) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(client: Client, address: str, do: str, **fields: Any) -> Any:
    """As the page sends it: with the version that is shown."""
    shown = re.search(r'name="version" value="(\d+)"', client.get(address).content.decode())
    seen = {"version": shown[1]} if shown else {}
    return client.post(address, {"do": do, **seen, **fields})


def says(page: Page, what: str) -> None:
    expect(page.get_by_role("status").filter(has_text=what)).to_be_visible()


# --- the whole way -------------------------------------------------------------------------------


def test_alice_walks_from_her_approval_to_her_check_in(web: str, sit: Any) -> None:
    walk = care(caller("alice")).approved()
    page: Page = sit("alice")
    _agrees_and_chooses_a_plan(page)
    _names_who_stays(page, sit)
    walk.subscription = ok(walk.who.get("subscriptions/"))["results"][0]["id"]
    walk.prescribed()
    _chooses_a_window(page)
    _plans_a_session(page)
    walk.session = ok(walk.who.get("sessions/"))["results"][0]["id"]
    walk.delivered()
    _holds_the_session(page)
    assert TreatmentSession.objects.get().feeling == "well"


def _agrees_and_chooses_a_plan(page: Page) -> None:
    page.goto("/care/")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(page.locator(NEXT)).to_contain_text("two agreements")
    page.get_by_role("button", name="Read the two agreements").click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Accept both").click()
    says(page, "Both agreements are accepted.")
    page.goto("/care/")
    page.get_by_role("button", name="Choose a plan").click()
    page.get_by_role("radio", name="Essential $250 a month").check()
    page.get_by_role("button", name="Choose this plan").click()
    says(page, "You are on the plan Essential.")
    expect(page.get_by_text("To be paid")).to_be_visible()


def _names_who_stays(page: Page, sit: Any) -> None:
    page.goto("/care/")
    page.get_by_role("link", name="Support person").click()
    page.get_by_label("Their name").fill("Sal Friend")
    page.get_by_label("Their birthday").fill("1980-02-03")
    page.get_by_label("Their cell phone").fill("850 555 0177")
    page.get_by_role("button", name="Ask them").click()
    expect(page.get_by_text("Asked", exact=True)).to_be_visible()
    friend: Page = sit()
    friend.goto(f"/support/{issue_confirm_token(SupportPerson.objects.get())}")
    friend.get_by_role("button", name="I agree").click()
    page.reload()
    expect(page.get_by_text("Agreed", exact=True)).to_be_visible()


def _chooses_a_window(page: Page) -> None:
    open_windows(now=clock.now())
    page.goto("/care/")
    page.get_by_role("button", name="Pick a delivery time").click()
    expect(page.get_by_text("All times are Central time.")).to_be_visible()
    page.get_by_role("group", name="Thursday, December 3").get_by_role("radio").first.check()
    page.get_by_label("Who takes the parcel").fill("Sal Signer")
    page.get_by_label("Their birthday").fill("2010-02-03")
    page.get_by_role("button", name="Set this time").click()
    expect(page.get_by_role("alert")).to_contain_text("must be 21 or older on that day")
    expect(page.get_by_label("Who takes the parcel")).to_have_value("Sal Signer")
    page.get_by_label("Their birthday").fill("1980-02-03")
    page.get_by_role("button", name="Set this time").click()
    says(page, "It is set.")
    expect(page.get_by_role("heading", name="Its time is chosen")).to_be_visible()


def _plans_a_session(page: Page) -> None:
    page.goto("/care/")
    expect(page.locator(NEXT)).to_contain_text("Nothing for you to do until Thursday, December 3")
    page.get_by_role("link", name="Plan your session").click()
    page.get_by_role("button", name="Later").click()
    day = page.get_by_role("group", name="Monday, December 7")
    day.get_by_role("radio", name="9:00 AM", exact=True).check()
    page.get_by_role("button", name="Plan it").click()
    says(page, "Your session is planned.")
    expect(page.get_by_text("Dr. Chen joins you by video at the beginning.")).to_be_visible()


def _holds_the_session(page: Page) -> None:
    to(SESSION)
    clock.move(clock.now() - timedelta(minutes=10))
    page.goto("/care/")
    page.get_by_role("button", name="Do the pre-check").click()
    page.get_by_role("radio", name="Florida").check()
    page.get_by_role("radio", name="Yes").check()
    _measures(page)
    page.get_by_role("button", name="Send my numbers").click()
    says(page, "We have your numbers.")
    page.get_by_role("button", name="Start my session").click()
    says(page, "Your session has begun.")
    expect(page.get_by_text("cannot be woken")).to_be_visible()
    to(clock.now() + timedelta(hours=2))
    page.goto("/care/")
    page.get_by_role("button", name="Go to your session").click()
    _measures(page)
    page.get_by_role("button", name="My session is over").click()
    page.get_by_role("radio", name="Well", exact=True).check()
    page.get_by_role("button", name="Tell you how I feel").click()
    says(page, "Thank you for telling us.")


def _measures(page: Page) -> None:
    page.get_by_label("upper number").fill("124")
    page.get_by_label("lower number").fill("80")
    page.get_by_label("Pulse").fill("70")


# --- whose it is ---------------------------------------------------------------------------------


def test_what_is_of_somebody_else_is_nothing(prescribed: Care) -> None:
    walk = prescribed.planned()
    eve = reader("eve")
    for kind, pk in (("deliveries", walk.delivery["id"]), ("sessions", walk.session)):
        address = f"/care/{kind}/{pk}/"
        assert eve.get(address).status_code == 404
        assert post(eve, address, "cancel").status_code in (400, 404)
        denied = AccessLog.objects.filter(denied=True, object_ids__contains=[str(pk)])
        assert denied.exists()
    assert eve.get(f"/care/sessions/{walk.session}/move/").status_code == 404
    assert TreatmentSession.objects.get(pk=walk.session).status == "scheduled"


def test_who_is_new_finds_words_and_a_way_on(now: Any) -> None:
    eve = reader("eve")
    assert "Book your consultation" in text(eve.get("/care/"))
    for address, words in (
        ("/care/deliveries/", "Nothing on its way"),
        ("/care/sessions/", "No session is planned"),
        ("/care/sessions/plan/", "Not yet"),
        ("/care/plan/", "The physician decides after the consultation."),
        ("/care/support/", "Name an adult whom you trust."),
        ("/care/record/", "Nobody has looked at your record yet."),
        ("/care/settings/messages/", "Nothing yet"),
    ):
        assert words in text(eve.get(address)), address


# --- a parcel ------------------------------------------------------------------------------------


def chooses(client: Client, walk: Care, window: str, **more: str) -> Any:
    row = Delivery.objects.get(pk=walk.delivery["id"])
    typed = {"window": window, "name": SIGNER["name"], "born": SIGNER["date_of_birth"]}
    typed["version"] = str(row.version)
    return post(client, f"/care/deliveries/{row.pk}/", "choose", **{**typed, **more})


def test_what_is_refused_about_a_window_is_said_and_typed_words_stay(prescribed: Care) -> None:
    alice, window = reader("alice"), prescribed.window()
    too_young = chooses(alice, prescribed, window, born="2010-01-01")
    assert too_young.status_code == 422
    assert "must be 21 or older on that day" in text(too_young)
    assert 'value="Sal Signer"' in too_young.content.decode()
    stale = chooses(alice, prescribed, window, version="0")
    assert (stale.status_code, "has changed since you looked" in text(stale)) == (412, True)
    row = DeliveryWindow.objects.get(pk=window)
    DeliveryWindow.objects.filter(pk=window).update(taken=row.capacity)
    full = chooses(alice, prescribed, window)
    assert (full.status_code, "This window is full." in text(full)) == (409, True)
    empty = chooses(alice, prescribed, "", name="")
    assert empty.status_code == 400
    assert "Please choose a time." in text(empty)
    assert 'aria-invalid="true"' in empty.content.decode()
    assert prescribed.delivery["status"] == "awaiting_window"


def test_a_chosen_time_is_changed_until_the_cut_off_and_no_longer(prescribed: Care) -> None:
    alice = reader("alice")
    first, second = prescribed.window(), prescribed.window(index=1)
    assert chooses(alice, prescribed, first).status_code == 302
    assert chooses(alice, prescribed, second).status_code == 302
    assert prescribed.delivery["window"]["id"] == second
    to(DeliveryWindow.objects.get(pk=second).cutoff_at)
    page = text(alice.get(f"/care/deliveries/{prescribed.delivery['id']}/"))
    assert "cannot be changed here any more" in page
    assert chooses(alice, prescribed, first).status_code == 409


def test_nobody_can_take_it_so_staff_look_for_a_way(prescribed: Care) -> None:
    alice, address = reader("alice"), f"/care/deliveries/{prescribed.delivery['id']}/"
    assert post(alice, address, "nobody").status_code == 302
    assert "We look for a place" in text(alice.get(address))


@pytest.mark.parametrize(
    ("button", "status"), [("received", "delivered"), ("missing", "investigating")]
)
def test_the_patient_says_whether_it_is_there(prescribed: Care, button: str, status: str) -> None:
    prescribed.delivery_in("delivered_unverified")
    alice, address = reader("alice"), f"/care/deliveries/{prescribed.delivery['id']}/"
    page = text(alice.get(address))
    assert "Is it with you?" in page
    assert "Given to somebody else" in page
    assert post(alice, address, button).status_code == 302
    assert prescribed.delivery["status"] == status


# --- a session -----------------------------------------------------------------------------------


def test_a_pre_check_too_early_or_too_high_begins_nothing(prescribed: Care) -> None:
    walk = prescribed.delivered().planned()
    alice, address = reader("alice"), f"/care/sessions/{walk.session}/"
    numbers = {
        "state": "FL", "support_person_present": "yes", "minutes_ago": "0",
        "systolic": "170", "diastolic": "95", "pulse": "80",
    }  # fmt: skip
    early = post(alice, address, "pre_check", **numbers)
    assert early.status_code == 409
    assert "within the hour before your session" in text(early)
    to(SESSION)
    alone = post(alice, address, "pre_check", **{**numbers, "support_person_present": "no"})
    assert (alone.status_code, "has to be there" in text(alone)) == (409, True)
    away = post(alice, address, "pre_check", **{**numbers, "state": "elsewhere"})
    assert (away.status_code, "call 911" in text(away)) == (409, True)
    odd = post(alice, address, "pre_check", **{**numbers, "diastolic": "180"})
    assert (odd.status_code, "lower number is below" in text(odd)) == (400, True)
    assert post(alice, address, "pre_check", **numbers).status_code == 302
    page = text(alice.get(address))
    assert "Please do not begin." in page
    assert "Dr. Chen" in text(alice.get("/care/"))
    assert walk.shown()["status"] == "held"


def test_a_session_is_moved_and_cancelled(prescribed: Care) -> None:
    walk = prescribed.planned()
    alice, address = reader("alice"), f"/care/sessions/{walk.session}/"
    page = alice.get(f"{address}move/?from=2026-12-07")
    other = re.search(r'name="start" value="(2026-12-08[^"]+)"', page.content.decode())
    assert other
    assert post(alice, f"{address}move/", "plan", start=other[1]).status_code == 302
    assert walk.shown()["start"].startswith("2026-12-08")
    assert post(alice, f"{address}move/", "plan", start="soon").status_code == 400
    assert post(alice, address, "cancel", version="1").status_code == 412
    assert post(alice, address, "cancel").status_code == 302
    assert "Plan another session" in text(alice.get(address))


# --- plan ----------------------------------------------------------------------------------------


def test_a_plan_is_changed_paused_resumed_and_cancelled(prescribed: Care) -> None:
    alice, plans = reader("alice"), ok(prescribed.who.get("plans/"))["results"]
    mine = lambda: ok(prescribed.who.get(f"subscriptions/{prescribed.subscription}/"))  # noqa: E731
    page = text(alice.get("/care/plan/"))
    assert "nothing is sent" in page
    assert post(alice, "/care/plan/", "change", plan=plans[1]["id"]).status_code == 302
    assert mine()["plan"] == plans[1]["id"]
    past = post(alice, "/care/plan/", "pause", until="2020-01-01")
    assert (past.status_code, "Please choose a day to come." in text(past)) == (422, True)
    assert post(alice, "/care/plan/", "pause", until="2027-01-15").status_code == 302
    assert mine()["status"] == "paused"
    assert "It goes on by itself on January 15, 2027." in text(alice.get("/care/plan/"))
    assert post(alice, "/care/plan/", "resume").status_code == 302
    assert post(alice, "/care/plan/", "end").status_code == 302
    assert mine()["ends_on"] == "2026-12-30"
    assert "December 30, 2026 is the first day without a plan" in text(alice.get("/care/plan/"))
    assert post(alice, "/care/plan/", "end_now", version="1").status_code == 412
    assert post(alice, "/care/plan/", "end_now").status_code == 302
    assert "has ended" in text(alice.get("/care/plan/"))
    replan(prescribed)
    assert prescribed.delivery["status"] == "cancelled"
