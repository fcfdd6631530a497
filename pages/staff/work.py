"""Work: what needs a human, the most urgent first; claimed, closed, let go."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from pages.forms import instant_in
from pages.staff.desk import SIZE, Desk, page_of, uuid_of
from pages.staff.forms import NoteForm
from patients.api import found
from patients.models import Patient
from records import brake
from records.models import WorkItem
from scheduling.actions import approve, claim_work_item, close_work_item
from scheduling.api import items_of

NAMES = {  # kinds of what staff are asked; others are called by their kind
    "merge_patients": "Two records of one person?",
    "review_address": "Look at an address",
    "contact_claimed": "Whose contact is it?",
    "consultation_at_risk": "Consultation cannot take place",
    "window_not_chosen": "Call: no delivery window",
    "no_signer": "Find a place for a parcel",
    "parcel_late": "Parcel is late",
    "parcel_recalled": "Parcel called back",
    "parcel_lost": "Parcel is lost",
    "parcel_lost_form": "Report a lost parcel",
    "pause_with_parcel": "Plan pauses, parcel under way",
    "read_reply": "Read an answer to a text",
    "brake": "A change that waits for you",
    "texts_paused": "Texts are paused",
    "texts_do_not_leave": "Texts do not leave",
    "sent_twice": "A text may have gone twice",
    "event_not_told": "Something could not be told",
    "call_patient": "Call a patient",
    "call_support_person": "Call a support person",
    "call_physician": "Call the physician",
    "call_to_correct": "Call: a text was not true",
    "physician_left": "A physician left",
    "parcel_missing": "Parcel is looked for",
    "parcel_not_taken": "Nobody took a parcel",
    "parcel_at_counter": "Parcel waits at a counter",
    "parcel_unclear": "Carrier's word is unclear",
    "no_callbacks": "No word of what became of texts",
    "limit_reached": "A limit was reached",
    "export_failed": "A copy of a record failed",
}
OF_TEXTS = ("inboundmessage", "pause", "provider")


def name_of(kind: str) -> str:
    """How a kind of work is called."""
    return NAMES.get(kind, kind.replace("_", " ").capitalize())


def about_of(item: WorkItem) -> tuple[str, str]:
    """The page of what an item is about, and how its link is called; empty for none."""
    if item.object_kind == "consultation":
        return reverse("staff-consultation", args=[item.object_id]), "The consultation"
    if item.object_kind in OF_TEXTS:
        return reverse("texts"), "The texts"
    if item.object_kind == "message" and item.patient_id:
        return reverse("staff-text", args=[item.object_id]), "The message"
    if item.object_kind == "address" and item.patient_id:
        return reverse("patient-address", args=[item.patient_id]), "The address"
    if item.patient_id:
        return reverse("patient", args=[item.patient_id]), "The patient"
    return "", ""


class Items(Desk):
    """What is asked of staff."""

    def shown(self, items: Iterable[WorkItem]) -> list[dict[str, Any]]:
        """Items as they are shown, with whom they are about; who looked is written down."""
        rows = list(items)
        of_patients = [row for row in rows if row.patient_id]
        self.looked("workitem", of_patients)
        seen = Patient.objects.visible_to(self.user).select_related("address")
        people = seen.in_bulk([row.patient_id for row in of_patients]) if of_patients else {}
        return [
            {
                "item": row,
                "name": name_of(row.kind),
                "patient": people.get(row.patient_id) if row.patient_id else None,
                "is_mine": row.claimed_by_id == self.user.pk,
                "is_late": row.due_at <= self.now,
                "about": about_of(row),
            }
            for row in rows
        ]


class Work(Items):
    """The list, by urgency and by when it is due; what is done with the newest first."""

    template = "pages/staff/work.html"

    def facts(self) -> Mapping[str, Any]:
        asked = self.request.GET
        status, kind, mine = asked.get("status", "open"), asked.get("kind", ""), "mine" in asked
        if status not in WorkItem.Status.values:
            status = WorkItem.Status.OPEN
        rows = items_of(self.user).filter(status=status).select_related("claimed_by")
        kinds = sorted(NAMES.items(), key=lambda named: named[1])
        if kind in NAMES:
            rows = rows.filter(kind=kind)
        if mine:
            rows = rows.filter(claimed_by=self.user)
        is_done = status == WorkItem.Status.CLOSED
        listed, following = page_of(self.request, rows) if is_done else self._page(rows)
        return {
            "here": "work",
            "rows": self.shown(listed),
            "following": following,
            "kinds": kinds,
            "kind": kind,
            "mine": mine,
            "status": status,
        }

    def _page(self, rows: Any) -> tuple[list[WorkItem], str]:
        """After the item that the address names, in the order of the list."""
        after = _place(self.request.GET.get("after", ""))
        if after:
            urgency, due_at, pk = after
            later = Q(due_at__gt=due_at) | Q(due_at=due_at, pk__gt=pk)
            rows = rows.filter(Q(urgency__gt=urgency) | Q(urgency=urgency) & later)
        found_rows = list(rows.order_by("urgency", "due_at", "pk")[: SIZE + 1])
        if len(found_rows) <= SIZE:
            return found_rows, ""
        last, to = found_rows[SIZE - 1], self.request.GET.copy()
        to["after"] = f"{last.urgency}_{last.due_at.isoformat()}_{last.pk}"
        return found_rows[:SIZE], f"?{to.urlencode()}"


def _place(text: str) -> tuple[int, datetime, Any] | None:
    """Where a page begins, as the link to it says; None for the first one."""
    urgency, _, rest = text.partition("_")
    due, _, pk = rest.partition("_")
    at, item = instant_in(due), uuid_of(pk)
    return (int(urgency), at, item) if at and item and urgency in ("1", "2", "3") else None


class WorkItemPage(Items):
    """One item: what is asked, who is on it, what was done."""

    template = "pages/staff/work_item.html"

    def _item(self) -> WorkItem:
        rows = items_of(self.user).select_related("claimed_by", "closed_by")
        row: WorkItem = found(rows, self.kwargs["pk"])
        return row

    def facts(self) -> Mapping[str, Any]:
        (shown,) = self.shown([self._item()])
        is_brake = shown["item"].kind == brake.KIND
        return {**shown, "here": "work", "is_brake": is_brake, "form": self.form(NoteForm)}

    def do_claim(self) -> None:
        claim_work_item(item=self._item(), by=self.by(), now=self.now)
        messages.success(self.request, "It is yours.")

    def do_close(self) -> HttpResponseBase:
        sent = self.read(NoteForm(self.request.POST))
        close_work_item(item=self._item(), note=sent["note"], by=self.by(), now=self.now)
        messages.success(self.request, "It is done.")
        return redirect("work")

    def do_approve(self) -> HttpResponseBase:
        approve(item=self._item(), by=self.by(), now=self.now)
        messages.success(self.request, "It happens now, and is told.")
        return redirect("work")
