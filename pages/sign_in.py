"""Pages for signing in and what belongs to it: allauth's own, of which those that we use."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions.views import ListUserSessionsView
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.generic.edit import FormView

from accounts import sessions
from accounts.codes import try_code
from accounts.models import SentCode
from notifications.sign_in import (
    CodeForm,
    ask_for_code,
    count_code,
    count_password,
    of_passkeys,
    tried,
    why_not,
)
from pages.page import refusal
from patients.contacts.actions import ask_again
from patients.models import Patient
from records.refused import Refused

Page = Callable[..., HttpResponseBase]
WRONG = "This code is wrong, too old, or was tried too often."


class SignedIn(ListUserSessionsView):
    """Where somebody is signed in, in few queries: allauth's own asks for each session anew."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        rows = list(sessions.living(self.request.user).order_by("created_at"))
        known = {"sessions": rows, "session_count": len(rows), "show_last_seen_at": True}
        return FormView.get_context_data(self, **known, **more)


def keyed(page: Page, *, sets_up: bool = False, of_patients: bool = True) -> Page:
    """A page by which somebody changes how they sign in: who may, and has just shown it is them."""

    @login_required
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        why = why_not(request, sets_up=sets_up, of_patients=of_patients)
        if why and why[0] == "reauthentication_required":
            request.method = "GET"  # else allauth keeps what was posted, passwords too, till then
            raise ReauthenticationRequired
        if why and why[0] == "mfa_required":
            return redirect("mfa_index")
        if why:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return guarded


def proven(page: Page) -> Page:
    """A page for who is signed in, with all that their role needs."""

    @login_required
    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user: Any = request.user
        if not sessions.is_proven(request.session, user):
            return redirect("mfa_index")
        return page(request, *args, **kwargs)

    return guarded


def counted(page: Page) -> Page:
    """A page that tries or sends something: past the limits it says when to come again."""

    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return page(request, *args, **kwargs)
        except Refused as refused:
            return refusal(request, refused)

    return guarded


class Login(account.LoginView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        typed = request.POST.get("login", "")
        taken = count_password(request, typed, typed)
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        if answer.status_code == 302:
            taken.give_back()
        return answer


class RequestCode(account.RequestLoginCodeView):
    def form_valid(self, form: CodeForm) -> HttpResponseBase:
        go_on = super().form_valid
        return ask_for_code(self.request, form, lambda _: go_on(form))


class ConfirmCode(account.ConfirmLoginCodeView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        count_code(request, self._process)
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        return answer


@method_decorator(login_required, name="dispatch")
class Again(View):
    """A patient shows by a code that it is still them; then they go on where they were."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user: Any = request.user
        if "code" not in request.POST:
            return self._send(request, user)
        if try_code(user, SentCode.Purpose.AGAIN, request.POST["code"].strip()) is None:
            return self._page(request, sent=True, refused=WRONG)
        sessions.show(request.session, user, "code")
        return resume_request(request) or redirect("usersessions_list")

    def _send(self, request: HttpRequest, user: Any) -> HttpResponse:
        patient = Patient.objects.visible_to(user).first()
        if patient is None:
            raise PermissionDenied
        try:
            ask_again(patient=patient)
        except Refused as refused:
            return self._page(request, refused=refused.detail)
        return self._page(request, sent=True)

    def _page(self, request: HttpRequest, *, sent: bool = False, refused: str = "") -> HttpResponse:
        after = request.POST.get("next") or request.GET.get("next", "")
        facts = {"sent": sent, "refused": refused, "next": after}
        return render(request, "pages/again.html", facts, status=400 if refused else 200)


own = {"of_patients": False}
urls = [
    path("login/", counted(Login.as_view()), name="account_login"),
    path("login/code/", counted(RequestCode.as_view()), name="account_request_login_code"),
    path("login/code/confirm/", counted(ConfirmCode.as_view()), name="account_confirm_login_code"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path(
        "reauthenticate/",
        counted(tried(account.ReauthenticateView).as_view()),
        name="account_reauthenticate",
    ),
    path("reauthenticate/code/", Again.as_view(), name="reauthenticate_code"),
    path("password/change/", keyed(account.password_change, **own), name="account_change_password"),
    path("sessions/", proven(SignedIn.as_view()), name="usersessions_list"),
    path("2fa/", mfa.index, name="mfa_index"),
    path(
        "2fa/authenticate/",
        of_passkeys(counted(tried(mfa.AuthenticateView).as_view())),
        name="mfa_authenticate",
    ),
    path(
        "2fa/reauthenticate/",
        counted(tried(mfa.ReauthenticateView).as_view()),
        name="mfa_reauthenticate",
    ),
    path(
        "2fa/totp/activate/",
        keyed(totp.activate_totp, sets_up=True, **own),
        name="mfa_activate_totp",
    ),
    path("2fa/totp/deactivate/", keyed(totp.deactivate_totp, **own), name="mfa_deactivate_totp"),
    path(
        "2fa/recovery-codes/",
        keyed(codes.view_recovery_codes, **own),
        name="mfa_view_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/generate/",
        keyed(codes.generate_recovery_codes, **own),
        name="mfa_generate_recovery_codes",
    ),
    path("2fa/webauthn/", keyed(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path(
        "2fa/webauthn/add/",
        of_passkeys(keyed(webauthn.add_webauthn, sets_up=True)),
        name="mfa_add_webauthn",
    ),
    path("2fa/webauthn/login/", of_passkeys(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path(
        "2fa/webauthn/reauthenticate/",
        of_passkeys(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "2fa/webauthn/keys/<int:pk>/remove/",
        keyed(webauthn.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
    path(
        "2fa/webauthn/keys/<int:pk>/edit/", keyed(webauthn.edit_webauthn), name="mfa_edit_webauthn"
    ),
]
