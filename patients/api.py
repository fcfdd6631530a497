"""The API of patients: service area, assessments, profile, addresses, consents."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import (
    CARE,
    PATIENT,
    Anyone,
    actor_of,
    roles,
    signed_in,
    user_of,
)
from accounts.models import Role, User
from patients import actions, questionnaire, service_area
from patients.models import Address, Assessment, Consent, Patient, SupportPerson
from records import clock
from records.api import (
    Cursor,
    DayField,
    Door,
    Input,
    InstantField,
    TextField,
    TruthField,
    if_match,
    query,
    read,
    with_etag,
)
from records.events import log_access

CHANNELS = ("telephone", "in_person")


class ZipField(TextField):
    """Five digits, or nine; surrounding blanks are fine."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return service_area.zip_code(text)
        except ValueError as error:
            raise serializers.ValidationError("Use a ZIP code of five digits.") from error


class TimeZoneField(serializers.ChoiceField):
    """One of the two zones in which we treat."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=["America/New_York", "America/Chicago"], **options)


@extend_schema_field({"type": "object", "additionalProperties": True})
class AnswersField(serializers.Field):  # type: ignore[type-arg]
    """``{key: value}``; the keys and what they take are told by ``assessments/questions/``."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Use an object of answers by their keys.")
        wrong = questionnaire.problems(data, complete=not self.context.get("partial"))
        if wrong:
            raise serializers.ValidationError(
                {key: serializers.ErrorDetail(text, code) for key, (code, text) in wrong.items()}
            )
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


class PersonIn(Input):
    first_name = TextField(max_length=60)
    last_name = TextField(max_length=60)
    date_of_birth = DayField()
    phone = TextField(max_length=30, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")


class AddressIn(Input):
    line1 = TextField(max_length=100)
    line2 = TextField(max_length=100, allow_blank=True, default="")
    city = TextField(max_length=60)
    state = TextField(max_length=20)
    postal_code = ZipField(max_length=20)
    county = TextField(max_length=60, required=False)
    time_zone = TimeZoneField(required=False)


class ConsentsIn(Input):
    privacy = TruthField()
    telehealth = TruthField()
    sms = TruthField(default=False)


class AssessmentIn(Input):
    """A visitor sends all of it; a patient ``answers`` and ``consents``; staff also ``patient``."""

    person = PersonIn(required=False)
    address = AddressIn(required=False)
    answers = AnswersField()
    consents = ConsentsIn()
    patient = serializers.UUIDField(required=False)
    channel = serializers.ChoiceField(choices=CHANNELS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user: User | None = self.context["user"]
        needed = {"person", "address"} if user is None else set()
        if user and user.role == Role.STAFF:
            needed = {"patient", "channel"}
        exactly(attrs, needed, of={"person", "address", "patient", "channel"})
        return attrs


def exactly(given: Mapping[str, Any], needed: set[str], *, of: set[str]) -> None:
    """Of some fields, exactly the ``needed`` ones must be given."""
    missing = {name: ["This field is required."] for name in needed if name not in given}
    surplus = {
        name: [serializers.ErrorDetail("This field is not for you.", "not_for_you")]
        for name in of - needed
        if name in given
    }
    if missing or surplus:
        raise serializers.ValidationError({**missing, **surplus}, code="required")


class AssessmentOut(serializers.ModelSerializer[Assessment]):
    submitted_at = InstantField()

    class Meta:
        model = Assessment
        fields = [
            "id", "reference", "status", "patient", "version", "submitted_at", "channel",
        ]  # fmt: skip


class AssessmentForPhysician(AssessmentOut):
    class Meta(AssessmentOut.Meta):
        fields = [*AssessmentOut.Meta.fields, "answers", "flags", "urgency", "crisis"]


class SubmittedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    secret = serializers.CharField()
    outcome = serializers.CharField()
    detail = serializers.CharField()
    crisis = serializers.BooleanField()
    crisis_text = serializers.CharField(required=False)


class PlaceQuery(Input):
    postal_code = ZipField(max_length=20)
    state = TextField(max_length=20, required=False)
    city = TextField(max_length=60, required=False)
    county = TextField(max_length=60, required=False)


class PlaceOut(serializers.Serializer[Any]):
    served = serializers.BooleanField()
    code = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.CharField(allow_null=True)
    county = serializers.CharField(allow_null=True)
    counties = serializers.ListField(child=serializers.CharField())
    time_zone = serializers.CharField(allow_null=True)
    time_zones = serializers.ListField(child=serializers.CharField())


class ServiceArea(Door):
    """Whether we treat at a ZIP code, and in which county and time zone it lies."""

    permission_classes = (Anyone,)

    @extend_schema(parameters=[PlaceQuery], responses=PlaceOut, operation_id="service_area")
    def get(self, request: Request) -> Response:
        return Response(PlaceOut(actions.place_of(query(PlaceQuery, request))).data)


class QuestionOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    text = serializers.CharField()
    type = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    required = serializers.BooleanField()  # type: ignore[assignment]


class QuestionsOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    questions = QuestionOut(many=True)


class Questions(Door):
    """The questionnaire in force."""

    permission_classes = (Anyone,)

    @extend_schema(responses=QuestionsOut)
    def get(self, request: Request) -> Response:
        found = {"version": questionnaire.VERSION, "questions": questionnaire.QUESTIONS}
        return Response(QuestionsOut(found).data)


class AssessmentQuery(Input):
    status = serializers.ChoiceField(choices=["submitted", "reviewed"], required=False)
    urgency = serializers.ChoiceField(choices=["1", "2", "3"], required=False)
    cursor = TextField(required=False)
    limit = TextField(required=False)


class Assessments(Door):
    """The queue, urgent first; anybody may submit."""

    permission_classes = (Anyone,)

    @extend_schema(request=AssessmentIn, responses={201: SubmittedOut})
    def post(self, request: Request) -> Response:
        user = user_of(request)
        if user and user.role not in (Role.PATIENT, Role.STAFF):
            self.permission_denied(request, "Your role does not do this.")
        sent = read(AssessmentIn, request.data, user=user)
        now = clock.now()
        if user is None:
            made = actions.submit_assessment(
                person=sent["person"],
                address=sent["address"],
                answers=sent["answers"],
                consents=sent["consents"],
                by=actor_of(request),
                now=now,
            )
        else:
            made = actions.submit_for_patient(
                patient=patient_for(user, sent),
                answers=sent["answers"],
                consents=sent["consents"],
                by=actor_of(request, channel=sent.get("channel", "web")),
                now=now,
            )
        return _submitted(*made, shows_crisis=user is None or user.role == Role.PATIENT)

    @extend_schema(parameters=[AssessmentQuery], responses=AssessmentOut(many=True))
    def get(self, request: Request) -> Response:
        if not roles(*CARE)().has_permission(request, self):
            self.permission_denied(request)
        user, asked = signed_in(request), query(AssessmentQuery, request)
        rows = Assessment.objects.visible_to(user)
        for name in ("status", "urgency"):
            if name in asked:
                rows = rows.filter(**{name: asked[name]})
        pages = UrgentFirst()
        page = pages.paginate_queryset(rows, request, self) or []
        look_log(user, "assessment", page)
        return pages.get_paginated_response(assessment_shape(user)(page, many=True).data)


class UrgentFirst(Cursor):
    ordering = ("urgency", "id")


class AssessmentDetail(Door):
    """One assessment: its patient and physicians see the answers, staff its status."""

    permission_classes = (roles(*CARE),)

    @extend_schema(responses=AssessmentForPhysician)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Assessment.objects.visible_to(user), pk)
        look_log(user, "assessment", [row])
        return Response(assessment_shape(user)(row).data)


def assessment_shape(user: User) -> type[AssessmentOut]:
    """Staff can enter a caller's answers, and do not read them back."""
    return AssessmentForPhysician if user.role == Role.PHYSICIAN else AssessmentOut


def _submitted(assessment: Assessment, secret: str, *, shows_crisis: bool = True) -> Response:
    body: dict[str, Any] = {
        "id": str(assessment.pk),
        "reference": assessment.reference,
        "secret": secret,
        "outcome": "under_review",
        "detail": questionnaire.REVIEW_TEXT,
        "crisis": assessment.crisis,
    }
    if assessment.crisis:
        body["crisis_text"] = questionnaire.CRISIS_TEXT
    return Response(body, status=201)


class DraftIn(Input):
    """Age, ZIP and a contact are asked first."""

    date_of_birth = DayField()
    postal_code = ZipField(max_length=20)
    state = TextField(max_length=20, required=False)
    time_zone = TimeZoneField(required=False)
    phone = TextField(max_length=30, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")


class DraftOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    secret = serializers.CharField()


class Drafts(Door):
    """Begin an assessment that is filled answer by answer."""

    permission_classes = (Anyone,)

    @extend_schema(request=DraftIn, responses={201: DraftOut})
    def post(self, request: Request) -> Response:
        sent = read(DraftIn, request.data)
        draft, secret = actions.begin_draft(
            born=sent["date_of_birth"],
            address=sent,
            phone=sent["phone"],
            email=sent["email"],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response({"id": str(draft.pk), "secret": secret}, status=201)


class DraftAnswerIn(Input):
    secret = TextField(max_length=100)
    answers = AnswersField()


class DraftAnswerOut(serializers.Serializer[Any]):
    answered = serializers.ListField(child=serializers.CharField())
    crisis = serializers.BooleanField()
    crisis_text = serializers.CharField(required=False)


class Draft(Door):
    """Answer a question of a draft; a crisis answer acts at once."""

    permission_classes = (Anyone,)

    @extend_schema(request=DraftAnswerIn, responses=DraftAnswerOut)
    def patch(self, request: Request, pk: UUID) -> Response:
        sent = read(DraftAnswerIn, request.data, partial=True)
        draft = _opened(
            actions.answer_draft,
            draft_id=pk,
            secret=sent["secret"],
            answers=sent["answers"],
            by=actor_of(request),
            now=clock.now(),
        )
        body: dict[str, Any] = {"answered": sorted(draft.answers), "crisis": draft.crisis}
        if draft.crisis:
            body["crisis_text"] = questionnaire.CRISIS_TEXT
        return Response(body)


class DraftSubmitIn(Input):
    secret = TextField(max_length=100)
    person = PersonIn()
    address = AddressIn()
    consents = ConsentsIn()


class DraftSubmit(Door):
    """Turn a draft into an assessment."""

    permission_classes = (Anyone,)

    @extend_schema(request=DraftSubmitIn, responses={201: SubmittedOut})
    def post(self, request: Request, pk: UUID) -> Response:
        sent = read(DraftSubmitIn, request.data)
        try:
            made = _opened(
                actions.submit_draft, draft_id=pk, **sent, by=actor_of(request), now=clock.now()
            )
        except actions.AnswersInvalid as error:
            raise serializers.ValidationError(
                {
                    "answers": {
                        key: serializers.ErrorDetail(text, code)
                        for key, (code, text) in error.problems.items()
                    }
                }
            ) from error
        return _submitted(*made)


def _opened(action: Any, **arguments: Any) -> Any:
    """A draft that this secret does not open is not there."""
    try:
        return action(**arguments)
    except Assessment.DoesNotExist as error:
        raise Http404 from error


# --- profile -------------------------------------------------------------------------------------


class AddressOut(serializers.ModelSerializer[Address]):
    class Meta:
        model = Address
        fields = [
            "line1", "line2", "city", "state", "postal_code", "county", "time_zone", "served",
        ]  # fmt: skip


class PatientOut(serializers.ModelSerializer[Patient]):
    address = AddressOut(allow_null=True)
    phone = serializers.CharField()
    time_zone = serializers.CharField()
    age = serializers.SerializerMethodField()

    class Meta:
        model = Patient
        fields = [
            "id", "first_name", "last_name", "date_of_birth", "age", "phone", "email", "address",
            "time_zone",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.INT)
    def get_age(self, patient: Patient) -> int:
        today = self.context["now"].astimezone(ZoneInfo(patient.time_zone)).date()
        born = patient.date_of_birth
        age: int = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        return age


class NamesIn(Input):
    first_name = TextField(max_length=60, required=False)
    last_name = TextField(max_length=60, required=False)


def my_patient(request: Request) -> Patient:
    """The patient who asks; the door is open to patients alone."""
    rows = Patient.objects.visible_to(signed_in(request)).select_related("address")
    row = rows.first()
    if row is None:
        raise Http404
    return row


def patient_for(user: User, sent: Mapping[str, Any]) -> Patient:
    """Whom a request is about: staff name a patient, a patient is meant himself."""
    rows = Patient.objects.visible_to(user).select_related("address")
    row = rows.filter(pk=sent["patient"]).first() if user.role == Role.STAFF else rows.first()
    if row is None:
        raise serializers.ValidationError({"patient": ["There is no such patient."]})
    return row


def found(rows: Any, pk: UUID) -> Any:
    """The row of these with that id, or 404: what one may not see is as if it never was."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def look_log(user: User, kind: str, rows: Any) -> None:
    """Write down that a colleague looked at patients' data; one's own needs no record."""
    if user.role == Role.PATIENT or not rows:
        return
    patients = [row.pk if isinstance(row, Patient) else row.patient_id for row in rows]
    log_access(
        user_id=user.pk,
        role=user.role,
        kind=kind,
        object_ids=[row.pk for row in rows],
        patient_ids=[pk for pk in patients if pk],
    )


def patient_answer(patient: Patient, *, status: int = 200) -> Response:
    """A patient as the API tells it."""
    body = PatientOut(patient, context={"now": clock.now()}).data
    return with_etag(Response(body, status=status), patient.version)


class Me(Door):
    """The profile of the patient who asks."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=PatientOut)
    def get(self, request: Request) -> Response:
        return patient_answer(my_patient(request))

    @extend_schema(request=NamesIn, responses=PatientOut)
    def patch(self, request: Request) -> Response:
        patient = actions.rename_patient(
            patient=my_patient(request),
            names=read(NamesIn, request.data),
            by=actor_of(request),
            now=clock.now(),
            version=if_match(request),
        )
        return patient_answer(patient)


class MoveIn(AddressIn):
    kind = serializers.ChoiceField(choices=["correction", "move"])
    reason = TextField(max_length=300, allow_blank=True, default="")


class MyAddress(Door):
    """Correct the address, or tell of a move; a move re-checks everything."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(request=MoveIn, responses={201: PatientOut})
    def post(self, request: Request) -> Response:
        return move_answer(request, my_patient(request))


def move_answer(request: Request, patient: Patient) -> Response:
    """The address of a patient changes, by themselves or by staff."""
    sent = read(MoveIn, request.data)
    kind, reason = sent.pop("kind"), sent.pop("reason")
    changed = actions.change_address(
        patient=patient,
        kind=kind,
        address=sent,
        reason=reason,
        by=actor_of(request),
        now=clock.now(),
        version=if_match(request),
    )
    return patient_answer(changed, status=201)


class ConsentIn(Input):
    kind = serializers.ChoiceField(choices=Consent.Kind.values)
    accepted = TruthField()


class ConsentOut(serializers.ModelSerializer[Consent]):
    at = InstantField()

    class Meta:
        model = Consent
        fields = ["id", "kind", "version", "accepted", "at"]


class MyConsents(Door):
    """Consents given and withdrawn; the latest of a kind counts."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=ConsentOut(many=True))
    def get(self, request: Request) -> Response:
        pages = Cursor()
        rows = Consent.objects.filter(patient=my_patient(request))
        page = pages.paginate_queryset(rows, request, self)
        return pages.get_paginated_response(ConsentOut(page, many=True).data)

    @extend_schema(request=ConsentIn, responses={201: ConsentOut})
    def post(self, request: Request) -> Response:
        sent = read(ConsentIn, request.data)
        given = actions.give_consents(
            patient=my_patient(request),
            consents={sent["kind"]: sent["accepted"]},
            by=actor_of(request),
            now=clock.now(),
        )
        return Response(ConsentOut(given[0]).data, status=201)


class SupportPersonIn(Input):
    name = TextField(max_length=120)
    date_of_birth = DayField()
    phone = TextField(max_length=30)


class SupportPersonOut(serializers.ModelSerializer[SupportPerson]):
    phone = serializers.CharField()

    class Meta:
        model = SupportPerson
        fields = ["id", "name", "date_of_birth", "phone"]


class MySupportPersons(Door):
    """The adults who stay with the patient during treatment."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=SupportPersonOut(many=True))
    def get(self, request: Request) -> Response:
        pages = Cursor()
        rows = SupportPerson.objects.filter(patient=my_patient(request))
        page = pages.paginate_queryset(rows, request, self)
        return pages.get_paginated_response(SupportPersonOut(page, many=True).data)

    @extend_schema(request=SupportPersonIn, responses={201: SupportPersonOut})
    def post(self, request: Request) -> Response:
        sent = read(SupportPersonIn, request.data)
        person = actions.name_support_person(
            patient=my_patient(request),
            name=sent["name"],
            born=sent["date_of_birth"],
            phone=sent["phone"],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response(SupportPersonOut(person).data, status=201)
