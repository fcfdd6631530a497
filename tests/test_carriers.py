"""What carriers report: signed, once, forwards only, and staff where it does not fit."""

import json
import time
from typing import Any

import pytest

from scheduling.models import CarrierEvent, CustodyEvent, Delivery
from tests.care import (
    HANDED_OVER,
    ON_THE_PHONE,
    PACK_AT,
    SHIP_AT,
    Care,
    care,
    code,
    ok,
    replan,
    to,
)
from tests.carrying import BY_SIGNER, NUMBER, report, send, signature
from tests.conftest import Caller

pytestmark = pytest.mark.usefixtures("secret")
AT = "2026-12-03T1{}:00:00Z"  # Thursday, the day of the window


def asked(walk: Care, kind: str) -> int:
    return len(ok(walk.sam.get("work-items/", kind=kind))["results"])


# --- who is believed ---------------------------------------------------------------------------


def test_only_what_is_signed_is_heard(alice: Caller, settings: Any) -> None:
    walk = care(alice).delivery_in("dispatched")
    body = json.dumps({**NUMBER, "event": "out_for_delivery", "occurred_at": AT.format(0)}).encode()
    right, late = str(int(time.time())), str(int(time.time()) - 301)
    early = str(int(time.time()) + 400)
    for answer in (
        Caller().post("/webhooks/carrier/", body), walk.sam.post("/webhooks/carrier/", body),
        send(body, said="0" * 64), send(body, said="ü"),
        send(body + b" ", said=signature(body, right)), send(body, stamp=late),
        send(body, stamp=early), send(body, stamp="٣"), send(body, stamp="1.5"),
        send(body, stamp=late, said=signature(body, right)),
    ):  # fmt: skip
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/problem+json"
    assert not CarrierEvent.objects.exists()
    to(AT.format(0))
    assert send(body).status_code == 204
    assert walk.delivery["status"] == "out_for_delivery"


def test_without_a_secret_nobody_is_heard(settings: Any, now: Any) -> None:
    settings.CARRIER_WEBHOOK_SECRET = ""
    assert report("in_transit", AT.format(0)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"carrier": 1}', b'{"a":' * 20_000,
        json.dumps({**NUMBER, "event": "x", "occurred_at": "yesterday"}).encode(),
        json.dumps({**NUMBER, "event": "a\x00", "occurred_at": AT.format(0)}).encode(),
        json.dumps({**NUMBER, "event": "x" * 41, "occurred_at": AT.format(0)}).encode(),
        json.dumps({**NUMBER, "event": 7, "occurred_at": AT.format(0)}).encode(),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_so(now: Any, body: bytes) -> None:
    assert send(body).status_code == 400
    assert not CarrierEvent.objects.exists()


def test_a_number_that_nobody_knows_is_kept_and_answered_like_any(now: Any) -> None:
    sent = json.dumps(
        {"carrier": "UPS", "tracking": "1ZX", "event": "delivered", "occurred_at": AT.format(0),
         "place": "\x00 Łódź"}
    ).encode()  # fmt: skip
    to(AT.format(0))
    assert send(sent).status_code == 204
    kept = CarrierEvent.objects.get()
    assert (kept.delivery, kept.body.encode()) == (None, sent)


# --- what follows ------------------------------------------------------------------------------

FOLLOWS = [
    ("dispatched", "pre_transit", {}, "dispatched", ""),
    ("dispatched", "in_transit", {}, "dispatched", ""),
    ("dispatched", "TRANSIT", {}, "dispatched", ""),
    ("dispatched", "out_for_delivery", {}, "out_for_delivery", ""),
    ("out_for_delivery", "out_for_delivery", {}, "out_for_delivery", ""),
    ("attempted", "out_for_delivery", {}, "out_for_delivery", ""),
    ("out_for_delivery", "delivered", BY_SIGNER, "delivered", ""),
    ("dispatched", "delivered", BY_SIGNER, "delivered", ""),
    ("attempted", "delivered", {**BY_SIGNER, "signed_by": "ALICE test"}, "delivered", ""),
    ("investigating", "delivered", BY_SIGNER, "delivered", ""),
    ("out_for_delivery", "delivered", {}, "delivered_unverified", ""),
    ("out_for_delivery", "delivered", {"signed_by": "Sal Signer"}, "delivered_unverified", ""),
    ("out_for_delivery", "delivered", {"adult_signature": True}, "delivered_unverified", ""),
    ("out_for_delivery", "delivered", {**BY_SIGNER, "signed_by": "neighbour"},
     "delivered_unverified", ""),
    ("delivered_unverified", "delivered", BY_SIGNER, "delivered_unverified", ""),
    ("out_for_delivery", "failure", {"reason": "no_id"}, "attempted", ""),
    ("dispatched", "taskFailed", {}, "attempted", ""),
    ("attempted", "failure", {}, "attempted", ""),
    ("out_for_delivery", "available_for_pickup", {}, "out_for_delivery", "parcel_at_counter"),
    ("out_for_delivery", "return_to_sender", {}, "returning", "parcel_recalled"),
    ("returning", "RETURNED", {}, "returning", ""),
    ("dispatched", "unknown", {}, "investigating", "parcel_unclear"),
    ("dispatched", "error", {}, "investigating", "parcel_unclear"),
    ("investigating", "cancelled", {}, "investigating", "parcel_unclear"),
    ("dispatched", "eaten_by_a_dog", {}, "dispatched", "parcel_unclear"),
    # What its state does not allow is for staff to look at.
    ("returning", "delivered", BY_SIGNER, "returning", "parcel_unclear"),
    ("investigating", "delivered", {}, "investigating", "parcel_unclear"),
    ("delivered_unverified", "failure", {}, "delivered_unverified", "parcel_unclear"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "event", "more", "end", "kind"), FOLLOWS)
def test_a_report_moves_the_parcel_as_far_as_it_may(
    alice: Caller, start: str, event: str, more: dict[str, Any], end: str, kind: str
) -> None:
    walk = care(alice).delivery_in(start)
    before = {item["id"] for item in ok(walk.sam.get("work-items/"))["results"]}
    assert report(event, AT.format(9), **more).status_code == 204
    assert walk.delivery["status"] == end
    items = ok(walk.sam.get("work-items/"))["results"]
    assert [item["kind"] for item in items if item["id"] not in before] == ([kind] if kind else [])


def test_what_a_carrier_did_is_in_the_custody_log_as_the_carrier_s(alice: Caller) -> None:
    walk = care(alice).delivery_in("dispatched")
    report("failure", AT.format(5), reason="weather")
    report("delivered", AT.format(6), **BY_SIGNER)
    kept = CustodyEvent.objects.filter(role="carrier").order_by("number")
    assert [(row.status, row.details) for row in kept] == [
        ("attempted", {"code": "weather"}),
        ("out_for_delivery", {}),
        (
            "delivered",
            {
                "relation": "signer",
                "adult_signature": True,
                "occurred_at": "2026-12-03T16:00:00+00:00",
            },
        ),
    ]
    assert walk.delivery["signed_by"] == "sal  signer"


def test_t36_twice_and_out_of_order(alice: Caller) -> None:
    """Delivered, then in transit: the second is kept and ignored, the state stays."""
    walk = care(alice).delivery_in("out_for_delivery")
    report("delivered", AT.format(6), **BY_SIGNER)
    before = walk.delivery
    for event, at in (("in_transit", 5), ("delivered", 6), ("in_transit", 7), ("failure", 8),
                      ("return_to_sender", 9), ("unknown", 9)):  # fmt: skip
        assert report(event, AT.format(at)).status_code == 204
    assert walk.delivery == before
    assert CarrierEvent.objects.count() == 6
    assert asked(walk, "parcel_unclear") == 0


def test_what_is_older_than_the_last_report_changes_nothing(alice: Caller) -> None:
    walk = care(alice).delivery_in("dispatched")
    report("failure", AT.format(6))
    report("out_for_delivery", AT.format(5))
    assert (walk.delivery["status"], walk.delivery["failure"]) == ("attempted", "not_told")
    report("out_for_delivery", AT.format(7))
    assert walk.delivery["status"] == "out_for_delivery"
    report("failure", AT.format(6))
    assert walk.delivery["attempts"] == 1


def test_a_parcel_of_somebody_who_is_held_does_not_go_out_unseen(alice: Caller) -> None:
    walk = care(alice).delivery_in("dispatched")
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    report("out_for_delivery", AT.format(5))
    assert walk.delivery["status"] == "dispatched"
    assert asked(walk, "parcel_unclear") == 1
    replan(walk)
    assert walk.delivery["status"] == "returning"


# --- early, late, of another -------------------------------------------------------------------


def test_what_was_reported_before_staff_said_that_it_left_is_heard_then(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    for event, at, more in (
        ("delivered", 6, BY_SIGNER), ("out_for_delivery", 3, {}), ("in_transit", 1, {}),
    ):  # fmt: skip
        assert report(event, AT.format(at), **more).status_code == 204
    to(AT.format(8))
    assert ok(walk.staff("dispatch", **{**NUMBER, "carrier": " ups "}))["status"] == "delivered"
    before = walk.delivery
    assert before["carrier"] == "UPS"
    report("delivered", AT.format(6), **BY_SIGNER)
    assert (walk.delivery, asked(walk, "parcel_unclear")) == (before, 0)
    kept = CarrierEvent.objects.exclude(delivery=None).order_by("occurred_at")
    assert [(row.code, row.moved) for row in kept] == [
        ("in_transit", False), ("out_for_delivery", True), ("delivered", True),
    ]  # fmt: skip


def test_a_sheet_hears_what_was_reported_before_it(alice: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    report("out_for_delivery", AT.format(3))
    row = f"{walk.delivery['id']},ups,{NUMBER['tracking']}\r\n"
    (told,) = ok(upload(walk.sam, HEAD + row))["results"]
    assert told["status"] == walk.delivery["status"] == "out_for_delivery"


def test_what_was_reported_before_it_was_packed_is_of_another_parcel(alice: Caller) -> None:
    walk = care(alice).scheduled()
    to(PACK_AT)
    report("delivered", "2026-12-02T13:59:00Z", **BY_SIGNER)
    ok(walk.staff("pack"))
    to(SHIP_AT)
    ok(walk.staff("dispatch", **NUMBER))
    report("delivered", "2020-01-01T00:00:00Z", **BY_SIGNER)
    assert (walk.delivery["status"], asked(walk, "parcel_unclear")) == ("dispatched", 0)
    assert CarrierEvent.objects.filter(delivery=None).count() == 2


def test_what_is_yet_to_come_is_not_heard(alice: Caller) -> None:
    walk = care(alice).delivery_in("dispatched")
    body = {**NUMBER, "event": "out_for_delivery"}
    for at, status in (("2026-12-02T20:05:01Z", 400), ("2026-12-02T20:04:59Z", 204)):
        answer = send(json.dumps({**body, "occurred_at": at}).encode())
        assert answer.status_code == status
    assert CarrierEvent.objects.count() == 1
    assert walk.delivery["status"] == "out_for_delivery"


@pytest.mark.parametrize("later", ["in_transit", "eaten_by_a_dog", "out_for_delivery"])
def test_no_arrival_is_too_old(alice: Caller, later: str) -> None:
    walk = care(alice).delivery_in("dispatched")
    report(later, AT.format(7))
    report("delivered", AT.format(6), **BY_SIGNER)
    assert walk.delivery["status"] == "delivered"


def test_only_what_moved_the_parcel_makes_the_next_report_an_old_one(alice: Caller) -> None:
    walk = care(alice).delivery_in("out_for_delivery")
    report("eaten_by_a_dog", AT.format(9))
    report("failure", AT.format(8))
    assert walk.delivery["status"] == "attempted"
    report("out_for_delivery", AT.format(7))
    assert walk.delivery["status"] == "attempted"


def test_a_delivery_is_of_the_hour_at_which_it_was_one(alice: Caller) -> None:
    walk = care(alice).delivery_in("out_for_delivery")
    to("2026-12-05T18:00Z")
    report("delivered", "2026-12-03T19:00:00Z", **BY_SIGNER)
    assert walk.delivery["delivered_at"] == "2026-12-03T19:00:00Z"


def test_a_delivery_before_it_was_recorded_to_have_left_is_of_now(alice: Caller) -> None:
    walk = care(alice).delivery_in("out_for_delivery")
    report("delivered", "2026-12-02T15:00:00Z", **BY_SIGNER)
    assert walk.delivery["delivered_at"].startswith("2026-12-03T18:00:00")


# --- one number, one parcel ----------------------------------------------------------------------


def also_packed(who: Caller) -> Care:
    """Another patient's parcel is packed on the 9th."""
    walk = care(who, talk="2026-12-03T20:15:00Z").prescribed()
    ok(walk.chooses(walk.window("2026-12-10")))
    to("2026-12-09T15:00:00Z")
    ok(walk.staff("pack"))
    return walk


def test_two_parcels_under_way_never_have_one_number(alice: Caller, bruno: Caller) -> None:
    first, second = care(alice).delivery_in("out_for_delivery"), also_packed(bruno)
    sent = {"carrier": "ups", "tracking": NUMBER["tracking"].lower()}
    refused = second.staff("dispatch", **sent)
    assert code(refused) == (409, "wrong_state")
    assert refused.json()["errors"][0]["pointer"] == "/tracking"
    row = f"{second.delivery['id']},UPS,{NUMBER['tracking']}\r\n"
    (told,) = ok(upload(second.sam, HEAD + row))["results"]
    assert told["problem"]["code"] == "wrong_state"
    assert second.delivery["status"] == "packed"
    ok(first.staff("deliver", **HANDED_OVER))
    assert ok(second.staff("dispatch", **sent))["status"] == "dispatched"


def test_of_two_with_one_number_staff_are_asked_and_none_moves(
    alice: Caller, bruno: Caller
) -> None:
    """A parcel was recorded as delivered, its number came again, and that was put back."""
    first, second = care(alice).delivery_in("delivered"), also_packed(bruno)
    ok(second.staff("dispatch", **NUMBER))
    ok(first.staff("correct", reason="it was another"))
    report("delivered", "2026-12-09T16:00:00Z", **BY_SIGNER)
    assert (first.delivery["status"], second.delivery["status"]) == (
        "out_for_delivery", "dispatched",
    )  # fmt: skip
    assert asked(first, "parcel_unclear") == 2
    assert CarrierEvent.objects.exclude(delivery=None).count() == 2


# --- a sheet of tracking numbers -----------------------------------------------------------------

HEAD = "delivery,carrier,tracking\r\n"


def upload(who: Caller, text: str | bytes, **headers: str) -> Any:
    body = text.encode() if isinstance(text, str) else text
    path = "/api/v1/deliveries/tracking/"
    return who.client.post(path, body, content_type="text/csv", headers=headers)


def test_a_sheet_dispatches_row_by_row(alice: Caller, bruno: Caller) -> None:
    walk = care(alice).delivery_in("packed")
    other = care(bruno, talk="2026-12-03T15:00:00Z").prescribed()
    to(SHIP_AT)
    text = "\ufeff" + HEAD + (
        f"{walk.delivery['reference'].lower()},UPS,1Z1\r\n"
        f"{other.delivery['id']},UPS,1Z2\r\n"
        "D-NOBODY,UPS,1Z3\r\n\r\n"
        f"{walk.delivery['id']},UPS,1Z4\r\n"
        f"{other.delivery['id']},,1Z5\r\n"
        f"{other.delivery['id']},UPS,1Z6,more\r\n"
        f"{other.delivery['id']}\r\n"
    )  # fmt: skip
    answer = upload(walk.sam, text, **{"Idempotency-Key": "k"})
    rows = ok(answer)["results"]
    assert [(row["row"], row["ok"]) for row in rows] == [
        (2, True), (3, False), (4, False), (6, False), (7, False), (8, False), (9, False),
    ]  # fmt: skip
    name = walk.delivery["reference"].lower()
    assert rows[0] == {"row": 2, "delivery": name, "ok": True, "status": "dispatched"}
    assert [row["problem"]["code"] for row in rows[1:]] == [
        "wrong_state", "not_found", "invalid", "invalid", "invalid", "invalid",
    ]  # fmt: skip
    assert rows[4]["problem"]["errors"][0]["pointer"] == "/carrier"
    assert (walk.delivery["carrier"], walk.delivery["tracking"]) == ("UPS", "1Z1")
    again = upload(walk.sam, text, **{"Idempotency-Key": "k"})
    assert again.content == answer.content
    assert Delivery.objects.filter(status="dispatched").count() == 1


def test_a_sheet_that_comes_again_sends_nothing_that_is_looked_for(alice: Caller) -> None:
    walk = care(alice).delivery_in("investigating")
    row = f"{walk.delivery['id']},{NUMBER['carrier']},{NUMBER['tracking']}\r\n"
    (told,) = ok(upload(walk.sam, HEAD + row))["results"]
    assert told["problem"]["code"] == "wrong_state"
    assert walk.delivery["status"] == "investigating"
    assert ok(walk.staff("dispatch", **NUMBER))["status"] == "dispatched"


@pytest.mark.parametrize(
    "text",
    [
        "", "\r\n", HEAD, "delivery,carrier\r\nD-1,UPS\r\n", "id,carrier,tracking\r\na,b,c\r\n",
        HEAD + "D-1,UPS,1Z1\r\n" * 201, HEAD + '"D-1,UPS,1Z1', b"\xff\xfe", b"\x00",
        "delivery,carrier,tracking,tracking\r\na,b,c,d\r\n", HEAD + '"a"b,c,d\r\n',
    ],
)  # fmt: skip
def test_what_is_no_sheet_moves_nothing(sam: Caller, text: str | bytes) -> None:
    assert code(upload(sam, text)) == (400, "malformed")


@pytest.mark.parametrize(
    "row",
    [
        "\x00,UPS,1", "x,\x00,1", f"x,{'U' * 41},1", f"{'x' * 5000},UPS,1", "x,UPS,", ",,",
        "=1,+1,@1",
    ],
)  # fmt: skip
def test_no_cell_breaks_a_sheet(sam: Caller, row: str) -> None:
    (told,) = ok(upload(sam, HEAD + row + "\r\n"))["results"]
    assert told["ok"] is False
    assert told["problem"]["code"] in ("invalid", "not_found")


def test_a_sheet_is_of_staff_of_bounded_size_and_csv(
    sam: Caller, alice: Caller, chen: Caller
) -> None:
    row = HEAD + "D-1,UPS,1Z1\r\n"
    for who in (alice, chen):
        assert upload(who, row).status_code == 403
    assert code(upload(sam, HEAD + "x" * 300_000)) == (413, "too_large")
    assert code(sam.post("deliveries/tracking/", {})) == (415, "unsupported_media_type")


# --- nobody of 21 ------------------------------------------------------------------------------


def test_who_has_no_signer_asks_staff_and_is_not_reminded(alice: Caller) -> None:
    walk = care(alice).prescribed()
    path = f"deliveries/{walk.delivery['id']}/no-signer/"
    assert code(alice.post(path, ON_THE_PHONE)) == (400, "invalid")
    for _ in range(2):
        assert ok(alice.post(path))["status"] == "awaiting_window"
    (item,) = ok(walk.sam.get("work-items/", kind="no_signer"))["results"]
    assert item["object_id"] == walk.delivery["id"]
    (gate,) = walk.step("delivery")["unmet_gates"]
    assert (gate["code"], gate["who"]) == ("no_signer", "staff")
    to(walk.delivery["choose_by"])
    assert replan(walk) == 0
    body = {"window": walk.window("2026-12-10"), "channel": "telephone",
            "signer": {"name": "Sal", "date_of_birth": "1980-02-03"}}  # fmt: skip
    ok(walk.sam.post(f"deliveries/{walk.delivery['id']}/choose-window/", body))
    assert ok(walk.sam.get("work-items/", kind="no_signer"))["results"] == []
    assert code(alice.post(path)) == (409, "wrong_state")
