"""The sweeps of scheduling."""

from celery import shared_task

from records import clock
from records.actor import sweep
from scheduling.calendar.actions import release_expired_holds as release
from scheduling.consultations.actions import note_risk
from scheduling.consultations.models import Consultation, Status


@shared_task(name="scheduling.release_expired_holds")
def release_expired_holds() -> None:
    """Delete the holds whose time is over."""
    release(now=clock.now())


@shared_task(name="scheduling.find_at_risk")
def find_at_risk() -> None:
    """Look at every booked consultation to come; one transaction for each."""
    now, by = clock.now(), sweep()
    coming = Consultation.objects.filter(status=Status.BOOKED, end__gt=now).order_by("start")
    for consultation in coming.iterator():
        note_risk(consultation=consultation, by=by, now=now)
