"""Recomputes every seal of the audit; ends with 1 at the first row that is not as it was."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from records import audit


class Command(BaseCommand):
    help = "Recompute the seals of the audit, and tell the last hash, to be kept elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", help="a hash that was told before and kept elsewhere")

    def handle(self, *, anchor: str | None, **_: Any) -> None:
        count, last, is_known = 0, audit.FIRST, anchor in (None, audit.FIRST)
        for seal, wrong in audit.verify():
            if wrong:
                raise CommandError(wrong)
            count, last = count + seal.count, seal.hash
            is_known = is_known or seal.hash == anchor
        if not is_known:
            raise CommandError("No seal has this hash: the seals were made anew, or some are gone.")
        self.stdout.write(f"{count} rows are as they were sealed. Keep elsewhere: {last}")
