"""The queue of assessments, urgent first, and one of them: its flags first, then its answers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from pages.physician.answers import answered, flagged
from pages.physician.desk import Desk
from patients.api import found
from patients.models import Assessment
from scheduling.consultations.models import Consultation, Status

A_PAGE = 25


class Assessments(Desk):
    """What waits for a physician, the most urgent first; or what was reviewed, the latest first."""

    template, here = "pages/physician/assessments.html", "assessments"

    def facts(self) -> Mapping[str, Any]:
        reviewed = self.request.GET.get("show") == "reviewed"
        rows = Assessment.objects.visible_to(self.user).select_related("patient__address")
        rows = self._reviewed(rows) if reviewed else self._waiting(rows)
        booked = Consultation.objects.visible_to(self.user).filter(
            patient=OuterRef("patient"), status=Status.BOOKED, end__gt=self.now
        )
        soonest = Subquery(booked.order_by("start").values("start")[:1])
        page = list(rows.annotate(booked_=soonest)[: A_PAGE + 1])
        shown = page[:A_PAGE]
        self.looked("assessment", shown)
        return {
            "rows": shown,
            "reviewed": reviewed,
            "more": f"{shown[-1].urgency}_{shown[-1].pk}" if len(page) > A_PAGE else "",
        }

    def _waiting(self, rows: Any) -> Any:
        """Those that were sent, and drafts that call for help."""
        is_draft = Q(status=Assessment.Status.DRAFT, crisis=True)
        rows = rows.filter(Q(status=Assessment.Status.SUBMITTED) | is_draft)
        if after := place_of(self.request.GET.get("after", "")):
            urgency, pk = after
            rows = rows.filter(Q(urgency__gt=urgency) | Q(urgency=urgency, pk__gt=pk))
        return rows.order_by("urgency", "pk")

    def _reviewed(self, rows: Any) -> Any:
        rows = rows.filter(status=Assessment.Status.REVIEWED)
        if after := place_of(self.request.GET.get("after", "")):
            rows = rows.filter(pk__lt=after[1])
        return rows.order_by("-pk")


def place_of(text: str) -> tuple[int, UUID] | None:
    """After which assessment a page begins: its urgency and its id; None for the first page."""
    urgency, _, pk = text.partition("_")
    try:
        return (int(urgency), UUID(pk)) if urgency in ("1", "2", "3") else None
    except ValueError:
        return None


class OneAssessment(Desk):
    """What somebody answered, and what a physician does next."""

    template, here = "pages/physician/assessment.html", "assessments"

    def facts(self) -> Mapping[str, Any]:
        rows = Assessment.objects.visible_to(self.user).select_related("patient__address")
        row = found(rows, self.kwargs["pk"])
        self.looked("assessment", [row])
        talks = Consultation.objects.visible_to(self.user).filter(patient=row.patient_id)
        return {
            "row": row,
            "flags": flagged(row),
            "answers": answered(row),
            "contact": row.reached_by if row.crisis else None,
            "talk": talks.exclude(status=Status.CANCELLED).order_by("-start").first()
            if row.patient_id
            else None,
        }
