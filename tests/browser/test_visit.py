"""The physician's visit: the day, an assessment, a note that is never lost, a decision, limits."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from pages.physician.forms import NoteForm
from patients.models import ClinicalHold, IdentityCheck, Patient
from records import clock
from records.models import AccessLog, Rule, Setting, WorkItem
from records.values import DEFAULTS, in_force
from scheduling.consultations.api import LONGEST_NOTE
from scheduling.consultations.models import Consultation, Decision
from scheduling.demo import answers
from scheduling.prescriptions.models import Prescription
from tests.attacks.people import dora
from tests.browser.site import Queries, key_of, user_of, violations
from tests.care import Care, care, ok, prescription, to
from tests.cast import PENSACOLA, YES, person
from tests.conftest import Caller, caller

TODAY_AT_ONE = "2026-11-24T18:00:00Z"  # 1:00 PM in New York, noon in Pensacola


def at_desk(who: str | User) -> Client:
    """Somebody at the pages, who has just signed in."""
    user = user_of(who) if isinstance(who, str) else who
    assert user
    client = Client()
    client.cookies["sessionid"] = key_of(user)
    return client


def booked(who: str = "alice", start: str = TODAY_AT_ONE, state: str = "FL") -> str:
    """A first talk with Dr. Chen; the address of its page."""
    wish = {"start": start, "kind": "initial", "location": {"state": state}}
    return f"/physician/consultations/{ok(caller(who).post('consultations/', wish))['id']}/"


def urgent(number: int = 7, **given: Any) -> str:
    """Somebody new whose answers call for a look at once; the id of the assessment."""
    body = {"person": person(number), "address": PENSACOLA, "consents": YES}
    return str(ok(Caller().post("assessments/", {**body, "answers": answers(**given)}))["id"])


def press(client: Client, address: str, do: str, **typed: Any) -> Any:
    """A button of a page that was just read: of a visit, with its version."""
    if "/consultations/" in address:
        version = Consultation.objects.get(pk=address.split("/")[3]).version
        typed = {"version": version, **typed}
    return client.post(address, {"do": do, **typed})


def arrived(client: Client, address: str) -> Consultation:
    to(TODAY_AT_ONE)
    answer = press(client, address, "arrive", state="FL")
    assert answer.status_code == 302, answer.content
    return Consultation.objects.get(pk=address.split("/")[-2])


# --- as Dr. Chen does it -------------------------------------------------------------------------


def test_a_visit_from_the_morning_to_the_prescription(sit: Callable[..., Page]) -> None:
    address = booked()
    clock.move(datetime.fromisoformat("2026-11-24T17:50:00Z"))
    page = sit("chen")
    page.goto("/physician/")
    upcoming = page.get_by_role("region", name=re.compile("Next, in"))
    expect(upcoming).to_contain_text("1:00 PM Eastern time · 12:00 PM Central time for the patient")
    expect(upcoming).to_contain_text("Alice Test, 38")
    expect(upcoming).to_contain_text("Not confirmed")
    join = upcoming.get_by_role("button", name="Join the video")
    expect(join).to_have_attribute("href", "https://video.hearth.test/chen")
    upcoming.get_by_role("button", name="Open the visit").click()

    _arrives_and_is_noted(page, sit)
    _is_identified_and_approved(page)
    patient = Patient.objects.get(email="alice@hearth.test")
    for kind in ("treatment", "safekeeping"):
        ok(caller("alice").post("me/consents/", {"kind": kind, "accepted": True}))
    page.get_by_role("button", name="Record a prescription").click()
    page.get_by_label("Days' supply of one fill").fill("30")
    page.get_by_label("Sessions that one fill is for").fill("4")
    page.get_by_label("Refills after the first fill").fill("2")
    page.get_by_label("Reference in your prescribing system").fill("RX-1")
    page.get_by_label("You looked at the state's registry").fill("2026-11-24T12:30")
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("The prescription is recorded.")).to_be_visible()
    row = Prescription.objects.get()
    assert row.registry_checked_at.isoformat() == "2026-11-24T17:30:00+00:00"
    assert Consultation.objects.get().note == "Sleeps badly.\nNo side effects."
    assert address.endswith(f"{Consultation.objects.get().pk}/")

    _is_held_and_cleared(page, patient)


def _arrives_and_is_noted(page: Page, sit: Callable[..., Page]) -> None:
    """In another state nothing begins; what is typed is saved, and of two places one is told."""
    page.get_by_label("Which state are you in now?").fill("ny")
    page.get_by_role("button", name="The patient is here").click()
    expect(page.get_by_role("alert").first).to_contain_text("may not practise where the patient is")
    expect(page.get_by_label("Which state are you in now?")).to_have_value("ny")
    page.get_by_label("Which state are you in now?").fill("fl")
    page.get_by_role("button", name="The patient is here").click()
    note, told = page.get_by_role("textbox", name="Your note"), page.locator("#note-told")
    note.press_sequentially("Sleeps badly.\nNo")
    expect(told).to_contain_text(re.compile(r"Saved \d+:\d\d [AP]M"))
    page.reload()
    expect(note).to_have_value("Sleeps badly.\nNo")
    other = page.context.new_page()
    other.goto(page.url)
    note.press("Control+End")
    note.press_sequentially(" side effects.")
    expect(told).to_contain_text(re.compile(r"Saved \d+:\d\d"))
    other.get_by_role("textbox", name="Your note").fill("From elsewhere")
    expect(other.locator("#note-told")).to_contain_text("Not saved — This has changed")
    expect(other.locator("#note-told")).to_contain_text("No side effects.")
    expect(other.get_by_role("textbox", name="Your note")).to_have_value("From elsewhere")
    assert not violations(other)
    other.close(run_before_unload=False)
    page.context.set_offline(True)
    note.press_sequentially("!")
    expect(told).to_contain_text("Not saved — there is no connection.")
    page.context.set_offline(False)
    expect(told).to_contain_text(re.compile(r"Saved \d+:\d\d"), timeout=15_000)
    note.press("Backspace")
    page.get_by_role("button", name="Complete the visit").click()
    expect(page.get_by_role("heading", name="Your decision")).to_be_visible()


def _is_identified_and_approved(page: Page) -> None:
    approve = page.get_by_role("radio", name="Approve")
    expect(page.locator("#follows-approved")).to_contain_text("photo ID")
    approve.check()
    page.get_by_role("button", name="Write down this decision").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(approve).to_be_checked()
    page.get_by_text("Write down a photo ID").click()
    page.get_by_label("Last four letters or digits").fill("12a4")
    page.get_by_role("button", name="It is this person").click()
    steps = page.locator("#follows-approved").get_by_role("listitem")
    expect(steps).to_have_text(
        [
            "The patient accepts the two agreements.",
            "The patient chooses a plan.",
            "The patient pays the month; staff mark it as paid, and a delivery is planned at once.",
            "You record the prescription that you write in your own system.",
            "The patient chooses when the delivery comes, and who takes it.",
            "The patient plans the first session at home, with an adult who stays.",
        ]
    )
    expect(page.locator("#follows-declined")).to_contain_text("not right for you")
    page.get_by_role("radio", name="Approve").check()
    page.get_by_label("Why, for the record").fill("Fits.")
    page.get_by_role("button", name="Write down this decision").click()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert Decision.objects.get().note == "Fits."


def _is_held_and_cleared(page: Page, patient: Patient) -> None:
    page.goto(f"/physician/patients/{patient.pk}/")
    page.get_by_text("Put treatment on hold").click()
    page.get_by_label("Why treatment has to wait").fill("Waits for a letter.")
    page.get_by_role("button", name="Put on hold").click()
    page.get_by_role("link", name="Chain of care").click()
    expect(page.get_by_text("A clinical hold is open").first).to_be_visible()
    page.get_by_role("link", name="Record", exact=True).click()
    page.get_by_label("Why treatment may go on").fill("It came.")
    page.get_by_role("button", name="Clear this hold").click()
    expect(page.get_by_text("The hold is cleared")).to_be_visible()
    assert ClinicalHold.objects.get().note == "Waits for a letter.\nIt came."


# --- the day -------------------------------------------------------------------------------------


def test_what_is_urgent_comes_first_and_is_claimed_and_closed(now: datetime) -> None:
    calm, crisis = urgent(6, sud="yes"), urgent(7, suic="plan_or_intent")
    booked()
    client = at_desk("chen")
    text = client.get("/physician/").content.decode()
    assert text.index(crisis) < text.index(calm) < text.index("Alice Test")
    item = WorkItem.objects.get(object_id=crisis)
    press(client, "/physician/", "claim", item=item.pk)
    item.refresh_from_db()
    assert item.claimed_by == user_of("chen")
    unsaid = press(client, "/physician/", "close", item=item.pk, note="")
    assert (unsaid.status_code, "Say in a few words" in unsaid.content.decode()) == (400, True)
    assert press(client, "/physician/", "close", item=item.pk, note="Called.").status_code == 302
    item.refresh_from_db()
    assert (item.status, item.note) == ("closed", "Called.")
    again = press(client, "/physician/", "close", item=item.pk, note="Twice.")
    assert (again.status_code, "done already" in again.content.decode()) == (409, True)
    assert f"/physician/assessments/{crisis}/" in again.content.decode()
    assert press(client, "/physician/", "claim", item="x").status_code == 404
    assert press(client, "/physician/", "dance").status_code == 400


def test_an_empty_day_and_a_day_of_three(now: datetime) -> None:
    client = at_desk("chen")
    assert "Nothing is planned today" in client.get("/physician/").content.decode()
    counts = []
    for who, start, state in (
        ("alice", "2026-11-24T18:00:00Z", "FL"),
        ("bruno", "2026-11-24T19:00:00Z", "NJ"),
        ("eve", "2026-11-24T20:30:00Z", "NJ"),
    ):
        booked(who, start, state)
        with Queries() as asked:
            text = client.get("/physician/").content.decode()
        counts.append(len(asked))
    assert counts[0] == counts[2] <= 12
    assert [text.count(f"{name} Test") > 0 for name in ("Alice", "Bruno", "Eve")] == [True] * 3
    assert "60 minutes free" in text
    seen = AccessLog.objects.filter(door="physician/").latest("pk")
    named = Patient.objects.filter(email__in=("alice@hearth.test", "bruno@hearth.test"))
    assert {str(row.pk) for row in named} <= set(seen.patient_ids)


# --- assessments ---------------------------------------------------------------------------------


def test_an_assessment_shows_flags_first_and_whom_to_call(now: datetime) -> None:
    crisis = urgent(7, suic="plan_or_intent", htn="yes", note="I <b>cannot</b> sleep")
    client = at_desk("chen")
    queue = client.get("/physician/assessments/").content.decode()
    assert queue.index("Nora New7") < queue.index("Alice Test")
    text = client.get(f"/physician/assessments/{crisis}/").content.decode()
    assert "Call this person" in text
    assert "+13525550107" in text
    assert text.index("Thoughts of suicide") < text.index("High blood pressure")
    assert text.index("High blood pressure") < text.index("What would you like help with?")
    assert "plan or intent" in text
    assert "I &lt;b&gt;cannot&lt;/b&gt; sleep" in text
    seen = AccessLog.objects.filter(door="physician/assessments/<uuid:pk>/").get()
    assert seen.object_ids == [crisis]
    with Queries() as one:
        client.get("/physician/assessments/")
    for number in (8, 9):
        urgent(number, sud="yes")
    with Queries() as three:
        client.get("/physician/assessments/")
    assert len(one) == len(three) <= 12


def test_the_queue_goes_on_after_the_last_that_was_shown(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.physician.assessments.A_PAGE", 1)
    for number in (7, 8):
        urgent(number, suic="plan_or_intent")
    client, seen, after = at_desk("chen"), [], ""
    for _ in range(3):
        page = client.get(f"/physician/assessments/?{after}").content.decode()
        seen += [name for name in ("Nora New7", "Nora New8", "Alice Test") if name in page]
        after = page.partition('href="?after=')[2].partition('"')[0]
        after = f"after={after}" if after else ""
    assert seen == ["Nora New7", "Nora New8", "Alice Test"]
    assert client.get("/physician/assessments/?after=4_x").status_code == 200


# --- who may --------------------------------------------------------------------------------------


def test_another_physicians_patient_is_not_there_and_staff_may_not(now: datetime) -> None:
    address = booked()
    patient = Patient.objects.get(email="alice@hearth.test")
    stranger = dora().user
    assert stranger
    pages = [address] + [
        f"/physician/patients/{patient.pk}/{part}" for part in ("", "chain/", "prescriptions/")
    ]
    pages.append(f"/physician/assessments/{patient.assessments.get().pk}/")
    client, staff = at_desk(stranger), at_desk("sam")
    for page in pages:
        assert client.get(page).status_code == 404, page
        assert AccessLog.objects.latest("pk").denied, page
        assert staff.get(page).status_code == 403, page
    for do in ("arrive", "note", "complete", "no_show", "decide", "correct", "identify"):
        typed = {"state": "FL", "outcome": "declined", "reason": "r", "last4": "1234"}
        typed |= {"document": "passport", "note": "mine"}
        assert press(client, address, do, **typed).status_code == 404, do
    assert press(client, pages[1], "hold", note="n").status_code == 404
    assert "Alice Test" not in client.get("/physician/patients/?search=Alice").content.decode()
    row = Consultation.objects.get()
    assert (row.status, row.version, IdentityCheck.objects.count()) == ("booked", 1, 0)


def test_who_shares_the_care_reads_the_note_and_cannot_write_it(now: datetime) -> None:
    from patients.models import CareRelationship

    address = booked()
    row = arrived(at_desk("chen"), address)
    stranger = dora().user
    assert stranger
    CareRelationship.objects.create(patient=row.patient, physician=stranger, since=now)
    client = at_desk(stranger)
    assert "Dr. Chen's" in client.get(address).content.decode()
    answer = press(client, address, "note", note="mine", version=row.version)
    assert answer.status_code == 403
    row.refresh_from_db()
    assert row.note == ""


# --- the note -------------------------------------------------------------------------------------


def test_without_a_script_a_button_saves_and_a_stale_note_is_not_lost(now: datetime) -> None:
    client, address = at_desk("chen"), booked()
    early = press(client, address, "note", note="too early")
    assert (early.status_code, "not arrived" in early.content.decode()) == (409, True)
    row = arrived(client, address)
    saved = press(client, address, "note", note="One.\r\n  Two.", version=row.version)
    assert saved.status_code == 302
    row.refresh_from_db()
    assert row.note == "One.\n  Two."
    stale = press(client, address, "note", note="Mine instead.", version=row.version - 1)
    text = stale.content.decode()
    assert stale.status_code == 412
    assert "This has changed since you looked" in text
    assert "Mine instead.</textarea>" in text
    assert "What is saved now" in text
    assert f'name="version" value="{row.version}"' in text
    long = press(client, address, "complete", note="x" * 20_001, version=row.version)
    assert (long.status_code, "x" * 20_001 in long.content.decode()) == (400, True)
    press(client, address, "complete", note="Done.", version=row.version)
    after = press(client, address, "note", note="Changed later.")
    assert (after.status_code, "taken place already" in after.content.decode()) == (409, True)
    row.refresh_from_db()
    assert (row.status, row.note) == ("completed", "Done.")


def test_the_door_of_the_api_keeps_a_note_and_completing_leaves_it(now: datetime) -> None:
    address = booked()
    row = arrived(at_desk("chen"), address)
    door, chen = f"consultations/{row.pk}/", caller("chen")
    kept = chen.post(f"{door}note/", {"note": "so far"}, If_Match=f'"{row.version}"')
    assert ok(kept)["note"] == "so far"
    stale = chen.post(f"{door}note/", {"note": "other"}, If_Match=f'"{row.version}"')
    assert stale.status_code == 412
    same = chen.post(f"{door}note/", {"note": "so far"})
    assert same["ETag"] == kept["ETag"]
    assert caller("sam").post(f"{door}note/", {"note": "x"}).status_code == 403
    ok(chen.post(f"{door}complete/", {}))
    assert ok(chen.get(door))["note"] == "so far"


def test_what_was_recorded_wrongly_is_put_back_with_a_reason(now: datetime) -> None:
    client, address = at_desk("chen"), booked()
    row = arrived(client, address)
    without = press(client, address, "correct", reason="", version=row.version)
    assert without.status_code == 400
    press(client, address, "correct", reason="It was somebody else.", version=row.version)
    row.refresh_from_db()
    assert row.status == "booked"
    early = press(client, address, "no_show", version=row.version)
    assert (early.status_code, "wait a little longer" in early.content.decode()) == (409, True)


# --- prescriptions --------------------------------------------------------------------------------


@pytest.fixture
def approved(now: datetime) -> Care:
    return care(caller("alice")).approved()


def typed_prescription(walk: Care, **more: Any) -> dict[str, Any]:
    given = prescription(walk.id)
    given.pop("patient")
    return {**given, "registry_checked_at": f"{clock.now():%Y-%m-%d}T08:00", **more}


def test_a_prescription_is_refused_with_its_sentences(approved: Care) -> None:
    client, address = at_desk("chen"), f"/physician/patients/{approved.id}/prescriptions/"
    answer = press(client, address, "record", **typed_prescription(approved, sessions=17))
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "accept the two agreements" in text
    assert 'value="17"' in text
    approved.agreed()
    Rule.objects.all().delete()
    no_law = press(client, address, "record", **typed_prescription(approved))
    assert "No rule in force allows this prescription" in no_law.content.decode()
    bad = press(client, address, "record", **typed_prescription(approved, refills=6, use_by="x"))
    assert bad.status_code == 400
    assert not Prescription.objects.exists()


def test_a_prescription_is_ended(approved: Care) -> None:
    approved.agreed()
    client, address = at_desk("chen"), f"/physician/patients/{approved.id}/prescriptions/"
    recorded = press(client, address, "record", **typed_prescription(approved))
    assert recorded.status_code == 302, recorded.content
    row = Prescription.objects.get()
    assert press(client, address, "end", prescription="x").status_code == 404
    assert press(client, address, "end", prescription=row.pk).status_code == 302
    row.refresh_from_db()
    assert row.ended_at


# --- patients and numbers -------------------------------------------------------------------------


def test_a_patient_is_found_and_shown_with_readings(prescribed: Care) -> None:
    prescribed.completed()
    client = at_desk("chen")
    for words in ("ali tes", "850-555-0101", "1988-04-12"):
        found = client.get("/physician/patients/", {"search": words}).content.decode()
        assert "Alice Test" in found, words
    wrong = client.get("/physician/patients/", {"search": "2026-13-45"})
    assert (wrong.status_code, "There is no such day." in wrong.content.decode()) == (200, True)
    text = client.get(f"/physician/patients/{prescribed.id}/").content.decode()
    assert "Before: 120/80, pulse 70" in text
    chain = client.get(f"/physician/patients/{prescribed.id}/chain/").content.decode()
    assert "Tell us how you feel." in chain
    doors = AccessLog.objects.filter(patient_ids__contains=[prescribed.id]).values("door")
    assert {"door": "physician/patients/<uuid:pk>/chain/"} in doors


def test_numbers_are_named_changed_within_bounds_and_rules_added(now: datetime) -> None:
    from pages.physician.settings import NAMED

    assert {key for its in NAMED.values() for key in its} == set(DEFAULTS)
    client, address = at_desk("chen"), "/physician/settings/"
    over = press(client, address, "change", key="limit_systolic", value="181")
    assert (over.status_code, "from 100 to 180" in over.content.decode()) == (400, True)
    assert press(client, address, "change", key="secret_key", value="1").status_code == 400
    assert press(client, address, "change", key="limit_systolic", value="150").status_code == 302
    assert in_force(clock.now())["limit_systolic"] == 150
    assert "it came as 140" in client.get(address).content.decode()
    rule = {"code": "NEXT", "state": "US", "valid_from": "2027-01-01", "text": "t", "source": "s"}
    backwards = press(client, address, "rule", **rule, valid_to="2026-01-01")
    assert (backwards.status_code, "on or after" in backwards.content.decode()) == (400, True)
    assert press(client, address, "rule", **rule).status_code == 302
    twice = press(client, address, "rule", **rule)
    assert (twice.status_code, "starts on that day" in twice.content.decode()) == (409, True)
    assert (Rule.objects.filter(code="NEXT").count(), Setting.objects.count()) == (1, 1)
    assert at_desk("sam").get(address).status_code == 403


def test_an_amendment_is_answered_once_where_the_physician_reads_it(
    alice: Caller, chen: Caller
) -> None:
    client, page = at_desk("chen"), booked()
    patient = Patient.objects.get(user=alice.user)
    address = f"/physician/patients/{patient.pk}/amendments/"
    assert "Nothing was asked for" in client.get(address).content.decode()
    asked = ok(alice.post("me/amendments/", {"about": None, "text": "I never smoked."}))["id"]
    seen = client.get(address).content.decode()
    assert "I never smoked." in seen
    assert AccessLog.objects.filter(object_kind="amendment", object_ids__contains=[asked]).exists()
    kept = press(client, address, "answer", amendment=asked, accepted="no")
    assert (kept.status_code, b"This field is required" in kept.content) == (400, True)
    said = {"amendment": asked, "accepted": "yes", "text": "It is added."}
    assert press(client, address, "answer", **said).status_code == 302
    assert "It is added." in client.get(address).content.decode()
    assert press(client, address, "answer", **said).status_code == 409
    assert alice.get("me/amendments/").json()["results"][0]["answer"]["accepted"] is True
    for wrong in ("", "x", "01890a5d-ac96-774b-bcce-b302099a8057"):
        assert press(client, address, "answer", **{**said, "amendment": wrong}).status_code in (
            400, 404,
        )  # fmt: skip
    assert client.get(page).status_code == 200


def test_what_nobody_was_shown_is_stale(now: Any) -> None:
    """Without the version that was seen, nothing of a visit is changed."""
    chen, address = at_desk("chen"), booked()
    row = arrived(chen, address)
    for do, typed in (
        ("note", {"note": "x"}), ("over", {"note": "x"}), ("complete", {"note": "x"}),
        ("correct", {"reason": "x"}), ("no_show", {}), ("over", {"note": "x", "newer": "zz"}),
    ):  # fmt: skip
        assert chen.post(address, {"do": do, **typed}).status_code == 412, do
    row.refresh_from_db()
    assert (row.note, row.status) == ("", "arrived")


def test_a_note_is_as_long_however_its_lines_end() -> None:
    text = ("x" * 9 + "\r\n") * (LONGEST_NOTE // 10)
    assert len(text) > LONGEST_NOTE
    form = NoteForm({"note": text, "version": "1"})
    assert form.is_valid()
    assert form.cleaned_data["note"] == text.replace("\r\n", "\n")
    assert not NoteForm({"note": text + "x", "version": "1"}).is_valid()


def test_patience_is_that_of_the_practice(now: Any) -> None:
    chen, address = at_desk("chen"), booked()
    Setting.objects.create(
        key="consultation_no_show_after",
        value=25,
        valid_from=now,
        changed_by=User.objects.get(email="sam@hearth.test"),
    )
    assert "Give them 25 minutes" in chen.get(address).content.decode()
