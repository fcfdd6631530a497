"""What was sent to a patient, and what became of it."""

from collections.abc import Mapping
from typing import Any

from notifications.ledger import sentence, with_holds
from notifications.models import Message, Status
from notifications.policy import OF_KIND, PHYSICIAN, SAYINGS, STAFF
from pages.patient.own import Own

STATES = {
    Status.PENDING: ("To come", "calm"),
    Status.SENDING: ("Leaving now", "calm"),
    Status.UNKNOWN: ("Being checked", "calm"),
    Status.ACCEPTED: ("Sent", "good"),
    Status.SENT: ("Sent", "good"),
    Status.DELIVERED: ("Arrived", "good"),
    Status.UNDELIVERED: ("Did not arrive", "warn"),
    Status.FAILED: ("Did not leave", "warn"),
    Status.SUPPRESSED: ("Not sent", ""),
    Status.CANCELLED: ("Not needed any more", ""),
    Status.MISSED: ("Too late, not sent", ""),
}
# Alerts about a patient go to colleagues; they are no messages to the patient.
TO_PATIENTS = [saying.kind for saying in SAYINGS if saying.reader not in (PHYSICIAN, STAFF)]


class MyMessages(Own):
    """Texts and mails about who looks, the latest first."""

    template = "pages/patient/messages.html"
    here = "settings"

    def facts(self) -> Mapping[str, Any]:
        mine = Message.objects.visible_to(self.user).filter(kind__in=TO_PATIENTS)
        found = self.rows(with_holds(mine).select_related("patient__address"))
        shown = [
            {
                "row": row,
                "subject": OF_KIND[row.kind].subject,
                "state": STATES[Status(row.status)],
                "why": sentence(row, row.hold),
            }
            for row in found["rows"]
        ]
        return {**found, "rows": shown, "zone": self.patient.time_zone}
