"""The sweeps of the ground floor."""

from celery import shared_task
from django.db.models.functions import Now

from records import audit, clock, limits
from records.actor import sweep
from records.idempotency import KEPT
from records.models import IdempotentAnswer


@shared_task(name="records.forget_old_answers")
def forget_old_answers() -> None:
    """Delete kept answers after a day of real time."""
    IdempotentAnswer.objects.filter(answered_at__lt=Now() - KEPT).delete()


@shared_task(name="records.watch_limits")
def watch_limits() -> None:
    """Tell people where a limit stops everybody, and forget old counts."""
    limits.sound_alarms(by=sweep(), now=clock.now())
    limits.forget_counts()


@shared_task(name="records.seal_audit")
def seal_audit() -> None:
    """What was written down is sealed, so that a later change is found."""
    audit.seal(before=audit.settled())
