"""What no way around leads past: the attended first session, and the gates of a parcel."""

from datetime import datetime

from tests.care import HANDED_OVER, PACK_AT, care, code, ok, prescription, replan, to, unmet
from tests.cast import ALBANY, NEWARK
from tests.conftest import Caller

LATER = "2026-12-12T14:00:00Z"
PANAMA_CITY = {
    "line1": "9 Harrison Ave", "city": "Panama City", "state": "FL", "postal_code": "32401",
}  # fmt: skip
SHIPPED = {"carrier": "UPS", "tracking": "1Z"}


def test_the_first_session_stays_attended_when_it_is_moved(alice: Caller) -> None:
    walk = care(alice).prescribed()
    first = ok(walk.plans())
    ok(walk.plans(LATER))
    move = {"start": "2026-12-08T15:00:00Z"}
    assert ok(walk.who.post(f"sessions/{first['id']}/reschedule/", move))["supervised"] is True


def test_a_session_that_became_the_first_is_held_without_a_physician(alice: Caller) -> None:
    walk = care(alice).prescribed()
    first, second = ok(walk.plans()), ok(walk.plans(LATER))
    assert (first["supervised"], second["supervised"]) == (True, False)
    ok(walk.who.post(f"sessions/{first['id']}/cancel/"))
    replan(walk)
    walk.session = second["id"]
    shown = walk.shown()
    assert (shown["status"], shown["held_because"]) == ("held", "physician_missing")


def test_a_parcel_that_was_called_back_never_leaves(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    ok(walk.who.post("me/address/", {**ALBANY, "kind": "move"}))
    assert code(walk.staff("dispatch", **SHIPPED)) == (409, "gate_unmet")
    ok(walk.staff("recall"))
    ok(walk.staff("investigate"))
    assert code(walk.staff("dispatch", **SHIPPED)) == (409, "wrong_state")


def test_a_parcel_leaves_for_the_prescription_it_was_packed_for_alone(alice: Caller) -> None:
    walk = care(alice).scheduled()
    to(PACK_AT)
    ok(walk.staff("pack"))
    ok(walk.chen.post("prescriptions/", prescription(walk.id)))
    assert code(walk.staff("dispatch", **SHIPPED)) == (409, "gate_unmet")


def test_what_staff_cancel_stays_so_and_is_replaced_once(alice: Caller) -> None:
    walk = care(alice).prescribed()
    ok(walk.staff("cancel"))
    replan(walk)
    gone = walk.delivery
    assert gone["status"] == "cancelled"
    ok(walk.chen.post(f"deliveries/{gone['id']}/replace/"))
    ok(walk.staff("cancel"))
    assert code(walk.chen.post(f"deliveries/{gone['id']}/replace/")) == (409, "wrong_state")


def test_a_month_that_is_paid_late_has_its_parcel(alice: Caller) -> None:
    walk = care(alice).subscribed()
    to("2027-01-05T15:00:00Z")
    replan(walk)
    assert [row["status"] for row in walk.pays()["deliveries"]] == ["awaiting_window"]


def test_a_parcel_that_was_found_goes_on_for_a_prescription_in_force_alone(alice: Caller) -> None:
    walk = care(alice).delivery_in("investigating")
    ok(walk.chen.post("prescriptions/", prescription(walk.id)))
    assert unmet(walk.staff("dispatch", **SHIPPED)) == ["not_prescribed"]
    ok(walk.staff("recall"))


def test_a_packed_parcel_does_not_go_to_a_door_that_was_left(alice: Caller) -> None:
    """The patient moves within the zone: the window serves still, the label does not."""
    walk = care(alice).delivery_in("packed")
    window = walk.delivery["window"]["id"]
    ok(alice.post("me/address/", {**PANAMA_CITY, "kind": "move"}))
    assert unmet(walk.staff("dispatch", **SHIPPED)) == ["parcel_elsewhere"]
    replan(walk)
    held = walk.delivery
    assert (held["status"], held["held_because"]) == ("held", "parcel_elsewhere")
    assert held["window"]["id"] == window
    assert unmet(walk.staff("release")) == ["parcel_elsewhere"]


def test_a_prescription_is_for_one_state(alice: Caller) -> None:
    walk = care(alice).prescribed()
    ok(alice.post("me/address/", {**NEWARK, "kind": "move"}))
    replan(walk)
    ok(walk.chooses(walk.window()))
    to(PACK_AT)
    assert unmet(walk.staff("pack")) == ["prescribed_elsewhere"]
    walk.state = "NJ"
    (old,) = ok(walk.chen.get("prescriptions/", patient=walk.id, in_force="true"))["results"]
    ok(walk.chen.post(f"prescriptions/{old['id']}/end/"))
    ok(walk.chen.post("prescriptions/", prescription(walk.id)))
    assert ok(walk.staff("pack"))["status"] == "packed"


def test_staff_are_asked_once_about_a_packed_parcel_whose_window_is_over(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    to("2026-12-03T17:59Z")
    replan(walk)
    assert ok(walk.sam.get("work-items/", kind="parcel_late"))["results"] == []
    to(datetime.fromisoformat(walk.delivery["window"]["ends"]))
    replan(walk)
    replan(walk)
    (item,) = ok(walk.sam.get("work-items/", kind="parcel_late"))["results"]
    assert (item["object_id"], walk.delivery["status"]) == (walk.delivery["id"], "packed")


def test_no_way_around_leads_to_another_attempt(alice: Caller) -> None:
    """Held and released, after one attempt where one is allowed, it does not go out again."""
    walk = care(alice).delivery_in("attempted")
    ok(walk.chen.patch("settings/", {"delivery_attempts": 1}))
    ok(walk.staff("hold"))
    ok(walk.staff("release"))
    assert code(walk.staff("out-for-delivery")) == (409, "wrong_state")
    assert code(walk.staff("attempt", code="no_adult")) == (409, "wrong_state")
    assert walk.delivery["attempts"] == 1


def test_the_month_after_a_loss_has_its_parcel_once_another_one_went_out(alice: Caller) -> None:
    walk = care(alice).delivery_in("lost")
    replan(walk)
    lost = walk.step("delivery")["unmet_gates"]
    assert [gate["code"] for gate in lost] == ["parcel_undecided"]
    assert lost[0]["detail"] == "Dr. Chen decides about another parcel; nothing for you to do."
    ok(walk.chen.post(f"deliveries/{walk.delivery['id']}/replace/"))
    assert ok(walk.chen.get("work-items/", kind="parcel_to_replace"))["results"] == []
    to("2026-12-28T15:00Z")  # what was lost was filled, too: the next is not before the 30th
    ok(walk.chooses(walk.window("2026-12-31")))
    for at, verb, body in (
        ("2026-12-30T14:00Z", "pack", {}),
        ("2026-12-30T20:00Z", "dispatch", SHIPPED),
        ("2026-12-31T18:00Z", "out-for-delivery", {}),
        ("2026-12-31T18:00Z", "deliver", HANDED_OVER),
    ):
        to(at)
        ok(walk.staff(verb, **body))
    replan(walk)
    walk.pays()
    assert walk.delivery["status"] == "awaiting_window"


def test_who_has_no_signer_is_reminded_again_once_staff_are_through(alice: Caller) -> None:
    walk = care(alice).prescribed()
    ok(alice.post(f"deliveries/{walk.delivery['id']}/no-signer/"))
    (waits,) = walk.step("delivery")["unmet_gates"]
    assert (waits["code"], waits["until"]) == ("no_signer", None)
    (item,) = ok(walk.sam.get("work-items/", kind="no_signer"))["results"]
    ok(walk.sam.post(f"work-items/{item['id']}/close/", {"note": "her sister will come"}))
    assert [g["code"] for g in walk.step("delivery")["unmet_gates"]] == ["no_window"]
    to("2026-12-25T15:00Z")
    replan(walk)
    assert ok(walk.sam.get("work-items/", kind="window_not_chosen"))["results"]


def test_a_parcel_that_is_cancelled_asks_for_no_signer(alice: Caller) -> None:
    walk = care(alice).prescribed()
    ok(alice.post(f"deliveries/{walk.delivery['id']}/no-signer/"))
    ok(walk.staff("cancel"))
    assert ok(walk.sam.get("work-items/", kind="no_signer"))["results"] == []


def test_a_hold_that_was_looked_at_and_not_cleared_comes_to_mind_again(alice: Caller) -> None:
    walk = care(alice).planned()
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    for day in ("2026-12-05T15:00Z", "2026-12-09T15:00Z"):
        to(day)
        replan(walk)
        (item,) = ok(walk.chen.get("work-items/", kind="hold_waits"))["results"]
        ok(walk.chen.post(f"work-items/{item['id']}/close/", {"note": "called"}))
    assert "session_held" not in [g["code"] for g in walk.step("session")["unmet_gates"]]


def test_a_late_payment_that_was_none_is_put_back_with_its_days(alice: Caller) -> None:
    walk = care(alice).subscribed()
    before = walk.period
    to("2026-12-10T15:00Z")
    replan(walk)
    walk.pays()
    assert walk.period["starts_on"] == "2026-12-10"
    ok(walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "it was another's"}))
    replan(walk)
    assert [walk.period[name] for name in ("starts_on", "ends_on", "status")] == [
        before["starts_on"], before["ends_on"], "open",
    ]  # fmt: skip
    assert ok(walk.sam.get(f"subscriptions/{walk.subscription}/"))["status"] == "past_due"
