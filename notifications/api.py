"""The API of messages: what was told to whom, and why not."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import User
from notifications import actions, circuit
from notifications.ledger import sentence, with_holds
from notifications.models import InboundMessage, Message, Pause, Status
from notifications.policy import SAYINGS
from patients.api import Verb, found, look_log, looking, seen
from patients.models import Patient
from records import clock
from records.api import (
    CsvDoor,
    Cursor,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    Nothing,
    TextField,
    query,
    read,
    with_etag,
)

REMINDERS = tuple(saying.kind for saying in SAYINGS if saying.ahead)


class MessageOut(serializers.ModelSerializer[Message]):
    """``why``: a sentence, when it leaves or left, or why not. ``parent``: what it repeats."""

    about = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField()
    due_at = InstantField()
    not_after = InstantField()

    class Meta:
        model = Message
        fields = [
            "id", "kind", "patient", "about", "channel", "due_at", "not_after", "status", "why",
            "history", "parent",
        ]  # fmt: skip

    def get_why(self, message: Any) -> str:
        return sentence(message, message.hold)

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

    permission_classes = (looking(*CARE),)
    kinds: tuple[str, ...] | None = None

    @extend_schema(parameters=[MessageQuery], responses=MessageOut(many=True))
    def get(self, request: Request, **_: Any) -> Response:
        user, asked = signed_in(request), query(MessageQuery, request)
        rows = with_holds(Message.objects.visible_to(user)).select_related("patient__address")
        if self.kinds:
            rows = rows.filter(kind__in=self.kinds)
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        return seen(self, "message", rows, MessageOut)


class Reminders(Messages):
    """The messages with a time."""

    kinds = REMINDERS


class MessageDetail(Door):
    """One message."""

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=MessageOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(with_holds(Message.objects.visible_to(user)), pk)
        look_log(user, "message", [row])
        return _told(row)


def _told(row: Message) -> Response:
    return with_etag(Response(MessageOut(row).data), row.version)


class _OfStaff(Verb):
    permission_classes = (roles(STAFF),)
    noun = "message"

    def rows(self, user: User) -> Any:
        return with_holds(Message.objects.visible_to(user))

    def answer(self, user: User, row: Message, now: datetime) -> Response:
        return _told(found(self.rows(user), row.pk))


@extend_schema_view(post=extend_schema(request=Nothing, responses=MessageOut))
class CancelMessage(_OfStaff):
    """Staff call off what has not left."""

    do = actions.cancel


@extend_schema_view(post=extend_schema(request=Nothing, responses=MessageOut))
class ResendMessage(_OfStaff):
    """Staff send a message again: a new one, which names its ``parent``."""

    do = actions.resend


class OptOutIn(Input):
    """How somebody said that they want no texts; ``phone``: another number than the patient's."""

    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["telephone", "email", "in_person", "letter"]
    )
    phone = TextField(max_length=30, required=False)


class OptOutOut(serializers.Serializer[Any]):
    phone = serializers.CharField()


class OptOutOf(Door):
    """Staff write down that somebody wants no texts, or does again: then with a new consent."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=OptOutIn, responses={201: OptOutOut})
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        sent = read(OptOutIn, request.data)
        phone = actions.refuse_texts(
            patient=patient,
            source=sent["source"],
            phone=sent.get("phone", ""),
            by=actor_of(request),
            now=clock.now(),
        )
        look_log(signed_in(request), "patient", [patient])
        return Response(OptOutOut({"phone": phone}).data, status=201)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        actions.allow_texts(patient=patient, by=actor_of(request), now=clock.now())
        return Response(status=204)


class PauseOut(serializers.Serializer[Any]):
    """``since``: when a colleague let nothing of care leave any more; null while all leaves."""

    paused = serializers.BooleanField()
    since = InstantField(allow_null=True)


class PauseMessages(Door):
    """All care texts and mails at once; alerts and what was asked for leave all the same."""

    permission_classes = (roles(STAFF),)

    @extend_schema(responses=PauseOut)
    def get(self, request: Request) -> Response:
        row = Pause.objects.filter(ended_at=None).first()
        return Response(PauseOut({"paused": bool(row), "since": row and row.at}).data)

    @extend_schema(request=Nothing, responses=PauseOut)
    def post(self, request: Request) -> Response:
        read(Nothing, request.data)
        row = circuit.pause(by=actor_of(request), now=clock.now())
        return Response(PauseOut({"paused": True, "since": row.at}).data)


class ResumeMessages(Door):
    """What is still true and in time leaves."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=Nothing, responses=PauseOut)
    def post(self, request: Request) -> Response:
        read(Nothing, request.data)
        circuit.resume(by=actor_of(request), now=clock.now())
        return Response(PauseOut({"paused": False, "since": None}).data)


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
