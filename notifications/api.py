"""The API of messages: what was told to whom, and why not."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, PHYSICIAN, STAFF, roles, signed_in
from notifications.models import InboundMessage, Message, Status
from notifications.policy import SAYINGS
from patients.api import found, look_log, seen
from records.api import CsvDoor, Cursor, Door, IdField, InstantField, ListQuery, TextField, query

REMINDERS = tuple(saying.kind for saying in SAYINGS if saying.ahead)


class MessageOut(serializers.ModelSerializer[Message]):
    about = serializers.SerializerMethodField()
    due_at = InstantField()
    not_after = InstantField()

    class Meta:
        model = Message
        fields = [
            "id", "kind", "patient", "about", "channel", "due_at", "not_after", "status", "why",
            "history",
        ]  # fmt: skip

    def get_about(self, message: Message) -> dict[str, str]:
        kind = SPOKEN.get(message.about_kind, message.about_kind)
        return {"kind": kind, "id": str(message.about_id)}


SPOKEN = {"treatmentsession": "session", "billingperiod": "billing_period"}  # as the API says it


class MessageQuery(ListQuery):
    status = serializers.ChoiceField(choices=Status.values, required=False)
    patient = IdField(required=False)
    kind = TextField(max_length=30, required=False)
    updated_since = InstantField(required=False)


FILTERS = {
    "status": "status",
    "patient": "patient",
    "kind": "kind",
    "updated_since": "changed_at__gte",
}


class Messages(CsvDoor):
    """Texts and mails about the patients that the reader sees."""

    permission_classes = (roles(*CARE),)
    kinds: tuple[str, ...] | None = None

    @extend_schema(parameters=[MessageQuery], responses=MessageOut(many=True))
    def get(self, request: Request, **_: Any) -> Response:
        user, asked = signed_in(request), query(MessageQuery, request)
        rows = Message.objects.visible_to(user)
        if self.kinds:
            rows = rows.filter(kind__in=self.kinds)
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        return seen(self, "message", rows, MessageOut)


class Reminders(Messages):
    """The messages with a time."""

    kinds = REMINDERS


class MessageDetail(Door):
    """One message."""

    permission_classes = (roles(*CARE),)

    @extend_schema(responses=MessageOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Message.objects.visible_to(user), pk)
        look_log(user, "message", [row])
        return Response(MessageOut(row).data)


class InboundOut(serializers.ModelSerializer[InboundMessage]):
    received_at = InstantField()

    class Meta:
        model = InboundMessage
        fields = ["id", "sender", "body", "meaning", "patient", "received_at"]


class Newest(Cursor):
    ordering = ("-id",)


class InboxQuery(ListQuery):
    patient = IdField(required=False)


class Inbox(Door):
    """What people answered to texts, the latest first: a work item says which to read.

    Physicians read what calls for help.
    """

    permission_classes = (roles(STAFF, PHYSICIAN),)

    @extend_schema(parameters=[InboxQuery], responses=InboundOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(InboxQuery, request)
        rows = InboundMessage.objects.visible_to(user)
        if "patient" in asked:
            rows = rows.filter(patient=asked["patient"])
        pages = Newest()
        page = pages.paginate_queryset(rows, request, self) or []
        look_log(user, "inboundmessage", page)
        return pages.get_paginated_response(InboundOut(page, many=True).data)
