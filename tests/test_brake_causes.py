"""What moved for many by itself, or was lost sight of, waits as what one person changed."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from notifications.models import Message
from patients.assessments.actions import submit_assessment
from patients.models import Patient
from records import brake
from records.actor import Actor
from records.models import Brake, Event, WorkItem
from scheduling.demo import answers
from scheduling.models import Consultation, Licence, Physician
from scheduling.tasks import replan, replan_everyone
from tests import chaos
from tests.care import ok
from tests.cast import NOW, PENSACOLA, YES
from tests.conftest import Caller, caller
from tests.test_brake import late
from tests.texting import later, run, to

MANY = brake.MOST + 2
NEW_END = date(2026, 11, 27)


def booked(count: int) -> list[Caller]:
    """As many patients in Pensacola, each with a consultation on a day to come; all were told."""
    who = []
    for n in range(count):
        row, *_ = submit_assessment(
            person={
                "first_name": "P",
                "last_name": "P",
                "date_of_birth": date(1988, 4, 12),
                "phone": f"+185055501{n + 20}",
                "email": f"p{n}@hearth.test",
            },
            address=PENSACOLA,
            answers=answers(),
            consents=YES,
            by=Actor(role="visitor"),
            now=NOW,
        )
        assert row.patient
        one = Caller(row.patient.user)
        start = datetime.fromisoformat("2026-11-30T14:00Z") + timedelta(days=n % 4, hours=n // 4)
        wish = {"start": start.isoformat(), "kind": "initial", "location": {"state": "FL"}}
        ok(one.post("consultations/", wish))
        who.append(one)
    later()
    replan()
    for _ in range(2):
        run()
    return who


def sweep() -> None:
    for _ in range(2):
        replan()
        replan_everyone()
        run()


def rows() -> list[Any]:
    """What would have to change."""
    meetings = Consultation.objects.values_list("pk", "status", "risks_told", "version")
    return [*meetings.order_by("pk")]


def at_risk() -> int:
    return WorkItem.objects.filter(kind="consultation_at_risk", status="open").count()


def offers() -> int:
    return Message.objects.filter(kind="offer").count()


def braked() -> dict[str, Any]:
    (item,) = [
        item
        for name in ("chen", "sam")
        for item in caller(name).get("work-items/", kind="brake").json()["results"]
    ]
    return dict(item)


def who_decides() -> Caller:
    role = WorkItem.objects.get(kind="brake", status="open").for_role
    return caller({"physician": "chen", "staff": "sam"}[role])


def licence_removed() -> None:
    """Dr. Chen takes the licence for Florida out, by the door."""
    physician = Physician.objects.get()
    licence = Licence.objects.get(state="FL")
    gone = caller("chen").delete(f"physicians/{physician.pk}/licences/{licence.pk}/")
    assert gone.status_code == 204, gone.content


def licence_ends() -> None:
    """The licence ends before the consultations, and no door was told."""
    Licence.objects.filter(state="FL").update(expires_on=NEW_END)


def time_off() -> None:
    off = {"start": "2026-11-30T00:00:00Z", "end": "2026-12-06T00:00:00Z"}
    ok(caller("chen").post(f"physicians/{Physician.objects.get().pk}/time-off/", off))


MOVED = [licence_removed, licence_ends, time_off]


@pytest.mark.parametrize("move", MOVED)
def test_what_stops_twelve_waits_for_a_person_and_is_let_go(web: str, move: Any) -> None:
    patients = booked(MANY)
    before, told = rows(), Message.objects.count()
    move()
    last = Event.objects.latest("pk").pk
    # The gates refuse at once, before any sweep.
    step = next(
        step
        for step in ok(patients[0].get("me/timeline/"))["steps"]
        if step["key"] == "consultation"
    )
    assert {gate["code"] for gate in step["unmet_gates"]} <= {"no_licence", "physician_away"}
    assert step["unmet_gates"]
    sweep()
    assert (rows(), at_risk(), offers()) == (before, 0, 0)
    assert Message.objects.count() == told
    assert not Event.objects.exclude(patient_id=None).filter(pk__gt=last).exists()
    assert f"{MANY} patients" in braked()["detail"]
    path = f"work-items/{braked()['id']}/approve/"
    assert ok(who_decides().post(path))["status"] == "closed"
    sweep()
    assert (at_risk(), offers()) == (MANY, MANY)
    left = set(Message.objects.filter(kind="offer").values_list("status", flat=True))
    assert left <= {"accepted", "sent", "delivered"}
    assert len(set(Event.objects.filter(kind="consultation.at_risk").values_list("cause"))) == 1
    assert not WorkItem.objects.filter(kind="brake", status="open").exists()


@pytest.mark.parametrize("move", MOVED)
def test_ten_are_told_without_anybody_looking(web: str, move: Any) -> None:
    booked(brake.MOST)
    move()
    sweep()
    assert (at_risk(), offers()) == (brake.MOST, brake.MOST)
    assert not WorkItem.objects.filter(kind="brake").exists()


def test_who_puts_the_cause_right_has_told_nobody(web: str) -> None:
    booked(MANY)
    before = rows()
    licence_ends()
    sweep()
    item = braked()
    Licence.objects.filter(state="FL").update(expires_on=date(2028, 12, 31))
    ok(who_decides().post(f"work-items/{item['id']}/close/", {"note": "put back"}))
    sweep()
    assert (rows(), at_risk(), offers()) == (before, 0, 0)
    assert not WorkItem.objects.filter(kind="brake", status="open").exists()


def test_what_a_patient_does_meanwhile_lets_nothing_go(web: str) -> None:
    """Their own change is no way past the brake."""
    patients = booked(MANY)
    before = rows()
    licence_ends()
    sweep()
    for one in patients[:3]:
        ok(one.post("me/address/", {**PENSACOLA, "line2": "Apt 3", "kind": "correction"}))
    sweep()
    assert (rows(), offers()) == (before, 0)
    assert Patient.objects.exclude(replan_cause=None).count() == MANY
    ok(who_decides().post(f"work-items/{braked()['id']}/approve/"))
    sweep()
    assert offers() == MANY


def test_another_cause_that_meets_those_who_wait_is_no_way_past(web: str) -> None:
    """Two of the four days on which the twelve come are taken off, after the licence ended."""
    booked(MANY)
    before = rows()
    licence_ends()
    sweep()
    held = braked()["id"]
    off = {"start": "2026-12-01T00:00:00Z", "end": "2026-12-03T00:00:00Z"}
    ok(caller("chen").post(f"physicians/{Physician.objects.get().pk}/time-off/", off))
    sweep()
    assert (rows(), offers(), braked()["id"]) == (before, 0, held)
    ok(who_decides().post(f"work-items/{held}/approve/"))
    sweep()
    assert (at_risk(), offers()) == (MANY, MANY)


def test_the_end_of_a_reason_for_twelve_is_told_nobody_and_asks_nobody(web: str) -> None:
    booked(MANY)
    licence_ends()
    sweep()
    ok(who_decides().post(f"work-items/{braked()['id']}/approve/"))
    sweep()
    assert at_risk() == MANY
    Licence.objects.filter(state="FL").update(expires_on=date(2028, 12, 31))
    sweep()
    assert at_risk() == 0
    assert not WorkItem.objects.filter(kind="brake", status="open").exists()


def test_the_work_of_a_day_trips_no_brake(web: str) -> None:
    chaos.fill(MANY)
    to("2026-12-02T15:00:00Z")  # each month is past its days of grace
    sweep()
    assert late() == MANY
    assert not Brake.objects.filter(status="waiting").exists()
