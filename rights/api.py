"""The doors of the rights of patients: copies of the record, amendments, legal holds."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import PATIENT, PHYSICIAN, actor_of, freshly, roles, signed_in
from accounts.models import Role
from patients.api import found, look_log, looking, my_patient, named, seen
from patients.models import Patient
from records import clock
from records.api import (
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    TextField,
    TruthField,
    instant,
    listed,
    query,
    read,
)
from rights import actions, whose
from rights.models import Amendment, AmendmentAnswer, Export, LegalHold


class ExportIn(Input):
    format = serializers.ChoiceField(choices=Export.Format.values)


class ExportOut(serializers.ModelSerializer[Export]):
    """``kept_until``: so long a link can be had. Only `GET me/exports/{id}/` tells one, each time
    another: ``url`` opens the file until ``expires_at``, without signing in, and the one told
    before opens nothing any more."""

    asked_at = InstantField()
    ready_at = InstantField(allow_null=True)
    kept_until = InstantField(allow_null=True)
    url = serializers.SerializerMethodField()
    expires_at = serializers.SerializerMethodField()

    class Meta:
        model = Export
        fields = [
            "id", "format", "status", "progress", "asked_at", "ready_at", "kept_until", "url",
            "expires_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_url(self, export: Export) -> str | None:
        token = self.context.get("token")
        return f"{settings.PUBLIC_BASE_URL}/exports/{token}" if token else None

    @extend_schema_field(InstantField(allow_null=True))
    def get_expires_at(self, export: Export) -> str | None:
        until = export.link_until if self.context.get("token") else None
        return instant(until) if until else None


class MyExports(Door):
    """Copies of one's own record; who asks for one has just shown who they are."""

    permission_classes = (roles(PATIENT),)
    limits, counts = {"POST": "export"}, (202,)

    @extend_schema(responses=ExportOut(many=True))
    def get(self, request: Request) -> Response:
        rows = Export.objects.visible_to(signed_in(request))
        return listed(self, rows, ExportOut, ordering=("-id",))

    @extend_schema(request=ExportIn, responses={202: ExportOut})
    def post(self, request: Request) -> Response:
        freshly(request)
        export = actions.ask_for_export(
            patient=my_patient(request),
            format=read(ExportIn, request.data)["format"],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response(ExportOut(export).data, status=202)


class MyExport(Door):
    """How far a copy is; once it is ready, the link to it."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=ExportOut)
    def get(self, request: Request, pk: UUID) -> Response:
        query(Input, request)
        export = found(Export.objects.visible_to(signed_in(request)), pk)
        return Response(ExportOut(export, context={"token": actions.link_to(export)}).data)


class AboutIn(Input):
    kind = serializers.ChoiceField(choices=sorted(whose.ABOUT))
    id = IdField()


class AmendmentIn(Input):
    """``about``: a row of the record; null for all of it."""

    about = AboutIn(allow_null=True)
    text = TextField(max_length=5000)


class AmendedOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.UUIDField()


class AmendmentAnswerOut(serializers.ModelSerializer[AmendmentAnswer]):
    answered_at = InstantField()
    answered_by = serializers.CharField(source="answered_by.name")

    class Meta:
        model = AmendmentAnswer
        fields = ["accepted", "text", "answered_by", "answered_at"]


class AmendmentOut(serializers.ModelSerializer[Amendment]):
    about = AmendedOut(allow_null=True)
    asked_at = InstantField()
    answer = AmendmentAnswerOut(allow_null=True)

    class Meta:
        model = Amendment
        fields = ["id", "patient", "about", "text", "asked_at", "answer"]


WITH_ANSWER = "answer__answered_by"


class MyAmendments(Door):
    """What the patient wants said otherwise in the record: it is added, nothing is overwritten."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=AmendmentOut(many=True))
    def get(self, request: Request) -> Response:
        rows = Amendment.objects.visible_to(signed_in(request)).select_related(WITH_ANSWER)
        return listed(self, rows, AmendmentOut)

    @extend_schema(request=AmendmentIn, responses={201: AmendmentOut})
    def post(self, request: Request) -> Response:
        patient, sent = my_patient(request), read(AmendmentIn, request.data)
        about = sent["about"] or {"kind": "", "id": None}
        if about["kind"]:
            named(whose.rows(whose.ABOUT[about["kind"]], patient.pk), about["id"], field="about")
        amendment = actions.ask_for_amendment(
            patient=patient,
            kind=about["kind"],
            about_id=about["id"],
            text=sent["text"],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response(AmendmentOut(amendment).data, status=201)


class PatientAmendments(Door):
    """What a patient in care wants amended, and what was answered."""

    permission_classes = (looking(PHYSICIAN),)

    @extend_schema(responses=AmendmentOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        query(ListQuery, request)
        user = signed_in(request)
        patient = found(Patient.objects.visible_to(user), pk)
        rows = Amendment.objects.visible_to(user).filter(patient=patient)
        return seen(self, "amendment", rows.select_related(WITH_ANSWER), AmendmentOut)


class AnswerIn(Input):
    accepted = TruthField()
    text = TextField(max_length=5000)


class AnswerAmendment(Door):
    """A physician accepts what was asked for, or says why not; both stay."""

    permission_classes = (roles(PHYSICIAN),)

    @extend_schema(request=AnswerIn, responses={201: AmendmentOut})
    def post(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        answered = actions.answer_amendment(
            amendment=found(Amendment.objects.visible_to(user), pk),
            **read(AnswerIn, request.data),
            by=actor_of(request),
            now=clock.now(),
        )
        look_log(user, "amendment", [answered])
        return Response(AmendmentOut(answered).data, status=201)


class HoldReasonIn(Input):
    reason = TextField(min_length=10, max_length=500)


class LegalHoldOut(serializers.ModelSerializer[LegalHold]):
    since = InstantField()

    class Meta:
        model = LegalHold
        fields = ["id", "since"]


class LegalHoldOf(Door):
    """Nothing of a patient is deleted while it stands; nothing of the patient is shown here."""

    permission_classes = (roles(Role.ADMINISTRATOR),)

    @extend_schema(request=HoldReasonIn, responses={201: LegalHoldOut})
    def post(self, request: Request, pk: UUID) -> Response:
        hold = actions.set_legal_hold(**_hold_asked(request, pk))
        return Response(LegalHoldOut(hold).data, status=201)

    @extend_schema(request=HoldReasonIn, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        actions.lift_legal_hold(**_hold_asked(request, pk))
        return Response(status=204)


def _hold_asked(request: Request, pk: UUID) -> dict[str, Any]:
    found(Patient.objects.all(), pk)  # allowed: by its id alone, and nothing of it is told
    sent = read(HoldReasonIn, request.data)
    return {"patient_id": pk, **sent, "by": actor_of(request), "now": clock.now()}
