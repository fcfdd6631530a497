"""How a patient is reached, where they live, what they agree to, who stays with them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages

from accounts.phones import us_number
from notifications import actions as texts
from notifications.models import OptOut
from pages.staff.callers import ask_where
from pages.staff.desk import OfPatient, version_of
from pages.staff.forms import (
    KINDS,
    ConsentForm,
    ContactForm,
    IdentityForm,
    MoveForm,
    RefuseTextsForm,
    SupportForm,
    TextHoursForm,
)
from patients import actions
from patients.contacts.actions import IDENTIFIED_FOR, change_for_caller
from patients.models import Consent, IdentityCheck, SupportPerson
from records.limits import of_contact, take


class ContactOf(OfPatient):
    """Telephone, mail, hours of texts, and the photo document that a change asks for."""

    template = "pages/staff/contact.html"

    def facts(self) -> Mapping[str, Any]:
        who = self.patient
        hours = {"text_from": who.text_from, "text_until": who.text_until}
        checks = IdentityCheck.objects.filter(patient=who).order_by("-pk")
        latest = checks.first()
        return {
            **super().facts(),
            "here": "patients",
            "tab": "contact",
            "check": latest,
            "just_checked": bool(latest and latest.checked_at > self.now - IDENTIFIED_FOR),
            "hours_form": self.form(TextHoursForm, "hours_form", initial=hours),
            "contact_form": self.form(ContactForm, "contact_form"),
            "identity_form": self.form(IdentityForm, "identity_form"),
        }

    def do_hours(self) -> None:
        sent = self.read(TextHoursForm(self.request.POST), "hours_form")
        by = self.by(sent.pop("channel"))
        version = version_of(self.request)
        actions.change_profile(
            patient=self.patient, fields=sent, by=by, now=self.now, version=version
        )
        messages.success(self.request, "Texts come in these hours from now on.")

    def do_contact(self) -> None:
        sent = self.read(ContactForm(self.request.POST), "contact_form")
        contacts = {kind: sent[kind] for kind in ("phone", "email") if sent[kind]}
        change_for_caller(
            patient=self.patient,
            contacts=contacts,
            reason=sent["reason"],
            by=self.by(),
            now=self.now,
        )
        said = "It is changed. They are signed out everywhere, and prove it when they sign in."
        messages.success(self.request, said)

    def do_identity(self) -> None:
        sent = self.read(IdentityForm(self.request.POST), "identity_form")
        check = actions.check_identity(patient=self.patient, **sent, by=self.by(), now=self.now)
        self.looked("identitycheck", [check])
        messages.success(self.request, "The check is recorded. It holds for a day for changes.")


class AddressOf(OfPatient):
    """The address is corrected, or they have moved: what follows is worked out anew."""

    template = "pages/staff/address.html"

    def facts(self) -> Mapping[str, Any]:
        row = self.patient.address
        names = ("line1", "line2", "city", "state", "postal_code")
        known = {name: getattr(row, name) for name in names} if row else {}
        form = self.form(MoveForm, initial=known)
        return {**super().facts(), "here": "patients", "tab": "address", "form": form}

    def do_change(self) -> None:
        form = MoveForm(self.request.POST)
        sent = self.read(form)
        ask_where(form, "form")
        changed = actions.change_address(
            patient=self.patient,
            kind=sent["kind"],
            address=form.address(),
            reason=sent["reason"],
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        away = changed.address is not None and not changed.address.served
        said = "The address is kept. We do not treat there: what was planned is held back."
        messages.success(self.request, said if away else "The address is kept.")


class ConsentsOf(OfPatient):
    """What they agreed to, and whether they want texts."""

    template = "pages/staff/consents.html"

    def facts(self) -> Mapping[str, Any]:
        rows = Consent.objects.filter(patient=self.patient).order_by("kind", "-pk")
        latest = {row.kind: row for row in rows.distinct("kind")}
        refused = OptOut.objects.filter(phone=str(self.patient.phone), ended_at=None)
        return {
            **super().facts(),
            "here": "patients",
            "tab": "consents",
            "given": [
                {"label": label, "row": latest.get(str(kind))} for kind, label in KINDS.items()
            ],
            "opt_out": refused.first() if self.patient.phone else None,
            "form": self.form(ConsentForm),
            "refuse_form": self.form(RefuseTextsForm, "refuse_form"),
        }

    def do_consent(self) -> None:
        form = ConsentForm(self.request.POST)
        sent = self.read(form)
        actions.give_consents(
            patient=self.patient,
            consents=form.consents(),
            by=self.by(sent["channel"]),
            now=self.now,
        )
        messages.success(self.request, "What they said is recorded.")

    def do_refuse_texts(self) -> None:
        sent = self.read(RefuseTextsForm(self.request.POST), "refuse_form")
        texts.refuse_texts(patient=self.patient, **sent, by=self.by(), now=self.now)
        messages.success(self.request, "This number gets no more texts about care.")

    def do_allow_texts(self) -> None:
        texts.allow_texts(patient=self.patient, by=self.by(), now=self.now)
        messages.success(self.request, "They get texts again.")


class SupportOf(OfPatient):
    """The adult who stays with them; whoever is named gets a text with a link."""

    template = "pages/staff/support.html"

    def facts(self) -> Mapping[str, Any]:
        rows = SupportPerson.objects.filter(patient=self.patient).order_by("-pk")[:5]
        named = list(rows)
        self.looked("supportperson", named)
        return {
            **super().facts(),
            "here": "patients",
            "tab": "support",
            "latest": named[0] if named else None,
            "form": self.form(SupportForm),
        }

    def do_name(self) -> None:
        sent = self.read(SupportForm(self.request.POST))
        counted = of_contact(us_number(sent["phone"]), "")
        who = self.patient
        take("support_person", user=str(self.user.pk), patient=str(who.pk), **counted)
        person = actions.name_support_person(
            patient=who,
            name=sent["name"],
            born=sent["date_of_birth"],
            phone=sent["phone"],
            by=self.by(sent["channel"]),
            now=self.now,
        )
        self.looked("supportperson", [person])
        messages.success(self.request, "They get a text with a link, by which they agree.")
