"""Writes down what a new practice begins with."""

from typing import Any

from django.core.management.base import BaseCommand

from scheduling import defaults


class Command(BaseCommand):
    help = "Load the federal rule, delivery zones over all counties and holidays, where missing."

    def handle(self, **_: Any) -> str:
        defaults.load()
        return "defaults loaded"
