"""The sweeps of scheduling."""

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import shared_task

from patients.models import Patient
from records import clock
from records.actor import sweep
from records.outage import ENDS_A_SWEEP
from scheduling import replan as chain
from scheduling.actions import warn_of_rules as warn
from scheduling.calendar.actions import release_expired_holds as release
from scheduling.deliveries.windows.actions import open_windows as open_

log = logging.getLogger(__name__)


@shared_task(name="scheduling.release_expired_holds")
def release_expired_holds() -> None:
    """Delete the holds whose time is over."""
    release(now=clock.now())


@shared_task(name="scheduling.replan")
def replan() -> None:
    """Make rows follow for those of whom something changed, or whose time has come."""
    _each(chain.due(now=clock.now()))


@shared_task(name="scheduling.replan_everyone")
def replan_everyone() -> None:
    """Make rows follow for everybody: nothing that was forgotten stays so for long."""
    _each(Patient.objects.order_by("pk").values_list("pk", flat=True))


@shared_task(name="scheduling.open_windows")
def open_windows() -> None:
    """Open the delivery windows of the next weeks."""
    open_(now=clock.now())


@shared_task(name="scheduling.warn_of_rules")
def warn_of_rules() -> None:
    """Say in time that a legal rule ends."""
    warn(by=sweep(), now=clock.now())


def _each(patients: Iterable[UUID]) -> None:
    """One transaction for each; one that fails does not keep the others from it."""
    found = list(patients)
    chain.mark_shared(found, now=clock.now())
    for patient in found:
        try:
            chain.replan(patient, now=clock.now())
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("not_replanned", extra={"patient_id": str(patient)})
