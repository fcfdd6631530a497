"""Staff at the desk: a caller from creation to booked, gates, texts, work."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from notifications.incoming import hear_text
from notifications.models import InboundMessage, Message, OptOut, Pause
from pages.staff.gates import OF_CODE
from patients.models import Assessment, Consent, IdentityCheck, Patient
from patients.questionnaire import CRISIS_TEXT, QUESTIONS
from records import brake, clock, limits
from records.events import raise_work_item
from records.ids import uuid7
from records.models import AccessLog, Brake, Event, WorkItem
from scheduling.management.commands.gates_table import every_gate
from scheduling.models import BillingPeriod, Consultation, Delivery, Subscription
from tests.browser.site import Queries, key_of
from tests.care import CALM, Care, care, to
from tests.cast import ALBANY, CAST, PENSACOLA, person
from tests.conftest import Caller, caller
from tests.texting import ALICE, message

CALL = {"channel": "telephone"}
ANSWERS = {q.key: q.options[0] for q in QUESTIONS if q.required and q.type == "choice"}
ANSWERS |= {"reason": "depression", "meds": "none"}
NORA = {**person(1), **PENSACOLA, **CALL, "privacy": "on", "telehealth": "on", "sms": "on"}


def at_desk(name: str = "sam") -> Client:
    client = Client()
    client.cookies["sessionid"] = key_of(User.objects.get(email=CAST[name]))
    return client


@pytest.fixture
def desk(now: Any) -> Client:
    return at_desk()


def alice() -> Patient:
    return Patient.objects.get(email=CAST["alice"])


def of(part: str = "", who: Patient | None = None) -> str:
    return f"/staff/patients/{(who or alice()).pk}/{part}"


def does(client: Client, address: str, do: str, **sent: Any) -> Any:
    return client.post(address, {"do": do, **sent})


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def said(kind: str) -> tuple[str, str]:
    event = Event.objects.filter(kind=kind).latest("pk")
    return event.role, event.channel


# --- stories, in a browser ------------------------------------------------------------------------


def test_sam_takes_a_call_from_creation_to_booked(sit: Callable[..., Page]) -> None:
    page = sit("sam")
    page.goto("/staff/patients/")
    page.get_by_role("button", name="New caller").click()
    page.get_by_label("ZIP code").fill("32501")
    page.get_by_label("Street and number").fill("9 Bay St")
    page.get_by_label("City").fill("Pensacola")
    page.get_by_label("First name").fill("Nora")
    page.get_by_label("Last name").fill("New")
    page.get_by_label("Date of birth").fill("1990-05-17")
    page.get_by_label("Mobile phone").fill("850 555 0166")
    page.get_by_label("They accept the privacy notice").check()
    page.get_by_label("They agree to talk").check()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_text("They are in our records.")).to_be_visible()

    for question in QUESTIONS:
        if question.required and question.type == "choice":
            page.locator(f"input[name={question.key}]").first.check()
    crisis = page.get_by_text("Suicide & Crisis Lifeline")
    expect(crisis).to_be_hidden()
    page.get_by_label("Yes, with a plan or the intent").check()
    expect(crisis).to_be_visible()
    page.locator("input[name=suic]").first.check()
    page.get_by_label("Depression").check()
    page.get_by_label("None").check()
    page.get_by_label("They accept the privacy notice").check()
    page.get_by_label("They agree to talk").check()
    page.get_by_role("button", name="Send the assessment").click()
    expect(page.get_by_text("A physician will review your answers.")).to_be_visible()

    page.get_by_role("link", name="Mon, Nov 30").click()
    page.get_by_role("radio", name="9:00 AM").check()
    page.get_by_role("button", name="Book this time").click()
    reference = Consultation.objects.get(patient__last_name="New").reference
    read_back = page.locator(".say")
    expect(read_back).to_contain_text("Monday, November 30, at 9:00 AM Central time")
    expect(read_back).to_contain_text(reference)
    expect(page.get_by_text("10:00 AM Eastern")).to_be_visible()

    page.goto("/staff/patients/")
    page.get_by_label("Search").fill(reference.lower())
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="New, Nora").click()
    expect(page.get_by_text("Central time").first).to_be_visible()
    page.goto("/staff/patients/?search=850-555-0166")
    expect(page.get_by_role("list", name="Patients found").get_by_role("listitem")).to_have_count(1)


def test_sam_clears_gates_from_the_timeline(sit: Callable[..., Page]) -> None:
    walk = care(caller("alice")).approved()
    page = sit("sam")
    page.goto(of())
    page.get_by_role("button", name="Record consents").first.click()
    page.get_by_label("Treatment at home").select_option("yes")
    page.get_by_label("Keeping the medication safe").select_option("yes")
    page.get_by_role("button", name="Record consents").click()
    expect(page.get_by_text("What they said is recorded.")).to_be_visible()

    page.get_by_role("link", name="Where they stand").click()
    page.get_by_role("button", name="Choose a plan").first.click()
    page.get_by_role("radio", name="Essential").check()
    page.get_by_role("button", name="Subscribe them").click()
    page.get_by_label("Reference of the payment").fill("INV-77")
    page.get_by_role("button", name="Mark the month paid").click()
    expect(page.get_by_text("Month 1 is paid.")).to_be_visible()
    assert BillingPeriod.objects.get().paid_reference == "INV-77"

    walk.window()
    page.get_by_role("link", name="Where they stand").click()
    page.get_by_role("button", name="Choose a window").first.click()
    group = page.get_by_role("group", name="Thu, Dec 3")
    group.get_by_role("radio", name="8:00 AM to 12:00 PM").check()
    page.get_by_label("Who takes it").fill("Sal Signer")
    page.get_by_label("Their date of birth").fill("2010-01-01")
    page.get_by_role("button", name="Give them this window").click()
    expect(page.get_by_role("alert")).to_contain_text("must be 21 or older")
    expect(page.get_by_label("Who takes it")).to_have_value("Sal Signer")
    page.get_by_label("Their date of birth").fill("1980-02-03")
    page.get_by_role("button", name="Give them this window").click()
    expect(page.locator(".say")).to_contain_text("Thursday, December 3, between 8:00 AM")
    expect(page.locator(".say")).to_contain_text("Central time")
    assert Delivery.objects.get().status == "scheduled"
    assert said("delivery.scheduled") == ("staff", "telephone")


def test_sam_answers_pauses_and_works(sit: Callable[..., Page]) -> None:
    now = clock.now()
    hear_text(provider_id="SM1", sender=ALICE, body="Is parking free?", opt_out_type="", now=now)
    page = sit("sam")
    page.goto("/staff/")
    page.get_by_role("link", name="Texts").click()
    expect(page.get_by_text("Is parking free?")).to_be_visible()
    page.get_by_label("What was done").fill("Called: it is a video call.")
    page.get_by_role("button", name="It is answered").click()
    expect(page.get_by_text("Nobody waits for an answer")).to_be_visible()
    assert WorkItem.objects.get(kind="read_reply").note == "Called: it is a video call."

    page.get_by_text("Pause all texts", exact=True).click()
    page.get_by_role("button", name="Pause all texts now").click()
    expect(page.get_by_role("heading", name="Texts are paused")).to_be_visible()
    page.get_by_role("link", name="Work").click()
    page.get_by_role("link", name="Texts are paused").click()
    page.get_by_role("button", name="I do it").click()
    expect(page.get_by_text("It is yours.")).to_be_visible()
    page.get_by_role("link", name="The texts").click()
    page.get_by_role("button", name="Resume all texts").click()
    expect(page.get_by_role("heading", name="Texts leave")).to_be_visible()
    assert Pause.objects.get().ended_at

    raise_work_item(
        "call_patient", alice(), detail="Call her.", urgency=WorkItem.Urgency.NOW,
        for_role="staff", by=brake.sweep(), now=now, patient_id=alice().pk,
    )  # fmt: skip
    page.goto("/staff/work/")
    page.get_by_role("link", name="Call a patient").click()
    page.get_by_label("What was done").fill("Reached her.")
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("Nothing to do")).to_be_visible()
    page.get_by_label("State").select_option("closed")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Call a patient")).to_be_visible()


# --- callers: refused kindly, nothing kept --------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        (ALBANY, 422, "Florida and New Jersey"),
        ({"date_of_birth": "2012-01-01"}, 422, "adults of 18 and older"),
        ({"phone": "", "email": ""}, 422, "telephone number or an e-mail address"),
        ({"phone": "12"}, 422, "telephone number in the United States"),
        ({"privacy": ""}, 422, "accept the privacy notice"),
        ({"postal_code": "1"}, 400, "ZIP code of five digits"),
        ({"date_of_birth": "0001-01-01"}, 400, "between the years 1900 and 2100"),
        ({"channel": "pigeon"}, 400, "Select a valid choice"),
        ({"email": "nora@exampleı.org"}, 400, "Enter a valid email address"),
    ],
)
def test_a_caller_who_cannot_be_taken_is_told_and_nothing_is_kept(
    desk: Client, changes: dict[str, str], code: int, sentence: str
) -> None:
    before = (Patient.objects.count(), User.objects.count(), Consent.objects.count())
    answer = does(desk, "/staff/callers/new/", "create", **{**NORA, **changes})
    assert answer.status_code == code
    assert sentence in words(answer)
    assert "New1" in words(answer)  # what was typed stays
    assert before == (Patient.objects.count(), User.objects.count(), Consent.objects.count())


def test_where_a_zip_code_leaves_it_open_county_and_zone_are_asked(desk: Client) -> None:
    gulf = {**NORA, "postal_code": "32456", "city": "Port St Joe", "line1": "5 Bay Ave"}
    asked = does(desk, "/staff/callers/new/", "create", **gulf)
    assert asked.status_code == 400
    assert "lies in two time zones" in words(asked)
    known = {"time_zone": "America/Chicago", "county": "Gulf"}
    answer = does(desk, "/staff/callers/new/", "create", **gulf, **known)
    assert answer.status_code == 302
    made = Patient.objects.latest("pk")
    assert made.time_zone == "America/Chicago"
    assert said("patient.created") == ("staff", "telephone")


def test_a_contact_that_is_known_asks_staff_to_look(desk: Client) -> None:
    answer = does(desk, "/staff/callers/new/", "create", **{**NORA, "phone": "850 555 0101"})
    assert answer.status_code == 302
    item, made = WorkItem.objects.get(kind="merge_patients"), Patient.objects.latest("pk")
    assert item.patient_id == made.pk
    page = words(desk.get("/staff/work/"))
    assert "Two records of one person?" in page
    assert "Nora New1" in page
    assert of(who=made) in words(desk.get(f"/staff/work/{item.pk}/"))


def test_a_crisis_is_read_out_whatever_else_is_wrong(desk: Client) -> None:
    crisis = {**ANSWERS, "suic": "plan_or_intent"}
    english = CRISIS_TEXT.split("\n", maxsplit=1)[0].replace("&", "&amp;")
    incomplete = does(desk, of("assessment/"), "submit", **{**crisis, "liver": ""}, **CALL)
    assert incomplete.status_code == 400
    told = f'<h2>Read this out now</h2> <p class="say" lang="en">{english}'
    assert f'<div class="notice bad" role="alert">{told}' in words(incomplete)
    agreed = {"privacy": "on", "telehealth": "on"}
    whole = desk.post(of("assessment/"), {"do": "submit", **crisis, **agreed, **CALL}, follow=True)
    assert whole.redirect_chain == [(of("crisis/"), 302)]
    assert english in words(whole)
    assert WorkItem.objects.filter(kind="crisis_answer", for_role="physician").exists()
    assert "crisis_answer" not in words(desk.get("/staff/work/"))


def test_staff_do_not_read_back_what_a_caller_answered(desk: Client) -> None:
    note = "Zebra words of the patient"
    agreed = {"privacy": "on", "telehealth": "on"}
    sent = {**ANSWERS, "psych": "yes", "note": note, **agreed, **CALL}
    assert does(desk, of("assessment/"), "submit", **sent).status_code == 302
    assert Assessment.objects.latest("pk").answers["note"] == note
    for part in ("", "assessment/", "texts/", "contact/", "consents/", "book/"):
        page = words(desk.get(of(part)))
        assert "Zebra" not in page, part
        assert "PSYCH" not in page, part
    assert words(desk.get(of("assessment/"))).count(" checked") == 1  # the channel


def test_staff_see_no_note_of_a_physician(prescribed: Care, desk: Client) -> None:
    Consultation.objects.update(note="Zebra of the physician")
    meeting = Consultation.objects.get()
    for address in (of(), f"/staff/consultations/{meeting.pk}/", of("plan/")):
        page = words(desk.get(address))
        assert "Zebra" not in page
        assert "for my eyes" not in page


# --- what is typed wrongly, stale, not there, not theirs ------------------------------------------


def test_bad_input_keeps_what_was_typed(desk: Client) -> None:
    sent = {"name": "Robin", "date_of_birth": "never", "phone": "850 555 0177", **CALL}
    answer = does(desk, of("support/"), "name", **sent)
    assert answer.status_code == 400
    assert 'value="Robin"' in words(answer)
    assert "Enter a valid date" in words(answer)
    young = does(desk, of("support/"), "name", **{**sent, "date_of_birth": "2015-01-01"})
    assert young.status_code == 422
    assert "must be 18 or older" in words(young)
    assert 'value="Robin"' in words(young)
    hours = does(desk, of("contact/"), "hours", text_from="07:00", text_until="08:00", **CALL)
    assert hours.status_code == 400
    assert "Texts come from 08:00 to 20:00." in words(hours)
    assert does(desk, of("book/"), "book", place="FL", **CALL).status_code == 400
    wrong = does(desk, of("book/"), "book", place="FL", start="2026-13-01", **CALL)
    assert wrong.status_code == 400
    assert "Choose a time." in words(wrong)


def test_what_changed_since_is_not_written_over(desk: Client) -> None:
    sent = {"text_from": "09:00", "text_until": "18:00", **CALL}
    stale = does(desk, of("contact/"), "hours", version=9, **sent)
    assert stale.status_code == 412
    assert "has changed since you looked" in words(stale)
    fresh = does(desk, of("contact/"), "hours", version=alice().version, **sent)
    assert fresh.status_code == 302
    assert said("patient.text_hours_changed") == ("staff", "telephone")


def test_a_time_that_was_taken_is_refused_with_the_rule_s_sentence(desk: Client) -> None:
    slot = {"start": "2026-11-30T15:00:00+00:00", "place": "FL", **CALL}
    bruno = Patient.objects.get(email=CAST["bruno"])
    taken = does(desk, of("book/", bruno), "book", **{**slot, "place": "NJ"})
    assert taken.status_code == 302
    answer = does(desk, of("book/"), "book", **slot)
    assert answer.status_code == 409
    assert "Somebody else has this time." in words(answer)
    assert Consultation.objects.count() == 1


def test_a_consultation_is_confirmed_moved_and_cancelled_for_a_caller(desk: Client) -> None:
    does(desk, of("book/"), "book", start="2026-11-30T15:00:00+00:00", place="FL", **CALL)
    meeting = Consultation.objects.get()
    page = f"/staff/consultations/{meeting.pk}/"
    assert does(desk, page, "confirm", version=meeting.version, **CALL).status_code == 302
    assert said("consultation.confirmed") == ("staff", "telephone")
    move = of(f"book/?move={meeting.pk}")
    meeting.refresh_from_db()
    later = {"start": "2026-12-01T15:00:00+00:00", "place": "FL", "channel": "in_person"}
    assert does(desk, move, "move", version=meeting.version, **later).status_code == 302
    assert said("consultation.rescheduled") == ("staff", "in_person")
    stale = does(desk, page, "cancel", version=meeting.version, reason="", **CALL)
    assert stale.status_code == 412
    meeting.refresh_from_db()
    sent = {"version": meeting.version, "reason": "Zebra", **CALL}
    assert does(desk, page, "cancel", **sent).status_code == 302
    shown = words(desk.get(page))
    assert "Cancelled" in shown
    assert "Zebra" not in shown
    again = does(desk, page, "cancel", version=meeting.version + 1, reason="", **CALL)
    assert again.status_code == 409
    assert "has been cancelled" in words(again)


@pytest.mark.parametrize("who", ["alice", "chen", "admin"])
def test_others_do_not_come_in(now: Any, who: str) -> None:
    client = at_desk(who)
    for address in (
        "/staff/patients/", of(), of("book/"), "/staff/texts/", "/staff/work/", "/staff/settings/"
    ):  # fmt: skip
        assert client.get(address).status_code == 403, address
    assert does(client, "/staff/texts/", "pause").status_code == 403
    assert not Pause.objects.exists()


def test_what_never_was_is_not_found_and_written_down(desk: Client) -> None:
    gone = uuid7()
    for address in (
        f"/staff/patients/{gone}/", f"/staff/patients/{gone}/plan/", f"/staff/work/{gone}/",
        f"/staff/consultations/{gone}/", f"/staff/texts/{gone}/",
    ):  # fmt: skip
        assert desk.get(address).status_code == 404, address
    assert AccessLog.objects.filter(denied=True, object_ids=[str(gone)]).count() == 5
    physicians = WorkItem.objects.create(
        kind="hold_waits", detail="x", urgency=1, for_role="physician", object_kind="patient",
        object_id=gone, cause=gone, raised_at=clock.now(), due_at=clock.now(),
    )  # fmt: skip
    assert desk.get(f"/staff/work/{physicians.pk}/").status_code == 404


def test_whoever_is_seen_is_written_down(desk: Client) -> None:
    for address, kind in (
        ("/staff/patients/?search=Alice", "patient"), (of(), "patient"), (of("plan/"), "patient"),
    ):  # fmt: skip
        before = AccessLog.objects.count()
        desk.get(address)
        row = AccessLog.objects.latest("pk")
        assert AccessLog.objects.count() == before + 1, address
        assert (row.object_kind, row.patient_ids) == (kind, [str(alice().pk)]), address
    hear_text(provider_id="SM2", sender=ALICE, body="?", opt_out_type="", now=clock.now())
    desk.get("/staff/texts/")
    row = AccessLog.objects.latest("pk")
    assert (row.object_kind, row.patient_ids) == ("inboundmessage", [str(alice().pk)])


def test_what_costs_is_counted(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for what in ("search", "assessment", "support_person"):
        monkeypatch.setitem(limits.LIMITS, what, (("user", 1, 3600),))
    friend = {"name": "Ann", "date_of_birth": "1980-02-03", "phone": "850 555 0177", **CALL}
    assert does(desk, of("support/"), "name", **friend).status_code == 302
    assert does(desk, of("support/"), "name", **friend).status_code == 429
    whole = {**ANSWERS, "privacy": "on", "telehealth": "on", **CALL}
    assert does(desk, of("assessment/"), "submit", **whole).status_code == 302
    assert does(desk, of("assessment/"), "submit", **whole).status_code == 429
    assert desk.get("/staff/patients/").status_code == 200
    answer = desk.get("/staff/patients/")
    assert answer.status_code == 429
    assert answer["Retry-After"]


def test_the_list_is_searched_and_filtered(desk: Client) -> None:
    def names(query: str) -> set[str]:
        page = words(desk.get(f"/staff/patients/?{query}"))
        return {name for name in ("Alice", "Bruno", "Eve") if f"Test, {name}" in page}

    Patient.objects.filter(pk=alice().pk).update(step="payment", unmet_gates=["not_paid"])
    assert names("") == {"Alice", "Bruno", "Eve"}
    assert names("search=ali+test") == {"Alice"}
    assert names("search=850-555-0102") == {"Bruno"}
    assert names("search=1988-04-12&state=NJ") == {"Bruno", "Eve"}
    assert names("search=04/12/1988&state=FL") == {"Alice"}
    assert names("step=payment") == {"Alice"}
    assert names("gate=not_paid") == {"Alice"}
    assert names("county=Essex") == {"Bruno"}
    assert "There is no such day." in words(desk.get("/staff/patients/?search=1988-04-99"))
    assert "Nobody is found" in words(desk.get("/staff/patients/?search=Nobody"))
    assert names("before=nonsense") == {"Alice", "Bruno", "Eve"}
    assert names(f"before={alice().pk}") == set()


# --- everything that staff do for a caller --------------------------------------------------------


def test_address_contact_and_identity(desk: Client) -> None:
    moved = {"kind": "move", **ALBANY, "reason": "", **CALL, "version": alice().version}
    assert does(desk, of("address/"), "change", **moved).status_code == 302
    assert "Outside the area" in words(desk.get(of()))
    assert said("address.changed") == ("staff", "telephone")
    box = {**moved, **PENSACOLA, "line1": "PO Box 7", "version": alice().version}
    refused = does(desk, of("address/"), "change", **box)
    assert refused.status_code == 422
    assert "PO Box 7" in words(refused)
    new = {"phone": "850 555 0199", "reason": "lost it"}
    early = does(desk, of("contact/"), "contact", **new)
    assert early.status_code == 409
    assert "Look at a photo ID of the patient first" in words(early)
    seen = does(desk, of("contact/"), "identity", document="passport", last4="12ab")
    assert seen.status_code == 302
    assert IdentityCheck.objects.get().last4 == "12AB"
    assert does(desk, of("contact/"), "contact", **new).status_code == 302
    assert str(alice().phone) == "+18505550199"


def test_no_more_texts_and_texts_again(desk: Client) -> None:
    assert does(desk, of("consents/"), "refuse_texts", source="letter").status_code == 302
    assert OptOut.objects.get().source == "letter"
    again = does(desk, of("consents/"), "allow_texts")
    assert again.status_code == 422
    assert "Write down first that they want texts again" in words(again)
    to(clock.now() + timedelta(minutes=1))
    assert does(desk, of("consents/"), "consent", **CALL).status_code == 400
    assert does(desk, of("consents/"), "consent", sms="yes", **CALL).status_code == 302
    assert does(desk, of("consents/"), "allow_texts").status_code == 302
    assert OptOut.objects.get().ended_at


def test_plan_paused_resumed_changed_and_ended(prescribed: Care, desk: Client) -> None:
    def act(do: str, **sent: Any) -> Any:
        version = Subscription.objects.get().version
        return does(desk, of("plan/"), do, version=version, **sent, **CALL)

    assert does(desk, of("plan/"), "pause", version=0, **CALL).status_code == 412
    assert act("pause", until="2026-01-01").status_code in (302, 409, 422)
    if Subscription.objects.get().status != "paused":
        assert act("pause").status_code == 302
    assert Subscription.objects.get().status == "paused"
    assert "Resume the plan" in words(desk.get(of("plan/")))
    assert act("resume").status_code == 302
    assert act("paid", number=1, reference="again").status_code == 409
    assert act("paid", number=7, reference="x").status_code == 404
    assert act("change", plan=uuid7()).status_code == 404
    assert act("end", when="now").status_code == 302
    assert said("subscription.cancelled") == ("staff", "telephone")


def test_a_session_is_planned_moved_and_cancelled(prescribed: Care, desk: Client) -> None:
    page = words(desk.get(of("sessions/?from=2026-12-07&day=2026-12-07")))
    assert "Central time" in page
    assert "2026-12-07T15:00:00+00:00" in page
    slot = {"start": "2026-12-07T15:00:00+00:00", **CALL}
    assert does(desk, of("sessions/"), "plan", **slot).status_code == 302
    (session,) = alice().sessions.all()
    moved = {"start": "2026-12-08T15:00:00+00:00", "version": session.version, **CALL}
    answer = does(desk, of(f"sessions/?move={session.pk}"), "move", **moved)
    assert (answer.status_code, answer["Location"]) == (302, of("sessions/"))
    assert said("session.rescheduled") == ("staff", "telephone")
    session.refresh_from_db()
    off = {"session": session.pk, "version": session.version, **CALL}
    assert does(desk, of("sessions/"), "cancel", **off).status_code == 302
    assert does(desk, of("sessions/"), "cancel", **{**off, "session": uuid7()}).status_code == 404
    assert "Cancelled" in words(desk.get(of()))


def test_a_caller_measures_begins_ends_and_tells_how_it_was(prescribed: Care, desk: Client) -> None:
    """All of a session by telephone: what is read to us is written down, and not shown again."""
    prescribed.delivered().planned()
    (session,) = alice().sessions.all()

    def tells(do: str, **more: Any) -> Any:
        session.refresh_from_db()
        sent = {"session": session.pk, "version": session.version, **CALL, **more}
        return does(desk, of("sessions/"), do, **sent)

    assert "What they measured" not in words(desk.get(of("sessions/")))
    measured = {**CALM, "state": "FL", "support_person_present": "yes", "minutes_ago": "10"}
    assert tells("pre_check", **measured).status_code == 409
    to(session.start - timedelta(minutes=10))
    assert "What they measured" in words(desk.get(of("sessions/")))
    assert "Write them down" in words(desk.get(of()))
    assert tells("pre_check", **{**measured, "diastolic": "200"}).status_code == 400
    assert tells("pre_check", **measured, version=0).status_code == 412
    assert tells("pre_check", **measured, session=uuid7()).status_code == 404
    assert tells("pre_check", **measured).status_code == 302
    assert said("session.pre_checked") == ("staff", "telephone")
    assert "It begins" in words(desk.get(of("sessions/")))
    assert tells("start").status_code == 302
    to(session.start + timedelta(hours=2))
    assert "The session is under way" in words(desk.get(of("sessions/")))
    answer = tells("finish", **{**CALM, "systolic": "190"})
    assert answer.status_code == 302
    page = words(desk.get(of("sessions/")))
    assert "That is high: they stay seated" in page
    assert "190" not in page
    assert tells("check_in", feeling="well").status_code == 302
    session.refresh_from_db()
    assert (session.status, session.feeling) == ("completed", "well")
    assert said("session.checked_in") == ("staff", "telephone")
    assert "After the session" not in words(desk.get(of("sessions/")))


def test_a_caller_whose_readings_are_too_high_does_not_begin(
    prescribed: Care, desk: Client
) -> None:
    prescribed.delivered().planned()
    (session,) = alice().sessions.all()
    to(session.start - timedelta(minutes=10))
    sent = {
        **CALL, **CALM, "systolic": "190", "state": "FL", "support_person_present": "yes",
        "minutes_ago": "0", "session": session.pk, "version": session.version,
    }  # fmt: skip
    assert does(desk, of("sessions/"), "pre_check", **sent).status_code == 302
    assert "they must not begin" in words(desk.get(of("sessions/")))
    session.refresh_from_db()
    assert session.status == "held"
    assert does(desk, of("sessions/"), "start", **sent).status_code in (409, 412)


def test_the_button_of_a_gate_leads_to_where_it_is_cleared(prescribed: Care, desk: Client) -> None:
    prescribed.planned()
    (session,) = alice().sessions.all()
    assert of("window/") in words(desk.get(of()))
    chen = Caller(User.objects.get(email=CAST["chen"]))
    physician = session.physician_id
    away = {"start": "2026-12-07T00:00:00Z", "end": "2026-12-08T00:00:00Z"}
    assert chen.post(f"physicians/{physician}/time-off/", away).status_code == 201
    assert f"{of('sessions/')}?move={session.pk}" in words(desk.get(of()))


def test_nobody_takes_a_parcel(prescribed: Care, desk: Client) -> None:
    parcel = Delivery.objects.get()
    sent = {"version": parcel.version, **CALL}
    assert does(desk, of("window/"), "no_signer", **sent).status_code == 302
    assert WorkItem.objects.filter(kind="no_signer", status="open").exists()
    assert "Find a place for a parcel" in words(desk.get("/staff/work/"))
    bruno = of("window/", Patient.objects.get(email=CAST["bruno"]))
    assert "No parcel is under way" in words(desk.get(bruno))
    assert does(desk, bruno, "received", **sent).status_code == 404


# --- texts and work -------------------------------------------------------------------------------


def test_a_text_tells_why_is_called_off_and_sent_again(desk: Client) -> None:
    does(desk, of("book/"), "book", start="2026-11-30T15:00:00+00:00", place="FL", **CALL)
    to(clock.now() + timedelta(minutes=4))
    from notifications import writing

    writing.write_messages(now=clock.now())
    row = message("reminder_24h")
    assert "Leaves on" in words(desk.get(f"/staff/texts/{row.pk}/"))
    does(desk, "/staff/texts/", "pause")
    assert "Messages are paused for the moment." in words(desk.get(of("texts/")))
    page = f"/staff/texts/{row.pk}/"
    assert does(desk, page, "cancel", version=row.version + 5).status_code == 412
    assert does(desk, page, "cancel", version=row.version).status_code == 302
    assert "Staff called it off." in words(desk.get(page))
    row.refresh_from_db()
    refused = does(desk, page, "cancel", version=row.version)
    assert refused.status_code == 409
    assert "Only what still waits can be called off." in words(refused)
    again = does(desk, page, "resend", version=row.version)
    made = Message.objects.get(parent=row)
    assert again["Location"] == f"/staff/texts/{made.pk}/"
    assert f"/staff/texts/{made.pk}/" in words(desk.get(page))
    assert "Called off" not in words(desk.get("/staff/texts/sent/?status=pending"))
    assert row.kind not in words(desk.get("/staff/texts/sent/"))


def test_codes_are_nobody_s_to_see(desk: Client) -> None:
    Message.objects.create(
        key="k", kind="sign_in_code", channel="sms", patient=alice(), to=ALICE, secret="123456",
        about_kind="user", about_id=uuid7(), cause=uuid7(), wanted_at=clock.now(),
        due_at=clock.now(), not_after=clock.now(),
    )  # fmt: skip
    assert "123456" not in words(desk.get(of("texts/")))
    assert "Nothing was said yet" in words(desk.get(of("texts/")))


def test_a_change_that_waits_is_let_go_or_put_right(desk: Client) -> None:
    def waits() -> WorkItem:
        cause = uuid7()
        brake.weigh(cause, patients=12, would="a plan is paused (12)", now=clock.now())
        return WorkItem.objects.get(object_id=cause)

    item = waits()
    page = f"/staff/work/{item.pk}/"
    assert "One change would touch 12 patients" in words(desk.get(page))
    assert does(desk, page, "approve")["Location"] == "/staff/work/"
    assert Brake.objects.get(cause=item.object_id).status == "released"
    done = does(desk, page, "close", note="late")
    assert done.status_code == 409
    assert "This has been done already." in words(done)
    other = waits()
    page = f"/staff/work/{other.pk}/"
    assert does(desk, page, "close", note="").status_code == 400
    assert does(desk, page, "close", note="It was a slip.").status_code == 302
    assert Brake.objects.get(cause=other.object_id).status == "withdrawn"


def test_work_is_claimed_once_and_found_by_kind(desk: Client) -> None:
    for number in range(3):
        raise_work_item(
            "call_patient" if number else "review_address", ("patient", uuid7()), detail="Call.",
            urgency=WorkItem.Urgency(number + 1), for_role="staff", by=brake.sweep(),
            now=clock.now(),
        )  # fmt: skip
    first = WorkItem.objects.get(kind="review_address")
    assert does(desk, f"/staff/work/{first.pk}/", "claim").status_code == 302
    assert "Look at an address" in words(desk.get("/staff/work/?mine=1"))
    page = words(desk.get("/staff/work/?mine=1"))
    assert page.count("You are on it") == 1
    assert words(desk.get("/staff/work/?kind=call_patient")).count('class="name"') == 2
    other = User.objects.create_user(role="staff", name="Sue", email="sue@hearth.test")
    WorkItem.objects.update(claimed_by=other)
    refused = does(desk, f"/staff/work/{first.pk}/", "claim")
    assert refused.status_code == 409
    assert "Somebody else is on it already." in words(refused)
    assert desk.get("/staff/work/?after=nonsense").status_code == 200


def test_lists_go_on_page_by_page(desk: Client) -> None:
    for number in range(30):
        raise_work_item(
            "call_patient", ("patient", uuid7()), detail=f"Call {number}.",
            urgency=WorkItem.Urgency.TODAY, for_role="staff", by=brake.sweep(),
            now=clock.now() + timedelta(minutes=number % 7),
        )  # fmt: skip
    first = words(desk.get("/staff/work/"))
    at = first.split('<p class="more"><a role="button" class="secondary" href="')[1].split('"')[0]
    second = words(desk.get("/staff/work/" + at.replace("&amp;", "&")))
    assert first.count('class="name"') == 25
    assert second.count('class="name"') == 5
    assert all(f"Call {number}." in first + second for number in range(30))


# --- as many queries for three as for one ---------------------------------------------------------


def asked(client: Client, address: str) -> int:
    client.get(address)
    with Queries() as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_lists_ask_as_much_for_three_as_for_one(desk: Client) -> None:
    one = asked(desk, "/staff/patients/?search=Alice")
    assert asked(desk, "/staff/patients/?search=Test") == one
    people = list(Patient.objects.order_by("pk"))
    counts: dict[str, list[int]] = {}
    for number, who in enumerate(people):
        to(clock.now() + timedelta(minutes=1))
        for body in ("HELP", "Can you call me?"):
            hear_text(
                provider_id=f"SM{number}{body[0]}", sender=str(who.phone), body=body,
                opt_out_type="", now=clock.now(),
            )  # fmt: skip
        day = 30 + number
        start = f"2026-{11 + day // 31}-{day if day < 31 else day - 30:02d}T15:00:00+00:00"
        state = who.address.state if who.address else ""
        made = does(desk, of("book/", who), "book", start=start, place=state, **CALL)
        assert made.status_code == 302
        to(clock.now() + timedelta(minutes=4))
        from notifications import writing

        writing.write_messages(now=clock.now())
        if number in (0, 2):
            for address in ("/staff/texts/", "/staff/texts/sent/", "/staff/work/"):
                counts.setdefault(address, []).append(asked(desk, address))
    assert InboundMessage.objects.count() == 6
    assert all(few == many for few, many in counts.values()), counts


def test_the_settings_are_read_alone(desk: Client, chen: Caller) -> None:
    chen.patch("settings/", {"consultation_lead": 180})
    page = words(desk.get("/staff/settings/"))
    assert "3 hours <span" in page
    assert "$250" in page
    assert "The physician changes these numbers" in page
    assert "<form" not in page.split("<main")[1]


def test_staff_have_words_for_every_gate() -> None:
    assert {gate.code for gate in every_gate()} <= set(OF_CODE)
