"""Consultations: who may do what when; every pair of states; what follows an address or licence."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from records.actor import Actor
from records.models import Event, WorkItem
from scheduling.consultations import actions
from scheduling.consultations.models import TRANSITIONS, Consultation, Status
from scheduling.models import Licence, Opening, Physician, Reservation
from scheduling.tasks import replan, replan_everyone
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller

SLOT = datetime.fromisoformat("2026-11-30T15:00:00+00:00")  # Monday, 10:00 Eastern
LATER = "2026-12-01T15:00:00Z"
CALLED = {"channel": "telephone"}


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
    refused = alice.post("consultations/", wish(physician=str(other.pk), kind="follow_up"))
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


def test_a_hold_is_for_the_physician_who_is_held(
    at: Any, now: datetime, alice: Caller, bruno: Caller, physician: Physician
) -> None:
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    _works_like_chen(other)
    hold = {"start": SLOT.isoformat(), "kind": "initial"}
    for who, state, named in ((alice, "FL", None), (bruno, "NJ", str(other.pk))):
        kept = {**hold, "state": state, "physician": str(other.pk)}
        got = who.post("holds/", kept).json()
        opened = wish(state=state, physician=named, hold=got["id"], secret=got["secret"])
        booked = who.post("consultations/", opened)
        assert booked.json()["physician"] == str(other.pk)
        assert who.post(path(booked.json(), "cancel/")).status_code == 200


def test_a_hold_on_one_physician_opens_no_time_of_another_within_the_lead(
    at: Any, alice: Caller, physician: Physician
) -> None:
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    _works_like_chen(other)
    at(SLOT - timedelta(minutes=125))
    hold = {"start": SLOT.isoformat(), "kind": "initial", "state": "FL"}
    got = alice.post("holds/", {**hold, "physician": str(other.pk)}).json()
    at(SLOT - timedelta(minutes=117))
    opened = wish(physician=str(physician.pk), hold=got["id"], secret=got["secret"])
    assert code(alice.post("consultations/", opened)) == (409, "not_offered")
    opened["physician"] = str(other.pk)
    assert alice.post("consultations/", opened).status_code == 201


def test_a_calendar_tells_when_a_hold_ends_and_how_long_it_is_busy(
    outsider: Caller, chen: Caller
) -> None:
    outsider.post("holds/", {"start": SLOT.isoformat(), "kind": "initial", "state": "FL"})
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    (entry,) = chen.get("calendar/", **day).json()["results"]
    assert (entry["type"], entry["start"]) == ("hold", "2026-11-30T15:00:00Z")
    assert (entry["end"], entry["busy_end"]) == ("2026-11-30T15:30:00Z", "2026-11-30T15:45:00Z")


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


def test_rescheduling_to_where_it_is_changes_nothing(alice: Caller, booked: Any) -> None:
    assert alice.post(path(booked, "confirm/")).status_code == 200
    before = alice.get(path(booked))
    same = alice.post(path(booked, "reschedule/"), {"start": booked["start"]})
    assert (same.status_code, same.json(), same["ETag"]) == (200, before.json(), before["ETag"])
    assert not Event.objects.filter(kind="consultation.rescheduled").exists()


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
    assert sam.post(path(booked, "cancel/"), CALLED).status_code == 200


def test_by_wall_clock_a_day_before_is_not_late_when_clocks_change(
    at: Any, alice: Caller, physician: Physician
) -> None:
    """Sunday, 14 March 2027, has 23 hours in Pensacola: 9:30 on Saturday is a day before 10:00."""
    at("2027-03-08T15:00Z")
    opens = datetime.fromisoformat("2027-03-14T13:00:00+00:00")
    Opening.objects.create(physician=physician, start=opens, end=opens + timedelta(hours=8))
    for hour, late in (("15:30", False), ("16:30", True)):
        at("2027-03-08T15:00Z")
        meeting = alice.post("consultations/", wish("2027-03-14T15:00:00Z")).json()
        at(f"2027-03-13T{hour}Z")
        assert alice.post(path(meeting, "cancel/")).json()["late"] is late


def test_staff_say_through_which_channel_a_wish_came(
    alice: Caller, sam: Caller, booked: Any
) -> None:
    wishes: dict[str, Any] = {"confirm": {}, "reschedule": {"start": LATER}, "cancel": {}}
    for verb, body in wishes.items():
        by_alice = alice.post(path(booked, f"{verb}/"), {**body, **CALLED})
        assert by_alice.json()["errors"][0]["code"] == "not_for_you"
        silent = sam.post(path(booked, f"{verb}/"), body)
        assert silent.json()["errors"][0]["pointer"] == "/channel"
        assert sam.post(path(booked, f"{verb}/"), {**body, **CALLED}).status_code == 200
    told = Event.objects.filter(object_id=booked["id"], role="staff")
    assert list(told.values_list("channel", flat=True)) == ["telephone"] * 3


def test_one_first_consultation_is_ahead_at_most(at: Any, alice: Caller, booked: Any) -> None:
    again = alice.post("consultations/", wish(LATER))
    assert code(again) == (409, "wrong_state")
    assert "booked already" in again.json()["detail"]
    for start in (LATER, "2026-12-02T15:00:00Z"):
        assert alice.post("consultations/", wish(start, kind="follow_up")).status_code == 201
    at(SLOT + timedelta(minutes=30))
    assert alice.post("consultations/", wish("2026-12-03T15:00:00Z")).status_code == 201


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


def test_nobody_arrives_when_the_day_is_over(at: Any, chen: Caller, booked: Any) -> None:
    here = {"location": {"state": "FL"}}
    at("2026-12-01T00:00-05:00")
    assert code(chen.post(path(booked, "arrive/"), here)) == (409, "too_late")
    at("2026-11-30T23:59-05:00")
    assert chen.post(path(booked, "arrive/"), here).status_code == 200


def test_only_its_own_physician_says_what_became_of_a_consultation(
    at: Any, chen: Caller, booked: Any
) -> None:
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    rivera = Caller(other.user)
    assert rivera.get(path(booked)).status_code == 200  # Alice waits in the practice's queue
    at(SLOT + timedelta(minutes=20))
    here = {"location": {"state": "FL"}}
    for verb, body in (("no-show/", {}), ("arrive/", here)):
        assert code(rivera.post(path(booked, verb), body)) == (403, "permission_denied")
    assert chen.post(path(booked, "arrive/"), here).status_code == 200
    assert code(rivera.post(path(booked, "complete/"))) == (403, "permission_denied")


def test_what_is_not_possible_any_more_is_said_in_plain_words(
    at: Any, alice: Caller, chen: Caller, booked: Any
) -> None:
    at(SLOT)
    early = chen.post(path(booked, "complete/"))
    assert early.json()["detail"] == "The patient has not arrived yet."
    chen.post(path(booked, "cancel/"))
    for verb in ("cancel/", "confirm/"):
        late = alice.post(path(booked, verb))
        assert late.json()["detail"] == "This consultation has been cancelled."


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
    by = Actor(role="physician", user_id=meeting.physician.user_id)
    now = SLOT + timedelta(minutes=20)
    if status in (Status.ARRIVED, Status.COMPLETED):
        actions.arrive(consultation=meeting, state="FL", by=by, now=now)
    if status == Status.COMPLETED:
        actions.complete(consultation=meeting, note="", by=by, now=now)
    if status == Status.CANCELLED:
        actions.cancel(consultation=meeting, reason="", by=by, now=now)
    if status == Status.NO_SHOW:
        actions.no_show(consultation=meeting, by=by, now=now)
    return Consultation.objects.get(pk=meeting.pk)


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
    assert alice.post("me/address/", {**ALBANY, "kind": "move"}).status_code == 201
    moved = alice.post(path(booked, "reschedule/"), {"start": LATER}, If_Match=tag)
    assert code(moved) == (412, "stale")
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


def open_items() -> int:
    return WorkItem.objects.filter(kind="consultation_at_risk", status="open").count()


@pytest.mark.parametrize("verb", ["cancel", "arrive", "no-show", "reschedule", "past"])
def test_what_does_not_stand_any_more_is_not_asked_about(
    at: Any, alice: Caller, sam: Caller, chen: Caller, booked: Any, physician: Physician, verb: str
) -> None:
    off = {"start": "2026-11-30T14:00:00Z", "end": "2026-11-30T16:00:00Z"}
    chen.post(f"physicians/{physician.pk}/time-off/", off)
    replan_everyone()
    assert open_items() == 1
    if verb == "reschedule":
        assert alice.post(path(booked, "reschedule/"), {"start": LATER}).status_code == 200
    elif verb == "cancel":
        assert sam.post(path(booked, "cancel/"), CALLED).status_code == 200
    else:
        at(SLOT + timedelta(minutes=30))
        body = {"location": {"state": "FL"}} if verb == "arrive" else {}
        if verb != "past":
            assert chen.post(path(booked, f"{verb}/"), body).status_code == 200
    if verb == "past":
        replan()  # it wakes by itself, at the end
    assert open_items() == 0
    assert Event.objects.filter(kind="work_item.closed").count() == 1
    replan_everyone()
    assert open_items() == 0


def test_what_a_person_closed_comes_back_only_for_something_new(
    alice: Caller, sam: Caller, chen: Caller, booked: Any, physician: Physician
) -> None:
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    replan_everyone()
    (item,) = sam.get("work-items/", kind="consultation_at_risk").json()["results"]
    assert sam.post(f"work-items/{item['id']}/close/", {"note": "called"}).status_code == 200
    replan_everyone()
    assert open_items() == 0
    off = {"start": "2026-11-30T14:00:00Z", "end": "2026-11-30T16:00:00Z"}
    chen.post(f"physicians/{physician.pk}/time-off/", off)
    replan_everyone()
    (item,) = sam.get("work-items/", kind="consultation_at_risk").json()["results"]
    assert item["detail"].endswith("New Jersey. The physician is away at that time.")
    sam.post(f"work-items/{item['id']}/close/", {"note": "called again"})
    alice.post("me/address/", {**PENSACOLA, "kind": "move"})
    replan_everyone()
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    replan_everyone()
    assert open_items() == 1


def test_a_licence_that_ends_takes_its_slots_and_a_renewal_gives_them_back(
    alice: Caller, outsider: Caller, booked: Any, physician: Physician
) -> None:
    """T10: the last day of the licence is good, the day after is not; New Jersey stays."""
    florida = physician.licences.filter(state="FL")
    florida.update(expires_on="2026-11-29")
    query = {"from": "2026-11-30", "to": "2026-11-30"}
    assert alice.get("slots/", **query).json()["results"] == []
    assert outsider.get("slots/", **query, state="NJ").json()["results"] != []
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
