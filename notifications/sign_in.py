"""How patients ask for a code, and how it leaves: allauth's adapter, named by a setting."""

import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.account.inputs import RequestLoginCodeInput
from allauth.headless.account.views import ConfirmLoginCodeView, LoginView, RequestLoginCodeView
from django import forms
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone

from accounts.models import Role, User
from notifications.models import Channel
from notifications.reach import has_opted_out
from notifications.writing import queue_code
from patients.phones import us_number
from records import clock
from records.limits import address_of, of_contact, take
from records.refused import Refused, problem_body
from records.strict_json import read_json

View = Callable[..., HttpResponseBase]
LONGEST_MAIL = 254  # of any account, and of the column of a message


def readable(view: View) -> View:
    """A door of allauth's, which fails on what it cannot read or keep: that is a problem."""

    @wraps(view)
    def door(request: HttpRequest) -> HttpResponseBase:
        try:
            sent = read_json(request.body or b"{}")
        except RequestDataTooBig:
            return _problem("too_large", "The body is larger than 256 KiB.")
        except ValueError as error:
            return _problem("malformed", str(error))
        if not isinstance(sent, dict) or not all(_is_text(value) for value in sent.values()):
            return _problem("malformed", "Send a JSON object of texts.")
        if request.body and request.content_type != "application/json":
            return _problem("unsupported_media_type", "Send application/json.")
        try:
            return view(request)
        except Refused as refused:
            return _answer(refused)

    return door


def by_password(view: View) -> View:
    """The admin's page of signing in, counted as the door is: it has no limit of its own."""

    @wraps(view)
    def door(request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST":
            return view(request)
        try:
            typed = of_contact(None, request.POST.get("username", ""))
            taken = take("password", address=address_of(request), **typed)
        except Refused as refused:
            return _answer(refused)
        answer = view(request)
        if answer.status_code == 302:
            taken.give_back()
        return answer

    return door


def _is_text(value: Any) -> bool:
    """Text that can be kept, or nothing."""
    return value is None or (
        isinstance(value, str) and not re.search(r"[\x00\ud800-\udfff]", value)
    )


def _problem(code: str, detail: str) -> JsonResponse:
    body = problem_body(code, detail)
    return JsonResponse(body, status=body["status"], content_type="application/problem+json")


def _answer(refused: Refused) -> JsonResponse:
    answer = _problem(refused.code, refused.detail)
    answer["Retry-After"] = str(refused.facts["retry_after"])
    return answer


class PhoneField(forms.CharField):
    """A number of the United States, written in any way; E.164 out."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        number = us_number(text) if text else ""
        if number is None:
            raise forms.ValidationError("Use a telephone number in the United States.", "invalid")
        return number


def patient_of(email: str) -> User | None:
    """The first patient with this address: a mailed code opens no colleague's account."""
    rows = User.objects.filter(email__iexact=email, role=Role.PATIENT, is_active=True)
    return rows.order_by("pk").first()


class CodeInput(RequestLoginCodeInput):
    """A telephone number or an e-mail address; allauth fails where there is neither."""

    def clean_email(self) -> str:
        """Allauth's own look takes the first of all who have this address, also a colleague."""
        email: str = self.cleaned_data["email"]
        if len(email) > LONGEST_MAIL:
            raise forms.ValidationError("Use a shorter address.", "max_length")
        if email:
            self._user = patient_of(email)
        return email

    def clean(self) -> Any:
        cleaned = super().clean()
        if not self.errors and not cleaned.get("phone") and not cleaned.get("email"):
            raise forms.ValidationError("Give a phone or an email.", "required")
        return cleaned


class RequestCode(RequestLoginCodeView):
    """Whether a contact is known shows in no limit and no answer, and not in the time it takes."""

    input_class = CodeInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        phone, email = (self.input.cleaned_data.get(name) or "" for name in ("phone", "email"))
        take("code", address=address_of(request), **of_contact(phone, email))
        with transaction.atomic():
            if self.input._user is None:  # noqa: SLF001  theirs
                _pretend(phone, email)
            answer: HttpResponseBase = super().post(request, *args, **kwargs)
        return answer


def _pretend(phone: str, email: str) -> None:
    """The work of a code, for nobody (`make bench-sign-in` measures whether it is as much)."""
    # Whoever is known was read that often, and is once more when allauth answers.
    list(User.objects.filter(role=Role.PATIENT).order_by("pk")[: 2 if phone else 3])
    if phone:
        Adapter().send_verification_code_sms(None, phone, _digits())
    else:
        Adapter().send_mail("account/email/login_code", email, {"code": _digits()})


class ConfirmCode(ConfirmLoginCodeView):
    """A code is tried three times in all. The session counts, too, but not requests at once."""

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        state = self.process.state
        typed = of_contact(state.get("phone"), state.get("email", ""))
        code = f"{request.session.session_key} {state['at']}"
        take("code_tried", address=address_of(request), code=code, **typed)
        answer: HttpResponseBase = super().handle(request, *args, **kwargs)
        return answer


class Login(LoginView):
    """Wrong passwords are counted before they are looked at, whether or not there is an account."""

    def handle_input(self, data: Any) -> Any:
        sent = data or {}
        typed = of_contact(us_number(sent.get("phone") or ""), sent.get("email") or "")
        taken = take("password", address=address_of(self.request), **typed)
        wrong = super().handle_input(data)
        if wrong is None:
            taken.give_back()
        return wrong


class Adapter(DefaultAccountAdapter):
    """Patients sign in by a code to their phone or mail, the others by password.

    Nobody learns from an answer whether a contact is known: to an unknown one nothing is sent.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Patients arise from the assessment, colleagues from the administrator."""
        return False

    def generate_login_code(self) -> str:
        return _digits()

    def generate_phone_verification_code(self, *, user: Any, phone: str) -> str:
        return _digits()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """The one mail that leaves is a patient's code."""
        if template_prefix == "account/email/login_code":
            user, code = patient_of(email), context["code"]
            queue_code(user=user, channel=Channel.MAIL, to=email, code=code, now=clock.now())

    def send_verification_code_sms(self, user: Any, phone: str, code: str, **_: Any) -> None:
        """To a number that wants no texts, the code goes by mail."""
        channel, to = Channel.SMS, phone
        if has_opted_out(phone):
            channel, to = Channel.MAIL, user.email if user else ""
        user = user if to else None
        queue_code(user=user, channel=channel, to=to, code=code, now=clock.now())

    def get_client_ip(self, request: HttpRequest) -> str:
        """Allauth's own fails where ``X-Forwarded-For`` is shorter than it should be."""
        return address_of(request)

    def send_unknown_account_sms(self, phone: str, **_: Any) -> None:
        """Nothing: a stranger's number is not texted."""

    def send_account_already_exists_sms(self, phone: str) -> None:
        """Nothing: a stranger's number is not texted."""

    def phone_form_field(self, **options: Any) -> PhoneField:
        return PhoneField(max_length=30, **options)

    def get_user_by_phone(self, phone: str) -> User | None:
        """The patient who proved this number to be theirs, else the first who typed it.

        The number of somebody who was deactivated stays theirs: it signs nobody in.
        """
        number = us_number(phone)
        owner = Q(is_active=True) | Q(phone_verified_at__isnull=False)
        rows = User.objects.filter(owner, phone=number, role=Role.PATIENT)
        user = rows.order_by("phone_verified_at", "pk").first() if number else None
        return user if user and user.is_active else None

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        return (str(user.phone), user.phone_verified_at is not None) if user.phone else None

    def set_phone(self, user: Any, phone: str, verified: bool) -> None:  # noqa: FBT001  theirs
        user.phone = phone
        user.phone_verified_at = timezone.now() if verified else None
        user.save(update_fields=["phone", "phone_verified_at"])

    def set_phone_verified(self, user: Any, phone: str) -> None:
        self.set_phone(user, phone, verified=True)


def _digits() -> str:
    """Six digits, which phones offer to fill in."""
    return f"{secrets.randbelow(1_000_000):06d}"
