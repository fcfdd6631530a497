"""Sessions that are held: what they take meanwhile, until when; what holds the attended ones."""

from datetime import datetime, timedelta

import pytest

from patients.models import Patient
from records import clock
from records.models import Event
from scheduling.models import Physician
from scheduling.tasks import replan as sweep
from tests.care import SESSION, Care, care, code, ok, replan, to, unmet
from tests.conftest import Caller

START = datetime.fromisoformat(SESSION)  # Monday, 7 December, 9:00 in Pensacola
NEXT_DAY = "2026-12-08T15:00:00Z"
LAST_CALL = "2026-12-14T06:00:00Z"  # midnight in Pensacola, a week after


@pytest.fixture
def held(alice: Caller) -> Care:
    """Alice, whose parcel was not there the day before her first session."""
    walk = care(alice).planned()
    to(START - timedelta(hours=24))
    replan(walk)
    assert walk.shown()["status"] == "held"
    return walk


def test_one_that_is_held_is_told_without_a_time_and_until_when_to_choose(held: Care) -> None:
    told = held.step("session")
    assert told["at"] is None
    gate = told["unmet_gates"][-1]
    assert (gate["code"], gate["until"]) == ("session_held", LAST_CALL)


def test_without_another_time_it_ends_a_week_later_and_another_is_planned(held: Care) -> None:
    to("2026-12-14T05:59:00Z")
    sweep()
    assert held.shown()["status"] == "held"
    to(LAST_CALL)
    sweep()
    over = held.shown()
    assert (over["status"], over["held_because"]) == ("cancelled", "")
    assert [gate["code"] for gate in held.step("session")["unmet_gates"]] == ["session_missing"]
    assert code(held.session_verb("reschedule", start="2026-12-15T15:00:00Z")) == (
        409, "wrong_state",
    )  # fmt: skip
    assert ok(held.plans("2026-12-15T15:00:00Z"))["supervised"] is True


def test_while_a_physician_is_to_look_it_waits(held: Care) -> None:
    holds = f"patients/{held.id}/clinical-holds/"
    hold = ok(held.chen.post(holds, {"note": "n"}))
    to("2026-12-20T15:00:00Z")
    replan(held)
    assert held.shown()["status"] == "held"
    assert held.step("session")["unmet_gates"][-1]["until"] is None
    ok(held.chen.post(f"clinical-holds/{hold['id']}/clear/", {"note": "fine"}))
    replan(held)
    assert held.shown()["status"] == "cancelled"


def test_its_time_and_its_place_in_the_month_are_free_and_nothing_is_planned_twice(
    held: Care,
) -> None:
    for day in ("08", "12", "16", "20"):
        ok(held.plans(f"2026-12-{day}T15:00:00Z"))
    refused = held.session_verb("reschedule", start="2026-12-24T15:00:00Z")
    assert unmet(refused) == ["sessions_used_up"]
    near = held.session_verb("reschedule", start="2027-01-01T15:00:00Z")
    assert ok(near)["status"] == "scheduled"


def test_a_parcel_has_to_be_there_at_the_same_hour_of_the_day_before(alice: Caller) -> None:
    """On Sunday, 14 March 2027, an hour is left out: 23 hours lie between 9:00 and 9:00."""
    to("2027-02-24T15:00:00Z")
    walk = care(alice, talk="2027-03-01T15:00:00Z").subscribed()
    ok(walk.chen.patch("settings/", {"session_supervised": 0}))
    walk.session = ok(walk.plans("2027-03-14T14:00:00Z"))["id"]
    to("2027-03-13T14:59:00Z")
    replan(walk)
    assert walk.shown()["status"] == "scheduled"
    to("2027-03-13T15:00:00Z")
    replan(walk)
    assert walk.shown()["held_because"] == "not_delivered"


def test_a_number_that_rows_follow_is_followed_at_once_and_its_change_is_the_cause(
    held: Care,
) -> None:
    to("2026-12-10T15:00:00Z")
    replan(held)
    ok(held.chen.patch("settings/", {"session_choice_days": 3}))
    changed = Event.objects.get(kind="setting.changed")
    sweep()
    assert held.shown()["status"] == "cancelled"
    assert Event.objects.get(kind="session.cancelled").cause == changed.cause


def test_a_number_that_is_asked_when_somebody_acts_marks_nobody(held: Care) -> None:
    ok(held.chen.patch("settings/", {"limit_pulse": 110}))
    assert Patient.objects.filter(pk=held.id, replan_due_at__gt=clock.now()).exists()


# --- the physician of an attended one ------------------------------------------------------------


def test_time_off_of_its_physician_holds_a_session_and_a_later_one_takes_its_place(
    alice: Caller, physician: Physician
) -> None:
    walk = care(alice).planned()
    off = {"start": "2026-12-07T15:29:00Z", "end": "2026-12-07T16:00:00Z"}
    ok(walk.chen.post(f"physicians/{physician.pk}/time-off/", off))
    sweep()
    held = walk.shown()
    assert (held["status"], held["held_because"]) == ("held", "physician_away")
    assert ok(walk.session_verb("reschedule", start=NEXT_DAY))["status"] == "scheduled"


def test_time_off_after_the_attended_part_holds_nothing(
    alice: Caller, physician: Physician
) -> None:
    walk = care(alice).planned()
    off = {"start": "2026-12-07T15:30:00Z", "end": "2026-12-07T17:00:00Z"}
    ok(walk.chen.post(f"physicians/{physician.pk}/time-off/", off))
    sweep()
    assert walk.shown()["status"] == "scheduled"


def test_a_licence_that_is_gone_holds_it(alice: Caller, physician: Physician) -> None:
    walk = care(alice).planned()
    licence = physician.licences.get(state="FL")
    gone = walk.chen.delete(f"physicians/{physician.pk}/licences/{licence.pk}/")
    assert gone.status_code == 204
    sweep()
    assert walk.shown()["held_because"] == "no_licence"
