"""The sweeps of notifications."""

from celery import shared_task

from notifications import daily, doubt, incoming, lookups, sending, writing
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
    doubt.reconcile(now=clock.now())


@shared_task(name="notifications.look_up")
def look_up() -> None:
    """What became of texts of which nobody has said that they arrived."""
    lookups.look_up(now=clock.now())


@shared_task(name="notifications.act_on_texts")
def act_on_texts() -> None:
    """What came in and was kept, and nobody acted on."""
    incoming.act_on_kept(now=clock.now())


@shared_task(name="notifications.tell_agendas")
def tell_agendas() -> None:
    """Physicians hear of their day in the morning."""
    daily.tell_agendas(now=clock.now())


@shared_task(name="notifications.tell_digests")
def tell_digests() -> None:
    """Staff hear in the morning how much waits for them."""
    daily.tell_digests(now=clock.now())
