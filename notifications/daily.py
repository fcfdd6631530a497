"""What those who work here are told of their day: bundled bookings, the agenda, what is to do.

Numbers and times only: no name of a patient stands in it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from accounts.models import Role, User
from accounts.practice import practice
from notifications import policy
from notifications.models import Message
from notifications.texts import Words
from notifications.writing import add, to_worker
from records.actor import sweep
from records.models import Event, WorkItem
from records.values import in_force
from scheduling.models import Consultation, Physician

DAY = timedelta(days=1)
PRACTICE = UUID(int=0)  # what a digest is about
AHEAD = ("booked", "arrived")
NEWS = {"booked": "booked", "rescheduled": "moved", "cancelled": "cancelled"}


def tell_agendas(*, now: datetime) -> None:
    """From the hour of the setting on, where they are: physicians hear of a day with meetings."""
    for physician in Physician.objects.filter(is_active=True).select_related("user"):
        at = _today_at(in_force(now)["agenda_hour"], physician.time_zone, now)
        if _meetings(physician.pk, at, physician.time_zone).exists():
            _tell("agenda", physician.user, ("physician", physician.pk), at, now)


def tell_digests(*, now: datetime) -> None:
    """From the hour of the setting on, at the practice: staff hear how much waits, if anything."""
    at = _today_at(in_force(now)["digest_hour"], practice().time_zone, now)
    if _to_do().exists():
        for user in User.objects.filter(role=Role.STAFF, is_active=True):
            _tell("digest", user, ("practice", PRACTICE), at, now)


def words_of(message: Message, base: dict[str, Any]) -> Words | None:
    """What one of these says now; None when nothing of it is left to tell."""
    return WORDS[message.kind](message, base)


def _tell(kind: str, user: User, about: tuple[str, UUID], at: datetime, now: datetime) -> None:
    """Once for each day, whoever looks, and not when the day is well under way."""
    plan = policy.on_call(kind, at)
    if at <= now < plan.not_after:
        add([to_worker(plan, user, about, key=f"{at:%Y-%m-%d}", cause=sweep().cause)])


def _today_at(hour: int, zone: str, now: datetime) -> datetime:
    day = now.astimezone(ZoneInfo(zone)).date()
    return datetime.combine(day, time(hour), ZoneInfo(zone))


def _meetings(physician: UUID, at: datetime, zone: str) -> QuerySet[Consultation]:
    """What is ahead on the local day of ``at``."""
    day: date = at.astimezone(ZoneInfo(zone)).date()
    begins, ends = (datetime.combine(d, time(0), ZoneInfo(zone)) for d in (day, day + DAY))
    rows = Consultation.objects.filter(physician=physician, status__in=AHEAD)
    return rows.filter(start__gte=begins, start__lt=ends).order_by("start")


def _to_do() -> QuerySet[WorkItem]:
    return WorkItem.objects.filter(for_role=Role.STAFF, status=WorkItem.Status.OPEN)


def _agenda(message: Message, base: dict[str, Any]) -> Words | None:
    zone = Physician.objects.get(pk=message.about_id).time_zone
    starts = [row.start for row in _meetings(message.about_id, message.wanted_at, zone)]
    if not starts:
        return None
    return Words(**base, when=starts[0], till=starts[-1], zone=zone, counts={"count": len(starts)})


def _bookings(message: Message, base: dict[str, Any]) -> Words | None:
    """What was booked, moved and cancelled since the bundle before, but by the reader."""
    earlier = Message.objects.filter(kind=message.kind, user=message.user)
    last = earlier.filter(wanted_at__lt=message.wanted_at).order_by("-wanted_at").first()
    since = last.wanted_at if last else message.wanted_at - DAY
    theirs = Consultation.objects.filter(physician=message.about_id, end__gt=since)
    news = Event.objects.filter(kind__in=policy.NEWS, object_id__in=theirs.values("pk"))
    news = news.filter(occurred_at__gte=since, occurred_at__lt=message.wanted_at)
    rows = news.exclude(actor=message.user).values_list("kind", "object_id")
    told = Counter(kind for kind, _ in rows)
    meetings = list(theirs.filter(pk__in=[pk for _, pk in rows]).order_by("start"))
    if not meetings:
        return None
    return Words(
        **base,
        when=meetings[0].start,
        till=meetings[-1].start,
        zone=Physician.objects.get(pk=message.about_id).time_zone,
        counts={word: told[f"consultation.{fact}"] for fact, word in NEWS.items()},
    )


def _digest(_: Message, base: dict[str, Any]) -> Words | None:
    open_now = Counter(_to_do().values_list("urgency", flat=True))
    counts = {u.name.lower(): open_now[u] for u in WorkItem.Urgency}
    return Words(**base, counts=counts) if open_now else None


WORDS: dict[str, Callable[[Message, dict[str, Any]], Words | None]] = {
    "agenda": _agenda,
    "bookings": _bookings,
    "digest": _digest,
}
