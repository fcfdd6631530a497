"""No sender texts faster than its number may: turns, in the database, for all processes."""

import time

from django.conf import settings
from django.db import connection

BATCH = 50
LANES = 2  # sweeps that send at once: a provider that hangs leaves the worker's others free
AFTER_BUSY = 1.0  # seconds for which nobody sends once the provider was busy
# The database's clock hands out turns: each begins when the one before is over.
TURN = """
    INSERT INTO notifications_pace AS p (sender, free_at)
    VALUES (%(sender)s, clock_timestamp() + %(step)s * interval '1 second')
    ON CONFLICT (sender) DO UPDATE SET
        free_at = greatest(p.free_at, clock_timestamp()) + %(step)s * interval '1 second'
    RETURNING extract(epoch FROM free_at - clock_timestamp()) - %(step)s"""
SLOW = """
    INSERT INTO notifications_pace AS p (sender, free_at)
    VALUES (%(sender)s, clock_timestamp() + %(step)s * interval '1 second')
    ON CONFLICT (sender) DO UPDATE SET free_at = greatest(p.free_at, excluded.free_at)"""


def batch() -> int:
    """How many are taken at once: what leaves in a second, so that the urgent never wait long."""
    rate = settings.TWILIO_PER_SECOND
    return max(1, min(BATCH, int(rate))) if rate else BATCH


def lanes() -> int:
    """How many sweeps send at once; one where each turn counts, since two could swap theirs."""
    return 1 if settings.TWILIO_PER_SECOND else LANES


def wait_for_turn() -> None:
    """Return when this sender may send; a turn that nobody uses is lost."""
    rate = settings.TWILIO_PER_SECOND
    with connection.cursor() as cursor:
        cursor.execute(TURN, {"sender": _sender(), "step": 1 / rate if rate else 0})
        (seconds,) = cursor.fetchone()
    if seconds > 0:
        time.sleep(float(seconds))


def slow_down() -> None:
    """The provider is busy: nobody sends for a moment."""
    with connection.cursor() as cursor:
        cursor.execute(SLOW, {"sender": _sender(), "step": AFTER_BUSY})


def _sender() -> str:
    return str(settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM_NUMBER)
