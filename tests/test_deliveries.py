"""Deliveries: windows, signers, each step of a parcel, every pair of states, who may do what."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from patients.models import Patient
from records import clock
from records.models import Correction, Event, WorkItem
from scheduling import tasks
from scheduling.deliveries.models import TRANSITIONS, Delivery, Status
from scheduling.deliveries.windows.actions import open_windows
from scheduling.models import CustodyEvent, DeliveryWindow, DeliveryZone
from tests.care import (
    DOOR_AT,
    HANDED_OVER,
    PACK_AT,
    SIGNER,
    WINDOW_DAY,
    Care,
    care,
    code,
    ok,
    replan,
    to,
    unmet,
)
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller, caller
from tests.test_races import deadlocks


@pytest.fixture
def walk(prescribed: Care) -> Care:
    """Alice, with a prescription and a parcel that waits for a window."""
    return prescribed


def windows(who: Caller, first: str, last: str = "", **more: str) -> list[dict[str, Any]]:
    open_windows(now=clock.now())
    query = {"from": first, "to": last or first, **more}
    return list(ok(who.get("delivery-windows/", **query))["results"])


# --- windows -----------------------------------------------------------------------------------


def test_windows_are_those_of_the_county_in_the_patient_s_zone(alice: Caller) -> None:
    found = windows(alice, WINDOW_DAY)
    assert [(row["starts"], row["ends"]) for row in found] == [
        ("2026-12-03T14:00:00Z", "2026-12-03T18:00:00Z"),
        ("2026-12-03T18:00:00Z", "2026-12-03T22:00:00Z"),
        ("2026-12-03T22:00:00Z", "2026-12-04T02:00:00Z"),
    ]  # 8, 12 and 16 o'clock in Pensacola
    assert {row["time_zone"] for row in found} == {"America/Chicago"}
    assert {row["places_left"] for row in found} == {20}
    assert {row["cutoff_at"] for row in found} == {"2026-12-01T16:00:00Z"}  # Tuesday, 11 Eastern


def test_what_cannot_be_shipped_is_not_offered(alice: Caller, at: Any) -> None:
    """T35: ordered after 11:00 on the day before Thanksgiving, it comes on Tuesday at the soonest.

    Windows lie on Tuesday to Friday, and are shipped for on the day before.
    """
    at("2026-11-25T16:01Z")
    assert windows(alice, "2026-11-25", "2026-12-05")[0]["starts"] == "2026-12-01T14:00:00Z"
    assert windows(alice, "2026-12-05", "2026-12-07") == []


def test_sixty_two_days_can_be_asked_for(alice: Caller) -> None:
    assert windows(alice, "2026-11-24", "2027-01-24")
    for first, last in (("2026-11-24", "2027-01-25"), ("2026-11-24", "2026-11-23")):
        refused = alice.get("delivery-windows/", **{"from": first, "to": last})
        assert code(refused) == (400, "invalid")
        assert refused.json()["errors"][0]["pointer"] == "/to"


def test_staff_ask_for_a_patient_and_patients_for_themselves(alice: Caller, sam: Caller) -> None:
    me = ok(alice.get("me/"))["id"]
    assert windows(sam, WINDOW_DAY, patient=me) == windows(alice, WINDOW_DAY)
    day = {"from": WINDOW_DAY, "to": WINDOW_DAY}
    assert code(sam.get("delivery-windows/", **day)) == (400, "invalid")
    assert code(sam.get("delivery-windows/", **day, patient=str(uuid4()))) == (400, "invalid")
    assert code(alice.get("delivery-windows/", **day, patient=me)) == (400, "invalid")


def test_outside_the_area_there_are_none(alice: Caller) -> None:
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    refused = alice.get("delivery-windows/", **{"from": WINDOW_DAY, "to": WINDOW_DAY})
    assert code(refused) == (422, "out_of_area")


def test_staff_open_a_window_beside_those_of_the_week(sam: Caller, bruno: Caller) -> None:
    zones = {row["name"]: row for row in ok(sam.get("delivery-zones/"))["results"]}
    assert sum(len(zone["counties"]) for zone in zones.values()) == 88
    north = zones["North Jersey"]
    assert "NJ Essex" in north["counties"]
    assert len(north["templates"]) == 12
    new = {
        "zone": north["id"], "starts": "2026-12-05T14:00:00Z", "ends": "2026-12-05T16:00:00Z",
        "ship_on": "2026-12-04", "cutoff_at": "2026-12-03T16:00:00Z", "capacity": 2,
    }  # fmt: skip
    assert bruno.post("delivery-windows/", new).status_code == 403
    made = ok(sam.post("delivery-windows/", new))
    assert [row["id"] for row in windows(bruno, "2026-12-05")] == [made["id"]]
    assert code(sam.post("delivery-windows/", new)) == (409, "wrong_state")
    for wrong, pointer in (
        ({"ends": new["starts"]}, "/ends"), ({"cutoff_at": new["ends"]}, "/cutoff_at"),
        ({"capacity": 0}, "/capacity"), ({"zone": str(uuid4())}, "/zone"),
        ({"ship_on": "2026-12-05"}, "/ship_on"), ({"cutoff_at": new["starts"]}, "/cutoff_at"),
    ):  # fmt: skip
        refused = sam.post("delivery-windows/", {**new, **wrong})
        assert code(refused) == (400, "invalid")
        assert refused.json()["errors"][0]["pointer"] == pointer
    mine = f"delivery-windows/{made['id']}/"
    assert bruno.delete(mine).status_code == 403
    assert sam.delete(mine).status_code == 204
    assert windows(bruno, "2026-12-05") == []
    assert sam.delete(mine).status_code == 404
    assert ok(sam.post("delivery-windows/", new))["places_left"] == 2


def test_a_window_of_the_week_that_is_taken_away_stays_away(alice: Caller, walk: Care) -> None:
    first = f"delivery-windows/{walk.window(index=1)}/"
    ok(walk.chooses(walk.window()))
    chosen = walk.delivery["window"]["id"]
    assert code(walk.sam.delete(f"delivery-windows/{chosen}/")) == (409, "wrong_state")
    count = len(windows(alice, WINDOW_DAY))
    assert walk.sam.delete(first).status_code == 204
    walk.window()  # the sweep
    assert len(windows(alice, WINDOW_DAY)) == count - 1
    assert walk.sam.delete(first).status_code == 404
    row = DeliveryWindow.objects.get(pk=first.split("/")[1])
    again = {
        "zone": str(row.zone_id), "starts": row.starts.isoformat(), "ends": row.ends.isoformat(),
        "ship_on": "2026-12-02", "cutoff_at": "2026-12-01T16:00:00Z", "capacity": 3,
    }  # fmt: skip
    assert ok(walk.sam.post("delivery-windows/", again))["places_left"] == 3
    assert code(walk.sam.post("delivery-windows/", again)) == (409, "wrong_state")
    assert len(windows(alice, WINDOW_DAY)) == count
    told = Event.objects.filter(kind="delivery_window.removed").values_list("object_id", flat=True)
    assert [str(pk) for pk in told] == [first.split("/")[1]]


def test_a_holiday_takes_its_windows(sam: Caller, alice: Caller) -> None:
    day = {"day": "2026-12-03", "name": "Snow", "effect": "no_deliver"}
    assert alice.post("holidays/", day).status_code == 403
    ok(sam.post("holidays/", day))
    assert code(sam.post("holidays/", day)) == (409, "wrong_state")
    assert windows(alice, WINDOW_DAY) == []
    assert windows(alice, "2026-12-04") != []
    (snow,) = [row for row in ok(sam.get("holidays/"))["results"] if row["day"] == day["day"]]
    assert alice.delete(f"holidays/{snow['id']}/").status_code == 403
    assert sam.delete(f"holidays/{snow['id']}/").status_code == 204
    assert sam.delete(f"holidays/{snow['id']}/").status_code == 404
    open_windows(now=clock.now())
    assert windows(alice, WINDOW_DAY) != []


@pytest.mark.parametrize(
    ("day", "effect", "lost"),
    [
        ("2026-12-03", "no_deliver", True), ("2026-12-02", "no_ship", True),
        ("2026-12-03", "neither", True), ("2026-12-03", "no_ship", False),
        ("2026-12-02", "no_deliver", False),
    ],
)  # fmt: skip
def test_a_new_holiday_takes_back_what_was_chosen(
    walk: Care, day: str, effect: str, lost: bool
) -> None:
    """The window is on Thursday, the 3rd, and is shipped for on the day before."""
    walk.scheduled()
    window = walk.delivery["window"]["id"]
    tasks.replan()
    ok(walk.sam.post("holidays/", {"day": day, "name": "Snow", "effect": effect}))
    to(PACK_AT)
    packed = walk.staff("pack")
    assert (unmet(packed) == ["holiday"]) if lost else ok(packed)
    tasks.replan()
    if lost:
        assert (walk.delivery["status"], walk.delivery["window"]) == ("awaiting_window", None)
        assert DeliveryWindow.objects.get(pk=window).taken == 0
        assert Event.objects.filter(kind="delivery.window_lost").count() == 1
    else:
        assert (walk.delivery["status"], walk.delivery["window"]["id"]) == ("packed", window)


def test_nobody_chooses_a_holiday(walk: Care) -> None:
    window = walk.window()
    ok(walk.sam.post("holidays/", {"day": "2026-12-02", "name": "Snow", "effect": "no_ship"}))
    assert code(walk.chooses(window)) == (409, "not_offered")
    assert window not in {row["id"] for row in windows(walk.who, WINDOW_DAY)}


def test_what_was_packed_leaves_after_the_holiday(walk: Care) -> None:
    walk.delivery_in("packed")
    ok(walk.sam.post("holidays/", {"day": "2026-12-02", "name": "Snow", "effect": "neither"}))
    tasks.replan()
    assert walk.delivery["status"] == "packed"
    assert ok(walk.staff("dispatch", **SENT))["status"] == "dispatched"


# --- zones -------------------------------------------------------------------------------------

GULF: dict[str, Any] = {
    "name": "The Gulf", "time_zone": "America/Chicago", "counties": ["FL Bay", "FL Gulf"],
    "templates": [{"weekday": 3, "opens": "09:00", "closes": "11:00", "capacity": 5}],
    "cutoff": "10:00", "transit_days": 1, "ship_weekdays": [2, 0],
}  # fmt: skip


def zone_of(who: Caller, name: str) -> str:
    (row,) = [row for row in ok(who.get("delivery-zones/"))["results"] if row["name"] == name]
    return f"delivery-zones/{row['id']}/"


def test_a_zone_takes_counties_of_another(alice: Caller, walk: Care, sam: Caller) -> None:
    walk.window()
    assert code(sam.post("delivery-zones/", GULF)) == (409, "wrong_state")
    panhandle = zone_of(sam, "Florida Panhandle")
    tasks.replan()
    refused = sam.delete(panhandle)
    assert code(refused) == (409, "wrong_state")
    assert "waits for a parcel" in refused.json()["detail"]
    made = ok(sam.post("delivery-zones/", {**GULF, "counties": []}))
    gulf, mine = f"delivery-zones/{made['id']}/", ["FL Escambia", "FL Bay"]
    assert ok(sam.post(f"{gulf}take-counties/", {"counties": mine})) == {
        **GULF, "id": made["id"], "ship_weekdays": [0, 2], "counties": sorted(mine),
        "pharmacy_time_zone": "America/New_York",
    }  # fmt: skip
    kinds = ("delivery_zone.added", "delivery_zone.counties_taken")
    assert list(Event.objects.filter(kind__in=kinds).values_list("kind", flat=True)) == list(kinds)
    cause = Event.objects.get(kind="delivery_zone.counties_taken").cause
    assert Patient.objects.get(pk=walk.id).replan_cause == cause
    (window,) = windows(alice, WINDOW_DAY)
    assert (window["starts"], window["places_left"]) == ("2026-12-03T15:00:00Z", 5)
    assert window["cutoff_at"] == "2026-12-01T15:00:00Z"
    assert sam.delete(panhandle).status_code == 204
    assert sam.delete(panhandle).status_code == 404
    assert code(sam.post(f"{panhandle}take-counties/", {"counties": mine})) == (404, "not_found")
    left = [row for row in ok(sam.get("delivery-zones/"))["results"] if row["id"] != made["id"]]
    assert "FL Gulf" not in {county for zone in left for county in zone["counties"]}
    assert ok(sam.post(f"{gulf}take-counties/", {"counties": ["FL Gulf"]}))["counties"] == [
        "FL Bay", "FL Escambia", "FL Gulf",
    ]  # fmt: skip


def test_who_chose_a_window_of_the_zone_before_chooses_anew(alice: Caller) -> None:
    walk = care(alice).scheduled()
    window = walk.delivery["window"]["id"]
    tasks.replan()
    take = zone_of(walk.sam, "North Florida") + "take-counties/"
    ok(walk.sam.post(take, {"counties": ["FL Escambia"]}))
    to(PACK_AT)
    assert unmet(walk.staff("pack")) == ["window_elsewhere"]
    tasks.replan()
    assert (walk.delivery["status"], walk.delivery["window"]) == ("awaiting_window", None)
    assert DeliveryWindow.objects.get(pk=window).taken == 0


def test_what_was_packed_goes_whatever_zone_takes_its_county(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    take = zone_of(walk.sam, "North Florida") + "take-counties/"
    ok(walk.sam.post(take, {"counties": ["FL Escambia"]}))
    replan(walk)
    assert ok(walk.staff("dispatch", **SENT))["status"] == "dispatched"


def test_a_zone_that_brought_something_stays(alice: Caller, walk: Care) -> None:
    walk.scheduled()
    panhandle = zone_of(walk.sam, "Florida Panhandle")
    refused = walk.sam.delete(panhandle)
    assert code(refused) == (409, "wrong_state")
    assert "Another zone can take its counties." in refused.json()["detail"]
    assert len(ok(walk.sam.get("delivery-zones/"))["results"]) == 6
    assert windows(alice, WINDOW_DAY)
    ok(walk.staff("cancel"))
    assert walk.sam.delete(panhandle).status_code == 204


def test_only_staff_change_zones(sam: Caller, alice: Caller, chen: Caller, admin: Caller) -> None:
    for who in (alice, chen, admin):
        assert who.post("delivery-zones/", GULF).status_code == 403
        south = zone_of(sam, "South Jersey")
        assert who.delete(south).status_code == 403
        assert who.post(f"{south}take-counties/", {"counties": ["FL Bay"]}).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"counties": ["FL Gulf", "FL Nowhere"]}, "/counties/1"),
        ({"counties": ["FL Gulf", "FL Gulf"]}, "/counties/1"), ({"counties": None}, "/counties"),
        ({"time_zone": "Europe/Paris"}, "/time_zone"), ({"cutoff": "25:00"}, "/cutoff"),
        ({"transit_days": 0}, "/transit_days"), ({"ship_weekdays": [7]}, "/ship_weekdays/0"),
        ({"ship_weekdays": [1, 1]}, "/ship_weekdays/1"), ({"templates": []}, "/templates"),
        ({"templates": GULF["templates"] * 2}, "/templates/1"),
        ({"templates": [{**GULF["templates"][0], "closes": "09:00"}]},
         "/templates/0/closes"),
        ({"templates": [{**GULF["templates"][0], "weekday": 7}]},
         "/templates/0/weekday"),
    ],
)  # fmt: skip
def test_a_wrong_zone_is_pointed_at(sam: Caller, wrong: dict[str, Any], pointer: str) -> None:
    refused = sam.post("delivery-zones/", {**GULF, **wrong})
    assert code(refused) == (400, "invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("wrong", "pointer"), [({"name": "South Jersey"}, "/name"), ({}, "/counties/0")]
)
def test_a_county_belongs_to_one_zone(sam: Caller, wrong: dict[str, Any], pointer: str) -> None:
    refused = sam.post("delivery-zones/", {**GULF, **wrong})
    assert code(refused) == (409, "wrong_state")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert len(ok(sam.get("delivery-zones/"))["results"]) == 6


def test_a_zone_takes_a_county_at_least(sam: Caller) -> None:
    take = zone_of(sam, "South Jersey") + "take-counties/"
    for counties, pointer in (([], "/counties"), (["FL Bay", "FL Bay"], "/counties/1")):
        refused = sam.post(take, {"counties": counties})
        assert code(refused) == (400, "invalid")
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_no_window_lies_in_an_hour_that_spring_leaves_out(sam: Caller, at: Any) -> None:
    """The night of 14 March 2027; windows of all zones are opened up to 20 March."""
    night = {"weekday": 6, "opens": "02:00", "closes": "03:00", "capacity": 1}
    body = {**GULF, "counties": [], "templates": [night], "ship_weekdays": [5]}
    gulf = ok(sam.post("delivery-zones/", body))["id"]
    at("2027-02-20T15:00:00Z")
    tasks.open_windows()
    opened = DeliveryWindow.objects.filter(zone=gulf).values_list("starts__date", flat=True)
    assert [f"{day:%m-%d}" for day in opened] == ["02-28", "03-07"]
    assert DeliveryWindow.objects.values("zone").distinct().count() == 7


def test_a_zone_that_fails_does_not_keep_the_others_from_their_windows(sam: Caller) -> None:
    first = DeliveryZone.objects.order_by("pk").first()
    assert first
    DeliveryWindow.objects.all().delete()
    DeliveryZone.objects.filter(pk=first.pk).update(pharmacy_time_zone="Mars/Base")
    tasks.open_windows()
    opened = DeliveryWindow.objects.values_list("zone", flat=True).distinct()
    assert set(opened) == set(
        DeliveryZone.objects.exclude(pk=first.pk).values_list("pk", flat=True)
    )


def test_a_holiday_on_the_day_of_ordering_moves_the_cut_off(walk: Care) -> None:
    """A window of Wednesday the 9th, ordered until Monday at 11, Eastern; one by hand stays."""
    window = walk.window("2026-12-09")
    zone = DeliveryWindow.objects.get(pk=window).zone_id
    own = {
        "zone": str(zone), "starts": "2026-12-09T07:00:00Z", "ends": "2026-12-09T09:00:00Z",
        "ship_on": "2026-12-08", "cutoff_at": "2026-12-08T12:00:00Z", "capacity": 3,
    }  # fmt: skip
    by_hand = ok(walk.sam.post("delivery-windows/", own))["id"]

    def cutoffs() -> list[str]:
        rows = windows(walk.who, "2026-12-09")
        return [row["cutoff_at"] for row in rows if row["id"] in (window, by_hand)]

    storm = {"day": "2026-12-07", "name": "Storm", "effect": "no_ship"}
    day = ok(walk.sam.post("holidays/", storm))["id"]
    assert cutoffs() == [own["cutoff_at"], "2026-12-04T16:00:00Z"]
    assert walk.sam.delete(f"holidays/{day}/").status_code == 204
    assert cutoffs() == [own["cutoff_at"], "2026-12-07T16:00:00Z"]
    ok(walk.sam.post("holidays/", storm))
    to("2026-12-07T15:30:00Z")
    assert code(walk.chooses(window)) == (409, "too_late")


# --- choosing ----------------------------------------------------------------------------------


def test_choosing_takes_a_place_and_choosing_anew_gives_it_back(walk: Care) -> None:
    first, second = walk.window(), walk.window(index=1)
    chosen = ok(walk.chooses(first))
    assert (chosen["status"], chosen["window"]["id"]) == ("scheduled", first)
    assert chosen["signer"] == SIGNER
    assert chosen["address"]["line1"] == "100 Palafox St"
    assert chosen["time_zone"] == "America/Chicago"
    assert ok(walk.chooses(first))["window"]["id"] == first
    ok(walk.chooses(second))
    taken = {str(row.pk): row.taken for row in DeliveryWindow.objects.filter(taken__gt=0)}
    assert taken == {second: 1}


def test_a_full_window_is_refused_with_the_next_ones(walk: Care) -> None:
    window = walk.window()
    DeliveryWindow.objects.filter(pk=window).update(capacity=1, taken=1)
    refused = walk.chooses(window)
    assert code(refused) == (409, "window_full")
    following = refused.json()["next_windows"]
    assert len(following) == 3
    assert window not in {row["id"] for row in following}
    assert ok(walk.chooses(following[0]["id"]))["status"] == "scheduled"
    with pytest.raises(IntegrityError, match="window_holds_its_capacity"), transaction.atomic():
        DeliveryWindow.objects.filter(pk=window).update(taken=2)


def test_a_window_of_another_county_is_refused(walk: Care, bruno: Caller) -> None:
    elsewhere = windows(bruno, WINDOW_DAY)[0]["id"]
    refused = walk.chooses(elsewhere)
    assert code(refused) == (422, "window_elsewhere")
    assert refused.json()["errors"][0]["pointer"] == "/window"
    assert code(walk.chooses(str(uuid4()))) == (400, "invalid")


@pytest.mark.parametrize(
    ("born", "grown_up"),
    [
        ("2005-12-03", True), ("2005-12-04", False), ("2006-11-30", False), ("2026-11-01", False),
        ("1926-01-01", True),
    ],
)  # fmt: skip
def test_the_signer_is_21_on_the_day(walk: Care, born: str, grown_up: bool) -> None:
    """T17."""
    sent = {"window": walk.window(), "signer": {"name": "S", "date_of_birth": born}}
    answer = walk.who.post(f"deliveries/{walk.delivery['id']}/choose-window/", sent)
    if grown_up:
        assert answer.status_code == 200
    else:
        assert code(answer) == (422, "signer_under_age")
        assert answer.json()["errors"][0]["pointer"] == "/signer/date_of_birth"
        assert walk.delivery["status"] == "awaiting_window"


def test_after_a_cut_off_it_is_too_late(walk: Care) -> None:
    window, other = walk.window(), walk.window("2026-12-08")
    ok(walk.chooses(window))
    to("2026-12-01T16:00Z")
    assert code(walk.chooses(other)) == (409, "too_late")
    replan(walk)
    assert walk.delivery["window"]["id"] == window


def test_a_window_whose_cut_off_went_by_cannot_be_chosen(walk: Care) -> None:
    window = walk.window()
    to("2026-12-01T16:00Z")
    assert code(walk.chooses(window)) == (409, "too_late")


def test_what_stands_in_the_way_is_said(walk: Care) -> None:
    window = walk.window()
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "to be seen"}))
    assert unmet(walk.chooses(window)) == ["on_hold"]
    walk.who.post("me/consents/", {"kind": "treatment", "accepted": False})
    assert unmet(walk.chooses(window)) == ["agreements_missing", "on_hold"]


def test_staff_choose_for_a_caller(walk: Care) -> None:
    body = {"window": walk.window(), "signer": SIGNER, "channel": "telephone"}
    path = f"deliveries/{walk.delivery['id']}/choose-window/"
    assert code(walk.who.post(path, body)) == (400, "invalid")
    assert walk.sam.post(path, body).status_code == 200
    event = Event.objects.get(kind="delivery.scheduled")
    assert (event.role, event.channel) == ("staff", "telephone")


def test_who_has_not_chosen_is_reminded_then_called(walk: Care) -> None:
    chosen_by = datetime.fromisoformat(walk.delivery["choose_by"])
    to(chosen_by)
    replan(walk)
    replan(walk)
    assert Event.objects.filter(kind="delivery.window_missing").count() == 1
    to(chosen_by + timedelta(days=1))
    replan(walk)
    replan(walk)
    items = ok(walk.sam.get("work-items/", kind="window_not_chosen"))["results"]
    assert [item["object_id"] for item in items] == [walk.delivery["id"]]


# --- closures ----------------------------------------------------------------------------------

STORM = {
    "counties": ["FL Escambia", "FL Bay"], "from": "2026-12-03T00:00:00-06:00",
    "to": "2026-12-05T00:00:00-06:00", "reason": "storm",
}  # fmt: skip


def test_a_closure_shows_what_it_meets_then_frees_it(alice: Caller, walk: Care) -> None:
    walk.scheduled()
    shown = walk.sam.post("closures/?preview=true", STORM)
    assert (shown.status_code, shown.json()["id"]) == (200, None)
    assert [row["id"] for row in shown.json()["meets"]] == [walk.delivery["id"]]
    assert ok(walk.sam.get("closures/"))["results"] == []
    made = walk.sam.post("closures/", STORM)
    assert made.status_code == 201
    assert (made.json()["from"], made.json()["to"]) == (
        "2026-12-03T06:00:00Z", "2026-12-05T06:00:00Z",
    )  # fmt: skip
    assert [row["reference"] for row in made.json()["meets"]] == [walk.delivery["reference"]]
    window = walk.delivery["window"]["id"]
    replan(walk)
    assert (walk.delivery["status"], walk.delivery["window"]) == ("awaiting_window", None)
    assert windows(alice, "2026-12-03", "2026-12-04") == []
    assert code(walk.chooses(window)) == (422, "window_elsewhere")
    closure = f"closures/{made.json()['id']}/"
    assert walk.sam.delete(closure).status_code == 204
    assert walk.sam.delete(closure).status_code == 404
    assert ok(walk.chooses(window))["status"] == "scheduled"
    assert ok(walk.sam.get("closures/"))["results"][0]["lifted_at"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"counties": ["FL Bay", "FL Nowhere"]}, "/counties/1"), ({"counties": []}, "/counties"),
        ({"counties": "FL Bay"}, "/counties"), ({"to": STORM["from"]}, "/to"),
        ({"reason": ""}, "/reason"), ({"from": "2026-12-03"}, "/from"),
    ],
)  # fmt: skip
def test_a_closure_of_nowhere_is_pointed_at(
    sam: Caller, wrong: dict[str, Any], pointer: str
) -> None:
    refused = sam.post("closures/", {**STORM, **wrong})
    assert code(refused) == (400, "invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


# --- on the way --------------------------------------------------------------------------------


def test_every_step_is_kept_with_who_recorded_it(alice: Caller, walk: Care) -> None:
    walk.delivered()
    parcel = walk.delivery
    assert (parcel["carrier"], parcel["tracking"]) == ("UPS", "1Z999AA10123456784")
    assert (parcel["signed_by"], parcel["relation"]) == ("Sal Signer", "signer")
    assert parcel["delivered_at"].startswith("2026-12-03T18:00:00")
    kept = ok(walk.sam.get(f"deliveries/{parcel['id']}/custody/"))["results"]
    assert [(row["status"], row["role"]) for row in kept] == [
        ("scheduled", "patient"), ("packed", "staff"), ("dispatched", "staff"),
        ("out_for_delivery", "staff"), ("delivered", "staff"),
    ]  # fmt: skip
    assert kept[-1]["details"] == {"relation": "signer", "id_checked": True, "signer_age": 46}
    assert walk.sam.user
    assert kept[-1]["recorded_by"] == str(walk.sam.user.pk)
    assert ok(walk.chen.get(f"deliveries/{parcel['id']}/custody/"))["results"] == kept
    assert alice.get(f"deliveries/{parcel['id']}/custody/").status_code == 403


def test_packing_asks_for_everything(walk: Care) -> None:
    ok(walk.chooses(walk.window()))
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    (row,) = ok(walk.chen.get("prescriptions/"))["results"]
    ok(walk.chen.post(f"prescriptions/{row['id']}/end/"))
    ok(walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "bounced"}))
    refused = walk.staff("pack")
    assert unmet(refused) == ["on_hold", "not_paid", "not_prescribed"]
    assert {gate["who"] for gate in refused.json()["unmet_gates"]} == {"physician", "patient"}
    assert not CustodyEvent.objects.filter(status="packed").exists()


def test_dispatch_asks_once_more(walk: Care) -> None:
    walk.delivery_in("packed")
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    sent = {"carrier": "UPS", "tracking": "1Z1"}
    assert unmet(walk.staff("dispatch", **sent)) == ["on_hold"]
    replan(walk)
    assert (walk.delivery["status"], walk.delivery["held_because"]) == ("held", "on_hold")
    (hold,) = ok(walk.chen.get(f"patients/{walk.id}/clinical-holds/"))["results"]
    assert unmet(walk.staff("release")) == ["on_hold"]
    cleared = ok(walk.chen.post(f"clinical-holds/{hold['id']}/clear/", {"note": "seen"}))
    assert cleared["note"] == "n\nseen"
    replan(walk)
    assert walk.delivery["status"] == "packed"
    assert ok(walk.staff("dispatch", **sent))["status"] == "dispatched"


def test_what_staff_hold_only_staff_release(walk: Care) -> None:
    walk.delivery_in("held")
    replan(walk)
    assert (walk.delivery["status"], walk.delivery["held_because"]) == ("held", "staff")
    assert ok(walk.staff("release"))["status"] == "packed"


def test_a_parcel_to_somebody_who_has_moved_away_comes_back(alice: Caller, walk: Care) -> None:
    walk.delivery_in("dispatched")
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    assert unmet(walk.staff("out-for-delivery")) == ["out_of_area"]
    replan(walk)
    assert walk.delivery["status"] == "returning"
    assert ok(walk.sam.get("work-items/", kind="parcel_recalled"))["results"]


def test_nobody_under_21_gets_it(walk: Care) -> None:
    """T16: a son of 17, or one of 20, answers the door."""
    walk.delivery_in("out_for_delivery")
    for age in (17, 20):
        refused = walk.staff("deliver", **{**HANDED_OVER, "signer_age": age})
        assert code(refused) == (422, "signer_under_age")
        assert refused.json()["errors"][0]["pointer"] == "/signer_age"
    assert ok(walk.staff("attempt", code="underage_signer"))["failure"] == "underage_signer"


@pytest.mark.parametrize(
    "more", [{"relation": "neighbor"}, {"relation": "other"}, {"id_checked": False}]
)
def test_what_went_to_somebody_else_waits_for_the_patient(
    alice: Caller, walk: Care, more: dict[str, Any]
) -> None:
    """T18."""
    walk.delivery_in("out_for_delivery")
    given = ok(walk.staff("deliver", **{**HANDED_OVER, **more}))
    assert (given["status"], given["delivered_at"]) == ("delivered_unverified", None)
    assert walk.step("delivery")["unmet_gates"][0]["code"] == "receipt_unconfirmed"
    path = f"deliveries/{walk.delivery['id']}/confirm-receipt/"
    with transaction.atomic():
        assert ok(alice.post(path, {"received": True}))["status"] == "delivered"
        transaction.set_rollback(True)
    assert ok(alice.post(path, {"received": False}))["status"] == "investigating"
    assert ok(walk.sam.get("work-items/", kind="parcel_missing"))["results"]
    assert code(alice.post(path, {"received": True})) == (409, "wrong_state")


def test_after_the_last_attempt_staff_decide(walk: Care) -> None:
    walk.delivery_in("out_for_delivery")
    for attempts in (1, 2, 3):
        tried = ok(walk.staff("attempt", code="no_adult"))
        assert (tried["status"], tried["attempts"]) == ("attempted", attempts)
        asked = ok(walk.sam.get("work-items/", kind="parcel_not_taken"))["results"]
        assert bool(asked) is (attempts == 3)
        again = walk.staff("out-for-delivery")
        assert code(again) == ((409, "wrong_state") if attempts == 3 else (200, ""))


def test_a_parcel_that_came_back_is_replaced_by_a_physician_alone(walk: Care) -> None:
    walk.delivery_in("returned")
    replan(walk)
    assert len(walk.deliveries()) == 1
    first = walk.delivery
    asked = ok(walk.chen.get("work-items/", kind="parcel_to_replace"))["results"]
    assert [item["object_id"] for item in asked] == [first["id"]]
    path = f"deliveries/{first['id']}/replace/"
    assert walk.sam.post(path).status_code == 403
    another = walk.chen.post(path)
    assert (another.status_code, another.json()["status"]) == (201, "awaiting_window")
    assert another.json()["number"] == 2
    assert code(walk.chen.post(path)) == (409, "wrong_state")


def test_a_lost_parcel_is_told_to_the_pharmacy_today(walk: Care) -> None:
    walk.delivery_in("lost")
    (item,) = ok(walk.sam.get("work-items/", kind="parcel_lost"))["results"]
    assert (item["urgency"], item["due_at"][:16]) == (WorkItem.Urgency.NOW, "2026-12-04T18:00")
    assert ok(walk.chen.post(f"deliveries/{walk.delivery['id']}/replace/"))["number"] == 2


@pytest.mark.parametrize(
    ("lost_at", "free", "due"),
    [
        ("2026-12-03T18:00Z", "2026-12-04", "2026-12-07T18:00"),  # Friday is a holiday
        ("2026-12-04T18:00Z", "", "2026-12-07T18:00"),
        ("2026-12-05T04:59Z", "", "2026-12-08T04:59"),  # Friday still, at the pharmacy
        ("2026-12-05T05:00Z", "", "2026-12-07T05:00"),
    ],
)
def test_the_notice_of_a_loss_is_due_on_the_next_business_day(
    walk: Care, lost_at: str, free: str, due: str
) -> None:
    walk.delivery_in("investigating")
    if free:
        ok(walk.sam.post("holidays/", {"day": free, "name": "x", "effect": "no_ship"}))
    clock.move(datetime.fromisoformat(lost_at))
    ok(walk.staff("lose"))
    (item,) = ok(walk.sam.get("work-items/", kind="parcel_lost"))["results"]
    assert item["due_at"][:16] == due


def test_staff_say_for_a_caller_that_it_is_there(alice: Caller, walk: Care) -> None:
    walk.delivery_in("delivered_unverified")
    path = f"deliveries/{walk.delivery['id']}/confirm-receipt/"
    assert code(alice.post(path, {"received": True, "channel": "telephone"})) == (400, "invalid")
    ok(walk.sam.post(path, {"received": True, "channel": "telephone"}))
    event = Event.objects.get(kind="delivery.delivered")
    assert (event.role, event.channel) == ("staff", "telephone")


def test_nobody_replaces_what_has_changed_since(walk: Care) -> None:
    walk.delivery_in("lost")
    path = f"deliveries/{walk.delivery['id']}/replace/"
    assert code(walk.chen.post(path, {}, If_Match='"1"')) == (412, "stale")
    seen = walk.chen.get(f"deliveries/{walk.delivery['id']}/")["ETag"]
    assert walk.chen.post(path, {}, If_Match=seen).status_code == 201


# --- corrections -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["delivered", "delivered_unverified", "attempted"])
def test_what_was_recorded_wrongly_is_put_back(walk: Care, status: str) -> None:
    walk.delivery_in(status)
    put_back = ok(walk.staff("correct", reason="the wrong parcel"))
    assert (put_back["status"], put_back["delivered_at"]) == ("out_for_delivery", None)
    assert (put_back["signed_by"], put_back["attempts"], put_back["failure"]) == ("", 0, "")
    kept = Correction.objects.get()
    assert (kept.was, kept.reason) == (status, "the wrong parcel")
    assert ok(walk.staff("deliver", **HANDED_OVER))["status"] == "delivered"


def test_once_a_session_was_held_with_it_a_delivery_stands(walk: Care) -> None:
    walk.started()
    assert code(walk.staff("correct", reason="r")) == (409, "built_on")


# --- every pair of states ----------------------------------------------------------------------

SENT = {"carrier": "UPS", "tracking": "1Z1"}
STAFF_VERBS: list[tuple[str, str, dict[str, Any]]] = [
    (Status.PACKED, "pack", {}),
    (Status.DISPATCHED, "dispatch", SENT),
    (Status.OUT_FOR_DELIVERY, "out-for-delivery", {}),
    (Status.DELIVERED, "deliver", HANDED_OVER),
    (Status.DELIVERED_UNVERIFIED, "deliver", {**HANDED_OVER, "relation": "neighbor"}),
    (Status.ATTEMPTED, "attempt", {"code": "no_adult"}),
    (Status.HELD, "hold", {}),
    (Status.RETURNING, "recall", {}),
    (Status.RETURNED, "return", {"seal_ok": True}),
    (Status.INVESTIGATING, "investigate", {}),
    (Status.LOST, "lose", {}),
    (Status.CANCELLED, "cancel", {}),
]
# What a held parcel may become is decided by `release`, or it was packed already.
BY_RELEASE = {(Status.HELD, Status.PACKED), (Status.HELD, Status.ATTEMPTED)}
NOT_ONCE_PACKED = {(Status.HELD, Status.CANCELLED)}


@pytest.mark.parametrize("start", Status.values)
def test_every_pair_of_states(walk: Care, start: str) -> None:
    """What the table allows works and is kept; all else is 409 and changes nothing."""
    walk.delivery_in(start)
    if start == Status.SCHEDULED:
        to(PACK_AT)
    for target, verb, body in STAFF_VERBS:
        before = (Event.objects.count(), CustodyEvent.objects.count())
        with transaction.atomic():
            answer = walk.staff(verb, **body)
            after = (Event.objects.count(), CustodyEvent.objects.count())
            pair = (Status(start), Status(target))
            if target in TRANSITIONS[start] and pair not in BY_RELEASE | NOT_ONCE_PACKED:
                assert ok(answer)["status"] == target
                assert after == (before[0] + 1, before[1] + 1)
            else:
                assert code(answer) == (409, "wrong_state"), (start, verb, answer.content)
                assert after == before
            transaction.set_rollback(True)


@pytest.mark.parametrize("start", Status.values)
def test_choosing_releasing_receiving_and_correcting_have_their_states(
    alice: Caller, walk: Care, start: str
) -> None:
    walk.delivery_in(start)
    window = walk.window("2026-12-09")
    receipt = f"deliveries/{walk.delivery['id']}/confirm-receipt/"
    for states, act in (
        ({"awaiting_window", "scheduled"}, lambda: walk.chooses(window)),
        ({"held"}, lambda: walk.staff("release")),
        ({"delivered_unverified"}, lambda: alice.post(receipt, {"received": True})),
        ({"delivered", "delivered_unverified", "attempted"},
         lambda: walk.staff("correct", reason="r")),
    ):  # fmt: skip
        with transaction.atomic():
            answer = act()
            if start in states:
                ok(answer)
            else:
                assert code(answer) == (409, "wrong_state"), answer.content
            transaction.set_rollback(True)


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "asleep"}, {"status": "awaiting_window"}, {"status": "packed"},
        {"status": "delivered"}, {"window": None}, {"signer_date_of_birth": None},
    ],
)  # fmt: skip
def test_the_database_refuses_what_the_actions_never_do(walk: Care, broken: dict[str, Any]) -> None:
    walk.scheduled()
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=walk.delivery["id"]).update(**broken)


# --- many at once ------------------------------------------------------------------------------


def bulk(walk: Care, action: str, ids: list[str], **body: Any) -> Any:
    return walk.sam.post("deliveries/bulk/", {"action": action, "ids": ids, **body})


def test_of_many_one_bad_row_stops_nothing(walk: Care, bruno: Caller) -> None:
    walk.scheduled()
    other = care(bruno, talk="2026-12-01T15:00:00Z").prescribed()
    nobody = str(uuid4())
    to(PACK_AT)
    ids = [other.delivery["id"], nobody, walk.delivery["id"]]
    done = ok(bulk(walk, "pack", ids))["results"]
    assert [(row["id"], row["ok"]) for row in done] == list(
        zip(ids, (False, False, True), strict=True)
    )
    assert done[2]["status"] == "packed"
    assert done[0]["problem"]["code"] == "wrong_state"
    assert done[1]["problem"]["code"] == "not_found"
    assert (walk.delivery["status"], other.delivery["status"]) == ("packed", "awaiting_window")
    sent = ok(bulk(walk, "dispatch", ids, **SENT))["results"]
    assert [row["ok"] for row in sent] == [False, False, True]
    assert walk.delivery["tracking"] == "1Z1"


def test_the_same_key_moves_many_once(walk: Care) -> None:
    walk.scheduled()
    to(PACK_AT)
    body = {"action": "pack", "ids": [walk.delivery["id"]]}
    first = walk.sam.post("deliveries/bulk/", body, Idempotency_Key="k")
    again = walk.sam.post("deliveries/bulk/", body, Idempotency_Key="k")
    assert ok(first)["results"][0]["ok"]
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"


def test_two_who_move_the_same_many_never_wait_in_a_circle(committed: str) -> None:
    """Staff hold and release in opposite orders, while the patients choose windows."""
    walks = [
        care(caller(name), talk=f"2026-12-0{number + 1}T15:00:00Z").prescribed()
        for number, name in enumerate(("alice", "bruno", "eve"))
    ]
    ids = [walk.delivery["id"] for walk in walks]
    chosen = {walk.id: [walk.window("2026-12-09", index) for index in (0, 1)] for walk in walks}
    seen: Counter[int] = Counter()

    def staff(turn: int) -> None:
        verb = ("hold", "release")[turn // 2 % 2]
        order = ids if turn % 2 else ids[::-1]
        body = {"action": verb, "ids": order}
        key = f"k{turn}"  # all in one transaction, as with every key
        seen[caller("sam").post("deliveries/bulk/", body, Idempotency_Key=key).status_code] += 1
        connection.close()

    def patient(turn: int) -> None:
        walk = walks[turn % 3]
        seen[walk.chooses(chosen[walk.id][turn % 2]).status_code] += 1
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit((staff, patient)[turn % 2], turn // 2) for turn in range(120)]
        for job in jobs:
            job.result()
    assert set(seen) <= {200, 409}, seen
    assert seen[200] >= 60
    assert deadlocks(committed) == 0
    taken = DeliveryWindow.objects.aggregate(taken=Sum("taken"))["taken"]
    assert taken == Delivery.objects.exclude(window=None).count()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "fly", "ids": [str(uuid4())]}, "/action"),
        ({"action": "replace", "ids": [str(uuid4())]}, "/action"),
        ({"action": "pack", "ids": []}, "/ids"),
        ({"action": "pack", "ids": [str(uuid4()) for _ in range(201)]}, "/ids"),
        ({"action": "pack", "ids": ["x"]}, "/ids/0"),
        ({"action": "pack", "ids": [str(uuid4())], "carrier": "UPS"}, "/carrier"),
        ({"action": "dispatch", "ids": [str(uuid4())], "carrier": "UPS"}, "/tracking"),
        ({"action": "attempt", "ids": [str(uuid4())], "code": "tired"}, "/code"),
    ],
)
def test_a_wrong_wish_for_many_moves_none(sam: Caller, body: dict[str, Any], pointer: str) -> None:
    refused = sam.post("deliveries/bulk/", body)
    assert code(refused) == (400, "invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


# --- who sees what -----------------------------------------------------------------------------


def test_another_s_parcel_is_as_if_it_never_was(alice: Caller, walk: Care, eve: Caller) -> None:
    walk.scheduled()
    own = f"deliveries/{walk.delivery['id']}/"
    assert ok(eve.get("deliveries/"))["results"] == []
    assert eve.get(own).status_code == 404
    body = {"window": walk.delivery["window"]["id"], "signer": SIGNER}
    assert eve.post(own + "choose-window/", body).status_code == 404
    assert eve.post(own + "confirm-receipt/", {"received": True}).status_code == 404
    assert ok(alice.get(own))["id"] == walk.delivery["id"]


def test_only_staff_move_parcels(walk: Care, admin: Caller) -> None:
    parcel = walk.delivery["id"]
    for who in (walk.who, walk.chen, admin):
        for _, verb, body in STAFF_VERBS:
            assert who.post(f"deliveries/{parcel}/{verb}/", body).status_code == 403, verb
        for path in ("deliveries/bulk/", "closures/", "holidays/"):
            assert who.post(path, {}).status_code == 403
        assert who.post(f"deliveries/{parcel}/correct/", {"reason": "r"}).status_code == 403
    assert walk.who.get("delivery-zones/").status_code == 403
    assert walk.chen.get(f"deliveries/{parcel}/").status_code == 200
    assert admin.get("deliveries/").status_code == 403


def test_filters_and_search_find_a_parcel(walk: Care) -> None:
    walk.delivery_in("dispatched")

    def count(**query: str) -> int:
        return len(ok(walk.sam.get("deliveries/", **query))["results"])

    zones = {row.name: str(row.pk) for row in DeliveryZone.objects.all()}
    assert (count(zone=zones["Florida Panhandle"]), count(zone=zones["South Jersey"])) == (1, 0)
    assert (count(date="2026-12-03"), count(date="2026-12-04")) == (1, 0)
    assert (count(status="dispatched"), count(status="packed")) == (1, 0)
    assert (count(exception="true"), count(exception="false")) == (0, 1)
    ok(walk.staff("attempt", code="no_adult"))
    assert (count(exception="true"), count(exception="false")) == (1, 0)
    assert [count(patient=walk.id), count(ordering="-starts"), count(ordering="starts")] == [1] * 3
    assert count(updated_since="2099-01-01T00:00:00Z") == 0
    for text in (walk.delivery["reference"], "1z999aa10123456784"):
        found = ok(walk.sam.get("patients/", search=text))["results"]
        assert [row["id"] for row in found] == [walk.id]
    assert ok(walk.sam.get("patients/", search="D-000000"))["results"] == []


def test_lists_take_as_many_queries_for_three_as_for_one(
    walk: Care, bruno: Caller, eve: Caller
) -> None:
    counts = []
    for others in ((), (bruno, eve)):
        for number, other in enumerate(others):
            care(other, talk=f"2026-12-0{number + 1}T15:00:00Z").paid()
        numbers = []
        for who, path in (
            (walk.sam, "deliveries/"), (walk.chen, "deliveries/"),
            (walk.sam, f"deliveries/{walk.delivery['id']}/custody/"), (walk.sam, "delivery-zones/"),
            (walk.sam, "closures/"), (walk.sam, "holidays/"),
        ):  # fmt: skip
            with CaptureQueriesContext(connection) as queries:
                ok(who.get(path))
            numbers.append(len(queries))
        counts.append(numbers)
        walk.sam.post("closures/", STORM)
        walk.sam.post("holidays/", {"day": "2026-12-03", "name": "x", "effect": "no_ship"})
    assert len(ok(walk.sam.get("deliveries/"))["results"]) == 3
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 12


def test_a_correction_of_the_address_moves_nothing(alice: Caller, walk: Care) -> None:
    walk.scheduled()
    window = walk.delivery["window"]
    alice.post("me/address/", {**PENSACOLA, "line2": "Apt 4", "kind": "correction"})
    replan(walk)
    assert (walk.delivery["status"], walk.delivery["window"]) == ("scheduled", window)
    to(PACK_AT)
    assert ok(walk.staff("pack"))["address"]["line2"] == "Apt 4"
    assert datetime.fromisoformat(DOOR_AT) > clock.now()
