"""Loads the ZIP table from the `zipcodes` package and our corrections."""

from typing import Any

from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from psycopg import sql

from patients.models import ZipCode
from patients.zip_table import rows, stamp


class Command(BaseCommand):
    help = "Load the ZIP table, unless this version of it is there."

    def handle(self, **_: Any) -> str:
        version = stamp()
        if cache.get("zip_table") == version and ZipCode.objects.exists():
            return "the ZIP table is there already"
        count = load()
        cache.set("zip_table", version, timeout=None)
        return f"{count} ZIP codes"


@transaction.atomic
def load() -> int:
    """Put every row in the place of those that are there; how many there are. COPY is quick."""
    names = [field.name for field in ZipCode._meta.fields]
    table = rows()
    ZipCode.objects.all().delete()
    with connection.cursor() as cursor:
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(ZipCode._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with cursor.copy(into) as copy:
            for row in table:
                told = (getattr(row, name) for name in names)
                copy.write_row([list(v) if isinstance(v, tuple) else v for v in told])
    return len(table)
