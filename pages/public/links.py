"""Pages that need no sign-in: links for one action each. Looking changes nothing, buttons do."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views import View

from accounts.models import PasswordLink
from accounts.people.actions import of_token
from accounts.practice import practice
from notifications.texts import spoken_phone, spoken_time
from pages.page import refusal
from patients.actions import confirm_support_person
from patients.models import SupportPerson
from records import clock
from records.actor import visitor
from records.limits import address_of, take
from records.refused import Refused
from rights.actions import fetch
from rights.models import Export
from scheduling.calendar.actions import join
from scheduling.consultations import links

FILES = {"json": "application/json", "pdf": "application/pdf"}
NO_FILE = "It works for a few days. Sign in, and ask for a new copy."


def _page(request: HttpRequest, name: str, facts: dict[str, Any], *, status: int) -> HttpResponse:
    """The name of nobody stands on it: the link may have gone to a wrong number."""
    return render(request, f"pages/{name}.html", facts, status=status)


class ByLink(View):
    """A page behind a token: whoever guesses is stopped, whoever has one is not counted."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            taken = take("guess", address=address_of(request))
        except Refused as refused:
            return refusal(request, refused)
        answer = super().dispatch(request, *args, **kwargs)
        if answer.status_code != 404:
            taken.give_back()
        return answer


class Support(ByLink):
    """Somebody is asked to be with a patient."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        person = SupportPerson.objects.of_token(token, now=clock.now()).first()
        return _page(request, "support", {"person": person}, status=200 if person else 404)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            person = confirm_support_person(token=token, by=visitor(), now=clock.now())
        except SupportPerson.DoesNotExist:
            return _page(request, "support", {"person": None}, status=404)
        return _page(request, "support", {"person": person}, status=200)


class Join(ByLink):
    """A colleague sets a password, by the link of a mail."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._page(request, token)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            join(token=token, password=request.POST.get("password", "")[:128], now=clock.now())
        except PasswordLink.DoesNotExist:
            return self._page(request, token)
        except Refused as refused:
            return self._page(request, token, refused=refused.detail)
        return _page(request, "join", {"done": True}, status=200)

    def _page(self, request: HttpRequest, token: str, refused: str = "") -> HttpResponse:
        is_open = of_token(token).exists()
        status = 400 if refused else 200 if is_open else 404
        return _page(request, "join", {"is_open": is_open, "refused": refused}, status=status)


class Download(ByLink):
    """A copy of a record, by the link that its patient was told."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            export = fetch(token=token, by=visitor(), now=clock.now())
        except Export.DoesNotExist:
            facts = {"title": "This link does not work any more", "detail": NO_FILE}
            return render(request, "pages/refused.html", facts, status=404)
        answer = HttpResponse(b64decode(export.content), content_type=FILES[export.format])
        answer["Content-Disposition"] = f'attachment; filename="health-record.{export.format}"'
        return answer


class Appointment(ByLink):
    """A consultation is confirmed or moved by its link."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._page(request, token)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            chosen = instant(request.POST.get("start", ""))
            link = links.follow(token=token, start=chosen, now=clock.now())
        except ObjectDoesNotExist:
            return self._page(request, token)
        except Refused as refused:
            return self._page(request, token, refused=refused.detail)
        return _page(request, "appointment", {"done": link.action}, status=200)

    def _page(self, request: HttpRequest, token: str, refused: str = "") -> HttpResponse:
        now, phone = clock.now(), spoken_phone(str(practice().phone))
        try:
            link, meeting = links.opened(token, now=now)
        except ObjectDoesNotExist:
            return _page(request, "appointment", {"phone": phone}, status=404)
        zone = meeting.patient.time_zone
        times = links.times(meeting, now=now) if link.action == "reschedule" else []
        facts = {
            "does": link.action,
            "when": spoken_time(meeting.start, zone),
            "times": [(start.isoformat(), spoken_time(start, zone)) for start in times],
            "refused": refused,
            "phone": phone,
        }
        return _page(request, "appointment", facts, status=409 if refused else 200)


def instant(text: str) -> datetime | None:
    """An instant of our century with its offset, in UTC; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo and 2000 <= at.year <= 2100 else None
    except (ValueError, OverflowError):
        return None
