"""Consultations: who may do what when; every pair of states; what follows an address or licence."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from records.actor import Actor
from records.models import Event, WorkItem
from scheduling.consultations import actions
from scheduling.consultations.models import TRANSITIONS, Consultation, Status
from scheduling.models import Licence, Physician, Reservation
from scheduling.tasks import replan, replan_everyone
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller

SLOT = datetime.fromisoformat("2026-11-30T15:00:00+00:00")  # Monday, 10:00 Eastern
LATER = "2026-12-01T15:00:00Z"


def wish(start: str | datetime = SLOT, state: str = "FL", **more: Any) -> dict[str, Any]:
    at = start if isinstance(start, str) else start.isoformat()
    return {"start": at, "kind": "initial", "location": {"state": state}, **more}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def booked(alice: Caller) -> dict[str, Any]:
    answer = alice.post("consultations/", wish())
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def path(meeting: dict[str, Any], verb: str = "") -> str:
    return f"consultations/{meeting['id']}/{verb}"


# --- booking ---------------------------------------------------------------------------------


def test_a_booking_tells_time_zone_and_way_to_join(booked: dict[str, Any], chen: Caller) -> None:
    assert booked["reference"].startswith("C-")
    assert (booked["start"], booked["end"]) == ("2026-11-30T15:00:00Z", "2026-11-30T15:30:00Z")
    assert booked["time_zone"] == "America/Chicago"
    assert (booked["join"], booked["join_url"]) == ("video", "https://video.hearth.test/chen")
    assert chen.get(path(booked)).json()["time_zone"] == "America/New_York"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-24T14:00:00Z", (422, "in_the_past")),
        ("2026-11-24T15:00:00Z", (422, "in_the_past")),
        ("2026-11-24T16:00:00Z", (409, "not_offered")),  # within the lead of two hours
        ("2027-01-24T15:00:00Z", (422, "too_far_ahead")),
        ("2027-03-01T15:00:00Z", (422, "too_far_ahead")),
        ("2026-11-29T15:00:00Z", (409, "not_offered")),  # a Sunday
        ("2026-11-30T13:15:00Z", (409, "not_offered")),  # 8:15 Eastern, before the hours
        ("2026-11-30T21:45:00Z", (409, "not_offered")),  # would end at 17:15
        ("2026-11-30T15:07:00Z", (409, "not_offered")),  # not on the grid
    ],
)
def test_only_what_is_offered_can_be_booked(
    alice: Caller, start: str, expected: tuple[int, str]
) -> None:
    assert code(alice.post("consultations/", wish(start))) == expected
    assert not Consultation.objects.exists()


def test_between_two_calls_lie_fifteen_minutes(booked: dict[str, Any], bruno: Caller) -> None:
    near = bruno.post("consultations/", wish(SLOT + timedelta(minutes=30), "NJ"))
    assert code(near) == (409, "slot_taken")
    soonest = near.json()["next_slots"][0]
    assert soonest["start"] == "2026-11-30T15:45:00Z"
    assert soonest["time_zone"] == "America/New_York"
    after = wish(soonest["start"], "NJ", physician=str(soonest["physician"]))
    assert bruno.post("consultations/", after).status_code == 201


def test_nobody_is_in_two_places(alice: Caller, booked: dict[str, Any]) -> None:
    other = Physician.objects.create(
        user=_second_physician(), name="Dr. Rivera", time_zone="America/New_York"
    )
    _works_like_chen(other)
    refused = alice.post("consultations/", wish(physician=str(other.pk)))
    assert code(refused) == (409, "patient_busy")


def test_without_a_named_physician_whoever_is_free_takes_it(
    booked: dict[str, Any], bruno: Caller
) -> None:
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    _works_like_chen(other)
    answer = bruno.post("consultations/", wish(state="NJ"))
    assert answer.status_code == 201
    assert answer.json()["physician"] == str(other.pk)
    assert (answer.json()["join"], answer.json()["join_url"]) == ("telephone", "")


def _second_physician() -> Any:
    from accounts.models import User

    return User.objects.create_user(role="physician", name="R", email="rivera@hearth.test")


def _works_like_chen(other: Physician) -> None:
    chen = Physician.objects.exclude(pk=other.pk).get()
    rows: list[Any] = [*chen.working_hours.all(), *chen.licences.all()]
    for row in rows:
        row.pk, row.physician = None, other
        row._state.adding = True
        row.id = type(row)._meta.pk.get_default()
        row.save()


def test_a_hold_keeps_the_slot_for_ten_minutes(
    at: Any, alice: Caller, bruno: Caller, outsider: Caller
) -> None:
    held = outsider.post("holds/", {"start": SLOT.isoformat(), "kind": "initial", "state": "FL"})
    assert held.status_code == 201
    assert code(bruno.post("consultations/", wish(state="NJ"))) == (409, "slot_taken")
    wrong = wish(hold=held.json()["id"], secret="guessed")
    assert code(alice.post("consultations/", wrong)) == (409, "slot_taken")
    right = wish(hold=held.json()["id"], secret=held.json()["secret"])
    assert alice.post("consultations/", right).status_code == 201
    assert Reservation.objects.get().expires_at is None


def test_an_expired_hold_gives_way_to_whoever_wants_its_time(
    at: Any, now: datetime, bruno: Caller, outsider: Caller
) -> None:
    outsider.post("holds/", {"start": SLOT.isoformat(), "kind": "initial", "state": "FL"})
    at(now + timedelta(minutes=9, seconds=50))
    assert code(bruno.post("consultations/", wish(state="NJ"))) == (409, "slot_taken")
    at(now + timedelta(minutes=10, seconds=1))
    assert bruno.post("consultations/", wish(state="NJ")).status_code == 201
    assert Reservation.objects.count() == 1


def test_a_browser_holds_two_slots_and_gives_them_back_with_the_secret(outsider: Caller) -> None:
    def hold(hours: int) -> Any:
        start = (SLOT + timedelta(hours=hours)).isoformat()
        return outsider.post("holds/", {"start": start, "kind": "initial", "state": "FL"})

    first, _ = hold(0), hold(1)
    third = hold(2)
    assert code(third) == (429, "over_budget")
    assert int(third["Retry-After"]) > 0
    place = f"holds/{first.json()['id']}/"
    assert outsider.delete(place, {"secret": "guessed"}).status_code == 404
    assert outsider.delete(place, {"secret": first.json()["secret"]}).status_code == 204
    assert outsider.delete(place, {"secret": first.json()["secret"]}).status_code == 404
    assert hold(2).status_code == 201


def test_staff_book_for_a_caller_and_patients_only_for_themselves(
    sam: Caller, alice: Caller, bruno: Caller
) -> None:
    whom = bruno.get("me/").json()["id"]
    refused = alice.post("consultations/", wish(patient=whom, channel="telephone"))
    assert code(refused) == (400, "invalid")
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert pointers == {"/patient", "/channel"}
    assert code(sam.post("consultations/", wish())) == (400, "invalid")
    done = sam.post("consultations/", wish(state="NJ", patient=whom, channel="telephone"))
    assert done.status_code == 201
    event = Event.objects.get(kind="consultation.booked")
    assert (event.role, event.channel) == ("staff", "telephone")


def test_what_is_missing_is_said_with_who_clears_it(sam: Caller, now: datetime) -> None:
    from tests.cast import person

    entered = sam.post(
        "patients/",
        {
            "person": person(1),
            "address": PENSACOLA,
            "consents": {"privacy": True, "telehealth": False},
            "channel": "telephone",
        },
    ).json()
    refused = sam.post("consultations/", wish(patient=entered["id"], channel="telephone"))
    assert code(refused) == (409, "gate_unmet")
    unmet = {(gate["code"], gate["who"]) for gate in refused.json()["unmet_gates"]}
    assert unmet == {("assessment_missing", "patient"), ("consent_missing", "patient")}


# --- verbs in their time ---------------------------------------------------------------------


def test_rescheduling_frees_the_old_time(alice: Caller, booked: Any, bruno: Caller) -> None:
    moved = alice.post(path(booked, "reschedule/"), {"start": LATER})
    assert (moved.status_code, moved.json()["start"]) == (200, LATER)
    assert bruno.post("consultations/", wish(state="NJ")).status_code == 201


def test_rescheduling_by_a_step_does_not_collide_with_itself(alice: Caller, booked: Any) -> None:
    start = (SLOT + timedelta(minutes=15)).isoformat()
    assert alice.post(path(booked, "reschedule/"), {"start": start}).status_code == 200


def test_a_reschedule_that_is_refused_leaves_everything(
    alice: Caller, booked: Any, bruno: Caller
) -> None:
    bruno.post("consultations/", wish(LATER, "NJ"))
    before = alice.get(path(booked)).json()
    refused = alice.post(path(booked, "reschedule/"), {"start": LATER})
    assert code(refused) == (409, "slot_taken")
    assert alice.get(path(booked)).json() == before


@pytest.mark.parametrize(("hours", "late"), [(24.1, False), (23.9, True), (0.1, True)])
def test_cancelling_within_a_day_is_late(
    at: Any, alice: Caller, booked: Any, hours: float, late: bool
) -> None:
    at(SLOT - timedelta(hours=hours))
    cancelled = alice.post(path(booked, "cancel/"), {"reason": "busy"}).json()
    assert (cancelled["status"], cancelled["late"]) == ("cancelled", late)
    assert not Reservation.objects.exists()


def test_after_the_start_patients_call_and_staff_still_may(
    at: Any, alice: Caller, sam: Caller, booked: Any
) -> None:
    at(SLOT)
    for verb in ("confirm/", "cancel/"):
        assert code(alice.post(path(booked, verb))) == (409, "too_late")
    assert code(alice.post(path(booked, "reschedule/"), {"start": LATER})) == (409, "too_late")
    assert sam.post(path(booked, "cancel/")).status_code == 200


def test_arriving_and_not_showing_up_have_their_time(at: Any, chen: Caller, booked: Any) -> None:
    here = {"location": {"state": "FL"}}
    at(SLOT - timedelta(minutes=16))
    assert code(chen.post(path(booked, "arrive/"), here)) == (409, "too_early")
    at(SLOT + timedelta(minutes=14))
    assert code(chen.post(path(booked, "no-show/"))) == (409, "too_early")
    assert code(chen.post(path(booked, "complete/"))) == (409, "wrong_state")
    assert chen.post(path(booked, "arrive/"), here).status_code == 200
    at(SLOT + timedelta(minutes=40))
    assert code(chen.post(path(booked, "no-show/"))) == (409, "wrong_state")
    assert chen.post(path(booked, "complete/"), {"note": "x"}).status_code == 200


def test_where_the_physician_has_no_licence_nothing_begins(
    at: Any, chen: Caller, booked: Any
) -> None:
    at(SLOT)
    refused = chen.post(path(booked, "arrive/"), {"location": {"state": "NY"}})
    assert code(refused) == (409, "blocked_location")
    assert "911" in refused.json()["detail"]
    assert chen.post(path(booked, "arrive/"), {"location": {"state": "NJ"}}).status_code == 200


def _into(meeting: Consultation, status: str) -> Consultation:
    """Bring a booked consultation into a status by its verbs."""
    by, now = _BY, SLOT + timedelta(minutes=20)
    if status in (Status.ARRIVED, Status.COMPLETED):
        actions.arrive(consultation=meeting, state="FL", by=by, now=now)
    if status == Status.COMPLETED:
        actions.complete(consultation=meeting, note="", by=by, now=now)
    if status == Status.CANCELLED:
        actions.cancel(consultation=meeting, reason="", by=by, now=now)
    if status == Status.NO_SHOW:
        actions.no_show(consultation=meeting, by=by, now=now)
    return Consultation.objects.get(pk=meeting.pk)


_BY = Actor(role="physician")
VERBS = {
    Status.ARRIVED: "arrive/",
    Status.COMPLETED: "complete/",
    Status.CANCELLED: "cancel/",
    Status.NO_SHOW: "no-show/",
}


@pytest.mark.parametrize("to", VERBS)
@pytest.mark.parametrize("start", Status.values)
def test_every_pair_of_states(at: Any, chen: Caller, booked: Any, start: str, to: str) -> None:
    """What the table allows works and writes one event; all else is 409 and writes none."""
    meeting = _into(Consultation.objects.get(pk=booked["id"]), start)
    assert meeting.status == start
    events = Event.objects.count()
    at(SLOT + timedelta(minutes=21))
    body = {"location": {"state": "FL"}} if to == Status.ARRIVED else {}
    answer = chen.post(path(booked, VERBS[Status(to)]), body)
    if to in TRANSITIONS[start]:
        assert (answer.status_code, answer.json()["status"]) == (200, to)
        assert Event.objects.count() == events + 1
    else:
        assert code(answer) == (409, "wrong_state")
        assert Event.objects.count() == events
        meeting.refresh_from_db()
        assert meeting.status == start


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "cancelled"},
        {"status": "arrived"},
        {"status": "completed"},
        {"status": "asleep"},
        {"reservation": None},
        {"kind": "other"},
        {"end": SLOT},
    ],
)
def test_the_database_refuses_what_the_actions_never_do(
    booked: Any, broken: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Consultation.objects.filter(pk=booked["id"]).update(**broken)


def test_an_old_version_is_told_so(alice: Caller, booked: Any) -> None:
    shown = alice.get(path(booked))
    tag = shown["ETag"]
    assert alice.post(path(booked, "confirm/"), If_Match=tag).status_code == 200
    late = alice.post(path(booked, "cancel/"), If_Match=tag)
    assert code(late) == (412, "stale")
    fresh = alice.get(path(booked))["ETag"]
    assert alice.post(path(booked, "cancel/"), If_Match=fresh).status_code == 200


# --- at risk ---------------------------------------------------------------------------------


def test_moving_out_of_the_area_refuses_at_once_and_is_found_once(
    alice: Caller, booked: Any, sam: Caller
) -> None:
    assert alice.post("me/address/", {**ALBANY, "kind": "move"}).status_code == 201
    refused = alice.post("consultations/", wish(LATER))
    assert [gate["code"] for gate in refused.json()["unmet_gates"]] == ["out_of_area"]
    moved = alice.post(path(booked, "reschedule/"), {"start": LATER})
    assert code(moved) == (409, "gate_unmet")
    assert alice.get(path(booked)).json()["at_risk"] is True
    replan()
    replan_everyone()
    items = sam.get("work-items/", kind="consultation_at_risk").json()["results"]
    assert [item["object_id"] for item in items] == [booked["id"]]
    assert Event.objects.filter(kind="consultation.at_risk").count() == 1
    back = {**PENSACOLA, "kind": "move"}
    assert alice.post("me/address/", back).status_code == 201
    replan()
    assert WorkItem.objects.get(kind="consultation_at_risk").status == "closed"


def test_a_licence_that_ends_takes_its_slots_and_a_renewal_gives_them_back(
    alice: Caller, booked: Any, physician: Physician
) -> None:
    """T10: the last day of the licence is good, the day after is not; New Jersey stays."""
    florida = physician.licences.filter(state="FL")
    florida.update(expires_on="2026-11-29")
    query = {"from": "2026-11-30", "to": "2026-11-30"}
    assert alice.get("slots/", **query).json()["results"] == []
    assert alice.get("slots/", **query, state="NJ").json()["results"] != []
    shown = alice.get(path(booked)).json()
    assert [gate["code"] for gate in shown["at_risk_because"]] == ["no_licence"]
    replan_everyone()
    assert WorkItem.objects.filter(kind="consultation_at_risk", status="open").count() == 1
    Licence.objects.create(
        physician=physician,
        state="FL",
        number="2",
        valid_from="2026-11-30",
        expires_on="2028-11-30",
    )
    assert alice.get(path(booked)).json()["at_risk"] is False
    replan_everyone()
    assert not WorkItem.objects.filter(kind="consultation_at_risk", status="open").exists()


def test_time_off_offers_nothing_and_cancels_nothing(
    chen: Caller, alice: Caller, booked: Any, physician: Physician
) -> None:
    off = {"start": "2026-11-30T00:00:00-05:00", "end": "2026-12-01T00:00:00-05:00"}
    made = chen.post(f"physicians/{physician.pk}/time-off/", off)
    assert made.status_code == 201
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    assert alice.get("slots/", **day).json()["results"] == []
    shown = alice.get(path(booked)).json()
    assert (shown["status"], shown["at_risk"]) == ("booked", True)
    row = f"physicians/{physician.pk}/time-off/{made.json()['id']}/"
    assert chen.delete(row).status_code == 204
    assert alice.get("slots/", **day).json()["results"] != []
