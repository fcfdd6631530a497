"""The phone page, and the doors by which tests look, answer, break things and move the clock."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from secrets import token_hex
from typing import Any

from celery import current_app
from celery.exceptions import TimeoutError as NoAnswer
from django.conf import settings
from django.db.models import Case, Count, Max, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts.factors import shown_now
from accounts.practice import practice
from notifications.sandbox.callbacks import post_signed
from notifications.sandbox.models import SandboxBlock, SandboxFault, SandboxMessage
from notifications.sandbox.twilio_api import FAULTS
from records import clock
from records.api import RFC3339
from records.refused import problem_body
from scheduling.demo import DOMAIN

STOP = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START = {"START", "YES", "UNSTOP"}
HELP = {"HELP", "INFO"}
REPLIES = (
    (STOP, "You have successfully been unsubscribed. Reply START to resubscribe."),
    (START, "You have successfully been re-subscribed. Reply STOP to unsubscribe."),
    (HELP, "Reply STOP to unsubscribe."),
)
QUICK = ("C", "R", "1", "2", "STOP", "START")  # answers that the phone page offers
SWEEPS_TAKE = 60  # seconds that the worker may take for them
NUMBER = re.compile(r"\+1[2-9]\d{9}", re.ASCII)
FARTHEST = 3660 * 86_400

View = Callable[[HttpRequest, dict[str, Any]], HttpResponse]


class Malformed(Exception):
    """What was sent cannot be read."""


def takes_json(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """A door for scripts: a JSON object in, 400 for what is none."""

    @csrf_exempt
    @wraps(view)
    def door(request: HttpRequest) -> HttpResponse:
        try:
            sent = json.loads(request.body) if request.method == "POST" else {}
            if not isinstance(sent, dict):
                raise Malformed("Send a JSON object.")
            return view(request, sent)
        except (ValueError, RecursionError, OverflowError):
            return _malformed("This cannot be read.")
        except Malformed as error:
            return _malformed(str(error))

    return door


def _malformed(detail: str) -> JsonResponse:
    body = problem_body("malformed", detail)
    return JsonResponse(body, status=400, content_type="application/problem+json")


def _text(sent: dict[str, Any], name: str, default: str | None = None) -> str:
    value = sent.get(name, default)
    if not isinstance(value, str) or re.search(r"[\x00\ud800-\udfff]", value):
        raise Malformed(f"{name} takes text.")
    return value


# --- looking and answering --------------------------------------------------------------------


@require_GET
def messages(request: HttpRequest) -> HttpResponse:
    """What went through, newest first: ``?to=`` a number or mail address, ``limit``."""
    rows = SandboxMessage.objects.all()
    to = request.GET.get("to", "").replace("\x00", "")
    if to:
        rows = rows.filter(to="+" + to.strip() if to.startswith(" ") else to)
    limit = request.GET.get("limit", "100")
    count = int(limit) if re.fullmatch(r"\d{1,4}", limit, re.ASCII) else 100
    return JsonResponse({"results": [_as_json(row) for row in rows[:count]]})


def _as_json(row: SandboxMessage) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "channel": row.channel,
        "direction": row.direction,
        "from": row.sender,
        "to": row.to,
        "subject": row.subject,
        "body": row.body,
        "status": row.status,
        "error_code": row.error_code,
        "created_at": row.created_at.astimezone(UTC).isoformat(),
    }


@takes_json
@require_POST
def reply(request: HttpRequest, sent: dict[str, Any]) -> HttpResponse:
    """Somebody answers: ``{from, body}``; says what the webhook answered."""
    sender, body = _text(sent, "from"), _text(sent, "body")
    if not NUMBER.fullmatch(sender):
        raise Malformed("from takes a number such as +18505550101.")
    return JsonResponse({"status": answer(sender, body)})


def answer(sender: str, body: str) -> int | None:
    """A text comes in: kept, told to the webhook; the keywords do what they do at Twilio."""
    row = SandboxMessage.objects.create(
        sid="SM" + token_hex(16),
        direction="inbound",
        sender=sender,
        to=settings.TWILIO_FROM_NUMBER,
        body=body,
        status="received",
    )
    word = body.strip().upper()
    if word in STOP:
        SandboxBlock.objects.get_or_create(phone=sender)
    elif word in START:
        SandboxBlock.objects.filter(phone=sender).delete()
    for words, text in REPLIES:
        if word in words:
            _auto_reply(sender, text)
    return _tell_inbound(row)


def _auto_reply(to: str, text: str) -> None:
    SandboxMessage.objects.create(
        sid="SM" + token_hex(16),
        direction="outbound-reply",
        sender=settings.TWILIO_FROM_NUMBER,
        to=to,
        body=text,
        status="delivered",
    )


def _tell_inbound(row: SandboxMessage) -> int | None:
    fields = {
        "AccountSid": settings.TWILIO_ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": row.body,
        "From": row.sender,
        "MessageSid": row.sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsSid": row.sid,
        "To": row.to,
    }
    if settings.TWILIO_MESSAGING_SERVICE_SID:
        fields["MessagingServiceSid"] = settings.TWILIO_MESSAGING_SERVICE_SID
    return post_signed(f"{settings.PUBLIC_BASE_URL}/webhooks/twilio/inbound/", fields)


@csrf_exempt
@require_http_methods(["GET", "POST", "DELETE"])
def faults(request: HttpRequest) -> HttpResponse:
    """Faults to play: ``{kind, count, to?}`` adds one, DELETE clears them all."""
    if request.method == "DELETE":
        SandboxFault.objects.all().delete()
        return HttpResponse(status=204)
    return _add_fault(request)


@takes_json
def _add_fault(request: HttpRequest, sent: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        kind, count = _text(sent, "kind"), sent.get("count", 1)
        if kind not in FAULTS or type(count) is not int or not 0 < count <= 1000:
            raise Malformed(f"kind is one of {', '.join(FAULTS)}; count a number up to 1000.")
        SandboxFault.objects.create(kind=kind, count=count, to=_text(sent, "to", "")[:20])
    rows = SandboxFault.objects.filter(count__gt=0)
    return JsonResponse({"results": list(rows.values("kind", "count", "to"))})


# --- the clock --------------------------------------------------------------------------------


@takes_json
@require_http_methods(["GET", "POST"])
def move_clock(request: HttpRequest, sent: dict[str, Any]) -> HttpResponse:
    """The time of care. POST moves it; the worker then runs every sweep once, before the answer."""
    if request.method == "POST":
        clock.move(_target(sent))
        try:
            told = current_app.send_task("sandbox.run_sweeps", retry=False)  # allowed: waits for it
            told.get(timeout=SWEEPS_TAKE)
        except (NoAnswer, OperationalError, RedisError):
            detail = "The clock is moved, but no worker has run the sweeps: is one running?"
            return JsonResponse(problem_body("no_worker", detail), status=503)
    return JsonResponse({"now": clock.now().isoformat().replace("+00:00", "Z")})


def _target(sent: dict[str, Any]) -> datetime | None:
    """Where the clock goes: ``{now}``, ``{advance_seconds}`` or ``{reset: true}``, one of them."""
    if set(sent) == {"reset"} and sent["reset"] is True:
        return None
    to = None
    if set(sent) == {"advance_seconds"}:
        seconds = sent["advance_seconds"]
        if type(seconds) not in (int, float) or not abs(seconds) <= FARTHEST:
            raise Malformed("advance_seconds takes a number of seconds, up to ten years.")
        to = clock.now() + timedelta(seconds=seconds)
    elif set(sent) == {"now"} and RFC3339.fullmatch(_text(sent, "now")):
        to = datetime.fromisoformat(sent["now"]).astimezone(UTC)
    if to is None or not 2000 <= to.year <= 2100:
        raise Malformed("Send one of now (RFC 3339), advance_seconds, or reset: true; up to 2100.")
    return to


# --- the authenticator ---------------------------------------------------------------------------


@require_GET
def authenticators(request: HttpRequest) -> HttpResponse:
    """What the authenticators of the demo's colleagues show in this half minute."""
    return JsonResponse({"results": shown_now(DOMAIN)})


# --- the phone ----------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def phone(request: HttpRequest) -> HttpResponse:
    """A phone on a page: everything that leaves, by who gets it, and a way to answer."""
    chosen = request.GET.get("with", "").replace("\x00", "")
    if request.method == "POST":
        body = request.POST.get("body", "").replace("\x00", "").strip()[:1600]
        if NUMBER.fullmatch(chosen) and body:
            answer(chosen, body)
        return redirect(f"{request.path}?with={chosen.replace('+', '%2B')}#end")
    people = _people()
    if not chosen and people:
        chosen = people[0]["name"]
    talk = _talk(chosen)
    page = {
        "people": people,
        "chosen": chosen,
        "talk": talk,
        "can_answer": NUMBER.fullmatch(chosen),
        "now": clock.now(),
        "quick": QUICK,
        "practice": practice().name,
        "authenticators": shown_now(DOMAIN),
    }
    return render(request, "sandbox/phone.html", page)


def _people() -> list[dict[str, Any]]:
    """A thread for everybody who got or wrote something, the latest first, with its last words."""
    who = Case(When(direction="inbound", then="sender"), default="to")
    rows = SandboxMessage.objects.values(name=who)
    told = list(rows.annotate(count=Count("id"), latest=Max("id")).order_by("-latest")[:200])
    last = SandboxMessage.objects.in_bulk([row["latest"] for row in told])
    return [{**row, "last": last[row["latest"]].body} for row in told]


def _talk(who: str) -> list[SandboxMessage]:
    both = SandboxMessage.objects.filter(to=who) | SandboxMessage.objects.filter(sender=who)
    return list(both.order_by("-id")[:100])[::-1]
