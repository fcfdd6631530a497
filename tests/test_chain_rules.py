"""What no way around leads past: the attended first session, and the gates of a parcel."""

from tests.care import PACK_AT, care, code, ok, prescription, replan, to, unmet
from tests.cast import ALBANY
from tests.conftest import Caller

LATER = "2026-12-12T14:00:00Z"
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
