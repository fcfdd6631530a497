# ruff: noqa: S608  the names of our own tables
"""A64: the audit holds every look, and who changes it afterwards is refused, or found."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from records import audit
from records.append_only import TABLES
from records.events import settled_before
from records.models import AccessLog, AuditSeal, Event
from records.tasks import seal_audit
from tests.care import care, ok, to
from tests.conftest import Caller, caller, owner
from tests.signing import Browser
from tests.test_consultations import wish
from tests.test_manners import routes

EVERYTHING = UUID(int=2**128 - 1)
OF_AUDIT = (*audit.COLUMNS, "records_auditseal")


def verify(*arguments: str) -> str:
    """What the command says; raises CommandError, with which it ends with 1."""
    out = StringIO()
    call_command("verify_audit", *arguments, stdout=out)
    return out.getvalue()


def hash_told(said: str) -> str:
    return said.strip().rsplit(" ", 1)[1]


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", OF_AUDIT)
def test_the_application_s_role_adds_and_reads_and_does_nothing_else(db: None, table: str) -> None:
    for statement in (
        f"UPDATE {table} SET {'number = 1' if 'seal' in table else 'id = id'}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"ALTER TABLE {table} DISABLE TRIGGER USER",
        f"DROP TABLE {table}",
        f"CREATE RULE nothing AS ON INSERT TO {table} DO INSTEAD NOTHING",
    ):
        with pytest.raises(ProgrammingError) as refused, transaction.atomic():
            connection.cursor().execute(statement)
        assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege), statement
    assert set(OF_AUDIT) <= set(TABLES)


def test_no_door_changes_it(alice: Caller, sam: Caller, chen: Caller, admin: Caller) -> None:
    for route in ("events/", "me/accesses/"):
        for who in (alice, sam, chen, admin):
            for method in ("post", "patch", "delete"):
                assert getattr(who, method)(route).status_code in (403, 405)
    assert not [r for r in routes() if "audit" in r or ("access" in r and r != "me/accesses/")]


def test_the_admin_does_not_show_it(now: object) -> None:
    client = Browser().sign_in("admin").client
    assert client.get("/admin/").status_code == 200
    for model in ("event", "accesslog", "correction", "auditseal"):
        assert client.get(f"/admin/records/{model}/").status_code == 404


# --- found ---------------------------------------------------------------------------------------


@contextmanager
def tampering(database: str) -> Iterator[psycopg.Connection]:
    """The owner, for whom no trigger fires; afterwards it is as before."""
    with owner(database) as its:
        its.execute("CREATE SCHEMA was")
        its.execute("SET session_replication_role = replica")  # no trigger, no foreign key
        for table in OF_AUDIT:
            its.execute(f"CREATE TABLE was.{table} AS TABLE public.{table}")
        try:
            yield its
        finally:
            undo(its)
            its.execute("DROP SCHEMA was CASCADE")


def undo(its: psycopg.Connection) -> None:
    """Everything is as it was when the tampering began."""
    for table in OF_AUDIT:
        its.execute(f"DELETE FROM {table}")
        its.execute(f"INSERT INTO {table} TABLE was.{table}")


COPY = (
    "INSERT INTO {0} SELECT (jsonb_populate_record(r, jsonb_build_object('id',"
    " '01900000-0000-7000-8000-000000000001'))).* FROM {0} r LIMIT 1"
)
BEFORE_LAST = "(SELECT max(number) - 1 FROM records_auditseal)"
CHANGED = [
    ("UPDATE records_event SET role = 'x' WHERE id = (SELECT id FROM records_event LIMIT 1)",
     "records_event"),
    ("UPDATE records_event SET payload = '{}' WHERE kind = 'consultation.booked'",
     "records_event"),
    ("DELETE FROM records_accesslog WHERE object_kind = 'patient'", "records_accesslog"),
    ("UPDATE records_accesslog SET address = '203.0.113.1'", "records_accesslog"),
    ("UPDATE records_accesslog SET reason = NULL WHERE reason IS NOT NULL", "records_accesslog"),
    ("UPDATE records_correction SET was = 'x'", "records_correction"),
    ("UPDATE patients_brokenglass SET ends_at = at", "patients_brokenglass"),
    (COPY.format("records_event"), "records_event"),
    (COPY.format("records_accesslog"), "records_accesslog"),
    ("UPDATE records_auditseal SET count = count + 1 WHERE number = 1", "seal 1 "),
    ("UPDATE records_auditseal SET hash = md5(hash) WHERE number = 2", "seal 2 "),
    (f"DELETE FROM records_auditseal WHERE number = {BEFORE_LAST}", "one before it is missing"),
]  # fmt: skip


def test_whoever_changes_removes_or_slips_in_a_row_is_found(
    committed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ROWS", 7)
    walk, admin = care(caller("alice")).approved(), caller("admin")
    ok(admin.post(f"patients/{walk.id}/break-glass/", {"reason": "nobody else is there"}))
    ok(admin.get(f"patients/{walk.id}/"))
    ok(walk.chen.get(f"patients/{walk.id}/"))
    booked = ok(caller("bruno").post("consultations/", wish("2026-12-08T15:00:00Z", "NJ")))["id"]
    to("2026-12-08T15:00Z")
    ok(walk.chen.post(f"consultations/{booked}/arrive/", {"location": {"state": "NJ"}}))
    ok(walk.chen.post(f"consultations/{booked}/correct/", {"reason": "somebody else"}))
    assert (
        audit.seal(before=EVERYTHING)
        == sum(model.objects.count() for model in (Event, AccessLog)) + 2
    )
    assert audit.seal(before=EVERYTHING) == 0
    whole = verify()
    with tampering(committed) as its:
        kept = hash_told(whole)
        for statement, place in CHANGED:
            assert its.execute(statement).rowcount > 0, statement
            with pytest.raises(CommandError, match=place):
                verify()
            undo(its)
            assert verify() == whole
        # Who makes all seals anew is found by the hash that was kept elsewhere.
        its.execute("UPDATE records_accesslog SET door = 'nowhere'")
        its.execute("DELETE FROM records_auditseal")
        audit.seal(before=EVERYTHING)
        assert hash_told(verify()) != kept
        with pytest.raises(CommandError, match="No seal has this hash"):
            verify("--anchor", kept)
    assert verify("--anchor", kept) == whole


def test_it_goes_on_from_seal_to_seal_and_an_earlier_hash_stays_good(
    alice: Caller, sam: Caller
) -> None:
    assert verify().startswith("0 rows")
    audit.seal(before=EVERYTHING)
    first = hash_told(verify())
    for _ in range(3):
        ok(sam.get("patients/"))
        audit.seal(before=EVERYTHING)
    assert hash_told(verify("--anchor", first)) != first
    numbers = list(AuditSeal.objects.values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert AuditSeal.objects.filter(table="records_accesslog", count=1).count() >= 2


def test_the_sweep_leaves_what_is_young_and_what_somebody_still_writes(committed: str) -> None:
    ok(caller("sam").get("patients/"))
    seal_audit()  # a minute of doubt: whose clock is right?
    assert not AuditSeal.objects.filter(table="records_accesslog").exists()
    assert audit.settled() < AccessLog.objects.latest("pk").pk < settled_before()


def test_every_look_has_who_what_why_and_when(alice: Caller, chen: Caller) -> None:
    me = ok(alice.get("me/"))["id"]
    ok(chen.get(f"patients/{me}/"))
    row = AccessLog.objects.get()
    assert (row.user, row.role, row.object_kind, row.object_ids) == (
        chen.user, "physician", "patient", [me],
    )  # fmt: skip
    assert row.at
    assert row.door == "api/v1/patients/<uuid:pk>/"
    assert row.request_id
