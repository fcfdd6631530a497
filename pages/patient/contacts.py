"""How a patient is reached: another number or address is proven by a code that goes to it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import sessions
from pages.patient.forms import Phone
from pages.patient.own import Own
from patients.api import of_typed
from patients.contacts import actions
from patients.contacts.api import WRONG
from patients.models import ContactChange
from records.limits import address_of, take
from records.refused import Refused

Kind = ContactChange.Kind


class PhoneForm(forms.Form):
    new = Phone(label="New cell phone number")


class EmailForm(forms.Form):
    new = forms.EmailField(
        label="New e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_new(self) -> str:
        text: str = self.cleaned_data["new"]
        if not (text.isascii() and text.isprintable()):
            raise forms.ValidationError("Please use an address of plain letters.")
        return text


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


class NewContact(Own):
    """Another contact: first it is still you, then a code goes there, then it is typed in."""

    template = "pages/patient/contact.html"
    here = "settings"
    kind: Kind
    takes: type[forms.Form]

    def facts(self) -> Mapping[str, Any]:
        return {
            "is_phone": self.kind == Kind.PHONE,
            "old": getattr(self.patient, self.kind),
            "sent": "sent" in self.request.GET,
            "form": self.form(self.takes, "send"),
            "code": self.form(CodeForm, "confirm"),
        }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.freshly()
        return super().get(request, *args, **kwargs)

    def do_send(self) -> HttpResponse:
        self.freshly()
        new = self.read(self.form(self.takes, "send"))["new"]
        by = of_typed({self.kind: new})
        take("code", user=str(self.user.pk), address=address_of(self.request), **by)
        common: dict[str, Any] = {"by": self.by(), "now": self.now}
        actions.ask_for_code(patient=self.patient, kind=self.kind, new=new, **common)
        messages.success(self.request, "If it can be yours, a code is on its way to it.")
        return redirect(f"{self.request.path}?sent=1")

    def do_confirm(self) -> HttpResponse:
        code = self.read(self.form(CodeForm, "confirm"), "code")["code"]
        common: dict[str, Any] = {"by": self.by(), "now": self.now}
        if not actions.confirm(patient=self.patient, kind=self.kind, code=code, **common):
            raise Refused("wrong_code", WRONG)
        sessions.keep(self.request.session, self.user)
        messages.success(self.request, "It is changed. Elsewhere you are signed out.")
        return redirect("my-settings")


class NewPhone(NewContact):
    """Another telephone number."""

    kind, takes = Kind.PHONE, PhoneForm


class NewEmail(NewContact):
    """Another mail address."""

    kind, takes = Kind.EMAIL, EmailForm
