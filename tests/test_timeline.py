"""The timeline: at each point of the chain what is done, what waits, and who acts next."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from records.models import Event
from scheduling import replan as chain
from scheduling.tasks import replan as sweep
from tests.care import SESSION, TALK, Care, care, code, ok, replan, to
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller

KEYS = [
    "assessment", "consultation", "decision", "agreements", "plan", "payment", "prescription",
    "delivery", "session", "check_in",
]  # fmt: skip
TALLAHASSEE = {
    "line1": "5 Duval St", "city": "Tallahassee", "state": "FL", "postal_code": "32301",
}  # fmt: skip
DESTIN = {"line1": "5 Ocean Dr", "city": "Destin", "state": "FL", "postal_code": "32541"}


def states(walk: Care) -> dict[str, str]:
    return {step["key"]: step["state"] for step in walk.timeline()["steps"]}


def current(walk: Care) -> str:
    """The first step that is not done."""
    return next((key for key, state in states(walk).items() if state != "done"), "")


def next_(walk: Care) -> tuple[str, str]:
    """Who acts next, and on what."""
    told = walk.timeline()["next"]
    return told["who"], told["detail"]


def test_it_has_the_shape_of_the_contract(alice: Caller) -> None:
    walk = care(alice)
    told = walk.timeline()
    assert set(told) == {"patient", "checked_at", "steps", "next"}
    assert told["patient"] == walk.id
    assert told["checked_at"].startswith("2026-11-24T15:0")
    assert [step["key"] for step in told["steps"]] == KEYS
    assert set(told["steps"][0]) == {
        "key", "title", "state", "at", "time_zone", "unmet_gates", "object",
    }  # fmt: skip
    assert {step["time_zone"] for step in told["steps"]} == {"America/Chicago"}
    assert told["next"] == {
        "who": "patient", "detail": "Book your free consultation.", "until": None,
    }  # fmt: skip
    of_chen = ok(walk.chen.get(f"patients/{walk.id}/timeline/"))
    assert {step["time_zone"] for step in of_chen["steps"]} == {"America/New_York"}
    of_sam = ok(walk.sam.get(f"patients/{walk.id}/timeline/"))
    assert {step["time_zone"] for step in of_sam["steps"]} == {"America/Chicago"}


def test_from_the_assessment_to_the_check_in_it_says_who_acts_next(alice: Caller) -> None:
    walk = care(alice)
    assert (current(walk), next_(walk)[0]) == ("consultation", "patient")
    booked = ok(alice.post("consultations/", {
        "start": TALK, "kind": "initial", "location": {"state": "FL"}}))  # fmt: skip
    told = walk.timeline()
    assert (told["next"]["who"], told["next"]["until"]) == ("nobody", TALK)
    assert "nothing for you to do" in told["next"]["detail"]
    assert walk.step("consultation")["object"] == {"kind": "consultation", "id": booked["id"]}
    alice.post(f"consultations/{booked['id']}/cancel/")
    walk.approved()
    assert (current(walk), next_(walk)[0]) == ("agreements", "patient")
    walk.agreed()
    assert (current(walk), next_(walk)) == ("plan", ("patient", "Choose a plan."))
    walk.subscribed()
    assert (current(walk), walk.timeline()["next"]["until"]) == ("payment", "2026-12-07T06:00:00Z")
    assert walk.step("payment")["object"]["kind"] == "billing_period"
    walk.paid()
    assert (current(walk), next_(walk)[0]) == ("prescription", "physician")
    walk.prescribed()
    told = walk.timeline()["next"]
    assert (current(walk), told["who"], told["detail"]) == (
        "delivery", "patient", "Choose a delivery window.",
    )  # fmt: skip
    assert told["until"].startswith("2026-12-03")
    walk.scheduled()
    told = walk.step("delivery")
    assert (told["state"], told["at"], told["unmet_gates"]) == (
        "current", "2026-12-03T14:00:00Z", [],
    )  # fmt: skip
    walk.planned()
    waits = walk.step("session")
    assert (waits["state"], waits["at"]) == ("waiting", SESSION)
    assert [gate["code"] for gate in waits["unmet_gates"]] == ["not_delivered"]
    assert waits["unmet_gates"][0]["until"] == "2026-12-03T18:00:00Z"
    walk.delivered()
    assert (current(walk), walk.timeline()["next"]["until"]) == ("session", SESSION)
    walk.completed()
    told = walk.timeline()["next"]
    assert (current(walk), told["who"], told["detail"]) == (
        "check_in", "patient", "Tell us how you feel.",
    )  # fmt: skip
    ok(walk.session_verb("check-in", feeling="well"))
    assert set(states(walk).values()) == {"done"}
    assert next_(walk)[0] == "nobody"


@pytest.mark.parametrize(
    ("outcome", "state", "who", "says"),
    [
        ("declined", "blocked", "physician", "not right for you"),
        ("more_info", "current", "patient", "needs to know more"),
    ],
)
def test_a_decision_says_what_happens_next(
    alice: Caller, outcome: str, state: str, who: str, says: str
) -> None:
    walk = care(alice)
    walk.consultation = ok(alice.post("consultations/", {
        "start": TALK, "kind": "initial", "location": {"state": "FL"}}))["id"]  # fmt: skip
    path = f"consultations/{walk.consultation}/"
    early = walk.chen.post(path + "decide/", {"outcome": outcome})
    assert code(early) == (409, "wrong_state")
    to(TALK)
    ok(walk.chen.post(path + "arrive/", {"location": {"state": "FL"}}))
    ok(walk.chen.post(path + "complete/", {"note": ""}))
    unseen = walk.chen.post(path + "decide/", {"outcome": "approved"})
    assert [gate["code"] for gate in unseen.json()["unmet_gates"]] == ["not_identified"]
    for other in (alice, walk.sam):
        assert other.post(path + "decide/", {"outcome": outcome}).status_code == 403
    decided = walk.decided(outcome)["decision"]
    assert (decided["outcome"], decided["note"]) == (outcome, "for my eyes")
    shown = ok(alice.get(path))["decision"]
    assert set(shown) == {"outcome", "decided_at", "next"}
    assert says in shown["next"]
    assert "note" not in ok(walk.sam.get(path))["decision"]
    assert ok(alice.get("consultations/"))["results"][0]["decision"] == shown
    assert states(walk)["decision"] == state
    unmet = walk.step("decision")["unmet_gates"]
    assert (unmet[0]["code"], unmet[0]["who"]) == (outcome, who)
    again = walk.chen.post(path + "decide/", {"outcome": "declined"})
    assert code(again) == ((409, "wrong_state") if outcome == "declined" else (200, ""))
    assert code(walk.chen.post(path + "correct/", {"reason": "r"})) == (409, "built_on")


def test_what_was_recorded_wrongly_of_a_consultation_is_put_back(alice: Caller) -> None:
    walk = care(alice)
    meeting = ok(alice.post("consultations/", {
        "start": TALK, "kind": "initial", "location": {"state": "FL"}}))  # fmt: skip
    path = f"consultations/{meeting['id']}/"
    assert code(walk.sam.post(path + "correct/", {"reason": "r"})) == (409, "wrong_state")
    to("2026-11-30T15:20Z")
    ok(walk.chen.post(path + "no-show/"))
    assert alice.post(path + "correct/", {"reason": "r"}).status_code == 403
    assert ok(walk.sam.post(path + "correct/", {"reason": "was there"}))["status"] == "booked"
    ok(walk.chen.post(path + "arrive/", {"location": {"state": "FL"}}))
    ok(walk.chen.post(path + "complete/", {"note": "n"}))
    put_back = ok(walk.chen.post(path + "correct/", {"reason": "not over yet"}))
    assert put_back["status"] == "arrived"
    assert put_back["note"] == "n"


def test_a_hold_blocks_and_says_no_more_than_it_must(alice: Caller) -> None:
    walk = care(alice).paid()
    to("2026-12-01T16:00:00Z")
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "secret"}))
    told = walk.step("decision")
    until = told["unmet_gates"][0]["until"]
    assert until.startswith("2026-12-03T16:00")
    assert told["state"] == "blocked"
    says = "Dr. Chen looks at something first; nothing for you to do."
    assert told["unmet_gates"][0]["detail"] == says
    assert walk.timeline()["next"] == {
        "who": "physician", "detail": says, "until": until,
    }  # fmt: skip
    assert "secret" not in str(walk.timeline())


def test_who_is_held_for_longer_than_was_said_is_brought_to_a_physician_s_mind_once(
    alice: Caller,
) -> None:
    walk = care(alice).paid()
    to("2026-12-01T16:00:00Z")
    hold = ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    sweep()
    to("2026-12-03T16:01:00Z")
    sweep()
    (item,) = ok(walk.chen.get("work-items/", kind="hold_waits"))["results"]
    ok(walk.chen.post(f"work-items/{item['id']}/close/", {"note": "looked"}))
    assert replan(walk) == 0
    assert walk.step("decision")["unmet_gates"][0]["until"] is None
    ok(walk.chen.post(f"clinical-holds/{hold['id']}/clear/", {"note": "fine"}))
    assert walk.step("decision")["state"] == "done"


# --- what follows ------------------------------------------------------------------------------


def test_who_moves_to_new_york_is_stopped_at_once_and_rows_follow(alice: Caller) -> None:
    """T7."""
    walk = care(alice).planned()
    walk.scheduled()
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    assert {"plan": "blocked", "delivery": "blocked", "session": "blocked"}.items() <= states(
        walk
    ).items()
    assert replan(walk) > 0
    assert replan(walk) == 0
    assert (walk.delivery["status"], walk.delivery["held_because"]) == ("held", "out_of_area")
    assert walk.shown()["status"] == "held"
    subscription = ok(alice.get(f"subscriptions/{walk.subscription}/"))
    assert (subscription["ends_on"], subscription["ending"]) == ("2026-12-30", "moved")
    assert ok(walk.chen.get("work-items/", kind="transition"))["results"]
    alice.post("me/address/", {**PENSACOLA, "kind": "move"})
    replan(walk)
    assert walk.delivery["status"] == "awaiting_window"
    assert ok(alice.get(f"subscriptions/{walk.subscription}/"))["ends_on"] is None


def test_a_correction_moves_nothing(alice: Caller) -> None:
    walk = care(alice).planned()
    walk.scheduled()
    replan(walk)
    before = walk.timeline()["steps"]
    alice.post("me/address/", {**PENSACOLA, "line2": "Apt 4", "kind": "correction"})
    assert replan(walk) == 0
    assert walk.timeline()["steps"] == before


def test_from_tallahassee_to_destin_instants_stay_and_words_change(alice: Caller) -> None:
    alice.post("me/address/", {**TALLAHASSEE, "kind": "move"})
    walk = care(alice).planned()
    replan(walk)
    before = walk.shown()
    assert (before["start"], before["time_zone"]) == (SESSION, "America/New_York")
    alice.post("me/address/", {**DESTIN, "kind": "move"})
    replan(walk)
    after = walk.shown()
    assert (after["start"], after["time_zone"], after["status"]) == (
        SESSION, "America/Chicago", "scheduled",
    )  # fmt: skip
    assert walk.step("session")["time_zone"] == "America/Chicago"


STAGES = [
    "approved", "agreed", "subscribed", "paid", "prescribed", "scheduled", "delivered", "planned",
    "checked", "started", "completed",
]  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_twice_in_a_row_changes_nothing(alice: Caller, stage: str) -> None:
    walk = care(alice)
    getattr(walk, stage)()
    replan(walk)
    events = Event.objects.count()
    with CaptureQueriesContext(connection) as queries:
        assert replan(walk) == 0
    assert Event.objects.count() == events
    asked = [q["sql"] for q in queries.captured_queries]
    writes = [sql for sql in asked if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert writes == []
    assert len([q for q in asked if not q.startswith(("SAVEPOINT", "RELEASE"))]) <= 15, asked


def test_changes_without_end_are_said_and_none_is_kept(
    alice: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One round is not enough to see that nothing is left: as if changes called for each other."""
    walk = care(alice).subscribed()
    replan(walk)
    to("2026-12-08T15:00:00Z")
    with monkeypatch.context() as patched:
        patched.setattr(chain, "ROUNDS", 1)
        sweep()
    (line,) = [line for line in caplog.records if line.message == "not_replanned"]
    assert line.patient_id == walk.id  # type: ignore[attr-defined]
    assert ok(alice.get(f"subscriptions/{walk.subscription}/"))["status"] == "active"
    sweep()
    assert ok(alice.get(f"subscriptions/{walk.subscription}/"))["status"] == "past_due"


def test_the_list_of_patients_can_be_asked_by_step_and_gate(alice: Caller) -> None:
    walk = care(alice).prescribed()
    replan(walk)

    def found(**query: str) -> list[str]:
        return [row["id"] for row in ok(walk.sam.get("patients/", **query))["results"]]

    assert found(step="delivery") == found(gate="no_window") == [walk.id]
    assert (found(step="session"), found(gate="not_paid"), found(gate="x")) == ([], [], [])
    assert (walk.patient["step"], walk.patient["unmet_gates"]) == ("delivery", ["no_window"])


# --- who sees what ------------------------------------------------------------------------------


def test_another_s_timeline_is_as_if_it_never_was(
    alice: Caller, eve: Caller, sam: Caller, chen: Caller, admin: Caller
) -> None:
    me = ok(alice.get("me/"))["id"]
    assert eve.get(f"patients/{me}/timeline/").status_code == 403
    assert admin.get(f"patients/{me}/timeline/").status_code == 403
    assert sam.get("me/timeline/").status_code == 403
    for who in (sam, chen):
        assert who.get(f"patients/{uuid4()}/timeline/").status_code == 404
        assert who.get(f"patients/{me}/timeline/").status_code == 200


def test_staff_write_down_the_agreements_of_a_caller(alice: Caller, eve: Caller) -> None:
    walk = care(alice).approved()
    path = f"patients/{walk.id}/consents/"
    given: dict[str, Any] = {"kind": "treatment", "accepted": True}
    assert code(walk.sam.post(path, given)) == (400, "invalid")
    assert alice.post(path, {**given, "channel": "telephone"}).status_code == 403
    assert walk.chen.post(path, {**given, "channel": "telephone"}).status_code == 403
    assert walk.sam.post(path, {**given, "channel": "telephone"}).status_code == 201
    ok(walk.sam.post(path, {**given, "kind": "safekeeping", "channel": "telephone"}))
    assert states(walk)["agreements"] == "done"
    kinds = [row["kind"] for row in ok(alice.get("me/consents/"))["results"]]
    assert kinds[-2:] == ["treatment", "safekeeping"]
    assert ok(eve.get("me/consents/"))["results"][0]["kind"] == "privacy"


def test_looking_takes_as_many_queries_for_three_parcels_as_for_one(alice: Caller) -> None:
    walk = care(alice).paid()
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            walk.timeline()
        counts.append(len(queries))
        for _ in range(2):
            ok(walk.staff("cancel"))
            replan(walk)  # what staff cancel stays so; a physician sends another
            ok(walk.chen.post(f"deliveries/{walk.delivery['id']}/replace/"))
    assert len(walk.deliveries()) == 5
    assert counts[0] == counts[1] <= 17
