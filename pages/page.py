"""What every page does: who may come in, the sentence of a refusal, nothing typed is lost."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.forms import BaseForm
from django.forms.renderers import DjangoTemplates
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.views import View
from structlog.contextvars import bind_contextvars

from accounts import sessions
from accounts.models import Practice, User
from accounts.practice import practice
from patients.api import look_log
from records import clock
from records.actor import Actor, visitor
from records.api import note_denied
from records.limits import address_of, take
from records.refused import CODES, Refused
from scheduling.setting_up import is_ready

MOST_NAMED = 20  # fields of a form that are looked through for ids


class Renderer(DjangoTemplates):
    """How forms look; a setting names it."""

    form_template_name = "pages/form.html"
    field_template_name = "pages/field.html"


def around(request: HttpRequest) -> dict[str, Any]:
    """What the frame of a page shows: whose practice it is, and when a sign-in ends by itself."""
    user = getattr(request, "user", None)  # none yet, where a request is refused at the door
    idle = sessions.idle_of(user).total_seconds() if isinstance(user, User) else 0
    return {"practice": SimpleLazyObject(practice), "idle_after": int(idle)}


class Invalid(Exception):
    """What was typed cannot be used; the form knows why, and under which name it is shown."""

    def __init__(self, form: BaseForm, name: str) -> None:
        super().__init__(name)
        self.form, self.name = form, name


class Page(View):
    """A page, and what its buttons do.

    ``roles``: who may come in; empty for everybody. ``template`` is shown with `facts`. A button
    named ``do`` posts to the page itself and calls ``do_<value>``, which makes one call into an
    action and answers with where to go on; None is this page again. A `Refused` and an `Invalid`
    show the page anew, with the sentence and with what was typed, under the status of the API.
    """

    roles: Collection[str] = ()
    template = ""
    http_method_names = ["get", "head", "post"]
    now: datetime

    def facts(self) -> Mapping[str, Any]:
        """What the template shows; ``self.kwargs`` are the parts of the address."""
        return {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = clock.now()
        if elsewhere := self._first(request):
            return elsewhere
        try:
            if not request.user.is_authenticated:
                take("look", address=address_of(request))
            return super().dispatch(request, *args, **kwargs)
        except Invalid as invalid:
            return self._again(400, {invalid.name: invalid.form})
        except Refused as refused:
            return self._refused(refused)
        except Http404:
            if request.user.is_authenticated:
                named = {pk for pk in kwargs.values() if isinstance(pk, UUID)}
                for pk in named | set(_ids_in(request)):
                    note_denied(request.user, pk)
            raise

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        does = request.POST.get("do", "")
        act: Callable[[], HttpResponseBase | None] | None = getattr(self, f"do_{does}", None)
        if act is None:
            raise BadRequest
        return act() or redirect(request.get_full_path())

    def page(self, *, status: int = 200, **more: Any) -> HttpResponse:
        """The page with its facts; ``more`` stands over them."""
        known = {"practice": SimpleLazyObject(lambda: self.practice)}
        facts = {**known, **self.facts(), **more, "now": self.now}
        return render(self.request, self.template, facts, status=status)

    @cached_property
    def practice(self) -> Practice:
        """Whose practice it is; one query a page, and none for one that does not say it."""
        return practice()

    def read(self, form: BaseForm, name: str = "form") -> dict[str, Any]:
        """What was typed into a bound form; raises `Invalid`, which shows it again."""
        if not form.is_valid():
            raise Invalid(form, name)
        return form.cleaned_data

    def posted_id(self, name: str) -> UUID:
        """The id of a row that a button names."""
        try:
            return UUID(self.request.POST.get(name, ""))
        except ValueError as error:
            raise BadRequest from error

    @property
    def user(self) -> User:
        """Who looks, on a page for those who have signed in."""
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  narrows the type; `roles` has made sure
        return user

    def by(self, channel: str = "web") -> Actor:
        """Who looks, as the actor of a write."""
        user = self.request.user
        if not isinstance(user, User):
            return visitor()
        return Actor(role=user.role, user_id=user.pk, channel=channel)

    def looked(self, kind: str, rows: Any) -> None:
        """Write down that a colleague has seen these rows of patients; of one's own, nothing."""
        look_log(self.user, kind, rows)

    def freshly(self) -> None:
        """First let them show once more who they are, if that was not minutes ago."""
        if not sessions.is_fresh(self.request.session, self.user):
            self.request.method = "GET"  # else what was posted is kept till then
            raise ReauthenticationRequired

    def _first(self, request: HttpRequest) -> HttpResponseBase | None:
        """Where somebody goes who may not come in yet; who never may is refused."""
        user = request.user
        if isinstance(user, User):
            bind_contextvars(user_id=str(user.pk))
        if not self.roles:
            return None
        if not isinstance(user, User):
            return _elsewhere(request, redirect_to_login(request.get_full_path()))
        if not sessions.is_proven(request.session, user):
            return _elsewhere(request, redirect("mfa_index"))
        if user.role not in self.roles:
            raise PermissionDenied
        return None

    def _refused(self, refused: Refused) -> HttpResponse:
        status, _ = CODES[refused.code]
        # Whoever asks too often gets nothing that costs the database.
        if self.template and self.request.method == "POST" and refused.code != "over_budget":
            return self._again(status, {"refused": refused})
        return refusal(self.request, refused)

    def _again(self, status: int, more: Mapping[str, Any]) -> HttpResponse:
        """The page anew; where not even its facts can be read, why."""
        try:
            return self.page(status=status, **more)
        except Invalid:
            return unreadable(self.request)
        except Refused as refused:
            return refusal(self.request, refused)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A refusal as a page of its own."""
    status, title = CODES[refused.code]
    facts = {"refused": refused, "title": title}
    answer = render(request, "pages/refused.html", facts, status=status)
    if retry := refused.facts.get("retry_after"):
        answer["Retry-After"] = str(int(retry) or 1)
    return answer


def _ids_in(request: HttpRequest) -> Iterator[UUID]:
    """The rows that a button names."""
    for text in list(request.POST.values())[:MOST_NAMED]:
        with suppress(ValueError):
            yield UUID(str(text))


def _elsewhere(request: HttpRequest, answer: Any) -> HttpResponseBase:
    """Elsewhere as a whole: part of a page that polls would show the other one inside of it."""
    if not getattr(request, "htmx", False):
        return answer  # type: ignore[no-any-return]
    return HttpResponse(status=204, headers={"HX-Redirect": answer.url})


class Home(Page):
    """Everybody's first page, by who looks; until all is set up, colleagues see what is to do."""

    FIRST = {"patient": "care", "physician": "today", "staff": "board", "administrator": "practice"}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return redirect("front")
        to_do = user.is_colleague and not is_ready(self.now)
        return redirect("practice" if to_do else self.FIRST[user.role])


class StillHere(Page):
    """Somebody goes on; asking is a use of the sign-in. 204, or 401 when it is over."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(status=204 if request.user.is_authenticated else 401)


def not_found(request: HttpRequest) -> HttpResponse:
    """There is no such page, or not for who looks."""
    facts = {
        "title": "There is nothing here",
        "detail": "The address may be mistyped, or it is not yours to see.",
    }
    return render(request, "pages/refused.html", facts, status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A page of another role."""
    facts = {"title": "This page is not for you", "detail": "Your role does not do this."}
    return render(request, "pages/refused.html", facts, status=403)


def unproven(request: HttpRequest) -> HttpResponse:
    """What was sent, nothing proves to come from a page of ours; or the page lay open too long."""
    facts = {"title": "Please send that once more", "detail": "This page lay open for too long."}
    return render(request, "pages/refused.html", facts, status=403)


def unreadable(request: HttpRequest) -> HttpResponse:
    """What was sent cannot be read."""
    facts = {"title": "That did not arrive", "detail": "Please go back and try once more."}
    return render(request, "pages/refused.html", facts, status=400)


def failed(request: HttpRequest) -> HttpResponse:
    """A fault of ours: nothing is asked of the database for this page."""
    return HttpResponse(render_to_string("pages/failed.html"), status=500)
