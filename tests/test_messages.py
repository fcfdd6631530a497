"""Messages leave once, at the right hour, or show why not: through the sandbox over real HTTP."""

from typing import Any

import pytest
import requests

from notifications import sending, writing
from notifications.models import Message, Status
from notifications.sandbox.models import SandboxMessage
from records import clock
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.started import wait_for

SLOT = "2026-11-30T15:00:00Z"  # Monday, 9:00 in Pensacola
ALICE = "+18505550101"


def book(who: Caller, start: str = SLOT, state: str = "FL") -> dict[str, Any]:
    wish = {"start": start, "kind": "initial", "location": {"state": state}}
    answer = who.post("consultations/", wish)
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def run() -> None:
    """What the worker does at a tick."""
    writing.write_messages(now=clock.now())
    sending.send_due(clock=clock.now)


def texts(to: str = ALICE) -> list[str]:
    rows = SandboxMessage.objects.filter(to=to, direction="outbound-api").order_by("id")
    return list(rows.values_list("body", flat=True))


def message(kind: str) -> Message:
    return Message.objects.filter(patient__email=CAST["alice"], kind=kind).latest("id")


def fault(web: str, kind: str, count: int = 1) -> None:
    answer = requests.post(f"{web}/sandbox/faults/", json={"kind": kind, "count": count}, timeout=5)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def alice_booked(web: str) -> Caller:
    alice = caller("alice")
    book(alice)
    return alice


def test_a_booking_is_confirmed_once_and_its_delivery_is_known(
    alice_booked: Caller, web: str
) -> None:
    run()
    run()
    assert len(texts()) == 1
    assert "Mon, Nov 30, 9:00 AM Central" in texts()[0]
    wait_for(lambda: message("confirmation").status == Status.DELIVERED, "the callback")


def test_after_stop_what_is_due_goes_by_mail(alice_booked: Caller, web: str) -> None:
    run()
    reply = {"from": ALICE, "body": " stop. "}
    assert requests.post(f"{web}/sandbox/reply/", json=reply, timeout=5).json()["status"] == 200
    assert (message("reminder_24h").channel, message("reminder_24h").status) == ("mail", "pending")
    meeting = alice_booked.get("consultations/").json()["results"][0]
    alice_booked.post(f"consultations/{meeting['id']}/cancel/")
    run()
    assert len(texts()) == 1
    assert "is cancelled" in texts(CAST["alice"])[0]
