"""What tests of messages share: a tick of the worker, what was texted, faults, callbacks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from django.conf import settings
from django.db.models.functions import Now
from twilio.request_validator import RequestValidator

from notifications import sending, writing
from notifications.models import Circuit, Message, Status
from notifications.sandbox.models import SandboxMessage
from records import clock
from records.models import WorkItem
from tests.cast import CAST
from tests.conftest import Caller

SLOT = "2026-11-30T15:00:00Z"  # Monday, 9:00 in Pensacola
ALICE = "+18505550101"


def book(
    who: Caller, start: str = SLOT, state: str = "FL", kind: str = "initial"
) -> dict[str, Any]:
    wish = {"start": start, "kind": kind, "location": {"state": state}}
    answer = who.post("consultations/", wish)
    assert answer.status_code == 201, answer.content
    later()
    return dict(answer.json())


def later() -> None:
    """The time passes in which what was done may be taken back untold."""
    clock.move(clock.now() + timedelta(minutes=3))


def run() -> None:
    """What the worker does at a tick."""
    writing.write_messages(now=clock.now())
    sending.send_due(clock=clock.now)


def texts(to: str = ALICE) -> list[str]:
    rows = SandboxMessage.objects.filter(to=to, direction="outbound-api").order_by("id")
    return list(rows.values_list("body", flat=True))


def message(kind: str) -> Message:
    return Message.objects.filter(patient__email=CAST["alice"], kind=kind).latest("id")


def state(kind: str) -> str:
    return message(kind).status


def again() -> None:
    """Real time passes: what waits for another attempt or a look may have it now."""
    Message.objects.filter(status=Status.PENDING).update(try_after=None)
    Message.objects.exclude(lease_until=None).update(lease_until=Now() - timedelta(seconds=1))
    Circuit.objects.update(probe_after=Now() - timedelta(seconds=1))


def to(text: str) -> None:
    clock.move(datetime.fromisoformat(text).astimezone(UTC))


def work(kind: str) -> int:
    return WorkItem.objects.filter(kind=kind, status="open").count()


def fault(web: str, kind: str, count: int = 1) -> None:
    answer = requests.post(f"{web}/sandbox/faults/", json={"kind": kind, "count": count}, timeout=5)
    assert answer.status_code == 200, answer.text


def signed(web: str, path: str, fields: dict[str, str], token: str = "") -> requests.Response:
    url = web + path
    validator = RequestValidator(token or settings.TWILIO_AUTH_TOKEN)
    headers = {"X-Twilio-Signature": validator.compute_signature(url, fields)}
    return requests.post(url, data=fields, headers=headers, timeout=5)


def inbound(web: str, sid: str, body: str, sender: str = ALICE) -> int:
    fields = {"MessageSid": sid, "From": sender, "Body": body}
    return signed(web, "/webhooks/twilio/inbound/", fields).status_code
