"""Prescriptions: what recording one asks, the law's dates, refills, who sees them."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from records import clock
from records.models import Event
from scheduling.models import Prescription
from scheduling.prescriptions.refills import (
    Prescribed,
    earliest_fill,
    fills_left,
    last_fill_day,
)
from tests.care import Care, care, code, ok, prescription, replan, to, unmet
from tests.conftest import Caller


@pytest.fixture
def walk(alice: Caller) -> Care:
    """Alice, whose month is paid; it is Monday, 30 November 2026, 11:00 Eastern."""
    return care(alice).paid()


def record(walk: Care, **more: Any) -> Any:
    return walk.chen.post("prescriptions/", prescription(walk.id, **more))


# --- recording ---------------------------------------------------------------------------------


def test_a_prescription_tells_how_long_it_can_be_filled(walk: Care) -> None:
    made = ok(record(walk))
    assert (made["state"], made["issued_on"], made["last_fill_on"]) == (
        "FL", "2026-11-30", "2027-05-30",
    )  # fmt: skip
    assert (made["fills_left"], made["ended_at"]) == (6, None)
    (mine,) = ok(walk.who.get("prescriptions/"))["results"]
    assert mine == made
    assert ok(walk.chen.get(f"patients/{walk.id}/prescriptions/"))["results"] == [made]


def test_a_new_one_takes_the_place_of_the_one_in_force(walk: Care) -> None:
    ok(record(walk))
    ok(record(walk, external_reference="RX-2"))
    rows = ok(walk.chen.get("prescriptions/", patient=walk.id))["results"]
    assert [row["ended_at"] is None for row in rows] == [False, True]
    in_force = ok(walk.chen.get("prescriptions/", in_force="true"))["results"]
    assert [row["external_reference"] for row in in_force] == ["RX-2"]


def test_the_same_reference_is_recorded_once(walk: Care) -> None:
    ok(record(walk))
    again = record(walk)
    assert code(again) == (409, "wrong_state")
    assert again.json()["errors"][0]["pointer"] == "/external_reference"
    assert Prescription.objects.get().ended_at is None


def test_before_everything_is_there_nothing_is_recorded(alice: Caller, chen: Caller) -> None:
    me = ok(alice.get("me/"))["id"]
    refused = chen.post("prescriptions/", prescription(me))
    assert unmet(refused) == ["not_identified", "agreements_missing", "not_approved"]
    who = {gate["code"]: gate["who"] for gate in refused.json()["unmet_gates"]}
    assert who["agreements_missing"] == "patient"
    assert not Prescription.objects.exists()


@pytest.mark.parametrize(
    ("more", "expected", "pointer"),
    [
        ({"issued_on": "2026-12-01"}, (409, "too_early"), "/issued_on"),
        ({"registry_checked_at": "2026-11-30T16:01:00Z"}, (409, "too_early"),
         "/registry_checked_at"),
        ({"use_by": "2026-11-30"}, (422, "in_the_past"), "/use_by"),
        ({"use_by": "2026-11-01"}, (422, "in_the_past"), "/use_by"),
    ],
)  # fmt: skip
def test_a_prescription_from_the_future_or_out_of_date_is_refused(
    walk: Care, more: dict[str, Any], expected: tuple[int, str], pointer: str
) -> None:
    refused = record(walk, **more)
    assert code(refused) == expected
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert not Prescription.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days_supply", 0), ("days_supply", 181), ("sessions", 0), ("sessions", 61),
        ("refills", -1), ("refills", 6), ("issued_on", "30.11.2026"), ("external_reference", ""),
    ],
)  # fmt: skip
def test_numbers_out_of_bounds_are_pointed_at(walk: Care, field: str, value: Any) -> None:
    refused = record(walk, **{field: value})
    assert code(refused) == (400, "invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(("hours", "fresh"), [(23, True), (25, False)])
def test_florida_wants_the_registry_looked_at_within_a_day(
    walk: Care, hours: int, fresh: bool
) -> None:
    at = (clock.now() - timedelta(hours=hours)).isoformat()
    answer = record(walk, registry_checked_at=at)
    if fresh:
        assert answer.status_code == 201
    else:
        assert unmet(answer) == ["registry_check_stale"]


def test_new_jersey_within_ninety_days(bruno: Caller) -> None:
    """T24, its second half."""
    walk = care(bruno).paid()
    at = (clock.now() - timedelta(days=89)).isoformat()
    assert record(walk, registry_checked_at=at).status_code == 201


def test_after_2026_nothing_is_recorded_until_a_rule_says_so(walk: Care) -> None:
    """T11: the federal authority ends; a row entered by the physician lets it go on."""
    to("2027-01-05T15:00:00Z")
    assert unmet(record(walk)) == ["needs_legal_basis"]
    following = {
        "code": "DEA_FLEX", "state": "US", "valid_from": "2027-01-01", "valid_to": "2027-12-31",
        "text": "The fifth extension.", "source": "91 FR 1",
    }  # fmt: skip
    assert walk.sam.post("rules/", following).status_code == 403
    made = ok(walk.chen.post("rules/", following))
    assert made["reviewed_at"] == "2027-01-05"
    assert code(walk.chen.post("rules/", following)) == (409, "wrong_state")
    assert record(walk).status_code == 201
    rules = ok(walk.chen.get("rules/"))["results"]
    assert [(row["code"], row["valid_from"]) for row in rules] == [
        ("DEA_FLEX", "2023-05-12"), ("DEA_FLEX", "2027-01-01"),
    ]  # fmt: skip


def test_without_a_licence_on_the_day_nothing_is_recorded(walk: Care, physician: Any) -> None:
    physician.licences.filter(state="FL").update(expires_on="2026-11-29")
    assert unmet(record(walk)) == ["no_licence"]


# --- ending ------------------------------------------------------------------------------------


def test_one_that_has_ended_packs_nothing(alice: Caller) -> None:
    walk = care(alice).scheduled()
    (row,) = ok(walk.chen.get("prescriptions/"))["results"]
    assert walk.sam.post(f"prescriptions/{row['id']}/end/").status_code == 403
    assert ok(walk.chen.post(f"prescriptions/{row['id']}/end/"))["ended_at"]
    assert code(walk.chen.post(f"prescriptions/{row['id']}/end/")) == (409, "wrong_state")
    to("2026-12-02T14:00Z")
    assert unmet(walk.staff("pack")) == ["not_prescribed"]
    assert Event.objects.filter(kind="prescription.ended").count() == 1


# --- refills -----------------------------------------------------------------------------------


def test_the_next_fill_is_two_days_before_the_supply_ends() -> None:
    """T21, T22."""
    first = date(2026, 11, 1)
    given = Prescribed(first, days_supply=30, refills=5, use_by=date(2027, 12, 1))
    assert earliest_fill(given, 2) == first
    filled = Prescribed(first, 30, 5, date(2027, 12, 1), fills=(first,))
    assert earliest_fill(filled, 2) == date(2026, 11, 29)
    assert (fills_left(given), fills_left(filled)) == (6, 5)
    late = Prescribed(date(2026, 8, 31), 30, 5, date(2027, 12, 1))
    assert last_fill_day(late) == date(2027, 2, 28)
    assert fills_left(Prescribed(first, 30, 0, first, fills=(first,))) == 0


@pytest.mark.parametrize("renewed", [False, True])
def test_a_refill_too_early_says_from_when(alice: Caller, renewed: bool) -> None:
    """T21: filled on 2 December for 30 days, the next one from 30 December on, also on another
    prescription.
    """
    walk = care(alice).delivered()
    if renewed:
        ok(walk.chen.post("prescriptions/", prescription(walk.id)))
    to("2026-12-25T16:00Z")
    replan(walk)
    walk.pays()
    to("2026-12-28T16:00Z")
    replan(walk)
    assert walk.delivery["status"] == "awaiting_window", walk.deliveries()
    ok(walk.chooses(walk.window("2027-01-05")))
    refused = walk.staff("pack")
    assert unmet(refused) == ["refill_too_early"]
    (gate,) = refused.json()["unmet_gates"]
    assert (gate["who"], gate["until"]) == ("pharmacy", "2026-12-30T05:00:00Z")
    to("2026-12-30T16:00Z")
    assert ok(walk.staff("pack"))["status"] == "packed"
    (row,) = ok(alice.get("prescriptions/", in_force="true"))["results"]
    assert row["fills_left"] == (5 if renewed else 4)


@pytest.mark.parametrize(
    "broken",
    [{"refills": 6}, {"days_supply": 0}, {"sessions": 0}, {"use_by": "2026-11-30"}],
)
def test_the_database_refuses_what_the_actions_never_do(walk: Care, broken: dict[str, Any]) -> None:
    ok(record(walk))
    with pytest.raises(IntegrityError), transaction.atomic():
        Prescription.objects.update(**broken)


# --- who sees what -----------------------------------------------------------------------------


def test_staff_see_no_prescription_and_patients_their_own(
    walk: Care, eve: Caller, admin: Caller
) -> None:
    row = ok(record(walk))
    for who in (walk.sam, admin):
        assert who.get("prescriptions/").status_code == 403
        assert who.get(f"patients/{walk.id}/prescriptions/").status_code == 403
        assert who.post("prescriptions/", prescription(walk.id)).status_code == 403
    assert walk.who.post("prescriptions/", prescription(walk.id)).status_code == 403
    assert walk.who.post(f"prescriptions/{row['id']}/end/").status_code == 403
    assert ok(eve.get("prescriptions/"))["results"] == []


def test_a_patient_who_is_not_in_care_gets_none(walk: Care, eve: Caller) -> None:
    from patients.models import Assessment

    Assessment.objects.update(status="reviewed")
    stranger = ok(eve.get("me/"))["id"]
    refused = walk.chen.post("prescriptions/", prescription(stranger))
    assert code(refused) == (400, "invalid")
    assert refused.json()["errors"][0]["pointer"] == "/patient"
    assert walk.chen.get(f"patients/{stranger}/prescriptions/").status_code == 404


def test_a_list_takes_as_many_queries_for_three_as_for_one(walk: Care) -> None:
    counts = []
    for references in (("A",), ("B", "C")):
        for reference in references:
            ok(record(walk, external_reference=reference))
        with CaptureQueriesContext(connection) as queries:
            rows = ok(walk.chen.get("prescriptions/"))["results"]
        with CaptureQueriesContext(connection) as of_rules:
            ok(walk.chen.get("rules/"))
        counts.append((len(rows), len(queries), len(of_rules)))
        ok(walk.chen.post("rules/", {
            "code": f"X{len(rows)}", "state": "FL", "valid_from": "2027-01-01", "text": "t",
            "source": "s"}))  # fmt: skip
    assert [rows for rows, _, _ in counts] == [1, 3]
    assert counts[0][1:] == counts[1][1:]
