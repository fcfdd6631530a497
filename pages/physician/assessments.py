"""The queue of assessments, urgent first, and one of them: its flags first, then its answers."""

from collections.abc import Mapping
from typing import Any

from django.db.models import OuterRef, Subquery

from pages.physician.answers import answered, flagged
from pages.physician.desk import Desk
from patients.api import found
from patients.models import Assessment
from scheduling.consultations.models import Consultation, Status

A_PAGE = 25
URGENT = (1, 2, 3)


class Assessments(Desk):
    """What waits for a physician, the most urgent first; or what was reviewed, the latest first."""

    template, here = "pages/physician/assessments.html", "assessments"

    def facts(self) -> Mapping[str, Any]:
        reviewed = self.request.GET.get("show") == "reviewed"
        rows = Assessment.objects.visible_to(self.user).select_related("patient__address")
        if reviewed:
            rows = rows.filter(status=Assessment.Status.REVIEWED).order_by("-pk")
        else:
            rows = rows.exclude(status=Assessment.Status.REVIEWED).order_by("urgency", "pk")
        booked = Consultation.objects.visible_to(self.user).filter(
            patient=OuterRef("patient"), status=Status.BOOKED, end__gt=self.now
        )
        soonest = Subquery(booked.order_by("start").values("start")[:1])
        first = self._passed()
        page = list(rows.annotate(booked_=soonest)[first : first + A_PAGE + 1])
        shown = page[:A_PAGE]
        self.looked("assessment", shown)
        return {
            "rows": shown,
            "reviewed": reviewed,
            "more": first + A_PAGE if len(page) > A_PAGE else None,
        }

    def _passed(self) -> int:
        """How many stand on the pages before; the queue is short, and what is wrong is the top."""
        text = self.request.GET.get("after", "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


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
