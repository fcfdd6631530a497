"""The server's time for every page, with the demo alone and with 100,000 patients: some minutes.

``make bench-pages``. Each patient more is a copy, under ids of its own, of all that the demo has of
one who went through the whole chain; beside them some hundred are copies of those with a parcel
under way, or whose assessment waits, and there is the work, the texts and the failures of a busy
practice, in the measure of PATIENTS. A page is asked in this process, ROUNDS times, in turn with
``/livez``, the floor of the run; templates are not watched as tests watch them, which takes longer
than many a page. The exit code is 1 when a median is above LIMIT.
"""

import os
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any
from uuid import UUID

import django
import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

COUNT = int(os.environ.get("PATIENTS", "100000"))
ROUNDS, LIMIT = 7, 0.200  # seconds
WHOSE = "quinn@hearth.test"
# Whose rows are copied: where the patient, or what belongs to them, stands in which column.
COPIED = (
    ("accounts_user", "id", "user"), ("patients_patient", "id", "patient"),
    ("patients_address", "patient_id", "patient"), ("patients_assessment", "patient_id", "patient"),
    ("patients_consent", "patient_id", "patient"),
    ("patients_carerelationship", "patient_id", "patient"),
    ("patients_supportperson", "patient_id", "patient"),
    ("scheduling_reservation", "patient_id", "patient"),
    ("scheduling_consultation", "patient_id", "patient"),
    ("scheduling_decision", "patient_id", "patient"),
    ("scheduling_subscription", "patient_id", "patient"),
    ("scheduling_billingperiod", "subscription_id", "scheduling_subscription"),
    ("scheduling_prescription", "patient_id", "patient"),
    ("scheduling_delivery", "patient_id", "patient"),
    ("scheduling_custodyevent", "delivery_id", "scheduling_delivery"),
    ("notifications_message", "patient_id", "patient"),
    ("records_event", "patient_id", "patient"),
)  # fmt: skip
# What must differ from copy to copy beside the ids; ``n`` is the number of the copy.
OTHERWISE = {
    ("accounts_user", "email"): "'p' || n || '@example.org'",
    ("accounts_user", "phone"): "'+1352' || lpad((2000000 + n)::text, 7, '0')",
    ("accounts_user", "phone_verified_at"): "NULL",
    ("patients_patient", "last_name"): "'Bench' || n",
    ("patients_patient", "email"): "'p' || n || '@example.org'",
    ("patients_patient", "phone"): "'+1352' || lpad((2000000 + n)::text, 7, '0')",
    ("patients_supportperson", "secret"): "md5(random()::text)",
    ("scheduling_reservation", "physician_id"): "NULL",
    ("scheduling_reservation", "busy"): "NULL",
    ("scheduling_prescription", "external_reference"): "'DEMO-' || n",
    ("notifications_message", "key"): "r.key || n",
    ("notifications_message", "provider_id"): "NULL",
    ("notifications_inboundmessage", "provider_id"): "md5(r.provider_id || n)",
}
# Those of whom a busy practice has some hundred at once, and how many of 1,000 they are together.
UNDER_WAY = """
    SELECT DISTINCT ON (d.status) d.patient_id FROM scheduling_delivery d
    WHERE d.status NOT IN ('delivered', 'returned', 'cancelled')
    ORDER BY d.status, d.id"""
WAITING = """
    SELECT patient_id FROM patients_assessment WHERE status = 'submitted' ORDER BY id LIMIT 3"""
SHARES = ((UNDER_WAY, 3), (WAITING, 3))
# Work: how many of each role are done and to do, by a thousand patients.
WORK = (
    ("staff", "closed", 1000), ("physician", "closed", 250), ("staff", "open", 4),
    ("physician", "open", 4),
)  # fmt: skip
ASKED = """
    INSERT INTO records_workitem (id, kind, detail, urgency, for_role, patient_id, object_kind,
        object_id, cause, status, raised_at, due_at, closed_at, note)
    SELECT ('0190' || substr(md5(%(role)s || %(status)s || n), 5))::uuid,
        CASE n %% 3 WHEN 0 THEN 'window_not_chosen' ELSE 'call_patient' END, 'Please call.',
        1 + n %% 3, %(role)s, people.ids[1 + n %% array_length(people.ids, 1)], 'patient',
        gen_random_uuid(), gen_random_uuid(), %(status)s, now(), now() + n * interval '1 minute',
        CASE %(status)s WHEN 'closed' THEN now() END, ''
    FROM generate_series(1, %(count)s) n,
        (SELECT array_agg(id) ids FROM patients_patient) people"""
FAILED = """
    UPDATE notifications_message SET status = 'failed' WHERE id IN (
        SELECT id FROM notifications_message
        WHERE status = 'delivered' AND id < '01910000-0000-0000-0000-000000000000' LIMIT %s)"""
REFERENCE = "left(r.reference, 2) || lpad(upper(to_hex(n)), 6, '0')"
# The id of a copy: as old as the demo's, never the newest.
MAP = """
    CREATE OR REPLACE FUNCTION pg_temp.copy_of(id uuid, n int) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('0190' || substr(md5(id::text || n), 5))::uuid $$"""


def fill(its: psycopg.Connection) -> None:
    """COUNT patients more."""
    its.execute("SET session_replication_role = replica")
    its.execute(MAP)
    whose = "SELECT p.id FROM patients_patient p JOIN accounts_user u ON u.id = p.user_id "
    rows = its.execute(whose + "WHERE u.email = %s", [WHOSE]).fetchall()
    _copy_patient(its, rows[0][0], 1, COUNT)
    last = COUNT
    for query, share in SHARES:
        patients = its.execute(query).fetchall()
        each = max(1, COUNT * share // 1000 // len(patients))
        for (patient,) in patients:
            _copy_patient(its, patient, last + 1, last + each)
            last += each
    for role, status, share in WORK:
        its.execute(ASKED, {"role": role, "status": status, "count": COUNT * share // 1000})
    came = [row[0] for row in its.execute("SELECT id FROM notifications_inboundmessage")]
    _copy(its, "notifications_inboundmessage", came, set(came), (1, COUNT // 10))
    its.execute(FAILED, [COUNT // 200])
    its.execute("VACUUM ANALYZE")


def _copy_patient(its: psycopg.Connection, patient: UUID, first: int, last: int) -> None:
    """All that belongs to a patient, as the copies of these numbers."""
    user = its.execute("SELECT user_id FROM patients_patient WHERE id = %s", [patient]).fetchone()
    assert user
    whose: dict[str, list[UUID]] = {"user": [user[0]], "patient": [patient]}
    for table, column, of in COPIED:
        found = sql.SQL("SELECT id FROM {} WHERE {} = ANY(%s)").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        whose[table] = [row[0] for row in its.execute(found, [whose[of]])]
    copied = {pk for rows in whose.values() for pk in rows if isinstance(pk, UUID)}
    for table, _, _ in COPIED:
        _copy(its, table, whose[table], copied, (first, last))


def _copy(
    its: psycopg.Connection,
    table: str,
    rows: list[Any],
    copied: set[UUID],
    numbers: tuple[int, int],
) -> None:
    known = its.execute(
        "SELECT column_name, data_type, is_identity, is_generated FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
        [table],
    ).fetchall()
    columns = [(name, kind) for name, kind, own, made in known if (own, made) == ("NO", "NEVER")]
    for pk in rows:
        row = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns), sql.Identifier(table)
        )
        values = its.execute(row, [pk]).fetchone()
        assert values
        taken = [
            (name, _expression(table, name, value, value in copied if kind == "uuid" else False))
            for (name, kind), value in zip(columns, values, strict=True)
            if not (name == "id" and kind == "bigint")
        ]
        insert = sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} "
            "FROM {table} r, generate_series(%s::int, %s::int) n WHERE r.id = %s"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(sql.Identifier(name) for name, _ in taken),
            values=sql.SQL(", ").join(value for _, value in taken),
        )
        its.execute(insert, [*numbers, pk])


def _expression(table: str, name: str, value: Any, is_copied: bool) -> sql.Composable:
    if (table, name) in OTHERWISE:
        return sql.SQL(OTHERWISE[table, name])
    if name == "reference" and value:
        return sql.SQL(REFERENCE)
    here = sql.SQL("r.{}").format(sql.Identifier(name))
    return sql.SQL("pg_temp.copy_of({}, n)").format(here) if is_copied else here


def measure() -> Iterator[tuple[str, str, float, int]]:
    """Of every page: its name, address, median seconds, and how many queries it makes."""
    from django.test import Client

    from tests.browser.every_page import LOOKS
    from tests.browser.site import Queries, key_of, user_of

    keys = {who: key_of(user) for who in {look.who for look in LOOKS} if (user := user_of(who))}
    for look in LOOKS:
        client, address = Client(HTTP_HOST="localhost"), look.address
        if look.who:
            client.cookies["sessionid"] = keys[look.who]
        client.get(address)
        with Queries() as asked:
            client.get(address)
        queries = len(asked)
        times, floor = [], []
        for _ in range(ROUNDS):
            times.append(_took(client, address))
            floor.append(_took(client, "/livez"))
        FLOOR.append(median(floor))
        yield look.name, address, median(times), queries


FLOOR: list[float] = []


def _took(client: Any, address: str) -> float:
    begun = time.perf_counter()
    client.get(address)
    return time.perf_counter() - begun


def main() -> int:
    django.setup()
    from django.core.management import call_command

    from records import clock
    from tests import conftest
    from tests.cast import NOW

    conftest.make_template()
    conftest.drop("hearth_bench_pages")
    conftest.clone("hearth_bench_pages", conftest.EMPTY)
    conftest.use("hearth_bench_pages")
    clock.move(NOW)
    call_command("load_demo")
    alone = list(measure())
    with conftest.owner("hearth_bench_pages") as its:
        fill(its)
    many = list(measure())
    table = Table(title=f"Pages: server's time, median of {ROUNDS}")
    for column in ("page", "queries", "demo", f"and {COUNT:,} patients", "of the floor"):
        table.add_column(column, justify="left" if column == "page" else "right")
    floor, worst = median(FLOOR), 0.0
    for (name, _, one, _), (_, _, two, queries) in zip(alone, many, strict=True):
        worst = max(worst, one, two)
        times = (f"{one * 1000:.0f} ms", f"{two * 1000:.0f} ms", f"{two / floor:.0f}×")
        table.add_row(name, str(queries), *times)
    Console().print(table)
    Console().print(f"floor (/livez) {floor * 1000:.2f} ms; slowest page {worst * 1000:.0f} ms")
    conftest.drop("hearth_bench_pages")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
