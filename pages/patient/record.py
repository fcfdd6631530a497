"""A patient's record: who looked, copies, what is to be put right."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from pages.patient.own import Own
from patients.api import found
from records.models import AccessLog
from rights.actions import link_to
from rights.models import Export, Status

COPIES = 5  # the latest, which is more than anybody waits for
# What was looked at → as a patient reads it.
LOOKED_AT = {
    "patient": "your profile",
    "assessment": "your assessment",
    "consultation": "your consultation",
    "decision": "a decision",
    "subscription": "your plan",
    "prescription": "your prescription",
    "delivery": "a delivery",
    "custodyevent": "the way of a delivery",
    "treatmentsession": "a session",
    "supportperson": "your support person",
    "message": "messages to you",
    "inboundmessage": "messages from you",
    "clinicalhold": "why treatment waits",
    "identitycheck": "the check of your ID",
    "amendment": "what you asked to put right",
    "reservation": "the calendar",
    "workitem": "a task about you",
}
ROLES = {"physician": "Physician", "staff": "Our team", "administrator": "Administrator"}
STATES = {
    Status.WAITING: ("Being made", "calm"),
    Status.MAKING: ("Being made", "calm"),
    Status.READY: ("Ready", "good"),
    Status.FAILED: ("Did not work", "bad"),
    Status.EXPIRED: ("Deleted", ""),
}


class Open(forms.Form):
    copy = forms.UUIDField()


class Record(Own):
    """Who looked, copies, and what is to be put right."""

    template = "pages/patient/record.html"
    here = "record"

    def facts(self) -> Mapping[str, Any]:
        mine = AccessLog.objects.filter(patient_ids__contains=[str(self.patient.pk)])
        looks = self.rows(mine.select_related("user"))
        shown = [
            {
                "row": row,
                "role": ROLES.get(row.role, row.role),
                "what": LOOKED_AT.get(row.object_kind, "your record"),
            }
            for row in looks["rows"]
        ]
        copies = Export.objects.visible_to(self.user).order_by("-pk")[:COPIES]
        return {
            **looks,
            "rows": shown,
            "copies": [{"row": row, "state": STATES[Status(row.status)]} for row in copies],
            "zone": self.patient.time_zone,
        }

    def do_open(self) -> HttpResponse | None:
        """The file, by a link that is good for a few minutes."""
        export = found(
            Export.objects.visible_to(self.user), self.read(Open(self.request.POST))["copy"]
        )
        if token := link_to(export):
            return redirect(f"/exports/{token}")
        messages.error(self.request, "This copy is not there any more. Please ask for a new one.")
        return None
