"""The API of contacts: a patient changes theirs, staff for a caller; who is signed in shows it."""

from typing import Any
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import sessions
from accounts.api import PATIENT, STAFF, actor_of, freshly, roles, signed_in
from accounts.codes import try_code
from accounts.models import SentCode
from patients.api import PatientOut, found, my_patient, of_typed, patient_answer
from patients.contacts import actions
from patients.models import ContactChange, Patient
from records import clock
from records.api import Door, Input, MailField, Nothing, TextField, read, refused

WRONG = "This code is wrong, too old, or was tried too often. Ask for another one."
Kind = ContactChange.Kind


class PhoneIn(Input):
    phone = TextField(max_length=30)


class EmailIn(Input):
    email = MailField()


class CodeIn(Input):
    code = TextField(max_length=10)


class ToldOut(serializers.Serializer[Any]):
    detail = serializers.CharField()


class AskForCode(Door):
    """A code goes to a new contact; the answer tells nothing about whose it is."""

    permission_classes = (roles(PATIENT),)
    limits = {"POST": "code"}
    kind: Kind
    takes: type[Input]

    def counted_by(self, request: Request) -> dict[str, str]:
        return super().counted_by(request) | of_typed(request.data)

    @extend_schema(responses={202: ToldOut})
    def post(self, request: Request) -> Response:
        freshly(request)
        actions.ask_for_code(
            patient=my_patient(request),
            kind=self.kind,
            new=read(self.takes, request.data)[self.kind],
            by=actor_of(request),
            now=clock.now(),
        )
        return Response({"detail": "If it can be yours, a code is on its way to it."}, status=202)


@extend_schema(request=PhoneIn)
class MyPhone(AskForCode):
    """Another telephone number: a code goes to it."""

    kind, takes = Kind.PHONE, PhoneIn


@extend_schema(request=EmailIn)
class MyEmail(AskForCode):
    """Another e-mail address: a code goes to it."""

    kind, takes = Kind.EMAIL, EmailIn


class ConfirmContact(Door):
    """The code that came to the new contact; every other session of the patient ends."""

    permission_classes = (roles(PATIENT),)
    kind: Kind

    @extend_schema(request=CodeIn, responses=PatientOut)
    def post(self, request: Request) -> Response:
        patient = my_patient(request)
        code = read(CodeIn, request.data)["code"]
        by, now = actor_of(request), clock.now()
        if not actions.confirm(patient=patient, kind=self.kind, code=code, by=by, now=now):
            return refused("wrong_code", WRONG)
        if isinstance(request.auth, SessionBase):
            sessions.keep(request.auth, signed_in(request))
        return patient_answer(request, my_patient(request))


class ConfirmPhone(ConfirmContact):
    """The code that came to the new number."""

    kind = Kind.PHONE


class ConfirmEmail(ConfirmContact):
    """The code that came to the new address."""

    kind = Kind.EMAIL


class ShowAgain(Door):
    """A code goes to the contact by which the patient signs in; the session stays as it is."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(request=Nothing, responses={202: ToldOut})
    def post(self, request: Request) -> Response:
        read(Nothing, request.data)
        actions.ask_again(patient=my_patient(request))
        return Response({"detail": "A code is on its way to you."}, status=202)


class ConfirmAgain(Door):
    """With that code, the patient has shown for five minutes that it is them."""

    permission_classes = (roles(PATIENT),)

    @extend_schema(request=CodeIn, responses={204: None})
    def post(self, request: Request) -> Response:
        user, code = signed_in(request), read(CodeIn, request.data)["code"]
        if not isinstance(request.auth, SessionBase):
            freshly(request)
        elif try_code(user, SentCode.Purpose.AGAIN, code) is None:
            return refused("wrong_code", WRONG)
        else:
            sessions.show(request.auth, user, "code")
        return Response(status=204)


class ContactIn(Input):
    phone = TextField(max_length=30, required=False)
    email = MailField(required=False)
    reason = TextField(max_length=300)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"phone", "email"} & set(attrs):
            raise serializers.ValidationError({"phone": ["Give a phone or an email."]})
        return attrs


class PatientContact(Door):
    """Staff write down new contacts of a caller, whom a colleague has just seen with a photo ID."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=ContactIn, responses=PatientOut)
    def post(self, request: Request, pk: UUID) -> Response:
        patient = found(Patient.objects.visible_to(signed_in(request)), pk)
        sent = read(ContactIn, request.data)
        reason = sent.pop("reason")
        changed = actions.change_for_caller(
            patient=patient, contacts=sent, reason=reason, by=actor_of(request), now=clock.now()
        )
        changed.refresh_from_db()
        return patient_answer(request, changed)
