"""Plans and months: subscribing, paying, pausing, ending; every pair of states."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from scheduling.models import BillingPeriod, Delivery, Plan, Subscription
from scheduling.subscriptions.billing import month, month_of
from scheduling.subscriptions.models import TRANSITIONS, Status
from tests.care import HANDED_OVER, PACK_AT, Care, care, code, ok, replan, to, unmet
from tests.cast import ALBANY
from tests.conftest import Caller


@pytest.fixture
def walk(alice: Caller) -> Care:
    """Alice, subscribed; her month from 30 November waits to be paid."""
    return care(alice).subscribed()


def path(walk: Care, verb: str = "") -> str:
    return f"subscriptions/{walk.subscription}/{verb}"


def plan_id(index: int = 0) -> str:
    return str(Plan.objects.order_by("monthly_price")[index].pk)


# --- subscribing -------------------------------------------------------------------------------


def test_a_subscription_opens_its_first_month(walk: Care) -> None:
    shown = ok(walk.who.get(path(walk)))
    assert shown["reference"].startswith("S-")
    assert (shown["status"], shown["time_zone"]) == ("active", "America/Chicago")
    (first,) = shown["periods"]
    assert (first["number"], first["starts_on"], first["ends_on"]) == (
        1, "2026-11-30", "2026-12-30",
    )  # fmt: skip
    assert (first["price"], first["currency"], first["status"]) == ("250.00", "USD", "open")
    assert first["due_at"] == "2026-12-07T06:00:00Z"  # seven days later, at midnight in Pensacola


def test_without_an_approval_nobody_subscribes(alice: Caller) -> None:
    assert unmet(alice.post("subscriptions/", {"plan": plan_id()})) == ["not_approved"]
    walk = care(alice)
    walk.approved()
    alice.post("me/address/", {**ALBANY, "kind": "move"})
    assert unmet(alice.post("subscriptions/", {"plan": plan_id()})) == ["out_of_area"]


def test_there_is_one_plan_at_a_time_and_only_one_on_offer(walk: Care) -> None:
    assert code(walk.who.post("subscriptions/", {"plan": plan_id(1)})) == (409, "wrong_state")
    Plan.objects.filter(pk=plan_id(2)).update(is_offered=False)
    gone = walk.who.post(path(walk, "change-plan/"), {"plan": plan_id(2)})
    assert code(gone) == (409, "not_offered")
    assert gone.json()["errors"][0]["pointer"] == "/plan"


def test_staff_subscribe_for_a_caller_and_a_physician_for_nobody(alice: Caller) -> None:
    walk = care(alice).approved()
    wish = {"plan": plan_id(), "patient": walk.id, "channel": "telephone"}
    assert code(alice.post("subscriptions/", wish)) == (400, "invalid")
    assert code(walk.sam.post("subscriptions/", {"plan": plan_id()})) == (400, "invalid")
    assert walk.chen.post("subscriptions/", wish).status_code == 403
    assert walk.sam.post("subscriptions/", wish).status_code == 201
    assert Subscription.objects.get().channel == "telephone"


def test_a_plan_from_249_99_is_refused_by_the_database(db: None) -> None:
    for price in ("249.99", "0", "-250"):
        with pytest.raises(IntegrityError, match="plans_start_at_250"), transaction.atomic():
            Plan.objects.update(monthly_price=price)


def test_so_is_a_month(walk: Care) -> None:
    with pytest.raises(IntegrityError, match="periods_cost_250"), transaction.atomic():
        BillingPeriod.objects.update(price="249.99")


# --- paying ------------------------------------------------------------------------------------


def test_a_month_paid_answers_with_its_delivery(walk: Care) -> None:
    paid = walk.pays()
    assert paid["status"] == "paid"
    assert [row["status"] for row in paid["deliveries"]] == ["awaiting_window"]
    assert paid["deliveries"][0]["id"] == walk.delivery["id"]
    again = walk.sam.post(path(walk, "periods/1/mark-paid/"), {"reference": "x"})
    assert code(again) == (409, "wrong_state")
    assert walk.sam.post(path(walk, "periods/2/mark-paid/"), {"reference": "x"}).status_code == 404
    huge = path(walk, f"periods/{10**30}/mark-paid/")
    assert walk.sam.post(huge, {"reference": "x"}).status_code == 404


def test_only_staff_see_payments(walk: Care) -> None:
    for who in (walk.who, walk.chen):
        refused = who.post(path(walk, "periods/1/mark-paid/"), {"reference": "x"})
        assert refused.status_code == 403
        assert who.post(f"periods/{walk.period['id']}/correct/", {"reason": "x"}).status_code == 403


def test_a_month_that_was_not_paid_after_all_takes_its_delivery_with_it(walk: Care) -> None:
    walk.pays()
    corrected = walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "bounced"})
    assert (ok(corrected)["status"], corrected.json()["paid_at"]) == ("open", None)
    replan(walk)
    assert walk.delivery["status"] == "cancelled"
    again = walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "bounced"})
    assert code(again) == (409, "wrong_state")
    assert walk.pays()["deliveries"][-1]["status"] == "awaiting_window"


def test_once_something_was_packed_the_month_stays_paid(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    refused = walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "bounced"})
    assert code(refused) == (409, "built_on")


def test_an_unpaid_month_is_past_due_and_paying_it_heals(walk: Care) -> None:
    to("2026-12-07T05:59Z")
    assert replan(walk) == 0
    to("2026-12-07T06:00Z")
    assert replan(walk) == 1
    assert ok(walk.who.get(path(walk)))["status"] == "past_due"
    walk.pays()
    assert ok(walk.who.get(path(walk)))["status"] == "active"


def test_the_next_month_is_asked_for_five_days_before(walk: Care) -> None:
    walk.pays()
    to("2026-12-25T05:59Z")
    replan(walk)
    assert walk.period["number"] == 1
    to("2026-12-25T06:00Z")
    replan(walk)
    assert (walk.period["number"], walk.period["starts_on"]) == (2, "2026-12-30")
    assert walk.period["status"] == "open"
    assert walk.pays()["deliveries"] == []  # the parcel of the first month is open still


@pytest.mark.parametrize(
    ("paid_at", "first", "opens_at", "second"),
    [
        (
            "2026-12-07T05:59:00Z", ("2026-11-30", "2026-12-30"),
            "2026-12-25T06:00:00Z", ("2026-12-30", "2027-01-30"),
        ),
        (
            "2026-12-07T06:00:00Z", ("2026-12-07", "2027-01-07"),
            "2027-01-02T06:00:00Z", ("2027-01-07", "2027-02-07"),
        ),
        (
            "2027-01-31T18:00:00Z", ("2027-01-31", "2027-02-28"),
            "2027-02-23T06:00:00Z", ("2027-02-28", "2027-03-31"),
        ),
    ],
)  # fmt: skip
def test_a_month_paid_after_its_days_of_grace_begins_on_that_day(
    walk: Care, paid_at: str, first: tuple[str, str], opens_at: str, second: tuple[str, str]
) -> None:
    to(paid_at)
    replan(walk)
    paid = walk.pays()
    assert (paid["starts_on"], paid["ends_on"]) == first
    to(datetime.fromisoformat(opens_at) - timedelta(minutes=1))
    replan(walk)
    assert walk.period["number"] == 1
    to(opens_at)
    replan(walk)
    assert (walk.period["starts_on"], walk.period["ends_on"]) == second
    assert [ok(walk.who.get(path(walk)))["status"], walk.period["number"]] == ["active", 2]


def test_a_second_month_paid_late_follows_the_first_with_a_gap(walk: Care) -> None:
    walk.pays()
    to("2027-01-08T15:00:00Z")
    replan(walk)
    walk.pays()
    months = ok(walk.who.get(path(walk)))["periods"]
    assert [(month["starts_on"], month["ends_on"]) for month in months] == [
        ("2026-11-30", "2026-12-30"), ("2027-01-08", "2027-02-08"),
    ]  # fmt: skip


def test_one_that_is_followed_by_another_stays_where_it_is(walk: Care) -> None:
    walk.pays()
    to("2026-12-25T06:00Z")
    replan(walk)
    first = ok(walk.who.get(path(walk)))["periods"][0]
    ok(walk.sam.post(f"periods/{first['id']}/correct/", {"reason": "bounced"}))
    assert walk.pays(1)["starts_on"] == "2026-11-30"


def test_a_plan_that_ends_with_a_month_paid_late_ends_with_it_still(walk: Care) -> None:
    walk.who.post("me/address/", {**ALBANY, "kind": "move"})
    replan(walk)
    to("2026-12-10T15:00:00Z")
    paid = walk.pays()
    assert ok(walk.who.get(path(walk)))["ends_on"] == paid["ends_on"] == "2027-01-10"


def test_what_is_too_much_in_a_month_that_begins_later_is_held(walk: Care) -> None:
    starts = [f"2026-12-{day}T15:00:00Z" for day in ("14", "18", "22", "26")]
    starts += ["2027-01-01T15:00:00Z", "2027-01-05T15:00:00Z"]
    for start in starts:
        ok(walk.plans(start))
    to("2026-12-10T15:00:00Z")
    ok(walk.sam.post(path(walk, "periods/1/mark-paid/"), {"reference": "x"}))
    rows = ok(walk.who.get("sessions/"))["results"]
    told = [(row["start"], row["held_because"]) for row in rows[3:]]
    assert told == [(starts[3], ""), *((start, "sessions_used_up") for start in starts[4:])]


def test_days_of_grace_end_at_midnight_also_when_the_clocks_change(alice: Caller) -> None:
    """From Friday, 5 November 2027 on: the Sunday between has 25 hours."""
    to("2027-11-01T15:00:00Z")
    walk = care(alice, talk="2027-11-05T15:00:00Z").subscribed()
    assert walk.period["due_at"] == "2027-11-12T06:00:00Z"  # midnight, by Central standard time
    to("2027-11-12T05:59:00Z")
    replan(walk)
    assert ok(walk.who.get(path(walk)))["status"] == "active"
    to("2027-11-12T06:00:00Z")
    replan(walk)
    assert ok(walk.who.get(path(walk)))["status"] == "past_due"


def test_months_keep_the_day_of_the_first_one() -> None:
    """The 31st is the last of a shorter month, and the 31st again afterwards."""
    from datetime import date

    anchor = date(2027, 1, 31)
    starts = [month(anchor, steps)[0].isoformat() for steps in range(4)]
    assert starts == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"]
    assert month_of(anchor, date(2027, 2, 27)) == 0
    assert month_of(anchor, date(2027, 2, 28)) == 1


# --- pausing, ending, changing -----------------------------------------------------------------


def test_a_pause_voids_what_is_unpaid_and_resuming_asks_anew(walk: Care) -> None:
    paused = ok(walk.who.post(path(walk, "pause/"), {"until": "2026-12-15"}))
    assert (paused["status"], paused["paused_until"]) == ("paused", "2026-12-15")
    assert [period["status"] for period in paused["periods"]] == ["void"]
    resumed = ok(walk.who.post(path(walk, "resume/")))
    assert (resumed["status"], resumed["paused_until"]) == ("active", None)
    assert [period["status"] for period in resumed["periods"]] == ["void", "open"]


def test_a_pause_ends_by_itself_on_its_day(walk: Care) -> None:
    walk.who.post(path(walk, "pause/"), {"until": "2026-12-15"})
    to("2026-12-15T05:59Z")
    replan(walk)
    assert ok(walk.who.get(path(walk)))["status"] == "paused"
    to("2026-12-15T06:00Z")
    replan(walk)
    shown = ok(walk.who.get(path(walk)))
    assert (shown["status"], shown["periods"][-1]["starts_on"]) == ("active", "2026-12-15")


def test_a_day_to_pause_until_lies_ahead(walk: Care) -> None:
    refused = walk.who.post(path(walk, "pause/"), {"until": "2026-11-30"})
    assert code(refused) == (422, "in_the_past")
    assert refused.json()["errors"][0]["pointer"] == "/until"


def test_a_pause_with_a_parcel_under_way_waits_for_it(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    asked = ok(alice.post(path(walk, "pause/"), {}))
    assert (asked["status"], asked["pause_requested_at"] is None) == ("active", False)
    items = ok(walk.sam.get("work-items/", kind="pause_with_parcel"))["results"]
    assert [item["object_id"] for item in items] == [walk.delivery["id"]]
    replan(walk)
    assert ok(alice.get(path(walk)))["status"] == "active"
    ok(walk.staff("recall"))
    ok(walk.staff("return", seal_ok=True))
    replan(walk)
    assert ok(alice.get(path(walk)))["status"] == "paused"


def test_a_packed_parcel_leaves_on_its_way_to_a_pause(
    alice: Caller,
) -> None:
    walk = care(alice).delivery_in("packed")
    ok(alice.post(path(walk, "pause/"), {}))
    to("2026-12-02T20:00Z")
    sent = walk.staff("dispatch", carrier="UPS", tracking="1Z999AA10123456784")
    assert ok(sent)["status"] == "dispatched"
    ok(walk.staff("out-for-delivery"))
    ok(walk.staff("deliver", **HANDED_OVER))
    replan(walk)
    assert ok(alice.get(path(walk)))["status"] == "paused"


def test_nothing_is_packed_for_a_plan_that_is_paused(alice: Caller) -> None:
    walk = care(alice).scheduled()
    ok(alice.post(path(walk, "pause/"), {}))
    to(PACK_AT)
    assert "paused" in unmet(walk.staff("pack"))


def test_ending_at_the_end_of_the_paid_month_or_now(walk: Care) -> None:
    walk.pays()
    ends = ok(walk.who.post(path(walk, "cancel/"), {"when": "period_end"}))
    assert (ends["status"], ends["ends_on"]) == ("active", "2026-12-30")
    to("2026-12-30T06:00Z")
    replan(walk)
    ended = ok(walk.who.get(path(walk)))
    assert ended["status"] == "cancelled"
    assert code(walk.who.post(path(walk, "cancel/"), {"when": "now"})) == (409, "wrong_state")
    assert ok(walk.who.post("subscriptions/", {"plan": plan_id()}))["status"] == "active"


def test_no_month_opens_after_a_plan_that_ends_and_the_next_plan_begins_anew(walk: Care) -> None:
    walk.pays()
    ok(walk.who.post(path(walk, "cancel/"), {"when": "period_end"}))
    to("2026-12-29T15:00:00Z")
    replan(walk)
    assert [row["number"] for row in ok(walk.who.get(path(walk)))["periods"]] == [1]
    to("2027-01-04T15:00:00Z")
    replan(walk)
    assert unmet(walk.plans("2027-01-05T15:00:00Z"))[-1] == "ended"
    walk.subscription = ok(walk.who.post("subscriptions/", {"plan": plan_id()}))["id"]
    (month,) = ok(walk.who.get(path(walk)))["periods"]
    assert (month["number"], month["starts_on"]) == (1, "2027-01-04")


def test_a_month_that_opened_already_is_void_when_the_plan_ends_before_it(walk: Care) -> None:
    walk.pays()
    to("2026-12-25T06:00:00Z")
    replan(walk)
    ends = ok(walk.who.post(path(walk, "cancel/"), {"when": "period_end"}))
    assert (ends["ends_on"], [row["status"] for row in ends["periods"]]) == (
        "2026-12-30", ["paid", "void"],
    )  # fmt: skip
    replan(walk)
    assert walk.period["number"] == 2
    late = walk.sam.post(path(walk, "periods/2/mark-paid/"), {"reference": "x"})
    assert code(late) == (409, "wrong_state")


def test_another_plan_counts_from_the_next_month(walk: Care) -> None:
    walk.pays()
    changed = ok(walk.who.post(path(walk, "change-plan/"), {"plan": plan_id(1)}))
    assert (changed["plan_name"], changed["periods"][0]["price"]) == ("Steady", "250.00")
    to("2026-12-25T06:00Z")
    replan(walk)
    assert walk.period["price"] == "350.00"


def test_an_old_version_is_told_so(walk: Care) -> None:
    tag = walk.who.get(path(walk))["ETag"]
    changed = walk.who.post(path(walk, "change-plan/"), {"plan": plan_id(1)}, If_Match=tag)
    assert changed.status_code == 200
    late = walk.who.post(path(walk, "cancel/"), {"when": "now"}, If_Match=tag)
    assert code(late) == (412, "stale")


# --- every pair of states ----------------------------------------------------------------------

VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    Status.PAUSED: ("pause/", {}),
    Status.ACTIVE: ("resume/", {}),
    Status.CANCELLED: ("cancel/", {"when": "now"}),
}


def _into(walk: Care, status: str) -> None:
    if status == Status.PAST_DUE:
        to("2026-12-08T12:00Z")
        replan(walk)
    if status in VERBS and status != Status.ACTIVE:
        verb, body = VERBS[status]
        ok(walk.who.post(path(walk, verb), body))
    assert ok(walk.who.get(path(walk)))["status"] == status


@pytest.mark.parametrize("to_", VERBS)
@pytest.mark.parametrize("start", Status.values)
def test_every_pair_of_states(walk: Care, start: str, to_: str) -> None:
    """What the table allows works, all else is 409; a month past due is healed by payment."""
    _into(walk, start)
    verb, body = VERBS[to_]
    answer = walk.who.post(path(walk, verb), body)
    by_payment = (start, to_) == (Status.PAST_DUE, Status.ACTIVE)
    if to_ in TRANSITIONS[start] and not by_payment:
        assert ok(answer)["status"] == to_
    else:
        assert code(answer) == (409, "wrong_state")
        assert ok(walk.who.get(path(walk)))["status"] == start


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "paused"}, {"status": "cancelled"}, {"status": "asleep"},
        {"ends_on": "2026-12-01"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_the_actions_never_do(walk: Care, broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.filter(pk=walk.subscription).update(**broken)


# --- who sees what ------------------------------------------------------------------------------


def test_another_s_subscription_is_as_if_it_never_was(walk: Care, eve: Caller) -> None:
    assert ok(eve.get("subscriptions/"))["results"] == []
    assert eve.get(path(walk)).status_code == 404
    for verb, body in (*VERBS.values(), ("change-plan/", {"plan": plan_id()})):
        assert eve.post(path(walk, verb), body).status_code == 404
    assert Delivery.objects.count() == 0


def test_staff_and_physician_look_and_the_administrator_does_not(walk: Care, admin: Caller) -> None:
    for who in (walk.sam, walk.chen):
        assert [row["id"] for row in ok(who.get("subscriptions/"))["results"]] == [
            walk.subscription
        ]
        assert who.get(path(walk)).status_code == 200
    assert walk.chen.post(path(walk, "pause/"), {}).status_code == 403
    assert admin.get("subscriptions/").status_code == 403
    assert admin.get(path(walk)).status_code == 403


def test_a_list_takes_as_many_queries_for_three_as_for_one(
    walk: Care, bruno: Caller, eve: Caller
) -> None:
    counts = []
    for others in ((), (bruno, eve)):
        for number, other in enumerate(others):
            care(other, talk=f"2026-12-0{number + 1}T15:00:00Z").subscribed()
        with CaptureQueriesContext(connection) as queries:
            rows = ok(walk.sam.get("subscriptions/"))["results"]
        counts.append((len(rows), len(queries)))
    assert [rows for rows, _ in counts] == [1, 3]
    assert counts[0][1] == counts[1][1] <= 12


def test_staff_find_a_patient_by_the_reference_of_a_plan(walk: Care) -> None:
    reference = ok(walk.who.get(path(walk)))["reference"]
    found = ok(walk.sam.get("patients/", search=reference.lower()))["results"]
    assert [row["id"] for row in found] == [walk.id]


def test_filters_choose(walk: Care) -> None:
    def count(**query: str) -> int:
        return len(ok(walk.sam.get("subscriptions/", **query))["results"])

    assert (count(status="active"), count(status="paused")) == (1, 0)
    assert (count(patient=walk.id), count(patient=walk.subscription)) == (1, 0)
    assert (count(plan=plan_id(0)), count(plan=plan_id(1))) == (1, 0)
    assert datetime.fromisoformat(walk.period["due_at"]).year == 2026
