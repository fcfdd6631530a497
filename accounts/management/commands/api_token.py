"""Prints a bearer token for a user: ``python manage.py api_token EMAIL [--scope read]``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiToken, User
from accounts.tokens import make_token


class Command(BaseCommand):
    help = "Print a bearer token for the user with this e-mail address; it is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default="write")

    def handle(self, *, email: str, scope: str, **_: Any) -> str:
        users = list(User.objects.filter(email__iexact=email, is_active=True)[:2])
        if len(users) != 1:
            raise CommandError(f"{len(users)} active users have the e-mail address {email}.")
        return make_token(users[0], scope)
