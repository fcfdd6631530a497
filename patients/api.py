"""The API of patients: service area, profile, addresses, consents, support persons, holds."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import (
    CARE,
    PATIENT,
    PHYSICIAN,
    STAFF,
    Anyone,
    actor_of,
    may_export,
    roles,
    signed_in,
    user_of,
)
from accounts.models import Role, User
from accounts.phones import us_number
from patients import actions, service_area
from patients.models import (
    EARLIEST,
    LATEST,
    Address,
    BrokenGlass,
    ClinicalHold,
    Consent,
    IdentityCheck,
    Patient,
    SupportPerson,
    glass_of,
)
from records import clock
from records.actor import Actor
from records.api import (
    Cursor,
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    MailField,
    Nothing,
    TextField,
    TruthField,
    WallTimeField,
    if_match,
    listed,
    query,
    read,
    with_etag,
)
from records.events import kind_of, log_access
from records.limits import of_contact
from records.models import AccessLog

CHANNELS = ("telephone", "in_person")
SHORTEST = 2  # hours in which somebody is texted, at least


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
    email = MailField(allow_blank=True, default="")


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


def of_typed(typed: Any) -> dict[str, str]:
    """How the contact in a request is counted by limits; unchecked, it may be anything."""
    given = typed if isinstance(typed, dict) else {}
    phone, email = (str(given.get(name) or "") for name in ("phone", "email"))
    return of_contact(us_number(phone), email)


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


class ChannelIn(Input):
    """Staff also say the ``channel`` that the wish came through, and nobody else does."""

    channel = serializers.ChoiceField(choices=CHANNELS, required=False)
    needed: Mapping[str, set[str]] = {Role.STAFF: {"channel"}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        of = set().union(*self.needed.values())
        exactly(attrs, self.needed.get(self.context["user"].role, set()), of=of)
        return attrs


class OptionalChannelIn(Input):
    """Staff may say the ``channel`` that the wish came through, and nobody else does."""

    channel = serializers.ChoiceField(choices=CHANNELS, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.context["user"].role != Role.STAFF:
            exactly(attrs, set(), of={"channel"})
        return attrs


class OnBehalfIn(ChannelIn):
    """Staff also name the ``patient`` and the ``channel`` of the wish, physicians the patient."""

    patient = IdField(required=False)
    needed = {Role.STAFF: {"patient", "channel"}, Role.PHYSICIAN: {"patient"}}


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
    limits = {"GET": "look"}

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
    """``step`` and ``unmet_gates``: where the patient stood when rows followed last."""

    address = AddressOut(allow_null=True)
    phone = serializers.CharField()
    time_zone = serializers.CharField()
    age = serializers.SerializerMethodField()
    text_from = WallTimeField()
    text_until = WallTimeField()

    class Meta:
        model = Patient
        fields = [
            "id", "first_name", "last_name", "date_of_birth", "age", "phone", "email", "address",
            "time_zone", "text_from", "text_until", "step", "unmet_gates",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.INT)
    def get_age(self, patient: Patient) -> int:
        return patient.age(self.context["now"])


class TextHoursIn(Input):
    """The hours in which a patient is texted, on the wall where they live."""

    text_from = WallTimeField()
    text_until = WallTimeField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if set(attrs) & {"text_from", "text_until"}:
            wrong = text_hours_errors(attrs.get("text_from"), attrs.get("text_until"))
            if wrong:
                raise serializers.ValidationError(wrong)
        return attrs


def text_hours_errors(opens: time | None, closes: time | None) -> dict[str, str]:
    """What is wrong with hours of texts, by the field that is to be mended."""
    if opens is None or closes is None:
        return {"text_until": "Give both, from when and until when."}
    if opens < EARLIEST or closes > LATEST:
        return {"text_from": "Texts come from 08:00 to 20:00."}
    if (opens.hour + SHORTEST, opens.minute) > (closes.hour, closes.minute):
        return {"text_until": "Leave two hours at least."}
    return {}


class ProfileIn(TextHoursIn):
    first_name = TextField(max_length=60, required=False)
    last_name = TextField(max_length=60, required=False)
    text_from = WallTimeField(required=False)
    text_until = WallTimeField(required=False)


class TextHoursOnBehalfIn(TextHoursIn):
    channel = serializers.ChoiceField(choices=CHANNELS)


def my_patient(request: Request) -> Patient:
    """The patient who asks; the door is open to patients alone."""
    rows = Patient.objects.visible_to(signed_in(request)).select_related("address")
    row = rows.first()
    if row is None:
        raise Http404
    return row


def patient_for(user: User, sent: Mapping[str, Any]) -> Patient:
    """Whom a request is about: colleagues name a patient, a patient is meant himself."""
    rows = Patient.objects.visible_to(user).select_related("address")
    if user.role != Role.PATIENT:
        rows = rows.filter(pk=sent["patient"])
    row = rows.first()
    if row is None:
        raise serializers.ValidationError({"patient": ["There is no such patient."]})
    return row


def named(rows: Any, pk: UUID, *, field: str) -> Any:
    """The row of these that a body names in ``field``; 400 when there is none for who asks."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise serializers.ValidationError({field: ["There is no such thing."]})
    return row


def found(rows: Any, pk: UUID) -> Any:
    """The row of these with that id, or 404: what one may not see is as if it never was."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def look_log(user: User, kind: str, rows: Any) -> None:
    """Write down that a colleague looked at patients' data; one's own needs no record.

    What was seen by breaking the glass is a line of its own, with the reason.
    """
    if user.role == Role.PATIENT:
        return
    glass, by_reason = glass_of(user), defaultdict(list)
    for row in rows:
        patient = row.pk if isinstance(row, Patient) else row.patient_id
        by_reason[glass.get(patient)].append((row.pk, patient))
    for reason, seen_so in by_reason.items():
        log_access(
            user_id=user.pk,
            role=user.role,
            kind=kind,
            object_ids=[row for row, _ in seen_so],
            patient_ids=[patient for _, patient in seen_so if patient],
            reason=reason,
        )


def looking(*allowed: str) -> type[BasePermission]:
    """These roles, and an administrator who broke the glass and only looks."""

    class Looking(roles(*allowed)):  # type: ignore[misc]
        def has_permission(self, request: Request, view: Any) -> bool:
            if super().has_permission(request, view):
                return True
            user = user_of(request)
            if user is None or user.role != Role.ADMINISTRATOR or not glass_of(user):
                return False
            return may_export(request)

    return Looking


def seen(
    door: Door,
    kind: str,
    rows: Any,
    shape: type[serializers.BaseSerializer],  # type: ignore[type-arg]
    *,
    ordering: tuple[str, ...] = ("id",),
    **context: Any,
) -> Response:
    """A page of what belongs to patients; that a colleague looked at it is written down."""
    pages = Cursor()
    pages.ordering = ordering
    page: Any = pages.paginate_queryset(rows, door.request, door) or []
    look_log(signed_in(door.request), kind, page)
    return pages.get_paginated_response(shape(page, many=True, context=context).data)


class Verb(Door):
    """One verb on a row of a patient: what it takes, the action that does it, and the answer."""

    permission_classes = (roles(*CARE),)
    noun: str  # under which name the action takes the row
    takes: type[Input] = Nothing
    do: Callable[..., Any]

    def rows(self, user: User) -> Any:
        """Those that the user sees."""
        raise LookupError(type(self))  # every concept has its own

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        """What the action takes, from what was sent."""
        return sent

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        """The row as its reader may see it."""
        raise LookupError(type(self))  # every concept has its own

    def post(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(self.rows(user), pk)
        sent, now = read(self.takes, request.data, user=user), clock.now()
        by = actor_of(request, channel=sent.pop("channel", "web"))
        common = {"by": by, "now": now, "version": if_match(request)}
        done = type(self).do(**{self.noun: row}, **self.arguments(sent), **common)
        look_log(user, kind_of(done), [done])
        return self.answer(user, done, now)


class CorrectIn(Input):
    """Why what was recorded is put back."""

    reason = TextField(max_length=300)


def patient_answer(request: Request, patient: Patient, *, status: int = 200) -> Response:
    """A patient as the API tells it."""
    look_log(signed_in(request), "patient", [patient])
    body = PatientOut(patient, context={"now": clock.now()}).data
    return with_etag(Response(body, status=status), patient.version)


class Me(Door):
    """The profile of the patient who asks."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=PatientOut)
    def get(self, request: Request) -> Response:
        query(Input, request)
        return patient_answer(request, my_patient(request))

    @extend_schema(request=ProfileIn, responses=PatientOut)
    def patch(self, request: Request) -> Response:
        patient = actions.change_profile(
            patient=my_patient(request),
            fields=read(ProfileIn, request.data),
            by=actor_of(request),
            now=clock.now(),
            version=if_match(request),
        )
        return patient_answer(request, patient)


class AccessOut(serializers.ModelSerializer[AccessLog]):
    """``name`` and ``role`` of who looked at what kind of thing. ``broke_glass``: for a reason that
    they had to give, without having the patient in care."""

    at = InstantField()
    name = serializers.CharField(source="user.name")
    kind = serializers.CharField(source="object_kind")
    broke_glass = serializers.SerializerMethodField()

    class Meta:
        model = AccessLog
        fields = ["id", "at", "role", "name", "kind", "broke_glass"]

    def get_broke_glass(self, row: AccessLog) -> bool:
        return row.reason is not None


class MyAccesses(Door):
    """Who of the practice looked at the record of the patient who asks, the latest first."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=AccessOut(many=True))
    def get(self, request: Request) -> Response:
        mine = AccessLog.objects.filter(patient_ids__contains=[str(my_patient(request).pk)])
        return listed(self, mine.select_related("user"), AccessOut, ordering=("-id",))


class BreakGlassIn(Input):
    reason = TextField(min_length=10, max_length=500)


class BreakGlassOut(serializers.ModelSerializer[BrokenGlass]):
    ends_at = InstantField()

    class Meta:
        model = BrokenGlass
        fields = ["id", "ends_at"]


class BreakGlass(Door):
    """Look, for an hour, at a patient who is not in one's care; others are told, and review it."""

    permission_classes = (roles(PHYSICIAN, Role.ADMINISTRATOR),)

    @extend_schema(request=BreakGlassIn, responses={201: BreakGlassOut})
    def post(self, request: Request, pk: UUID) -> Response:
        sent = read(BreakGlassIn, request.data)
        broken = actions.break_glass(
            patient=found(Patient.objects.all(), pk),  # allowed: asks to see just this one
            user=signed_in(request),
            reason=sent["reason"],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response(BreakGlassOut(broken).data, status=201)


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
    return patient_answer(request, changed, status=201)


class PatientTextHours(Door):
    """Staff write down in which hours a caller wants texts."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=TextHoursOnBehalfIn, responses=PatientOut)
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        sent = read(TextHoursOnBehalfIn, request.data)
        by = actor_of(request, channel=sent.pop("channel"))
        changed = actions.change_profile(
            patient=patient, fields=sent, by=by, now=clock.now(), version=if_match(request)
        )
        return patient_answer(request, changed)


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
        return _consented(request, my_patient(request), read(ConsentIn, request.data))


class ConsentOnBehalfIn(ConsentIn):
    channel = serializers.ChoiceField(choices=CHANNELS)


class PatientConsents(Door):
    """Staff write down what a caller consents to."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=ConsentOnBehalfIn, responses={201: ConsentOut})
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        return _consented(request, patient, read(ConsentOnBehalfIn, request.data))


def _consented(request: Request, patient: Patient, sent: dict[str, Any]) -> Response:
    given = actions.give_consents(
        patient=patient,
        consents={sent["kind"]: sent["accepted"]},
        by=actor_of(request, channel=sent.get("channel", "web")),
        now=clock.now(),
    )
    return Response(ConsentOut(given[0]).data, status=201)


class SupportPersonIn(Input):
    name = TextField(max_length=120)
    date_of_birth = DayField()
    phone = TextField(max_length=30)


class SupportPersonOut(serializers.ModelSerializer[SupportPerson]):
    phone = serializers.CharField()
    confirmed_at = InstantField(allow_null=True)

    class Meta:
        model = SupportPerson
        fields = ["id", "name", "date_of_birth", "phone", "confirmed_at"]


class Naming(Door):
    """A door by which somebody is named, who then gets a text."""

    limits = {"POST": "support_person"}

    def counted_by(self, request: Request) -> dict[str, str]:
        """The patient's user stands for the patient; staff name many, but few for one patient."""
        by = super().counted_by(request) | of_typed(request.data)
        return by | {"patient": str(self.kwargs.get("pk", request.user.pk))}


class MySupportPersons(Naming):
    """The adults who stay with the patient during treatment."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(responses=SupportPersonOut(many=True))
    def get(self, request: Request) -> Response:
        rows = SupportPerson.objects.filter(patient=my_patient(request))
        return listed(self, rows, SupportPersonOut)

    @extend_schema(request=SupportPersonIn, responses={201: SupportPersonOut})
    def post(self, request: Request) -> Response:
        return _named_to_stay(request, my_patient(request), read(SupportPersonIn, request.data))


class SupportPersonOnBehalfIn(SupportPersonIn):
    channel = serializers.ChoiceField(choices=CHANNELS)


class PatientSupportPersons(Naming):
    """Staff write down whom a caller names, and look at who was named."""

    permission_classes = (roles(STAFF),)

    @extend_schema(responses=SupportPersonOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        query(ListQuery, request)
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        rows = SupportPerson.objects.filter(patient=patient)
        return seen(self, "supportperson", rows, SupportPersonOut)

    @extend_schema(request=SupportPersonOnBehalfIn, responses={201: SupportPersonOut})
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        return _named_to_stay(request, patient, read(SupportPersonOnBehalfIn, request.data))


def _named_to_stay(request: Request, patient: Patient, sent: dict[str, Any]) -> Response:
    person = actions.name_support_person(
        patient=patient,
        name=sent["name"],
        born=sent["date_of_birth"],
        phone=sent["phone"],
        by=actor_of(request, channel=sent.get("channel", "web")),
        now=clock.now(),
    )
    look_log(signed_in(request), "supportperson", [person])
    return Response(SupportPersonOut(person).data, status=201)


class ConfirmedOut(serializers.Serializer[Any]):
    confirmed_at = InstantField()


class ConfirmSupport(Door):
    """Who stays with a patient agrees, by the link that was sent; nobody has to sign in."""

    permission_classes = (Anyone,)
    limits, counts = {"POST": "guess"}, (404,)

    @extend_schema(request=Nothing, responses=ConfirmedOut)
    def post(self, request: Request, token: str) -> Response:
        read(Nothing, request.data)
        by = actor_of(request) if user_of(request) else Actor(role="support_person")
        try:
            person = actions.confirm_support_person(token=token, by=by, now=clock.now())
        except SupportPerson.DoesNotExist as error:
            raise Http404 from error
        return Response(ConfirmedOut(person).data)


# --- identity and holds --------------------------------------------------------------------------


class Last4Field(TextField):
    """The last four signs of a document."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).upper()
        if not re.fullmatch(r"[0-9A-Z]{4}", text, re.A):
            raise serializers.ValidationError("Use the last four letters or digits.")
        return text


class IdentityIn(Input):
    document = serializers.ChoiceField(choices=IdentityCheck.Document.values)
    last4 = Last4Field()


class IdentityOut(serializers.ModelSerializer[IdentityCheck]):
    checked_at = InstantField()

    class Meta:
        model = IdentityCheck
        fields = ["id", "document", "last4", "checked_at"]


class IdentityChecks(Door):
    """Somebody of the practice compared the patient with a photo document."""

    permission_classes = (roles(PHYSICIAN, STAFF),)

    @extend_schema(request=IdentityIn, responses={201: IdentityOut})
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        sent = read(IdentityIn, request.data)
        check = actions.check_identity(
            patient=patient, **sent, by=actor_of(request), now=clock.now()
        )
        look_log(signed_in(request), "identitycheck", [check])
        return Response(IdentityOut(check).data, status=201)


class HoldNoteIn(Input):
    note = TextField(max_length=2000)


class ClinicalHoldOut(serializers.ModelSerializer[ClinicalHold]):
    raised_at = InstantField()
    cleared_at = InstantField(allow_null=True)

    class Meta:
        model = ClinicalHold
        fields = [
            "id", "patient", "reason", "about_id", "raised_at", "raised_by", "cleared_at",
            "cleared_by", "note",
        ]  # fmt: skip


class ClinicalHolds(Door):
    """Why treatment of a patient waits, the latest first; a physician says that it must."""

    permission_classes = (looking(PHYSICIAN),)

    @extend_schema(responses=ClinicalHoldOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        patient = found(Patient.objects.visible_to(user), pk)
        rows = ClinicalHold.objects.visible_to(user).filter(patient=patient)
        query(ListQuery, request)
        return seen(self, "clinicalhold", rows, ClinicalHoldOut, ordering=("-id",))

    @extend_schema(request=HoldNoteIn, responses={201: ClinicalHoldOut})
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        hold = actions.hold_patient(
            patient_id=patient.pk,
            reason=ClinicalHold.Reason.PHYSICIAN,
            note=read(HoldNoteIn, request.data)["note"],
            by=actor_of(request),
            now=clock.now(),
        )
        look_log(signed_in(request), "clinicalhold", [hold])
        return Response(ClinicalHoldOut(hold).data, status=201)


class ClearHold(Door):
    """A physician clears a hold, and says why."""

    permission_classes = (roles(PHYSICIAN),)

    @extend_schema(request=HoldNoteIn, responses=ClinicalHoldOut)
    def post(self, request: Request, pk: UUID) -> Response:
        hold = found(ClinicalHold.objects.visible_to(signed_in(request)), pk)
        note = read(HoldNoteIn, request.data)["note"]
        cleared = actions.clear_hold(hold=hold, note=note, by=actor_of(request), now=clock.now())
        look_log(signed_in(request), "clinicalhold", [cleared])
        return Response(ClinicalHoldOut(cleared).data)
