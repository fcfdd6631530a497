"""Lists of parcels as files: for packing, for the parcel itself, for the carrier."""

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse

from accounts.models import Role
from notifications.texts import spoken_phone
from pages.page import Page
from pages.staff import sheets
from pages.staff.board import FilterForm, as_filter, chosen_rows
from pages.staff.cards import window_words
from pages.staff.words import TITLES
from pages.templatetags.words import date_of
from records.api import plain_cell
from records.refused import Refused
from scheduling.deliveries.many import MOST_AT_ONCE
from scheduling.deliveries.models import HAS_WINDOW, Delivery, Status

# Which parcels a paper is about, where none are chosen.
ABOUT = {
    "pick-list": (Status.SCHEDULED,),
    "slips": (Status.SCHEDULED, Status.PACKED),
    "manifest": (Status.PACKED, Status.DISPATCHED, Status.OUT_FOR_DELIVERY),
}
# On their way no more, or not yet: no paper is for these.
NOT_FOR_PAPER = (
    Status.AWAITING_WINDOW, Status.DELIVERED, Status.DELIVERED_UNVERIFIED, Status.RETURNED,
    Status.LOST, Status.CANCELLED,
)  # fmt: skip
TOO_MANY = f"These are more than {MOST_AT_ONCE} parcels: choose a day, a zone or a time of day."
NAMED = 10  # parcels that a sentence names
DRAWN: Mapping[str, Callable[[Sequence[dict[str, str]], str], bytes]] = {
    "pick-list": sheets.pick_list,
    "slips": sheets.slips,
    "manifest": sheets.manifest,
}
COLUMNS = {
    "pick-list": ("reference", "name", "ship_on", "window", "place", "signer", "status"),
    "slips": ("reference", "name", "street", "place", "window", "handling"),
    "manifest": (
        "reference", "name", "street", "place", "window", "signer", "carrier", "tracking",
        "handling",
    ),
}  # fmt: skip


class Papers(Page):
    """A file of the chosen parcels, or of those that the board's filters show.

    Whoever takes a list out of the house shows first who it is; that it was, is written down. What
    leaves with the parcel says nothing of what is in it, or for what.
    """

    roles = (Role.STAFF,)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kind, shape = kwargs["kind"], kwargs["shape"]
        if kind not in ABOUT or shape not in ("pdf", "csv"):
            raise Http404
        self.freshly()
        rows = self._rows(kind)
        self.looked("delivery", rows)
        phone = spoken_phone(str(self.practice.phone))
        lines = [{**line_of(row), "phone": phone} for row in rows]
        today = self.now.astimezone(ZoneInfo(self.practice.time_zone)).date()
        answer = HttpResponse(
            DRAWN[kind](lines, date_of(today)) if shape == "pdf" else as_csv(COLUMNS[kind], lines),
            content_type="application/pdf" if shape == "pdf" else "text/csv; charset=utf-8",
        )
        answer["Content-Disposition"] = f'attachment; filename="{kind}-{today}.{shape}"'
        return answer

    def _rows(self, kind: str) -> list[Delivery]:
        """Raises `Refused` ``invalid`` rather than leave out any that was asked for."""
        only = set(self.request.GET.getlist("only"))
        rows = chosen_rows(self.user, sorted(only)) if only else self._shown(kind)
        rows = rows.select_related("patient__address", "address", "window__zone")
        found = list(rows.order_by("window__starts", "reference")[: MOST_AT_ONCE + 1])
        if max(len(found), len(only)) > MOST_AT_ONCE:
            raise Refused("invalid", TOO_MANY)
        if only and (wrong := _not_for_paper(only, found)):
            more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
            told = f"{', '.join(wrong[:NAMED])}{more}"
            raise Refused("invalid", f"There is no paper for {told}. Uncheck what has none.")
        return found

    def _shown(self, kind: str) -> Any:
        """Those that the filters of the board show, and that the paper is about."""
        form = FilterForm(self.request.GET)
        if not form.is_valid():
            names = ", ".join(str(form[name].label).lower() for name in form.errors)
            raise Refused("invalid", f"These filters cannot be read: {names}. Choose them again.")
        rows = Delivery.objects.visible_to(self.user).filter(as_filter(form.wanted()))
        return rows.filter(status__in=ABOUT[kind])


def _not_for_paper(only: Collection[str], found: Sequence[Delivery]) -> list[str]:
    """Which of the chosen ones have no paper, each with why."""
    known = {row.reference: row for row in found}
    wrong = []
    for name in sorted(only):
        row = known.get(name)
        if row is None:
            wrong.append(f"{name[:10]} (not known)")
        elif row.status in NOT_FOR_PAPER or row.window is None:
            why = TITLES[Status(row.status)].lower()
            has_none = row.window is None and row.status != Status.AWAITING_WINDOW
            wrong.append(f"{name} ({why}{', no window' if has_none else ''})")
    return wrong


def line_of(row: Delivery) -> dict[str, str]:
    """A parcel as papers tell it: who, where, when, and that an adult signs."""
    patient, window = row.patient, row.window
    address = (row.packed_at and row.address) or patient.address
    has_window = row.status in HAS_WINDOW and window
    return {
        "reference": row.reference,
        "name": f"{patient.first_name} {patient.last_name}",
        "street": ", ".join(filter(None, (address.line1, address.line2))) if address else "",
        "place": f"{address.city}, {address.state} {address.postal_code}" if address else "",
        "window": window_words(window.starts, window.ends, address.time_zone)
        if window and address
        else "",
        "ship_on": f"{window.ship_on:%a, %b} {window.ship_on.day}" if has_window and window else "",
        "signer": row.signer_name,
        "carrier": row.carrier,
        "tracking": row.tracking,
        "status": TITLES[Status(row.status)],
        "handling": sheets.HANDLING,
    }


def as_csv(columns: Sequence[str], lines: Sequence[Mapping[str, str]]) -> bytes:
    """CSV in UTF-8 with a line of names; no text is a formula."""
    text = StringIO()
    sheet = csv.writer(text)
    sheet.writerow(columns)
    sheet.writerows([plain_cell(line[name]) for name in columns] for line in lines)
    return text.getvalue().encode()
