"""Bad input: every field of every door that takes a body, and every parameter of every list."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from notifications.models import Message
from notifications.writing import write_messages
from patients.actions import issue_confirm_token
from patients.models import SupportPerson
from records import clock
from scheduling.demo import answers
from scheduling.models import DeliveryWindow
from tests.care import care, ok
from tests.cast import NEWARK, PENSACOLA, YES, person
from tests.conftest import STAGES, Caller, caller
from tests.contract import faults

SLOT = "2026-11-30T15:00:00Z"
LONG = "x" * 25_000
Door = tuple[str, str, str, dict[str, Any]]
BROKEN = ["\x00", "a\x00b", "\ud800", "a\udfff"]
# What no field takes, whatever it takes.
WRONG_TYPES: list[Any] = [{"a": 1}, [1], [], 1.5, -1, True, 10**400]


def doors() -> dict[str, Door]:
    """Name → (who, method, path, a body that is right)."""
    whole = {"person": person(1), "address": PENSACOLA, "answers": answers(), "consents": YES}
    book = {"start": SLOT, "kind": "initial", "location": {"state": "FL", "line1": "", "city": ""}}
    draft = {
        "date_of_birth": "1990-05-17", "postal_code": "32501", "state": "FL",
        "time_zone": "America/Chicago", "phone": person(1)["phone"], "email": "n@example.org",
    }  # fmt: skip
    span = {"start": SLOT, "end": "2026-11-30T16:00:00Z"}
    mine = "physicians/{physician}/"
    return {
        "hold": ("outsider", "post", "holds/",
                 {"physician": "{physician}", "start": SLOT, "kind": "initial", "state": "FL"}),
        "release": ("outsider", "delete", "holds/{hold}/", {"secret": "{secret}"}),
        "assessment": ("outsider", "post", "assessments/", whole),
        "draft": ("outsider", "post", "assessments/drafts/", draft),
        "answer": ("outsider", "patch", "assessments/drafts/{draft}/",
                   {"secret": "{draft_secret}", "answers": {"preg": "no"}}),
        "submit": ("outsider", "post", "assessments/drafts/{draft}/submit/",
                   {"secret": "{draft_secret}", "person": person(1), "address": PENSACOLA,
                    "consents": YES}),
        "names": ("alice", "patch", "me/", {"first_name": "A", "last_name": "B"}),
        "address": ("alice", "post", "me/address/",
                    {**NEWARK, "line2": "", "kind": "move", "reason": "", "county": "Essex",
                     "time_zone": "America/New_York"}),
        "consent": ("alice", "post", "me/consents/", {"kind": "sms", "accepted": True}),
        "support": ("alice", "post", "me/support-persons/",
                    {"name": "B", "date_of_birth": "1980-01-01", "phone": "850 555 0123"}),
        "book": ("alice", "post", "consultations/",
                 {**book, "physician": "{physician}", "hold": "{hold}", "secret": "{secret}"}),
        "book_for": ("sam", "post", "consultations/",
                     {**book, "patient": "{patient}", "channel": "telephone"}),
        "cancel_message": ("sam", "post", "messages/{reminder}/cancel/", {}),
        "resend_message": ("sam", "post", "messages/{told}/resend/", {}),
        "reschedule": ("alice", "post", "consultations/{meeting}/reschedule/",
                       {"start": SLOT, "physician": "{physician}"}),
        "confirm": ("alice", "post", "consultations/{meeting}/confirm/", {}),
        "cancel": ("alice", "post", "consultations/{meeting}/cancel/", {"reason": "r"}),
        "arrive": ("chen", "post", "consultations/{meeting}/arrive/",
                   {"location": {"state": "FL", "line1": "", "city": ""}}),
        "complete": ("chen", "post", "consultations/{meeting}/complete/", {"note": "n"}),
        "no_show": ("chen", "post", "consultations/{meeting}/no-show/", {}),
        "patient": ("sam", "post", "patients/",
                    {"person": person(1), "address": PENSACOLA, "consents": YES,
                     "channel": "telephone"}),
        "patient_address": ("sam", "post", "patients/{patient}/address/",
                            {**NEWARK, "kind": "move", "reason": ""}),
        "enter": ("sam", "post", "assessments/",
                  {"patient": "{patient}", "channel": "telephone", "answers": answers(),
                   "consents": YES}),
        "hours": ("chen", "post", mine + "working-hours/",
                  {"weekday": 5, "opens": "09:00", "closes": "12:00"}),
        "opening": ("chen", "post", mine + "openings/", span),
        "time_off": ("chen", "post", mine + "time-off/", span),
        "licence": ("chen", "post", mine + "licences/",
                    {"state": "FL", "number": "1", "valid_from": "2026-01-01",
                     "expires_on": "2027-01-01"}),
        "settings": ("chen", "patch", "settings/", {"slot_step": 15, "hold_minutes": 5}),
        "claim": ("sam", "post", "work-items/{item}/claim/", {}),
        "close": ("sam", "post", "work-items/{item}/close/", {"note": "done"}),
        "pause_messages": ("sam", "post", "messages/pause/", {}),
        "resume_messages": ("sam", "post", "messages/resume/", {}),
    }  # fmt: skip


SIGNER = {"name": "S", "date_of_birth": "1980-02-03"}
CALM = {"systolic": 120, "diastolic": 80, "pulse": 70}
HERE = {"state": "FL", "line1": "", "city": ""}
AT = "2026-12-07T15:00:00Z"


def chain_doors() -> dict[str, dict[str, Door]]:
    """The same of the doors of treatment, by what they are about."""
    of_patient, meeting = "patients/{patient}/", "consultations/{meeting}/"
    plan, parcel, session = (
        "subscriptions/{plan_of}/",
        "deliveries/{parcel}/",
        "sessions/{session}/",
    )
    given = {"signed_by": "S", "relation": "signer", "id_checked": True, "signer_age": 46}
    override = {"channel": "telephone", "override_reason": "r"}
    return {
        "people": {
            "decide": ("chen", "post", meeting + "decide/", {"outcome": "declined", "note": "n"}),
            "correct": ("sam", "post", meeting + "correct/", {"reason": "r"}),
            "identity": ("sam", "post", of_patient + "identity-checks/",
                         {"document": "passport", "last4": "1234"}),
            "hold_patient": ("chen", "post", of_patient + "clinical-holds/", {"note": "n"}),
            "clear": ("chen", "post", "clinical-holds/{clinical_hold}/clear/", {"note": "n"}),
            "confirm_support": ("outsider", "post", "support-persons/{token}/confirm/", {}),
            "consent_of": ("sam", "post", of_patient + "consents/",
                           {"kind": "treatment", "accepted": True, "channel": "telephone"}),
            "opt_out": ("sam", "post", of_patient + "opt-out/",
                        {"source": "telephone", "phone": "850 555 0123"}),
            "support_of": ("sam", "post", of_patient + "support-persons/",
                           {"name": "B", "date_of_birth": "1980-01-01", "phone": "850 555 0123",
                            "channel": "telephone"}),
            "rule": ("chen", "post", "rules/",
                     {"code": "X", "state": "FL", "valid_from": "2027-01-01",
                      "valid_to": "2027-12-31", "text": "t", "source": "s"}),
        },
        "plans": {
            "subscribe": ("eve", "post", "subscriptions/", {"plan": "{plan}"}),
            "subscribe_for": ("sam", "post", "subscriptions/",
                              {"plan": "{plan}", "patient": "{patient}", "channel": "telephone"}),
            "pause": ("alice", "post", plan + "pause/", {"until": "2027-01-01"}),
            "resume": ("alice", "post", plan + "resume/", {}),
            "end": ("alice", "post", plan + "cancel/", {"when": "period_end"}),
            "change_plan": ("alice", "post", plan + "change-plan/", {"plan": "{plan}"}),
            "mark_paid": ("sam", "post", plan + "periods/1/mark-paid/", {"reference": "r"}),
            "correct_period": ("sam", "post", "periods/{period}/correct/", {"reason": "r"}),
            "prescribe": ("chen", "post", "prescriptions/",
                          {"patient": "{patient}", "issued_on": "2026-11-30", "days_supply": 30,
                           "sessions": 4, "refills": 5, "use_by": "2027-05-30",
                           "external_reference": "RX-2",
                           "registry_checked_at": "2026-11-30T15:30:00Z"}),
            "end_prescription": ("chen", "post", "prescriptions/{prescription}/end/", {}),
        },
        "parcels": {
            "choose": ("alice", "post", parcel + "choose-window/",
                       {"window": "{window}", "signer": SIGNER}),
            "choose_for": ("sam", "post", parcel + "choose-window/",
                           {"window": "{window}", "signer": SIGNER, "channel": "telephone"}),
            "no_signer": ("sam", "post", parcel + "no-signer/", {"channel": "telephone"}),
            "receipt_for": ("sam", "post", parcel + "confirm-receipt/",
                            {"received": True, "channel": "telephone"}),
            "receipt": ("alice", "post", parcel + "confirm-receipt/", {"received": True}),
            "pack": ("sam", "post", parcel + "pack/", {}),
            "dispatch": ("sam", "post", parcel + "dispatch/", {"carrier": "U", "tracking": "1"}),
            "out": ("sam", "post", parcel + "out-for-delivery/", {}),
            "deliver": ("sam", "post", parcel + "deliver/", given),
            "attempt": ("sam", "post", parcel + "attempt/", {"code": "no_adult"}),
            "hold_parcel": ("sam", "post", parcel + "hold/", {}),
            "release_parcel": ("sam", "post", parcel + "release/", {}),
            "recall": ("sam", "post", parcel + "recall/", {}),
            "return": ("sam", "post", parcel + "return/", {"seal_ok": True}),
            "investigate": ("sam", "post", parcel + "investigate/", {}),
            "lose": ("sam", "post", parcel + "lose/", {}),
            "cancel_parcel": ("sam", "post", parcel + "cancel/", {}),
            "correct_parcel": ("sam", "post", parcel + "correct/", {"reason": "r"}),
            "replace": ("chen", "post", parcel + "replace/", {}),
            "bulk": ("sam", "post", "deliveries/bulk/",
                     {"action": "attempt", "ids": ["{parcel}"], "code": "no_adult"}),
            "zone": ("sam", "post", "delivery-zones/",
                     {"name": "z", "time_zone": "America/Chicago", "counties": ["FL Bay"],
                      "templates": [{"weekday": 1, "opens": "08:00", "closes": "09:00",
                                     "capacity": 1}],
                      "cutoff": "11:00", "transit_days": 1, "ship_weekdays": [1]}),
            "take": ("sam", "post", "delivery-zones/{zone}/take-counties/",
                     {"counties": ["FL Bay"]}),
            "window": ("sam", "post", "delivery-windows/",
                       {"zone": "{zone}", "starts": AT, "ends": "2026-12-07T17:00:00Z",
                        "ship_on": "2026-12-04", "cutoff_at": SLOT, "capacity": 2}),
            "holiday": ("sam", "post", "holidays/",
                        {"day": "2026-12-08", "name": "n", "effect": "neither"}),
            "closure": ("sam", "post", "closures/",
                        {"counties": ["FL Bay"], "from": SLOT, "to": AT, "reason": "r"}),
        },
        "rights": {
            "amend": ("alice", "post", "me/amendments/",
                      {"about": {"kind": "consultation", "id": "{meeting}"}, "text": "t"}),
            "answer_amendment": ("chen", "post", "amendments/{amendment}/answer/",
                                 {"accepted": True, "text": "t"}),
            "legal_hold": ("admin", "post", of_patient + "legal-hold/", {"reason": "r" * 10}),
        },
        "sessions": {
            "plan": ("alice", "post", "sessions/", {"start": "2026-12-12T15:00:00Z"}),
            "plan_for": ("sam", "post", "sessions/",
                         {"start": "2026-12-12T15:00:00Z", "patient": "{patient}", **override}),
            "move": ("chen", "post", session + "reschedule/",
                     {"start": "2026-12-11T15:00:00Z", "override_reason": "r"}),
            "cancel_session": ("alice", "post", session + "cancel/", {}),
            "pre_check": ("alice", "post", session + "pre-check/",
                          {**CALM, "location": HERE, "support_person_present": True,
                           "measured_at": AT}),
            "start": ("alice", "post", session + "start/", {}),
            "finish": ("alice", "post", session + "finish/", CALM),
            "check_in": ("alice", "post", session + "check-in/", {"feeling": "well", "note": "n"}),
        },
    }  # fmt: skip


def treatment() -> dict[str, str]:
    """Things of treatment to point at: a parcel that waits for a window, a session to come."""
    alice, chen = caller("alice"), caller("chen")
    walk = care(alice).planned()
    hold = ok(chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    window = DeliveryWindow.objects.get(pk=walk.window())
    person = SupportPerson.objects.get()
    wish = ok(alice.post("me/amendments/", {"about": None, "text": "t"}))
    return {
        "amendment": wish["id"],
        "patient": walk.id,
        "meeting": walk.consultation,
        "plan_of": walk.subscription,
        "plan": ok(alice.get("plans/"))["results"][1]["id"],
        "period": walk.period["id"],
        "parcel": walk.delivery["id"],
        "prescription": ok(alice.get("prescriptions/"))["results"][0]["id"],
        "window": str(window.pk),
        "zone": str(window.zone_id),
        "session": walk.session,
        "clinical_hold": hold["id"],
        "token": issue_confirm_token(person),
    }


def talks() -> dict[str, str]:
    """Things to point at."""
    alice, sam, outsider = caller("alice"), caller("sam"), Caller()
    slot = {"kind": "initial", "state": "FL"}
    held = outsider.post("holds/", {"start": "2026-12-03T15:00:00Z", **slot}).json()
    draft = outsider.post(
        "assessments/drafts/",
        {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"},
    ).json()
    wish = {"start": "2026-12-02T15:00:00Z", "kind": "initial", "location": {"state": "FL"}}
    alice.post("me/consents/", {"kind": "telehealth", "accepted": True})
    meeting = alice.post("consultations/", wish).json()
    known = person(2, phone="+18505550101")
    outsider.post(
        "assessments/",
        {"person": known, "address": PENSACOLA, "answers": answers(), "consents": YES},
    )
    return {
        "physician": meeting["physician"],
        "patient": meeting["patient"],
        "meeting": meeting["id"],
        "hold": held["id"],
        "secret": held["secret"],
        "draft": draft["id"],
        "draft_secret": draft["secret"],
        "item": sam.get("work-items/").json()["results"][0]["id"],
        **messages(),
    }


def messages() -> dict[str, str]:
    """A reminder that waits, and a confirmation that left."""
    write_messages(now=clock.now())
    rows = {row.kind: row for row in Message.objects.filter(about_kind="consultation")}
    told = rows["confirmation"]
    Message.objects.filter(pk=told.pk).update(status="delivered", body="b", left_at=clock.now())
    return {"reminder": str(rows["reminder_24h"].pk), "told": str(told.pk)}


STAGES.update(world=talks, chain=treatment)


@pytest.fixture
def world(staged: dict[str, str]) -> dict[str, str]:
    return staged


@pytest.fixture
def chain(staged: dict[str, str]) -> dict[str, str]:
    return staged


def filled(value: Any, world: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, real in world.items():
            value = value.replace("{" + name + "}", real)
        return value
    if isinstance(value, dict):
        return {key: filled(inner, world) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, world) for inner in value]
    return value


def places(body: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every field, of objects too; the answers are a field of their own."""
    for key, value in body.items():
        yield (*at, key)
        if isinstance(value, dict) and key != "answers":
            yield from places(value, (*at, key))


def put(body: dict[str, Any], at: tuple[str, ...], value: Any) -> dict[str, Any]:
    changed = deepcopy(body)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


def state_of_all() -> list[tuple[str, str]]:
    """A fingerprint of every table that a door writes to; looking and trying are written down."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ "
            "'^(records|accounts|patients|scheduling|notifications|rights)' AND tablename NOT IN "
            "('patients_zipcode', 'records_accesslog', 'records_count', 'accounts_apitoken') "
            "ORDER BY tablename"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), ''))"  # noqa: S608
                f' FROM "{table}" t'
            )
            found.append((table, cursor.fetchone()[0]))
        return found


def wrong_values(at: tuple[str, ...], value: Any) -> Iterator[Any]:
    """What this field does not take, by what it takes."""
    if isinstance(value, dict):
        yield from ("text", [1], 7, True)
        if at[-1] != "about":  # an amendment may be about the whole record
            yield None
        return
    yield from (wrong for wrong in WRONG_TYPES if type(wrong) is not type(value))
    yield from (BROKEN if isinstance(value, str) else ["text", "\x00", "\ud800"])
    if isinstance(value, str):
        yield LONG
    if at[-1] not in ("physician", "until", "valid_to"):
        yield None


@pytest.mark.parametrize("name", doors())
def test_no_field_takes_what_is_wrong(
    request: pytest.FixtureRequest, world: dict[str, str], name: str
) -> None:
    before = state_of_all()
    refuses_what_is_wrong(request, world, name, doors()[name])
    assert state_of_all() == before


def refuses_what_is_wrong(
    request: pytest.FixtureRequest, world: dict[str, str], name: str, door: Door
) -> None:
    who_name, method, path, body = door
    who = request.getfixturevalue(who_name)
    send, path, right = getattr(who, method), filled(path, world), filled(body, world)
    for at in places(right):
        for wrong in wrong_values(at, _at(right, at)):
            if name == "settings" and isinstance(wrong, int) and type(wrong) is int:
                continue  # a number is right; its bounds have a test of their own
            answer = send(path, json.dumps(put(right, at, wrong)))
            told = (at, repr(wrong)[:60], answer.status_code, answer.content[:300])
            assert 400 <= answer.status_code < 500, told
            assert answer["Content-Type"] == "application/problem+json", told
            if answer.status_code == 400:
                pointers = [error["pointer"] for error in answer.json()["errors"]]
                pointer = "/" + "/".join(at)
                assert any(p == pointer or p.startswith(pointer + "/") for p in pointers), told


def _at(body: dict[str, Any], at: tuple[str, ...]) -> Any:
    value: Any = body
    for key in at:
        value = value[key]
    return value


@pytest.mark.parametrize("name", doors())
def test_no_door_takes_a_field_that_it_does_not_know(
    request: pytest.FixtureRequest, world: dict[str, str], name: str
) -> None:
    before = state_of_all()
    refuses_unknown_fields(request, world, doors()[name])
    assert state_of_all() == before


def refuses_unknown_fields(
    request: pytest.FixtureRequest, world: dict[str, str], door: Door
) -> None:
    who_name, method, path, body = door
    who = request.getfixturevalue(who_name)
    send, path, right = getattr(who, method), filled(path, world), filled(body, world)
    parents = [(), *(at for at in places(right) if isinstance(_at(right, at), dict))]
    for parent in parents:
        for key in ("colour", "\x00", "\ud800", "a/b~c", "k" * 5000, "id", "status", "role"):
            answer = send(path, json.dumps(put(right, (*parent, key), 1)))
            assert answer.status_code == 400, (path, parent, key[:20], answer.content[:300])
            assert answer.json()["errors"]


@pytest.mark.parametrize("name", doors())
def test_a_field_that_is_needed_is_missed_by_name(
    request: pytest.FixtureRequest, world: dict[str, str], name: str
) -> None:
    optional = {"names", "confirm", "no_show", "claim", "cancel", "complete", "settings"}
    optional |= {"pause_messages", "resume_messages", "cancel_message", "resend_message"}
    misses_fields_by_name(request, world, doors()[name], optional=name in optional)


def misses_fields_by_name(
    request: pytest.FixtureRequest, world: dict[str, str], door: Door, *, optional: bool
) -> None:
    who_name, method, path, body = door
    who = request.getfixturevalue(who_name)
    send, path, right = getattr(who, method), filled(path, world), filled(body, world)
    missing = {key for error in _errors(send(path, "{}")) for key in [error["pointer"]]}
    assert bool(missing) is not optional, (path, missing)
    assert missing <= {f"/{key}" for key in right}


def _errors(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code < 500
    return list(answer.json().get("errors", [])) if answer.status_code == 400 else []


@pytest.mark.parametrize("name", doors())
def test_no_door_takes_what_is_no_object(
    request: pytest.FixtureRequest, world: dict[str, str], name: str
) -> None:
    who_name, method, path, _ = doors()[name]
    send = getattr(request.getfixturevalue(who_name), method)
    for body in (b"[]", b"null", b'"x"', b"7", b"{", b"\xff\xfe", b'{"a":' * 20_000):
        answer = send(filled(path, world), body)
        assert answer.status_code == 400, (body[:20], answer.content[:200])


# --- the same of the doors of treatment ---------------------------------------------------------

NEEDS_NOTHING = {"confirm_support", "no_signer", "pause", "resume", "end_prescription"}


@pytest.mark.parametrize("about", chain_doors())
def test_no_door_of_treatment_takes_what_is_wrong(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str
) -> None:
    before = state_of_all()
    for name, door in chain_doors()[about].items():
        refuses_what_is_wrong(request, chain, name, door)
        refuses_unknown_fields(request, chain, door)
        assert state_of_all() == before, name


@pytest.mark.parametrize("about", chain_doors())
def test_a_field_of_treatment_that_is_needed_is_missed_by_name(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str
) -> None:
    for name, door in chain_doors()[about].items():
        request.getfixturevalue(door[0])  # outside: else the token would be rolled back too
        with transaction.atomic():
            optional = not door[3] or name in NEEDS_NOTHING
            misses_fields_by_name(request, chain, door, optional=optional)
            transaction.set_rollback(True)


@pytest.mark.parametrize("about", chain_doors())
def test_no_door_of_treatment_takes_what_is_no_object(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str
) -> None:
    for name, (who_name, method, path, _) in chain_doors()[about].items():
        send = getattr(request.getfixturevalue(who_name), method)
        for body in (b"[]", b"null", b'"x"', b"7", b"{", b"\xff\xfe", b'{"a":' * 20_000):
            answer = send(filled(path, chain), body)
            assert answer.status_code == 400, (name, body[:20], answer.content[:200])


@pytest.mark.parametrize("about", chain_doors())
def test_a_right_body_of_treatment_is_read(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str
) -> None:
    """Else the tests above would prove nothing; what it asks for may be impossible just now."""
    for name, (who_name, method, path, body) in chain_doors()[about].items():
        send = getattr(request.getfixturevalue(who_name), method)
        with transaction.atomic():
            answer = send(filled(path, chain), filled(body, chain))
            told = (name, answer.status_code, answer.content[:300])
            early = name == "pre_check" and answer.json()["code"] == "too_early"
            assert answer.status_code in (200, 201, 204, 409) or early, told
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("about", "name", "field"),
    [
        ("plans", "subscribe_for", "patient"), ("plans", "subscribe", "plan"),
        ("plans", "change_plan", "plan"), ("plans", "prescribe", "patient"),
        ("parcels", "choose", "window"), ("parcels", "window", "zone"),
        ("sessions", "plan_for", "patient"),
    ],
)  # fmt: skip
def test_an_id_of_nothing_in_treatment_is_pointed_at(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str, name: str, field: str
) -> None:
    who_name, method, path, body = chain_doors()[about][name]
    send = getattr(request.getfixturevalue(who_name), method)
    before = state_of_all()
    for stranger in (str(uuid4()), chain["meeting"], chain["session"]):
        answer = send(filled(path, chain), {**filled(body, chain), field: stranger})
        assert answer.status_code == 400, answer.content
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"
    assert state_of_all() == before


def test_another_s_treatment_is_404_whatever_is_sent(chain: dict[str, str], eve: Caller) -> None:
    before = state_of_all()
    for doors_ in chain_doors().values():
        for name, (_, method, path, body) in doors_.items():
            if "{" in path and name != "confirm_support":
                answer = getattr(eve, method)(filled(path, chain), filled(body, chain))
                assert answer.status_code in (403, 404), (name, answer.content)
    assert state_of_all() == before


@pytest.mark.parametrize(
    ("about", "name", "field"),
    [
        ("sessions", "plan", "start"), ("sessions", "move", "start"),
        ("sessions", "pre_check", "measured_at"), ("plans", "prescribe", "registry_checked_at"),
        ("parcels", "window", "starts"), ("parcels", "window", "cutoff_at"),
        ("parcels", "closure", "from"), ("parcels", "closure", "to"),
    ],
)  # fmt: skip
def test_a_time_of_treatment_says_its_offset(
    request: pytest.FixtureRequest, chain: dict[str, str], about: str, name: str, field: str
) -> None:
    who_name, method, path, body = chain_doors()[about][name]
    send = getattr(request.getfixturevalue(who_name), method)
    for time in TIMES:
        answer = send(filled(path, chain), {**filled(body, chain), field: time})
        assert answer.status_code == 400, time
        assert answer.json()["errors"][0]["pointer"] == f"/{field}"


TIMES = [
    "2026-11-30T10:00:00",  # no offset
    "2026-11-30T10:00Z", "2026-11-30T10:00-05:00",  # no seconds
    "2026-11-30 10:00:00Z", "2026-11-30", "10:00", "tomorrow", "", "2026-13-40T10:00:00Z",
    "2026-11-30T25:00:00Z", "2026-11-30T10:00:00+99:00", "٢٠٢٦-11-30T10:00:00Z",
    "1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", "2026-11-30T10:00:00.1234567Z", "2026-11-30T10:00:00EST",
]  # fmt: skip


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", ["hold", "book", "reschedule", "opening", "time_off"])
def test_a_time_says_its_offset(
    request: pytest.FixtureRequest, world: dict[str, str], name: str, time: str
) -> None:
    who_name, method, path, body = doors()[name]
    send = getattr(request.getfixturevalue(who_name), method)
    answer = send(filled(path, world), {**filled(body, world), "start": time})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/start"


@pytest.mark.parametrize(
    "day",
    [
        "17.05.1990", "1990-5-7", "1990-02-30", "1899-12-31", "2101-01-01",
        "1990-05-17T00:00:00Z", "", "0000-00-00",
    ],
)  # fmt: skip
def test_a_day_is_a_date(outsider: Caller, day: str) -> None:
    sent = {"date_of_birth": day, "postal_code": "32501", "email": "n@example.org"}
    answer = outsider.post("assessments/drafts/", sent)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/date_of_birth"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("book_for", "patient"), ("enter", "patient"), ("book", "physician"),
        ("hold", "physician"), ("reschedule", "physician"),
    ],
)  # fmt: skip
def test_an_id_of_nobody_is_refused(
    request: pytest.FixtureRequest, world: dict[str, str], name: str, field: str
) -> None:
    who_name, method, path, body = doors()[name]
    send = getattr(request.getfixturevalue(who_name), method)
    before = state_of_all()
    for stranger in (str(uuid4()), world["meeting"], world["item"]):
        answer = send(filled(path, world), {**filled(body, world), field: stranger})
        assert 400 <= answer.status_code < 500, answer.content
    assert state_of_all() == before


def test_somebody_else_s_id_in_a_path_is_404_whatever_is_sent(
    request: pytest.FixtureRequest, world: dict[str, str], eve: Caller
) -> None:
    before = state_of_all()
    for name, (_, method, path, body) in doors().items():
        if any(of in path for of in ("{meeting}", "{reminder}", "{told}")):
            answer = getattr(eve, method)(filled(path, world), filled(body, world))
            assert answer.status_code in (403, 404), name
    assert state_of_all() == before


@pytest.mark.parametrize("verb", ["cancel", "resend"])
def test_only_staff_touch_a_message_and_only_one_that_there_is(
    world: dict[str, str], alice: Caller, chen: Caller, eve: Caller, admin: Caller,
    outsider: Caller, sam: Caller, verb: str,
) -> None:  # fmt: skip
    before = state_of_all()
    for pk in (world["reminder"], world["told"], str(uuid4())):
        for who in (alice, chen, eve, admin):
            assert who.post(f"messages/{pk}/{verb}/").status_code == 403
        assert outsider.post(f"messages/{pk}/{verb}/").status_code == 401
    for stranger in (str(uuid4()), world["meeting"], world["item"], "1", "x"):
        assert sam.post(f"messages/{stranger}/{verb}/").status_code == 404
    code = Message.objects.create(**CODE, user=sam.user, about_id=uuid4(), cause=uuid4())
    assert sam.post(f"messages/{code.pk}/{verb}/").status_code == 404
    code.delete()
    assert state_of_all() == before


CODE = {
    "key": "c", "kind": "sign_in_code", "channel": "mail", "to": "s@example.org",
    "about_kind": "user", "wanted_at": SLOT, "due_at": SLOT, "not_after": SLOT,
}  # fmt: skip
LISTS = [
    ("sam", "patients/", {
        "search": "x", "state": "FL", "county": "Bay", "step": "plan", "gate": "not_paid",
        "updated_since": SLOT}),
    ("sam", "subscriptions/", {
        "status": "active", "patient": str(uuid4()), "plan": str(uuid4()), "updated_since": SLOT}),
    ("chen", "prescriptions/", {"patient": str(uuid4()), "in_force": "true"}),
    ("chen", "patients/{patient}/prescriptions/", {}),
    ("chen", "patients/{patient}/clinical-holds/", {}),
    ("sam", "deliveries/", {
        "status": "packed", "zone": str(uuid4()), "date": "2026-12-03", "exception": "true",
        "patient": str(uuid4()), "updated_since": SLOT, "ordering": "starts"}),
    ("alice", "delivery-windows/", {"from": "2026-12-01", "to": "2026-12-04"}),
    ("sam", "delivery-windows/", {
        "from": "2026-12-01", "to": "2026-12-04", "patient": "{patient}"}),
    ("sam", "patients/{patient}/support-persons/", {}),
    ("sam", "delivery-zones/", {}),
    ("sam", "holidays/", {}),
    ("sam", "closures/", {}),
    ("chen", "rules/", {}),
    ("sam", "sessions/", {
        "status": "held", "patient": str(uuid4()), "physician": str(uuid4()),
        "starts_after": SLOT, "starts_before": SLOT, "updated_since": SLOT, "ordering": "start"}),
    ("alice", "session-times/", {
        "from": "2026-12-01", "to": "2026-12-04", "session": str(uuid4())}),
    ("sam", "consultations/", {
        "status": "booked", "physician": str(uuid4()), "patient": str(uuid4()),
        "starts_after": SLOT, "starts_before": SLOT, "updated_since": SLOT, "ordering": "start"}),
    ("chen", "assessments/", {"status": "submitted", "urgency": "1"}),
    ("sam", "work-items/", {"kind": "x", "mine": "true", "status": "open"}),
    ("sam", "events/", {"after": str(uuid4())}),
    ("sam", "messages/", {"status": "sent", "patient": str(uuid4()), "kind": "x"}),
    ("sam", "reminders/", {"status": "sent"}),
    ("chen", "calendar/", {"from": "2026-11-30", "to": "2026-11-30", "physician": str(uuid4())}),
    ("outsider", "slots/", {
        "from": "2026-11-30", "to": "2026-11-30", "state": "FL", "postal_code": "32501",
        "time_zone": "America/Chicago", "physician": str(uuid4()), "kind": "initial"}),
    ("outsider", "service-area/", {"postal_code": "32501", "state": "FL", "city": "x"}),
    ("outsider", "plans/", {}),
    ("outsider", "physicians/", {}),
]  # fmt: skip
ODD = ["", "\x00", "a\x00", "\ud800".encode("utf-8", "surrogatepass"), "x" * 3000, "-1", "%",
       "' OR 1=1 --", "٣", "null", "[]", "1e400", "{{7*7}}"]  # fmt: skip


@pytest.mark.parametrize(("who", "path", "query"), LISTS)
def test_no_parameter_breaks_a_list(
    request: pytest.FixtureRequest,
    world: dict[str, str],
    who: str,
    path: str,
    query: dict[str, str],
) -> None:
    from urllib.parse import urlencode

    client = request.getfixturevalue(who).client
    path, query = filled(path, world), filled(query, world)
    for name in (*query, "cursor", "limit", "unknown"):
        for odd in ODD:
            asked = {**query, name: odd}
            answer = client.get(f"/api/v1/{path}?{urlencode(asked)}")
            assert answer.status_code in (200, 400, 404, 422), (name, odd, answer.content[:200])
            if name == "unknown":
                assert answer.status_code == 400
    twice = client.get(f"/api/v1/{path}?limit=1&limit=2")
    assert twice.status_code == 400


FORGED = [
    "p=not-a-uuid", "p=%00", "p=NaN", "p=1e400", "p=inf", "p=" + "9" * 5000, "p=%ED%A0%80",
    "p=2026-11-24", "p=0001-01-01T00:00:00%2B23:59", "p=9999-12-31T23:59:59-23:59", "p=",
    "p=0001-01-01", "p=9999-12-31T23:59:59.999999%2B00:00", "p=infinity", "o=x", "r=x", "o=-1",
    "o=" + "9" * 5000, "p=1&r=1", "p=a&o=5&r=1",
]  # fmt: skip
WALKED = [
    *((who, path) for who, path, _ in LISTS if path in {
        "patients/", "consultations/", "assessments/", "work-items/", "events/", "messages/",
        "reminders/", "plans/", "physicians/"}),
    ("sam", "consultations/?ordering=-start"), ("sam", "assessments/"), ("sam", "inbox/"),
    ("alice", "me/consents/"), ("alice", "me/support-persons/"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:DateTimeField:RuntimeWarning")
@pytest.mark.parametrize(("who", "path"), WALKED)
def test_a_cursor_that_is_none_is_pointed_at(committed: str, who: str, path: str) -> None:
    from base64 import b64encode
    from urllib.parse import quote

    client = (Caller() if who == "outsider" else caller(who)).client
    sign = "&" if "?" in path else "?"
    forged = [b64encode(text.encode()).decode() for text in FORGED]
    for cursor in (*forged, "rubbish", "\x00", "\u00e9", "a\x00", "===="):
        answer = client.get(f"/api/v1/{path}{sign}cursor={quote(cursor)}")
        told = (cursor, answer.status_code, answer.content[:200])
        assert answer.status_code in (200, 400), told
        if answer.status_code == 400:
            assert [error["pointer"] for error in answer.json()["errors"]] == ["/cursor"], told
    for cursor in (forged[0], forged[1], "rubbish"):
        assert client.get(f"/api/v1/{path}{sign}cursor={quote(cursor)}").status_code == 400


def test_the_right_bodies_are_right(request: pytest.FixtureRequest, world: dict[str, str]) -> None:
    """Else the tests above would prove nothing."""
    skipped = {"book", "book_for", "reschedule", "arrive", "complete", "no_show", "submit"}
    for name, (who_name, method, path, body) in doors().items():
        if name in skipped:
            continue
        send = getattr(request.getfixturevalue(who_name), method)
        answer = send(filled(path, world), filled(body, world))
        assert answer.status_code in (200, 201, 204), (name, answer.content)
        assert faults(answer) == []


def test_a_pointer_finds_what_is_wrong_deep_inside(outsider: Caller) -> None:
    whole = {"person": person(1), "address": PENSACOLA, "answers": answers(), "consents": YES}
    wrong = put(put(whole, ("person", "first_name"), ""), ("address", "postal_code"), "1")
    told = outsider.post("assessments/", put(wrong, ("consents", "sms"), "yes")).json()
    assert {error["pointer"] for error in told["errors"]} == {
        "/person/first_name", "/address/postal_code", "/consents/sms",
    }  # fmt: skip
    assert told["code"] == "invalid"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("preg", "maybe"), ("preg", True), ("preg", None), ("preg", {"a": 1}), ("preg", ["no"]),
        ("reason", []), ("reason", ["x"]), ("reason", "depression"), ("reason", ["ocd", "ocd"]),
        ("meds", ["none", "maoi"]), ("meds", [[]]), ("meds", [None]),
        ("htn_systolic", "120"), ("htn_systolic", 49), ("htn_systolic", 281),
        ("htn_systolic", True), ("htn_systolic", 120.5), ("htn_systolic", 10**400),
        ("note", "x" * 2001), ("note", 5), ("note", "a\x00"), ("note", "\ud800"),
        ("colour", "blue"), ("\x00", "x"), ("\ud800", "x"), ("a/b~", "x"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_pointed_at(outsider: Caller, key: str, value: Any) -> None:
    from patients.models import Assessment

    count = Assessment.objects.count()
    whole = {"person": person(1), "address": PENSACOLA, "consents": YES}
    told = outsider.post("assessments/", json.dumps({**whole, "answers": answers(**{key: value})}))
    assert told.status_code == 400, told.content
    assert len(told.json()["errors"]) == 1
    assert told.json()["errors"][0]["pointer"].startswith("/answers/")
    assert Assessment.objects.count() == count
    draft = outsider.post(
        "assessments/drafts/",
        {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"},
    ).json()
    sent = {"secret": draft["secret"], "answers": {key: value}}
    path = f"assessments/drafts/{draft['id']}/"
    assert outsider.patch(path, json.dumps(sent)).status_code == 400
    assert Assessment.objects.get(pk=draft["id"]).answers == {}


def test_a_guest_at_the_wrong_method_or_type_is_told(alice: Caller) -> None:
    put_answer = alice.client.put("/api/v1/me/", "{}", content_type="application/json")
    assert (put_answer.status_code, put_answer.json()["code"]) == (405, "method_not_allowed")
    form = alice.client.post("/api/v1/consultations/", {"start": SLOT})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    html = alice.client.get("/api/v1/me/", headers={"Accept": "text/html"})
    assert (html.status_code, html.json()["code"]) == (406, "not_acceptable")
    assert caller("alice").client.get("/api/v1/me/", headers={"Accept": "*/*"}).status_code == 200
