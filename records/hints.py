"""A hint that a sweep has work: it comes sooner. Correctness never depends on a hint."""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def wake(sweep: str) -> None:
    """Wake a sweep by its name once this transaction is committed; a broker that is away is fine.

    Several hints for one sweep in one transaction send one message.
    """
    waiting = transaction.get_connection().run_on_commit
    if not any(getattr(entry[1], "sweep", None) == sweep for entry in waiting):
        transaction.on_commit(_Hint(sweep), robust=True)


class _Hint:
    def __init__(self, sweep: str) -> None:
        self.sweep = sweep

    def __call__(self) -> None:
        try:
            current_app.send_task(self.sweep, expires=30, retry=False)
        except OperationalError:
            log.warning("broker_away", extra={"sweep": self.sweep})
