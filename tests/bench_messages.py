"""Claiming 500 due messages of five million: `make bench-messages`, some minutes, most to fill.

The floor is the same statement in bare SQL on the same connection's database, asked in turn. The
exit code is 1 when a claim takes three times the floor or more, does not go by the partial index,
or a sweep with nothing due takes 5 ms or more.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import uuid4

import psycopg
from rich.console import Console
from rich.table import Table

ROWS = int(os.environ.get("ROWS", "5000000"))
DUE, BATCH, ROUNDS = 500, 50, 7
LONGEST = 1800  # seconds after which all is given up
FILL = """
    INSERT INTO notifications_message (id, key, kind, channel, "to", about_kind, about_id, revision,
        cause, wanted_at, due_at, not_after, status, why, history, secret, body, priority, attempts,
        waits, looks, error_code, offered, version)
    SELECT gen_random_uuid(), %(name)s || n, 'reminder_24h', 'sms', '+18505550101', 'consultation',
        gen_random_uuid(), 1, gen_random_uuid(), at, at, at + interval '20 hours', %(status)s, '',
        '[]', '', '', 5, 0, 0, 0, '', '[]', 1
    FROM (SELECT n, %(at)s::timestamptz + n * %(step)s * interval '1 second' AS at
          FROM generate_series(1, %(count)s) n) each"""
BARE = """
    WITH ready AS MATERIALIZED (
        SELECT id FROM notifications_message
        WHERE status = 'pending' AND due_at <= %(now)s
        ORDER BY priority, not_after, due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    UPDATE notifications_message m SET status = 'sending', claim = gen_random_uuid(),
        lease_until = now() + interval '60 seconds'
    FROM ready WHERE m.id = ready.id RETURNING m.*"""
AGAIN = """
    UPDATE notifications_message SET status = 'pending', claim = NULL, history = '[]'
    WHERE status = 'sending'"""


def fill(owner: psycopg.Connection, now: datetime) -> None:
    """Most have left; a fifth waits for days to come."""
    owner.execute("SET session_replication_role = replica")  # no foreign keys, no triggers
    sent, later = ROWS * 4 // 5, ROWS // 5
    for name, status, count, at, step in (
        ("sent", "delivered", sent, now - timedelta(days=400), 8),
        ("later", "pending", later, now + timedelta(hours=1), 3),
    ):
        owner.execute(
            FILL, {"name": name, "status": status, "count": count, "at": at, "step": step}
        )
    owner.execute("VACUUM ANALYZE notifications_message")


def bare(server: psycopg.Connection, now: datetime) -> float:
    """Seconds in which bare SQL takes what is due."""
    begun = time.perf_counter()
    while server.execute(BARE, {"now": now, "most": BATCH}).fetchall():
        pass
    return time.perf_counter() - begun


def ours(now: datetime) -> float:
    """Seconds in which claims do."""
    from notifications.claiming import claim

    begun = time.perf_counter()
    while claim(now, most=BATCH):
        pass
    return time.perf_counter() - begun


def measure(owner: psycopg.Connection, url: str, now: datetime) -> list[tuple[str, str, bool]]:
    """What was measured, as a line each, and whether its bound holds."""
    from notifications.sending import send_due

    fill(owner, now)
    idle = []
    for _ in range(20):
        begun = time.perf_counter()
        send_due(clock=lambda: now)
        idle.append(time.perf_counter() - begun)
    due = {"name": "due", "status": "pending", "count": DUE, "step": -1, "at": now}
    owner.execute(FILL, due)
    owner.execute("ANALYZE notifications_message")
    floor, took = [], []
    with psycopg.connect(url, autocommit=True) as server:
        plan = str(server.execute("EXPLAIN " + BARE, {"now": now, "most": BATCH}).fetchall())
        for _ in range(ROUNDS):
            floor.append(bare(server, now))
            owner.execute(AGAIN)
            took.append(ours(now))
            owner.execute(AGAIN)
    ratio = median(took) / median(floor)
    return [
        ("a sweep with nothing due", f"{median(idle) * 1e3:.1f} ms", median(idle) < 0.005),
        (f"{DUE} due of {ROWS:,}, bare SQL", f"{median(floor) * 1e3:.1f} ms", True),
        (f"{DUE} due of {ROWS:,}, claimed", f"{median(took) * 1e3:.1f} ms", True),
        ("ratio", f"{ratio:.2f}, bound 3", ratio < 3),
        ("by the partial index", str("message_due" in plan), "message_due" in plan),
    ]


def main() -> int:
    """Measure in a database of its own; 1 when a bound is missed."""
    import django

    django.setup()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.alarm(LONGEST)
    from tests import conftest

    conftest.make_template()
    name = f"hearth_bench_{uuid4().hex[:12]}"
    conftest.clone(name, conftest.TEMPLATE)
    try:
        conftest.use(name)
        with conftest.owner(name) as owner:
            url = conftest.urls_of(name)["DATABASE_URL"]
            found = measure(owner, url, datetime.now(UTC))
    finally:
        conftest.drop(name)
    table = Table("", "", "", title="Claiming messages")
    for what, told, holds in found:
        table.add_row(what, told, "" if holds else "MISSED")
    Console().print(table)
    return 0 if all(holds for *_, holds in found) else 1


if __name__ == "__main__":
    sys.exit(main())
