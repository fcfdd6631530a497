"""The doors that look over all folders: patients, timeline, the whole calendar, work items."""

import re
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import PATIENT, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import Role, User
from accounts.phones import us_number
from patients.actions import create_patient
from patients.api import (
    CHANNELS,
    AddressIn,
    ConsentsIn,
    MoveIn,
    PatientOut,
    PersonIn,
    found,
    look_log,
    looking,
    move_answer,
    my_patient,
    patient_answer,
    seen,
)
from patients.models import Patient, of_visible
from records import clock
from records.api import (
    CsvDoor,
    Cursor,
    DayField,
    Door,
    GateOut,
    IdField,
    Input,
    InstantField,
    ListQuery,
    Nothing,
    NumberField,
    TextField,
    listed,
    query,
    read,
)
from records.events import settled_before
from records.models import Event, Rule, WorkItem
from records.values import DEFAULTS, add_rule, in_force
from scheduling import replan, taken, timeline
from scheduling.actions import approve, change_settings, claim_work_item, close_work_item
from scheduling.calendar.actions import add_time_off
from scheduling.calendar.api import (
    DaysQuery,
    OfPhysician,
    PreviewQuery,
    SpanIn,
    TimeOffOut,
    days,
    own_physician,
    zone_of,
)
from scheduling.calendar.models import Physician, Reservation, TimeOff
from scheduling.consultations.models import Consultation
from scheduling.deliveries.models import Delivery
from scheduling.intervals import Interval
from scheduling.sessions.models import TreatmentSession

# --- patients -----------------------------------------------------------------------------------


class PatientQuery(ListQuery):
    search = TextField(max_length=100, required=False)
    state = serializers.ChoiceField(choices=["FL", "NJ"], required=False)
    county = TextField(max_length=60, required=False)
    step = TextField(max_length=20, required=False)
    gate = TextField(max_length=40, required=False)
    updated_since = InstantField(required=False)


FILTERS = {
    "state": "address__state",
    "county": "address__county",
    "step": "step",
    "gate": "unmet_gates__contains",
    "updated_since": "changed_at__gte",
}


class PatientIn(Input):
    person = PersonIn()
    address = AddressIn()
    consents = ConsentsIn()
    channel = serializers.ChoiceField(choices=CHANNELS)


class Patients(CsvDoor):
    """Staff and physicians look patients up; staff enter those who call."""

    permission_classes = (looking(STAFF, PHYSICIAN),)
    limits = {"GET": "search"}

    @extend_schema(parameters=[PatientQuery], responses=PatientOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(PatientQuery, request)
        rows = Patient.objects.visible_to(user).select_related("address")
        if "gate" in asked:
            asked["gate"] = [asked["gate"]]
        rows = rows.filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        found_so = search_patients(rows, asked.get("search", ""))
        return seen(self, "patient", found_so, PatientOut, now=clock.now())

    @extend_schema(request=PatientIn, responses={201: PatientOut})
    def post(self, request: Request) -> Response:
        if signed_in(request).role != Role.STAFF:
            self.permission_denied(request, "Staff enter patients who call.")
        sent = read(PatientIn, request.data)
        patient = create_patient(
            person=sent["person"],
            address=sent["address"],
            consents=sent["consents"],
            by=actor_of(request, channel=sent["channel"]),
            now=clock.now(),
        )
        return patient_answer(request, patient, status=201)


def search_patients(rows: QuerySet[Patient], text: str) -> QuerySet[Patient]:
    """By words of the name, telephone number, birthday, a reference or a tracking number.

    Raises ValidationError for a birthday that is no day.
    """
    text = text.strip()
    if not text:
        return rows
    if number := us_number(text):
        return rows.filter(phone=number)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.A):
        day = read(BirthdayIn, {"search": text})["search"]
        return rows.filter(date_of_birth=day)
    if re.fullmatch(r"[cCdDsS]-[0-9a-zA-Z]{6}", text, re.A):
        bears = {"C": "consultations", "D": "deliveries", "S": "subscriptions"}[text[0].upper()]
        return rows.filter(**{f"{bears}__reference": text.upper()})
    if re.fullmatch(r"(?=.*\d)[0-9A-Za-z]{8,60}", text, re.A):
        tracked = Delivery.objects.filter(tracking__iexact=text)  # allowed: only narrows `rows`
        return rows.filter(pk__in=tracked.values("patient"))
    for word in text.split()[:5]:
        rows = rows.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
    return rows


class BirthdayIn(Input):
    search = DayField()


class PatientDetail(Door):
    """One patient."""

    permission_classes = (looking(STAFF, PHYSICIAN),)

    @extend_schema(responses=PatientOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Patient.objects.visible_to(user).select_related("address"), pk)
        return patient_answer(request, row)


class PatientAddress(Door):
    """Staff write down that a caller has moved, or correct the address."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=MoveIn, responses={201: PatientOut})
    def post(self, request: Request, pk: UUID) -> Response:
        return move_answer(request, found(Patient.objects.visible_to(signed_in(request)), pk))


# --- the chain of care ----------------------------------------------------------------------------


class AboutOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.UUIDField()


class StepOut(serializers.Serializer[Any]):
    """``state``: done, current, waiting (for a step before it) or blocked."""

    key = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    at = InstantField(allow_null=True)
    time_zone = serializers.CharField()
    unmet_gates = GateOut(many=True)
    object = AboutOut(allow_null=True)


class NextOut(serializers.Serializer[Any]):
    """Who acts next: patient, physician, staff, pharmacy or nobody."""

    who = serializers.CharField()
    detail = serializers.CharField()
    until = InstantField(allow_null=True)


class TimelineOut(serializers.Serializer[Any]):
    patient = serializers.UUIDField()
    checked_at = InstantField()
    steps = StepOut(many=True)
    next = NextOut()


class MyTimeline(Door):
    """What is done, what waits for what, and who acts next and by when."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=TimelineOut)
    def get(self, request: Request) -> Response:
        patient = my_patient(request)
        return _timeline(patient, patient.time_zone)


class TimelineOf(Door):
    """The same of one patient, for colleagues."""

    permission_classes = (looking(STAFF, PHYSICIAN),)

    @extend_schema(responses=TimelineOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        patient = found(Patient.objects.visible_to(user).select_related("address"), pk)
        look_log(user, "patient", [patient])
        return _timeline(patient, zone_of(user) or patient.time_zone)


def _timeline(patient: Patient, zone: str) -> Response:
    now = clock.now()
    care, _ = replan.read(patient.pk, now=now)
    chain = timeline.steps(care)
    steps = [
        {
            "key": step.key,
            "title": step.title,
            "state": step.state,
            "at": step.at,
            "time_zone": zone,
            "unmet_gates": step.unmet,
            "object": step.object and {"kind": step.object[0], "id": step.object[1]},
        }
        for step in chain
    ]
    body = {"patient": patient.pk, "checked_at": now, "steps": steps}
    return Response(TimelineOut({**body, "next": timeline.next_of(chain, care.now)}).data)


# --- the calendar -------------------------------------------------------------------------------


class CalendarQuery(DaysQuery):
    physician = IdField(required=False)


class EntryOut(serializers.Serializer[Any]):
    """``type``: consultation, session, hold or time_off; ``busy_*`` is with the buffers.

    Of a session it is the part that takes the physician's time.
    """

    type = serializers.CharField()
    id = serializers.UUIDField()
    physician = serializers.UUIDField()
    start = InstantField()
    end = InstantField()
    busy_start = InstantField()
    busy_end = InstantField()
    status = serializers.CharField(allow_null=True)
    reference = serializers.CharField(allow_null=True)
    patient = serializers.UUIDField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    join = serializers.CharField(allow_null=True)
    join_url = serializers.CharField(allow_null=True)


class CalendarOut(serializers.Serializer[Any]):
    time_zone = serializers.CharField()
    results = EntryOut(many=True)


class Calendar(Door):
    """Everything that takes a physician's time, in one request."""

    permission_classes = (roles(PHYSICIAN, STAFF),)

    @extend_schema(parameters=[CalendarQuery], responses=CalendarOut)
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(CalendarQuery, request)
        physician = _physician_for(user, asked)
        within = days(asked["from"], asked["to"], physician.time_zone)
        reserved = list(taken.reserved(physician, within, clock.now()))
        look_log(user, "reservation", [row for row in reserved if row.patient_id])
        entries = [_entry(row, physician) for row in reserved]
        entries += _off(physician, within)
        entries.sort(key=lambda entry: (entry["start"], entry["id"]))
        body = {"time_zone": physician.time_zone, "results": entries}
        return Response(CalendarOut(body).data)


def _physician_for(user: User, asked: dict[str, Any]) -> Physician:
    """Staff name a physician; a physician sees his own calendar, with his patients in it."""
    rows = Physician.objects.order_by("pk")
    if user.role == Role.PHYSICIAN:
        rows = rows.filter(user=user)
    elif "physician" not in asked:
        raise serializers.ValidationError({"physician": ["Name a physician."]})
    if "physician" in asked:
        rows = rows.filter(pk=asked["physician"])
    row = rows.first()
    if row is None:
        raise Http404
    return row


def _entry(row: Reservation, physician: Physician) -> dict[str, Any]:
    """What a reservation is for: a consultation, a session, or nothing yet."""
    whole = {
        **dict.fromkeys(("status", "reference", "patient", "kind", "join", "join_url")),
        "physician": physician.pk,
        "start": row.period.lower,
        "end": row.period.upper,
        "busy_start": row.busy.lower,
        "busy_end": row.busy.upper,
    }
    meeting: Consultation | None = getattr(row, "consultation", None)
    session: TreatmentSession | None = getattr(row, "session", None)
    about = meeting or session
    if about is None:
        held = {"id": row.pk, "start": row.hold_start, "kind": row.hold_kind}
        return {**whole, "type": "hold", **held}
    whole |= {
        "id": about.pk,
        "start": about.start,
        "status": about.status,
        "patient": about.patient_id,
        "join": "video" if physician.join_url else "telephone",
        "join_url": physician.join_url,
    }
    if meeting is None:
        return {**whole, "type": "session"}
    told = {"end": meeting.end, "reference": meeting.reference, "kind": meeting.kind}
    return {**whole, "type": "consultation", **told}


def _off(physician: Physician, within: Interval) -> list[dict[str, Any]]:
    rows = TimeOff.objects.filter(physician=physician, start__lt=within.end, end__gt=within.start)
    nothing = dict.fromkeys(("status", "reference", "patient", "kind", "join", "join_url"))
    return [
        {
            **nothing,
            "type": "time_off",
            "id": row.pk,
            "physician": physician.pk,
            "start": row.start,
            "end": row.end,
            "busy_start": row.start,
            "busy_end": row.end,
        }
        for row in rows
    ]


class AtRiskOut(serializers.ModelSerializer[Consultation]):
    start = InstantField()

    class Meta:
        model = Consultation
        fields = ["id", "reference", "patient", "start"]


class TimeOffTakenOut(serializers.Serializer[Any]):
    """``id`` is null where it is only shown what would happen."""

    id = serializers.UUIDField(allow_null=True)
    start = InstantField()
    end = InstantField()
    at_risk = AtRiskOut(many=True)


TAKEN = {200: TimeOffTakenOut, 201: TimeOffTakenOut}  # 200 where it is only shown


@extend_schema_view(get=extend_schema(responses=TimeOffOut(many=True)))
class TimeOffOf(OfPhysician):
    """Time that is not offered; what is booked in it is told, and is at risk."""

    model, shape_in, shape_out = TimeOff, SpanIn, TimeOffOut

    @extend_schema(parameters=[PreviewQuery], request=SpanIn, responses=TAKEN)
    def post(self, request: Request, pk: UUID) -> Response:
        physician = own_physician(self, request, pk)
        only_shows = query(PreviewQuery, request)["preview"] == "true"
        sent = read(SpanIn, request.data)
        row = TimeOff(physician=physician, **sent)
        if not only_shows:
            row = add_time_off(physician=physician, **sent, by=actor_of(request), now=clock.now())
        at_risk = list(taken.booked(physician, Interval(row.start, row.end)))
        look_log(signed_in(request), "consultation", at_risk)
        body = {
            "id": None if only_shows else row.pk,
            "start": row.start,
            "end": row.end,
            "at_risk": at_risk,
        }
        return Response(TimeOffTakenOut(body).data, status=200 if only_shows else 201)


# --- the numbers of the practice ------------------------------------------------------------------


class SettingOut(serializers.Serializer[Any]):
    """``low`` and ``high`` are inclusive."""

    key = serializers.CharField()
    value = serializers.IntegerField()
    unit = serializers.CharField()
    low = serializers.IntegerField()
    high = serializers.IntegerField()
    default = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]


class SettingsOut(serializers.Serializer[Any]):
    results = SettingOut(many=True)


class SettingsIn(Input):
    """``{key: value}``; the others stay."""

    def get_fields(self) -> dict[str, Any]:
        return {
            key: NumberField(min_value=number.low, max_value=number.high, required=False)
            for key, number in DEFAULTS.items()
        }


class Settings(Door):
    """Lengths, buffers and lead times; staff look, physicians change them."""

    permission_classes = (roles(PHYSICIAN, STAFF),)

    @extend_schema(responses=SettingsOut)
    def get(self, request: Request) -> Response:
        query(Input, request)
        return self._all()

    @extend_schema(request=SettingsIn, responses=SettingsOut)
    def patch(self, request: Request) -> Response:
        user = signed_in(request)
        if user.role != Role.PHYSICIAN:
            self.permission_denied(request, "Physicians change these.")
        values = read(SettingsIn, request.data)
        change_settings(values=values, user_id=user.pk, by=actor_of(request), now=clock.now())
        return self._all()

    def _all(self) -> Response:
        values = in_force(clock.now())
        rows = [
            {**asdict(number), "key": key, "value": values[key], "default": number.value}
            for key, number in DEFAULTS.items()
        ]
        return Response(SettingsOut({"results": rows}).data)


# --- the dated rules ------------------------------------------------------------------------------


class RuleIn(Input):
    """``valid_to`` is the last day; none while the rule has no end."""

    code = TextField(max_length=40)
    state = serializers.ChoiceField(choices=["US", "FL", "NJ"])
    valid_from = DayField()
    valid_to = DayField(required=False, allow_null=True, default=None)
    text = TextField(max_length=5000)
    source = TextField(max_length=200)  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["valid_to"] and attrs["valid_to"] < attrs["valid_from"]:
            raise serializers.ValidationError({"valid_to": ["Use a day on or after the first."]})
        return attrs


class RuleOut(serializers.ModelSerializer[Rule]):
    class Meta:
        model = Rule
        fields = [
            "id", "code", "state", "valid_from", "valid_to", "text", "source", "reviewed_by",
            "reviewed_at",
        ]  # fmt: skip


class Rules(Door):
    """Legal rules as dated rows; a new row follows an old one, which stays as it is."""

    permission_classes = (roles(PHYSICIAN),)

    @extend_schema(responses=RuleOut(many=True))
    def get(self, request: Request) -> Response:
        return listed(self, Rule.objects.all(), RuleOut)

    @extend_schema(request=RuleIn, responses={201: RuleOut})
    def post(self, request: Request) -> Response:
        user, sent = signed_in(request), read(RuleIn, request.data)
        row = add_rule(**sent, user_id=user.pk, by=actor_of(request), now=clock.now())
        return Response(RuleOut(row).data, status=201)


# --- work items and events -----------------------------------------------------------------------


class WorkItemOut(serializers.ModelSerializer[WorkItem]):
    raised_at = InstantField()
    due_at = InstantField()

    class Meta:
        model = WorkItem
        fields = [
            "id", "kind", "detail", "urgency", "status", "patient_id", "object_kind", "object_id",
            "raised_at", "due_at", "claimed_by", "note",
        ]  # fmt: skip


class WorkItemQuery(ListQuery):
    kind = TextField(max_length=40, required=False)
    mine = serializers.ChoiceField(choices=["true", "false"], required=False)
    status = serializers.ChoiceField(choices=["open", "closed"], default="open")


class MostUrgent(Cursor):
    ordering = ("urgency", "due_at", "id")


def items_of(user: User) -> QuerySet[WorkItem]:
    """What is asked of the user's role; what physicians did is for those who have the patient in
    care, while what is open waits for any of them.
    """
    rows = WorkItem.objects.visible_to(user)
    if user.role != Role.PHYSICIAN:
        return rows
    mine = Q(patient_id=None) | of_visible(user, "patient_id")
    return rows.filter(mine | Q(status=WorkItem.Status.OPEN))


class WorkItems(Door):
    """What needs a human in the reader's role, most urgent first."""

    permission_classes = (roles(STAFF, PHYSICIAN, Role.ADMINISTRATOR),)

    @extend_schema(parameters=[WorkItemQuery], responses=WorkItemOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(WorkItemQuery, request)
        rows = items_of(user).filter(status=asked["status"])
        if "kind" in asked:
            rows = rows.filter(kind=asked["kind"])
        if asked.get("mine") == "true":
            rows = rows.filter(claimed_by=user)
        pages = MostUrgent()
        page = pages.paginate_queryset(rows, request, self)
        _look_log_of(user, "workitem", page)
        return pages.get_paginated_response(WorkItemOut(page, many=True).data)


def _look_log_of(user: User, kind: str, rows: Any) -> None:
    """Of these, some are about a patient."""
    look_log(user, kind, [row for row in rows if row.patient_id])


def _item(request: Request, item: WorkItem) -> Response:
    _look_log_of(signed_in(request), "workitem", [item])
    return Response(WorkItemOut(item).data)


class ClaimWorkItem(Door):
    """Say that one does it."""

    permission_classes = (roles(STAFF, PHYSICIAN, Role.ADMINISTRATOR),)

    @extend_schema(request=Nothing, responses=WorkItemOut)
    def post(self, request: Request, pk: UUID) -> Response:
        item = found(items_of(signed_in(request)), pk)
        read(Nothing, request.data)
        claimed = claim_work_item(item=item, by=actor_of(request), now=clock.now())
        return _item(request, claimed)


class CloseIn(Input):
    note = TextField(max_length=2000)


class CloseWorkItem(Door):
    """Say what was done."""

    permission_classes = (roles(STAFF, PHYSICIAN, Role.ADMINISTRATOR),)

    @extend_schema(request=CloseIn, responses=WorkItemOut)
    def post(self, request: Request, pk: UUID) -> Response:
        item = found(items_of(signed_in(request)), pk)
        note = read(CloseIn, request.data)["note"]
        closed = close_work_item(item=item, note=note, by=actor_of(request), now=clock.now())
        return _item(request, closed)


class ApproveWorkItem(Door):
    """Let go what the brake holds: one change that would touch more than ten patients."""

    permission_classes = (roles(STAFF, PHYSICIAN),)

    @extend_schema(request=Nothing, responses=WorkItemOut)
    def post(self, request: Request, pk: UUID) -> Response:
        item = found(items_of(signed_in(request)), pk)
        read(Nothing, request.data)
        return _item(request, approve(item=item, by=actor_of(request), now=clock.now()))


class EventOut(serializers.ModelSerializer[Event]):
    occurred_at = InstantField()

    class Meta:
        model = Event
        fields = [
            "id", "kind", "occurred_at", "role", "channel", "cause", "object_kind", "object_id",
            "patient_id", "payload",
        ]  # fmt: skip


class EventQuery(ListQuery):
    after = IdField(required=False)


class Events(Door):
    """What happened, first things first: ids and names of fields.

    An event shows as soon as none with a smaller id can come: ``after`` never skips one.
    """

    permission_classes = (roles(STAFF),)

    @extend_schema(parameters=[EventQuery], responses=EventOut(many=True))
    def get(self, request: Request) -> Response:
        asked = query(EventQuery, request)
        rows = Event.objects.visible_to(signed_in(request)).filter(pk__lt=settled_before())
        if "after" in asked:
            rows = rows.filter(pk__gt=asked["after"])
        pages = Cursor()
        page = pages.paginate_queryset(rows, request, self)
        _look_log_of(signed_in(request), "event", page)
        return pages.get_paginated_response(EventOut(page, many=True).data)
