"""The scenarios by number: each as those who take part would live through it, by the doors."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from notifications import writing
from notifications.models import Message
from records import clock
from scheduling import tasks
from scheduling.deliveries.windows.actions import open_windows
from scheduling.demo import answers
from scheduling.models import (
    BillingPeriod,
    Consultation,
    Delivery,
    DeliveryWindow,
    Physician,
    Prescription,
    Reservation,
    Subscription,
    TreatmentSession,
)
from tests import texting
from tests.care import (
    HANDED_OVER,
    SESSION,
    SIGNER,
    WINDOW_DAY,
    Care,
    care,
    code,
    ok,
    prescription,
    replan,
    to,
    unmet,
)
from tests.cast import ALBANY, CAST, NEWARK, PENSACOLA, YES, person
from tests.conftest import Caller, caller

EASTERN = ZoneInfo("America/New_York")
MEXICO_BEACH = {
    "line1": "101 S 37th St", "city": "Mexico Beach", "state": "FL", "postal_code": "32456",
}  # fmt: skip
PORT_ST_JOE = {
    "line1": "305 Cecil Costin Blvd", "city": "Port St Joe", "state": "FL", "postal_code": "32456",
}  # fmt: skip
SENT = {"carrier": "UPS", "tracking": "1Z1"}


def wish(start: str, state: str = "FL", kind: str = "initial") -> dict[str, Any]:
    return {"start": start, "kind": kind, "location": {"state": state}}


def slots(who: Caller, day: str, **more: str) -> list[str]:
    found = ok(who.get("slots/", **{"from": day, "to": day}, **more))["results"]
    return [row["start"] for row in found]


def items(who: Caller, kind: str) -> list[dict[str, Any]]:
    return list(ok(who.get("work-items/", kind=kind))["results"])


def assessed(number: int, address: dict[str, str], **more: Any) -> Any:
    """Somebody new submits the assessment."""
    body = {
        "person": person(number, **more), "address": address, "answers": answers(), "consents": YES,
    }  # fmt: skip
    return Caller().post("assessments/", body)


def newcomer(number: int, address: dict[str, str], **more: Any) -> Caller:
    """Somebody new, who has submitted the assessment, at the API."""
    assert assessed(number, address, **more).status_code == 201
    return Caller(User.objects.get(email=person(number)["email"]))


def works_on_sunday_nights(chen: Caller) -> None:
    """The physician works from midnight to five on Sundays."""
    (who,) = Physician.objects.all()
    ok(
        chen.post(
            f"physicians/{who.pk}/working-hours/",
            {"weekday": 6, "opens": "00:00", "closes": "05:00"},
        )
    )


# --- zones --------------------------------------------------------------------------------------


def test_t01_a_quarter_to_eight_in_pensacola(web: str) -> None:
    """13:45Z: the patient reads 7:45 AM Central, the physician 8:45 Eastern; the reminder of 5:45
    leaves on the evening before, by 20:00 Central.
    """
    alice, chen = caller("alice"), caller("chen")
    clock.move(datetime.fromisoformat("2026-11-23T15:00Z"))
    served = ok(alice.get("service-area/", postal_code="32501"))
    assert (served["county"], served["time_zone"]) == ("Escambia", "America/Chicago")
    assert "2026-11-24T13:45:00Z" in slots(alice, "2026-11-24")
    booked = texting.book(alice, "2026-11-24T13:45:00Z")
    assert (booked["start"], booked["time_zone"]) == ("2026-11-24T13:45:00Z", "America/Chicago")
    seen = ok(chen.get(f"consultations/{booked['id']}/"))
    assert (seen["start"], seen["time_zone"]) == ("2026-11-24T13:45:00Z", "America/New_York")
    texting.run()
    assert "Tue, Nov 24, 7:45 AM Central" in texting.texts()[0]
    due = texting.message("reminder_2h").due_at
    assert due == datetime.fromisoformat("2026-11-23T19:30-06:00")
    clock.move(due)
    texting.run()
    assert "starts Tue, Nov 24, 7:45 AM Central" in texting.texts()[-1]
    texting.to("2026-11-24T11:45:00Z")
    before = texting.texts()
    texting.run()
    assert texting.texts() == before


def test_t02_before_the_physician_s_hours_nothing_is_offered(alice: Caller) -> None:
    """7:15 Central is 8:15 Eastern, before 8:30: not offered, and refused with other times."""
    offered = slots(alice, "2026-11-30")
    assert offered[0] == "2026-11-30T13:30:00Z"
    assert "2026-11-30T13:15:00Z" not in offered
    refused = alice.post("consultations/", wish("2026-11-30T13:15:00Z"))
    assert code(refused) == (409, "not_offered")
    assert refused.json()["next_slots"]


def test_t03_one_zip_code_with_two_clocks_asks(now: datetime) -> None:
    """32456: the zone is asked, not guessed; 9:00 is 15:00Z in Mexico Beach, 14:00Z in Port St
    Joe.
    """
    asked = ok(Caller().get("service-area/", postal_code="32456", state="FL", city="Mexico Beach"))
    assert (asked["served"], asked["time_zone"]) == (True, None)
    assert set(asked["time_zones"]) == {"America/Chicago", "America/New_York"}
    assert {"Bay", "Gulf", "Franklin"} <= set(asked["counties"])
    users = User.objects.count()
    assert assessed(1, MEXICO_BEACH).status_code == 422
    assert User.objects.count() == users
    central = newcomer(1, {**MEXICO_BEACH, "county": "Bay", "time_zone": "America/Chicago"})
    eastern = newcomer(2, {**PORT_ST_JOE, "county": "Gulf", "time_zone": "America/New_York"})
    for who, nine, zone in (
        (central, "2026-11-30T15:00:00Z", "America/Chicago"),
        (eastern, "2026-11-30T14:00:00Z", "America/New_York"),
    ):
        assert nine in slots(who, "2026-11-30")
        booked = ok(who.post("consultations/", wish(nine)))
        local = datetime.fromisoformat(booked["start"]).astimezone(ZoneInfo(booked["time_zone"]))
        assert (booked["time_zone"], local.hour) == (zone, 9)


# --- moving away --------------------------------------------------------------------------------


def moves(walk: Care) -> None:
    assert walk.who.post("me/address/", {**ALBANY, "kind": "move"}).status_code == 201


KEPT = (
    Consultation, Delivery, TreatmentSession, Subscription, BillingPeriod, Prescription, Message,
)  # fmt: skip


def kept() -> list[int]:
    return [model.objects.count() for model in KEPT]


def test_t07_who_moves_to_new_york_is_refused_at_once(bruno: Caller) -> None:
    """Every gate refuses at the moment of the move: booking, window, parcel, session."""
    walk = care(bruno).planned()
    window = walk.window()
    moves(walk)
    follow_up = wish("2026-12-08T15:00:00Z", "NJ", "follow_up")
    assert unmet(bruno.post("consultations/", follow_up)) == ["out_of_area"]
    day = {"from": WINDOW_DAY, "to": WINDOW_DAY}
    assert code(bruno.get("delivery-windows/", **day)) == (422, "out_of_area")
    assert unmet(walk.chooses(window)) == ["out_of_area"]
    assert unmet(walk.plans("2026-12-12T15:00:00Z")) == ["out_of_area"]
    later = walk.session_verb("reschedule", start="2026-12-08T15:00:00Z")
    assert unmet(later) == ["out_of_area"]
    assert "out_of_area" in [gate["code"] for gate in walk.shown()["unmet_gates"]]


def test_t07_everything_of_who_moves_follows_and_nothing_is_deleted(
    bruno: Caller, eve: Caller
) -> None:
    """A packed parcel is held, sessions and talks to come are held or at risk, their times free;
    the plan ends with its paid month, a physician sees to the transition, messages go on.
    """
    walk = care(bruno).planned()
    talk = ok(bruno.post("consultations/", wish("2026-12-09T15:00:00Z", "NJ", "follow_up")))
    walk.delivery_in("packed")
    writing.write_messages(now=clock.now())
    before, month = kept(), walk.period
    moves(walk)
    assert unmet(walk.staff("dispatch", **SENT)) == ["out_of_area"]
    assert ok(bruno.get(f"consultations/{talk['id']}/"))["at_risk"] is True
    tasks.replan()
    assert replan(walk) == 0
    assert (walk.delivery["status"], walk.delivery["held_because"]) == ("held", "out_of_area")
    assert (walk.shown()["status"], walk.shown()["held_because"]) == ("held", "out_of_area")
    assert not Reservation.objects.filter(session=UUID(walk.session)).exists()
    assert ok(eve.post("consultations/", wish(SESSION, "NJ")))["start"] == SESSION
    plan = ok(bruno.get(f"subscriptions/{walk.subscription}/"))
    assert (plan["status"], plan["ending"], plan["ends_on"]) == (
        "active",
        "moved",
        month["ends_on"],
    )
    assert [item["patient_id"] for item in items(walk.chen, "transition")] == [walk.id]
    assert [item["object_id"] for item in items(walk.sam, "consultation_at_risk")] == [talk["id"]]
    writing.write_messages(now=clock.now())
    told = Message.objects.get(patient=UUID(walk.id), kind="session_held")
    assert told.status == "pending"
    to(datetime.combine(date.fromisoformat(month["ends_on"]), datetime.min.time(), EASTERN))
    tasks.replan()
    plan = ok(bruno.get(f"subscriptions/{walk.subscription}/"))
    assert (plan["status"], len(plan["periods"])) == ("cancelled", 1)
    assert all(now >= then for now, then in zip(kept(), before, strict=True))
    assert ok(bruno.get("me/timeline/"))["steps"]
    assert ok(walk.chen.get("prescriptions/", patient=walk.id))["results"]


def test_t07_a_parcel_to_the_old_address_is_called_back(bruno: Caller) -> None:
    """In transit to where the patient lives no more: recalled, and staff tell the carrier."""
    walk = care(bruno).delivery_in("dispatched")
    moves(walk)
    assert unmet(walk.staff("out-for-delivery")) == ["out_of_area"]
    tasks.replan()
    assert walk.delivery["status"] == "returning"
    assert [item["object_id"] for item in items(walk.sam, "parcel_recalled")] == [
        walk.delivery["id"]
    ]


# --- law ----------------------------------------------------------------------------------------


def test_t10_a_licence_that_expires(alice: Caller, chen: Caller, sam: Caller) -> None:
    """After 2027-01-31 Florida is not offered, New Jersey still is; what is booked there is at
    risk, with a work item; the renewal restores it.
    """
    (who,) = Physician.objects.all()
    path = f"physicians/{who.pk}/licences/"
    to("2027-01-05T15:00Z")
    booked = ok(alice.post("consultations/", wish("2027-02-02T15:00:00Z")))
    consultation = f"consultations/{booked['id']}/"
    (florida,) = [row for row in ok(chen.get(path))["results"] if row["state"] == "FL"]
    assert chen.delete(f"{path}{florida['id']}/").status_code == 204
    ends = {"state": "FL", "number": "1", "valid_from": "2020-01-01", "expires_on": "2027-01-31"}
    ok(chen.post(path, ends))
    assert slots(alice, "2027-01-29") != []
    assert slots(alice, "2027-02-02") == []
    assert slots(Caller(), "2027-02-02", state="NJ") != []
    at_risk = ok(alice.get(consultation))
    assert (at_risk["status"], at_risk["at_risk"]) == ("booked", True)
    tasks.replan_everyone()
    assert [item["object_id"] for item in items(sam, "consultation_at_risk")] == [booked["id"]]
    renewed = {"state": "FL", "number": "2", "valid_from": "2027-02-01", "expires_on": "2029-01-31"}
    ok(chen.post(path, renewed))
    assert ok(alice.get(consultation))["at_risk"] is False
    tasks.replan_everyone()
    assert items(sam, "consultation_at_risk") == []
    assert slots(alice, "2027-02-02") != []


def test_t11_the_end_of_a_rule_is_warned_of(alice: Caller, chen: Caller) -> None:
    """60, 30, 14, 7 and 1 days before the federal authority ends a physician is asked, once."""
    warned = []
    day = datetime.fromisoformat("2026-10-25T15:00Z")
    while day.date() <= date(2027, 1, 2):
        clock.move(day)
        tasks.warn_of_rules()
        tasks.warn_of_rules()
        for item in items(chen, "rule_ends"):
            warned.append((date(2026, 12, 31) - day.date()).days)
            ok(chen.post(f"work-items/{item['id']}/close/", {"note": "on my list"}))
        day += timedelta(days=1)
    assert warned == [60, 30, 14, 7, 1]


def test_t11_a_dated_row_is_the_legal_basis(alice: Caller, chen: Caller) -> None:
    """On 2027-01-05 the talk is allowed, recording a prescription is not; a row dated 2027-01-01
    unblocks it without a deploy.
    """
    walk = care(alice, talk="2027-01-05T15:00:00Z").paid()
    assert unmet(chen.post("prescriptions/", prescription(walk.id))) == ["needs_legal_basis"]
    extension = {
        "code": "DEA_FLEX", "state": "US", "valid_from": "2027-01-01", "valid_to": "2027-12-31",
        "text": "The fifth extension.", "source": "91 FR 1",
    }  # fmt: skip
    ok(chen.post("rules/", extension))
    assert chen.post("prescriptions/", prescription(walk.id)).status_code == 201
    to("2027-01-06T15:00Z")
    tasks.warn_of_rules()
    assert items(chen, "rule_ends") == []


# --- the clocks change --------------------------------------------------------------------------


def test_t12_the_night_of_spring_forward(bruno: Caller, chen: Caller) -> None:
    """23:30 is refused, unless the physician overrides it; then the block ends two elapsed hours
    later, at 01:30 Eastern; 02:30 does not exist and is not offered.
    """
    to("2027-02-23T15:00Z")
    walk = care(bruno, talk="2027-03-01T15:00:00Z").paid()
    ok(walk.plans("2027-03-08T15:00:00Z"))
    day = {"from": "2027-03-14", "to": "2027-03-14"}
    offered = [row["start"] for row in ok(bruno.get("session-times/", **day))["results"]]
    assert (offered[0], offered[-1]) == ("2027-03-14T12:00:00Z", "2027-03-15T00:00:00Z")  # 8 to 20
    late = "2027-03-13T23:30:00-05:00"
    for at in (late, "2027-03-14T02:30:00-05:00"):
        assert code(walk.plans(at)) == (409, "not_offered")
    overridden = {"patient": walk.id, "start": late, "override_reason": "works at night"}
    planned = ok(chen.post("sessions/", overridden))
    start, end = (datetime.fromisoformat(planned[name]) for name in ("start", "end"))
    assert (planned["start"], end - start) == ("2027-03-14T04:30:00Z", timedelta(hours=2))
    assert f"{end.astimezone(EASTERN):%H:%M %Z}" == "01:30 EST"


def test_t12_what_does_not_exist_is_not_offered(now: datetime, chen: Caller) -> None:
    """Of the physician's night hours 1:30 is followed by 3:00 daylight time: there is no 02:30."""
    to("2027-02-23T15:00Z")
    works_on_sunday_nights(chen)
    found = [datetime.fromisoformat(at) for at in slots(Caller(), "2027-03-14", state="NJ")]
    walls = [f"{at.astimezone(EASTERN):%H:%M}" for at in found]
    assert {"01:30", "03:00"} <= set(walls)
    assert not [wall for wall in walls if wall.startswith("02")]
    assert found[walls.index("03:00")] == datetime.fromisoformat("2027-03-14T07:00Z")


def test_t13_the_hour_that_comes_twice(web: str) -> None:
    """On 2027-11-07 both 01:30 are offered and booked apart, and each is reminded of once."""
    bruno, eve, chen = caller("bruno"), caller("eve"), caller("chen")
    to("2027-11-01T15:00Z")
    works_on_sunday_nights(chen)
    first, second = "2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"
    assert {first, second} <= set(slots(bruno, "2027-11-07"))
    for who, start in ((bruno, first), (eve, second)):
        texting.book(who, start, "NJ")
        local = datetime.fromisoformat(start).astimezone(EASTERN)
        assert f"{local:%H:%M}" == "01:30"
    texting.run()
    at = datetime.fromisoformat("2027-11-06T11:30Z")
    while at < datetime.fromisoformat("2027-11-07T07:00Z"):
        clock.move(at)
        texting.run()
        texting.run()
        at += timedelta(minutes=30)
    for name in ("bruno", "eve"):
        for kind in ("reminder_24h", "reminder_2h"):
            told = Message.objects.get(patient__email=CAST[name], kind=kind)
            assert told.status in ("sent", "delivered", "accepted"), (name, kind, told.why)
    for phone in ("+18505550102", "+18505550103"):
        assert len(texting.texts(phone)) == len(set(texting.texts(phone))) == 3


# --- the parcel ---------------------------------------------------------------------------------


def test_t15_the_driver_finds_no_adult(web: str) -> None:
    """Attempt 1 is kept, told without a word about health, tried again on another day; the session
    of tomorrow is held for its parcel, and not lost.
    """
    walk = care(caller("alice")).planned()
    walk.scheduled()
    ok(walk.session_verb("reschedule", start="2026-12-04T15:00:00Z"))
    walk.delivery_in("dispatched")
    ok(walk.staff("out-for-delivery"))
    to("2026-12-03T20:10Z")
    tried = ok(walk.staff("attempt", code="no_adult"))
    assert (tried["status"], tried["failure"], tried["attempts"]) == ("attempted", "no_adult", 1)
    tasks.replan()
    texting.run()
    (told,) = [text for text in texting.texts() if "could not be handed over" in text]
    assert not [word for word in ("medic", "drug", "dose", "pharm") if word in told.lower()]
    held = walk.shown()
    assert (held["status"], held["held_because"]) == ("held", "not_delivered")
    to("2026-12-04T15:00Z")
    ok(walk.staff("out-for-delivery"))
    assert ok(walk.staff("deliver", **HANDED_OVER))["status"] == "delivered"
    moved = ok(walk.session_verb("reschedule", start="2026-12-07T15:00:00Z"))
    assert (moved["status"], moved["unmet_gates"]) == ("scheduled", [])


def test_t16_a_son_of_17_answers_the_door(alice: Caller) -> None:
    """It is not handed over; that nobody of age was there is in the custody log."""
    walk = care(alice).delivery_in("out_for_delivery")
    refused = walk.staff("deliver", **{**HANDED_OVER, "relation": "household", "signer_age": 17})
    assert code(refused) == (422, "signer_under_age")
    assert ok(walk.staff("attempt", code="underage_signer"))["delivered_at"] is None
    log = ok(walk.sam.get(f"deliveries/{walk.delivery['id']}/custody/"))["results"]
    assert (log[-1]["status"], log[-1]["details"]) == ("attempted", {"code": "underage_signer"})
    assert "delivered" not in {row["status"] for row in log}


def test_t17_a_patient_of_19_names_somebody_of_21(now: datetime) -> None:
    """At the choice of a window the signer must be 21; without one nothing is confirmed."""
    young = newcomer(3, PENSACOLA, date_of_birth="2007-06-01")
    walk = care(young).prescribed()
    window, path = walk.window(), f"deliveries/{walk.delivery['id']}/choose-window/"
    herself = {"name": "Nora New3", "date_of_birth": "2007-06-01"}
    refused = young.post(path, {"window": window, "signer": herself})
    assert code(refused) == (422, "signer_under_age")
    assert code(young.post(path, {"window": window})) == (400, "invalid")
    assert walk.delivery["status"] == "awaiting_window"
    ok(young.post(f"deliveries/{walk.delivery['id']}/no-signer/"))
    assert [item["urgency"] for item in items(walk.sam, "no_signer")] == [2]  # today
    told = walk.timeline()["next"]
    assert (told["who"], "nothing for you to do" in told["detail"]) == ("staff", True)
    assert code(young.post(path, {"window": window, "signer": herself})) == (
        422, "signer_under_age",
    )  # fmt: skip
    assert ok(young.post(path, {"window": window, "signer": SIGNER}))["status"] == "scheduled"
    assert items(walk.sam, "no_signer") == []


def test_t18_the_carrier_gave_it_to_a_neighbor(alice: Caller) -> None:
    """The patient is asked; "no" is looked into, then lost, which the pharmacy must report within
    a business day; nothing is filled again by itself.
    """
    walk = care(alice).delivery_in("out_for_delivery")
    given = ok(walk.staff("deliver", **{**HANDED_OVER, "relation": "neighbor"}))
    assert (given["status"], given["delivered_at"]) == ("delivered_unverified", None)
    writing.write_messages(now=clock.now())
    assert Message.objects.get(patient=UUID(walk.id), kind="receipt").status == "pending"
    path = f"deliveries/{given['id']}/confirm-receipt/"
    assert ok(alice.post(path, {"received": False}))["status"] == "investigating"
    assert [item["object_id"] for item in items(walk.sam, "parcel_missing")] == [given["id"]]
    assert ok(walk.staff("lose"))["status"] == "lost"
    (loss,), (form,) = items(walk.sam, "parcel_lost"), items(walk.sam, "parcel_lost_form")
    assert loss["due_at"][:16] == "2026-12-04T18:00"  # Friday
    assert form["due_at"][:16] == "2027-01-17T18:00"
    assert datetime.fromisoformat(loss["due_at"]) <= clock.now() + timedelta(days=1)
    tasks.replan()
    assert [row["status"] for row in walk.deliveries()] == ["lost"]
    (row,) = ok(walk.chen.get("prescriptions/", patient=walk.id))["results"]
    assert row["fills_left"] == 5
    (decision,) = items(walk.chen, "parcel_to_replace")
    to("2026-12-28T15:00Z")
    replan(walk)
    walk.pays()
    assert [row["status"] for row in walk.deliveries()] == ["lost"]
    to("2026-12-30T15:00Z")
    tasks.replan_everyone()
    assert [row["status"] for row in walk.deliveries()] == ["lost"]
    ok(walk.chen.post(f"work-items/{decision['id']}/close/", {"note": "no other one"}))
    tasks.replan_everyone()
    assert [row["status"] for row in walk.deliveries()] == ["lost", "awaiting_window"]


def test_t19_a_pause_with_a_parcel_under_way(alice: Caller) -> None:
    """The pause waits until staff deliver or recall; recalled, it is used as a fill all the same;
    nothing more is billed, and after resuming the fills are counted on.
    """
    walk = care(alice).delivery_in("dispatched")
    path = f"subscriptions/{walk.subscription}/"
    asked = ok(alice.post(f"{path}pause/", {}))
    assert (asked["status"], asked["pause_requested_at"] is None) == ("active", False)
    assert [item["object_id"] for item in items(walk.sam, "pause_with_parcel")] == [
        walk.delivery["id"]
    ]
    assert ok(walk.staff("recall"))["status"] == "returning"
    tasks.replan()
    assert ok(alice.get(path))["status"] == "active"
    ok(walk.staff("return", seal_ok=True))
    tasks.replan()
    assert ok(alice.get(path))["status"] == "paused"
    assert fills_left(walk) == 5
    to("2027-01-20T15:00Z")
    tasks.replan_everyone()
    assert [month["status"] for month in ok(alice.get(path))["periods"]] == ["paid"]
    ok(alice.post(f"{path}resume/"))
    walk.pays()
    tasks.replan()
    assert walk.delivery["status"] == "awaiting_window"
    ok(walk.chooses(walk.window("2027-01-28")))
    to("2027-01-27T14:00Z")
    ok(walk.staff("pack"))
    assert fills_left(walk) == 4


def fills_left(walk: Care) -> int:
    (row,) = ok(walk.chen.get("prescriptions/", patient=walk.id))["results"]
    return int(row["fills_left"])


# --- windows ------------------------------------------------------------------------------------


def test_t34_the_last_place_of_a_window(bruno: Caller, eve: Caller) -> None:
    """One has it, the other is told of the next ones; never more are booked than there are places.

    Fifty at once: `test_chain_races.test_fifty_clients_on_the_last_place_of_a_window`.
    """
    assert eve.post("me/address/", {**NEWARK, "kind": "move"}).status_code == 201
    walk = care(bruno).prescribed()
    other = care(eve, talk="2026-12-01T15:00:00Z").paid()
    window = walk.window("2026-12-08")
    DeliveryWindow.objects.filter(pk=window).update(capacity=1)
    assert walk.chooses(window).status_code == 200
    refused = other.chooses(window)
    assert code(refused) == (409, "window_full")
    assert len(refused.json()["next_windows"]) == 3
    row = DeliveryWindow.objects.get(pk=window)
    assert row.taken == row.deliveries.count() == row.capacity == 1


@pytest.mark.parametrize("name", ["alice", "bruno"])
def test_t35_ordered_on_the_day_before_thanksgiving(now: datetime, name: str) -> None:
    """At 11:01 the cut-off has passed, Thursday is a holiday, and on Friday nothing is shipped:
    shipped on Monday the 30th, it comes on Tuesday, 1 December, at the soonest.
    """
    to("2026-11-25T16:01Z")
    open_windows(now=clock.now())
    query = {"from": "2026-11-25", "to": "2026-12-11"}
    first = ok(caller(name).get("delivery-windows/", **query))["results"][0]
    local = datetime.fromisoformat(first["starts"]).astimezone(ZoneInfo(first["time_zone"]))
    assert (local.date(), local.hour) == (date(2026, 12, 1), 8)
    assert DeliveryWindow.objects.get(pk=first["id"]).ship_on == date(2026, 11, 30)
