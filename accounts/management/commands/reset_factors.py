"""Removes the second factors of a colleague: ``python manage.py reset_factors EMAIL``.

The way out where nobody else can do it: the only administrator has lost theirs.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import COLLEAGUES, User
from accounts.people.actions import remove_factors
from records import clock
from records.actor import Actor


class Command(BaseCommand):
    help = "Remove the second factors of the colleague with this e-mail address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **_: Any) -> str:
        user = User.objects.filter(email__iexact=email, role__in=COLLEAGUES).first()
        if user is None:
            raise CommandError(f"No colleague has the e-mail address {email}.")
        by = Actor(role="system", channel="command")
        remove_factors(user=user, by=by, now=clock.now())
        return "They set up another factor when they sign in next; all their sessions have ended."
