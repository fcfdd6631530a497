"""The API of consultations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, PATIENT, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import Role, User
from patients.api import CHANNELS, exactly, found, look_log, patient_for
from records import clock
from records.api import (
    Cursor,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    TextField,
    if_match,
    listed,
    query,
    read,
    with_etag,
)
from records.models import Event
from scheduling.calendar.api import StateField
from scheduling.calendar.slots import KINDS
from scheduling.consultations import actions
from scheduling.consultations.actions import risks_of
from scheduling.consultations.models import Consultation, Status


class GateOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    who = serializers.CharField()
    until = InstantField(allow_null=True)


class LocationIn(Input):
    state = StateField()
    line1 = TextField(max_length=100, allow_blank=True, required=False)
    city = TextField(max_length=60, allow_blank=True, required=False)


class ConsultationOut(serializers.ModelSerializer[Consultation]):
    """``join``: video with ``join_url``, or telephone. ``time_zone`` is that of who reads."""

    start = InstantField()
    end = InstantField()
    confirmed_at = InstantField(allow_null=True)
    time_zone = serializers.SerializerMethodField()
    physician_name = serializers.CharField(source="physician.name")
    join = serializers.SerializerMethodField()
    join_url = serializers.CharField(source="physician.join_url")
    location = serializers.SerializerMethodField()
    at_risk = serializers.SerializerMethodField()
    at_risk_because = serializers.SerializerMethodField()

    class Meta:
        model = Consultation
        fields = [
            "id", "reference", "status", "patient", "physician", "physician_name", "start", "end",
            "time_zone", "kind", "join", "join_url", "location", "confirmed_at", "late",
            "at_risk", "at_risk_because",
        ]  # fmt: skip

    def get_time_zone(self, row: Consultation) -> str:
        reads: User = self.context["user"]
        return row.physician.time_zone if reads.role == Role.PHYSICIAN else row.patient.time_zone

    def get_join(self, row: Consultation) -> str:
        return "video" if row.physician.join_url else "telephone"

    def get_location(self, row: Consultation) -> dict[str, str]:
        return {
            "state": row.location_state,
            "line1": row.location_line1,
            "city": row.location_city,
        }

    def get_at_risk(self, row: Consultation) -> bool:
        return bool(self._risks(row))

    @extend_schema_field(GateOut(many=True))
    def get_at_risk_because(self, row: Consultation) -> Any:
        return GateOut(self._risks(row), many=True).data

    def _risks(self, row: Consultation) -> Any:
        if self.context.get("stands"):
            return []
        coming = row.status == Status.BOOKED and row.end > self.context["now"]
        return risks_of(row) if coming else []


class ConsultationForPhysician(ConsultationOut):
    class Meta(ConsultationOut.Meta):
        fields = [*ConsultationOut.Meta.fields, "note"]


def answer(user: User, row: Consultation, now: datetime) -> Response:
    """A consultation as its reader may see it: notes are the physician's."""
    prefetch_related_objects(
        [row], "patient__address", "physician__licences", "physician__time_off"
    )
    return _told(user, row, {"user": user, "now": now})


def _told(user: User, row: Consultation, context: dict[str, Any], status: int = 200) -> Response:
    shape = ConsultationForPhysician if user.role == Role.PHYSICIAN else ConsultationOut
    return with_etag(Response(shape(row, context=context).data, status=status), row.version)


class OnBehalf(Input):
    """What staff also say, and nobody else: the ``channel`` that the wish came through."""

    channel = serializers.ChoiceField(choices=CHANNELS, required=False)
    for_staff = {"channel"}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        needed = self.for_staff if self.context["user"].role == Role.STAFF else set()
        exactly(attrs, needed, of=self.for_staff)
        return attrs


class BookIn(OnBehalf):
    """Staff also name the ``patient``, and the ``channel``."""

    physician = IdField(required=False, allow_null=True)
    start = InstantField()
    kind = serializers.ChoiceField(choices=KINDS)
    location = LocationIn()
    hold = IdField(required=False)
    secret = TextField(max_length=100, required=False)
    patient = IdField(required=False)
    for_staff = {"patient", "channel"}


class ConsultationQuery(ListQuery):
    status = serializers.ChoiceField(choices=Status.values, required=False)
    physician = IdField(required=False)
    patient = IdField(required=False)
    starts_after = InstantField(required=False)
    starts_before = InstantField(required=False)
    updated_since = InstantField(required=False)
    ordering = serializers.ChoiceField(choices=["start", "-start"], default="start")


FILTERS = {
    "status": "status",
    "physician": "physician_id",
    "patient": "patient_id",
    "starts_after": "start__gte",
    "starts_before": "start__lt",
    "updated_since": "changed_at__gte",
}


class Consultations(Door):
    """Book, and look at what is booked."""

    permission_classes = (roles(*CARE),)

    @extend_schema(parameters=[ConsultationQuery], responses=ConsultationOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(ConsultationQuery, request)
        rows = Consultation.objects.visible_to(user).with_people()
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        pages = Cursor()
        pages.ordering = (asked["ordering"], "id")
        page = pages.paginate_queryset(rows, request, self) or []
        look_log(user, "consultation", page)
        context = {"user": user, "now": clock.now()}
        return pages.get_paginated_response(ConsultationOut(page, many=True, context=context).data)

    @extend_schema(request=BookIn, responses={201: ConsultationOut})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        if user.role == Role.PHYSICIAN:
            self.permission_denied(request, "Patients book, or staff for them.")
        sent, now = read(BookIn, request.data, user=user), clock.now()
        booked = actions.book(
            patient=patient_for(user, sent),
            physician=sent.get("physician"),
            start=sent["start"],
            kind=sent["kind"],
            location=sent["location"],
            hold=sent.get("hold"),
            secret=sent.get("secret", ""),
            by=actor_of(request, channel=sent.get("channel", "web")),
            now=now,
        )
        # It has just passed every gate: nothing is at risk, and nothing has to be read for it.
        return _told(user, booked, {"user": user, "now": now, "stands": True}, status=201)


class ConsultationDetail(Door):
    """One consultation."""

    permission_classes = (roles(*CARE),)

    @extend_schema(responses=ConsultationForPhysician)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Consultation.objects.visible_to(user), pk)
        look_log(user, "consultation", [row])
        return answer(user, row, clock.now())


class HistoryOut(serializers.ModelSerializer[Event]):
    at = InstantField(source="occurred_at")
    was = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ["id", "kind", "at", "role", "channel", "was"]

    def get_was(self, event: Event) -> str | None:
        """The start before a reschedule."""
        was: str | None = event.payload.get("was")
        return was


class ConsultationHistory(Door):
    """What happened to a consultation, first things first."""

    permission_classes = (roles(*CARE),)

    @extend_schema(responses=HistoryOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Consultation.objects.visible_to(user), pk)
        look_log(user, "consultation", [row])
        return listed(self, Event.objects.filter(object_id=row.pk), HistoryOut)


class Nothing(Input):
    """No fields."""


class ConfirmIn(OnBehalf):
    """No more than the channel."""


class RescheduleIn(OnBehalf):
    start = InstantField()
    physician = IdField(required=False)


class CancelIn(OnBehalf):
    reason = TextField(max_length=300, allow_blank=True, default="")


class ArriveIn(Input):
    location = LocationIn()


class CompleteIn(Input):
    note = TextField(max_length=20_000, allow_blank=True, default="")


class Act(Door):
    """One verb on a consultation; each says what it takes and calls its action."""

    permission_classes = (roles(*CARE),)
    takes: type[Input] = Nothing

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        raise LookupError(type(self))  # every verb has its own

    def post(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Consultation.objects.visible_to(user), pk)
        sent, now = read(self.takes, request.data, user=user), clock.now()
        by = actor_of(request, channel=sent.get("channel", "web"))
        common = {"by": by, "now": now, "version": if_match(request)}
        return answer(user, self.act(row, sent, common), now)


@extend_schema(request=ConfirmIn, responses=ConsultationOut)
class Confirm(Act):
    permission_classes = (roles(PATIENT, STAFF),)
    takes = ConfirmIn

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        return actions.confirm(consultation=row, **common)


@extend_schema(request=RescheduleIn, responses=ConsultationOut)
class Reschedule(Act):
    takes = RescheduleIn

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        start, physician = sent["start"], sent.get("physician")
        return actions.reschedule(consultation=row, start=start, physician=physician, **common)


@extend_schema(request=CancelIn, responses=ConsultationOut)
class Cancel(Act):
    takes = CancelIn

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        return actions.cancel(consultation=row, reason=sent["reason"], **common)


@extend_schema(request=ArriveIn, responses=ConsultationOut)
class Arrive(Act):
    permission_classes = (roles(PHYSICIAN),)
    takes = ArriveIn

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        return actions.arrive(consultation=row, state=sent["location"]["state"], **common)


@extend_schema(request=CompleteIn, responses=ConsultationOut)
class Complete(Act):
    permission_classes = (roles(PHYSICIAN),)
    takes = CompleteIn

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        return actions.complete(consultation=row, note=sent["note"], **common)


@extend_schema(request=Nothing, responses=ConsultationOut)
class NoShow(Act):
    permission_classes = (roles(PHYSICIAN),)

    def act(self, row: Consultation, sent: dict[str, Any], common: dict[str, Any]) -> Consultation:
        return actions.no_show(consultation=row, **common)
