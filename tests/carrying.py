"""Reports as a carrier would send them: signed, over the door."""

import hmac
import json
import time
from hashlib import sha256
from typing import Any

from django.conf import settings

from tests.care import to
from tests.conftest import Caller

NUMBER = {"carrier": "UPS", "tracking": "1Z999AA10123456784"}  # what tests.care sends with
BY_SIGNER = {"signed_by": "sal  signer", "adult_signature": True}


def signature(body: bytes, stamp: str) -> str:
    key = settings.CARRIER_WEBHOOK_SECRET.encode()
    return hmac.new(key, f"{stamp}.".encode() + body, sha256).hexdigest()


def send(body: bytes, *, stamp: str | None = None, said: str | None = None) -> Any:
    """A body to the door of carriers, rightly signed unless told otherwise."""
    stamp = stamp or str(int(time.time()))
    headers = {"X_Carrier_Timestamp": stamp, "X_Carrier_Signature": said or signature(body, stamp)}
    return Caller().post("/webhooks/carrier/", body, **headers)


def report(event: str, at: str, **more: Any) -> Any:
    """One event of the parcel that `tests.care` sends, when it has happened."""
    to(at)
    return send(json.dumps({**NUMBER, "event": event, "occurred_at": at, **more}).encode())
