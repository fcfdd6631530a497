"""The free assessment: whole or answer by answer; flags, crisis, and what is not kept."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from patients.gates import is_adult
from patients.models import Address, Assessment, Consent, Patient, SupportPerson
from patients.questionnaire import QUESTIONS, weigh
from patients.tasks import forget_drafts
from records.models import Event, WorkItem
from scheduling.demo import answers
from tests.cast import ALBANY, NEWARK, PENSACOLA, YES, person
from tests.conftest import Caller, caller

TABLES = (User, Patient, Address, Assessment, Consent, SupportPerson, Event, WorkItem)


def body(**given: Any) -> dict[str, Any]:
    return {
        "person": person(1), "address": PENSACOLA, "answers": answers(), "consents": YES, **given
    }  # fmt: skip


def counts() -> list[int]:
    return [model.objects.count() for model in TABLES]


def everything_kept() -> str:
    """Every row of every table of ours, as text: nothing may hide in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ "
            "'^(records|accounts|patients|scheduling|notifications|sandbox|cache|account)'"
            " AND tablename <> 'patients_zipcode'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


# --- submitting ------------------------------------------------------------------------------


def test_whoever_submits_is_under_review_whatever_they_answer(outsider: Caller) -> None:
    for number, given in enumerate(({}, {"preg": "yes"}, {"psych": "yes", "card": "yes"})):
        told = outsider.post(
            "assessments/", body(person=person(number), answers=answers(**given))
        ).json()
        assert told["outcome"] == "under_review"
        assert told["detail"] == "Thank you. A physician will review your answers."
        assert told["crisis"] is False
        assert not {"flags", "urgency", "status"} & set(told)


def test_what_was_answered_is_kept_word_for_word_with_version_and_consents(
    outsider: Caller,
) -> None:
    given = answers(note="I'd rather talk after 5 pm. Ünï 🙂")
    told = outsider.post("assessments/", body(answers=given)).json()
    row = Assessment.objects.get(pk=told["id"])
    assert (row.answers, row.version, row.status) == (given, 1, "submitted")
    assert row.patient is not None
    kept = {c.kind: (c.accepted, str(c.phone)) for c in row.patient.consents.all()}
    assert kept == {
        "privacy": (True, ""), "telehealth": (True, ""), "sms": (True, person(1)["phone"]),
    }  # fmt: skip
    assert told["secret"] not in everything_kept()


@pytest.mark.parametrize(
    ("given", "flags", "urgency"),
    [
        ({}, (), 3),
        ({"preg": "yes"}, ("PREG",), 2),
        ({"htn_systolic": 150, "htn_diastolic": 80}, ("HTN",), 2),
        ({"htn_systolic": 140, "htn_diastolic": 90}, (), 3),
        ({"htn_systolic": 120, "htn_diastolic": 91}, ("HTN",), 2),
        ({"htn_systolic": 161}, ("HTN",), 1),
        ({"htn": "not_sure"}, ("HTN",), 2),
        ({"card": "yes"}, ("CARD",), 1),
        ({"psych": "yes", "preg": "yes"}, ("PREG", "PSYCH"), 1),
        ({"suic": "thoughts"}, ("SUIC",), 1),
        ({"meds": ["maoi", "opioid"]}, ("MEDS",), 2),
    ],
)
def test_answers_raise_flags(given: dict[str, Any], flags: tuple[str, ...], urgency: int) -> None:
    weighed = weigh(answers(**given))
    assert set(weighed.flags) == set(flags)
    assert (weighed.urgency, weighed.crisis) == (urgency, False)


def test_an_urgent_flag_asks_the_physician_and_a_calm_answer_does_not(
    outsider: Caller, chen: Caller
) -> None:
    outsider.post("assessments/", body())
    assert chen.get("work-items/").json()["results"] == []
    told = outsider.post("assessments/", body(person=person(2), answers=answers(sud="yes"))).json()
    (item,) = chen.get("work-items/").json()["results"]
    assert (item["kind"], item["object_id"]) == ("urgent_assessment", told["id"])
    assert "sud" not in item["detail"].lower()


def test_the_queue_shows_the_urgent_first_and_staff_no_order_that_tells(
    outsider: Caller, chen: Caller, sam: Caller
) -> None:
    calm = outsider.post("assessments/", body()).json()["id"]
    urgent = outsider.post("assessments/", body(person=person(2), answers=answers(card="yes")))
    first = chen.get("assessments/").json()["results"][0]
    assert (first["id"], first["flags"]) == (urgent.json()["id"], ["CARD"])
    told = [row["id"] for row in sam.get("assessments/").json()["results"]]
    assert told.index(calm) < told.index(urgent.json()["id"])
    asked = sam.get("assessments/", urgency="1")
    assert (asked.status_code, asked.json()["errors"][0]["pointer"]) == (400, "/urgency")
    assert len(chen.get("assessments/", urgency="1").json()["results"]) == 1


# --- crisis ----------------------------------------------------------------------------------


def test_a_crisis_shows_help_and_asks_the_physician_now(
    outsider: Caller, chen: Caller, sam: Caller
) -> None:
    told = outsider.post("assessments/", body(answers=answers(suic="plan_or_intent"))).json()
    assert told["crisis"] is True
    for word in ("911", "988", "Veterans", "llame"):
        assert word in told["crisis_text"]
    (item,) = chen.get("work-items/").json()["results"]
    assert (item["kind"], item["urgency"]) == ("crisis_answer", 1)
    assert sam.get("work-items/").json()["results"] == []
    shown = str(sam.get("events/").content)
    assert told["id"] in shown
    assert "crisis" not in shown


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"address": ALBANY}, 422),
        ({"person": person(1, date_of_birth="2012-01-01")}, 422),
        ({"consents": {**YES, "privacy": False}}, 422),
        ({"person": person(1, phone="+442071838750")}, 422),
        ({"person": person(1, phone="", email="")}, 422),
        ({"address": {**PENSACOLA, "line1": "PO Box 9"}}, 422),
        ({"person": "nobody"}, 400),
        ({"person": None}, 400),
        ({"colour": "blue"}, 400),
    ],
)
def test_help_comes_with_every_refusal(
    outsider: Caller, wrong: dict[str, Any], status: int
) -> None:
    sent = {**body(answers=answers(suic="plan_or_intent")), **wrong}
    before = counts()
    told = outsider.post("assessments/", sent, Idempotency_Key="k")
    assert told.status_code == status
    assert "988" in told.json()["crisis_text"]
    assert counts() == before
    calm = outsider.post("assessments/", {**sent, "answers": answers()})
    assert calm.status_code == status
    assert "crisis_text" not in calm.json()


def test_help_comes_when_the_answers_themselves_are_wrong(outsider: Caller) -> None:
    told = outsider.post("assessments/", body(answers={"suic": "plan_or_intent", "preg": 7}))
    assert told.status_code == 400
    assert "988" in told.json()["crisis_text"]
    pointers = {error["pointer"] for error in told.json()["errors"]}
    assert {"/answers/preg", "/answers/reason"} <= pointers


# --- nothing is kept -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"address": ALBANY}, "out_of_area"),
        ({"person": person(1, date_of_birth="2012-01-01", last_name="Unkept")}, "under_age"),
        ({"address": {**PENSACOLA, "state": "NJ"}}, "state_zip_mismatch"),  # T4
        ({"address": {**PENSACOLA, "line1": "PO Box 9"}}, "po_box"),  # T5
        ({"address": {**PENSACOLA, "postal_code": "00000"}}, "unknown_zip"),
        ({"address": {**NEWARK, "postal_code": "07309", "city": "Jersey City"}}, "inactive_zip"),
        ({"address": {**PENSACOLA, "postal_code": "32456"}}, "time_zone_required"),
        ({"address": {**PENSACOLA, "county": "Dade"}}, "county_mismatch"),
        ({"address": {**PENSACOLA, "time_zone": "America/New_York"}}, "time_zone_mismatch"),
        ({"address": {**PENSACOLA, "state": "ZZ"}}, "unknown_state"),
        ({"address": {**PENSACOLA, "city": "APO", "state": "AE"}}, "military"),
        ({"person": person(1, phone="+442071838750")}, "not_us_number"),
        ({"person": person(1, phone="+18765550100")}, "not_us_number"),  # Jamaica
        ({"person": person(1, phone="911")}, "not_us_number"),
        ({"person": person(1, phone="", email="")}, "contact_required"),
        ({"consents": {**YES, "telehealth": False}}, "consent_required"),
    ],
)
@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}])
def test_a_refusal_keeps_nothing_of_the_person(
    outsider: Caller, wrong: dict[str, Any], code: str, key: dict[str, str]
) -> None:
    before = counts()
    told = outsider.post("assessments/", body(**wrong), **key)
    assert (told.status_code, told.json()["code"]) == (422, code)
    assert told.json()["errors"][0]["pointer"].startswith("/")
    assert counts() == before
    kept = everything_kept()
    for trace in ("nora1@example.org", person(1)["phone"], "Unkept", "Albany"):
        assert trace not in kept


@pytest.mark.parametrize(
    ("born", "moment", "adult"),
    [
        ("2008-11-25", "2026-11-25T05:59:00Z", False),  # T6: 23:59 in Pensacola, the day before
        ("2008-11-25", "2026-11-25T06:00:00Z", True),  # midnight there
        ("2008-02-29", "2026-03-01T05:59:00Z", False),  # 2026 has no 29 February
        ("2008-02-29", "2026-03-01T06:00:00Z", True),
    ],
)
def test_of_age_is_who_is_18_today_where_they_live(born: str, moment: str, adult: bool) -> None:
    day, now = date.fromisoformat(born), datetime.fromisoformat(moment)
    assert is_adult(day, zone="America/Chicago", now=now) is adult


def test_of_age_over_http(outsider: Caller, at: Any) -> None:
    child = body(person=person(1, date_of_birth="2008-11-25"))
    at("2026-11-25T05:59:00Z")
    assert outsider.post("assessments/", child).json()["code"] == "under_age"
    at("2026-11-25T06:00:01Z")
    assert outsider.post("assessments/", child).status_code == 201


# --- known contacts --------------------------------------------------------------------------


@pytest.mark.parametrize("contact", ["phone", "email"])
def test_a_known_contact_gets_the_same_answer_and_staff_are_asked(
    outsider: Caller, alice: Caller, sam: Caller, contact: str
) -> None:
    hers = alice.get("me/").json()[contact]
    new = outsider.post("assessments/", body())
    same = outsider.post("assessments/", body(person=person(2, **{contact: hers.upper()})))
    assert new.status_code == same.status_code == 201
    differs = {"id", "reference", "secret"}
    a, b = new.json(), same.json()
    assert {k: v for k, v in a.items() if k not in differs} == {
        k: v for k, v in b.items() if k not in differs
    }
    (item,) = sam.get("work-items/", kind="merge_patients").json()["results"]
    merged = Assessment.objects.get(pk=b["id"]).patient
    assert merged is not None
    assert item["object_id"] == str(merged.pk)
    assert str(merged.pk) != alice.get("me/").json()["id"]


def test_the_third_patient_at_a_door_and_a_reshipper_are_looked_at(
    outsider: Caller, sam: Caller
) -> None:
    """T38; Alice lives at this address already."""
    outsider.post("assessments/", body())
    assert sam.get("work-items/", kind="review_address").json()["results"] == []
    shouted = {**PENSACOLA, "line1": PENSACOLA["line1"].upper()}
    outsider.post("assessments/", body(person=person(2), address=shouted))
    reship = {"line1": "1 Nw St", "city": "Miami", "state": "FL", "postal_code": "33195"}
    assert outsider.post("assessments/", body(person=person(3), address=reship)).status_code == 201
    found = sam.get("work-items/", kind="review_address").json()["results"]
    assert ["shared address" in found[0]["detail"], "reshipper" in found[1]["detail"]] == [True] * 2


# --- drafts ----------------------------------------------------------------------------------

BEGIN = {"date_of_birth": "1990-05-17", "postal_code": "32501", "phone": person(1)["phone"]}


def begin(who: Caller, **more: Any) -> tuple[str, str]:
    told = who.post("assessments/drafts/", {**BEGIN, **more})
    assert told.status_code == 201, told.content
    return told.json()["id"], told.json()["secret"]


def test_a_draft_is_filled_answer_by_answer_and_submitted(outsider: Caller) -> None:
    draft, secret = begin(outsider)
    for key, value in answers().items():
        told = outsider.patch(
            f"assessments/drafts/{draft}/", {"secret": secret, "answers": {key: value}}
        )
        assert told.status_code == 200
    assert told.json() == {"answered": sorted(answers()), "crisis": False}
    sent = {"secret": secret, "person": person(1), "address": PENSACOLA, "consents": YES}
    done = outsider.post(f"assessments/drafts/{draft}/submit/", sent)
    assert (done.status_code, done.json()["outcome"]) == (201, "under_review")
    row = Assessment.objects.get(pk=draft)
    assert (row.status, row.answers, row.contact) == ("submitted", answers(), {})
    again = outsider.post(f"assessments/drafts/{draft}/submit/", sent)
    assert again.status_code == 404


def test_a_draft_that_lacks_an_answer_says_which(outsider: Caller) -> None:
    draft, secret = begin(outsider)
    sent = {"secret": secret, "person": person(1), "address": PENSACOLA, "consents": YES}
    told = outsider.post(f"assessments/drafts/{draft}/submit/", sent)
    assert told.status_code == 400
    missing = {error["pointer"] for error in told.json()["errors"]}
    assert missing == {f"/answers/{q.key}" for q in QUESTIONS if q.required}
    assert Assessment.objects.get(pk=draft).status == "draft"


def test_a_crisis_in_a_draft_acts_at_once_and_stays(
    outsider: Caller, chen: Caller, at: Any, now: datetime
) -> None:
    """T28: abandoned after "I have a plan"."""
    draft, secret = begin(outsider)
    path = f"assessments/drafts/{draft}/"
    told = outsider.patch(path, {"secret": secret, "answers": {"suic": "plan_or_intent"}}).json()
    assert "988" in told["crisis_text"]
    (item,) = chen.get("work-items/").json()["results"]
    assert item["kind"] == "crisis_answer"
    seen = chen.get(f"assessments/{item['object_id']}/").json()
    assert seen["contact"] == {"phone": BEGIN["phone"], "email": ""}
    assert (seen["status"], seen["answers"]) == ("draft", {"suic": "plan_or_intent"})
    assert [row["id"] for row in chen.get("assessments/").json()["results"]][:1] == [draft]
    for name in ("sam", "alice", "eve", "admin"):
        assert caller(name).get(f"assessments/{draft}/").status_code in (403, 404)
        assert draft not in str(caller(name).get("assessments/").content)
    taken_back = outsider.patch(path, {"secret": secret, "answers": answers()}).json()
    assert taken_back["crisis"] is True
    told = chen.get(f"assessments/{draft}/").json()
    assert (told["urgency"], told["flags"], told["answers"]) == (1, ["SUIC"], answers())
    assert told["crisis_answers"] == {"suic": "plan_or_intent"}
    sent = {"secret": secret, "person": person(1), "address": ALBANY, "consents": YES}
    refused = outsider.post(path + "submit/", sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "out_of_area")
    assert "988" in refused.json()["crisis_text"]
    at(now + timedelta(days=30))
    forget_drafts()
    assert Assessment.objects.get(pk=draft).contact["phone"] == BEGIN["phone"]


def test_a_crisis_answer_that_was_changed_does_not_sink_in_the_queue(
    outsider: Caller, chen: Caller
) -> None:
    draft, secret = begin(outsider)
    path = f"assessments/drafts/{draft}/"
    outsider.patch(path, {"secret": secret, "answers": {"suic": "plan_or_intent"}})
    outsider.patch(path, {"secret": secret, "answers": answers(preg="yes")})
    sent = {"secret": secret, "person": person(1), "address": PENSACOLA, "consents": YES}
    assert outsider.post(path + "submit/", sent).json()["crisis"] is True
    urgent = outsider.post("assessments/", body(person=person(2), answers=answers(card="yes")))
    queue = chen.get("assessments/").json()["results"]
    assert [row["id"] for row in queue[:2]] == [draft, urgent.json()["id"]]
    first = queue[0]
    assert (first["urgency"], first["flags"], first["crisis"]) == (1, ["SUIC", "PREG"], True)
    assert (first["answers"]["suic"], first["crisis_answers"]) == ("no", {"suic": "plan_or_intent"})


@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}])
@pytest.mark.parametrize(
    "wrong", [{"address": ALBANY}, {"person": person(1, date_of_birth="2015-01-01")}]
)
def test_a_draft_of_somebody_whom_we_cannot_treat_is_forgotten(
    outsider: Caller, wrong: dict[str, Any], key: dict[str, str]
) -> None:
    draft, secret = begin(outsider)
    outsider.patch(f"assessments/drafts/{draft}/", {"secret": secret, "answers": answers()})
    sent = {
        "secret": secret, "person": person(1), "address": PENSACOLA, "consents": YES, **wrong
    }  # fmt: skip
    assert outsider.post(f"assessments/drafts/{draft}/submit/", sent, **key).status_code == 422
    assert not Assessment.objects.filter(pk=draft).exists()
    assert BEGIN["phone"] not in everything_kept()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"postal_code": "12207"}, "out_of_area"),
        ({"date_of_birth": "2012-01-01"}, "under_age"),
        ({"phone": "12"}, "not_us_number"),
        ({"phone": ""}, "contact_required"),
    ],
)
def test_a_draft_asks_age_place_and_contact_first(
    outsider: Caller, wrong: dict[str, str], code: str
) -> None:
    told = outsider.post("assessments/drafts/", {**BEGIN, **wrong})
    assert (told.status_code, told.json()["code"]) == (422, code)
    assert not Assessment.objects.filter(status="draft").exists()


def test_only_the_secret_opens_a_draft(outsider: Caller, alice: Caller, sam: Caller) -> None:
    draft, _ = begin(outsider)
    sent = {"person": person(1), "address": PENSACOLA, "consents": YES}
    for who in (outsider, alice, sam):
        for secret in ("", "guessed", "\u00e9"):
            path = f"assessments/drafts/{draft}/"
            told = who.patch(path, {"secret": secret, "answers": {"preg": "no"}})
            assert told.status_code in (400, 404)
            assert who.post(path + "submit/", {**sent, "secret": secret}).status_code in (400, 404)
        assert who.get(f"assessments/{draft}/").status_code in (401, 404)


def test_what_was_never_submitted_is_forgotten_after_a_week(
    outsider: Caller, at: Any, now: datetime
) -> None:
    begin(outsider)
    at(now + timedelta(days=6, hours=23))
    forget_drafts()
    assert Assessment.objects.filter(status="draft").count() == 1
    at(now + timedelta(days=7, minutes=1))
    forget_drafts()
    assert not Assessment.objects.filter(status="draft").exists()


# --- patients and staff ----------------------------------------------------------------------


def test_a_patient_submits_again_with_answers_and_consents_alone(alice: Caller) -> None:
    told = alice.post("assessments/", {"answers": answers(), "consents": YES})
    assert told.status_code == 201
    assert len(alice.get("assessments/").json()["results"]) == 2
    surplus = alice.post("assessments/", body())
    assert {e["pointer"] for e in surplus.json()["errors"]} == {"/person", "/address"}


def test_staff_enter_a_caller_and_do_not_read_the_answers_back(
    sam: Caller, alice: Caller, chen: Caller
) -> None:
    whom = {"patient": alice.get("me/").json()["id"], "channel": "telephone"}
    told = sam.post(
        "assessments/", {"answers": answers(preg="yes"), "consents": YES, **whom}
    ).json()
    shown = sam.get(f"assessments/{told['id']}/").json()
    assert shown["channel"] == "telephone"
    assert not {"answers", "flags", "urgency", "crisis"} & set(shown)
    assert chen.get(f"assessments/{told['id']}/").json()["flags"] == ["PREG"]
    row = Assessment.objects.get(pk=told["id"])
    assert row.entered_by == sam.user
    consent = Consent.objects.filter(patient=row.patient).latest("id")
    assert (consent.channel, consent.recorded_by) == ("telephone", sam.user)


def test_what_is_not_said_about_texts_changes_nothing(
    outsider: Caller, alice: Caller, sam: Caller
) -> None:
    quiet = {"privacy": True, "telehealth": True}
    assert alice.post("assessments/", {"answers": answers(), "consents": quiet}).status_code == 201
    whom = {"patient": alice.get("me/").json()["id"], "channel": "telephone"}
    again = {"answers": answers(), "consents": {**quiet, "sms": None}, **whom}
    assert sam.post("assessments/", again).status_code == 400
    texts = Consent.objects.filter(patient__user=alice.user, kind="sms")
    assert [row.accepted for row in texts] == [True]
    told = outsider.post("assessments/", body(consents=quiet)).json()
    kept = Consent.objects.filter(patient__assessments=told["id"])
    assert {row.kind for row in kept} == {"privacy", "telehealth"}


@pytest.mark.parametrize("kind", ["privacy", "telehealth"])
def test_without_consent_nothing_is_kept_of_anybody_s_answers(
    alice: Caller, sam: Caller, kind: str
) -> None:
    before, refused = counts(), {**YES, kind: False}
    whom = {"patient": alice.get("me/").json()["id"], "channel": "telephone"}
    sent = {"answers": answers(suic="plan_or_intent"), "consents": refused}
    for told in (alice.post("assessments/", sent), sam.post("assessments/", {**sent, **whom})):
        assert (told.status_code, told.json()["code"]) == (422, "consent_required")
        assert told.json()["errors"][0]["pointer"] == f"/consents/{kind}"
        assert "988" in told.json()["crisis_text"]
    assert counts() == before


def test_staff_enter_nobody_who_does_not_accept_the_privacy_notice(sam: Caller) -> None:
    sent = {"person": person(1), "address": PENSACOLA, "channel": "telephone"}
    before = counts()
    told = sam.post("patients/", {**sent, "consents": {**YES, "privacy": False}})
    assert (told.status_code, told.json()["code"]) == (422, "consent_required")
    assert told.json()["errors"][0]["pointer"] == "/consents/privacy"
    assert counts() == before
    later = sam.post("patients/", {**sent, "consents": {"privacy": True, "telehealth": False}})
    assert later.status_code == 201


def test_a_physician_and_an_administrator_submit_none(chen: Caller, admin: Caller) -> None:
    for who in (chen, admin):
        assert who.post("assessments/", body()).status_code == 403


# --- the profile -----------------------------------------------------------------------------


def test_an_address_is_a_row_that_is_never_changed(alice: Caller) -> None:
    move = {**NEWARK, "kind": "move", "reason": "new job"}
    told = alice.post("me/address/", move)
    assert (told.status_code, told.json()["time_zone"]) == (201, "America/New_York")
    rows = Address.objects.filter(patient__user=alice.user).order_by("pk")
    assert [(row.kind, row.city) for row in rows] == [("first", "Pensacola"), ("move", "Newark")]
    event = Event.objects.get(kind="address.changed")
    assert "Newark" not in str(event.payload)
    assert {"city", "state", "time_zone"} <= set(event.payload["changed"])


def test_a_move_out_of_the_area_is_kept_and_a_post_box_is_refused(alice: Caller) -> None:
    assert alice.post("me/address/", {**ALBANY, "kind": "move"}).status_code == 201
    assert alice.get("me/").json()["address"]["served"] is False
    boxed = alice.post("me/address/", {**PENSACOLA, "line1": "PO Box 1", "kind": "correction"})
    assert (boxed.status_code, boxed.json()["code"]) == (422, "po_box")


APO = {"line1": "PSC 1234 Box 5678", "city": "APO", "state": "AE", "postal_code": "09012"}


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (APO, "military"),
        ({**APO, "postal_code": "34001", "state": "AA"}, "military"),
        ({**ALBANY, "line1": "PO Box 9"}, "out_of_area"),
        ({**ALBANY, "line2": "PMB 9"}, "out_of_area"),
        ({**ALBANY, "line1": "General Delivery"}, "out_of_area"),
        ({**ALBANY, "city": "Pago Pago", "state": "AS", "postal_code": "96799"}, "out_of_area"),
    ],
)
def test_a_move_to_where_nobody_is_treated_is_kept_since_it_is_true(
    alice: Caller, address: dict[str, str], code: str
) -> None:
    told = alice.post("me/address/", {**address, "kind": "move"})
    assert (told.status_code, told.json().get("code")) == (201, None)
    shown = told.json()["address"]
    assert (shown["served"], shown["line1"]) == (False, address["line1"])
    assert Address.objects.latest("pk").code == code
    assert shown["time_zone"]
    if code == "military":
        assert shown["time_zone"] == "America/Chicago"


@pytest.mark.parametrize(
    ("address", "kind", "code"),
    [
        (APO, "correction", "military"),
        ({**PENSACOLA, "line1": "PO Box 9"}, "move", "po_box"),
        ({**ALBANY, "line1": "PO Box 9", "state": "NJ"}, "move", "state_zip_mismatch"),
        ({**ALBANY, "line1": "PO Box 9", "postal_code": "00000"}, "move", "unknown_zip"),
    ],
)
def test_a_move_to_where_nothing_can_be_is_refused(
    alice: Caller, address: dict[str, str], kind: str, code: str
) -> None:
    told = alice.post("me/address/", {**address, "kind": kind})
    assert (told.status_code, told.json()["code"]) == (422, code)


def test_a_change_of_nothing_changes_nothing(alice: Caller) -> None:
    before, tag = counts(), alice.get("me/")["ETag"]
    for names in ({}, {"first_name": "Alice"}):
        told = alice.patch("me/", names, If_Match=tag)
        assert (told.status_code, told["ETag"]) == (200, tag)
    assert counts() == before
    assert alice.patch("me/", {}, If_Match='"99"').status_code == 412


def test_names_are_corrected_with_the_version_that_was_seen(alice: Caller) -> None:
    tag = alice.get("me/")["ETag"]
    assert alice.patch("me/", {"first_name": "Alicia"}, If_Match=tag).status_code == 200
    assert alice.patch("me/", {"first_name": "Alba"}, If_Match=tag).status_code == 412
    assert alice.get("me/").json()["first_name"] == "Alicia"


def test_who_stays_with_the_patient_is_an_adult(alice: Caller) -> None:
    adult = {"name": "Ben Brook", "date_of_birth": "1980-01-01", "phone": "850 555 0123"}
    assert alice.post("me/support-persons/", adult).json()["phone"] == "+18505550123"
    child = alice.post("me/support-persons/", {**adult, "date_of_birth": "2010-01-01"})
    assert (child.status_code, child.json()["code"]) == (422, "under_age")
    assert len(alice.get("me/support-persons/").json()["results"]) == 1
