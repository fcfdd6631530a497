"""The API of assessments: the questionnaire, submitting it whole or answer by answer, the queue."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, CLINICAL, Anyone, actor_of, signed_in, user_of
from accounts.models import Role, User
from patients import questionnaire
from patients.api import (
    CHANNELS,
    AddressIn,
    ConsentsIn,
    PersonIn,
    TimeZoneField,
    ZipField,
    exactly,
    found,
    look_log,
    looking,
    of_typed,
    patient_for,
)
from patients.assessments import actions
from patients.models import Assessment
from patients.service_area import LONGEST_STATE
from records import clock
from records.api import (
    Cursor,
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    MailField,
    TextField,
    query,
    read,
)
from records.refused import Refused


@extend_schema_field({"type": "object", "additionalProperties": True})
class AnswersField(serializers.Field):  # type: ignore[type-arg]
    """``{key: value}``; the keys and what they take are told by ``assessments/questions/``."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Use an object of answers by their keys.")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


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
        query(Input, request)
        asked = {"version": questionnaire.VERSION, "questions": questionnaire.QUESTIONS}
        return Response(QuestionsOut(asked).data)


class Helping(Door):
    """A door for answers: whatever else is wrong, a crisis is met with help at once."""

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if response.status_code < 500 and questionnaire.crisis_answers(self.answers()):
            response.data = {**response.data, **questionnaire.HELP}
        return response

    def answers(self) -> dict[str, Any]:
        """What was answered, unchecked: the request may be refused for anything."""
        try:
            sent = self.request.data
        except Exception:  # noqa: BLE001  it could not be read, which is being told just now
            return {}
        answers = sent.get("answers") if isinstance(sent, dict) else None
        return answers if isinstance(answers, dict) else {}


# --- submitting ----------------------------------------------------------------------------------


class AssessmentIn(Input):
    """A visitor sends all of it; a patient ``answers`` and ``consents``; staff also ``patient``."""

    person = PersonIn(required=False)
    address = AddressIn(required=False)
    answers = AnswersField()
    consents = ConsentsIn()
    patient = IdField(required=False)
    channel = serializers.ChoiceField(choices=CHANNELS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user: User | None = self.context["user"]
        needed = {"person", "address"} if user is None else set()
        if user and user.role == Role.STAFF:
            needed = {"patient", "channel"}
        exactly(attrs, needed, of={"person", "address", "patient", "channel"})
        return attrs


class SubmittedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    secret = serializers.CharField()
    outcome = serializers.CharField()
    detail = serializers.CharField()
    crisis = serializers.BooleanField()
    crisis_text = serializers.CharField(required=False)


class AssessmentOut(serializers.ModelSerializer[Assessment]):
    submitted_at = InstantField(allow_null=True)

    class Meta:
        model = Assessment
        fields = [
            "id", "reference", "status", "patient", "version", "submitted_at", "channel",
        ]  # fmt: skip


class ContactOut(serializers.Serializer[Any]):
    phone = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)


class AssessmentForPhysician(AssessmentOut):
    """What physicians see; patients and staff see neither answers nor what follows from them.

    ``crisis_answers``: what called for help, also when ``answers`` say something else since.
    """

    contact = ContactOut(source="reached_by", required=False)

    class Meta(AssessmentOut.Meta):
        fields = [
            *AssessmentOut.Meta.fields, "answers", "flags", "urgency", "crisis", "crisis_answers",
            "contact",
        ]  # fmt: skip


class AssessmentQuery(ListQuery):
    status = serializers.ChoiceField(choices=["draft", "submitted", "reviewed"], required=False)


class QueueQuery(AssessmentQuery):
    """Only a physician asks for, or by, urgency: it comes from the answers."""

    urgency = serializers.ChoiceField(choices=["1", "2", "3"], required=False)


class UrgentFirst(Cursor):
    ordering = ("urgency", "id")


class Assessments(Helping):
    """The queue, for physicians urgent first; anybody may submit."""

    permission_classes = (Anyone,)
    limits = {"POST": "assessment"}

    def counted_by(self, request: Request) -> dict[str, str]:
        sent = request.data if isinstance(request.data, dict) else {}
        return super().counted_by(request) | of_typed(sent.get("person"))

    @extend_schema(request=AssessmentIn, responses={201: SubmittedOut})
    def post(self, request: Request) -> Response:
        user = user_of(request)
        if user and user.role not in (Role.PATIENT, Role.STAFF):
            self.permission_denied(request, "Your role does not do this.")
        sent = read(AssessmentIn, request.data, user=user)
        if user is None:
            made = actions.submit_assessment(
                person=sent["person"],
                address=sent["address"],
                answers=sent["answers"],
                consents=sent["consents"],
                by=actor_of(request),
                now=clock.now(),
            )
        else:
            made = actions.submit_for_patient(
                patient=patient_for(user, sent),
                answers=sent["answers"],
                consents=sent["consents"],
                by=actor_of(request, channel=sent.get("channel", "web")),
                now=clock.now(),
            )
        return _submitted(*made)

    @extend_schema(parameters=[QueueQuery], responses=AssessmentForPhysician(many=True))
    def get(self, request: Request) -> Response:
        if not looking(*CARE)().has_permission(request, self):
            self.permission_denied(request)
        user = signed_in(request)
        weighs = user.role in CLINICAL
        asked = query(QueueQuery if weighs else AssessmentQuery, request)
        rows = Assessment.objects.visible_to(user).select_related("patient")
        names = ("status", "urgency")
        rows = rows.filter(**{name: asked[name] for name in names if name in asked})
        pages = UrgentFirst() if weighs else Cursor()
        page = pages.paginate_queryset(rows, request, self) or []
        look_log(user, "assessment", page)
        return pages.get_paginated_response(_shape(user)(page, many=True).data)


class AssessmentDetail(Door):
    """One assessment: physicians see the answers, its patient and staff how far it is."""

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=AssessmentForPhysician)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Assessment.objects.visible_to(user), pk)
        look_log(user, "assessment", [row])
        return Response(_shape(user)(row).data)


def _shape(user: User) -> type[AssessmentOut]:
    return AssessmentForPhysician if user.role in CLINICAL else AssessmentOut


def _submitted(assessment: Assessment, secret: str) -> Response:
    body: dict[str, Any] = {
        "id": str(assessment.pk),
        "reference": assessment.reference,
        "secret": secret,
        "outcome": "under_review",
        "detail": questionnaire.REVIEW_TEXT,
        "crisis": assessment.crisis,
    }
    return Response({**body, **(questionnaire.HELP if assessment.crisis else {})}, status=201)


# --- drafts --------------------------------------------------------------------------------------


class DraftIn(Input):
    """Age, ZIP and a contact are asked first."""

    date_of_birth = DayField()
    postal_code = ZipField(max_length=20)
    state = TextField(max_length=LONGEST_STATE, required=False)
    time_zone = TimeZoneField(required=False)
    phone = TextField(max_length=30, allow_blank=True, default="")
    email = MailField(allow_blank=True, default="")


class DraftOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    secret = serializers.CharField()


class Drafts(Door):
    """Begin an assessment that is filled answer by answer."""

    permission_classes = (Anyone,)
    limits = {"POST": "draft"}

    def counted_by(self, request: Request) -> dict[str, str]:
        return super().counted_by(request) | of_typed(request.data)

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


class Draft(Helping):
    """Answer a question of a draft; a crisis answer acts at once."""

    permission_classes = (Anyone,)
    limits, counts = {"PATCH": "guess"}, (404,)

    @extend_schema(request=DraftAnswerIn, responses=DraftAnswerOut)
    def patch(self, request: Request, pk: UUID) -> Response:
        sent = read(DraftAnswerIn, request.data)
        try:
            draft = actions.answer_draft(draft_id=pk, **sent, by=actor_of(request), now=clock.now())
        except Assessment.DoesNotExist as error:
            raise Http404 from error
        body = {"answered": sorted(draft.answers), "crisis": draft.crisis}
        return Response({**body, **(questionnaire.HELP if draft.crisis else {})})


class DraftSubmitIn(Input):
    secret = TextField(max_length=100)
    person = PersonIn()
    address = AddressIn()
    consents = ConsentsIn()


class DraftSubmit(Door):
    """Turn a draft into an assessment."""

    permission_classes = (Anyone,)
    limits, counts = {"POST": "guess"}, (404,)

    @extend_schema(request=DraftSubmitIn, responses={201: SubmittedOut})
    def post(self, request: Request, pk: UUID) -> Response:
        sent = read(DraftSubmitIn, request.data)
        try:
            made = actions.submit_draft(draft_id=pk, **sent, by=actor_of(request), now=clock.now())
        except Assessment.DoesNotExist as error:
            raise Http404 from error
        except Refused as refusal:
            # Answered, not raised: what the refusal made us forget stays forgotten, also where
            # the layer of idempotent answers would undo the effect of an exception.
            return self.handle_exception(refusal)
        return _submitted(*made)
