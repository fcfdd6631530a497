"""What Twilio would tell us by HTTP, signed as it signs: statuses, and texts that came in."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from urllib.parse import urldefrag, urlsplit

from django.conf import settings
from twilio.request_validator import RequestValidator
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from notifications.sandbox.models import SandboxMessage

log = logging.getLogger(__name__)
TRIES = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")

AT_ONCE = 1  # of each process: what tells statuses does not crowd out what takes texts
_http = PoolManager(maxsize=AT_ONCE, retries=False, timeout=10)
_reporters = ThreadPoolExecutor(AT_ONCE)
_under_way: set[Future[None]] = set()


def report(row: SandboxMessage, fault: str) -> None:
    """Tell the statuses of a text, one after another, from a thread: the create has answered."""
    future = _reporters.submit(_report, row, fault)
    _under_way.add(future)
    future.add_done_callback(_under_way.discard)


def wait_until_told() -> None:
    """Return when nothing of what was accepted is left to tell."""
    wait(tuple(_under_way), timeout=10)


def _report(row: SandboxMessage, fault: str) -> None:
    steps = ["sending", "sent", row.status]
    if fault == "callbacks_shuffled":
        steps = [row.status, "sending", "sent"]
    if fault == "callbacks_doubled":
        steps = [step for step in steps for _ in range(2)]
    for step in steps:
        code = row.error_code if step == row.status else None
        _tell(row, step, code, forged=fault == "callbacks_forged")


def _tell(row: SandboxMessage, status: str, code: int | None, *, forged: bool) -> None:
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
        sent = _http.request_encode_body(
            "POST", target, fields=fields, headers=headers, encode_multipart=False
        )
    except HTTPError:
        return None
    return sent.status
