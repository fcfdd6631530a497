"""The sweeps of scheduling."""

import logging

from celery import shared_task
from django.db.models import Q

from records import clock
from records.actor import sweep
from records.models import WorkItem
from records.outage import ENDS_A_SWEEP
from scheduling.calendar.actions import release_expired_holds as release
from scheduling.consultations.actions import AT_RISK, note_risk
from scheduling.consultations.models import Consultation, Status

log = logging.getLogger(__name__)


@shared_task(name="scheduling.release_expired_holds")
def release_expired_holds() -> None:
    """Delete the holds whose time is over."""
    release(now=clock.now())


@shared_task(name="scheduling.find_at_risk")
def find_at_risk() -> None:
    """Look at every booked consultation to come, and at those that staff are asked about.

    One transaction for each.

    One that cannot be looked at does not keep the others from it.
    """
    now, by = clock.now(), sweep()
    asked = WorkItem.objects.filter(kind=AT_RISK, status=WorkItem.Status.OPEN)
    rows = Consultation.objects.filter(
        Q(status=Status.BOOKED, end__gt=now) | Q(pk__in=asked.values("object_id"))
    )
    for consultation in rows.order_by("start").iterator():
        try:
            note_risk(consultation=consultation, by=by, now=now)
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("risk_unknown", extra={"consultation_id": str(consultation.pk)})
