"""Whoever of the practice is shown something of a patient is written down: every door is walked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from notifications import incoming
from notifications.models import InboundMessage, Message
from notifications.writing import write_messages
from records import clock
from records.models import AccessLog
from tests.care import ON_THE_PHONE, SESSION, Care, care, ok, prescription
from tests.conftest import STAGES, Caller, caller
from tests.test_bad_input import Door, chain_doors, doors, filled
from tests.test_manners import routes

# What shows that an answer is about Alice: her id, her names, her ways.
SIGNS = ("{patient}", "Alice", "+18505550101", "alice@hearth.test", "1988-04-12")
DAYS = "from=2026-11-23&to=2026-12-20"
QUERIES = {"calendar/": DAYS + "&physician={physician}", "slots/": DAYS + "&state=FL",
           "delivery-windows/": DAYS + "&patient={patient}",
           "session-times/": DAYS + "&session={session}",
           "service-area/": "postal_code=32501"}  # fmt: skip
OF_ROUTE = {  # what the first id of a route names
    "physicians": "physician", "patients": "patient", "consultations": "meeting",
    "subscriptions": "plan_of", "deliveries": "parcel", "sessions": "session",
    "messages": "message", "assessments": "assessment", "delivery-zones": "zone",
    "delivery-windows": "window",
}  # fmt: skip


def _watched() -> dict[str, str]:
    """Alice at the end of the chain, with a hold, a text that came in, and messages."""
    alice, chen, sam = caller("alice"), caller("chen"), caller("sam")
    walk = care(alice).completed()
    ok(walk.session_verb("check-in", feeling="unwell", note="dizzy"))
    write_messages(now=clock.now())
    text = InboundMessage.objects.create(
        provider_id="SM1", sender="+18505550101", body="who are you?", meaning="",
        received_at=clock.now(), patient_id=walk.id,
    )  # fmt: skip
    incoming._act_or_leave(text, clock.now())
    window = ok(alice.get(f"deliveries/{walk.delivery['id']}/"))["window"]
    return {
        "patient": walk.id,
        "meeting": walk.consultation,
        "plan_of": walk.subscription,
        "parcel": walk.delivery["id"],
        "session": walk.session,
        "message": str(Message.objects.filter(patient__pk=walk.id).latest("pk").pk),
        "assessment": ok(alice.get("assessments/"))["results"][0]["id"],
        "zone": ok(sam.get("delivery-zones/"))["results"][0]["id"],
        "window": window["id"],
        "physician": ok(chen.get("physicians/"))["results"][0]["id"],
    }


STAGES["watched"] = _watched


@pytest.fixture
def watched(staged: dict[str, str]) -> dict[str, str]:
    return staged


@pytest.fixture
def chain(staged: dict[str, str]) -> dict[str, str]:
    return staged


@pytest.fixture
def world(staged: dict[str, str]) -> dict[str, str]:
    return staged


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def about_alice(content: bytes, patient: str) -> bool:
    text = content.decode()
    return any(sign.replace("{patient}", patient) in text for sign in SIGNS)


def path_of(route: str, world: dict[str, str]) -> str:
    """The address of a route, with ids of things that there are."""
    of = OF_ROUTE.get(route.split("/")[0], "")
    path = re.sub(r"<uuid:pk>", world.get(of, "") or str(uuid4()), route)
    path = re.sub(r"<uuid:row>", str(uuid4()), path).replace("<int:number>", "1")
    return path.replace("<str:token>", "t") + "?" + str(filled(QUERIES.get(route, ""), world))


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
@pytest.mark.parametrize("name", ["sam", "chen"])
def test_no_door_shows_a_patient_without_writing_down_who_looked(
    watched: dict[str, str], name: str, accept: str
) -> None:
    who, patient, shown = caller(name), watched["patient"], set()
    for route in routes():
        before = AccessLog.objects.latest("pk").pk
        answer = who.get(path_of(route, watched), headers={"Accept": accept})
        if answer.status_code == 200 and about_alice(answer.content, patient):
            rows = AccessLog.objects.filter(pk__gt=before, patient_ids__contains=[patient])
            assert [row.door for row in rows] == [f"api/v1/{route}"], route
            assert {row.user for row in rows} == {who.user}
            shown.add(route)
    assert len(shown) >= (20 if accept == "application/json" else 5), shown


def writes(of: dict[str, Door], world: dict[str, str], patient: str) -> set[str]:
    """The doors among these at which colleagues are shown the patient whom they write about."""
    shown = set()
    for name, (by, method, path, body) in of.items():
        if by not in ("sam", "chen"):
            continue
        who = caller(by)
        before = AccessLog.objects.latest("pk").pk
        with undone():
            answer = getattr(who, method)(filled(path, world), filled(body, world))
            if answer.status_code in (200, 201) and about_alice(answer.content, patient):
                rows = AccessLog.objects.filter(pk__gt=before, patient_ids__contains=[patient])
                assert rows.exists(), name
                assert not rows.filter(denied=True).exists(), name
                shown.add(name)
    return shown


def test_what_a_colleague_writes_and_is_shown_is_written_down_as_a_look(
    chain: dict[str, str], chen: Caller
) -> None:
    ok(chen.get(f"patients/{chain['patient']}/"))  # there is a first row
    of = {name: door for doors_ in chain_doors().values() for name, door in doors_.items()}
    shown = writes(of, chain, chain["patient"])
    assert shown >= {"hold_patient", "clear", "cancel_parcel", "no_signer", "end_prescription"}


def test_so_it_is_with_those_of_talks(world: dict[str, str], chen: Caller) -> None:
    ok(chen.get(f"patients/{world['patient']}/"))
    shown = writes(doors(), world, world["patient"])
    assert shown >= {"cancel_message", "resend_message", "patient_address"}


def test_so_it_is_with_what_they_begin(prescribed: Care, eve: Caller) -> None:
    walk, hers = prescribed, ok(eve.get("me/"))["id"]
    talk = {"start": "2026-12-02T16:00:00Z", "kind": "initial", "location": {"state": "NJ"}}
    for who, path, body, patient in (
        (walk.sam, "consultations/", {**talk, "patient": hers, **ON_THE_PHONE}, hers),
        (walk.sam, "sessions/", {"patient": walk.id, "start": SESSION, **ON_THE_PHONE}, walk.id),
        (walk.chen, "prescriptions/", prescription(walk.id, external_reference="RX-9"), walk.id),
    ):
        assert ok(who.post(path, body))["patient"] == patient
        row = AccessLog.objects.latest("pk")
        assert (row.user, row.patient_ids, row.door) == (who.user, [patient], f"api/v1/{path}")


def test_a_look_says_from_where_by_which_door_and_in_which_request(
    alice: Caller, sam: Caller, settings: Any
) -> None:
    me = ok(alice.get("me/"))["id"]
    asked = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Request-ID": "proxy-1"}
    for trusted, address in ((0, "127.0.0.1"), (1, "198.51.100.7"), (2, "203.0.113.9")):
        settings.TRUSTED_PROXY_COUNT = trusted
        assert sam.get(f"patients/{me}/", headers=asked)["X-Request-ID"] == "proxy-1"
        row = AccessLog.objects.latest("pk")
        assert (row.address, row.request_id) == (address, "proxy-1")
        assert (row.door, row.reason, row.denied) == ("api/v1/patients/<uuid:pk>/", None, False)
    sam.get(f"patients/{me}/", headers={"X-Forwarded-For": "'; DROP TABLE"})
    assert AccessLog.objects.latest("pk").address is None


def test_what_one_does_with_one_s_own_is_no_look(alice: Caller) -> None:
    for path in ("me/", "me/timeline/", "consultations/", "assessments/", "messages/"):
        ok(alice.get(path))
    assert not AccessLog.objects.exists()


def test_an_answer_that_is_given_again_is_a_look_again(sam: Caller, alice: Caller) -> None:
    """At a door that shows a patient in answer to a write."""
    path = f"patients/{ok(alice.get('me/'))['id']}/text-hours/"
    wish = {"text_from": "09:00", "text_until": "18:00", "channel": "telephone"}
    for _ in range(2):
        ok(sam.post(path, wish, Idempotency_Key="once"))
    first, again = AccessLog.objects.order_by("pk")
    assert first.request_id != again.request_id
    for name in ("user", "role", "object_kind", "object_ids", "patient_ids", "door"):
        assert getattr(first, name) == getattr(again, name)
