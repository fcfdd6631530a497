"""The admin's door: allauth's page of signing in, and a second factor, as everywhere."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from accounts import sessions


class Site(AdminSite):
    """Opens for administrators who have shown a second factor; has no form to sign in."""

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return super().has_permission(request) and sessions.is_proven(request.session, user)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        user: Any = request.user
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
        if self.has_permission(request):
            return redirect("admin:index")
        if not user.is_staff:
            raise PermissionDenied
        return redirect("mfa_index")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Django's own would neither ask for the second factor once more nor tell anybody."""
        return redirect("account_change_password")
