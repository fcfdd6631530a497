"""One parcel: where it is, who had it in hand, and all that can be done with it now."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import Role
from pages.page import Page
from pages.staff.cards import Shown, window_words
from pages.staff.desk import version_of
from pages.staff.parcel_forms import (
    AttemptForm,
    ChannelForm,
    ChooseForm,
    CorrectForm,
    DeliverForm,
    DispatchForm,
    NothingForm,
    ReceiptForm,
    ReturnForm,
)
from pages.staff.words import TITLES, TONES, VERBS
from patients.api import found
from scheduling.deliveries import actions
from scheduling.deliveries.api import VERBS as DOORS
from scheduling.deliveries.board import card_of
from scheduling.deliveries.models import CustodyEvent, Delivery, Status
from scheduling.deliveries.windows.actions import AHEAD, offered

Action = Callable[..., Delivery]
ACTIONS: Mapping[str, Action] = {
    **{verb: door.do for verb, door in DOORS.items()},
    "confirm-receipt": actions.confirm_receipt,
    "no-signer": actions.miss_signer,
    "correct": actions.correct,
}
TAKES: Mapping[str, type[forms.Form]] = {
    "dispatch": DispatchForm,
    "deliver": DeliverForm,
    "attempt": AttemptForm,
    "return": ReturnForm,
    "confirm-receipt": ReceiptForm,
    "no-signer": ChannelForm,
    "correct": CorrectForm,
}
# One of these is what usually comes next, and stands out; those after it are asked for twice.
USUAL = ("pack", "dispatch", "out-for-delivery", "deliver", "confirm-receipt", "release", "return")
GRAVE = ("recall", "lose", "cancel")
SAID = {
    "relation": "who signed",
    "id_checked": "ID checked",
    "signer_age": "age",
    "code": "why not",
    "seal_ok": "seal whole",
    "corrected": "put right, it was",
    "adult_signature": "adult signature",
}


class Parcel(Page):
    """One parcel. Every verb posts here, from the board too, and goes back to where it was."""

    roles = (Role.STAFF,)
    template = "pages/staff/parcel.html"
    typed: tuple[str, forms.Form] | None = None

    def row(self) -> Delivery:
        row: Delivery = found(Delivery.objects.visible_to(self.user), self.kwargs["pk"])
        return row

    def facts(self) -> Mapping[str, Any]:
        card = card_of(self.row(), now=self.now)
        self.looked("delivery", [card.row])
        ways = [self._way(verb) for verb in card.verbs if verb != "choose-window"]
        return {
            "here": "board",
            "shown": Shown(card),
            "chooses": "choose-window" in card.verbs,
            "usual": [way for way in ways if way["verb"] in USUAL],
            "others": [way for way in ways if way["verb"] not in USUAL],
            "custody": [_told(row) for row in card.row.custody.select_related("recorded_by")],
            "next": back_to(self.request),
        }

    def _way(self, verb: str) -> dict[str, Any]:
        form = TAKES.get(verb, NothingForm)(auto_id=f"{verb}-%s")
        is_open = False
        if self.typed and self.typed[0] == verb:
            form, is_open = self.typed[1], True
        words = {"verb": verb, "do": verb.replace("-", "_"), "title": VERBS[verb][0]}
        return {**words, "form": form, "is_open": is_open, "is_grave": verb in GRAVE}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        verb = request.POST.get("do", "").replace("_", "-")
        if verb not in ACTIONS:
            raise BadRequest
        row = self.row()
        form = TAKES.get(verb, NothingForm)(request.POST, auto_id=f"{verb}-%s")
        self.typed = (verb, form)
        given = self.read(form, "invalid")
        by = self.by(given.pop("channel", "web"))
        if verb in DOORS:
            given = DOORS[verb]().arguments(given)
        common = {"by": by, "now": self.now, "version": version_of(request)}
        done = ACTIONS[verb](delivery=row, **given, **common)
        self.looked("delivery", [done])
        messages.success(request, f"{done.reference} {VERBS[verb][1]}.")
        return redirect(back_to(request) or request.path)


class Choose(Page):
    """A patient who calls is given a window, and says who takes the parcel."""

    roles = (Role.STAFF,)
    template = "pages/staff/choose.html"
    typed: ChooseForm | None = None

    def facts(self) -> Mapping[str, Any]:
        row = self._row()
        self.looked("delivery", [row])
        return {"here": "board", "row": row, "form": self.typed or self._form(row)}

    def _row(self) -> Delivery:
        rows = Delivery.objects.visible_to(self.user).select_related("patient__address", "window")
        row: Delivery = found(rows, self.kwargs["pk"])
        return row

    def _form(self, row: Delivery, data: Any = None) -> ChooseForm:
        zone, now = row.patient.time_zone, self.now
        windows = offered(row.patient, (now, now + timedelta(days=AHEAD)), now=now)
        if row.window and row.window not in windows:
            windows = [row.window, *windows]
        named = {
            str(w.pk): (f"{window_words(w.starts, w.ends, zone)} · {_left(w)}", w) for w in windows
        }
        initial = {"signer_name": row.signer_name, "signer_born": row.signer_date_of_birth}
        if row.window:
            initial["window"] = str(row.window.pk)
        return ChooseForm(data, offered=named, initial=initial)

    def do_choose(self) -> HttpResponseBase | None:
        row = self._row()
        self.typed = self._form(row, self.request.POST)
        said = self.read(self.typed, "form")
        done = actions.choose_window(
            delivery=row,
            window=said["window"],
            signer={"name": said["signer_name"], "date_of_birth": said["signer_born"]},
            by=self.by(said["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, f"{done.reference} has its window.")
        return redirect("parcel", pk=done.pk)


def _left(window: Any) -> str:
    left = window.capacity - window.taken
    return f"{left} {'place' if left == 1 else 'places'} left"


def back_to(request: HttpRequest) -> str:
    """Where somebody came from, if that is the board; empty else."""
    where = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(where, allowed_hosts=None)
    return where if is_ours and where.startswith(reverse("board")) else ""


def _told(row: CustodyEvent) -> dict[str, Any]:
    """A line of custody: what, when, by whom, and the details in words."""
    status = Status(row.status)
    by = row.recorded_by.name if row.recorded_by else row.role
    details = [f"{SAID[key]}: {_word(value)}" for key, value in row.details.items() if key in SAID]
    return {
        "at": row.at,
        "title": TITLES[status],
        "tone": TONES.get(status, ""),
        "by": by,
        "details": ", ".join(details),
    }


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    choices: dict[Any, Any] = {
        **dict(Delivery.Relation.choices),
        **dict(Delivery.Failure.choices),
        **TITLES,
    }
    return str(choices.get(value, value))
