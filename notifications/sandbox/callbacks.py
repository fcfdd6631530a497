"""What Twilio would tell us by HTTP, signed as it signs: statuses, and texts that came in."""

import logging
import threading
from urllib.parse import urldefrag, urlsplit

import requests
from django.conf import settings
from django.db import connection
from twilio.request_validator import RequestValidator

from notifications.sandbox.models import SandboxMessage

log = logging.getLogger(__name__)
TRIES = 3
THREAD = "sandbox-callbacks"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def report(pk: int, fault: str, error_code: int) -> None:
    """Tell the statuses of a text, one after another, from a thread: the create has answered."""
    threading.Thread(target=_report, args=(pk, fault, error_code), name=THREAD, daemon=True).start()


def _report(pk: int, fault: str, error_code: int) -> None:
    try:
        row = SandboxMessage.objects.get(pk=pk)
        last = fault.split("_")[0] if error_code else "delivered"
        steps = ["sending", "sent", last]
        if fault == "callbacks_shuffled":
            steps = [last, "sending", "sent"]
        if fault == "callbacks_doubled":
            steps = [step for step in steps for _ in range(2)]
        for step in steps:
            code = error_code if step == last else 0
            SandboxMessage.objects.filter(pk=pk).update(status=last, error_code=code or None)
            if row.callback and fault != "no_callbacks":
                _tell(row, step, code, forged=fault == "callbacks_forged")
    finally:
        connection.close()


def _tell(row: SandboxMessage, status: str, code: int, *, forged: bool) -> None:
    fields = {
        "AccountSid": settings.TWILIO_ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "From": row.sender,
        "MessageSid": row.sid,
        "MessageStatus": status,
        "SmsSid": row.sid,
        "SmsStatus": status,
        "To": row.to,
    }
    if row.service:
        fields["MessagingServiceSid"] = row.service
    if code:
        fields["ErrorCode"] = str(code)
    for _ in range(TRIES):
        if post_signed(row.callback, fields, forged=forged) is not None:
            return
        threading.Event().wait(0.3)
    log.warning("callback_dropped", extra={"status": status})


def post_signed(url: str, fields: dict[str, str], *, forged: bool = False) -> int | None:
    """POST like Twilio; the status of the answer, None when there was none. Loopback only."""
    target = urldefrag(url).url
    own = urlsplit(settings.PUBLIC_BASE_URL).hostname
    if urlsplit(target).hostname not in (*LOOPBACK, own):
        return None
    token = "forged" if forged else settings.TWILIO_AUTH_TOKEN
    signature = RequestValidator(token).compute_signature(target, fields)
    headers = {"X-Twilio-Signature": signature}
    try:
        return requests.post(target, data=fields, headers=headers, timeout=10).status_code
    except requests.RequestException:
        return None
