"""A12: who has no care for a patient sees nothing, but by broken glass: then others hear it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from notifications import incoming
from notifications.models import InboundMessage, Message
from notifications.sandbox.models import SandboxMessage
from patients.models import BrokenGlass, Patient
from records import clock
from records.models import AccessLog, Event, WorkItem
from tests.attacks.people import dora
from tests.care import Care, code, ok
from tests.conftest import Caller, caller
from tests.texting import run

WHY = {"reason": "unconscious at the emergency room"}
LISTS = (
    "patients/", "consultations/", "subscriptions/", "deliveries/", "sessions/", "messages/",
    "reminders/", "prescriptions/", "assessments/",
)  # fmt: skip


@pytest.fixture
def walk(prescribed: Care) -> Care:
    """Alice, in the care of Dr. Chen."""
    return prescribed


@pytest.fixture
def stranger(walk: Care) -> Caller:
    """A physician who cares for nobody of the cast."""
    return dora()


def doors_of(walk: Care) -> list[str]:
    """What shows something of one patient, and of nobody else."""
    of_patient, parcel = f"patients/{walk.id}/", walk.delivery["id"]
    return [
        of_patient, f"{of_patient}timeline/", f"{of_patient}clinical-holds/",
        f"{of_patient}prescriptions/", f"consultations/{walk.consultation}/",
        f"consultations/{walk.consultation}/history/", f"subscriptions/{walk.subscription}/",
        f"deliveries/{parcel}/", f"deliveries/{parcel}/custody/",
    ]  # fmt: skip


def break_glass(who: Caller, walk: Care) -> dict[str, Any]:
    return dict(ok(who.post(f"patients/{walk.id}/break-glass/", WHY)))


def test_a_patient_of_somebody_else_is_404_and_that_is_written_down(
    walk: Care, stranger: Caller
) -> None:
    unknown = stranger.get(f"consultations/{uuid4()}/").content
    for path in doors_of(walk):
        answer = stranger.get(path)
        assert (answer.status_code, answer.content) == (404, unknown), path
        row = AccessLog.objects.latest("pk")
        assert (row.denied, row.patient_ids, row.user) == (True, [], stranger.user), path
        assert row.object_ids[0] in path
        assert row.door.startswith("api/v1/")
        assert "<uuid:pk>" in row.door
    for path in LISTS:
        assert ok(stranger.get(path))["results"] == []


@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_who_breaks_the_glass_looks_at_this_patient_and_no_other(
    request: pytest.FixtureRequest, walk: Care, who: str, stranger: Caller, bruno: Caller
) -> None:
    looks = request.getfixturevalue(who)
    made = break_glass(looks, walk)
    assert set(made) == {"id", "ends_at"}
    for path in doors_of(walk):
        assert looks.get(path).status_code == 200, path
        row = AccessLog.objects.filter(user=looks.user).latest("pk")
        assert (str(row.reason), row.patient_ids, row.denied) == (made["id"], [walk.id], False), (
            path
        )
    assert [row["id"] for row in ok(looks.get("patients/"))["results"]] == [walk.id]
    for path in LISTS[1:]:
        rows = ok(looks.get(path))["results"]
        assert {row["patient"] for row in rows if "patient" in row} <= {walk.id}, path
    assert ok(looks.get(f"consultations/{walk.consultation}/"))["note"] == "n"
    other = ok(bruno.get("me/"))["id"]
    assert looks.get(f"patients/{other}/").status_code == 404
    assert looks.get(f"patients/{other}/timeline/").status_code == 404


@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_it_lasts_an_hour_of_the_database(
    request: pytest.FixtureRequest, walk: Care, who: str, stranger: Caller, at: Any, now: Any
) -> None:
    looks = request.getfixturevalue(who)
    ago = timedelta(minutes=61)
    BrokenGlass.objects.create(
        patient=Patient.objects.get(pk=walk.id),
        user=looks.user,
        reason="an hour ago",
        at=Now() - ago,
        ends_at=Now() - ago + BrokenGlass.LASTS,
    )
    refused = 403 if who == "admin" else 404
    for path in doors_of(walk):
        assert looks.get(path).status_code == refused, path
    break_glass(looks, walk)
    row = BrokenGlass.objects.latest("pk")
    assert row.ends_at - row.at == timedelta(hours=1)
    at(now + timedelta(days=30))  # the clock of care moves nothing of it
    assert looks.get(f"patients/{walk.id}/").status_code == 200


def test_through_broken_glass_nobody_writes(walk: Care, stranger: Caller, admin: Caller) -> None:
    for who in (stranger, admin):
        break_glass(who, walk)
    before = Event.objects.count()
    for path, body in (
        (f"patients/{walk.id}/clinical-holds/", {"note": "n"}),
        (f"patients/{walk.id}/identity-checks/", {"document": "passport", "last4": "1234"}),
        (f"consultations/{walk.consultation}/cancel/", {}),
        (f"consultations/{walk.consultation}/correct/", {"reason": "r"}),
        (f"consultations/{walk.consultation}/decide/", {"outcome": "declined"}),
        (f"consultations/{walk.consultation}/note/", {"note": "n"}),
        (f"consultations/{walk.consultation}/complete/", {"note": "n"}),
        (f"deliveries/{walk.delivery['id']}/replace/", {}),
    ):
        assert stranger.post(path, body).status_code == 404, path
        assert admin.post(path, body).status_code == 403, path
    session = {"patient": walk.id, "start": "2026-12-12T15:00:00Z"}
    assert code(stranger.post("sessions/", session)) == (400, "invalid")
    assert Event.objects.count() == before


def test_what_is_not_about_a_patient_stays_closed_to_administrators(
    walk: Care, admin: Caller
) -> None:
    break_glass(admin, walk)
    for path in ("calendar/", "settings/", "rules/", "events/", "inbox/", "delivery-windows/"):
        assert admin.get(path).status_code == 403, path


@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "too short"}, {"reason": " " * 20}, {"reason": 1}]
)
def test_it_takes_a_reason(walk: Care, stranger: Caller, body: dict[str, Any]) -> None:
    assert code(stranger.post(f"patients/{walk.id}/break-glass/", body)) == (400, "invalid")
    assert not BrokenGlass.objects.exists()


def test_others_may_not_need_not_and_learn_nothing(
    walk: Care, stranger: Caller, admin: Caller, eve: Caller, outsider: Caller
) -> None:
    path = f"patients/{walk.id}/break-glass/"
    assert outsider.post(path, WHY).status_code == 401
    for who in (walk.sam, walk.who, eve):
        assert code(who.post(path, WHY)) == (403, "permission_denied")
    assert code(walk.chen.post(path, WHY)) == (409, "wrong_state")
    for who in (stranger, admin):
        assert code(who.post(f"patients/{uuid4()}/break-glass/", WHY)) == (404, "not_found")
    assert not BrokenGlass.objects.exists()


def test_everybody_hears_of_it_at_once_and_who_did_it_does_not_review_it(
    committed: str, web: str
) -> None:
    from accounts.models import User
    from tests.care import care

    walk, admin = care(caller("alice")).approved(), caller("admin")
    second = Caller(
        User.objects.create_user(role="administrator", name="Ada", email="ada@hearth.test")
    )
    made = break_glass(admin, walk)
    event = Event.objects.get(kind="patient.glass_broken")
    assert (str(event.object_id), str(event.patient_id)) == (made["id"], walk.id)
    assert WHY["reason"] not in str(event.payload)
    run()
    (mail,) = SandboxMessage.objects.filter(to="ada@hearth.test")
    assert "Alice" not in mail.body
    assert "review" in mail.body
    assert not Message.objects.filter(kind="glass_broken", user=admin.user).exists()
    kinds = {"break_glass": second, "break_glass_in_care": walk.chen}
    for kind, reviewer in kinds.items():
        item = str(WorkItem.objects.get(kind=kind).pk)
        assert item in [row["id"] for row in ok(reviewer.get("work-items/"))["results"]]
        own = admin if reviewer is second else None
        if own:
            for verb, body in (("claim", {}), ("close", {"note": "all fine"})):
                assert code(own.post(f"work-items/{item}/{verb}/", body)) == (409, "own_review")
        assert ok(reviewer.post(f"work-items/{item}/close/", {"note": "there was a need"}))
    assert WorkItem.objects.filter(kind__in=kinds, status="closed").count() == 2


def test_the_patient_sees_who_looked_and_that_the_glass_was_broken(
    walk: Care, stranger: Caller, eve: Caller
) -> None:
    walk.sam.get(f"patients/{walk.id}/")
    stranger.get(f"patients/{walk.id}/")  # refused: it is nobody's to see that there was nothing
    break_glass(stranger, walk)
    stranger.get(f"consultations/{walk.consultation}/")
    last, before = ok(walk.who.get("me/accesses/", limit=2))["results"]
    assert (last["name"], last["role"], last["kind"], last["broke_glass"]) == (
        "Dora", "physician", "consultation", True,
    )  # fmt: skip
    assert (before["name"], before["role"], before["kind"], before["broke_glass"]) == (
        "Sam", "staff", "patient", False,
    )  # fmt: skip
    assert set(last) == {"id", "at", "role", "name", "kind", "broke_glass"}
    assert ok(eve.get("me/accesses/"))["results"] == []
    assert walk.sam.get("me/accesses/").status_code == 403


def test_a12_a_call_for_help_is_every_physician_s_until_somebody_has_helped(
    walk: Care, stranger: Caller
) -> None:
    """All are paged, so all may read it; afterwards those who have the patient in care."""
    text = InboundMessage.objects.create(
        provider_id="SM1", sender="+18505550101", body="i want to kill myself", meaning="",
        received_at=clock.now(), patient_id=walk.id,
    )  # fmt: skip
    incoming._act_or_leave(text, clock.now())
    item = WorkItem.objects.get(kind="call_for_help")

    def read_by(who: Caller) -> tuple[int, int]:
        done = {row["id"] for row in ok(who.get("work-items/", status="closed"))["results"]}
        texts = {row["id"] for row in ok(who.get("inbox/"))["results"]}
        return len(texts & {str(text.pk)}), len(done & {str(item.pk)})

    assert (read_by(walk.chen), read_by(stranger)) == ((1, 0), (1, 0))
    ok(walk.chen.post(f"work-items/{item.pk}/close/", {"note": "talked for an hour"}))
    assert (read_by(walk.chen), read_by(stranger)) == ((1, 1), (0, 0))
