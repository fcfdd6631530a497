"""What Twilio tells us: what became of a text, and what came in. Signed, or 403."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications import incoming, statuses
from notifications.twilio import is_signed
from records import clock
from records.limits import address_of, take
from records.refused import Refused

EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def _signed(request: HttpRequest) -> bool:
    signature = request.headers.get("X-Twilio-Signature")
    return is_signed(request.get_full_path(), request.POST, signature)


def _unsigned(request: HttpRequest) -> HttpResponse:
    """403; and 429 for who goes on trying. What is signed is never counted."""
    try:
        take("webhook", address=address_of(request))
    except Refused as refused:
        return HttpResponse(status=429, headers={"Retry-After": refused.facts["retry_after"]})
    return HttpResponse(status=403)


def _field(request: HttpRequest, name: str, length: int) -> str:
    """A field as a column takes it: without NUL, and no longer."""
    return request.POST.get(name, "").replace("\x00", "")[:length]


@csrf_exempt
@require_POST
@transaction.atomic
def status(request: HttpRequest) -> HttpResponse:
    """What became of a text; in any order, as often as they like."""
    if not _signed(request):
        return _unsigned(request)
    statuses.hear_status(
        provider_id=_field(request, "MessageSid", 40),
        status=_field(request, "MessageStatus", 20),
        error_code=_field(request, "ErrorCode", 10),
        message_id=request.GET.get("m", ""),
        now=clock.now(),
    )
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def inbound(request: HttpRequest) -> HttpResponse:
    """A text that came in. Twilio itself answers STOP, START and HELP: we do not answer twice."""
    if not _signed(request):
        return _unsigned(request)
    incoming.hear_text(
        provider_id=_field(request, "MessageSid", 40),
        sender=_field(request, "From", 20),
        body=_field(request, "Body", 10_000),
        opt_out_type=_field(request, "OptOutType", 20),
        now=clock.now(),
    )
    return HttpResponse(EMPTY, content_type="text/xml")
