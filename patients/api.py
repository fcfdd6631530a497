"""The API of patients: service area, profile, addresses, consents, support persons."""

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

from accounts.api import PATIENT, Anyone, actor_of, roles, signed_in
from accounts.models import Role, User
from patients import actions, service_area
from patients.models import Address, Consent, Patient, SupportPerson
from records import clock
from records.api import (
    DayField,
    Door,
    Input,
    InstantField,
    TextField,
    TruthField,
    if_match,
    listed,
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
    state = TextField(max_length=service_area.LONGEST_STATE)
    postal_code = ZipField(max_length=20)
    county = TextField(max_length=60, required=False)
    time_zone = TimeZoneField(required=False)


class ConsentsIn(Input):
    """A kind that is left out changes nothing, and is no consent."""

    privacy = TruthField()
    telehealth = TruthField()
    sms = TruthField(required=False)


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


class PlaceQuery(Input):
    postal_code = ZipField(max_length=20)
    state = TextField(max_length=service_area.LONGEST_STATE, required=False)
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
        query(Input, request)
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
        return listed(self, Consent.objects.filter(patient=my_patient(request)), ConsentOut)

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
        rows = SupportPerson.objects.filter(patient=my_patient(request))
        return listed(self, rows, SupportPersonOut)

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
