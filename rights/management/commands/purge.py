"""Deletes the records whose time is over, as the owner of the tables; ids and numbers are told."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from records import clock
from rights import purging


class Command(BaseCommand):
    help = "Delete what nobody has written to for seven years and no legal hold keeps."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would go")

    def handle(self, *, dry_run: bool, **_: Any) -> None:
        self.now = clock.now()
        self.using = "owner" if "owner" in settings.DATABASES else "default"
        late = [pk for kind, pk in self._old() if not self._goes(kind, pk, dry_run=dry_run)]
        if late:
            raise CommandError(f"{len(late)} are in use just now: run it again later.")

    def _old(self) -> Iterator[tuple[str, UUID]]:
        for kind, old in (("patient", purging.old_patients), ("draft", purging.old_drafts)):
            for pk in list(old(now=self.now, using=self.using)):
                yield kind, pk

    def _goes(self, kind: str, pk: UUID, *, dry_run: bool) -> bool:
        """Whether it went, or would."""
        does: dict[str, Callable[..., purging.Counts]] = {
            "patient": purging.purge_patient, "draft": purging.purge_draft,
        }  # fmt: skip
        try:
            if dry_run:
                told = purging.what_would_go(pk, using=self.using) if kind == "patient" else {}
            else:
                told = does[kind](pk, now=self.now, using=self.using)
        except OperationalError:
            return False
        counts = ", ".join(f"{table} {count}" for table, count in told.items())
        self.stdout.write(f"{'would delete' if dry_run else 'deleted'} {kind} {pk}: {counts}")
        return True
