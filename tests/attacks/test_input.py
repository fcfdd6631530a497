"""What is sent: methods, shapes, sizes, amounts, statements, numbers of telephones, files."""

import json
import re
import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from accounts.models import User
from notifications.models import Message
from patients.models import Patient
from records.limits import LIMITS
from records.models import Event
from records.strict_json import DEEPEST, MOST
from scheduling.demo import answers
from scheduling.models import Consultation, Reservation
from tests.care import care, code, ok, prescription
from tests.cast import PENSACOLA, YES, person
from tests.conftest import Caller
from tests.test_bad_input import LISTS

ID = "0190a000-0000-7000-8000-000000000000"
SLOT = "2026-11-30T15:00:00Z"
API = "/_allauth/app/v1/auth/"


def whole(**more: Any) -> dict[str, Any]:
    return {
        "person": person(1, **more),
        "address": PENSACOLA,
        "answers": answers(),
        "consents": YES,
    }


# --- methods -----------------------------------------------------------------------------------


def test_a2_no_other_method_opens_a_door_or_tells_of_it(outsider: Caller) -> None:
    """Before signing in, every method of every route asks who it is, or does not exist."""
    from tests.attacks.test_output import routes

    for path in sorted(set(routes())):
        if not path.startswith("/api/v1/"):
            continue
        is_open = path.removeprefix("/api/v1/").split("/")[0] in (
            "service-area", "plans", "physicians", "slots", "holds", "assessments",
            "support-persons",
        )  # fmt: skip
        for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "CONNECT", "BREW"):
            answer = Client().generic(method, path, "{}", content_type="application/json")
            allowed = {401, 403, 404, 405, *((200, 400) if is_open else ())}
            assert answer.status_code in allowed, (method, path, answer.status_code)
            if method in ("OPTIONS", "TRACE"):
                assert answer.status_code in (401, 403, 405)
                assert b"choices" not in answer.content
                assert b"actions" not in answer.content


def test_a2_options_tells_nobody_the_choices_of_a_field(alice: Caller, sam: Caller) -> None:
    for who in (alice, sam):
        for path in ("consultations/", "patients/", "me/"):
            answer = who.client.options(f"/api/v1/{path}")
            assert answer.status_code in (403, 405)
            assert b"choices" not in answer.content
        head = who.client.head("/api/v1/consultations/")
        assert (head.status_code, head.content) == (200, b"")


def test_a28_no_header_and_no_field_makes_one_method_another(alice: Caller, sam: Caller) -> None:
    meeting = ok(alice.post("consultations/", {
        "start": SLOT, "kind": "initial", "location": {"state": "FL"}}))["id"]  # fmt: skip
    hold = ok(Caller().post("holds/", {"start": "2026-12-01T15:00:00Z", "kind": "initial",
                                       "state": "FL"}))  # fmt: skip
    overrides = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE",
                 "X-Method-Override": "DELETE"}  # fmt: skip
    secret = json.dumps({"secret": hold["secret"], "_method": "DELETE"})
    for path in (f"holds/{hold['id']}/?_method=DELETE", f"holds/{hold['id']}/"):
        told = Client().post(
            f"/api/v1/{path}", secret, content_type="application/json", headers=overrides
        )
        assert told.status_code == 405
    form = Client().post(f"/api/v1/holds/{hold['id']}/", {"_method": "DELETE", **hold})
    assert form.status_code in (405, 415)
    assert Reservation.objects.filter(pk=hold["id"]).exists()
    for verb in ("confirm", "cancel", "reschedule"):
        asked = alice.client.get(f"/api/v1/consultations/{meeting}/{verb}/", headers=overrides)
        assert asked.status_code == 405
    row = Consultation.objects.get()
    assert (row.status, row.confirmed_at) == ("booked", None)
    for token in ("x", ID):
        assert Client().get(f"/a/{token}?start={SLOT}&_method=POST").status_code == 404


# --- shapes and sizes --------------------------------------------------------------------------


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (nested(DEEPEST + 1), "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": [' + "1," * MOST + "1, 1]}", "too many values"),
        ('{"first_name": "A", "first_name": "B"}', "twice"),
        ('{"a": {"b": 1, "b": 2}}', "twice"),
        ('{"a": NaN}', "no number"), ('{"a": Infinity}', "no number"),
        ('{"a": -Infinity}', "no number"), ('{"a": 1e309}', "too large"),
        ('{"a": -1e309}', "too large"), ('{"a": ' + "9" * 5000 + "}", "no JSON"),
        ("{", "no JSON"), ("\ufeff{}", "no JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_of_ours_is_malformed_at_every_kind_of_door(
    alice: Caller, body: str, words: str
) -> None:
    begun = time.monotonic()
    for door in (alice.patch, alice.post):
        told = door("me/" if door == alice.patch else "consultations/", body.encode())
        assert code(told) == (400, "malformed")
        assert words in told.json()["detail"]
    for name in ("code/request", "code/confirm", "login"):
        told = alice.post(API + name, body.encode())
        assert code(told) == (400, "malformed")
        assert words in told.json()["detail"]
    assert time.monotonic() - begun < 5


def test_depth_and_number_are_counted_outside_texts(alice: Caller) -> None:
    brackets = json.dumps({"first_name": '[{"' * 20, "last_name": "," * 60})
    assert alice.patch("me/", brackets).status_code == 200
    assert code(alice.patch("me/", nested(DEEPEST)))[1] == "invalid"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "text/xml", ""]
)
def test_what_is_not_sent_as_json_is_415(alice: Caller, kind: str) -> None:
    for path in ("/api/v1/consultations/", API + "code/request", API + "login"):
        told = alice.client.generic("POST", path, '{"email": "a@example.org"}', content_type=kind)
        assert code(told) == (415, "unsupported_media_type")


def test_a_body_of_any_kind_is_bounded_before_it_is_read(outsider: Caller) -> None:
    many = {f"f{n}": "1" for n in range(1500)}
    for path in ("/webhooks/twilio/inbound/", "/a/x", "/support/x", "/sandbox/"):
        large = Client().post(path, {"file": "x" * 300_000})
        assert code(large) == (413, "too_large"), path
        assert Client().post(path, many).status_code in (400, 403, 404), path
    for length in ("-1", "1e9", "99999999999999999999", "x"):
        told = Client().generic("POST", "/api/v1/holds/", b"{}", CONTENT_LENGTH=length)
        assert told.status_code == 413, length


# --- amounts, statements -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount", ["-1", "0", "1e309", "NaN", "Infinity", "1" + "0" * 30, "2147483648", '"1"', "1.5"]
)
def test_a17_no_amount_is_negative_nothing_huge_or_no_number(
    alice: Caller, chen: Caller, amount: str
) -> None:
    patient = alice.get("me/").json()["id"]
    for field in ("days_supply", "sessions", "refills"):
        if (field, amount) == ("refills", "0"):
            continue
        body = json.dumps({**prescription(patient), field: "@"}).replace('"@"', amount)
        assert chen.post("prescriptions/", body).status_code == 400, (field, amount)
    for setting in ("slot_step", "hold_minutes", "session_block", "texts_a_day"):
        body = json.dumps({setting: "@"}).replace('"@"', amount)
        assert chen.patch("settings/", body).status_code == 400, (setting, amount)


def test_a17_nobody_says_what_a_plan_costs(alice: Caller) -> None:
    walk = care(alice).agreed()
    plan = walk.sam.get("plans/").json()["results"][0]
    for more in ({"monthly_price": "-1.00"}, {"price": 0}, {"tips": -5}, {"currency": "EUR"}):
        told = alice.post("subscriptions/", {"plan": plan["id"], **more})
        assert code(told) == (400, "invalid")
    assert ok(alice.get("subscriptions/"))["results"] == []


SLEEPS = ["1;SELECT pg_sleep(3)--", "' OR pg_sleep(3) IS NULL--", "(SELECT pg_sleep(3))"]
ALIASES = [
    "patient__phone", "patient__user__password", "id__in", "pk", "a.b", "x\x01", "phone__regex",
    "id) FROM accounts_user--", "ordering__", "_connector", "*",
]  # fmt: skip


def test_a48_a_statement_in_a_parameter_is_text_and_takes_no_time(
    request: pytest.FixtureRequest, alice: Caller, sam: Caller, chen: Caller, outsider: Caller
) -> None:
    patient = alice.get("me/").json()["id"]
    begun = time.monotonic()
    for who, path, asked in LISTS:
        client = request.getfixturevalue(who).client
        at = "/api/v1/" + path.replace("{patient}", patient)
        for sleep in SLEEPS:
            for name in ("ordering", "cursor", "limit", *asked):
                told = client.get(f"{at}?{urlencode({name: sleep})}")
                free = name in ("search", "city", "state", "county", "kind", "gate", "step")
                assert told.status_code in ((200, 400, 422) if free else (400,)), (path, name)
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(("who", "path"), sorted({(who, path) for who, path, _ in LISTS}))
def test_a48_no_field_of_a_table_is_asked_or_ordered_by(
    request: pytest.FixtureRequest, alice: Caller, who: str, path: str
) -> None:
    client = request.getfixturevalue(who).client
    at = "/api/v1/" + path.replace("{patient}", alice.get("me/").json()["id"])
    for alias in ALIASES:
        for asked in ({alias: "1"}, {"ordering": alias}, {"ordering": f"-{alias}"}):
            told = client.get(f"{at}?{urlencode(asked)}")
            assert told.status_code in ((400, 403) if "clinical" in path else (400,)), (alias, path)
    deep = client.get(f"{at}?{quote('a[b][c]')}=1")
    assert deep.status_code == 400


def test_a48_a_statement_in_a_body_is_kept_as_text(alice: Caller, sam: Caller) -> None:
    typed = "Robert'); DROP TABLE patients_patient;--"
    assert alice.patch("me/", {"first_name": typed, "last_name": "' OR '1'='1"}).status_code == 200
    assert alice.get("me/").json()["first_name"] == typed
    assert ok(sam.get("patients/", search="' OR 1=1 --"))["results"] == []
    assert Patient.objects.count() == 3


# --- telephone numbers -------------------------------------------------------------------------

NOT_US = [
    "+18765550123", "+18095550123", "+12425550123", "+12465550123", "+12645550123",
    "+12685550123", "+12845550123", "+13455550123", "+14415550123", "+14735550123",
    "+16495550123", "+16645550123", "+17215550123", "+17585550123", "+17675550123",
    "+17845550123", "+18295550123", "+18495550123", "+18685550123", "+18695550123",
    "+19005550123", "+19765550123", "9005550123", "+18005550199", "+18885550199",
    "+18335550199", "+14165550123", "+16045550123", "72345", "911", "+442079460123",
    "+525555550123", "+881655550123", "+18505550101;ext=5", "+1850555010", "+185055501011",
    "tel:+18765550123", "1-876-555-0123", "（８７６）５５５０１２３",
]  # fmt: skip


@pytest.mark.parametrize("number", NOT_US)
def test_a42_a_number_that_is_not_of_the_united_states_is_taken_nowhere(
    alice: Caller, sam: Caller, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    patient, users = alice.get("me/").json()["id"], User.objects.count()
    draft = {"date_of_birth": "1990-05-17", "postal_code": "32501", "phone": number}
    stays = {"name": "B", "date_of_birth": "1980-01-01", "phone": number}
    caller = {"person": person(1, phone=number), "address": PENSACOLA, "consents": YES}
    for told in (
        Caller().post("assessments/", whole(phone=number)),
        Caller().post("assessments/drafts/", draft),
        sam.post("patients/", {**caller, "channel": "telephone"}),
        alice.post("me/support-persons/", stays),
        sam.post(f"patients/{patient}/support-persons/", {**stays, "channel": "telephone"}),
        sam.post(f"patients/{patient}/opt-out/", {"source": "telephone", "phone": number}),
    ):
        assert code(told) == (422, "not_us_number"), told.content
    asked = Caller().post(API + "code/request", {"phone": number})
    assert asked.status_code == 400  # the same for every such number
    assert (User.objects.count(), Message.objects.count()) == (users, 0)


# --- files -------------------------------------------------------------------------------------

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
ZIP = b"PK\x03\x04" + b"\x00" * 60


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("image/svg+xml", SVG, 415), ("text/html", b"<script>", 415),
        ("application/zip", ZIP, 415), ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/octet-stream", b"\x00", 415), ("text/csv", ZIP, 400), ("text/csv", SVG, 400),
        ("text/csv", b"GIF89a=1;\r\n" + b"\xff" * 20, 400),
        ("text/csv", b"x" * 300_000, 413),
    ],
)  # fmt: skip
def test_a61_the_one_upload_takes_a_sheet_and_nothing_else(
    sam: Caller, kind: str, body: bytes, status: int
) -> None:
    events = Event.objects.count()
    told = sam.client.generic("POST", "/api/v1/deliveries/tracking/", body, content_type=kind)
    assert told.status_code == status, told.content
    assert told["Content-Type"] == "application/problem+json"
    assert Event.objects.count() == events


def test_a61_a_path_in_a_sheet_is_the_name_of_no_parcel(sam: Caller) -> None:
    sheet = b"delivery,carrier,tracking\r\n../../etc/passwd,UPS,1Z1\r\n=cmd|x,UPS,1Z2\r\n"
    told = sam.client.generic(
        "POST", "/api/v1/deliveries/tracking/", sheet, content_type="text/csv"
    )
    assert [row["ok"] for row in ok(told)["results"]] == [False, False]
    assert not re.search(rb"root:", told.content)


def test_the_table_of_limits_has_the_narrow_ones_first() -> None:
    """Whom a narrow limit stops must take nothing from all the others."""
    for what, rows in LIMITS.items():
        names = [by for by, _, _ in rows]
        assert "total" not in names[: -names.count("total") or None], what
        assert names[0] in ("address", "user"), what
