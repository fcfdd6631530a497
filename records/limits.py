"""How often what costs money or can be guessed is allowed: one table, counted by PostgreSQL.

A count is one statement in database time, taken before the transaction of what is asked: requests
at once are counted one by one, and what is refused or rolled back counts too. The narrow limits
come first and the total last, so that whom a narrow one stops takes nothing from the others.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest

from records.actor import Actor
from records.asking import client_of
from records.events import raise_work_item
from records.models import Count, WorkItem
from records.refused import Refused

QUARTER, HOUR, DAY = 900, 3600, 86_400  # seconds

# What → by whom it is counted, how many, in how many seconds.
LIMITS: dict[str, tuple[tuple[str, int, int], ...]] = {
    # A code is asked for: it may be a text, and disturbs whose number it is.
    "code": (
        ("address", 60, HOUR), ("number", 5, HOUR), ("number", 10, DAY), ("mail", 5, HOUR),
        ("mail", 10, DAY), ("prefix", 15, HOUR), ("prefix", 40, DAY), ("total", 600, HOUR),
        ("total", 3000, DAY),
    ),
    # A code is tried: three times each, in whatever number of requests and sign-ins at once.
    "code_tried": (
        ("address", 120, HOUR), ("code", 3, HOUR), ("number", 15, HOUR), ("mail", 15, HOUR),
    ),
    # A wrong password; a right one does not count.
    "password": (("address", 50, QUARTER), ("number", 5, QUARTER), ("mail", 5, QUARTER)),
    # A second factor, or a password once more, that is wrong.
    "factor": (("address", 50, QUARTER), ("user", 5, QUARTER)),
    # Assessments and their drafts, of who has not signed in; each makes work for a physician.
    "draft": (
        ("address", 60, HOUR), ("user", 200, HOUR), ("number", 10, HOUR), ("mail", 10, HOUR),
        ("prefix", 60, HOUR), ("total", 500, HOUR),
    ),
    "assessment": (
        ("address", 40, HOUR), ("user", 200, HOUR), ("number", 10, DAY), ("mail", 10, DAY),
        ("prefix", 60, HOUR), ("total", 300, HOUR),
    ),
    # Whom a patient names gets a text.
    "support_person": (
        ("user", 200, DAY), ("patient", 10, DAY), ("number", 5, DAY), ("prefix", 15, DAY),
        ("total", 300, DAY),
    ),
    # Somebody tries whether texts leave.
    "test_text": (("user", 5, HOUR), ("total", 60, HOUR)),
    # A slot is held for ten minutes, by default.
    "hold": (("address", 40, 600), ("user", 40, 600), ("total", 600, 600)),
    # A copy of the record is made, which takes a worker seconds.
    "export": (("user", 10, DAY), ("total", 300, HOUR)),
    # A link or a secret that opens nothing, a signature that is wrong; a right one does not count.
    "guess": (("address", 30, 600), ("user", 30, 600)),
    "webhook": (("address", 100, HOUR),),
    # Looking, which costs the database.
    "look": (("address", 1200, 600), ("user", 1200, 600)),
    "search": (("user", 600, HOUR),),
}  # fmt: skip

# Whom to tell when the last limit of these stops somebody.
ALARMS = {
    "code": ("staff", "So many codes for signing in are asked for that nobody gets more just now."),
    "draft": ("staff", "So many assessments are begun that nobody can begin one just now."),
    "assessment": ("staff", "So many assessments come in that no more are taken just now."),
    "support_person": ("staff", "So many companions are named that no more are texted today."),
    "hold": ("staff", "So many times are held that nobody can hold one; booking still works."),
    "export": ("staff", "So many copies of records are asked for that nobody gets one just now."),
    "search": ("physician", "Somebody searched for too many patients: see the log of access."),
}
TOO_MANY = "Too many of these for now. Please try again later, or call us."

# A window begins with its first count, and anew with the first after its end.
TAKE = """
    INSERT INTO records_count AS c (key, name, since, n) VALUES (%(key)s, %(name)s, now(), 1)
    ON CONFLICT (key) DO UPDATE SET
        n = CASE WHEN c.since > now() - make_interval(secs => %(seconds)s) THEN c.n + 1 ELSE 1 END,
        since = CASE WHEN c.since > now() - make_interval(secs => %(seconds)s) THEN c.since
            ELSE now() END
    RETURNING n, ceil(extract(epoch FROM since - now()) + %(seconds)s)"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was counted for one attempt, so that it can be given back."""

    keys: tuple[str, ...] = ()

    def give_back(self) -> None:
        """It was no attempt after all: nothing was guessed, and nothing it costs happened."""
        for key in self.keys:  # one by one: no two attempts wait for each other
            Count.objects.filter(key=key, n__gt=0).update(n=F("n") - 1)


def take(what: str, **by: str) -> Taken:
    """Count an attempt at ``what`` (one of `LIMITS`) by each of ``by`` that is given and not empty.

    Raises `Refused` ``over_budget`` with ``retry_after`` when one of them has had its share.
    """
    keys: list[str] = []
    for name, most, seconds in LIMITS[what]:
        whose = "all" if name == "total" else by.get(name, "")
        if whose:
            keys.append(_key(what, name, seconds, whose))
            n, left = _count(keys[-1], _name(what, name, seconds), seconds)
            if n > most:
                raise Refused("over_budget", TOO_MANY, retry_after=left)
    return Taken(tuple(keys))


def _name(what: str, by: str, seconds: int) -> str:
    return f"{what} {by} {seconds}"


def _key(what: str, by: str, seconds: int, whose: str) -> str:
    """No number and no address stands in the table, nor can be found out from it."""
    said = f"{_name(what, by, seconds)} {whose}".encode("utf-8", "replace")
    return hmac.new(settings.SECRET_KEY.encode(), said, sha256).hexdigest()


def _count(key: str, name: str, seconds: int) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"key": key, "name": name, "seconds": seconds})
        n, left = cursor.fetchone()
    return int(n), max(1, int(left))


def address_of(request: HttpRequest) -> str:
    """By what a client is counted: an IPv4 address, or the /64 of an IPv6 address."""
    client = client_of(request)
    if client is None:
        return "nowhere"
    size = 64 if ":" in client else 32
    return str(ipaddress.ip_network((client, size), strict=False))


def of_contact(number: str | None, mail: str) -> dict[str, str]:
    """How a contact is counted: ``number`` as it is texted, with those beside it, and ``mail``."""
    number = number or ""
    # As the database compares: of some letters the capitals are those of others (ı, ſ).
    return {"number": number, "prefix": number[:8], "mail": mail.strip().upper().lower()}


def sound_alarms(*, by: Actor, now: datetime) -> None:
    """One work item for each limit with an alarm that stops somebody just now."""
    for what, (role, detail) in ALARMS.items():
        name, most, seconds = LIMITS[what][-1]
        running = Count.objects.filter(since__gt=Now() - timedelta(seconds=seconds))
        if running.filter(name=_name(what, name, seconds), n__gt=most).exists():
            raise_work_item(
                "limit_reached",
                ("limit", uuid5(NAMESPACE_URL, what)),
                detail=detail,
                urgency=WorkItem.Urgency.TODAY if role == "physician" else WorkItem.Urgency.NOW,
                for_role=role,
                by=by,
                now=now,
            )


def forget_counts() -> None:
    """Delete what no window is about any more."""
    Count.objects.filter(since__lt=Now() - timedelta(seconds=DAY)).delete()
