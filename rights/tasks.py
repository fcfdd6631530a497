"""The sweep of the rights of patients."""

from celery import shared_task

from records import clock
from records.actor import sweep
from rights import making


@shared_task(name="rights.make_exports")
def make_exports() -> None:
    """Copies of records are made, and deleted after a day."""
    making.make_exports(by=sweep(), now=clock.now())
