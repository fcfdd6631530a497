"""The sweeps of scheduling."""

import logging

from celery import shared_task

from records import clock
from records.actor import sweep
from records.outage import ENDS_A_SWEEP
from scheduling.calendar.actions import release_expired_holds as release
from scheduling.consultations.actions import note_risk
from scheduling.consultations.models import Consultation, Status

log = logging.getLogger(__name__)


@shared_task(name="scheduling.release_expired_holds")
def release_expired_holds() -> None:
    """Delete the holds whose time is over."""
    release(now=clock.now())


@shared_task(name="scheduling.find_at_risk")
def find_at_risk() -> None:
    """Look at every booked consultation to come; one transaction for each.

    One that cannot be looked at does not keep the others from it.
    """
    now, by = clock.now(), sweep()
    coming = Consultation.objects.filter(status=Status.BOOKED, end__gt=now).order_by("start")
    for consultation in coming.iterator():
        try:
            note_risk(consultation=consultation, by=by, now=now)
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("risk_unknown", extra={"consultation_id": str(consultation.pk)})
