"""What Twilio tells us: what became of a text, and what came in. Signed, or 403."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications import incoming
from notifications.twilio import is_signed
from records import clock

EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def _signed(request: HttpRequest) -> bool:
    fields = {key: request.POST.getlist(key) for key in request.POST}
    flat = {key: values if len(values) > 1 else values[0] for key, values in fields.items()}
    return is_signed(request.get_full_path(), flat, request.headers.get("X-Twilio-Signature"))


@csrf_exempt
@require_POST
@transaction.atomic
def status(request: HttpRequest) -> HttpResponse:
    """What became of a text; in any order, as often as they like."""
    if not _signed(request):
        return HttpResponse(status=403)
    incoming.hear_status(
        provider_id=request.POST.get("MessageSid", "")[:40],
        status=request.POST.get("MessageStatus", "")[:20],
        error_code=request.POST.get("ErrorCode", "")[:10],
        message_id=request.GET.get("m", ""),
        now=clock.now(),
    )
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
@transaction.atomic
def inbound(request: HttpRequest) -> HttpResponse:
    """A text that came in. Twilio itself answers STOP, START and HELP: we do not answer twice."""
    if not _signed(request):
        return HttpResponse(status=403)
    incoming.hear_text(
        provider_id=request.POST.get("MessageSid", "")[:40],
        sender=request.POST.get("From", "")[:20],
        body=request.POST.get("Body", "").replace("\x00", ""),
        opt_out_type=request.POST.get("OptOutType", ""),
        now=clock.now(),
    )
    return HttpResponse(EMPTY, content_type="text/xml")
