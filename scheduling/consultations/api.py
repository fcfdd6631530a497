"""The API of consultations."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, CLINICAL, PATIENT, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import Role, User
from patients.api import (
    ChannelIn,
    CorrectIn,
    OnBehalfIn,
    Verb,
    found,
    look_log,
    looking,
    patient_for,
    seen,
)
from records import clock
from records.api import (
    CsvDoor,
    Door,
    GateOut,
    IdField,
    Input,
    InstantField,
    ListQuery,
    Nothing,
    TextField,
    listed,
    query,
    read,
    with_etag,
)
from records.models import Event
from scheduling.calendar.api import StateField, physician_of
from scheduling.calendar.slots import KINDS
from scheduling.consultations import actions
from scheduling.consultations.actions import risks_of
from scheduling.consultations.gates import MORE_INFO, NOT_SUITABLE
from scheduling.consultations.models import Consultation, Decision, Status

LONGEST_NOTE = 20_000
# What follows a decision, in words for the patient.
WHAT_NEXT = {
    Decision.Outcome.APPROVED: "Read and accept the two agreements, and choose a plan.",
    Decision.Outcome.DECLINED: NOT_SUITABLE.detail,
    Decision.Outcome.MORE_INFO: MORE_INFO.detail,
}


class LocationIn(Input):
    state = StateField()
    line1 = TextField(max_length=100, allow_blank=True, required=False)
    city = TextField(max_length=60, allow_blank=True, required=False)


class DecisionOut(serializers.ModelSerializer[Decision]):
    """What the physician decided, and ``next``: what follows from it."""

    decided_at = InstantField()
    next = serializers.SerializerMethodField()

    class Meta:
        model = Decision
        fields = ["outcome", "decided_at", "next"]

    def get_next(self, row: Decision) -> str:
        return WHAT_NEXT[Decision.Outcome(row.outcome)]


class DecisionForPhysician(DecisionOut):
    class Meta(DecisionOut.Meta):
        fields = [*DecisionOut.Meta.fields, "note"]


class ConsultationOut(serializers.ModelSerializer[Consultation]):
    """``join``: video with ``join_url``, or telephone. ``time_zone`` is that of who reads.

    ``decision`` is the latest one on this consultation, null while there is none.
    """

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
    decision = serializers.SerializerMethodField()

    class Meta:
        model = Consultation
        fields = [
            "id", "reference", "status", "patient", "physician", "physician_name", "start", "end",
            "time_zone", "kind", "join", "join_url", "location", "confirmed_at", "late",
            "at_risk", "at_risk_because", "decision",
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

    @extend_schema_field(DecisionOut(allow_null=True))
    def get_decision(self, row: Consultation) -> Any:
        return self._decided(row, DecisionOut)

    def _decided(self, row: Consultation, shape: type[DecisionOut]) -> Any:
        rows = [] if self.context.get("stands") else list(row.decisions.all())
        return shape(rows[-1]).data if rows else None

    def _risks(self, row: Consultation) -> Any:
        if self.context.get("stands"):
            return []
        coming = row.status == Status.BOOKED and row.end > self.context["now"]
        return risks_of(row) if coming else []


class ConsultationForPhysician(ConsultationOut):
    class Meta(ConsultationOut.Meta):
        fields = [*ConsultationOut.Meta.fields, "note"]

    @extend_schema_field(DecisionForPhysician(allow_null=True))
    def get_decision(self, row: Consultation) -> Any:
        return self._decided(row, DecisionForPhysician)


def answer(user: User, row: Consultation, now: datetime) -> Response:
    """A consultation as its reader may see it: notes are the physician's."""
    prefetch_related_objects(
        [row], "patient__address", "physician__licences", "physician__time_off", "decisions"
    )
    return _told(user, row, {"user": user, "now": now})


def _told(user: User, row: Consultation, context: dict[str, Any], status: int = 200) -> Response:
    shape = ConsultationForPhysician if user.role in CLINICAL else ConsultationOut
    return with_etag(Response(shape(row, context=context).data, status=status), row.version)


class BookIn(OnBehalfIn):
    physician = IdField(required=False, allow_null=True)
    start = InstantField()
    kind = serializers.ChoiceField(choices=KINDS)
    location = LocationIn()
    hold = IdField(required=False)
    secret = TextField(max_length=100, required=False)


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


class Consultations(CsvDoor):
    """Book, and look at what is booked."""

    permission_classes = (looking(*CARE),)

    @extend_schema(parameters=[ConsultationQuery], responses=ConsultationOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(ConsultationQuery, request)
        rows = Consultation.objects.visible_to(user).with_people().prefetch_related("decisions")
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        context = {"user": user, "now": clock.now()}
        ordering = (asked["ordering"], "id")
        return seen(self, "consultation", rows, ConsultationOut, ordering=ordering, **context)

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
        look_log(user, "consultation", [booked])
        # It has just passed every gate: nothing is at risk, and nothing has to be read for it.
        return _told(user, booked, {"user": user, "now": now, "stands": True}, status=201)


class ConsultationDetail(Door):
    """One consultation."""

    permission_classes = (looking(*CARE),)

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

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=HistoryOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Consultation.objects.visible_to(user), pk)
        look_log(user, "consultation", [row])
        events = Event.objects.filter(object_id=row.pk)  # allowed: of a row that is visible
        return listed(self, events, HistoryOut)


class ConfirmIn(ChannelIn):
    """No more than the channel."""


class RescheduleIn(ChannelIn):
    start = InstantField()
    physician = IdField(required=False)


class CancelIn(ChannelIn):
    reason = TextField(max_length=300, allow_blank=True, default="")


class ArriveIn(Input):
    location = LocationIn()


class NoteIn(Input):
    note = TextField(max_length=LONGEST_NOTE, allow_blank=True)


class CompleteIn(Input):
    """Without a ``note``, what was kept of it while the patient was there stays."""

    note = TextField(max_length=LONGEST_NOTE, allow_blank=True, required=False)


class DecideIn(Input):
    outcome = serializers.ChoiceField(choices=Decision.Outcome.values)
    note = TextField(max_length=LONGEST_NOTE, allow_blank=True, default="")


class Act(Verb):
    """One verb on a consultation."""

    noun = "consultation"

    def rows(self, user: User) -> Any:
        return Consultation.objects.visible_to(user)

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        return answer(user, row, now)


@extend_schema(request=ConfirmIn, responses=ConsultationOut)
class Confirm(Act):
    permission_classes = (roles(PATIENT, STAFF),)
    takes, do = ConfirmIn, staticmethod(actions.confirm)


@extend_schema(request=RescheduleIn, responses=ConsultationOut)
class Reschedule(Act):
    takes, do = RescheduleIn, staticmethod(actions.reschedule)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"physician": None, **sent}


@extend_schema(request=CancelIn, responses=ConsultationOut)
class Cancel(Act):
    takes, do = CancelIn, staticmethod(actions.cancel)


@extend_schema(request=ArriveIn, responses=ConsultationOut)
class Arrive(Act):
    permission_classes = (roles(PHYSICIAN),)
    takes, do = ArriveIn, staticmethod(actions.arrive)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"state": sent["location"]["state"]}


@extend_schema(request=NoteIn, responses=ConsultationForPhysician)
class KeepNote(Act):
    """What was typed so far is kept; the note itself is that of `complete/`."""

    permission_classes = (roles(PHYSICIAN),)
    takes, do = NoteIn, staticmethod(actions.keep_note)


@extend_schema(request=CompleteIn, responses=ConsultationOut)
class Complete(Act):
    permission_classes = (roles(PHYSICIAN),)
    takes, do = CompleteIn, staticmethod(actions.complete)


@extend_schema(request=Nothing, responses=ConsultationOut)
class NoShow(Act):
    permission_classes = (roles(PHYSICIAN),)
    do = staticmethod(actions.no_show)


@extend_schema(request=DecideIn, responses=ConsultationForPhysician)
class Decide(Act):
    permission_classes = (roles(PHYSICIAN),)
    takes, do = DecideIn, staticmethod(actions.decide)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {**sent, "physician": physician_of(signed_in(self.request))}


@extend_schema(request=CorrectIn, responses=ConsultationOut)
class Correct(Act):
    permission_classes = (roles(PHYSICIAN, STAFF),)
    takes, do = CorrectIn, staticmethod(actions.correct)
