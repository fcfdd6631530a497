"""The audit is sealed: what was written down and is old enough is hashed, each seal over the last.

No request waits for it. Whoever changes, removes or slips in a row afterwards, as the owner of the
tables too, is found by `verify`; who made all seals anew, by a hash that was kept elsewhere.
"""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db import connection, transaction

from records.events import settled_before
from records.models import AuditSeal

# What is sealed of each table: no column that is encrypted, since keys rotate.
COLUMNS = {
    "records_event": (
        "id", "kind", "occurred_at", "recorded_at", "actor_id", "role", "channel", "cause",
        "object_kind", "object_id", "patient_id", "payload",
    ),
    "records_accesslog": (
        "id", "at", "user_id", "role", "object_kind", "object_ids", "patient_ids", "address",
        "request_id", "door", "reason", "denied",
    ),
    "records_correction": ("id", "object_kind", "object_id", "was", "corrected_by_id",
                           "corrected_at"),
    "patients_brokenglass": ("id", "patient_id", "user_id", "at", "ends_at"),
}  # fmt: skip
ROWS = 1000  # of one seal, at most
MARGIN = timedelta(minutes=1)  # by which the clocks of two web servers may differ
TURN = 0x5EA1  # the advisory lock of who seals
NONE = UUID(int=0)
FIRST = "0" * 64

# The rows between two ids: how many, the last id, and one hash over those of all of them.
DIGEST = """
    SELECT count(*), (array_agg(id ORDER BY id DESC))[1],
        encode(sha256(coalesce(string_agg(sha256(convert_to(told, 'UTF8')), '' ORDER BY id),
            '')), 'hex')
    FROM (SELECT id, ROW({columns})::text AS told FROM {table}
        WHERE id > %s AND id {until} %s ORDER BY id LIMIT %s) AS rows"""


@transaction.atomic
def seal(*, before: UUID) -> int:
    """Seal what has an id below ``before``; returns how many rows. One at a time does it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [TURN])
        if not cursor.fetchone()[0]:
            return 0
    return sum(_seal(table, before) for table in COLUMNS)


def settled() -> UUID:
    """An id below which nothing is written any more, whichever server writes."""
    return UUID(int=settled_before().int - (int(MARGIN.total_seconds() * 1000) << 80))


def _seal(table: str, before: UUID) -> int:
    last = AuditSeal.objects.order_by("number").last()
    mine = AuditSeal.objects.filter(table=table).order_by("number").last()
    after, done = mine.up_to if mine else NONE, 0
    while True:
        count, up_to, digest = _digest(table, after, before, "<", ROWS)
        if not count:
            return done
        last = AuditSeal(
            number=last.number + 1 if last else 1,
            table=table,
            up_to=up_to,
            count=count,
            digest=digest,
            previous=last.hash if last else FIRST,
        )
        last.hash = _hash(last)
        last.save(force_insert=True)
        after, done = up_to, done + count


def _digest(table: str, after: UUID, until: UUID, how: str, most: int) -> tuple[int, UUID, str]:
    query = DIGEST.format(columns=", ".join(COLUMNS[table]), table=table, until=how)
    with connection.cursor() as cursor:
        cursor.execute(query, [after, until, most])
        count, last, digest = cursor.fetchone()
    return count, last, digest


def _hash(seal: AuditSeal) -> str:
    told = (seal.previous, seal.number, seal.table, seal.up_to, seal.count, seal.digest)
    return sha256("|".join(str(word) for word in told).encode()).hexdigest()


def verify() -> Iterator[tuple[AuditSeal, str]]:
    """Every seal, with what is wrong about it or its rows; empty where nothing is."""
    previous, number, up_to = FIRST, 1, dict.fromkeys(COLUMNS, NONE)
    for seal in AuditSeal.objects.order_by("number").iterator():
        after = up_to[seal.table]
        count, _, digest = _digest(seal.table, after, seal.up_to, "<=", seal.count + ROWS)
        wrong = ""
        if (seal.previous, seal.number, seal.hash) != (previous, number, _hash(seal)):
            wrong = f"seal {seal.number} is not what it was, or one before it is missing"
        elif count != seal.count:
            wrong = f"{count} rows where {seal.count} were sealed"
        elif digest != seal.digest:
            wrong = "a row was changed"
        yield seal, wrong and f"{seal.table}, after {after} up to {seal.up_to}: {wrong}"
        previous, number, up_to[seal.table] = seal.hash, seal.number + 1, seal.up_to
