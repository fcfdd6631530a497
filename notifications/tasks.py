"""The sweeps of notifications."""

from celery import shared_task

from notifications import sending, writing
from records import clock


@shared_task(name="notifications.write_messages")
def write_messages() -> None:
    """Facts become messages."""
    writing.write_messages(now=clock.now())


@shared_task(name="notifications.send_due")
def send_due() -> None:
    """Messages that are due leave."""
    sending.send_due(clock=clock.now)


@shared_task(name="notifications.page_again")
def page_again() -> None:
    """Who must do something now, and has not opened it, is paged again."""
    writing.page_again(now=clock.now())


@shared_task(name="notifications.reconcile")
def reconcile() -> None:
    """What is in doubt is looked up at the provider."""
    sending.reconcile(now=clock.now())
