"""How people sign in, and how codes leave: allauth's adapter, named by a setting."""

import json
import logging
import re
import struct
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.stagekit import unstash_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.account.views import ConfirmLoginCodeView, LoginView, RequestLoginCodeView
from allauth.headless.internal.restkit.inputs import Input
from allauth.mfa.stages import AuthenticateStage
from django import forms
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse

from accounts import sessions
from accounts.api import MFA_REQUIRED
from accounts.codes import six_digits
from accounts.models import Role, User
from accounts.people.actions import sign_in_changed
from accounts.phones import us_number
from notifications.models import Channel
from notifications.reach import has_opted_out, takes_texts
from notifications.writing import queue_code
from records import clock
from records.actor import Actor
from records.asking import client_of
from records.limits import Taken, address_of, of_contact, take
from records.refused import Refused, problem_body
from records.strict_json import read_json

log = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]
FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error)
BEGUN = "sign_in_begun_of"  # in a session, while somebody signs in: how they did when they began
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
        if not isinstance(sent, dict) or not all(_is_fit(*field) for field in sent.items()):
            return _problem("malformed", "Send a JSON object of texts.")
        if request.body and request.content_type != "application/json":
            return _problem("unsupported_media_type", "Send application/json.")
        try:
            return view(request)
        except Refused as refused:
            return _answer(refused)

    return door


def of_passkeys(view: View) -> View:
    """A door that takes what a browser says of a passkey: what it cannot read is a problem.

    fido2 raises what it likes on that, of which allauth expects a part.
    """

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except FAULTS:
            if request.method != "POST":
                raise
            log.warning("passkey_not_read", exc_info=True)
            return _problem("malformed", "This is no passkey that we can read.")

    return door


def _is_fit(name: str, value: Any) -> bool:
    """Text that can be kept, or nothing; of passkeys, also what a browser says, and their ids."""
    if name == "credential":
        return isinstance(value, dict) and _is_text(json.dumps(value, ensure_ascii=False))
    if name == "authenticators":
        return isinstance(value, list) and all(type(pk) is int for pk in value)
    return (name == "id" and type(value) is int) or value is None or _is_text(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not re.search(r"[\x00\ud800-\udfff]|\\u0000", value)


def _problem(code: str, detail: str) -> JsonResponse:
    body = problem_body(code, detail)
    return JsonResponse(body, status=body["status"], content_type="application/problem+json")


def _answer(refused: Refused) -> JsonResponse:
    answer = _problem(refused.code, refused.detail)
    answer["Retry-After"] = str(refused.facts["retry_after"])
    return answer


def keyed(view: Any, *, sets_up: bool = False, of_patients: bool = True) -> Any:
    """A door of allauth's by which somebody changes how they sign in: who may, and just shown."""

    class Keyed(view):
        def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            why = why_not(request, sets_up=sets_up, of_patients=of_patients)
            if why:
                return _problem(*why)
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            return answer

    return Keyed


def why_not(request: HttpRequest, *, sets_up: bool, of_patients: bool) -> tuple[str, str] | None:
    """Why somebody may not change how they sign in now; None when they may, or are nobody.

    A colleague's first factor needs no other one; what comes after it does, and a fresh one.
    """
    user: Any = request.user
    if not user.is_authenticated:
        return None
    if not (user.is_colleague or of_patients):
        return "permission_denied", "You sign in by codes and passkeys."
    has_factor = user.is_colleague and sessions.has_factor(user)
    if not (sessions.is_proven(request.session, user) or (sets_up and not has_factor)):
        return "mfa_required", MFA_REQUIRED
    if not sessions.is_fresh(request.session, user, second_factor=has_factor):
        return "reauthentication_required", "Show once more that it is you, then try again."
    return None


class PhoneField(forms.CharField):
    """A number of the United States, written in any way; E.164 out."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        number = us_number(text) if text else ""
        if number is None:
            raise forms.ValidationError("Use a telephone number in the United States.", "invalid")
        return number


def patient_of(email: str) -> User | None:
    """The first patient with this address, of those who proved it to be theirs if there are any.

    A mailed code opens no colleague's account.
    """
    rows = User.objects.filter(email__iexact=email, role=Role.PATIENT, is_active=True)
    return rows.order_by(F("email_verified_at").asc(nulls_last=True), "pk").first()


class CodeForm(RequestLoginCodeForm):
    """A telephone number or an e-mail address; allauth fails where there is neither."""

    def clean_email(self) -> str:
        """Allauth's own look takes the first of all who have this address, also a colleague."""
        email: str = self.cleaned_data["email"]
        if len(email) > LONGEST_MAIL:
            raise forms.ValidationError("Use a shorter address.", "max_length")
        if not email.isascii():  # as `MailField` says
            raise forms.ValidationError("Use an address of plain letters.", "invalid")
        if email:
            self._user = patient_of(email)
        return email.lower()

    def clean(self) -> Any:
        cleaned = super().clean()
        if not self.errors and not cleaned.get("phone") and not cleaned.get("email"):
            raise forms.ValidationError("Give a phone or an email.", "required")
        return cleaned


class CodeInput(CodeForm, Input):
    """The same, of the API."""


class RequestCode(RequestLoginCodeView):
    input_class = CodeInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return ask_for_code(request, self.input, super().post)


def ask_for_code(request: HttpRequest, form: Any, go_on: View) -> HttpResponseBase:
    """Whether a contact is known shows in no limit and no answer, and not in the time it takes."""
    phone, email = (form.cleaned_data.get(name) or "" for name in ("phone", "email"))
    take("code", address=address_of(request), **of_contact(phone, email))
    with transaction.atomic():
        if form._user is None:  # noqa: SLF001  theirs
            _pretend(phone, email)
        answer = go_on(request)
    request.session[BEGUN] = form._user.get_session_auth_hash() if form._user else ""  # noqa: SLF001
    return answer


def _pretend(phone: str, email: str) -> None:
    """The work of a code, for nobody (`make bench-sign-in` measures whether it is as much)."""
    # Whoever is known was read that often, and is once more when allauth answers.
    list(User.objects.filter(role=Role.PATIENT).order_by("pk")[: 2 if phone else 3])
    if phone:
        Adapter().send_verification_code_sms(None, phone, six_digits())
    else:
        Adapter().send_mail("account/email/login_code", email, {"code": six_digits()})


class ConfirmCode(ConfirmLoginCodeView):
    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        count_code(request, self.process)
        answer: HttpResponseBase = super().handle(request, *args, **kwargs)
        return answer


def count_code(request: HttpRequest, process: Any) -> None:
    """A code is tried three times in all. The session counts, too, but not requests at once.

    It opens nothing when how they sign in has changed since: it went to the contact before.
    """
    state, user = process.state, process.user
    if user and request.session.get(BEGUN) != user.get_session_auth_hash():
        state["code"] = ""
    typed = of_contact(state.get("phone"), state.get("email", ""))
    code = f"{request.session.session_key} {state['at']}"
    take("code_tried", address=address_of(request), code=code, **typed)


class Login(LoginView):
    def handle_input(self, data: Any) -> Any:
        sent = data or {}
        taken = count_password(self.request, sent.get("phone") or "", sent.get("email") or "")
        wrong = super().handle_input(data)
        if wrong is None:
            taken.give_back()
        return wrong


def count_password(request: HttpRequest, phone: str, email: str) -> Taken:
    """Wrong passwords are counted before they are looked at, whether or not there is an account."""
    typed = of_contact(us_number(phone), email)
    return take("password", address=address_of(request), **typed)


def tried(view: Any) -> Any:
    """A door by which somebody shows who they are by a factor: wrong ones are counted."""

    class Tried(view):
        def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != "POST":
                answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
                return answer
            taken = take("factor", address=address_of(request), user=_who_shows(request))
            answer = super().dispatch(request, *args, **kwargs)
            is_page = "html" in answer.get("Content-Type", "")
            if answer.status_code == 302 or (answer.status_code == 200 and not is_page):
                taken.give_back()
            return answer

    return Tried


def _who_shows(request: HttpRequest) -> str:
    """Who has signed in, or is about to."""
    login = unstash_login(request, peek=True)
    return str(login.user.pk if login and login.user else request.user.pk or "")


class SecondFactor(AuthenticateStage):
    """Asks colleagues; a patient's passkey stands beside the code, not behind it."""

    def _should_handle(self, request: HttpRequest) -> bool:
        user = self.login.user
        return user is not None and user.is_colleague and super()._should_handle(request)


class Adapter(DefaultAccountAdapter):
    """Patients sign in by a code to their phone or mail, the others by password and factor.

    Nobody learns from an answer whether a contact is known: to an unknown one nothing is sent.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Patients arise from the assessment, colleagues from the administrator."""
        return False

    def get_login_stages(self) -> list[str]:
        stage = "allauth.mfa.stages.AuthenticateStage"
        own = f"{SecondFactor.__module__}.{SecondFactor.__name__}"
        return [own if path == stage else path for path in super().get_login_stages()]

    def pre_login(self, request: HttpRequest, user: Any, **how: Any) -> Any:
        """The begin of every way in."""
        request.session[BEGUN] = user.get_session_auth_hash()
        return super().pre_login(request, user, **how)

    def login(self, request: HttpRequest, user: Any) -> None:
        """The end of every way in, unless the account was changed or deactivated on the way."""
        begun = request.session.pop(BEGUN, None)
        if not user.is_active or begun != user.get_session_auth_hash():
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)
        sessions.begin(request.session)
        if sessions.came_by_mail(request.session, user):
            User.objects.filter(pk=user.pk).update(email_verified_at=Now())

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """A colleague without a second factor is led to where it is set up."""
        user: Any = request.user
        if not sessions.is_proven(request.session, user):
            return resolve_url("mfa_index")
        return str(super().get_login_redirect_url(request))

    def set_password(self, user: Any, password: str) -> None:
        """The password alone is saved: the rest of the row may have changed since it was read."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def reauthenticate(self, user: Any, password: str) -> bool:
        return bool(user.is_colleague and user.check_password(password))

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """What allauth itself asks before factors change; its doors are guarded by ours, too."""
        request = self.request
        user: Any = request.user
        return not sessions.is_fresh(request.session, user)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """By the second factor for whom has one, a password without; patients by a code."""
        if not user.is_authenticated or user.is_colleague:
            known = super().get_reauthentication_methods(user)
            factors = [way for way in known if way["id"] != "reauthenticate"]
            return factors or known
        return [{"id": "code", "description": "A code", "url": reverse("reauthenticate_code")}]

    def send_notification_mail(
        self, template_prefix: str, user: Any, context: Any = None, email: str | None = None
    ) -> None:
        """Allauth calls this wherever a password or a factor was changed.

        Every other session ends; a factor that was set up just now has been shown by that.
        """
        request, what = self.request, template_prefix.rsplit("/", 1)[-1]
        by = Actor(role=user.role, user_id=user.pk)
        sign_in_changed(user=user, what=what, by=by, now=clock.now())
        sessions.keep(request.session, user)
        if what in ("totp_activated", "webauthn_added"):
            sessions.show(request.session, user, "mfa")

    def send_code(self, user: User, *, to: str, code: str) -> None:
        """A code to exactly this contact, so that it proves it; a number that takes texts."""
        by_mail = "@" in to
        if by_mail or takes_texts(to):
            channel = Channel.MAIL if by_mail else Channel.SMS
            queue_code(
                kind="contact_code", user=user, channel=channel, to=to, code=code, now=clock.now()
            )

    def send_again(self, user: User, *, to: str, code: str) -> None:
        """A code to the contact by which somebody signs in, as when they sign in."""
        if "@" not in to:
            self.send_verification_code_sms(user, to, code)
        else:
            queue_code(user=user, channel=Channel.MAIL, to=to, code=code, now=clock.now())

    def generate_login_code(self) -> str:
        return six_digits()

    def generate_phone_verification_code(self, *, user: Any, phone: str) -> str:
        return six_digits()

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
        return client_of(request) or "::"  # of nobody known: its column needs one

    def send_unknown_account_sms(self, phone: str, **_: Any) -> None:
        """Nothing: a stranger's number is not texted."""

    def send_account_already_exists_sms(self, phone: str) -> None:
        """Nothing: a stranger's number is not texted."""

    def phone_form_field(self, **options: Any) -> PhoneField:
        typed = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"})
        return PhoneField(max_length=30, widget=typed, **options)

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

    def set_phone_verified(self, user: Any, phone: str) -> None:
        """The code of a sign-in was right; numbers are changed elsewhere (patients/contacts)."""
        User.objects.filter(pk=user.pk, phone=phone).update(phone_verified_at=Now())
