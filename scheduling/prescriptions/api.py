"""The API of prescriptions: records of what was prescribed elsewhere."""

from datetime import date
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import PATIENT, PHYSICIAN, actor_of, roles, signed_in
from accounts.models import Role, User
from patients.api import found, look_log, looking, named, seen
from patients.models import Patient
from records import clock
from records.api import (
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    Nothing,
    NumberField,
    TextField,
    query,
    read,
)
from scheduling.calendar.api import physician_of
from scheduling.prescriptions import actions
from scheduling.prescriptions.models import MOST_REFILLS, Prescription
from scheduling.prescriptions.refills import Prescribed, fills_left, last_fill_day


class PrescriptionIn(Input):
    """``sessions`` is how many one fill supplies; ``refills`` how many follow the first fill."""

    patient = IdField()
    issued_on = DayField()
    days_supply = NumberField(min_value=1, max_value=180)
    sessions = NumberField(min_value=1, max_value=60)
    refills = NumberField(min_value=0, max_value=MOST_REFILLS)
    use_by = DayField()
    external_reference = TextField(max_length=60)
    registry_checked_at = InstantField()


class PrescriptionOut(serializers.ModelSerializer[Prescription]):
    """``last_fill_on``: the last day on which it can be filled; ``fills_left``: how often still."""

    registry_checked_at = InstantField()
    recorded_at = InstantField()
    ended_at = InstantField(allow_null=True)
    fills_left = serializers.SerializerMethodField()
    last_fill_on = serializers.SerializerMethodField()

    class Meta:
        model = Prescription
        fields = [
            "id", "patient", "physician", "state", "issued_on", "days_supply", "sessions",
            "refills", "use_by", "external_reference", "registry_checked_at", "recorded_at",
            "ended_at", "fills_left", "last_fill_on",
        ]  # fmt: skip

    def get_fills_left(self, row: Prescription) -> int:
        return fills_left(_prescribed(row))

    def get_last_fill_on(self, row: Prescription) -> date:
        return last_fill_day(_prescribed(row))


def _prescribed(row: Prescription) -> Prescribed:
    packed = (parcel.packed_at for parcel in row.deliveries.all())
    return actions.prescribed(row, [at for at in packed if at], None)


def whole(user: User) -> Any:
    """The prescriptions that the user sees, with all that their answer needs."""
    return Prescription.objects.visible_to(user).prefetch_related("deliveries")


class PrescriptionQuery(ListQuery):
    patient = IdField(required=False)
    in_force = serializers.ChoiceField(choices=["true", "false"], required=False)


class Prescriptions(Door):
    """Physicians record what they prescribed elsewhere; patients look at their own."""

    permission_classes = (looking(PATIENT, PHYSICIAN),)

    @extend_schema(parameters=[PrescriptionQuery], responses=PrescriptionOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(PrescriptionQuery, request)
        rows = whole(user)
        if "patient" in asked:
            rows = rows.filter(patient=asked["patient"])
        if "in_force" in asked:
            rows = rows.filter(ended_at__isnull=asked["in_force"] == "true")
        return seen(self, "prescription", rows, PrescriptionOut)

    @extend_schema(request=PrescriptionIn, responses={201: PrescriptionOut})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        if user.role != Role.PHYSICIAN:
            self.permission_denied(request, "Physicians prescribe.")
        sent = read(PrescriptionIn, request.data)
        patient = named(Patient.objects.visible_to(user), sent.pop("patient"), field="patient")
        row = actions.record_prescription(
            patient=patient,
            physician=physician_of(user),
            **sent,
            by=actor_of(request),
            now=clock.now(),
        )
        look_log(user, "prescription", [row])
        return Response(PrescriptionOut(row).data, status=201)


class PatientPrescriptions(Door):
    """The prescriptions of one patient."""

    permission_classes = (looking(PHYSICIAN),)

    @extend_schema(responses=PrescriptionOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        query(ListQuery, request)
        patient = found(Patient.objects.visible_to(user), pk)
        return seen(self, "prescription", whole(user).filter(patient=patient), PrescriptionOut)


class EndPrescription(Door):
    """Nothing more is packed on it."""

    permission_classes = (roles(PHYSICIAN),)

    @extend_schema(request=Nothing, responses=PrescriptionOut)
    def post(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Prescription.objects.visible_to(user), pk)
        read(Nothing, request.data)
        ended = actions.end_prescription(prescription=row, by=actor_of(request), now=clock.now())
        look_log(user, "prescription", [ended])
        return Response(PrescriptionOut(ended).data)
