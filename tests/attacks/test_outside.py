"""What others send us unasked, and where we ask anything."""

import ast
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import yaml
from django.conf import settings
from twilio.request_validator import RequestValidator

from notifications.models import InboundMessage, Message, OptOut, ProviderEvent
from patients.models import Patient
from records.limits import LIMITS
from scheduling.models import CarrierEvent, Consultation
from tests.carrying import send
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.started import ROOT
from tests.texting import ALICE, book, fault, inbound, later, message, run, signed, state

STATUS, INBOUND = "/webhooks/twilio/status/", "/webhooks/twilio/inbound/"
STOP = {"MessageSid": "SM1", "From": ALICE, "Body": "STOP"}


def test_a56_no_field_of_ours_takes_an_address_that_is_fetched() -> None:
    """No body has a URL, and only the channels of texts and mails ask anything outside."""
    schema = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    taken = {name: part for name, part in schema["components"]["schemas"].items()
             if name.endswith("Request")}  # fmt: skip
    assert len(taken) > 40
    fields = [(name, field, str(what)) for name, part in taken.items()
              for field, what in part.get("properties", {}).items()]  # fmt: skip
    assert not [f for f in fields if "uri" in f[2] or "url" in f[1].lower()]
    clients = {"requests", "urllib.request", "http.client", "httpx", "socket", "urllib3", "aiohttp"}
    asking = {
        str(file.relative_to(ROOT))
        for app in ("records", "accounts", "patients", "scheduling", "notifications", "pages")
        for file in (ROOT / app).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if (isinstance(node, ast.Import) and clients & {alias.name for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and node.module in clients)
    }
    assert asking == {"notifications/twilio.py", "notifications/sandbox/callbacks.py"}


def test_a58_what_is_not_signed_for_what_it_says_changes_nothing(web: str) -> None:
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    right = validator.compute_signature(web + INBOUND, STOP)
    elsewhere = validator.compute_signature(web + STATUS, STOP)
    for fields, signature, query in (
        (STOP, None, ""), (STOP, "", ""), (STOP, "x" * 28, ""), (STOP, elsewhere, ""),
        (STOP, RequestValidator("other").compute_signature(web + INBOUND, STOP), ""),
        ({**STOP, "Body": "START"}, right, ""), ({**STOP, "More": "1"}, right, ""),
        ({"From": ALICE, "Body": "STOP"}, right, ""), (STOP, right, "?x=1"),
        ({**STOP, "From": "+18505550102"}, right, ""), (STOP, right.lower(), ""),
    ):  # fmt: skip
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        told = requests.post(web + INBOUND + query, data=fields, headers=headers, timeout=5)
        assert (told.status_code, told.content) == (403, b""), (fields, signature, query)
    as_json = requests.post(
        web + INBOUND, json=STOP, headers={"X-Twilio-Signature": right}, timeout=5
    )
    assert as_json.status_code == 403
    assert requests.get(web + INBOUND, timeout=5).status_code == 405
    assert not InboundMessage.objects.exists()
    assert not OptOut.objects.exists()


def test_a58_who_goes_on_forging_is_told_to_wait_and_the_provider_is_not(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "webhook", (("address", 3, 3600),))
    seen = [requests.post(web + INBOUND, data=STOP, timeout=5) for _ in range(5)]
    assert [told.status_code for told in seen] == [403] * 3 + [429] * 2
    assert int(seen[-1].headers["Retry-After"]) > 0
    assert inbound(web, "SM1", "hello") == 200  # from the same address, and signed


def test_a58_a_carrier_that_is_none_is_told_to_wait(
    secret: str, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "webhook", (("address", 3, 3600),))
    body = (
        b'{"carrier": "UPS", "tracking": "1Z", "event": "x", "occurred_at": "2026-11-24T15:00:00Z"}'
    )
    seen = [send(body, said="0" * 64).status_code for _ in range(5)]
    assert seen == [403] * 3 + [429] * 2
    assert not CarrierEvent.objects.exists()
    assert send(body).status_code == 204


def test_a59_fifty_times_at_once_and_in_any_order_is_one_way_forward(web: str) -> None:
    book(caller("alice"))
    fault(web, "no_callbacks")
    run()
    told = message("confirmation")

    def say(status: str) -> int:
        fields = {"MessageSid": str(told.provider_id), "MessageStatus": status}
        return signed(web, f"{STATUS}?m={told.pk}", fields).status_code

    with ThreadPoolExecutor(10) as pool:
        seen = list(pool.map(say, ["delivered"] * 48 + ["sent", "queued"]))
    assert set(seen) == {204}
    assert state("confirmation") == "delivered"
    row = message("confirmation")
    assert [entry["status"] for entry in row.history].count("delivered") == 1
    for late in ("sent", "failed", "undelivered", "sending", "rubbish"):
        assert say(late) == 204
    assert state("confirmation") == "delivered"
    unknown = {"MessageSid": "SM" + "f" * 32, "MessageStatus": "delivered", "To": ALICE}
    assert signed(web, STATUS, unknown).status_code == 204
    assert ALICE not in str(list(ProviderEvent.objects.values()))
    assert Message.objects.filter(kind="confirmation").count() == 1


@pytest.mark.parametrize("words", ["CANCEL", "C", "cancel my appointment"])
def test_a60_a_number_of_two_patients_acts_for_neither(web: str, words: str) -> None:
    """Alice and Eve share a telephone; Eve's is not asked about anything."""
    eve = Patient.objects.get(email=CAST["eve"])
    Patient.objects.filter(pk=eve.pk).update(phone=ALICE)
    for name, state_, hour in (("alice", "FL", "15"), ("eve", "NJ", "17")):
        book(caller(name), f"2026-11-30T{hour}:00:00Z", state_)
    later()
    run()
    assert inbound(web, "SM1", words) == 200
    rows = list(Consultation.objects.all())
    assert [(row.status, row.confirmed_at) for row in rows] == [("booked", None)] * 2


def test_a60_stop_counts_for_the_number_whoever_s_it_is(web: str) -> None:
    Patient.objects.filter(email=CAST["eve"]).update(phone=ALICE)
    assert inbound(web, "SM1", "STOP") == 200
    assert OptOut.objects.filter(phone=ALICE, ended_at=None).count() == 1
    for name, state_, hour in (("alice", "FL", "15"), ("eve", "NJ", "17")):
        book(caller(name), f"2026-11-30T{hour}:00:00Z", state_)
    run()
    sent = Message.objects.filter(channel="sms", status__in=("accepted", "sent", "delivered"))
    assert not sent.filter(to=ALICE).exists()


def test_a60_a_spoofed_sender_needs_a_signature_all_the_same(web: str) -> None:
    book(caller("alice"))
    run()
    forged = {"MessageSid": "SM9", "From": ALICE, "Body": "C"}
    assert requests.post(web + INBOUND, data=forged, timeout=5).status_code == 403
    assert Consultation.objects.get().confirmed_at is None
    assert Caller().post(INBOUND, forged).status_code == 403
