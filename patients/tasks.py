"""The sweep of patients."""

from celery import shared_task

from patients.assessments import actions
from records import clock


@shared_task(name="patients.forget_drafts")
def forget_drafts() -> None:
    """Delete what was begun and never submitted."""
    actions.forget_drafts(now=clock.now())
