"""The parcels of the practice by state, what does not go its way first; many at once."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q
from django.db.models.functions import ExtractHour
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from rest_framework.exceptions import ParseError

from accounts.models import Role
from accounts.sessions import POLLS
from pages.forms import Day
from pages.page import Invalid, Page
from pages.staff.cards import Shown
from pages.staff.parcel_forms import AttemptForm, DeliverForm, DispatchForm
from pages.staff.words import AT_ONCE, TITLES, TONES, VERBS
from patients.service_area import CENTRAL, EASTERN
from records.refused import Refused
from scheduling.deliveries import actions
from scheduling.deliveries.api import FILTERS
from scheduling.deliveries.api import VERBS as DOORS
from scheduling.deliveries.board import LONG, OPEN, Board, Column, has_changed, read_board
from scheduling.deliveries.many import MOST_AT_ONCE, dispatch_rows, result_of, rows_of
from scheduling.deliveries.models import EXCEPTIONS, Delivery, Status
from scheduling.deliveries.windows.models import DeliveryZone

PARTS = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}
PART_WORDS = (
    ("", "Any time"), ("morning", "Before noon"), ("afternoon", "Noon to 5 PM"),
    ("evening", "After 5 PM"),
)  # fmt: skip
# Those with a few fields, which open on the card itself; others stand on the parcel's page.
FORMS: Mapping[str, type[forms.Form]] = {
    "dispatch": DispatchForm,
    "deliver": DeliverForm,
    "attempt": AttemptForm,
}
BUTTONS = ("pack", "out-for-delivery", "release")
LINKS = ("choose-window", "confirm-receipt", "return", "lose")
REFERENCE = re.compile(r"D-[0-9A-Z]{6}")
PAPERS = ("pick-list", "slips", "manifest")


class FilterForm(forms.Form):
    """What is shown, as the address of the page says it; what cannot be read filters nothing."""

    day = Day(required=False)
    zone = forms.ChoiceField(required=False)
    part = forms.ChoiceField(choices=PART_WORDS, required=False, label="Time of the window")
    window = forms.UUIDField(required=False, widget=forms.HiddenInput)
    whole = forms.ChoiceField(
        choices=[("", ""), *TITLES.items()], required=False, widget=forms.HiddenInput
    )
    first = forms.IntegerField(
        min_value=0, max_value=1_000_000, required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, zones: Mapping[str, str] | None = None, **more: Any) -> None:
        """``zones``: names by id, where the form is shown."""
        super().__init__(*args, **more)
        zone: Any = self.fields["zone"]
        if zones is None:
            self.fields["zone"] = forms.UUIDField(required=False)
        else:
            zone.choices = [("", "All zones"), *zones.items()]

    def wanted(self) -> dict[str, Any]:
        self.is_valid()
        return {key: value for key, value in self.cleaned_data.items() if value}


def as_filter(wanted: Mapping[str, Any]) -> Q:
    """The parcels that these filters let through, by those of the API where it has them."""
    found = Q()
    for key, name in (("day", "date"), ("zone", "zone")):
        if key in wanted:
            found &= FILTERS[name](wanted[key])
    if "window" in wanted:
        found &= Q(window=wanted["window"])
    if "part" in wanted:
        found &= _of_part(*PARTS[wanted["part"]])
    return found


def _of_part(first: int, last: int) -> Q:
    """Windows that start in these hours, on the wall of their zone."""
    found = Q(pk__in=[])
    for zone in (EASTERN, CENTRAL):
        hour = ExtractHour("window__starts", tzinfo=ZoneInfo(zone))
        in_part = Q(GreaterThanOrEqual(hour, first)) & Q(LessThan(hour, last))
        found |= Q(window__zone__time_zone=zone) & in_part
    return found


def chosen_rows(user: Any, references: list[str]) -> Any:
    """The parcels of these references that a user sees; what none has is left out."""
    asked = [name for name in references[:MOST_AT_ONCE] if REFERENCE.fullmatch(name)]
    return Delivery.objects.visible_to(user).filter(reference__in=asked)


class SheetForm(forms.Form):
    sheet = forms.FileField(
        label="Sheet of tracking numbers",
        help_text="CSV with the columns delivery, carrier, tracking; up to 200 rows.",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )

    def clean_sheet(self) -> Any:
        try:
            return rows_of(self.cleaned_data["sheet"].read())
        except ParseError as error:
            raise forms.ValidationError(str(error.detail)) from error


class ManyForm(forms.Form):
    """``only``: references of parcels."""

    verb = forms.ChoiceField(choices=[(verb, VERBS[verb][0]) for verb in AT_ONCE], label="Action")
    code = forms.ChoiceField(
        choices=[("", "…"), *Delivery.Failure.choices], required=False, label="Why not handed over"
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("verb") == "attempt" and not said.get("code"):
            self.add_error("code", "Say why they were not handed over.")
        return said


class BoardPage(Page):
    """The delivery board. It is asked again and again: nothing new is one query, and 304."""

    roles = (Role.STAFF,)
    template = "pages/staff/board.html"
    results: list[dict[str, Any]] = []

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if POLLS not in request.headers:
            return self.page()
        seen = request.headers.get("If-None-Match", "").strip('"')
        if not has_changed(seen, now=self.now):
            return HttpResponse(status=304)
        self.template = "pages/staff/columns.html"
        return self.page()

    def page(self, *, status: int = 200, **more: Any) -> HttpResponse:
        answer = super().page(status=status, **more)
        answer["ETag"] = f'"{self.mark}"'
        return answer

    def facts(self) -> Mapping[str, Any]:
        form = FilterForm(self.request.GET, zones=self._zones(), auto_id="filter_%s")
        wanted = form.wanted()
        board = read_board(
            self.user,
            as_filter(wanted),
            whole=wanted.get("whole", ""),
            first=wanted.get("first", 0),
            today=self._today(),
            now=self.now,
        )
        self.mark = board.mark
        cards = [card for column in board.columns for card in column.cards]
        self.looked("delivery", [card.row for card in cards])
        return {
            "here": "board",
            "filters": form,
            "wanted": wanted,
            "query": urlencode({k: v for k, v in wanted.items() if k not in ("whole", "first")}),
            "address": self.request.get_full_path(),
            "one_window": next((Shown(c).window for c in cards), "One window"),
            "mark": board.mark,
            "groups": self._groups(board, wanted.get("whole", "")),
            "is_empty": not cards,
            "many": ManyForm(auto_id="many_%s"),
            "sheet": SheetForm(auto_id="sheet_%s"),
            "most": MOST_AT_ONCE,
            "most_shown": LONG,
            "results": self.results,
        }

    def _zones(self) -> dict[str, str] | None:
        """The names for the filter, which what is polled does not show."""
        if POLLS in self.request.headers:
            return None
        return {str(pk): name for pk, name in DeliveryZone.objects.values_list("pk", "name")}

    def _today(self) -> datetime:
        """When the day of the practice began, in UTC."""
        there = ZoneInfo(self.practice.time_zone)
        day = self.now.astimezone(there).date()
        return datetime.combine(day, time(), there).astimezone(UTC)

    def _groups(self, board: Board, whole: str) -> list[dict[str, Any]]:
        # Without ids: the same on every card, and written once.
        small = {verb: form(auto_id=False).render() for verb, form in FORMS.items()}
        columns = [_column(column, whole, small) for column in board.columns]
        trouble = [c for c in columns if c["status"] in (*EXCEPTIONS, Status.LOST) and c["total"]]
        flow = [c for c in columns if c["status"] not in (*EXCEPTIONS, Status.LOST)]
        return [
            {"key": "exceptions", "title": "Needs you", "columns": trouble},
            {"key": "flow", "title": "On the way", "columns": flow},
        ]

    def do_many(self) -> HttpResponseBase | None:
        """One action for all that are checked, each by itself."""
        form = ManyForm(self.request.POST, auto_id="many_%s")
        said = self.read(form, "many")
        references = self._checked(form, "many")
        rows = chosen_rows(self.user, references)
        door = DOORS[said["verb"]]()
        given = {"code": said["code"]} if said["verb"] == "attempt" else {}
        known = {row.reference: row.pk for row in rows}
        done = actions.each(
            deliveries=rows,
            act=door.do,
            arguments=door.arguments(given),
            by=self.by(),
            now=self.now,
        )
        self.results = [
            {**_result(name, result_of(done.get(pk) if pk else None)), "pk": pk}
            for name, pk in ((name, known.get(name)) for name in references)
        ]
        return self.page()

    def do_sheet(self) -> HttpResponseBase | None:
        """Many are dispatched by a sheet; what came of each row is shown."""
        form = SheetForm(self.request.POST, self.request.FILES, auto_id="sheet_%s")
        sheet = self.read(form, "sheet")["sheet"]
        mine = Delivery.objects.visible_to(self.user)
        told = dispatch_rows(sheet, mine, by=self.by(), now=self.now)
        self.results = [_result(f"Line {row['row']}: {row['delivery']}", row) for row in told]
        return self.page()

    def do_paper(self) -> HttpResponseBase | None:
        """Papers for those that are checked, or for all that the filters show."""
        kind, _, shape = self.request.POST.get("paper", "").partition(".")
        if kind not in PAPERS or shape not in ("pdf", "csv"):
            kind, shape = PAPERS[0], "pdf"
        only = self.request.POST.getlist("only")
        if len(only) > MOST_AT_ONCE:
            raise Refused("invalid", f"Check {MOST_AT_ONCE} parcels at most for a paper.")
        asked = [
            (k, v) for k, v in self.request.GET.items() if k in ("day", "zone", "part", "window")
        ]
        query = urlencode([("only", name) for name in only] if only else asked)
        return redirect(f"{reverse('papers', args=[kind, shape])}?{query}")

    def _checked(self, form: forms.Form, name: str) -> list[str]:
        references = list(dict.fromkeys(self.request.POST.getlist("only")))
        if not 1 <= len(references) <= MOST_AT_ONCE:
            form.add_error(None, f"Check 1 to {MOST_AT_ONCE} parcels first.")
            raise Invalid(form, name)
        return references


def _column(column: Column, whole: str, small: Mapping[str, str]) -> dict[str, Any]:
    is_whole = column.status == whole
    shown = column.first + len(column.cards)
    return {
        "status": column.status,
        "title": TITLES[column.status],
        "tone": TONES.get(column.status, ""),
        "total": column.total,
        "more": min(LONG, column.total - shown) if is_whole else column.total - shown,
        "is_whole": is_whole,
        "first": column.first,
        "next": shown,
        "can_check": column.status in OPEN,
        "cards": [_face(Shown(card), small) for card in column.cards],
    }


def _face(shown: Shown, small: Mapping[str, str]) -> dict[str, Any]:
    """A card with its buttons, its small forms (HTML by verb) and its links."""
    verbs = shown.card.verbs
    return {
        "shown": shown,
        "buttons": [(v.replace("-", "_"), VERBS[v][0]) for v in BUTTONS if v in verbs],
        "forms": [(v, VERBS[v][0], form) for v, form in small.items() if v in verbs],
        "links": [(v, VERBS[v][0]) for v in LINKS if v in verbs],
    }


def _result(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    words = TITLES[Status(said["status"])] if said["ok"] else said["problem"]["detail"]
    return {"name": name, "ok": said["ok"], "words": words}
