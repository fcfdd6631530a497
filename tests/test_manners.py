"""The manners of the API: problems, answers given once, cursors, query budgets, who sees what."""

import csv
import io
import json
import re
import socket
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers

from accounts.models import User
from notifications import writing
from records import clock
from records.api import Csv
from records.models import AccessLog, IdempotentAnswer
from records.refused import CODES
from records.tasks import forget_old_answers
from scheduling.demo import answers
from scheduling.models import Consultation
from tests.care import SIGNER, care
from tests.cast import NEWARK, PENSACOLA, YES, person
from tests.conftest import Caller, caller
from tests.contract import faults
from tests.signing import Browser
from tests.started import ROOT

SLOT = "2026-11-30T15:00:00Z"
ANYONE = {
    "service-area/", "physicians/", "slots/", "holds/", "holds/<uuid:pk>/",
    "assessments/questions/", "assessments/drafts/", "assessments/drafts/<uuid:pk>/",
    "assessments/drafts/<uuid:pk>/submit/", "support-persons/<str:token>/confirm/",
    "invitations/accept/",
}  # fmt: skip


def wish(start: str = SLOT, state: str = "FL", kind: str = "initial") -> dict[str, Any]:
    return {"start": start, "kind": kind, "location": {"state": state}}


def routes() -> list[str]:
    """Every route below /api/v1/."""
    below: list[URLPattern | URLResolver] = []
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and str(entry.pattern) == "api/v1/":
            below = entry.url_patterns
    return [str(entry.pattern) for entry in below]


def path_of(route: str) -> str:
    """A route with something in every place."""
    path = re.sub("<uuid:[a-z]+>", lambda _: str(uuid4()), route)
    return re.sub("<int:[a-z]+>", "1", path).replace("<str:token>", "x")


# --- answers once ----------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_one_booking(alice: Caller) -> None:
    first = alice.post("consultations/", wish(), Idempotency_Key='"k-1"')
    again = alice.post("consultations/", wish(), Idempotency_Key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first["ETag"] == again["ETag"]
    assert again["Idempotent-Replayed"] == "true"
    assert Consultation.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(alice: Caller) -> None:
    alice.post("consultations/", wish(), Idempotency_Key="k")
    other = alice.post("consultations/", wish("2026-12-01T15:00:00Z"), Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_the_same_key_with_another_query_is_refused(chen: Caller, physician: Any) -> None:
    path = f"physicians/{physician.pk}/time-off/"
    off = {"start": "2026-12-05T14:00:00Z", "end": "2026-12-06T14:00:00Z"}
    assert chen.post(f"{path}?preview=true", off, Idempotency_Key="k").status_code == 200
    other = chen.post(path, off, Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_key_belongs_to_who_used_it(alice: Caller, bruno: Caller) -> None:
    mine = alice.post("consultations/", wish(), Idempotency_Key="k")
    theirs = bruno.post("consultations/", wish("2026-12-01T15:00:00Z", "NJ"), Idempotency_Key="k")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


def test_a_refusal_is_kept_after_its_effect_is_undone(alice: Caller, bruno: Caller) -> None:
    bruno.post("consultations/", wish(state="NJ"))
    first = alice.post("consultations/", wish(), Idempotency_Key="k")
    meeting = Consultation.objects.get()
    bruno.post(f"consultations/{meeting.pk}/cancel/")
    again = alice.post("consultations/", wish(), Idempotency_Key="k")
    assert first.status_code == again.status_code == 409
    assert first.content == again.content
    assert again["Content-Type"] == "application/problem+json"


def test_what_is_not_signed_in_is_not_kept(outsider: Caller) -> None:
    assert outsider.post("consultations/", wish(), Idempotency_Key="k").status_code == 401
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.parametrize("key", ["", '"', '"abc', 'abc"', "a b", "x" * 256, "ü"])
def test_a_malformed_key_is_400(alice: Caller, key: str) -> None:
    answer = alice.post("consultations/", wish(), Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_answers_are_forgotten_after_a_day(alice: Caller) -> None:
    alice.post("consultations/", wish(), Idempotency_Key="k")
    forget_old_answers()
    assert IdempotentAnswer.objects.count() == 1
    row = IdempotentAnswer.objects.get()
    row.answered_at -= timedelta(hours=25)
    row.save()
    forget_old_answers()
    assert not IdempotentAnswer.objects.exists()


# --- lists -----------------------------------------------------------------------------------


def test_lists_are_walked_by_cursor_without_gap_or_repeat(alice: Caller) -> None:
    for hour in range(14, 19):
        follow_up = wish(f"2026-11-30T{hour}:00:00Z", kind="follow_up")
        assert alice.post("consultations/", follow_up).status_code == 201
    seen, url = [], "/api/v1/consultations/?limit=2"
    while url:
        page = alice.client.get(url).json()
        seen += [row["start"] for row in page["results"]]
        url = page["next"]
    assert seen == [f"2026-11-30T{hour}:00:00Z" for hour in range(14, 19)]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"ordering": "patient__phone"},
        {"patient__phone": "1"}, {"status": "asleep"}, {"starts_after": "2026-11-30T10:00:00"},
        {"cursor": "\x00"}, {"cursor": "rubbish"},
    ],
)  # fmt: skip
def test_what_a_list_does_not_know_is_refused(alice: Caller, query: dict[str, str]) -> None:
    answer = alice.get("consultations/", **query)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", [{"format": "zz"}, {"format": "json"}, {"colour": "blue"}])
@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("alice", "me/"), ("sam", "settings/"), ("outsider", "assessments/questions/"),
        ("alice", "consultations/"), ("outsider", "service-area/?postal_code=32501"),
    ],
)  # fmt: skip
def test_a_parameter_that_a_door_does_not_know_is_pointed_at(
    request: pytest.FixtureRequest, who: str, path: str, query: dict[str, str]
) -> None:
    (name,) = query
    sign = "&" if "?" in path else "?"
    client = request.getfixturevalue(who).client
    answer = client.get(f"/api/v1/{path}{sign}{name}={query[name]}")
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("chen", "consultations/"), ("sam", "consultations/"), ("sam", "patients/"),
        ("sam", "events/"), ("sam", "messages/"), ("chen", "assessments/"),
        ("chen", "calendar/?from=2026-11-30&to=2026-12-20"), ("sam", "work-items/"),
    ],
)  # fmt: skip
def test_a_list_takes_as_many_queries_for_three_as_for_one(
    request: pytest.FixtureRequest, alice: Caller, bruno: Caller, who: str, path: str
) -> None:
    reader: Caller = request.getfixturevalue(who)
    counts = []
    for number, (booker, state) in enumerate(((alice, "FL"), (bruno, "NJ"), (alice, "FL"))):
        follow_up = wish(f"2026-12-0{number + 1}T15:00:00Z", state, "follow_up")
        assert booker.post("consultations/", follow_up).status_code == 201
        if number in (0, 2):
            with CaptureQueriesContext(connection) as queries:
                assert reader.client.get(f"/api/v1/{path}").status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_a_booking_takes_at_most_fifteen_queries(alice: Caller) -> None:
    """With the session of somebody who has signed in, which takes one more than a token."""
    with CaptureQueriesContext(connection) as queries:
        assert alice.post("consultations/", wish()).status_code == 201
    asked = [q["sql"] for q in queries.captured_queries]
    work = [sql for sql in asked if not sql.startswith(("SAVEPOINT", "RELEASE"))]
    assert len(work) + 1 <= 15, "\n".join(sql[:90] for sql in work)


# --- lists as CSV ------------------------------------------------------------------------------

CSV = {"Accept": "text/csv"}


def sheet(answer: Any) -> list[dict[str, str]]:
    """The rows of a list as CSV."""
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


@pytest.mark.parametrize(
    "path", ["consultations/", "deliveries/", "subscriptions/", "patients/", "messages/"]
)
def test_a_list_as_csv_has_the_rows_of_the_list(sam: Caller, alice: Caller, path: str) -> None:
    care(alice).scheduled()
    writing.write_messages(now=clock.now())
    rows = sam.get(path).json()["results"]
    told = sheet(sam.get(path, headers=CSV))
    assert [row["id"] for row in told] == [row["id"] for row in rows]
    for name, value in rows[0].items():
        if isinstance(value, str):
            assert told[0][name] in (value, f"'{value}")


def test_columns_of_a_sheet_do_not_depend_on_its_rows(sam: Caller, alice: Caller) -> None:
    (empty,) = csv.reader(io.StringIO(sam.get("deliveries/", headers=CSV).content.decode()))
    walk = care(alice).paid()
    (waiting,) = sheet(sam.get("deliveries/", headers=CSV))
    assert list(waiting) == empty
    assert (waiting["window.starts"], waiting["address.city"], waiting["signer"]) == ("", "", "")
    walk.scheduled()
    (chosen,) = sheet(sam.get("deliveries/", headers=CSV))
    assert list(chosen) == empty
    assert (chosen["window.starts"], chosen["address.city"]) == (
        "2026-12-03T14:00:00Z", "Pensacola",
    )  # fmt: skip
    assert json.loads(chosen["signer"]) == SIGNER


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠A1"])
def test_no_cell_is_a_formula(sam: Caller, alice: Caller, name: str) -> None:
    alice.patch("me/", {"first_name": name, "last_name": 'Ünal, "A"'})
    (row,) = sheet(sam.get("patients/", headers=CSV, search="Ünal"))
    assert (row["first_name"], row["last_name"]) == (f"'{name}", 'Ünal, "A"')
    assert row["phone"].startswith("'+1")


@pytest.mark.parametrize("lead", ["\t", "\r", "\n", " ", " \u00a0 "])
def test_no_cell_begins_with_what_leads_to_a_formula(lead: str) -> None:
    class Shape(serializers.Serializer[Any]):
        text = serializers.CharField()

    rows = Shape([{"text": f"{lead}=1"}], many=True).data
    told = list(csv.reader(io.StringIO(Csv().render({"results": rows}).decode(), newline="")))
    assert told == [["text"], [f"'{lead}=1"]]


def test_a_sheet_goes_on_by_its_link(sam: Caller, alice: Caller, bruno: Caller) -> None:
    seen, url = [], "/api/v1/patients/?limit=2"
    while url:
        answer = sam.client.get(url, headers=CSV)
        seen += [row["id"] for row in sheet(answer)]
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        url = following[1] if following else ""
    assert seen == [row["id"] for row in sam.get("patients/").json()["results"]]
    assert len(seen) > 2
    assert "Link" not in sam.get("patients/").headers


def test_what_is_no_list_is_no_sheet(sam: Caller, alice: Caller) -> None:
    refused = sam.get("patients/", headers=CSV, colour="blue")
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/problem+json")
    assert refused.json()["errors"][0]["pointer"] == "/colour"
    for path in ("holidays/", f"patients/{alice.get('me/').json()['id']}/"):
        assert sam.get(path, headers=CSV).status_code == 406
    assert alice.post("consultations/", wish(), **CSV).status_code == 406


# --- who sees what ---------------------------------------------------------------------------


def test_every_route_but_those_for_anyone_asks_who_it_is(outsider: Caller) -> None:
    for route in routes():
        path = path_of(route)
        codes = {
            method: outsider.client.generic(method, f"/api/v1/{path}").status_code
            for method in ("GET", "POST", "PATCH", "PUT", "DELETE")
        }
        if route in ANYONE:
            assert 401 not in codes.values(), (route, codes)
        elif route == "assessments/":
            assert (codes["GET"], codes["POST"]) == (401, 400)
        elif route == "plans/":  # anybody looks, colleagues add
            assert (codes["GET"], codes["POST"]) == (200, 401)
        else:
            assert set(codes.values()) <= {401, 405}, (route, codes)
            assert 401 in codes.values(), (route, codes)


def test_another_s_object_is_as_if_it_never_was(
    alice: Caller, eve: Caller, bruno: Caller, admin: Caller
) -> None:
    meeting = alice.post("consultations/", wish()).json()["id"]
    assessment = alice.get("assessments/").json()["results"][0]["id"]
    for path in (
        f"consultations/{meeting}/",
        f"consultations/{meeting}/history/",
        f"assessments/{assessment}/",
    ):
        theirs, random = eve.get(path), eve.get(path.replace(meeting, str(uuid4())))
        assert theirs.status_code == 404
        assert theirs.content == eve.get(f"consultations/{uuid4()}/").content
        assert random.status_code == 404
    for verb in ("confirm/", "cancel/", "reschedule/"):
        refused = eve.post(f"consultations/{meeting}/{verb}", {"start": SLOT})
        assert refused.status_code == 404
    assert Consultation.objects.get().status == "booked"
    assert eve.get("consultations/").json()["results"] == []
    assert eve.get("consultations/", patient=alice.get("me/").json()["id"]).json()["results"] == []
    assert admin.get(f"consultations/{meeting}/").status_code == 403


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("alice", "get", "patients/"), ("alice", "get", "calendar/"), ("alice", "get", "events/"),
        ("alice", "get", "work-items/"), ("sam", "get", "me/"), ("chen", "post", "patients/"),
        ("chen", "get", "events/"), ("chen", "post", "consultations/"),
        ("admin", "get", "patients/"),
        ("admin", "get", "consultations/"), ("admin", "get", "assessments/"),
        ("admin", "get", "messages/"),
    ],
)  # fmt: skip
def test_what_a_role_never_may_is_403(
    request: pytest.FixtureRequest, who: str, method: str, path: str
) -> None:
    answer = getattr(request.getfixturevalue(who), method)(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_only_the_physician_arrives_completes_and_changes_hours(
    alice: Caller, sam: Caller, physician: Any
) -> None:
    meeting = alice.post("consultations/", wish()).json()["id"]
    for who in (alice, sam):
        for verb in ("arrive/", "complete/", "no-show/"):
            assert who.post(f"consultations/{meeting}/{verb}").status_code == 403
    hours = {"weekday": 5, "opens": "09:00", "closes": "10:00"}
    assert sam.post(f"physicians/{physician.pk}/working-hours/", hours).status_code == 403
    assert sam.get(f"physicians/{physician.pk}/working-hours/").status_code == 200


def test_staff_never_read_answers_or_notes(alice: Caller, sam: Caller, chen: Caller) -> None:
    listed = sam.get("assessments/").json()["results"]
    assert len(listed) == 3
    one = sam.get(f"assessments/{listed[0]['id']}/").json()
    assert not {"answers", "flags", "urgency", "crisis"} & (set(one) | set(listed[0]))
    assert "answers" in chen.get(f"assessments/{listed[0]['id']}/").json()


def test_staff_do_not_see_what_the_physician_does_about_somebody_s_answers(
    outsider: Caller, chen: Caller, sam: Caller, alice: Caller
) -> None:
    answered = {"person": person(1), "address": NEWARK, "consents": YES}
    outsider.post("assessments/", {**answered, "answers": answers(suic="plan_or_intent")})
    known = person(2, email=alice.get("me/").json()["email"])
    outsider.post(
        "assessments/", {**answered, "person": known, "address": PENSACOLA, "answers": answers()}
    )
    for who in (chen, sam):
        (item,) = who.get("work-items/").json()["results"]
        for verb, sent in (("claim/", {}), ("close/", {"note": "done"})):
            assert who.post(f"work-items/{item['id']}/{verb}", sent).status_code == 200
    seen = sam.get("events/", limit="100").json()["results"]
    done = [event for event in seen if event["kind"].startswith("work_item.")]
    assert [(event["kind"], event["object_id"]) for event in done] == [
        ("work_item.claimed", item["id"]), ("work_item.closed", item["id"]),
    ]  # fmt: skip


def test_a_physician_sees_only_patients_in_care_or_in_the_queue(
    alice: Caller, chen: Caller
) -> None:
    from patients.models import Assessment

    Assessment.objects.update(status="reviewed")
    me = alice.get("me/").json()["id"]
    assert chen.get(f"patients/{me}/").status_code == 404
    alice.post("consultations/", wish())
    assert chen.get(f"patients/{me}/").status_code == 200


def test_looking_at_others_is_written_down(alice: Caller, chen: Caller) -> None:
    me = alice.get("me/").json()["id"]
    assert not AccessLog.objects.exists()
    chen.get(f"patients/{me}/")
    row = AccessLog.objects.get()
    assert (row.user, row.role, row.patient_ids) == (chen.user, "physician", [me])


def test_a_token_that_only_reads_writes_nothing(alice: Caller) -> None:
    from accounts.tokens import make_token

    assert alice.user
    token = {"Authorization": f"Bearer {make_token(alice.user, 'read')}"}
    reader = Caller()
    assert reader.get("me/", headers=token).status_code == 200
    hold = {"start": SLOT, "kind": "initial", "state": "FL"}
    for path, body in (("consultations/", wish()), ("holds/", hold)):
        assert reader.post(path, body, **token).status_code == 403
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    assert reader.get("slots/", **day, headers=token).status_code == 200


def test_a_physician_without_a_row_has_no_calendar(now: datetime) -> None:
    new = User.objects.create_user(role="physician", name="N", email="new@hearth.test")
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    assert Caller(new).get("calendar/", **day).status_code == 404


def test_the_admin_changes_nobody_s_role(now: datetime) -> None:
    """Nor whether they may sign in: that is an action, with its rules."""
    admin = Browser().sign_in("admin")
    sam = User.objects.get(email="sam@hearth.test")
    page = f"/admin/accounts/user/{sam.pk}/change/"
    assert admin.get(page).status_code == 200
    assert admin.post(page, {"role": "administrator", "is_active": ""}).status_code == 403
    sam.refresh_from_db()
    assert (sam.role, sam.is_active) == ("staff", True)


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer \u00e9", "bearer hearth_x"])
def test_a_wrong_token_is_401(outsider: Caller, header: str) -> None:
    answer = outsider.get("me/", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert "WWW-Authenticate" in answer


# --- problems --------------------------------------------------------------------------------


def test_every_problem_has_its_page(outsider: Caller) -> None:
    for code, (status, title) in CODES.items():
        told = outsider.get(f"/problems/{code}/").json()
        assert (told["status"], told["title"]) == (status, title)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"1", b"\xff", b"{" * 3000, b"[" * 100_000,
        b'{"start": NaN}', b'{"start": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_400(alice: Caller, body: bytes) -> None:
    answer = alice.post("consultations/", body)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("malformed", "invalid")


def test_a_body_that_is_too_large_is_413(alice: Caller) -> None:
    assert alice.post("consultations/", json.dumps({"x": "y" * 300_000})).status_code == 413


def test_a_stranger_s_assessment_and_a_staff_patient_share_their_manners(
    outsider: Caller, sam: Caller
) -> None:
    late = person(7, phone="+442071838750")
    body = {"person": late, "address": NEWARK, "consents": YES, "channel": "telephone"}
    refused = sam.post("patients/", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_us_number")
    assert refused.json()["errors"][0]["pointer"] == "/person/phone"
    assert PENSACOLA["state"] == "FL"


def test_the_age_of_a_patient_is_told(alice: Caller, now: datetime) -> None:
    assert alice.get("me/").json()["age"] == 38


def test_lists_tell_what_changed_since(committed: str) -> None:
    """By the time at which it was written down, which nothing moves."""
    sam, alice = caller("sam"), caller("alice")
    booked = alice.post("consultations/", wish()).json()
    writing.write_messages(now=clock.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        since = cursor.fetchone()[0].isoformat()
    lists = ("patients/", "messages/", "consultations/")
    assert [sam.get(path, updated_since=since).json()["results"] for path in lists] == [[], [], []]
    alice.patch("me/", {"first_name": "Alicia"})
    alice.post(f"consultations/{booked['id']}/cancel/")
    writing.write_messages(now=clock.now())
    patients, messages, consultations = (
        sam.get(path, updated_since=since).json()["results"] for path in lists
    )
    assert [row["first_name"] for row in patients] == ["Alicia"]
    assert [row["status"] for row in consultations] == ["cancelled"]
    statuses = sorted((row["kind"], row["status"]) for row in messages)
    withdrawn = ("confirmation", "reminder_24h", "reminder_2h")
    assert statuses == [(kind, "cancelled") for kind in withdrawn]


# --- addresses, and what the schema says --------------------------------------------------------


def test_what_is_nowhere_is_a_problem_below_the_api_and_a_page_elsewhere(outsider: Caller) -> None:
    for path in ("consultations/no-uuid/", "nothing/", "holds/1/", "me/x/y/"):
        for answer in (outsider.get(path), outsider.post(path), outsider.delete(path)):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
            assert answer["Content-Type"] == "application/problem+json"
    unclosed = outsider.post("consultations")
    assert (unclosed.status_code, unclosed.json()["code"]) == (404, "not_found")
    assert outsider.get("plans").status_code == 301
    stray = outsider.get("plans/", headers={"Host": "evil.example.org"})
    assert (stray.status_code, stray.json()["code"]) == (400, "malformed")
    assert stray["Content-Type"] == "application/problem+json"
    page = outsider.get("/nothing/")
    assert (page.status_code, page["Content-Type"][:9]) == (404, "text/html")


def test_the_schema_refers_to_nothing_that_it_does_not_define() -> None:
    schema = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    refs = re.findall(r"#/components/(\w+)/(\w+)", json.dumps(schema))
    assert len(refs) > 100
    for kind, name in refs:
        assert name in schema["components"][kind], name


LISTS = (
    "consultations/", "consultations/{meeting}/", "consultations/{meeting}/history/",
    "assessments/", "assessments/{assessment}/", "messages/", "reminders/", "patients/",
    "patients/{patient}/", "me/", "me/consents/", "me/support-persons/", "work-items/", "events/",
    "calendar/?from=2026-11-30&to=2026-12-20&physician={physician}", "settings/", "plans/",
    "physicians/", "physicians/{physician}/working-hours/", "physicians/{physician}/time-off/",
    "physicians/{physician}/licences/", "physicians/{physician}/openings/",
    "slots/?from=2026-11-30&to=2026-11-30&state=FL", "service-area/?postal_code=32456",
    "assessments/questions/", "inbox/",
)  # fmt: skip


@pytest.mark.parametrize("who", ["alice", "sam", "chen", "outsider"])
def test_what_is_answered_is_what_the_schema_says(
    request: pytest.FixtureRequest, alice: Caller, outsider: Caller, who: str
) -> None:
    meeting = alice.post("consultations/", wish()).json()
    draft = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"}
    begun = outsider.post("assessments/drafts/", draft).json()
    said = {"secret": begun["secret"], "answers": {"suic": "plan_or_intent"}}
    outsider.patch(f"assessments/drafts/{begun['id']}/", said)
    writing.write_messages(now=clock.now())
    ids = {
        "meeting": meeting["id"],
        "patient": meeting["patient"],
        "physician": meeting["physician"],
        "assessment": alice.get("assessments/").json()["results"][0]["id"],
    }
    answers = [request.getfixturevalue(who).get(path.format(**ids)) for path in LISTS]
    right = [answer for answer in answers if answer.status_code == 200]
    assert len(right) >= 5
    assert [fault for answer in right for fault in faults(answer)] == []


def test_time_off_that_is_only_shown_is_200(chen: Caller, physician: Any) -> None:
    span = {"start": SLOT, "end": "2026-11-30T16:00:00Z"}
    path = f"physicians/{physician.pk}/time-off/"
    for query, status in (("?preview=true", 200), ("", 201)):
        told = chen.post(path + query, span)
        assert told.status_code == status
        assert faults(told) == []


def test_the_schema_tells_who_needs_no_token_which_headers_count_and_what_is_always_there() -> None:
    schema = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    paths = schema["paths"]
    for route in ANYONE:
        for door in paths[
            "/api/v1/" + re.sub("<uuid:pk>", "{id}", re.sub("<str:([a-z]+)>", r"{\1}", route))
        ].values():
            assert {} in door["security"], route
    assert {} in paths["/api/v1/assessments/"]["post"]["security"]
    assert {} not in paths["/api/v1/me/"]["get"]["security"]
    release = paths["/api/v1/holds/{id}/"]["delete"]["requestBody"]
    assert "ReleaseIn" in str(release)
    book = paths["/api/v1/consultations/"]["post"]
    cancel = paths["/api/v1/consultations/{id}/cancel/"]["post"]
    assert "IfMatch" not in str(book)
    for door, answer in ((book, "201"), (cancel, "200")):
        assert "IdempotencyKey" in str(door["parameters"])
        assert set(door["responses"][answer]["headers"]) == {"ETag", "Idempotent-Replayed"}
    assert "IfMatch" in str(cancel["parameters"])
    listed = {p.get("name"): p for p in paths["/api/v1/plans/"]["get"]["parameters"]}
    assert listed["limit"]["schema"]["type"] == "integer"
    meeting = schema["components"]["schemas"]["ConsultationOut"]
    assert set(meeting["required"]) == set(meeting["properties"])


# --- when the database is away -----------------------------------------------------------------


def test_without_the_database_every_door_says_come_back(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, staff = caller("alice"), caller("sam")
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "9")
    asked = [
        alice.get("me/"),
        alice.post("consultations/", wish(), Idempotency_Key="k"),
        staff.get("patients/"),
        Caller().get("service-area/", postal_code="32501"),
        Caller().get("/readyz"),
    ]
    for answer in asked:
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "database_away"
    assert Caller().get("/livez").status_code == 200
    monkeypatch.undo()
    connection.close()
    assert alice.get("me/").status_code == 200


def test_a_database_that_does_not_answer_is_away_within_seconds(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", silent.getsockname()[1])
        begun = time.monotonic()
        assert Caller().get("plans/").status_code == 503
        assert time.monotonic() - begun < 10
        monkeypatch.undo()
        connection.close()
