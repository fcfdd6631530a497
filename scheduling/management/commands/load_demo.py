"""Loads the demo: the cast, two physicians, three plans, forty patients and more; once."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from records import clock
from scheduling import demo


class Command(BaseCommand):
    help = "Load invented people into an empty database, unless DEMO=0."

    def handle(self, **_: Any) -> str:
        try:
            demo.refuse_beside_real_texts()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if not settings.DEMO:
            return "no demo"
        if not settings.SANDBOX:
            raise CommandError("Demo people are not loaded where real texts leave: set DEMO=0.")
        return "demo loaded" if demo.load(clock.now()) else "the database is not empty: no demo"
