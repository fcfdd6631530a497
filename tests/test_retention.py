"""A record goes seven years after its last entry, whole and alone, and never while it is held."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import ProgrammingError

from accounts.models import ApiToken, User
from notifications.writing import write_messages
from patients.models import Assessment, BrokenGlass, Patient
from records import audit, clock
from records.append_only import TABLES
from records.models import AccessLog, Correction, Event, WorkItem
from rights import purging, whose
from rights.retention import keep_until, may_be_purged
from scheduling.demo import answers
from tests.care import care, ok
from tests.conftest import Caller, caller, owner
from tests.test_bad_input import state_of_all

WHY = {"reason": "a court has asked for it"}


@pytest.mark.parametrize(
    ("last", "until"),
    [
        ("2026-11-24T15:00:00", "2033-11-24T15:00:00"),
        ("2028-02-29T12:00:00", "2035-03-01T12:00:00"),
        ("2025-02-28T23:59:59", "2032-02-28T23:59:59"),
        ("2027-12-31T23:59:59", "2034-12-31T23:59:59"),
    ],
)
def test_seven_years_are_never_shorter(last: str, until: str) -> None:
    instant, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, until))
    assert keep_until(instant) == end
    moment = timedelta(microseconds=1)
    assert may_be_purged(last_entry=instant, is_held=False, now=end)
    assert not may_be_purged(last_entry=instant, is_held=False, now=end - moment)
    assert not may_be_purged(last_entry=instant, is_held=True, now=end + timedelta(days=9999))


def purge(*options: str) -> list[str]:
    out = StringIO()
    call_command("purge", *options, stdout=out)
    return out.getvalue().splitlines()


def told() -> UUID:
    """A whole story of Alice, with words in the audit; her id."""
    walk = care(caller("alice")).completed()
    ok(walk.session_verb("check-in", feeling="unwell", note="dizzy"))
    wish = ok(walk.who.post("me/amendments/", {"about": None, "text": "x"}))["id"]
    ok(walk.chen.post(f"amendments/{wish}/answer/", {"accepted": True, "text": "x"}))
    ok(caller("admin").post(f"patients/{walk.id}/break-glass/", WHY))
    month = walk.period["id"]
    assert walk.sam.user
    Correction.objects.create(
        object_kind="billingperiod", object_id=month, was="paid", reason="a wrong one",
        corrected_by=walk.sam.user, corrected_at=clock.now(),
    )  # fmt: skip
    write_messages(now=clock.now())
    return UUID(walk.id)


def end_of(patient: UUID) -> datetime:
    return keep_until(purging.last_entry(patient, using="default"))


def rows_of(patient: UUID) -> dict[str, int]:
    return purging.what_would_go(patient, using="default")


def test_a_record_goes_when_its_time_is_over_and_not_a_moment_before(as_owner: str) -> None:
    alice = told()
    last = max(clock.now(), datetime.now(UTC))  # what is written down now is of either clock
    end = end_of(alice)
    assert end >= keep_until(last) - timedelta(minutes=5)
    seals = audit.seal(before=UUID(int=2**128 - 1))
    kept = [(model, model.objects.count()) for model in (Event, AccessLog, BrokenGlass, Correction)]
    clock.move(end - timedelta(seconds=30))
    assert not any(str(alice) in line for line in purge())
    assert len(rows_of(alice)) > 20
    clock.move(end + timedelta(seconds=1))
    (line,) = [line for line in purge() if str(alice) in line]
    assert line.startswith(f"deleted patient {alice}: ")
    assert "scheduling_reading 2" in line
    assert rows_of(alice) == {}
    assert not Patient.objects.filter(pk=alice).exists()
    assert seals
    assert [wrong for _, wrong in audit.verify() if wrong] == []
    for model, count in kept:
        assert model.objects.count() >= count, model
    assert {row.reason for row in BrokenGlass.objects.all()} == {""}
    assert {row.reason for row in Correction.objects.all()} == {""}
    event = Event.objects.get(kind="patient.purged", object_id=alice)
    assert event.payload["patients_patient"] == 1


def test_nobody_else_goes(as_owner: str) -> None:
    alice = told()
    bruno = UUID(ok(caller("bruno").get("me/"))["id"])
    before, end = rows_of(bruno), end_of(alice)
    clock.move(end - timedelta(days=1))
    ok(caller("bruno").post("me/consents/", {"kind": "sms", "accepted": False}))
    clock.move(end + timedelta(seconds=1))
    assert not any(str(bruno) in line for line in purge())
    assert rows_of(alice) == {}
    assert rows_of(bruno) == before | {"patients_consent": before["patients_consent"] + 1}
    user = User.objects.get(email=caller("bruno").user.email)  # type: ignore[union-attr]
    assert user.is_active


def test_of_who_has_gone_an_empty_user_is_left_who_cannot_sign_in(as_owner: str) -> None:
    alice = caller("alice")
    assert alice.user
    patient = UUID(ok(alice.get("me/"))["id"])
    clock.move(end_of(patient) + timedelta(days=1))
    purge()
    user = User.objects.get(pk=alice.user.pk)
    assert (user.name, user.email, str(user.phone), user.is_active) == ("", "", "", False)
    assert not user.has_usable_password()
    assert not ApiToken.objects.filter(user=user).exists()
    assert alice.get("me/").status_code == 401


def test_a_dry_run_tells_ids_and_numbers_and_changes_nothing(as_owner: str) -> None:
    alice = told()
    clock.move(end_of(alice) + timedelta(days=1))
    before = state_of_all()
    lines = purge("--dry-run")
    assert state_of_all() == before
    (line,) = [line for line in lines if str(alice) in line]
    assert line.startswith(f"would delete patient {alice}: ")
    for name in ("Alice", "alice", "850555"):
        assert name not in "".join(lines)
    counts = line.partition(": ")[2]
    (gone,) = [line for line in purge() if str(alice) in line]
    assert gone.partition(": ")[2] == counts


def test_a_legal_hold_wins_until_it_is_lifted(as_owner: str) -> None:
    patient, admin = UUID(ok(caller("alice").get("me/"))["id"]), caller("admin")
    end, path = end_of(patient), f"patients/{patient}/legal-hold/"
    ok(admin.post(path, WHY))
    clock.move(end + timedelta(days=3000))
    assert not any(str(patient) in line for line in purge())
    assert Patient.objects.filter(pk=patient).exists()
    assert admin.delete(path, WHY).status_code == 204
    assert any(str(patient) in line for line in purge())
    assert not Patient.objects.filter(pk=patient).exists()


def test_what_is_written_meanwhile_keeps_the_record(as_owner: str) -> None:
    """Between the list and its turn somebody wrote: it is asked again under the lock."""
    patient = UUID(ok(caller("alice").get("me/"))["id"])
    now = end_of(patient) + timedelta(days=1)
    clock.move(now)
    assert patient in list(purging.old_patients(now=now, using="owner"))
    ok(caller("alice").post("me/consents/", {"kind": "sms", "accepted": False}))
    assert purging.purge_patient(patient, now=now, using="owner") == {}
    assert Patient.objects.filter(pk=patient).exists()


def test_a_crisis_that_became_nobody_s_assessment_goes_as_late(as_owner: str) -> None:
    outsider = Caller()
    draft = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"}
    begun = ok(outsider.post("assessments/drafts/", draft))
    said = {"secret": begun["secret"], "answers": answers() | {"suic": "plan_or_intent"}}
    ok(outsider.patch(f"assessments/drafts/{begun['id']}/", said))
    rows = Assessment.objects.filter(pk=begun["id"])
    items = WorkItem.objects.filter(object_id=begun["id"])
    assert items.exists()
    last = max(clock.now(), datetime.now(UTC))
    clock.move(keep_until(clock.now()) - timedelta(days=1))
    assert not any(begun["id"] in line for line in purge())
    assert rows.exists()
    clock.move(keep_until(last) + timedelta(days=1))
    assert any(line.startswith(f"deleted draft {begun['id']}: ") for line in purge())
    assert not rows.exists()
    assert not items.exists()


def test_the_application_s_role_cannot_and_the_owner_can_no_more_afterwards(
    as_owner: str, settings: Any
) -> None:
    alice = told()
    now = end_of(alice) + timedelta(days=1)
    with pytest.raises(ProgrammingError, match="must be owner"):
        purging.purge_patient(alice, now=now, using="default")
    assert rows_of(alice)
    assert purging.purge_patient(alice, now=now, using="owner")
    with owner(as_owner) as its:
        for table in set(TABLES) - {"scheduling_carrierevent", "rights_amendment"}:
            if its.execute(f"SELECT 1 FROM {table}").fetchone():  # noqa: S608
                with pytest.raises(psycopg.Error, match="is append-only"):
                    its.execute(f"DELETE FROM {table}")  # noqa: S608
        disabled = its.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'").fetchone()
    assert disabled == (0,)


def test_a_record_that_somebody_is_at_is_put_off(
    as_owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "PATIENCE", "100ms")
    patient = UUID(ok(caller("alice").get("me/"))["id"])
    clock.move(end_of(patient) + timedelta(days=1))
    with owner(as_owner) as its:
        its.execute("BEGIN")
        its.execute("LOCK TABLE patients_consent IN ROW EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="in use just now"):
            purge()
        its.execute("ROLLBACK")
    assert Patient.objects.filter(pk=patient).exists()
    assert any(str(patient) in line for line in purge())


def test_nothing_of_a_patient_stands_before_what_points_to_it() -> None:
    order = list(whose.WHOSE)
    for place, model in enumerate(order):
        for field in model._meta.concrete_fields:
            of = field.related_model
            if of in order and of is not model and (model, of) != (whose.Patient, whose.Address):
                assert place < order.index(of), (model, of)
