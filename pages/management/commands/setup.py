"""Asks a new practice a few questions: ``python manage.py setup``."""

import sys
from collections.abc import Callable
from datetime import date, time
from getpass import getpass
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import URLValidator, validate_email

from accounts.phones import us_number
from accounts.practice import BAD_NAME, BAD_PHONE, is_name
from pages.forms import plain_mail
from records import clock
from records.refused import Refused
from scheduling.setting_up import STATES, begin

T = TypeVar("T")
ZONES = {"E": "America/New_York", "C": "America/Chicago"}
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
ENDED = "The answers ended before the last question: nothing was written down."


class Command(BaseCommand):
    help = "Set up a new practice: its name, its owner, its physician, hours, licences, on call."

    def handle(self, **_: Any) -> str:
        self.stdout.write("A few questions; Enter takes what stands in [brackets].\n")
        try:
            row = begin(**self._answers(), now=clock.now())
        except Refused as refused:
            raise CommandError(refused.detail) from refused
        except (EOFError, KeyboardInterrupt) as error:
            raise CommandError(ENDED) from error
        return (
            f"{row.name} gets a mail with a link, and can be booked after joining. Sign in at "
            f"{settings.PUBLIC_BASE_URL}/accounts/login/: what is still to do stands there."
        )

    def _answers(self) -> dict[str, Any]:
        zone = self._ask("Time zone of the office, E(astern) or C(entral)", _zone, "E")
        practice = {
            "name": self._ask("Name of the practice, in every text", _name),
            "phone": self._ask("Its telephone", _phone),
            "time_zone": zone,
        }
        owner = {
            "name": self._ask("Owner: name", _text),
            "email": self._ask("Owner: e-mail", _mail),
            "password": self._password(),
        }
        physician = {
            "name": self._ask("Physician: name, as patients read it", _text),
            "email": self._ask("Physician: e-mail", _mail),
            "phone": self._ask("Physician: telephone that is paged on call", _phone),
        }
        join_url = self._ask("Physician: link to their video room (none: they call)", _link, "none")
        days = self._ask("Working days", _days, "Mo Tu We Th Fr")
        opens = self._ask("They begin at", _time, "08:30")
        closes = self._ask("They end at", _time, "17:00")
        licences = [row for state in STATES if (row := self._licence(state))]
        return {
            "practice": practice,
            "owner": owner,
            "physician": physician,
            "hours": [(day, opens, closes) for day in days],
            "licences": licences,
            "join_url": join_url,
        }

    def _licence(self, state: str) -> dict[str, Any] | None:
        number = self._ask(f"Licence for {STATES[state]}: number (none: Enter)", _text, "none")
        if number == "none":
            return None
        since = self._ask("  valid from (YYYY-MM-DD)", _date)
        until = self._ask("  last day", _after(since))
        return {"state": state, "number": number, "valid_from": since, "expires_on": until}

    def _ask(self, question: str, read: Callable[[str], T], usual: str = "") -> T:
        """Ask until it can be read."""
        while True:
            shown = f"{question} [{usual}]: " if usual else f"{question}: "
            self.stdout.write(shown, ending="")
            self.stdout.flush()
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            try:
                return read(line.strip() or usual)
            except (ValueError, ValidationError) as error:
                said = error.messages[0] if isinstance(error, ValidationError) else str(error)
                self.stdout.write(self.style.WARNING(f"  {said}"))

    def _password(self) -> str:
        if not sys.stdin.isatty():
            return self._ask("Owner: password", _text)
        while (typed := getpass("Owner: password: ")) != getpass("Once more: "):
            self.stdout.write(self.style.WARNING("  These were two different ones."))
        return typed


def _text(typed: str) -> str:
    if not typed or len(typed) > 100:
        raise ValueError("Please type something, up to 100 letters.")
    return typed


def _name(typed: str) -> str:
    if not is_name(typed):
        raise ValueError(BAD_NAME)
    return typed


def _phone(typed: str) -> str:
    number = us_number(typed)
    if number is None:
        raise ValueError(BAD_PHONE)
    return number


def _mail(typed: str) -> str:
    validate_email(typed)
    return plain_mail(typed)


def _link(typed: str) -> str:
    if typed == "none":
        return ""
    URLValidator(schemes=["https"])(typed)
    return typed


def _zone(typed: str) -> str:
    if typed[:1].upper() not in ZONES:
        raise ValueError("Type E or C.")
    return ZONES[typed[:1].upper()]


def _days(typed: str) -> list[int]:
    asked = {part[:2].title() for part in typed.replace(",", " ").split()}
    if not asked or not asked <= set(DAYS):
        raise ValueError(f"Use some of {' '.join(DAYS)}.")
    return [number for number, day in enumerate(DAYS) if day in asked]


def _time(typed: str) -> time:
    try:
        return time.fromisoformat(typed)
    except ValueError as error:
        raise ValueError("Use hours and minutes: 08:30.") from error


def _date(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError as error:
        raise ValueError("Use a date such as 2027-01-31.") from error


def _after(first: date) -> Callable[[str], date]:
    def read(typed: str) -> date:
        last = _date(typed)
        if last < first:
            raise ValueError("That is before its first day.")
        return last

    return read
