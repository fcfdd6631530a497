"""What was sent to a patient, and what became of it."""

from collections.abc import Mapping
from typing import Any

from notifications.ledger import sentence, with_holds
from notifications.models import Message, Status
from notifications.policy import OF_KIND
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


class MyMessages(Own):
    """Texts and mails about who looks, the latest first."""

    template = "pages/patient/messages.html"
    here = "settings"

    def facts(self) -> Mapping[str, Any]:
        mine = with_holds(Message.objects.visible_to(self.user)).select_related("patient__address")
        found = self.rows(mine)
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
