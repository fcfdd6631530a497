"""Encrypted columns are rewritten row by row by their owner: by migrations, and for another key."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.migrations import RunPython
from psycopg import sql

from records.append_only import TABLES
from records.crypto import Encrypted, decrypt, encrypt

BATCH = 500  # rows of one transaction


def columns() -> list[tuple[str, str, str]]:
    """Table, primary key and column of everything that is encrypted."""
    return [
        (model._meta.db_table, str(model._meta.pk.column), str(field.column))
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, Encrypted)
    ]


def rewrite(
    connection: Any, column: tuple[str, str, str], change: Callable[[str], str], *, but: str = ""
) -> int:
    """Change the values of a column, but those that are like ``but``; returns how many.

    Each batch is kept as soon as it is done, where no transaction is open around it.
    """
    table, pk, name = (sql.Identifier(word) for word in column)
    wanted = sql.SQL("SELECT {}, {} FROM {} WHERE {} <> '' AND {} NOT LIKE %s").format(
        pk, name, table, name, name
    )
    batch = sql.SQL(" ORDER BY {} LIMIT {} FOR NO KEY UPDATE").format(pk, BATCH)
    further = wanted + sql.SQL(" AND {} > %s").format(pk) + batch
    write = sql.SQL("UPDATE {} SET {} = %s WHERE {} = %s").format(table, name, pk)
    count, last = 0, list[Any]()
    while True:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            changeable(cursor, column[0], now=True)
            cursor.execute(further if last else wanted + batch, [but, *last])
            rows = cursor.fetchall()
            cursor.executemany(write, [(change(value), key) for key, value in rows])
            # What a row that was changed twice makes the database check later is checked now: with
            # something left to check, no table can be altered.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            changeable(cursor, column[0], now=False)
        if not rows:
            return count
        count, last = count + len(rows), [rows[-1][0]]


def changeable(cursor: Any, table: str, *, now: bool) -> None:
    """Let the owner change rows that only grow, within this transaction alone."""
    if table in TABLES:
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
            sql.Identifier(table),
            sql.SQL("DISABLE" if now else "ENABLE"),
            sql.Identifier(f"{table}_is_append_only"),
        )
        cursor.execute(statement)


def rotate(connection: Any) -> dict[str, int]:
    """Encrypt with the first key what another one has encrypted; how many rows, by column."""
    first = next(iter(settings.FIELD_KEYS))
    return {
        place: rewrite(connection, column, partial(_again, of=place), but=f"{first}:%")
        for column in columns()
        for place in [f"{column[0]}.{column[2]}"]
    }


def _again(value: str, *, of: str) -> str:
    return encrypt(decrypt(value, of=of), of=of)


def keys_in_use(connection: Any) -> set[str]:
    """The ids of the keys that something is still encrypted with."""
    used: set[str] = set()
    with connection.cursor() as cursor:
        for table, _, name in columns():
            statement = sql.SQL(
                "SELECT DISTINCT split_part({name}, ':', 1) FROM {table} WHERE {name} <> ''"
            ).format(name=sql.Identifier(name), table=sql.Identifier(table))
            cursor.execute(statement)
            used |= {key for (key,) in cursor.fetchall()}
    return used


def encrypted(table: str, *names: str, pk: str = "id") -> RunPython:
    """A migration's operation: what stands in these columns in the clear is encrypted."""

    def every(crypt: Callable[..., str], connection: Any) -> None:
        for name in names:
            rewrite(connection, (table, pk, name), partial(crypt, of=f"{table}.{name}"))

    def forwards(_: Any, editor: Any) -> None:
        every(encrypt, editor.connection)

    def backwards(_: Any, editor: Any) -> None:
        every(decrypt, editor.connection)

    return RunPython(forwards, backwards)
