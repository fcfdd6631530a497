"""Loads the ZIP table from the `zipcodes` package and our corrections."""

from dataclasses import asdict
from typing import Any

from django.core.cache import cache
from django.core.management.base import BaseCommand

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


def load() -> int:
    """Write every row, remove those that are not in the table any more; how many there are."""
    table = [
        ZipCode(**{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(row).items()})
        for row in rows()
    ]
    ZipCode.objects.bulk_create(
        table,
        batch_size=5000,
        update_conflicts=True,
        unique_fields=["postal_code"],
        update_fields=[f.name for f in ZipCode._meta.fields if not f.primary_key],
    )
    ZipCode.objects.exclude(postal_code__in=[row.postal_code for row in table]).delete()
    return len(table)
