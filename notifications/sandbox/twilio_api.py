"""Twilio's Messages resource as its library sees it, with faults on demand."""

import base64
import hmac
import re
import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from secrets import token_hex
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications.sandbox.callbacks import report
from notifications.sandbox.models import SandboxBlock, SandboxMessage

HANG = 30.0  # seconds at most that an answer is kept back
ERRORS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number"),
    21602: (400, "Message body is required"),
    21614: (400, "'To' number is not a valid mobile number"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
}
# Faults of the answer: kind → (whether the text is accepted, what is answered).
ANSWERS: dict[str, tuple[bool, str]] = {
    "429": (False, "20429"),
    "401": (False, "20003"),
    "400_21211": (False, "21211"),
    "400_21610": (False, "21610"),
    "400_21614": (False, "21614"),
    "500_not_accepted": (False, "20500"),
    "500_accepted": (True, "20500"),
    "hang_not_accepted": (False, "hang"),
    "hang_accepted": (True, "hang"),
    "reset_accepted": (True, "broken"),
    "reset_accepted_silent": (True, "broken"),
    "garbage_200": (False, "broken"),
}
# Faults of what follows: kind → the error code of the last callback.
FOLLOWS = {
    "undelivered_30003": 30003,
    "undelivered_30005": 30005,
    "undelivered_30006": 30006,
    "undelivered_30007": 30007,
    "failed_30008": 30008,
    "callbacks_shuffled": 0,
    "callbacks_doubled": 0,
    "callbacks_forged": 0,
    "no_callbacks": 0,
}
NEXT_FAULT = """
    UPDATE sandbox_sandboxfault SET count = count - 1 WHERE id = (
        SELECT id FROM sandbox_sandboxfault
        WHERE count > 0 AND "to" IN ('', %s) AND random() * 100 < percent
        ORDER BY id LIMIT 1 FOR UPDATE)
    RETURNING kind"""
SILENT = ("no_callbacks", "reset_accepted_silent")
FAULTS = (*ANSWERS, *FOLLOWS)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def messages(request: HttpRequest, account: str) -> HttpResponse:
    """Create a text, or list them."""
    if not _knows_us(request, account):
        return error(20003)
    return _list(request) if request.method == "GET" else _create(request)


@csrf_exempt
@require_http_methods(["GET", "POST", "DELETE"])
def message(request: HttpRequest, account: str, sid: str) -> HttpResponse:
    """One text: look, empty its body, delete it."""
    if not _knows_us(request, account):
        return error(20003)
    row = SandboxMessage.objects.filter(sid=sid.replace("\x00", "")).first()
    if row is None:
        return error(20404)
    if request.method == "DELETE":
        row.delete()
        return HttpResponse(status=204)
    if "Body" in request.POST:
        row.body = _text(request.POST, "Body")
    if request.POST.get("Status") == "canceled":
        row.status = "canceled"
    row.save()
    return JsonResponse(as_twilio(row))


def error(code: int) -> JsonResponse:
    """An error in Twilio's shape."""
    status, text = ERRORS[code]
    return JsonResponse({"code": code, "message": text, "status": status}, status=status)


def _knows_us(request: HttpRequest, account: str) -> bool:
    pair = f"{settings.TWILIO_ACCOUNT_SID}:{settings.TWILIO_AUTH_TOKEN}"
    expected = "Basic " + base64.b64encode(pair.encode()).decode()
    sent = request.headers.get("Authorization", "")
    return hmac.compare_digest(sent.encode(), expected.encode()) and (
        account == settings.TWILIO_ACCOUNT_SID
    )


def _list(request: HttpRequest) -> HttpResponse:
    rows = SandboxMessage.objects.filter(channel="sms")
    for name, field in (("To", "to"), ("From", "sender")):
        if name in request.GET:
            rows = rows.filter(**{field: _text(request.GET, name)})
    size = max(1, min(_number(request.GET, "PageSize", 50), 1000))
    page = _number(request.GET, "Page", 0)
    found = list(rows[page * size : (page + 1) * size + 1])
    more = None
    if len(found) > size:
        query = request.GET.copy()
        query["PageSize"], query["Page"] = str(size), str(page + 1)
        more = f"{request.path.removeprefix('/sandbox')}?{query.urlencode()}"
    return JsonResponse(
        {"messages": [as_twilio(row) for row in found[:size]], "next_page_uri": more, "page": page}
    )


def _text(sent: QueryDict, name: str) -> str:
    return str(sent.get(name, "")).replace("\x00", "")


def _number(sent: QueryDict, name: str, default: int) -> int:
    """A count; what is none counts as not given."""
    text = sent.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) else default


def _create(request: HttpRequest) -> HttpResponse:
    to, body = _text(request.POST, "To"), _text(request.POST, "Body")
    if not re.fullmatch(r"\+1[2-9]\d{9}", to, re.ASCII):
        return error(21211)
    if not body:
        return error(21602)
    if len(body) > 1600:
        return error(21617)
    if SandboxBlock.objects.filter(phone=to).exists():
        return error(21610)
    fault = _next_fault(to)
    accepted, answer = ANSWERS.get(fault, (True, ""))
    row = _accept(request, to, body, fault) if accepted else None
    return _answer(answer, row)


def _accept(request: HttpRequest, to: str, body: str, fault: str) -> SandboxMessage:
    service = _text(request.POST, "MessagingServiceSid")[:34]
    code = FOLLOWS.get(fault)
    row = SandboxMessage.objects.create(
        sid="SM" + token_hex(16),
        to=to,
        body=body,
        sender=_text(request.POST, "From")[:254] or settings.TWILIO_FROM_NUMBER,
        service=service,
        status=fault.split("_")[0] if code else "delivered",
        error_code=code or None,
        callback=_text(request.POST, "StatusCallback"),
        validity_period=_number(request.POST, "ValidityPeriod", 36_000),
    )
    if row.callback and fault not in SILENT:
        transaction.on_commit(lambda: report(row, fault))
    return row


def _answer(answer: str, row: SandboxMessage | None) -> HttpResponse:
    if answer == "hang":
        connection.close()
        threading.Event().wait(HANG)
        return error(20500)
    if answer == "broken":
        return HttpResponse("<html>bad gateway", status=201, content_type="text/html")
    if answer:
        return error(int(answer))
    if row is None:
        return error(20500)
    return JsonResponse(as_twilio(row, waits=True), status=201)


def _next_fault(to: str) -> str:
    """The fault that is due for a text to this number, used up by one; empty when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_FAULT, [to])
        row = cursor.fetchone()
    return row[0] if row else ""


def as_twilio(row: SandboxMessage, *, waits: bool = False) -> dict[str, Any]:
    """A text in Twilio's shape; as it ends, or while it waits in the provider's queue."""
    at = format_datetime((row.created_at or datetime.now(UTC)).astimezone(UTC))
    queued = "accepted" if row.service else "queued"
    return {
        "sid": row.sid,
        "account_sid": settings.TWILIO_ACCOUNT_SID,
        "api_version": "2010-04-01",
        "messaging_service_sid": row.service or None,
        "to": row.to,
        "from": None if row.service and waits else row.sender,
        "body": row.body,
        "status": queued if waits else row.status,
        "direction": row.direction,
        "error_code": None if waits else row.error_code,
        "error_message": None,
        "num_segments": "0" if row.service else "1",
        "num_media": "0",
        "price": None,
        "price_unit": "USD",
        "date_created": at,
        "date_updated": at,
        "date_sent": None if waits else at,
        "uri": f"/2010-04-01/Accounts/{settings.TWILIO_ACCOUNT_SID}/Messages/{row.sid}.json",
        "subresource_uris": {},
    }
