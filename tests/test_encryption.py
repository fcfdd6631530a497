"""What people write about health is ciphertext in the database, whose keys rotate."""

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection

from notifications.models import InboundMessage
from patients.models import Assessment, BrokenGlass
from records.crypto import Encrypted, decrypt, encrypt
from records.models import Correction, IdempotentAnswer, WorkItem
from records.rewriting import columns
from rights.models import Export
from scheduling.demo import answers
from scheduling.models import Consultation, Decision, TreatmentSession
from tests.care import Care, care, ok
from tests.cast import PENSACOLA, YES, person
from tests.conftest import TEMPLATE, Caller, caller, clone, drop, owner, urls_of
from tests.started import ROOT

WORDS = "they sleep badly since the spring"


def told(of: str) -> list[str]:
    """What stands in a column (``table.column``), as the database itself sees it."""
    table, column = of.split(".")
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}"')  # noqa: S608
        return [value for (value,) in cursor.fetchall()]


def write_all(walk: Care) -> None:
    """Each of the columns gets words, through the doors where one of the cast writes them."""
    patient, chen = walk.id, walk.chen
    assert chen.user
    talk = ok(walk.who.post("consultations/", {
        "start": "2026-12-04T15:00:00Z", "kind": "follow_up", "location": {"state": "FL"}
    }))["id"]  # fmt: skip
    ok(walk.who.post(f"consultations/{talk}/cancel/", {"reason": WORDS}, Idempotency_Key="k"))
    ok(chen.post(f"patients/{patient}/clinical-holds/", {"note": WORDS}))
    ok(walk.sam.post(f"patients/{patient}/address/", {
        "line1": "100 Palafox St", "city": "Pensacola", "state": "FL", "postal_code": "32501",
        "kind": "correction", "reason": WORDS}))  # fmt: skip
    draft = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"}
    ok(Caller().post("assessments/drafts/", draft))
    meeting = Consultation.objects.get(pk=walk.consultation)
    Consultation.objects.filter(pk=meeting.pk).update(note=WORDS)
    Correction.objects.create(
        object_kind="x", object_id=uuid4(), was="x", reason=WORDS, corrected_by=chen.user,
        corrected_at=meeting.end,
    )  # fmt: skip
    InboundMessage.objects.create(
        provider_id="SM1", sender="+18505550101", body=WORDS, meaning="", received_at=meeting.end
    )
    BrokenGlass.objects.create(patient=meeting.patient, user=chen.user, reason=WORDS)
    stranger = {"person": person(1, phone="+18505550101"), "address": PENSACOLA, "consents": YES}
    ok(Caller().post("assessments/", {**stranger, "answers": answers()}))
    item = ok(walk.sam.get("work-items/"))["results"][0]["id"]
    ok(walk.sam.post(f"work-items/{item}/close/", {"note": WORDS}))
    TreatmentSession.objects.update(check_in_note=WORDS, override_reason=WORDS)
    wish = ok(walk.who.post("me/amendments/", {"about": None, "text": WORDS}))["id"]
    ok(chen.post(f"amendments/{wish}/answer/", {"accepted": True, "text": WORDS}))
    admin, hold = caller("admin"), f"patients/{patient}/legal-hold/"
    ok(admin.post(hold, {"reason": WORDS}))
    assert admin.delete(hold, {"reason": WORDS}).status_code == 204
    looked = {"document": "passport", "last4": "1234"}
    ok(walk.sam.post(f"patients/{patient}/identity-checks/", looked))
    contact = {"phone": "+18505550188", "reason": WORDS}
    ok(walk.sam.post(f"patients/{patient}/contact/", contact))
    Export.objects.create(
        patient=meeting.patient, format="json", asked_at=meeting.end, content=WORDS
    )


def test_every_such_column_is_ciphertext_and_is_read_as_it_was_written(prescribed: Care) -> None:
    walk = prescribed.planned()
    write_all(walk)
    places = {f"{table}.{column}" for table, _, column in columns()}
    assert places == {
        "records_correction.reason", "records_workitem.note", "records_idempotentanswer.body",
        "patients_address.reason", "patients_assessment.answers",
        "patients_assessment.crisis_answers", "patients_assessment.contact",
        "patients_brokenglass.reason", "patients_clinicalhold.note",
        "patients_contactchange.reason",
        "rights_export.content", "rights_amendment.text", "rights_amendmentanswer.text",
        "rights_legalhold.reason", "rights_legalhold.lift_reason",
        "scheduling_consultation.cancel_reason", "scheduling_consultation.note",
        "scheduling_decision.note", "scheduling_treatmentsession.check_in_note",
        "scheduling_treatmentsession.override_reason", "notifications_inboundmessage.body",
    }  # fmt: skip
    for place in places:
        values = [value for value in told(place) if value]
        assert values, place
        for value in values:
            assert value.startswith("k1:"), place
            assert decrypt(value, of=place)
            assert WORDS not in value
        assert len(set(values)) == len(values)  # the same words look different each time
    assert ok(walk.chen.get(f"consultations/{walk.consultation}/"))["note"] == WORDS
    (draft,) = Assessment.objects.filter(status="draft")
    assert draft.contact == {"phone": "", "email": "d@example.org"}
    assert Assessment.objects.filter(patient__pk=walk.id).latest("pk").answers["suic"] == "no"


def test_nothing_is_looked_up_by_what_is_encrypted(db: None) -> None:
    for lookup in ("note", "note__contains", "note__isnull", "note__startswith"):
        with pytest.raises(FieldError):
            Consultation.objects.filter(**{lookup: "x"}).exists()
    for lookup in ("answers", "answers__suic", "answers__contains", "answers__has_key"):
        with pytest.raises(FieldError):
            Assessment.objects.filter(**{lookup: "x"}).exists()
    with pytest.raises(FieldError):
        WorkItem.objects.exclude(note="").exists()


def test_what_is_moved_changed_or_of_another_key_does_not_open(
    prescribed: Care, settings: Any
) -> None:
    walk = prescribed
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scheduling_consultation SET cancel_reason = note WHERE id = %s",
            [walk.consultation],
        )
    with pytest.raises(InvalidTag):
        Consultation.objects.get(pk=walk.consultation)
    sealed = encrypt(WORDS, of="a.b")
    assert decrypt(sealed, of="a.b") == WORDS
    with pytest.raises(InvalidTag):
        decrypt(sealed[:-4] + "AAA=", of="a.b")
    settings.FIELD_KEYS = {"k1": os.urandom(32)}
    with pytest.raises(InvalidTag):
        decrypt(sealed, of="a.b")
    settings.FIELD_KEYS = {"k2": os.urandom(32)}
    with pytest.raises(KeyError):
        decrypt(sealed, of="a.b")
    with pytest.raises(KeyError):
        Decision.objects.get()


# --- other keys ----------------------------------------------------------------------------------


def rotated() -> list[str]:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue().splitlines()


def test_keys_rotate_while_everything_is_read_and_nothing_else_changes(
    as_owner: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("records.rewriting.BATCH", 2)
    walk = care(caller("alice")).prescribed()
    walk.planned()
    write_all(walk)
    first, places = settings.FIELD_KEYS, [f"{table}.{column}" for table, _, column in columns()]
    settings.FIELD_KEYS = {"k2": os.urandom(32), **first}
    assert ok(walk.chen.get(f"consultations/{walk.consultation}/"))["note"] == WORDS  # the old one
    said = rotated()
    assert {line.split(":")[0] for line in said} == {*places, "k1", "k2"}
    assert said[-2:] == ["k2: in use", "k1: used no more"]
    assert all(value.startswith("k2:") for place in places for value in told(place) if value)
    # What was written meanwhile by a process that knows the old key alone is found the next time.
    new, settings.FIELD_KEYS = settings.FIELD_KEYS, first
    IdempotentAnswer.objects.create(scope="s", request="r", status=200, body=WORDS)
    settings.FIELD_KEYS = new
    assert rotated() == ["records_idempotentanswer.body: 1", "k2: in use", "k1: used no more"]
    settings.FIELD_KEYS = {"k2": new["k2"]}
    assert ok(walk.chen.get(f"consultations/{walk.consultation}/"))["note"] == WORDS
    assert rotated() == ["k2: in use"]
    with owner(as_owner) as its, pytest.raises(psycopg.Error, match="is append-only"):
        its.execute("UPDATE scheduling_decision SET note = ''")


def test_a_key_that_is_missing_stops_it_before_anything_is_lost(
    as_owner: str, settings: Any
) -> None:
    before = told("patients_assessment.answers")
    settings.FIELD_KEYS = {"k2": os.urandom(32)}
    with pytest.raises(KeyError):
        rotated()
    assert told("patients_assessment.answers") == before


# --- what was there before -----------------------------------------------------------------------


@pytest.fixture
def old(django_db_setup: None) -> Iterator[str]:
    """A database of its own, with the cast in it; its name."""
    name = f"hearth_test_{uuid4().hex[:16]}"
    clone(name, TEMPLATE)
    yield name
    drop(name)


def migrate(name: str, *to: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--database", "owner", *to]
    env = os.environ | urls_of(name)
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_was_written_in_the_clear_is_encrypted_by_the_migration_and_back(old: str) -> None:
    read = "SELECT answers::text, crisis_answers::text FROM patients_assessment ORDER BY id"
    with owner(old) as its:
        sealed = its.execute(read).fetchall()
        assert all(a.startswith("k1:") and c.startswith("k1:") for a, c in sealed)
    migrate(old, "patients", "0005")
    with owner(old) as its:
        clear = its.execute(read).fetchall()
        assert all('"suic": "no"' in answers and crisis == "{}" for answers, crisis in clear)
        kind = "SELECT pg_typeof(answers)::text FROM patients_assessment LIMIT 1"
        assert its.execute(kind).fetchone() == ("jsonb",)
        its.execute("ALTER TABLE patients_address DISABLE TRIGGER USER")
        its.execute("UPDATE patients_address SET reason = %s", [WORDS])
        its.execute("ALTER TABLE patients_address ENABLE TRIGGER USER")
    migrate(old, "patients")
    with owner(old) as its:
        (answers, _), *_ = its.execute(read).fetchall()
        assert '"suic": "no"' in decrypt(answers, of="patients_assessment.answers")
        (reason,) = its.execute("SELECT reason FROM patients_address LIMIT 1").fetchone() or ("",)
        assert decrypt(reason, of="patients_address.reason") == WORDS
        with pytest.raises(psycopg.Error, match="is append-only"):
            its.execute("UPDATE patients_address SET reason = ''")


# --- what must be encrypted ----------------------------------------------------------------------

# Free text that is none of a patient's health; docs/security.md tells why.
IN_THE_CLEAR = {
    "records.Rule.text", "notifications.Message.body", "scheduling.CarrierEvent.body",
    "sandbox.SandboxMessage.body", "sandbox.SandboxMessage.callback",
}  # fmt: skip


def test_no_new_free_text_stands_in_the_clear_without_being_named_here() -> None:
    from django.apps import apps
    from django.db.models import TextField

    found = {
        f"{model._meta.app_label}.{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model.__module__.split(".")[0] in ("records", "accounts", "patients", "scheduling",
                                              "notifications", "rights")
        for field in model._meta.local_fields
        if type(field) is TextField and not isinstance(field, Encrypted)
    }  # fmt: skip
    assert found == IN_THE_CLEAR


@pytest.mark.parametrize(
    "text",
    [
        "", "k1", "k1:", "k1:short", f"k1:{b64encode(b'x' * 31).decode()}",
        f"k1:{b64encode(bytes(32)).decode()}", f"K1:{b64encode(bytes(range(32))).decode()}",
        f":{b64encode(bytes(range(32))).decode()}",
        ",".join([f"k1:{b64encode(bytes(range(32))).decode()}"] * 2),
    ],
)  # fmt: skip
def test_keys_that_are_none_are_refused_at_the_start(text: str) -> None:
    from tests.test_settings import start
    from tests.test_settings import told as said

    done = start(FIELD_KEYS=text)
    assert done.returncode == 1
    assert "FIELD_KEYS" in said(done)
    assert text[4:] not in said(done) or not text[4:]
