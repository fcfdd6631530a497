"""Who works here: invited, helped and seen off by an administrator."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.shortcuts import get_object_or_404

from accounts.models import COLLEAGUES, Role, User
from accounts.people import actions
from accounts.people.api import colleagues, invitations
from accounts.phones import us_number
from pages.forms import plain_mail
from pages.page import Page
from scheduling.calendar import actions as calendar


class InviteForm(forms.Form):
    role = forms.ChoiceField(choices=[(role.value, role.label.capitalize()) for role in COLLEAGUES])
    name = forms.CharField(max_length=120)
    email = forms.EmailField(max_length=254, label="E-mail")
    phone = forms.CharField(
        max_length=30, required=False, label="Telephone", help_text="Urgent alerts go to it."
    )

    def clean_email(self) -> str:
        return plain_mail(self.cleaned_data["email"])

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        number = us_number(typed) if typed else ""
        if number is None:
            raise forms.ValidationError("Use a telephone number in the United States.")
        return number


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=300)


class People(Page):
    """Everybody who works here, and who is invited."""

    roles = (Role.ADMINISTRATOR,)
    template = "pages/practice/people.html"

    def facts(self) -> Mapping[str, Any]:
        return {
            "here": "people",
            "now_real": datetime.now(UTC),
            "people": colleagues().order_by("-is_active", "name", "pk"),
            "invitations": invitations(),
            "form": InviteForm(),
        }

    def do_invite(self) -> None:
        sent = self.read(InviteForm(self.request.POST))
        actions.invite(**sent, by=self.by(), now=self.now)
        messages.success(self.request, "A link is on its way to them. It works for three days.")

    def do_withdraw(self) -> None:
        link = get_object_or_404(invitations(), pk=self.posted_id("invitation"))
        actions.withdraw(link=link, by=self.by(), now=self.now)
        messages.success(self.request, "The link opens nothing any more.")

    def do_deactivate(self) -> None:
        calendar.deactivate(user=self._whom(), by=self.by(), now=self.now)
        messages.success(self.request, "They are signed out everywhere, and cannot sign in.")

    def do_reactivate(self) -> None:
        calendar.reactivate(user=self._whom(), by=self.by(), now=self.now)
        messages.success(self.request, "They can sign in again.")

    def do_password(self) -> None:
        actions.send_password_link(user=self._whom(), by=self.by(), now=self.now)
        messages.success(self.request, "A link to set another password is on its way to them.")

    def do_factors(self) -> None:
        reason = self.read(ReasonForm(self.request.POST), "reason_form")["reason"]
        actions.reset_factors(user=self._whom(), reason=reason, by=self.by(), now=self.now)
        messages.success(self.request, "They set up another second factor when they sign in.")

    def _whom(self) -> User:
        self.freshly()
        user: User = get_object_or_404(colleagues(), pk=self.posted_id("user"))
        return user
