"""Rows that may be there already: the one way to say so, by the constraint that is meant."""

from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.db.models.sql import InsertQuery


def add_once(rows: Iterable[models.Model], *, unique: tuple[str, ...]) -> int:
    """Insert rows of one model; one whose ``unique`` columns are known stays as it is.

    Returns how many are new. Unlike Django's ``ignore_conflicts``, no other constraint is passed
    over: a double booking among them still raises IntegrityError.
    """
    new = list(rows)
    if not new:
        return 0
    meta: Any = type(new[0])._meta
    query: Any = InsertQuery(type(new[0]))
    query.insert_values(meta.concrete_fields, new)
    columns = ", ".join(f'"{meta.get_field(name).column}"' for name in unique)
    with connection.cursor() as cursor:
        ((statement, values),) = query.get_compiler(connection=connection).as_sql()
        known = f"ON CONFLICT ({columns}) DO NOTHING"
        cursor.execute(f"{statement} {known}", values)  # allowed: names of columns of ours
        return int(cursor.rowcount)
