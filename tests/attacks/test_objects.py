"""Other people's things: by id, in a body, below one's own, in lists, and by fields nobody gave."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from patients.models import Patient
from scheduling.models import Consultation, Subscription, TreatmentSession
from tests.attacks import ATTACKS
from tests.attacks.matrix import ROWS, Row
from tests.attacks.test_matrix import House, ask, asked, code_of, state
from tests.care import code, ok
from tests.conftest import Caller
from tests.started import ROOT
from tests.test_bad_input import LISTS

# The doors that open for whoever knocks; one that is not named here answers 401.
PUBLIC = {
    "get service-area/", "get plans/", "get physicians/", "get slots/",
    "get assessments/questions/", "post holds/", "delete holds/{}/", "post assessments/",
    "post assessments/drafts/", "patch assessments/drafts/{}/",
    "post assessments/drafts/{}/submit/", "post support-persons/{}/confirm/",
    "post invitations/accept/",
}  # fmt: skip
# What stands beside the API: pages, signing in, links and webhooks with secrets of their own.
BESIDE = {
    "", "api/v1/", "api/schema/", "api/docs/", "_allauth/", "accounts/", "admin/", "sandbox/",
    "webhooks/twilio/status/", "webhooks/twilio/inbound/", "webhooks/carrier/",
    "support/<str:token>", "join/<str:token>", "a/<str:token>", "exports/<str:token>",
    "livez", "readyz",
    "problems/<slug:code>/",
}  # fmt: skip


@pytest.fixture
def house(staged: House) -> House:
    return staged


@pytest.fixture
def eve_asks(house: House) -> Any:
    """Eve's answer at a row, about Alice's things or others."""

    def of(row: Row, **things: str) -> Any:
        return asked(house, row, "eve", "patient", {**house.things, **things})

    return of


def row_of(operation: str) -> Row:
    return next(row for row in ROWS if f"{row.method} {row.path}" == operation)


def of_patients(*methods: str) -> list[Row]:
    """Operations on one thing of a patient's own."""
    return [
        row
        for row in ROWS
        if row.method in methods and row.may["patient"] == "own" and "{" in row.path
    ]


def operations() -> Iterator[tuple[str, str, str]]:
    """Method and path of everything in the schema, and an address with something in every place."""
    for path, at in yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"].items():
        for method, told in at.items():
            places = [p for p in told.get("parameters", ()) if p.get("in") == "path"]
            of = {p["name"]: p["schema"]["type"] == "integer" for p in places}
            fill = {name: "1" if is_number else str(uuid4()) for name, is_number in of.items()}
            yield method, path, path.format(**fill)


# --- A1: nobody --------------------------------------------------------------------------------


def test_a1_without_credentials_every_operation_but_the_named_ones_is_401(db: None) -> None:
    opened = set()
    for method, path, address in operations():
        answer = Client().generic(method.upper(), address, "{}", content_type="application/json")
        if code_of(answer) != "not_authenticated":
            opened.add(f"{method} {re.sub(r'{[a-z]+}', '{}', path.removeprefix('/api/v1/'))}")
        else:
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), path
    assert opened == PUBLIC


def test_a1_no_route_is_there_that_the_schema_does_not_know() -> None:
    patterns: Any = get_resolver().url_patterns
    assert {str(entry.pattern) for entry in patterns} <= BESIDE
    api = next(entry for entry in patterns if str(entry.pattern) == "api/v1/")
    assert isinstance(api, URLResolver)
    ours = {
        "/api/v1/" + re.sub(r"<[\w:]+>", "{}", str(entry.pattern))
        for entry in api.url_patterns
        if isinstance(entry, URLPattern)
    }
    assert ours == {re.sub(r"{\w+}", "{}", path) for _, path, _ in operations()}


# --- A3, A4: by id -----------------------------------------------------------------------------


def test_a3_another_s_thing_is_word_for_word_and_query_for_query_what_never_was(
    house: House, eve_asks: Any
) -> None:
    """As many queries, too: its time tells nothing either."""
    rows = of_patients("get")
    assert {row.path.split("/")[0] for row in rows} == {
        "assessments", "consultations", "deliveries", "me", "messages", "sessions", "subscriptions",
    }  # fmt: skip
    for row in rows:
        (place,) = re.findall(r"{(\w+)}", row.path)
        with CaptureQueriesContext(connection) as theirs:
            answer = eve_asks(row)
        with CaptureQueriesContext(connection) as nothing:
            never = eve_asks(row, **{place: str(uuid4())})
        assert (answer.status_code, answer.content) == (404, never.content), row.path
        assert sorted(answer.headers) == sorted(never.headers), row.path
        assert len(theirs) == len(nothing), row.path
        assert asked(house, row, "alice", "patient", house.things).status_code == 200, row.path


def test_a4_nobody_changes_cancels_or_moves_another_s_thing(house: House) -> None:
    before, rows = state(), of_patients("post", "patch", "delete")
    assert len(rows) >= 16
    for row in rows:
        for version in ("", '"1"', "*"):
            house.people["eve"].client.defaults["HTTP_IF_MATCH"] = version
            answer = ask(row, house.people["eve"], "patient", house.things)
            assert (answer.status_code, code_of(answer)) == (404, "not_found"), row.path
    del house.people["eve"].client.defaults["HTTP_IF_MATCH"]
    assert state() == before


# --- A5, A6, A8: in a body, and below another's ---------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    ["post assessments/", "post consultations/", "post sessions/", "post subscriptions/",
     "patch me/", "post me/address/", "post me/consents/", "post me/support-persons/"],
)  # fmt: skip
def test_a5_a_patient_begins_nothing_for_another(house: House, operation: str) -> None:
    row, eve = row_of(operation), house.people["eve"]
    before = state()
    for name in ("patient", "patient_id", "user", "for"):
        sent = json.dumps({**row.sent("patient"), name: house.things["patient"]})
        sent = sent.replace("{plan}", house.things["plan"])
        answer = eve.client.generic(
            row.method.upper(), f"/api/v1/{row.path}", sent, content_type="application/json"
        )
        assert code(answer) == (400, "invalid"), (name, answer.content)
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]
    assert state() == before


def test_a6_below_one_s_own_thing_is_nothing_of_another(house: House) -> None:
    things, people, before = house.things, house.people, state()
    own = next(
        row["id"] for row in ok(people["dora"].get("physicians/"))["results"]
        if row["id"] != things["physician"]
    )  # fmt: skip
    draft = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "w@example.org"}
    for who, method, path, body in (
        ("dora", "delete", f"physicians/{own}/licences/{things['licence']}/", {}),
        ("dora", "delete", f"physicians/{own}/openings/{things['opening']}/", {}),
        ("dora", "delete", f"physicians/{own}/time-off/{things['time_off']}/", {}),
        ("dora", "delete", f"physicians/{own}/working-hours/{things['hours']}/", {}),
        ("admin", "delete", f"users/{things['user']}/tokens/{things['token_of_chen']}/", {}),
        ("admin", "delete", f"users/{things['user']}/sessions/{things['session_of_alice']}/", {}),
        ("admin", "delete", f"me/tokens/{things['token_of_chen']}/", {}),
        ("eve", "delete", f"me/sessions/{things['session_of_alice']}/", {}),
        ("sam", "post", f"subscriptions/{things['subscription']}/periods/99/mark-paid/",
         {"reference": "r"}),
        ("visitor", "delete", f"holds/{things['hold']}/", {"secret": things["secret_of_draft"]}),
        ("visitor", "patch", f"assessments/drafts/{things['draft']}/",
         {"secret": things["secret_of_hold"], "answers": {}}),
        ("visitor", "post", f"support-persons/{things['secret_of_invitation']}/confirm/", {}),
    ):  # fmt: skip
        told = getattr(people[who], method)(path, body)
        assert (told.status_code, code_of(told)) == (404, "not_found"), (path, told.content)
    times = {"from": "2026-12-08", "to": "2026-12-20"}
    for session in (things["session"], str(uuid4())):
        told = people["eve"].get("session-times/", session=session, **times)
        assert code(told) == (400, "invalid")
    assert state() == before
    assert ok(Caller().post("assessments/drafts/", draft))["id"] != things["draft"]


def test_a8_no_message_changes_hands(house: House) -> None:
    """Nobody writes messages by the API; what is done with one takes no other owner."""
    before, path = state(), f"messages/{house.things['message']}/"
    eve = str(Patient.objects.get(email="eve@hearth.test").pk)
    fields = {"patient": eve, "sender": eve, "thread": eve, "to": "+18505550103", "parent": eve,
              "body": "x", "status": "sent"}  # fmt: skip
    for name, value in fields.items():
        for verb in ("cancel", "resend"):
            told = house.people["sam"].post(f"{path}{verb}/", {name: value})
            assert code(told) == (400, "invalid"), (name, told.content)
            told = house.people["alice"].post(f"{path}{verb}/", {name: value})
            assert code(told) == (403, "permission_denied")
        for who in ("alice", "sam", "chen"):
            for method in ("PATCH", "PUT", "DELETE", "POST"):
                told = house.people[who].client.generic(
                    method, f"/api/v1/{path}", json.dumps({name: value}),
                    content_type="application/json",
                )  # fmt: skip
                assert told.status_code == 405, (who, method)
    assert state() == before


# --- A9, A10: lists ------------------------------------------------------------------------------

EVERY_LIST = sorted({path for _, path, _ in LISTS if "{" not in path} | {"prescriptions/"})
OF_PATIENTS = ("assessments/", "consultations/", "deliveries/", "messages/", "prescriptions/",
               "reminders/", "sessions/", "subscriptions/")  # fmt: skip


@pytest.mark.parametrize("path", EVERY_LIST)
def test_a9_no_filter_and_no_order_shows_another_s_rows(house: House, path: str) -> None:
    eve, patient = house.people["eve"], house.things["patient"]
    for query in (
        {"patient": patient}, {"patient_id": patient}, {"patient__user": patient},
        {"user": patient}, {"search": "Alice"}, {"q": "Alice"}, {"ordering": "patient__phone"},
        {"ordering": "-patient__date_of_birth"}, {"expand": "patient"}, {"include": "patient"},
        {"fields": "patient.phone"}, {"all": "true"}, {"id": patient}, {"county": "Escambia"},
    ):  # fmt: skip
        answer = eve.get(path, **query)
        told = (path, query, answer.status_code, answer.content[:200])
        assert answer.status_code in (200, 400, 403), told
        if answer.status_code == 200:
            assert query.keys() <= {"patient", "county"}, told
            assert patient not in answer.content.decode(), told
            assert ok(answer)["results"] == [], told


@pytest.mark.parametrize("path", OF_PATIENTS)
def test_a10_no_total_link_tag_or_cursor_tells_of_another_s_rows(house: House, path: str) -> None:
    alice, eve = house.people["alice"], house.people["eve"]
    mine = {row["id"] for row in ok(alice.get(path, limit="100"))["results"]}
    assert mine
    own = eve.get(path, limit="1")
    body = ok(own)
    assert set(body) == {"next", "previous", "results"}
    if path != "assessments/":
        assert body == {"next": None, "previous": None, "results": []}
    assert {"Link", "ETag", "X-Total-Count", "Content-Range"} & set(own.headers) == set()
    assert not {row["id"] for row in body["results"]} & mine
    head = eve.client.head(f"/api/v1/{path}?limit=1")
    assert head.status_code == 200
    assert "Link" not in head
    there = house.people["sam"].get(path, limit="1") if path != "prescriptions/" else own
    if following := ok(there)["next"]:
        page = ok(eve.client.get(following))
        assert not {row["id"] for row in page["results"]} & mine
        assert page["next"] is None


def test_a10_no_version_of_another_s_thing_is_found_by_trying(house: House, eve_asks: Any) -> None:
    """One's own answers 412 to a wrong version; another's is 404 to every one."""
    row, alice, eve = row_of("post consultations/{meeting}/confirm/"), "alice", "eve"
    for version, status in (('"1"', 200), ('"77"', 412)):
        for who, says in ((alice, status), (eve, 404)):
            house.people[who].client.defaults["HTTP_IF_MATCH"] = version
            told = asked(house, row, who, "patient", house.things)
            del house.people[who].client.defaults["HTTP_IF_MATCH"]
            assert told.status_code == says, (who, version, told.content)
            assert ("ETag" in told) is (says == 200)


# --- A15, A16: what nobody may say of themselves ------------------------------------------------

NOT_ASKED = {
    "role": "administrator", "is_staff": True, "is_superuser": True, "is_active": True,
    "status": "completed", "price": "0.00", "monthly_price": "0.00", "verified_phone": True,
    "phone_verified_at": "2026-11-24T15:00:00Z", "created_at": "2020-01-01T00:00:00Z",
    "signed_at": "2020-01-01T00:00:00Z", "audit_by": "nobody", "id": str(uuid4()), "pk": 1,
    "version": 99, "reference": "C-000000", "decision": "approved", "note": "x", "care": [],
    "secret": "x", "confirmed_at": "2020-01-01T00:00:00Z", "served": True, "step": "plan",
    "unmet_gates": [], "user": str(uuid4()), "__proto__": {"role": "administrator"},
    "patient.role": "x", "user__role": "administrator",
}  # fmt: skip
FREE = {  # what of these a door takes, as what it is: a word, no state
    "post consultations/": {"secret"}, "post sessions/{session}/check-in/": {"note"},
}  # fmt: skip


@pytest.mark.parametrize(
    "operation",
    [
        "patch me/", "post me/address/", "post me/consents/", "post me/support-persons/",
        "post consultations/", "post consultations/{meeting}/reschedule/",
        "post consultations/{meeting}/confirm/", "post sessions/", "post subscriptions/",
        "post subscriptions/{subscription}/change-plan/", "post deliveries/{parcel}/choose-window/",
        "post sessions/{session}/check-in/", "post assessments/",
    ],
)  # fmt: skip
def test_a15_no_field_that_is_not_asked_is_taken(house: House, operation: str) -> None:
    row, alice, before = row_of(operation), house.people["alice"], state()
    for name, value in NOT_ASKED.items():
        if name in FREE.get(operation, ()):
            continue
        sent = json.dumps({**row.sent("patient"), name: value})
        path, body = (
            re.sub(r"{(\w+)}", lambda place: house.things[place[1]], text)
            for text in (f"/api/v1/{row.path}", sent)
        )
        answer = alice.client.generic(
            row.method.upper(), path, body, content_type="application/json"
        )
        assert code(answer) == (400, "invalid"), (name, answer.content)
        assert answer.json()["errors"][0]["code"] in ("unknown_field", "not_for_you"), name
    assert state() == before


def test_a16_nobody_jumps_a_step(house: House) -> None:
    """Not by a field, not by a verb of somebody else's, not by one whose time has not come."""
    things, people, before = house.things, house.people, state()
    meeting, parcel = f"consultations/{things['meeting']}/", f"deliveries/{things['parcel']}/"
    session, plan = f"sessions/{things['session']}/", f"subscriptions/{things['subscription']}/"
    here = {"location": {"state": "FL"}}
    for who, path, body, says in (
        ("alice", meeting + "confirm/", {"status": "confirmed"}, (400, "invalid")),
        ("alice", meeting + "complete/", {}, (403, "permission_denied")),
        ("alice", meeting + "arrive/", here, (403, "permission_denied")),
        ("alice", meeting + "no-show/", {}, (403, "permission_denied")),
        ("alice", meeting + "decide/", {"outcome": "approved"}, (403, "permission_denied")),
        ("chen", meeting + "complete/", {"note": "n"}, (409, "wrong_state")),
        ("chen", meeting + "decide/", {"outcome": "approved"}, (409, "wrong_state")),
        ("alice", parcel + "deliver/", {}, (403, "permission_denied")),
        ("sam", parcel + "pack/", {}, (409, "wrong_state")),
        ("sam", parcel + "attempt/", {"code": "no_adult"}, (409, "wrong_state")),
        ("alice", session + "start/", {}, (409, "wrong_state")),
        ("alice", session + "finish/", {"systolic": 120, "diastolic": 80, "pulse": 70},
         (409, "wrong_state")),
        ("alice", session + "cancel/", {}, (409, "wrong_state")),
        ("alice", plan + f"periods/{things['number']}/mark-paid/", {"reference": "r"},
         (403, "permission_denied")),
        ("alice", plan + "resume/", {}, (409, "wrong_state")),
        ("alice", f"patients/{things['patient']}/identity-checks/",
         {"document": "passport", "last4": "1234"}, (403, "permission_denied")),
    ):  # fmt: skip
        told = people[who].post(path, body)
        assert code(told) == says, (path, told.content)
    assert state() == before
    assert (
        Consultation.objects.get(pk=things["meeting"]).status,
        TreatmentSession.objects.get(pk=things["session"]).status,
        Subscription.objects.get(pk=things["subscription"]).status,
    ) == ("booked", "completed", "active")


# --- all of them -----------------------------------------------------------------------------


def test_every_attack_has_its_test() -> None:
    """By the names of the tests, and of the files that are about one attack alone."""
    names = re.compile(r"^(?:def )?test_a(\d+)_", re.MULTILINE)
    files = list((ROOT / "tests/attacks").glob("test_*.py"))
    shown = {int(n) for file in files for n in names.findall(f"{file.name}\n{file.read_text()}")}
    assert shown == set(ATTACKS)
