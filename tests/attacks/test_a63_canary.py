"""A63: a canary in every personal field, a story, and none of them where it must not be."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
import requests
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.test import Client
from psycopg import sql
from psycopg.types.json import Jsonb

from accounts.models import Practice, User
from notifications.sandbox.models import SandboxMessage
from patients.models import Patient
from records import audit
from records.crypto import Encrypted, EncryptedJson, encrypt
from records.models import IdempotentAnswer
from records.tasks import forget_old_answers
from scheduling.models import Physician
from scheduling.tasks import replan_everyone
from tests.care import Care, care, ok
from tests.conftest import Caller, caller, owner
from tests.test_settings import Kept
from tests.texting import book, inbound, later, run, texts

OURS = {"records", "accounts", "patients", "scheduling", "notifications"}
# Codes, ids and hashes, whatever model they stand in; all else that is text is somebody's.
CODES = {
    "about_kind", "cancelled_by", "channel", "code", "currency", "details", "detail", "digest",
    "door", "error_code", "etag", "for_role", "hash", "held_because", "hold_address",
    "hold_browser", "hold_kind", "hold_secret", "hold_state", "history", "key", "kind", "meaning",
    "number", "object_ids", "object_kind", "offered", "password", "patient_ids", "payload",
    "previous", "provider_id", "reference", "request", "request_id", "review", "risks_told", "role",
    "scope", "secret", "source", "state", "location_state", "arrived_state", "status", "step",
    "table", "time_zone", "understood", "unmet_gates", "version", "was", "why", "flags",
    "postal_code", "county",
}  # fmt: skip
# The name and the link of a physician are told to every patient, those of the practice to all.
PUBLIC = (Physician, Practice)
NUMBERS = iter(f"+1850555{n:04d}" for n in range(171, 199))
Column = tuple[type[models.Model], Any]


def concerns(model: type[models.Model], seen: frozenset[Any] = frozenset()) -> bool:
    """Whether a row is about a person: it points at one, or at what does, or has a number."""
    if model in (Patient, User) or any(f.name == "phone" for f in model._meta.local_fields):
        return True
    others = {f.related_model for f in model._meta.local_fields if f.is_relation} - seen
    return any(concerns(other, seen | {model}) for other in others if isinstance(other, type))


def personal() -> Iterator[Column]:
    """Every column that may hold what somebody said, or who they are."""
    for model in apps.get_models():
        if model._meta.app_label not in OURS or not concerns(model) or model in PUBLIC:
            continue
        for field in model._meta.local_fields:
            text = isinstance(field, (models.CharField, models.TextField, Encrypted))
            born = isinstance(field, models.DateField) and "birth" in field.name
            if (text or born) and not field.choices and field.name not in CODES:
                yield model, field


def canary(number: int, field: Any) -> str:
    """What stands in a field and nowhere else; of a telephone, a number of its own."""
    if "phone" in field.name or field.name in ("to", "sender"):
        return next(NUMBERS)
    if isinstance(field, models.DateField):
        return date(1931, 1, number % 28 + 1).isoformat()
    if isinstance(field, models.EmailField):
        return f"canary{number}@example.org"
    if field.max_length and field.max_length < 10:
        return f"~Q{number % 10}~"[: field.max_length]
    return f"Zq{number}canary"


def plant(database: str, alice: User) -> dict[str, str]:
    """A canary into every personal column of what there is; of people, into Alice's. By place."""
    planted: dict[str, str] = {}
    with owner(database) as its:
        its.execute("SET session_replication_role = replica")  # also into what only grows
        for number, (model, field) in enumerate(personal()):
            word = canary(number, field)
            place = f"{model._meta.db_table}.{field.column}"
            value: Any = word
            if isinstance(field, EncryptedJson):
                value = encrypt(json.dumps({"reason": word}), of=place)
            elif isinstance(field, Encrypted):
                value = encrypt(word, of=place)
            elif isinstance(field, models.JSONField):
                value = Jsonb([word])
            statement = sql.SQL("UPDATE {} SET {} = %s").format(
                sql.Identifier(model._meta.db_table), sql.Identifier(field.column)
            )
            if model in (User, Patient):
                mine = alice.pk if model is User else Patient.objects.get(user=alice).pk
                its.execute(statement + sql.SQL(" WHERE id = %s"), [value, mine])
            else:
                its.execute(statement, [value])
            planted[place] = word
    return planted


@contextmanager
def loudly_broken(database: str, verb: str, table: str) -> Iterator[None]:
    """While it lasts, PostgreSQL refuses a verb on a table, and says the whole row aloud."""
    with owner(database) as its:
        its.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
            "RAISE EXCEPTION 'broken: %', coalesce(OLD, NEW)::text; END$$"
        )
        its.execute(
            f"CREATE TRIGGER broken BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        try:
            yield
        finally:
            its.execute("DROP FUNCTION refuse CASCADE")


def broker() -> str:
    """Everything that the broker holds."""
    with redis.Redis.from_url(settings.BROKER_URL) as server:
        held = []
        for key in server.keys("*"):
            kind = server.type(key)
            if kind == b"list":
                held += server.lrange(key, 0, -1)
            elif kind == b"hash":
                held += [*server.hgetall(key).keys(), *server.hgetall(key).values()]
            elif kind == b"string":
                held.append(server.get(key) or b"")
            held.append(key)
    return b"\n".join(held).decode(errors="replace")


def written(*tables: str) -> str:
    """All rows of some tables, as text."""
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Every line that is logged, at the level at which everything is."""
    root, handler = logging.getLogger(), Kept()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(before)
    root.removeHandler(handler)


def test_the_fields_are_walked_and_not_listed() -> None:
    places = {f"{model._meta.db_table}.{field.column}" for model, field in personal()}
    assert {
        "patients_patient.first_name", "patients_patient.date_of_birth", "patients_patient.phone",
        "patients_address.line1", "patients_assessment.answers", "patients_supportperson.name",
        "patients_identitycheck.last4", "scheduling_consultation.note",
        "scheduling_delivery.signer_date_of_birth", "scheduling_treatmentsession.check_in_note",
        "notifications_inboundmessage.body", "notifications_optout.phone", "accounts_user.email",
        "records_workitem.note", "records_correction.reason", "scheduling_delivery.tracking",
    } <= places  # fmt: skip


def story(walk: Care, web: str, phone: str, words: dict[str, str]) -> list[bytes]:
    """What happens to Alice now; what was answered to those who must not know anything of her."""
    alice, sam, chen, eve = walk.who, walk.sam, walk.chen, caller("eve")
    here = {"state": "FL", "line1": words["line1"], "city": words["city"]}
    talk = {"start": "2026-12-10T16:00:00Z", "kind": "follow_up", "location": here}
    ok(alice.post("me/consents/", {"kind": "sms", "accepted": True}))
    made = ok(alice.post("consultations/", talk, Idempotency_Key="k"))["id"]
    ok(alice.post(f"consultations/{made}/reschedule/", {"start": "2026-12-10T17:00:00Z"}))
    later()
    run()
    ok(alice.post(f"consultations/{made}/cancel/", {"reason": words["reason"]}))
    ok(chen.post(f"patients/{walk.id}/clinical-holds/", {"note": words["note"]}))
    ok(sam.get("patients/", search=words["name"]))
    ok(sam.get("patients/", search=phone))
    for who in (sam, chen):
        for path in ("patients/", "messages/", "work-items/", "inbox/"):
            ok(who.get(path))
    assert inbound(web, "SM9", f"C {words['text']}", phone) == 200
    assert inbound(web, "SM10", "C", phone) == 200
    later()
    run()
    answers = [
        eve.get(f"patients/{walk.id}/"), eve.get(f"consultations/{made}/"),
        eve.get("consultations/", patient=walk.id), eve.post(f"consultations/{made}/confirm/"),
        Caller().get(f"consultations/{made}/"), Caller().get(f"/nowhere/{words['name']}/"),
        Caller().get(f"/a/{words['text']}"), Caller().get(f"/support/{words['text']}"),
        Caller().get("/metrics"), Caller().get("/api/schema/"),
        Caller().post("/webhooks/twilio/inbound/", {"Body": words["text"]}),
    ]  # fmt: skip
    return [
        answer.content for answer in answers if f"/{words['name']}/" not in answer.wsgi_request.path
    ]


def failures(walk: Care, database: str) -> list[bytes]:
    """Faults of ours: requests that end with 500, and sweeps that raise."""
    client = Client(raise_request_exception=False)
    headers = {"Authorization": walk.who.client.defaults["HTTP_AUTHORIZATION"]}
    talk = {"start": "2026-12-11T16:00:00Z", "kind": "follow_up", "location": {"state": "FL"}}
    with loudly_broken(database, "INSERT", "scheduling_consultation"):
        failed = client.post(
            "/api/v1/consultations/?why=Zq906canary",
            json.dumps(talk),
            content_type="application/json",
            headers=headers,
        )
    assert failed.status_code == 500
    IdempotentAnswer.objects.update(answered_at="2020-01-01T00:00Z")
    with loudly_broken(database, "DELETE", "records_idempotentanswer"):
        assert forget_old_answers.apply().failed()
    with loudly_broken(database, "UPDATE", "patients_patient"):
        replan_everyone.apply()
    return [failed.content]


def test_no_canary_is_found_where_it_must_not_be(
    committed: str, web: str, lines: list[dict[str, Any]]
) -> None:
    walk = care(caller("alice")).delivered().planned()
    ok(walk.sam.get("patients/"))
    run()
    alice = User.objects.get(pk=walk.who.user.pk) if walk.who.user else None
    assert alice
    planted = plant(committed, alice)
    words = {
        "line1": "Zq901canary", "city": "Zq902canary", "reason": "Zq903canary",
        "note": "Zq904canary", "text": "Zq905canary", "query": "Zq906canary",
        "name": planted["patients_patient.first_name"],
    }  # fmt: skip
    phone = planted["patients_patient.phone"]
    assert ok(walk.who.get("me/"))["first_name"] == words["name"]
    pages = story(walk, web, phone, words) + failures(walk, committed)
    pages.append(requests.get(f"{web}/metrics", timeout=5).content)
    audit.seal(before=UUID(int=2**128 - 1))
    assert texts(phone), "nothing was told, so nothing was searched"
    assert any(line["event"] == "sweep_failed" for line in lines)
    sent = SandboxMessage.objects.filter(direction="outbound-api")
    held = broker()
    assert '"task": "notifications.write_messages"' in held
    sinks = {
        "the log": json.dumps(lines),
        "the broker": held,
        "facts": written("records_event", "records_outbox", "records_auditseal",
                         "django_celery_beat_periodictask"),
        "who looked": written("records_accesslog"),
        "what is to do": "\n".join(apps.get_model("records.WorkItem").objects.values_list(
            "detail", flat=True)),
        "texts and mails": "\n".join(f"{m.subject} {m.body}" for m in sent),
        "addresses": "\n".join(m.callback for m in SandboxMessage.objects.all()),
        "answers and error pages": b"\n".join(pages).decode(),
    }  # fmt: skip
    every = {**planted, **{f"the story's {name}": word for name, word in words.items()}}
    hits = [
        f"{place} ({word}) in {sink}"
        for place, word in every.items()
        for sink, text in sinks.items()
        if word in text or word.lstrip("+1") in text
    ]
    assert hits == []


def test_a_task_has_no_arguments(committed: str) -> None:
    """What the broker carries is the name of a sweep."""
    with redis.Redis.from_url(settings.BROKER_URL) as server:
        book(caller("alice"))
        tasks = [json.loads(raw) for raw in server.lrange("celery", 0, -1)]
    assert tasks
    for task in tasks:
        assert task["headers"]["argsrepr"] == "()"
        assert task["headers"]["kwargsrepr"] == "{}"


def test_the_row_of_a_failure_is_what_the_database_says_aloud(committed: str) -> None:
    """That nothing of it is logged proves something: PostgreSQL's own words hold the row."""
    with (
        loudly_broken(committed, "UPDATE", "patients_patient"),
        owner(committed) as its,
        pytest.raises(psycopg.Error, match="Alice"),
    ):
        its.execute("UPDATE patients_patient SET version = 2 WHERE first_name = 'Alice'")
