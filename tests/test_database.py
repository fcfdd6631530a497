"""Two roles, what only grows, the clock, rules and numbers by date."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from patients.models import Patient
from records import audit, clock
from records.append_only import TABLES
from records.ids import uuid7
from records.models import Event, Rule
from records.once import add_once
from records.values import DEFAULTS, in_force, rule_on
from scheduling.models import Physician, Reservation
from tests.care import care, ok, to
from tests.carrying import report
from tests.cast import NOW
from tests.conftest import Caller, caller, owner, put_back
from tests.test_bad_input import state_of_all
from tests.test_consultations import wish


def sql(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


# --- the application's role ------------------------------------------------------------------


def test_the_application_serves_as_a_role_that_owns_nothing(db: None) -> None:
    ((me, is_super, creates, roles),) = sql(
        "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles"
        " WHERE rolname = current_user"
    )
    assert (me, is_super, creates, roles) == ("hearth_app", False, False, False)
    assert sql("SELECT relname FROM pg_class WHERE relowner = 'hearth_app'::regrole") == []
    assert sql("SELECT proname FROM pg_proc WHERE proowner = 'hearth_app'::regrole") == []
    ((mine,),) = sql("SELECT datdba = 'hearth_app'::regrole FROM pg_database WHERE datname = "
                     "current_database()")  # fmt: skip
    assert mine is False


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE records_event",
        "ALTER TABLE records_event DISABLE TRIGGER ALL",
        "DROP FUNCTION refuse_change() CASCADE",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())",
        "SET session_replication_role = 'replica'",
        "TRUNCATE scheduling_reservation CASCADE",
    ],
)
def test_it_may_not_change_how_the_house_is_built(db: None, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused, transaction.atomic():
        sql(statement)
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


CHANGES = {
    "records_event": "UPDATE {} SET kind = 'x'",
    "records_accesslog": "UPDATE {} SET role = 'x'",
    "records_auditseal": "UPDATE {} SET hash = 'x'",
    "patients_brokenglass": "UPDATE {} SET reason = 'x'",
    "patients_address": "UPDATE {} SET city = 'x'",
    "patients_consent": "UPDATE {} SET accepted = false",
    "patients_contactchange": "UPDATE {} SET old = 'x'",
    "records_correction": "UPDATE {} SET reason = 'x'",
    "patients_identitycheck": "UPDATE {} SET last4 = '0000'",
    "rights_amendment": "UPDATE {} SET text = 'x'",
    "rights_amendmentanswer": "UPDATE {} SET accepted = false",
    "scheduling_carrierevent": "UPDATE {} SET code = 'x'",
    "scheduling_custodyevent": "UPDATE {} SET status = 'x'",
    "scheduling_decision": "UPDATE {} SET note = 'x'",
    "scheduling_reading": "UPDATE {} SET pulse = 99",
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["change", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_only_grows_is_refused_to_the_application_by_its_rights(
    db: None, table: str, statement: str
) -> None:
    text = (CHANGES[table] if statement == "change" else statement).format(table)
    with pytest.raises(ProgrammingError) as refused, transaction.atomic():
        sql(text)
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert "permission denied" in str(refused.value)


def test_and_to_the_owner_by_trigger(committed: str, secret: str) -> None:
    """All tables hold something: a patient has come to the end of the chain, one was corrected."""
    walk = care(caller("alice")).completed()
    talk = wish("2026-12-08T15:00:00Z", "NJ")
    booked = ok(caller("bruno").post("consultations/", talk))["id"]
    to("2026-12-08T15:00Z")
    ok(walk.chen.post(f"consultations/{booked}/arrive/", {"location": {"state": "NJ"}}))
    ok(walk.chen.post(f"consultations/{booked}/correct/", {"reason": "somebody else"}))
    assert report("in_transit", "2026-12-02T21:00:00Z").status_code == 204
    why = {"reason": "to see what is there"}
    ok(caller("admin").post(f"patients/{walk.id}/break-glass/", why))
    asked = ok(walk.who.post("me/amendments/", {"about": None, "text": "x"}))["id"]
    ok(walk.chen.post(f"amendments/{asked}/answer/", {"accepted": True, "text": "x"}))
    assert audit.seal(before=UUID(int=2**128 - 1))
    her, looked = walk.id, {"document": "passport", "last4": "1234"}
    ok(walk.sam.post(f"patients/{her}/identity-checks/", looked))
    ok(walk.sam.post(f"patients/{her}/contact/", {"phone": "+18505550188", "reason": "new"}))
    with owner(committed) as its:
        for table in TABLES:
            for statement in (CHANGES[table], "DELETE FROM {}", "TRUNCATE {} CASCADE"):
                with pytest.raises(psycopg.Error, match=f"{table} is append-only"):
                    its.execute(statement.format(table))


# --- facts -----------------------------------------------------------------------------------


def test_every_event_carries_who_how_and_why(alice: Caller) -> None:
    made = alice.post("consultations/", wish()).json()
    event = Event.objects.get(object_id=made["id"])
    assert alice.user
    assert (event.actor_id, event.role, event.channel) == (alice.user.pk, "patient", "web")
    assert event.cause
    assert str(event.patient_id) == made["patient"]
    assert event.payload == {"revision": 1}


def test_what_one_act_causes_bears_one_cause(outsider: Caller) -> None:
    from tests.test_assessments import answers, body

    before = set(Event.objects.values_list("pk", flat=True))
    outsider.post("assessments/", body(answers=answers(card="yes")))
    new = Event.objects.exclude(pk__in=before)
    assert set(new.values_list("kind", flat=True)) == {
        "patient.created", "consents.recorded", "assessment.submitted", "assessment.flagged",
    }  # fmt: skip
    assert new.values("cause").distinct().count() == 1


# --- the clock -------------------------------------------------------------------------------


def test_the_clock_moves_care_and_not_the_tokens(alice: Caller, at: Any) -> None:
    """Ninety days later a token of ninety days is still good: it lives in real time."""
    at("2027-06-01T12:00:00Z")
    assert alice.get("me/").status_code == 200
    answer = alice.post("consultations/", wish("2026-11-30T15:00:00Z"))
    assert answer.json()["code"] == "in_the_past"


def test_there_is_one_clock(db: None) -> None:
    from django.db import IntegrityError

    from records.models import Clock

    with pytest.raises(IntegrityError), transaction.atomic():
        Clock.objects.create(pk=2, offset=timedelta(days=1))


# --- rules and numbers -----------------------------------------------------------------------


def test_a_rule_is_in_force_from_its_first_day_to_its_last(db: None) -> None:
    common = {"code": "TELEHEALTH", "state": "FL", "text": "t", "source": "s"}
    Rule.objects.create(
        **common, valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31), reviewed_by="old"
    )
    Rule.objects.create(**common, valid_from=date(2027, 2, 1), reviewed_by="new")

    def found(day: str, state: str = "FL") -> str | None:
        row = rule_on("TELEHEALTH", state=state, day=date.fromisoformat(day))
        return row.reviewed_by if row else None

    assert [found(day) for day in ("2025-12-31", "2026-01-01", "2026-12-31", "2027-01-31")] == [
        None, "old", "old", None,
    ]  # fmt: skip
    assert (found("2027-02-01"), found("2030-01-01"), found("2026-05-05", "NJ")) == (
        "new", "new", None,
    )  # fmt: skip


def test_the_physician_changes_a_number_and_the_slots_follow(
    chen: Caller, sam: Caller, outsider: Caller, alice: Caller, at: Any, now: datetime
) -> None:
    def starts() -> list[str]:
        query = {"from": "2026-11-30", "to": "2026-11-30", "state": "FL"}
        return [s["start"] for s in outsider.get("slots/", **query).json()["results"]]

    assert "2026-11-30T13:45:00Z" in starts()
    changed = chen.patch("settings/", {"slot_step": 30, "consultation_buffer_after": 0})
    assert changed.status_code == 200
    shown = {row["key"]: row for row in changed.json()["results"]}
    assert (shown["slot_step"]["value"], shown["slot_step"]["default"]) == (30, 15)
    assert "2026-11-30T13:45:00Z" not in starts()
    assert sam.get("settings/").json() == changed.json()
    assert sam.patch("settings/", {"slot_step": 15}).status_code == 403
    assert alice.get("settings/").status_code == 403
    assert in_force(now - timedelta(days=1))["slot_step"] == 15
    chen.patch("settings/", {"slot_step": 45})
    with CaptureQueriesContext(connection) as queries:
        assert in_force(now + timedelta(minutes=1))["slot_step"] == 45
    assert len(sql(queries.captured_queries[0]["sql"])) == 2  # a row for each of what was changed
    assert Event.objects.filter(kind="setting.changed").count() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"slot_step": 4}, {"slot_step": 61}, {"slot_step": "15"}, {"slot_step": 15.0},
        {"slot_step": None}, {"slot_step": True}, {"slot_step": 10**30}, {"slot_stop": 15},
    ],
)  # fmt: skip
def test_a_number_out_of_bounds_changes_nothing(chen: Caller, wrong: dict[str, Any]) -> None:
    refused = chen.patch("settings/", {"hold_minutes": 20, **wrong})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(wrong))}"
    rows = chen.get("settings/").json()["results"]
    assert {row["key"]: row["value"] for row in rows} == {
        key: number.value for key, number in DEFAULTS.items()
    }


# --- the tests' own ------------------------------------------------------------------------------


def test_what_a_test_commits_is_gone_for_the_next(committed: str) -> None:
    def there() -> list[Any]:
        connection.close()
        put_back(committed)
        return [*state_of_all(), sql("SELECT last_value FROM pg_sequences ORDER BY sequencename")]

    before = there()
    clock.move(NOW)
    care(caller("alice")).approved()
    assert state_of_all() != before[:-1]
    assert there() == before


def test_what_is_known_stays_and_a_double_booking_is_still_refused(db: None) -> None:
    hour = (NOW, NOW + timedelta(hours=1))
    chen, alice = Physician.objects.get(), Patient.objects.get(first_name="Alice")
    first = Reservation(physician=chen, busy=hour, patient=alice, period=hour)
    assert add_once([first], unique=("id",)) == 1
    assert add_once([first], unique=("id",)) == 0
    first.pk = uuid7()
    with pytest.raises(IntegrityError, match="physician_is_in_one_place"), transaction.atomic():
        add_once([first], unique=("id",))
