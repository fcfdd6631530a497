"""How patients ask for a code, and how it leaves: allauth's adapter, named by a setting."""

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.account.inputs import RequestLoginCodeInput
from allauth.headless.account.views import RequestLoginCodeView
from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Role, User
from notifications.models import Channel
from notifications.reach import has_opted_out
from notifications.writing import queue_code
from patients.phones import us_number
from records import clock


class PhoneField(forms.CharField):
    """A number of the United States, written in any way; E.164 out."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        number = us_number(text) if text else ""
        if number is None:
            raise forms.ValidationError("Use a telephone number in the United States.", "invalid")
        return number


class CodeInput(RequestLoginCodeInput):
    """A telephone number or an e-mail address; allauth fails where there is neither."""

    def clean(self) -> Any:
        cleaned = super().clean()
        if not self.errors and not cleaned.get("phone") and not cleaned.get("email"):
            raise forms.ValidationError("Give a phone or an email.", "required")
        return cleaned


class RequestCode(RequestLoginCodeView):
    input_class = CodeInput


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
        users = User.objects.filter(email__iexact=email, role=Role.PATIENT, is_active=True)
        user = users.order_by("pk").first()
        if template_prefix == "account/email/login_code" and user:
            queue_code(
                user=user, channel=Channel.MAIL, to=email, code=context["code"], now=clock.now()
            )

    def send_verification_code_sms(self, user: Any, phone: str, code: str, **_: Any) -> None:
        """To a number that wants no texts, the code goes by mail."""
        channel, to = Channel.SMS, phone
        if has_opted_out(phone):
            channel, to = Channel.MAIL, user.email
        if to:
            queue_code(user=user, channel=channel, to=to, code=code, now=clock.now())

    def send_unknown_account_sms(self, phone: str, **_: Any) -> None:
        """Nothing: a stranger's number is not texted."""

    def send_account_already_exists_sms(self, phone: str) -> None:
        """Nothing: a stranger's number is not texted."""

    def phone_form_field(self, **options: Any) -> PhoneField:
        return PhoneField(max_length=30, **options)

    def get_user_by_phone(self, phone: str) -> User | None:
        """The patient who proved this number to be theirs, else the first who typed it."""
        number = us_number(phone)
        rows = User.objects.filter(phone=number, role=Role.PATIENT, is_active=True)
        return rows.order_by("phone_verified_at", "pk").first() if number else None

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
