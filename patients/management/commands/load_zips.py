"""Loads the ZIP table from the `zipcodes` package and our corrections."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from patients.models import ZipCode
from patients.zip_table import rows


class Command(BaseCommand):
    help = "Load the ZIP table; rows that are there are brought up to date."

    def handle(self, **_: Any) -> str:
        table = [
            ZipCode(**{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(row).items()})
            for row in rows()
        ]
        fields = [f.name for f in ZipCode._meta.fields if not f.primary_key]
        ZipCode.objects.bulk_create(
            table,
            batch_size=5000,
            update_conflicts=True,
            unique_fields=["postal_code"],
            update_fields=fields,
        )
        gone = ZipCode.objects.exclude(postal_code__in=[row.postal_code for row in table]).delete()
        return f"{len(table)} ZIP codes, {gone[0]} removed"
