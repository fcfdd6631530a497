"""Encrypts with the first of FIELD_KEYS what another one has encrypted; begun again, it goes on."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from records import rewriting


class Command(BaseCommand):
    help = "Encrypt everything with the first key, as the owner, and tell which keys can go."

    def handle(self, **_: Any) -> None:
        connection = connections["owner" if "owner" in settings.DATABASES else "default"]
        for column, count in rewriting.rotate(connection).items():
            if count:
                self.stdout.write(f"{column}: {count}")
        used = rewriting.keys_in_use(connection)
        for name in settings.FIELD_KEYS:
            self.stdout.write(f"{name}: {'in use' if name in used else 'used no more'}")
