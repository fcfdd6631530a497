"""What patients set, ask for and look up: settings, contacts, address, agreements, record."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from notifications.models import Message
from patients.models import Consent, Patient, SupportPerson
from records import clock
from records.actor import sweep
from rights import making
from rights.models import Amendment, Export
from scheduling.deliveries.models import Delivery
from scheduling.models import TreatmentSession
from tests.browser.site import Queries, key_of
from tests.browser.test_care import post, reader, says, text
from tests.care import Care, care, ok, to
from tests.cast import ALBANY, CAST, PENSACOLA
from tests.conftest import caller
from tests.signing import last_code, shift

MOST = 12


def alices() -> Patient:
    return Patient.objects.select_related("address").get(user__name="Alice Test")


def long_ago(client: Client) -> None:
    """They showed who they are, but not in the last minutes."""
    seat: Any = SimpleNamespace(token="", client=client)
    shift(seat, shown=600)


# --- address -------------------------------------------------------------------------------------


def test_who_moves_to_new_york_is_told_what_follows_before(web: str, sit: Any) -> None:
    care(caller("alice")).paid()
    page: Page = sit("alice")
    page.goto("/care/settings/")
    page.get_by_role("link", name="Change the address").click()
    page.get_by_role("radio", name="I move, or have moved").check()
    for label, typed in (
        ("Street address", ALBANY["line1"]), ("City", ALBANY["city"]), ("State", "New York"),
        ("ZIP code", ALBANY["postal_code"]),
    ):  # fmt: skip
        page.get_by_label(label).fill(typed)
    page.get_by_role("button", name="See what follows").click()
    expect(page.get_by_text("we only treat people at home in Florida")).to_be_visible()
    expect(page.get_by_text("Your plan ends with the month that is paid.")).to_be_visible()
    kept = alices().address
    assert kept
    assert kept.city == "Pensacola"
    page.get_by_role("button", name="Save this address").click()
    says(page, "Your address is saved.")
    page.get_by_role("link", name="My care").click()
    expect(page.locator("#next")).to_contain_text("only treat at addresses in Florida")


def test_an_address_that_no_parcel_reaches_is_refused_before_anything_is_kept(now: Any) -> None:
    alice = reader("alice")
    typed = {**PENSACOLA, "kind": "correction", "version": str(alices().version)}
    for wrong, status, words in (
        ({"line1": "PO Box 12"}, 422, "street address"),
        ({"postal_code": "1"}, 400, "five digits"),
        ({"state": "NJ"}, 422, "belongs to another state"),
        ({"kind": ""}, 400, "This field is required."),
    ):
        for button in ("look", "keep"):
            answer = post(alice, "/care/settings/address/", button, **{**typed, **wrong})
            assert (answer.status_code, words in text(answer)) == (status, True), (wrong, button)
    same = post(alice, "/care/settings/address/", "look", **{**typed, "line2": "Apt 4"})
    assert "Nothing else changes." in text(same)
    stale = post(alice, "/care/settings/address/", "keep", **{**typed, "version": "0"})
    assert stale.status_code == 412
    unseen = post(alice, "/care/settings/address/", "keep", **{**typed, "version": "x"})
    assert unseen.status_code == 412
    kept = post(alice, "/care/settings/address/", "keep", **{**typed, "line2": "Apt 4"})
    assert kept.status_code == 302
    assert alices().address.line2 == "Apt 4"  # type: ignore[union-attr]
    far = {**PENSACOLA, "line1": "8 Main St", "city": "Wewahitchka", "postal_code": "32465"}
    far["version"] = str(alices().version)
    unsure = post(alice, "/care/settings/address/", "keep", **far, kind="move")
    assert (unsure.status_code, "two time zones" in text(unsure)) == (422, True)
    sure = {**far, "kind": "move", "time_zone": "America/New_York"}
    assert "Eastern time" in text(post(alice, "/care/settings/address/", "look", **sure))
    assert post(alice, "/care/settings/address/", "keep", **sure).status_code == 302
    assert alices().time_zone == "America/New_York"


# --- contacts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "new", "field"),
    [("phone", "850 555 0188", "phone"), ("email", "alice@new.example.org", "email")],
)
def test_another_contact_is_proven_by_its_code(now: Any, page: str, new: str, field: str) -> None:
    alice, address = reader("alice"), f"/care/settings/{page}/"
    elsewhere = reader("alice")
    long_ago(alice)
    for answer in (alice.get(address), post(alice, address, "send", new=new)):
        assert answer.status_code == 302
        assert "reauthenticate" in answer["Location"]
    alice = reader("alice")
    assert post(alice, address, "send", new="1").status_code in (400, 422)
    assert post(alice, address, "send", new=new).status_code == 302
    assert "Code" in text(alice.get(f"{address}?sent=1"))
    wrong = post(alice, address, "confirm", code="nope")
    assert (wrong.status_code, "This code is wrong" in text(wrong)) == (400, True)
    assert post(alice, address, "confirm", code=last_code()).status_code == 302
    assert new[-4:] in str(getattr(alices(), field))
    assert alice.get("/care/settings/").status_code == 200
    assert elsewhere.get("/care/settings/").status_code == 302


def test_codes_are_sent_so_often_and_no_more(now: Any) -> None:
    alice = reader("alice")
    asked = [
        post(alice, "/care/settings/phone/", "send", new="850 555 0188").status_code
        for _ in range(6)
    ]
    assert asked == [302] * 5 + [429]


# --- settings ------------------------------------------------------------------------------------


def test_name_hours_and_texts_are_set(now: Any) -> None:
    alice, address = reader("alice"), "/care/settings/"
    assert post(alice, address, "name", first_name="Alicia", last_name="Test").status_code == 302
    short = post(alice, address, "hours", text_from="10:00", text_until="11:00")
    assert (short.status_code, "Leave two hours" in text(short)) == (400, True)
    assert post(alice, address, "hours", text_from="10:00", text_until="18:00").status_code == 302
    assert post(alice, address, "texts_off").status_code == 302
    row = alices()
    assert (row.first_name, row.text_from.hour, row.text_until.hour) == ("Alicia", 10, 18)
    assert not Consent.objects.filter(patient=row, kind="sms").latest("pk").accepted
    page = text(alice.get(address))
    assert "Turn texts on" in page
    assert post(alice, address, "texts_on").status_code == 302
    assert Consent.objects.filter(patient=row, kind="sms").latest("pk").accepted
    stale = post(alice, address, "name", first_name="A", last_name="B", version="1")
    assert stale.status_code == 412
    assert alice.post(address, {"do": "nothing"}).status_code == 400


def test_agreements_are_accepted_together_and_taken_back_one_by_one(now: Any) -> None:
    alice, address = reader("alice"), "/care/agreements/"
    one = post(alice, address, "accept", treatment="on")
    assert (one.status_code, "This field is required." in text(one)) == (400, True)
    assert post(alice, address, "accept", treatment="on", safekeeping="on").status_code == 302
    assert "You accepted the two agreements" in text(alice.get(address))
    assert post(alice, address, "answer", kind="treatment", accepted="no").status_code == 302
    assert "Please read these two." in text(alice.get(address))
    assert post(alice, address, "answer", kind="everything", accepted="yes").status_code == 400
    kinds = Consent.objects.filter(patient=alices(), accepted=False).values_list("kind", flat=True)
    assert list(kinds) == ["treatment"]


def test_a_support_person_is_an_adult_whom_we_can_text(now: Any) -> None:
    alice, address = reader("alice"), "/care/support/"
    named = {"name": "Sal", "born": "1980-02-03", "phone": "850 555 0177"}
    young = post(alice, address, "name", **{**named, "born": "2015-01-01"})
    assert (young.status_code, "18 or older" in text(young)) == (422, True)
    assert post(alice, address, "name", **{**named, "phone": "12"}).status_code == 422
    assert post(alice, address, "name", **{**named, "name": ""}).status_code == 400
    assert post(alice, address, "name", **named).status_code == 302
    assert "Please remind them of the link" in text(alice.get(address))
    to(clock.now() + timedelta(days=15))
    assert "does not work any more" in text(alice.get(address))


# --- record --------------------------------------------------------------------------------------


def test_a_copy_is_asked_for_by_who_has_just_shown_who_they_are(web: str, sit: Any) -> None:
    page: Page = sit("alice")
    page.goto("/care/record/")
    stale = Client()
    stale.cookies["sessionid"] = page.context.cookies()[0]["value"]
    long_ago(stale)
    page.get_by_role("button", name="Ask for a copy").click()
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code").fill(last_code())
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("radio", name="JSON, for another program").check()
    page.get_by_role("button", name="Make my copy").click()
    says(page, "We make your copy now.")
    expect(page.get_by_text("Being made")).to_be_visible()
    making.make_exports(by=sweep(), now=clock.now())
    page.reload()
    with page.expect_download() as got:
        page.get_by_role("button", name="Download").click()
    assert got.value.suggested_filename == "health-record.json"


def test_a_copy_of_somebody_else_is_nothing(now: Any) -> None:
    export = Export.objects.create(patient=alices(), format="json", asked_at=now)
    assert post(reader("eve"), "/care/record/", "open", copy=export.pk).status_code == 404
    alice = reader("alice")
    too_soon = post(alice, "/care/record/", "open", copy=export.pk)  # it is not made yet
    assert too_soon["Location"] == "/care/record/"
    assert "not there any more" in text(alice.get("/care/record/"))


def test_who_looked_and_what_is_to_be_put_right(prescribed: Care) -> None:
    alice = reader("alice")
    page = text(alice.get("/care/record/"))
    assert "Sam" in page
    assert "looked at your plan" in page
    assert post(alice, "/care/record/amendments/", "ask", text="").status_code == 400
    wish = "My birthday is <b>wrong</b>."
    assert post(alice, "/care/record/amendments/", "ask", text=wish).status_code == 302
    assert "&lt;b&gt;wrong" in alice.get("/care/record/amendments/").content.decode()
    row = Amendment.objects.get()
    said = {"accepted": True, "text": "You are right."}
    ok(prescribed.chen.post(f"amendments/{row.pk}/answer/", said))
    assert "You are right." in text(alice.get("/care/record/amendments/"))


# --- how much is asked of the database -----------------------------------------------------------


def queries(client: Client, address: str) -> int:
    client.get(address)
    with Queries() as asked:
        assert client.get(address).status_code == 200
    return len(asked)


LISTS = (
    "/care/", "/care/sessions/", "/care/deliveries/", "/care/support/", "/care/record/",
    "/care/record/amendments/", "/care/settings/messages/", "/care/agreements/", "/care/plan/",
)  # fmt: skip


def test_no_page_asks_more_for_three_than_for_one(prescribed: Care) -> None:
    prescribed.scheduled().planned()
    alice = reader("alice")
    _one_more(0)
    one = {address: queries(alice, address) for address in LISTS}
    _one_more(1)
    _one_more(2)
    assert {address: queries(alice, address) for address in LISTS} == one
    assert max(one.values()) <= MOST, one


def _one_more(number: int) -> None:
    """One more of each row that the lists show."""
    me, at = alices(), clock.now()
    parcel = Delivery.objects.filter(patient=me).earliest("pk")
    Delivery.objects.create(
        reference=f"D-{number}", patient=me, period=parcel.period, number=5 + number,
        status="cancelled", created_at=at, choose_by=at,
    )  # fmt: skip
    TreatmentSession.objects.create(
        patient=me, start=at, end=at + timedelta(hours=2), status="cancelled", planned_at=at
    )
    SupportPerson.objects.create(
        patient=me, name="Sal", date_of_birth="1980-01-01", phone="+18505550177", named_at=at
    )
    Amendment.objects.create(patient=me, text="x", asked_at=at)
    Message.objects.create(
        key=f"k{number}", kind="confirmation", channel="sms", patient=me, to="+18505550101",
        about_kind="consultation", about_id=me.pk, cause=me.pk, wanted_at=at, due_at=at,
        not_after=at, status="delivered", history=[{"at": at.isoformat(), "status": "delivered"}],
    )  # fmt: skip
    ok(caller("sam").get(f"patients/{me.pk}/"))


def test_a_long_list_goes_on_where_it_ended(now: Any) -> None:
    me = alices()
    SupportPerson.objects.bulk_create(
        SupportPerson(
            patient=me, name=f"Sal{n}", date_of_birth="1980-01-01", phone="+18505550177",
            named_at=clock.now(),
        )
        for n in range(25)
    )  # fmt: skip
    alice = reader("alice")
    first = alice.get("/care/support/").content.decode()
    more = re.search(r'href="(\?before=[^"]+)"', first)
    assert more
    assert "Sal5<" in first
    assert "Sal4<" not in first
    rest = text(alice.get(f"/care/support/{more[1]}"))
    assert "Sal4" in rest
    assert "Sal0" in rest
    assert alice.get("/care/support/?before=x").status_code == 200


def test_key_of_somebody_signed_out_opens_nothing(now: Any) -> None:
    user = User.objects.get(email=CAST["alice"])
    client = Client()
    client.cookies["sessionid"] = key_of(user)
    user.is_active = False
    user.save()
    assert client.get("/care/settings/").status_code == 302
