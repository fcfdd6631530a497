"""Texts: what came in, what went out to whom, and why or why not."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponseBase
from django.shortcuts import redirect

from notifications import actions, circuit
from notifications.again import OVER
from notifications.ledger import sentence, with_holds
from notifications.models import Circuit, InboundMessage, Message, Pause, Status
from notifications.policy import OF_KIND
from pages.staff.desk import Desk, OfPatient, named, page_of, version_of
from pages.staff.forms import NoteForm
from patients.api import found
from patients.models import Patient
from records.models import WorkItem
from scheduling.actions import close_work_item
from scheduling.api import items_of

READ = "read_reply"  # the work item of a text that somebody must read
OF_TEXTS = ("texts_paused", "texts_do_not_leave", "brake")
MOST = 50  # lines of a thread
LATEST = 25  # texts that wait to be read, and that went out last
DID = {
    "": "Nothing has been done with it yet.",
    "stop": "Understood as STOP: this number gets no more texts about care.",
    "start": "Understood as START: texts go on, unless you were told otherwise.",
    "help": "Understood as HELP: they got the answer with our number.",
    "crisis": "It may be a call for help: they got 911 and 988 at once, and a physician is paged.",
    "confirm": "Understood as a yes: the appointment is confirmed.",
    "change": "Understood as a wish to move: they got a link to other times.",
    "first": "They chose the first time that was offered: the appointment is moved.",
    "second": "They chose the second time that was offered: the appointment is moved.",
    "other": "No word that we know: somebody reads it.",
}


def told(message: Any) -> dict[str, Any]:
    """A message as a list shows it: what it was about, and why it left or did not."""
    saying = OF_KIND.get(message.kind)
    return {
        "row": message,
        "subject": saying.subject if saying else message.kind,
        "why": sentence(message, message.hold),
        "to_support": message.support_person_id is not None,
    }


class Texts(Desk):
    """The inbox, what waits for an answer first; all texts paused and resumed."""

    template = "pages/staff/texts.html"

    def facts(self) -> Mapping[str, Any]:
        inbox = InboundMessage.objects.visible_to(self.user).select_related("patient__address")
        work = items_of(self.user).filter(status=WorkItem.Status.OPEN)
        asks = list(work.filter(Q(kind=READ) | Q(kind__in=OF_TEXTS))[: LATEST * 2])
        of_text = {item.object_id: item for item in asks if item.kind == READ}
        waiting = list(inbox.filter(pk__in=list(of_text))[:LATEST])
        came, following = page_of(self.request, inbox.exclude(pk__in=list(of_text)))
        self.looked("inboundmessage", [*waiting, *came])
        return {
            "here": "texts",
            "waiting": [{"text": row, "item": of_text[row.pk]} for row in waiting],
            "came": [{"text": row, "did": DID.get(row.meaning, "")} for row in came],
            "following": following,
            "pause": Pause.objects.filter(ended_at=None).select_related("by").first(),
            "stuck": Circuit.objects.exists(),
            "asks": [item for item in asks if item.kind in OF_TEXTS],
            "note_form": self.form(NoteForm, "note_form", initial={"note": "Answered by phone."}),
        }

    def do_answered(self) -> None:
        sent = self.read(NoteForm(self.request.POST), "note_form")
        item = named(items_of(self.user).filter(kind=READ), self.request.POST.get("item", ""))
        close_work_item(item=item, note=sent["note"], by=self.by(), now=self.now)
        messages.success(self.request, "It is answered.")

    def do_pause(self) -> None:
        circuit.pause(by=self.by(), now=self.now)
        messages.success(self.request, "Nothing about care leaves any more, until it is resumed.")

    def do_resume(self) -> None:
        circuit.resume(by=self.by(), now=self.now)
        messages.success(self.request, "Texts leave again: what is still true and in time.")


class Sent(Desk):
    """What went out, waits, or did not leave, the newest first."""

    template = "pages/staff/sent.html"

    def facts(self) -> Mapping[str, Any]:
        rows = with_holds(Message.objects.visible_to(self.user))
        status = self.request.GET.get("status", "")
        if status in Status.values:
            rows = rows.filter(status=status)
        rows = rows.select_related("patient__address")
        shown, following = page_of(self.request, rows)
        self.looked("message", shown)
        return {
            "here": "texts",
            "rows": [told(row) for row in shown],
            "following": following,
            "status": status,
            "statuses": Status.choices,
        }


class Thread(OfPatient):
    """What was said with a patient by text and mail, both ways, the newest first."""

    template = "pages/staff/thread.html"

    def facts(self) -> Mapping[str, Any]:
        out = with_holds(Message.objects.visible_to(self.user)).select_related("patient__address")
        sent = list(out.filter(patient=self.patient).order_by("-pk")[:MOST])
        inbox = InboundMessage.objects.visible_to(self.user).filter(patient=self.patient)
        came = list(inbox.order_by("-pk")[:MOST])
        self.looked("message", sent)
        self.looked("inboundmessage", came)
        lines = [{"at": row.left_at or row.due_at, "out": told(row)} for row in sent]
        lines += [
            {"at": row.received_at, "came": row, "did": DID.get(row.meaning, "")} for row in came
        ]
        lines.sort(key=itemgetter("at"), reverse=True)
        return {**super().facts(), "here": "patients", "tab": "texts", "lines": lines[:MOST]}


class Text(Desk):
    """One message: what became of it, step by step; called off or sent again."""

    template = "pages/staff/text.html"

    def _message(self) -> Any:
        rows = with_holds(Message.objects.visible_to(self.user))
        return found(rows.select_related("patient__address"), self.kwargs["pk"])

    def facts(self) -> Mapping[str, Any]:
        row = self._message()
        self.looked("message", [row])
        patient: Patient = row.patient
        again = Message.objects.visible_to(self.user).filter(parent=row).first()
        saying = OF_KIND.get(row.kind)
        return {
            **self.about(patient),
            "here": "texts",
            "message": told(row),
            "history": row.history[::-1],
            "again": again,
            "may_cancel": row.status == Status.PENDING,
            "may_resend": row.status in OVER and not again and bool(saying and saying.states),
        }

    def do_cancel(self) -> None:
        row, version = self._message(), version_of(self.request)
        actions.cancel(message=row, by=self.by(), now=self.now, version=version)
        messages.success(self.request, "It is called off.")

    def do_resend(self) -> HttpResponseBase:
        row, version = self._message(), version_of(self.request)
        again = actions.resend(message=row, by=self.by(), now=self.now, version=version)
        messages.success(self.request, "It is sent again.")
        return redirect("staff-text", again.pk)
