"""Sessions at home: planning, what they wait for, readings, every pair of states, who sees what."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from records import clock
from records.models import Event
from scheduling.models import Reading, Reservation, TreatmentSession
from scheduling.sessions.models import TRANSITIONS, Status
from tests.care import CALM, SESSION, Care, care, code, ok, prescription, replan, to, unmet
from tests.cast import ALBANY
from tests.conftest import Caller

START = datetime.fromisoformat(SESSION)  # Monday, 7 December, 9:00 in Pensacola


@pytest.fixture
def walk(prescribed: Care) -> Care:
    """Alice, with a prescription and a parcel that waits for a window; nothing is planned."""
    return prescribed


def times(who: Caller, first: str, last: str = "", **more: str) -> Any:
    query = {"from": first, "to": last or first, **more}
    return ok(who.get("session-times/", **query))


def gates(shown: dict[str, Any]) -> list[str]:
    return [gate["code"] for gate in shown["unmet_gates"]]


# --- planning ----------------------------------------------------------------------------------


def test_the_first_session_takes_the_physician_s_time(walk: Care, bruno: Caller) -> None:
    planned = ok(walk.plans())
    assert (planned["start"], planned["end"]) == (SESSION, "2026-12-07T17:00:00Z")
    assert (planned["supervised"], planned["physician_name"]) == (True, "Dr. Chen")
    assert (planned["status"], planned["time_zone"]) == ("scheduled", "America/Chicago")
    held = Reservation.objects.get(session=planned["id"])
    assert (held.busy.lower, held.busy.upper) == (START, START + timedelta(minutes=45))
    assert (held.period.lower, held.period.upper) == (START, START + timedelta(hours=2))
    at = {"start": SESSION, "kind": "initial", "location": {"state": "NJ"}}
    assert code(bruno.post("consultations/", at)) == (409, "slot_taken")
    assert ok(walk.chen.get(f"sessions/{planned['id']}/"))["time_zone"] == "America/New_York"


def test_it_shows_in_the_physician_s_calendar(walk: Care, physician: Any) -> None:
    planned = ok(walk.plans())
    day = {"from": "2026-12-07", "to": "2026-12-07"}
    (entry,) = ok(walk.chen.get("calendar/", **day))["results"]
    assert (entry["type"], entry["id"], entry["patient"]) == ("session", planned["id"], walk.id)
    assert (entry["start"], entry["busy_end"]) == (SESSION, "2026-12-07T15:45:00Z")
    assert (entry["status"], entry["join"], entry["reference"]) == ("scheduled", "video", None)
    (same,) = ok(walk.sam.get("calendar/", **day, physician=str(physician.pk)))["results"]
    assert same == entry


def test_later_sessions_take_the_patient_s_time_alone(walk: Care) -> None:
    ok(walk.plans())
    second = ok(walk.plans("2026-12-12T14:00:00Z"))  # a Saturday, when no physician works
    assert (second["supervised"], second["physician"], second["join_url"]) == (False, None, "")
    assert Reservation.objects.get(session=second["id"]).physician is None


def test_times_of_a_supervised_session_are_the_physician_s(walk: Care) -> None:
    offered = times(walk.who, "2026-12-07")
    starts = [row["start"] for row in offered["results"]]
    assert (starts[0], starts[-1]) == ("2026-12-07T14:00:00Z", "2026-12-07T21:30:00Z")
    assert {row["supervised"] for row in offered["results"]} == {True}
    assert times(walk.who, "2026-12-12", "2026-12-13")["results"] == []
    assert code(walk.plans("2026-12-12T15:00:00Z")) == (409, "not_offered")
    refused = walk.plans("2026-12-07T15:10:00Z")
    assert code(refused) == (409, "not_offered")
    assert refused.json()["next_slots"]


def test_times_of_the_others_are_every_hour_of_the_day(walk: Care) -> None:
    ok(walk.plans())
    offered = times(walk.who, "2026-12-12")["results"]
    assert (offered[0]["start"], offered[-1]["start"]) == (
        "2026-12-12T14:00:00Z", "2026-12-13T02:00:00Z",
    )  # fmt: skip
    assert len(offered) == 13
    assert {(row["supervised"], row["time_zone"]) for row in offered} == {
        (False, "America/Chicago")
    }
    assert times(walk.who, "2026-12-07", "2026-12-09")["results"] == []  # within 72 hours
    assert times(walk.who, "2026-12-10")["results"][0]["start"] == "2026-12-10T15:00:00Z"
    ok(walk.plans(offered[0]["start"]))
    assert times(walk.who, "2026-11-24", "2027-01-24")["results"]


def test_where_nothing_can_be_planned_it_is_said_why(alice: Caller, sam: Caller) -> None:
    told = times(alice, "2026-12-07")
    assert told["results"] == []
    assert gates(told) == [
        "not_identified", "agreements_missing", "not_approved", "not_subscribed",
    ]  # fmt: skip
    assert unmet(alice.post("sessions/", {"start": SESSION})) == gates(told)
    me = ok(alice.get("me/"))["id"]
    assert times(sam, "2026-12-07", patient=me) == told
    day = {"from": "2026-12-07", "to": "2026-12-07"}
    assert code(sam.get("session-times/", **day)) == (400, "invalid")
    assert code(sam.get("session-times/", **day, patient=str(uuid4()))) == (400, "invalid")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-30T16:00:00Z", (422, "in_the_past")),
        ("2026-11-30T15:00:00Z", (422, "in_the_past")),
        ("2027-02-15T15:00:00Z", (422, "too_far_ahead")),
        ("2026-12-12T13:59:00Z", (409, "not_offered")),  # 7:59 in Pensacola
        ("2026-12-13T02:01:00Z", (409, "not_offered")),  # 20:01
        ("2026-12-13T05:30:00Z", (409, "not_offered")),  # 23:30, T12
    ],
)
def test_a_session_begins_by_day_and_not_too_far_ahead(
    walk: Care, start: str, expected: tuple[int, str]
) -> None:
    ok(walk.plans())
    assert code(walk.plans(start)) == expected


def test_colleagues_plan_at_another_hour_with_a_reason(walk: Care) -> None:
    ok(walk.plans())
    night = {"start": "2026-12-13T05:30:00Z", "override_reason": "works at night"}
    refused = walk.who.post("sessions/", night)
    assert code(refused) == (400, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/override_reason"
    assert code(walk.sam.post("sessions/", night)) == (400, "invalid")
    for_alice = {**night, "patient": walk.id, "channel": "telephone"}
    planned = ok(walk.sam.post("sessions/", for_alice))
    moved = {"start": "2026-12-13T06:30:00Z"}
    path = f"sessions/{planned['id']}/reschedule/"
    assert code(walk.who.post(path, moved)) == (409, "not_offered")
    assert code(walk.who.post(path, {**moved, "override_reason": "x"})) == (400, "invalid")
    assert ok(walk.chen.post(path, {**moved, "override_reason": "x"}))["start"] == moved["start"]
    by_chen = {"start": "2026-12-19T06:30:00Z", "override_reason": "x", "patient": walk.id}
    assert ok(walk.chen.post("sessions/", by_chen))["patient"] == walk.id


def test_seventy_two_hours_lie_between_two(walk: Care) -> None:
    ok(walk.plans())
    refused = walk.plans("2026-12-10T14:59:00Z")
    assert unmet(refused) == ["too_soon"]
    assert refused.json()["unmet_gates"][0]["until"] == "2026-12-10T15:00:00Z"
    assert walk.plans("2026-12-10T15:00:00Z").status_code == 201


def test_a_month_has_as_many_as_its_plan(walk: Care) -> None:
    for start in ("07", "11", "15", "19"):
        ok(walk.plans(f"2026-12-{start}T15:00:00Z"))
    assert unmet(walk.plans("2026-12-23T15:00:00Z")) == ["sessions_used_up"]
    assert times(walk.who, "2026-12-23")["results"] == []
    assert walk.plans("2026-12-30T15:00:00Z").status_code == 201  # the next month


def test_nobody_is_in_two_places(walk: Care) -> None:
    ok(walk.plans())
    wish = {"start": "2026-12-07T16:30:00Z", "kind": "follow_up", "location": {"state": "FL"}}
    assert code(walk.who.post("consultations/", wish)) == (409, "patient_busy")


# --- what it waits for -------------------------------------------------------------------------


def test_it_may_be_planned_before_the_parcel_is_there(walk: Care) -> None:
    walk.planned()
    waits = walk.shown()["unmet_gates"]
    assert [(gate["code"], gate["who"], gate["until"]) for gate in waits] == [
        ("not_delivered", "pharmacy", None)
    ]
    walk.scheduled()
    (gate,) = walk.shown()["unmet_gates"]
    assert gate["until"] == "2026-12-03T18:00:00Z"
    walk.delivered()
    assert walk.shown()["unmet_gates"] == []


def test_a_day_before_without_a_parcel_it_is_held_and_its_times_are_free(
    alice: Caller, walk: Care, bruno: Caller
) -> None:
    walk.planned()
    to(START - timedelta(hours=24, minutes=1))
    replan(walk)
    assert walk.shown()["status"] == "scheduled"
    to(START - timedelta(hours=24))
    assert replan(walk) == 1
    assert replan(walk) == 0
    held = walk.shown()
    assert (held["status"], held["held_because"]) == ("held", "not_delivered")
    assert not Reservation.objects.filter(period__contains=START).exists()
    wish = {"start": SESSION, "kind": "initial", "location": {"state": "NJ"}}
    assert bruno.post("consultations/", wish).status_code == 201
    assert walk.step("session")["unmet_gates"][-1]["code"] == "session_held"
    again = times(alice, "2026-12-09")["results"][0]["start"]
    assert times(alice, "2026-12-09", session=walk.session)["results"][0]["start"] == again
    moved = ok(walk.session_verb("reschedule", start=again))
    assert (moved["status"], moved["held_because"]) == ("scheduled", "")


def test_an_attempt_the_day_before_holds_tomorrow_s_session(walk: Care) -> None:
    """T15."""
    walk.planned()
    walk.scheduled()
    ok(walk.session_verb("reschedule", start="2026-12-04T15:00:00Z"))
    walk.delivery_in("attempted")
    replan(walk)
    assert (walk.shown()["status"], walk.shown()["held_because"]) == ("held", "not_delivered")


def test_medication_that_is_out_of_date_then_does_not_count(alice: Caller) -> None:
    """T43."""
    walk = care(alice).paid()
    ok(walk.chen.post("prescriptions/", prescription(walk.id, use_by="2026-12-06")))
    walk.delivered()
    walk.session = ok(walk.plans())["id"]
    assert gates(walk.shown()) == ["not_delivered"]
    ok(walk.session_verb("reschedule", start="2026-12-04T15:00:00Z"))
    assert gates(walk.shown()) == []


def test_somebody_stays_and_has_agreed(alice: Caller, walk: Care) -> None:
    walk.delivered().planned()
    named = {"name": "Ann", "date_of_birth": "1990-01-01", "phone": "850 555 0178"}
    person = ok(alice.post("me/support-persons/", named))
    assert person["confirmed_at"] is None
    assert gates(walk.shown()) == ["support_person_unconfirmed"]
    to(START - timedelta(minutes=5))
    ok(walk.measures())
    assert unmet(walk.session_verb("start")) == ["support_person_unconfirmed"]
    walk.supported()
    assert gates(walk.shown()) == []
    assert ok(walk.session_verb("start"))["status"] == "in_progress"


def test_only_the_link_confirms(alice: Caller, outsider: Caller) -> None:
    for token in ("guessed", "x" * 300, "%00", "ü"):
        assert outsider.post(f"support-persons/{token}/confirm/").status_code == 404
    care(alice).supported()
    (person,) = ok(alice.get("me/support-persons/"))["results"]
    assert person["confirmed_at"]


def test_who_moves_away_is_held_at_once(alice: Caller, walk: Care) -> None:
    walk.delivered().planned()
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    assert gates(walk.shown()) == ["out_of_area"]
    assert unmet(walk.plans("2026-12-12T15:00:00Z")) == ["out_of_area"]
    replan(walk)
    assert (walk.shown()["status"], walk.shown()["held_because"]) == ("held", "out_of_area")


# --- measuring, starting, finishing ------------------------------------------------------------


def test_a_session_from_the_pre_check_to_the_check_in(walk: Care) -> None:
    walk.completed()
    done = walk.shown()
    assert (done["status"], done["feeling"]) == ("completed", "")
    assert [(row["moment"], row["systolic"]) for row in done["readings"]] == [
        ("before", 120), ("after", 120),
    ]  # fmt: skip
    to("2026-12-08T14:00Z")
    told = ok(walk.session_verb("check-in", feeling="well", note="slept"))
    assert (told["feeling"], told["check_in_note"]) == ("well", "slept")
    assert told["checked_in_at"].startswith("2026-12-08T14:00:00")
    assert code(walk.session_verb("check-in", feeling="unwell")) == (409, "wrong_state")
    assert not ok(walk.chen.get(f"patients/{walk.id}/clinical-holds/"))["results"]


@pytest.fixture
def ready(walk: Care) -> Care:
    """Alice, with everything at hand, ten minutes before her session."""
    walk.delivered().planned()
    to(START - timedelta(minutes=10))
    return walk


def test_readings_are_of_now(ready: Care) -> None:
    old = (clock.now() - timedelta(minutes=31)).isoformat()
    for at in (old, (clock.now() + timedelta(minutes=1)).isoformat()):
        refused = ready.measures(measured_at=at)
        assert code(refused) == (400, "invalid")
        assert refused.json()["errors"][0]["pointer"] == "/measured_at"
    assert not Reading.objects.exists()


def test_a_pre_check_has_its_time(walk: Care) -> None:
    walk.delivered().planned()
    to(START - timedelta(minutes=61))
    assert code(walk.measures()) == (409, "too_early")
    to(START + timedelta(hours=2))
    assert code(walk.measures()) == (409, "too_late")
    assert code(walk.session_verb("start")) == (409, "too_late")


def test_elsewhere_and_alone_nothing_begins(ready: Care) -> None:
    refused = ready.measures(location={"state": "NY"})
    assert code(refused) == (409, "blocked_location")
    assert "911" in refused.json()["detail"]
    assert unmet(ready.measures(support_person_present=False)) == ["support_person_absent"]
    assert ready.measures(location={"state": "NJ"}).status_code == 200


@pytest.mark.parametrize(
    ("reading", "above"),
    [
        ({"systolic": 140, "diastolic": 90, "pulse": 100}, False),
        ({"systolic": 141}, True), ({"diastolic": 91}, True), ({"pulse": 101}, True),
    ],
)  # fmt: skip
def test_above_a_limit_only_a_physician_clears(
    ready: Care, reading: dict[str, int], above: bool
) -> None:
    """T29: software never clears by itself; the session waits, and its times are free."""
    shown = ok(ready.measures(**reading))
    if not above:
        assert (shown["status"], ok(ready.session_verb("start"))["status"]) == (
            "scheduled", "in_progress",
        )  # fmt: skip
        return
    assert (shown["status"], shown["held_because"]) == ("held", "on_hold")
    assert code(ready.measures()) == (409, "wrong_state")
    assert code(ready.session_verb("start")) == (409, "wrong_state")
    assert unmet(ready.session_verb("reschedule", start="2026-12-08T15:00:00Z")) == ["on_hold"]
    assert ok(ready.chen.get("work-items/", kind="session_reading"))["results"][0]["urgency"] == 1
    (hold,) = ok(ready.chen.get(f"patients/{ready.id}/clinical-holds/"))["results"]
    assert (hold["reason"], hold["about_id"]) == ("reading", ready.session)
    path = f"clinical-holds/{hold['id']}/clear/"
    for who in (ready.who, ready.sam):
        assert who.post(path, {"note": "n"}).status_code == 403
    ok(ready.chen.post(path, {"note": "repeated, fine"}))
    assert code(ready.chen.post(path, {"note": "n"})) == (409, "wrong_state")
    moved = ok(ready.session_verb("reschedule", start="2026-12-08T15:00:00Z"))
    assert (moved["status"], moved["unmet_gates"]) == ("scheduled", [])


def test_starting_asks_for_everything(alice: Caller, walk: Care) -> None:
    walk.planned()
    named = {"name": "Ann", "date_of_birth": "1990-01-01", "phone": "850 555 0178"}
    ok(alice.post("me/support-persons/", named))
    to(START - timedelta(minutes=31))
    assert code(walk.session_verb("start")) == (409, "too_early")
    to(START - timedelta(minutes=30))
    refused = walk.session_verb("start")
    assert unmet(refused) == ["not_delivered", "support_person_unconfirmed", "pre_check_missing"]
    assert TreatmentSession.objects.get().started_at is None


def test_a_reading_grows_old(ready: Care) -> None:
    ok(ready.measures())
    to(clock.now() + timedelta(minutes=31))
    assert unmet(ready.session_verb("start")) == ["pre_check_missing"]
    ok(ready.measures())
    assert ok(ready.session_verb("start"))["status"] == "in_progress"


def test_a_high_reading_afterwards_and_an_unwell_check_in_reach_the_physician(
    walk: Care,
) -> None:
    walk.started()
    assert ok(walk.session_verb("finish", **{**CALM, "systolic": 160}))["status"] == "completed"
    assert ok(walk.session_verb("check-in", feeling="unwell"))["feeling"] == "unwell"
    holds = ok(walk.chen.get(f"patients/{walk.id}/clinical-holds/"))["results"]
    assert [hold["reason"] for hold in holds] == ["check_in", "reading"]
    for kind in ("session_reading", "session_check_in"):
        assert ok(walk.chen.get("work-items/", kind=kind))["results"]
    assert unmet(walk.plans("2026-12-12T15:00:00Z")) == ["on_hold"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"systolic": 0}, "/systolic"), ({"systolic": 400}, "/systolic"),
        ({"systolic": "120"}, "/systolic"), ({"diastolic": 0}, "/diastolic"),
        ({"diastolic": 400}, "/diastolic"), ({"pulse": 0}, "/pulse"), ({"pulse": 400}, "/pulse"),
        ({"diastolic": 120}, "/diastolic"), ({"location": {"state": "Florida"}}, "/location/state"),
        ({"support_person_present": "yes"}, "/support_person_present"),
    ],
)  # fmt: skip
def test_a_reading_of_nobody_is_pointed_at(
    ready: Care, wrong: dict[str, Any], pointer: str
) -> None:
    refused = ready.measures(**wrong)
    assert code(refused) == (400, "invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert not Reading.objects.exists()


# --- every pair of states ----------------------------------------------------------------------


def _into(walk: Care, status: str) -> None:
    """Bring the session into a status; one that is held waits for its parcel."""
    if status == Status.HELD:
        walk.planned()
        to(START - timedelta(hours=24))
        replan(walk)
    elif status == Status.SCHEDULED:
        walk.checked()
    elif status == Status.IN_PROGRESS:
        walk.started()
    elif status == Status.COMPLETED:
        walk.completed()
    else:
        walk.checked()
        ok(walk.session_verb("cancel")) if status == Status.CANCELLED else to("2026-12-07T17:00Z")
        replan(walk)
    assert walk.shown()["status"] == status


@pytest.mark.parametrize("start", Status.values)
def test_every_pair_of_states(alice: Caller, start: str) -> None:
    """What the table allows works; all else is 409 and changes nothing. To plan anew is to move."""
    walk = care(alice)
    _into(walk, start)
    later = {"start": "2026-12-11T15:00:00Z"}
    for target, verb, body in (
        (Status.IN_PROGRESS, "start", {}), (Status.COMPLETED, "finish", CALM),
        (Status.CANCELLED, "cancel", {}), (Status.SCHEDULED, "reschedule", later),
    ):  # fmt: skip
        events = Event.objects.count()
        with transaction.atomic():
            answer = walk.session_verb(verb, **body)
            if target in TRANSITIONS[start]:
                assert ok(answer)["status"] == target
                assert Event.objects.count() == events + 1
            else:
                assert code(answer) == (409, "wrong_state"), (start, verb, answer.content)
                assert Event.objects.count() == events
            transaction.set_rollback(True)
    for state, act in (
        (Status.SCHEDULED, walk.measures),
        (Status.COMPLETED, lambda: walk.session_verb("check-in", feeling="well")),
    ):
        with transaction.atomic():
            answer = act()
            if start == state:
                ok(answer)
            else:
                assert code(answer) == (409, "wrong_state"), (start, state, answer.content)
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "asleep"}, {"status": "held"}, {"status": "in_progress"},
        {"status": "completed"}, {"status": "cancelled"}, {"reservation": None}, {"end": START},
        {"held_because": "x"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_the_actions_never_do(walk: Care, broken: dict[str, Any]) -> None:
    walk.planned()
    with pytest.raises(IntegrityError), transaction.atomic():
        TreatmentSession.objects.filter(pk=walk.session).update(**broken)


@pytest.mark.parametrize("broken", [{"systolic": 0}, {"pulse": 400}, {"diastolic": 130}])
def test_the_database_keeps_no_reading_of_nobody(walk: Care, broken: dict[str, Any]) -> None:
    walk.planned()
    row = {**CALM, **broken, "session_id": walk.session, "measured_at": START, "moment": "before"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Reading.objects.create(**row)


# --- who sees what -----------------------------------------------------------------------------


def test_readings_are_for_the_patient_and_the_physician(alice: Caller, walk: Care) -> None:
    walk.completed()
    ok(walk.session_verb("check-in", feeling="unsure", note="private"))
    clinical = {"readings", "feeling", "check_in_note"}
    for who in (alice, walk.chen):
        assert clinical <= set(ok(who.get(f"sessions/{walk.session}/")))
        assert clinical <= set(ok(who.get("sessions/"))["results"][0])
    for shown in (
        ok(walk.sam.get(f"sessions/{walk.session}/")),
        ok(walk.sam.get("sessions/"))["results"][0],
    ):
        assert not clinical & set(shown)
        assert "private" not in str(shown)


def test_another_s_session_is_as_if_it_never_was(walk: Care, eve: Caller, admin: Caller) -> None:
    walk.planned()
    own = f"sessions/{walk.session}/"
    assert ok(eve.get("sessions/"))["results"] == []
    assert eve.get(own).status_code == 404
    whole = {**CALM, "location": {"state": "FL"}, "support_person_present": True}
    for verb, body in (
        ("reschedule", {"start": SESSION}), ("cancel", {}), ("start", {}), ("finish", CALM),
        ("pre-check", {**whole, "measured_at": SESSION}), ("check-in", {"feeling": "well"}),
    ):  # fmt: skip
        assert eve.post(f"{own}{verb}/", body).status_code == 404
        assert admin.post(f"{own}{verb}/", body).status_code == 403
    assert admin.get("sessions/").status_code == 403
    assert admin.post("sessions/", {"start": SESSION}).status_code == 403
    stranger = {"start": SESSION, "patient": str(uuid4()), "channel": "telephone"}
    assert code(walk.sam.post("sessions/", stranger)) == (400, "invalid")


def test_holds_are_for_physicians(alice: Caller, sam: Caller, chen: Caller, eve: Caller) -> None:
    me = ok(alice.get("me/"))["id"]
    path = f"patients/{me}/clinical-holds/"
    for who in (alice, sam, eve):
        assert who.get(path).status_code == 403
        assert who.post(path, {"note": "n"}).status_code == 403
    assert chen.get(f"patients/{uuid4()}/clinical-holds/").status_code == 404
    first = ok(chen.post(path, {"note": "one"}))
    ok(chen.post(path, {"note": "two"}))
    assert (first["reason"], first["cleared_at"]) == ("physician", None)
    assert [hold["note"] for hold in ok(chen.get(path))["results"]] == ["two", "one"]


def test_identity_is_checked_by_colleagues(alice: Caller, sam: Caller, chen: Caller) -> None:
    me = ok(alice.get("me/"))["id"]
    path = f"patients/{me}/identity-checks/"
    shown = {"document": "passport", "last4": "12ab"}
    assert alice.post(path, shown).status_code == 403
    assert sam.post(f"patients/{uuid4()}/identity-checks/", shown).status_code == 404
    for who in (sam, chen):
        assert ok(who.post(path, shown))["last4"] == "12AB"
    for wrong in ("123", "12345", "12 4", "12-4", "١٢٣٤", ""):
        refused = sam.post(path, {**shown, "last4": wrong})
        assert code(refused) == (400, "invalid")
        assert refused.json()["errors"][0]["pointer"] == "/last4"


def test_lists_take_as_many_queries_for_three_as_for_one(
    walk: Care, bruno: Caller, eve: Caller
) -> None:
    walk.planned()
    counts = []
    readers = (
        (walk.sam, "sessions/"), (walk.chen, "sessions/"), (walk.who, "sessions/"),
        (walk.chen, f"patients/{walk.id}/clinical-holds/"),
        (walk.chen, "calendar/?from=2026-12-01&to=2026-12-20"),
        (walk.sam, "patients/"),
    )  # fmt: skip
    for others in ((), (bruno, eve)):
        for number, other in enumerate(others):
            more = care(other, talk=f"2026-12-0{number + 1}T15:00:00Z").subscribed()
            ok(other.post("sessions/", {"start": f"2026-12-0{number + 8}T15:00:00Z"}))
            more.pays()
        ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
        numbers = []
        for who, path in readers:
            with CaptureQueriesContext(connection) as queries:
                ok(who.client.get(f"/api/v1/{path}"))
            numbers.append(len(queries))
        counts.append(numbers)
    assert len(ok(walk.sam.get("sessions/"))["results"]) == 3
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 20


def test_filters_choose(walk: Care) -> None:
    walk.planned()

    def count(**query: str) -> int:
        return len(ok(walk.sam.get("sessions/", **query))["results"])

    assert (count(status="scheduled"), count(status="held")) == (1, 0)
    assert (count(patient=walk.id), count(patient=str(uuid4()))) == (1, 0)
    assert (count(starts_after=SESSION), count(starts_before=SESSION)) == (1, 0)
    assert (count(ordering="-start"), count(updated_since="2099-01-01T00:00:00Z")) == (1, 0)
    assert count(physician=walk.shown()["physician"]) == 1
