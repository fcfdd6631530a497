"""Pages that need no sign-in: the link of a support person."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from patients.actions import confirm_support_person
from patients.models import SupportPerson
from records import clock
from records.actor import visitor


class Support(View):
    """Somebody is asked to be with a patient: looking changes nothing, the button does."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        person = SupportPerson.objects.of_token(token, now=clock.now()).first()
        return self._page(request, person, status=200 if person else 404)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            person = confirm_support_person(token=token, by=visitor(), now=clock.now())
        except SupportPerson.DoesNotExist:
            return self._page(request, None, status=404)
        return self._page(request, person, status=200)

    def _page(
        self, request: HttpRequest, person: SupportPerson | None, *, status: int
    ) -> HttpResponse:
        """The name of nobody stands on it: the link may have gone to a wrong number."""
        answer = render(request, "pages/support.html", {"person": person}, status=status)
        answer["Cache-Control"] = "no-store"
        answer["Referrer-Policy"] = "no-referrer"
        return answer
