"""The API of treatment sessions: plan, move, measure, start, finish, check in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, actor_of, roles, signed_in
from accounts.models import Role, User
from patients.api import (
    OnBehalfIn,
    OptionalChannelIn,
    Verb,
    exactly,
    found,
    look_log,
    looking,
    named,
    patient_for,
)
from records import clock
from records.api import (
    Cursor,
    Door,
    GateOut,
    IdField,
    InstantField,
    ListQuery,
    NumberField,
    TextField,
    TruthField,
    query,
    read,
    with_etag,
)
from scheduling.calendar.api import DaysOfPatient, days, zone_of
from scheduling.consultations.api import LocationIn
from scheduling.sessions import actions
from scheduling.sessions.models import Reading, Status, TreatmentSession


class ReadingOut(serializers.ModelSerializer[Reading]):
    """Blood pressure in mmHg, pulse in beats a minute."""

    measured_at = InstantField()

    class Meta:
        model = Reading
        fields = ["moment", "systolic", "diastolic", "pulse", "measured_at"]


class SessionOut(serializers.ModelSerializer[TreatmentSession]):
    """``supervised``: a physician is there by video. ``time_zone`` is that of who reads.

    ``unmet_gates``: what a session to come waits for, or is held by.
    """

    start = InstantField()
    end = InstantField()
    time_zone = serializers.SerializerMethodField()
    supervised = serializers.SerializerMethodField()
    physician_name = serializers.SerializerMethodField()
    join_url = serializers.SerializerMethodField()
    held_at = InstantField(allow_null=True)
    cleared_at = InstantField(allow_null=True)
    started_at = InstantField(allow_null=True)
    finished_at = InstantField(allow_null=True)
    cancelled_at = InstantField(allow_null=True)
    checked_in_at = InstantField(allow_null=True)
    unmet_gates = serializers.SerializerMethodField()

    class Meta:
        model = TreatmentSession
        fields = [
            "id", "status", "patient", "start", "end", "time_zone", "supervised", "physician",
            "physician_name", "join_url", "held_because", "held_at", "cleared_at", "started_at",
            "finished_at", "cancelled_at", "checked_in_at", "unmet_gates",
        ]  # fmt: skip

    def get_time_zone(self, row: TreatmentSession) -> str:
        return self.context["zone"] or row.patient.time_zone

    def get_supervised(self, row: TreatmentSession) -> bool:
        return row.physician_id is not None

    def get_physician_name(self, row: TreatmentSession) -> str:
        return row.physician.name if row.physician else ""

    def get_join_url(self, row: TreatmentSession) -> str:
        return row.physician.join_url if row.physician else ""

    @extend_schema_field(GateOut(many=True))
    def get_unmet_gates(self, row: TreatmentSession) -> Any:
        return GateOut(self.context["unmet"].get(row.pk, []), many=True).data


class SessionWithReadings(SessionOut):
    """For the patient and the physician: what was measured, and how the patient felt."""

    readings = ReadingOut(many=True)

    class Meta(SessionOut.Meta):
        fields = [*SessionOut.Meta.fields, "readings", "feeling", "check_in_note"]


def shape_for(user: User) -> type[SessionOut]:
    """Readings are for the patient and the physician; staff see the rest."""
    return SessionOut if user.role == Role.STAFF else SessionWithReadings


def whole(user: User) -> Any:
    """The sessions that the user sees, with all that their answer needs."""
    rows = TreatmentSession.objects.visible_to(user).select_related("patient__address", "physician")
    return rows if user.role == Role.STAFF else rows.prefetch_related("readings")


def answer(user: User, row: TreatmentSession, now: datetime, status: int = 200) -> Response:
    """A session as its reader may see it."""
    shown = whole(user).get(pk=row.pk)
    context = {"zone": zone_of(user), "unmet": actions.unmet_gates([shown], now=now)}
    body = shape_for(user)(shown, context=context).data
    return with_etag(Response(body, status=status), shown.version)


class SessionQuery(ListQuery):
    status = serializers.ChoiceField(choices=Status.values, required=False)
    patient = IdField(required=False)
    physician = IdField(required=False)
    starts_after = InstantField(required=False)
    starts_before = InstantField(required=False)
    updated_since = InstantField(required=False)
    ordering = serializers.ChoiceField(choices=["start", "-start"], default="start")


FILTERS = {
    "status": "status",
    "patient": "patient_id",
    "physician": "physician_id",
    "starts_after": "start__gte",
    "starts_before": "start__lt",
    "updated_since": "changed_at__gte",
}


def _only_colleagues_override(user: User, attrs: dict[str, Any]) -> None:
    if user.role == Role.PATIENT:
        exactly(attrs, set(), of={"override_reason"})


class PlanIn(OnBehalfIn):
    """``override_reason``: why staff or a physician plan at another hour than is offered."""

    start = InstantField()
    override_reason = TextField(max_length=300, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _only_colleagues_override(self.context["user"], attrs)
        return super().validate(attrs)


class Sessions(Door):
    """Plan a session, and look at those that are planned."""

    permission_classes = (looking(*CARE),)

    @extend_schema(parameters=[SessionQuery], responses=SessionWithReadings(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(SessionQuery, request)
        rows = whole(user).filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        pages = Cursor()
        pages.ordering = (asked["ordering"], "id")
        page: Any = pages.paginate_queryset(rows, request, self) or []
        look_log(user, "treatmentsession", page)
        unmet = actions.unmet_gates(page, now=clock.now())
        shown = shape_for(user)(page, many=True, context={"zone": zone_of(user), "unmet": unmet})
        return pages.get_paginated_response(shown.data)

    @extend_schema(request=PlanIn, responses={201: SessionWithReadings})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        sent, now = read(PlanIn, request.data, user=user), clock.now()
        session = actions.plan(
            patient=patient_for(user, sent),
            start=sent["start"],
            override_reason=sent.get("override_reason", ""),
            by=actor_of(request, channel=sent.get("channel", "web")),
            now=now,
        )
        look_log(user, "treatmentsession", [session])
        return answer(user, session, now, status=201)


class SessionDetail(Door):
    """One session."""

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=SessionWithReadings)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(TreatmentSession.objects.visible_to(user), pk)
        look_log(user, "treatmentsession", [row])
        return answer(user, row, clock.now())


# --- verbs ---------------------------------------------------------------------------------------


class MoveSessionIn(OptionalChannelIn):
    start = InstantField()
    override_reason = TextField(max_length=300, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _only_colleagues_override(self.context["user"], attrs)
        return super().validate(attrs)


class ReadingIn(OptionalChannelIn):
    """Blood pressure in mmHg, pulse in beats a minute: of somebody who lives."""

    systolic = NumberField(min_value=50, max_value=280)
    diastolic = NumberField(min_value=30, max_value=200)
    pulse = NumberField(min_value=20, max_value=250)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["diastolic"] >= attrs["systolic"]:
            raise serializers.ValidationError({"diastolic": ["It is below the systolic one."]})
        return super().validate(attrs)


class PreCheckIn(ReadingIn):
    location = LocationIn()
    support_person_present = TruthField()
    measured_at = InstantField()


class CheckInIn(OptionalChannelIn):
    feeling = serializers.ChoiceField(choices=TreatmentSession.Feeling.values)
    note = TextField(max_length=2000, allow_blank=True, default="")


class Act(Verb):
    """One verb on a session."""

    noun = "session"
    takes = OptionalChannelIn

    def rows(self, user: User) -> Any:
        return TreatmentSession.objects.visible_to(user)

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        return answer(user, row, now)


@extend_schema(request=MoveSessionIn, responses=SessionWithReadings)
class Reschedule(Act):
    takes, do = MoveSessionIn, staticmethod(actions.reschedule)


@extend_schema(request=OptionalChannelIn, responses=SessionWithReadings)
class Cancel(Act):
    do = staticmethod(actions.cancel)


@extend_schema(request=PreCheckIn, responses=SessionWithReadings)
class PreCheck(Act):
    takes, do = PreCheckIn, staticmethod(actions.pre_check)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        state = sent.pop("location")["state"]
        return {**sent, "state": state}


@extend_schema(request=OptionalChannelIn, responses=SessionWithReadings)
class Start(Act):
    do = staticmethod(actions.start)


@extend_schema(request=ReadingIn, responses=SessionWithReadings)
class Finish(Act):
    takes, do = ReadingIn, staticmethod(actions.finish)


@extend_schema(request=CheckInIn, responses=SessionWithReadings)
class CheckIn(Act):
    takes, do = CheckInIn, staticmethod(actions.check_in)


# --- times on offer ------------------------------------------------------------------------------


class TimesQuery(DaysOfPatient):
    """``session``: one that is to be moved, which is not in its own way."""

    session = IdField(required=False)


class TimeOut(serializers.Serializer[Any]):
    start = InstantField()
    end = InstantField()
    time_zone = serializers.CharField()
    supervised = serializers.BooleanField()


class TimesOut(serializers.Serializer[Any]):
    """``unmet_gates``: what has to happen before there are any times."""

    results = TimeOut(many=True)
    unmet_gates = GateOut(many=True)


class SessionTimes(Door):
    """When a patient may start a session; days are days where the patient lives."""

    permission_classes = (roles(*CARE),)

    @extend_schema(parameters=[TimesQuery], responses=TimesOut)
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(TimesQuery, request)
        patient = patient_for(user, asked)
        within = days(asked["from"], asked["to"], patient.time_zone)
        mine = TreatmentSession.objects.visible_to(user).filter(patient=patient)
        moving = named(mine, asked["session"], field="session") if "session" in asked else None
        offered = actions.times(patient, within, now=clock.now(), moving=moving)
        zone = zone_of(user) or patient.time_zone
        common = {"time_zone": zone, "supervised": offered.supervised}
        rows = [{"start": slot.start, "end": slot.end, **common} for slot in offered.slots]
        return Response(TimesOut({"results": rows, "unmet_gates": offered.unmet}).data)
