"""The physician's day: what is urgent, who comes next, and all that is planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect

from notifications.models import InboundMessage
from pages.physician.desk import Desk
from patients.api import found
from patients.models import Assessment, Patient
from records.models import WorkItem
from scheduling.actions import approve, claim_work_item, close_work_item
from scheduling.api import items_of
from scheduling.calendar.agenda import agendas
from scheduling.calendar.api import days
from scheduling.calendar.models import Reservation
from scheduling.calendar.slots import Agenda
from scheduling.consultations.actions import risks_with
from scheduling.consultations.models import Consultation, Status
from scheduling.deliveries.actions import replace as send_another
from scheduling.deliveries.models import Delivery
from scheduling.intervals import Interval
from scheduling.sessions.models import TreatmentSession

MOST = 25  # work items, urgent assessments
GAP = timedelta(minutes=30)  # shorter ones are not worth a line
# Kind of work item → what it is about, in few words; its own sentence stands below.
ABOUT = {
    "crisis_answer": "A crisis answer in an assessment",
    "call_for_help": "A text that calls for help",
    "urgent_assessment": "An urgent assessment",
    "brake": "A change that touches many patients",
    "session_reading": "Readings at a session",
    "session_check_in": "Unwell after a session",
    "parcel_to_replace": "A parcel that did not arrive",
    "hold_waits": "A hold waits for you",
    "transition": "A patient has moved away",
    "break_glass_in_care": "Somebody broke the glass",
    "amendment_asked": "An amendment is asked for",
    "rule_ends": "A legal rule ends",
    "limit_reached": "Unusually many look-ups",
}


class ClosingForm(forms.Form):
    """What was done about a work item."""

    item = forms.UUIDField(widget=forms.HiddenInput)
    note = forms.CharField(
        label="What was done",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say in a few words what was done."},
    )


@dataclass(frozen=True, slots=True)
class Task:
    """A work item, with whom it is about where the physician may know, and the text it came by."""

    item: WorkItem
    patient: Patient | None
    text: InboundMessage | None
    assessment: UUID | None
    closing: ClosingForm

    @property
    def title(self) -> str:
        return ABOUT.get(self.item.kind, self.item.kind.replace("_", " ").capitalize())


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the day: a consultation, a session, or time between them."""

    start: datetime
    end: datetime
    meeting: Consultation | None = None
    session: TreatmentSession | None = None
    flags: Sequence[str] = ()
    risks: Sequence[Any] = ()

    @property
    def minutes(self) -> int:
        return (self.end - self.start) // timedelta(minutes=1)

    @property
    def patient(self) -> Patient | None:
        row = self.meeting or self.session
        return row.patient if row else None


class Today(Desk):
    """What is urgent first, then who comes next, then the day."""

    template, here = "pages/physician/today.html", "today"

    def facts(self) -> Mapping[str, Any]:
        today = self.now.astimezone(ZoneInfo(self.zone)).date()
        within = days(today, today + timedelta(days=1), self.zone)
        midnight = days(today, today, self.zone).end
        lines = self._lines(within.start, within.end)
        day = [line for line in lines if line.start < midnight]
        ahead = [line for line in day if line.meeting and self._is_ahead(line.meeting)]
        tasks, urgent = self._tasks()
        self.saw(
            {line.patient.pk for line in lines if line.patient}
            | {task.item.patient_id for task in tasks if task.item.patient_id}
            | {row.patient_id for row in urgent if row.patient_id}
        )
        return {
            "today": today,
            "tasks": tasks,
            "urgent": urgent,
            "waiting": len(tasks) + len(urgent),
            "next": ahead[0] if ahead else None,
            "day": with_gaps(day),
            "tomorrow": [line for line in lines if line.start >= midnight],
            "tomorrow_is": today + timedelta(days=1),
        }

    def do_claim(self) -> None:
        claim_work_item(item=self._item(), by=self.by(), now=self.now)
        messages.success(self.request, "It is yours now.")

    def do_close(self) -> None:
        item = self._item()
        sent = self.read(self.typed(ClosingForm, "close"), "closing")
        close_work_item(item=item, note=sent["note"], by=self.by(), now=self.now)
        messages.success(self.request, "Done.")

    def do_approve(self) -> None:
        approve(item=self._item(), by=self.by(), now=self.now)
        messages.success(self.request, "Approved: it happens now.")

    def do_replace(self) -> HttpResponseBase | None:
        """Another parcel goes out for one that did not arrive."""
        parcel = found(Delivery.objects.visible_to(self.user), self._item().object_id)
        send_another(delivery=parcel, by=self.by(), now=self.now)
        messages.success(self.request, "Another parcel is sent.")
        return redirect("today")

    def _item(self) -> WorkItem:
        try:
            pk = UUID(self.request.POST.get("item", ""))
        except ValueError as error:
            raise Http404 from error
        row: WorkItem = found(items_of(self.user), pk)
        return row

    def _is_ahead(self, row: Consultation) -> bool:
        """Somebody who is there, or comes; who did not come for long is not next."""
        return row.status == Status.ARRIVED or (row.status == Status.BOOKED and row.end > self.now)

    def _lines(self, start: datetime, end: datetime) -> list[Line]:
        """Two days of this physician, the soonest first: what holds time, in one query."""
        mine = Reservation.objects.filter(
            physician=self.physician, busy__overlap=(start, end), expires_at=None
        )
        latest = Assessment.objects.visible_to(self.user).filter(patient=OuterRef("patient"))
        flags = Subquery(latest.order_by("-submitted_at").values("flags")[:1])
        held = mine.select_related("consultation", "session", "patient__address")
        rows = list(held.annotate(flags_=flags))
        within = Interval(start, end)
        agenda = next(
            iter(agendas(within=within, now=self.now, physicians=[self.physician.pk])), None
        )
        lines = [self._line(row, agenda) for row in rows]
        return sorted((x for x in lines if start <= x.start < end), key=lambda line: line.start)

    def _line(self, row: Any, agenda: Agenda | None) -> Line:
        """A line of a reservation; of a meeting to come, also what stands in its way."""
        meeting: Consultation | None = getattr(row, "consultation", None)
        if meeting is None:
            session: TreatmentSession = row.session
            session.patient = row.patient
            return Line(session.start, session.end, session=session)
        meeting.patient = row.patient
        coming = agenda and meeting.status == Status.BOOKED and meeting.end > self.now
        risks = risks_with(meeting, agenda) if agenda and coming else []
        return Line(meeting.start, meeting.end, meeting, flags=row.flags_ or (), risks=risks)

    def _tasks(self) -> tuple[list[Task], list[Assessment]]:
        """What is asked of physicians, and urgent assessments of which no item is open."""
        items = list(items_of(self.user).filter(status=WorkItem.Status.OPEN)[:MOST])
        mine = Patient.objects.visible_to(self.user).select_related("address")
        about = {item.patient_id for item in items if item.patient_id}
        people = {row.pk: row for row in mine.filter(pk__in=about)} if about else {}
        calls = [item.object_id for item in items if item.kind == "call_for_help"]
        texts = InboundMessage.objects.visible_to(self.user).filter(pk__in=calls) if calls else ()
        by_id = {row.pk: row for row in texts}
        tasks = [
            Task(
                item=item,
                patient=people.get(item.patient_id) if item.patient_id else None,
                text=by_id.get(item.object_id),
                assessment=item.object_id if item.object_kind == "assessment" else None,
                closing=self._closing(item),
            )
            for item in items
        ]
        waiting = Assessment.objects.visible_to(self.user).waiting().filter(urgency=1)
        waiting = waiting.exclude(pk__in=[task.assessment for task in tasks if task.assessment])
        return tasks, list(waiting.select_related("patient__address").order_by("pk")[:MOST])

    def _closing(self, item: WorkItem) -> ClosingForm:
        """The form of one of many; the one that was sent shows what is wrong with it."""
        sent = self.request.POST
        if sent.get("do") == "close" and sent.get("item") == str(item.pk):
            return self.typed(ClosingForm, "close")
        return ClosingForm(initial={"item": item.pk}, auto_id=f"{item.pk}_%s")


def with_gaps(lines: Sequence[Line]) -> list[Line]:
    """The lines with the free time between them."""
    told: list[Line] = []
    for line in lines:
        before = max((other.end for other in told), default=line.start)
        if line.start - before >= GAP:
            told.append(Line(before, line.start))
        told.append(line)
    return told
