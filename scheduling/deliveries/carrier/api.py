"""The door of carriers: signed, or 403; a number that nobody knows is heard all the same."""

import hmac
import re
import time
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from records import clock
from records.api import Door, InstantField, TextField, TruthField, read
from records.limits import address_of, take
from scheduling.deliveries.api import CarrierField
from scheduling.deliveries.carrier.actions import from_carrier, hear
from scheduling.deliveries.carrier.models import CarrierEvent

SIGNED_WITHIN = 300  # seconds of real time
AHEAD = timedelta(minutes=5)  # so much may a carrier's clock be fast


class Signed(BasePermission):
    """``X-Carrier-Signature``: the HMAC-SHA256, in hex, of ``X-Carrier-Timestamp`` (seconds of
    Unix time), a full stop, and the body. Without a secret of ours nobody is let in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        stamp = request.headers.get("X-Carrier-Timestamp", "")
        if not settings.CARRIER_WEBHOOK_SECRET or not re.fullmatch(r"\d{1,12}", stamp, re.A):
            return False
        said = request.headers.get("X-Carrier-Signature", "").encode()
        secret = settings.CARRIER_WEBHOOK_SECRET.encode()
        true = hmac.new(secret, f"{stamp}.".encode() + request.body, sha256).hexdigest().encode()
        return hmac.compare_digest(said, true) and abs(time.time() - int(stamp)) <= SIGNED_WITHIN


class ReportIn(serializers.Serializer[Any]):
    """What we look at; whatever else the carrier says is kept with it."""

    carrier = CarrierField()
    tracking = TextField(max_length=60)
    event = TextField(max_length=40)
    occurred_at = InstantField()
    signed_by = TextField(max_length=120, allow_blank=True, default="")
    adult_signature = TruthField(default=False)
    reason = TextField(max_length=40, allow_blank=True, default="")

    def validate_occurred_at(self, at: datetime) -> datetime:
        if at > clock.now() + AHEAD:
            raise serializers.ValidationError("Use the time at which it happened.")
        return at


@extend_schema(exclude=True)
class Webhook(Door):
    """What a carrier reports about a parcel; in any order, as often as they like."""

    authentication_classes = ()
    permission_classes = (Signed,)

    def permission_denied(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        take("webhook", address=address_of(request))
        super().permission_denied(request, *args, **kwargs)

    def post(self, request: Request) -> Response:
        sent = read(ReportIn, request.data)
        body = request.body.decode(errors="replace").replace("\x00", "")
        report = CarrierEvent(code=sent.pop("event").lower(), **sent, body=body)
        hear(report=report, by=from_carrier(), now=clock.now())
        return Response(status=204)
