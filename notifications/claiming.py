"""Who takes what to send, in which order; what is held back is not taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

from notifications import policy
from notifications.models import Circuit, Message, Status
from notifications.moving import entry
from records.ids import uuid7

# One statement, committed by itself: no row is held while the provider is asked. Materialised, so
# that the rows are chosen once; the partial index on `due_at` finds them.
CLAIM = """
    WITH ready AS MATERIALIZED (
        SELECT id FROM notifications_message m
        WHERE status = 'pending' AND due_at <= %(now)s
            AND (try_after IS NULL OR try_after <= clock_timestamp())
            AND (kind = ANY(%(free)s) OR not_after <= %(now)s
                OR (channel = %(probe)s OR channel NOT IN (
                    SELECT channel FROM notifications_circuit))
                AND NOT EXISTS (SELECT FROM notifications_pause WHERE ended_at IS NULL)
                AND NOT EXISTS (SELECT FROM records_brake b
                    WHERE b.cause = m.cause AND b.status = 'waiting'))
        ORDER BY priority, not_after, due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
    )
    UPDATE notifications_message m
    SET status = 'sending', why = '', claim = %(claim)s, history = history || %(entry)s,
        lease_until = clock_timestamp() + %(lease)s, changed_at = clock_timestamp()
    FROM ready WHERE m.id = ready.id RETURNING m.*"""
GIVE_BACK = """
    UPDATE notifications_message
    SET status = 'pending', claim = NULL, lease_until = NULL, history = history - -1
    WHERE id = ANY(%s) AND claim = %s AND status = 'sending' AND body = ''"""


def claim(now: datetime, *, most: int) -> list[Message]:
    """Take up to ``most`` messages for as long as the lease: the most urgent first.

    By priority, then by what loses its sense soonest, then by what has waited longest. While a
    channel's circuit is open, nothing of care is taken for it but a probe, now and then; and what
    has lost its sense, so that a human hears of it in spite of whatever holds it.
    """
    return _take(now, most) or _probe(now)


def _probe(now: datetime) -> list[Message]:
    """Where nothing else may leave: one message of a channel whose circuit is open, if it is time.

    Whoever is told that it is time is the only one. Where none waits, it stays time.
    """
    for circuit in Circuit.objects.filter(probe_after__lte=Now()):
        due = Circuit.objects.filter(pk=circuit.pk, probe_after__lte=Now())
        if due.update(probe_after=Now() + timedelta(seconds=settings.SEND_PROBE)):
            taken = _take(now, 1, probe=circuit.channel)
            if not taken:
                Circuit.objects.filter(pk=circuit.pk).update(probe_after=Now())
            return taken
    return []


def _take(now: datetime, most: int, probe: str = "") -> list[Message]:
    taken = Message.objects.raw(
        CLAIM,
        {
            "now": now,
            "free": list(policy.ANY_HOUR),
            "probe": probe,
            "most": most,
            "claim": uuid7(),
            "entry": Jsonb(entry(Status.SENDING, "")),
            "lease": timedelta(seconds=settings.SEND_LEASE),
        },
    )
    return sorted(taken, key=lambda m: (m.priority, m.not_after, m.due_at, m.pk))


def give_back(messages: list[Message]) -> None:
    """What was taken and never begun waits as before, as if nobody had taken it."""
    if messages:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_BACK, [[row.pk for row in messages], messages[0].claim])


@contextmanager
def lane(key: int, lanes: int) -> Iterator[bool]:
    """Whether one of the lanes was free; it is ours until we leave, or our connection ends."""
    with connection.cursor() as cursor:
        for number in range(lanes):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [key, number])
            if cursor.fetchone() == (True,):
                break
        else:
            yield False
            return
    try:
        yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [key, number])
