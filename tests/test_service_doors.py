"""What anybody may ask: the service area of every county, plans, physicians, slots."""

import json
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import ZipCode
from patients.service_area import CENTRAL, CENTRAL_COUNTIES, EASTERN, STATES
from patients.zip_table import CORRECTIONS
from scheduling.models import Physician
from tests.conftest import Caller

COUNTIES = json.loads(CORRECTIONS.read_text())["counties"]


def test_one_zip_code_of_each_of_the_88_counties_is_served(outsider: Caller) -> None:
    assert (len(COUNTIES["FL"]), len(COUNTIES["NJ"])) == (67, 21)
    for state, names in COUNTIES.items():
        for name in names:
            rows = ZipCode.objects.filter(
                state=state, counties__0=name, kind="STANDARD", active=True
            )
            told = outsider.get("service-area/", postal_code=rows[0].postal_code).json()
            assert (told["served"], told["state"], told["county"]) == (True, state, name), told
            if name != "Gulf":
                zone = CENTRAL if state == "FL" and name in CENTRAL_COUNTIES else EASTERN
                assert told["time_zone"] == zone, told


@pytest.mark.parametrize("code", ["10001", "30301", "00901", "20001", "96910", "09001", "34001"])
def test_elsewhere_is_not_served(outsider: Caller, code: str) -> None:
    told = outsider.get("service-area/", postal_code=code)
    assert (told.status_code, told.json()["served"]) == (200, False)


def test_two_zip_codes_ask_for_the_zone(outsider: Caller) -> None:
    for code in ("32456", "32465"):
        told = outsider.get("service-area/", postal_code=code).json()
        assert (told["served"], told["time_zone"]) == (True, None)
        assert sorted(told["time_zones"]) == [CENTRAL, EASTERN]


def test_state_and_zip_must_agree(outsider: Caller) -> None:
    told = outsider.get("service-area/", postal_code="32501", state="NJ").json()
    assert (told["served"], told["code"]) == (False, "state_zip_mismatch")


@pytest.mark.parametrize("code", ["", "3250", "abc", "325011234", "٣٢٥٠١", "32501\u0000", "-3250"])
def test_what_is_no_zip_code_is_400(outsider: Caller, code: str) -> None:
    answer = outsider.get("service-area/", postal_code=code)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/postal_code"


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_may_be_written_out(outsider: Caller, state: str) -> None:
    told = outsider.get("service-area/", postal_code="32501", state=state.title())
    expected = "served" if STATES[state] == "FL" else "state_zip_mismatch"
    assert (told.status_code, told.json()["code"]) == (200, expected)


def test_plans_start_at_250(outsider: Caller) -> None:
    plans = outsider.get("plans/").json()["results"]
    assert [plan["monthly_price"] for plan in plans] == ["250.00", "350.00", "450.00"]
    assert {plan["currency"] for plan in plans} == {"USD"}


def test_physicians_and_the_states_of_their_licences(outsider: Caller) -> None:
    (chen,) = outsider.get("physicians/").json()["results"]
    assert (chen["name"], chen["states"]) == ("Dr. Chen", ["FL", "NJ"])


def test_a_licence_is_told_until_its_last_day_is_over_where_the_physician_is(
    outsider: Caller, physician: Physician, at: Any
) -> None:
    physician.licences.filter(state="NJ").update(expires_on="2026-11-24")
    for hour, states in (("23:59", ["FL", "NJ"]), ("24:00", ["FL"])):
        at("2026-11-25T00:00-05:00" if hour == "24:00" else f"2026-11-24T{hour}-05:00")
        assert outsider.get("physicians/").json()["results"][0]["states"] == states


def slots(who: Caller, first: str, last: str = "", **query: Any) -> list[str]:
    answer = who.get("slots/", **{"from": first, "to": last or first, **query})
    assert answer.status_code == 200, answer.content
    return [slot["start"] for slot in answer.json()["results"]]


def test_slots_lie_within_the_hours_and_the_reader_s_day(outsider: Caller) -> None:
    """T1, T2: 8:30 to 17:00 Eastern is 7:30 to 16:00 in Pensacola."""
    found = slots(outsider, "2026-11-30", postal_code="32501")
    assert (found[0], found[-1]) == ("2026-11-30T13:30:00Z", "2026-11-30T21:30:00Z")
    assert "2026-11-30T13:45:00Z" in found  # 7:45 Central
    assert "2026-11-30T13:15:00Z" not in found  # 7:15 Central
    assert slots(outsider, "2026-11-28", "2026-11-29", postal_code="32501") == []


def test_slots_of_today_begin_after_the_lead(outsider: Caller, now: datetime) -> None:
    assert (
        slots(outsider, "2026-11-24", state="FL")[0] == "2026-11-24T17:15:00Z"
    )  # some ms past 15:00


def test_slots_end_at_the_horizon(outsider: Caller) -> None:
    found = slots(outsider, "2026-12-25", "2027-02-24", state="FL")
    assert found[-1] < "2027-01-23T15:00:00Z"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-12-01", "to": "2026-11-30", "state": "FL"}, "/to"),
        ({"from": "2026-11-30", "to": "2027-01-31", "state": "FL"}, "/to"),
        ({"from": "soon", "to": "2026-11-30", "state": "FL"}, "/from"),
        ({"from": "2026-11-30", "to": "9999-12-31", "state": "FL"}, "/to"),
        ({"from": "2026-11-30", "state": "FL"}, "/to"),
        ({"from": "2026-11-30", "to": "2026-11-30"}, "/state"),
        ({"from": "2026-11-30", "to": "2026-11-30", "state": "Florida"}, "/state"),
        ({"from": "2026-11-30", "to": "2026-11-30", "state": "FL", "kind": "x"}, "/kind"),
        ({"from": "2026-11-30", "to": "2026-11-30", "state": "FL", "who": "x"}, "/who"),
        (
            {"from": "2026-11-30", "to": "2026-11-30", "state": "FL", "physician": "x"},
            "/physician",
        ),
    ],
)
def test_a_question_that_cannot_be_answered(
    outsider: Caller, query: dict[str, str], pointer: str
) -> None:
    answer = outsider.get("slots/", **query)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_slots_of_a_zip_out_of_area_and_of_one_in_two_zones(outsider: Caller) -> None:
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    away = outsider.get("slots/", **day, postal_code="10001")
    assert (away.status_code, away.json()["code"]) == (422, "out_of_area")
    there = outsider.get("slots/", **day, state="NY")
    assert (there.status_code, there.json()["detail"]) == (422, away.json()["detail"])
    assert there.json()["errors"][0]["pointer"] == "/state"
    none = outsider.get("slots/", **day, state="ZZ")
    assert (none.status_code, none.json()["code"]) == (422, "unknown_state")
    asks = outsider.get("slots/", **day, postal_code="32456")
    assert (asks.status_code, asks.json()["code"]) == (422, "time_zone_required")
    assert slots(outsider, "2026-11-30", postal_code="32456", time_zone=CENTRAL)


def test_what_is_offered_around_the_clock_can_be_held(
    outsider: Caller, chen: Caller, physician: Physician
) -> None:
    physician.working_hours.update(opens="00:00", closes="00:00")
    chen.patch("settings/", {"slot_step": 25})
    for start in slots(outsider, "2026-11-30", "2026-12-03", state="FL")[::40]:
        wish = {"start": start, "kind": "initial", "state": "FL"}
        assert Caller().post("holds/", wish).status_code == 201


def test_an_opening_lasts_a_day_at_most(chen: Caller, physician: Physician) -> None:
    place = f"physicians/{physician.pk}/openings/"
    for end, status in (("2026-11-29T14:00:00Z", 201), ("2026-11-29T14:01:00Z", 400)):
        answer = chen.post(place, {"start": "2026-11-28T14:00:00Z", "end": end})
        assert answer.status_code == status
    assert answer.json()["errors"][0]["pointer"] == "/end"


@pytest.mark.parametrize(
    ("name", "theirs", "other"),
    [
        ("state", "FL", "NJ"),
        ("postal_code", "32501", "07105"),
        ("time_zone", CENTRAL, EASTERN),
    ],
)
def test_a_patient_asks_for_slots_where_they_live(
    alice: Caller, name: str, theirs: str, other: str
) -> None:
    assert slots(alice, "2026-11-30") == slots(alice, "2026-11-30", **{name: theirs})
    day = {"from": "2026-11-30", "to": "2026-11-30"}
    refused = alice.get("slots/", **day, **{name: other})
    assert refused.status_code == 400
    assert [error["pointer"] for error in refused.json()["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("days", [1, 62])
def test_slots_take_four_queries_whatever_is_booked(
    outsider: Caller, alice: Caller, bruno: Caller, days: int, physician: Physician
) -> None:
    last = date.fromordinal(date(2026, 11, 30).toordinal() + days - 1).isoformat()
    query = {"from": "2026-11-30", "to": last, "postal_code": "32501"}
    with CaptureQueriesContext(connection) as before:
        outsider.get("slots/", **query)
    for number, who in enumerate((alice, bruno) * 3):
        start = f"2026-11-30T{14 + number}:00:00Z"
        state = "FL" if who is alice else "NJ"
        wish = {"start": start, "kind": "follow_up", "location": {"state": state}}
        assert who.post("consultations/", wish).status_code == 201
    with CaptureQueriesContext(connection) as after:
        outsider.get("slots/", **query)
    counted = [q["sql"] for q in after.captured_queries if "INTO records_count" in q["sql"]]
    assert len(counted) == 1  # by the limit of looking, whatever is looked for
    assert len(before) == len(after) <= 4 + 1, [q["sql"] for q in after.captured_queries]
