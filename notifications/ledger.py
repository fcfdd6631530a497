"""When a message will be or was sent, and why not, in a sentence for whoever reads it."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from notifications import policy
from notifications.lookups import UNCONFIRMED
from notifications.models import Channel, Circuit, Message, Pause, Status
from notifications.quiet_hours import why_not
from notifications.reach import hours_for
from notifications.texts import spoken_time
from records.models import Brake

SECOND = timedelta(seconds=1)
SAYS: dict[str, str] = {
    Status.SENDING: "It is leaving at this moment.",
    Status.ACCEPTED: "It left on {then}; nobody has said yet that it arrived.",
    Status.SENT: "It left on {then}; nobody has said yet that it arrived.",
    Status.DELIVERED: "It arrived on {then}.",
}
HOLDS = (  # what is held back, and what is said of it; as `claiming.CLAIM` has it
    (
        Exists(Brake.objects.filter(cause=OuterRef("cause"), status=Brake.Status.WAITING)),
        "One change would reach many people, and a person looks at it first.",
    ),
    (Exists(Pause.objects.filter(ended_at=None)), "Messages are paused for the moment."),
    (
        Exists(Circuit.objects.filter(channel=OuterRef("channel"))),
        "Our provider takes no messages at the moment.",
    ),
)


def with_holds(rows: QuerySet[Message]) -> QuerySet[Any]:
    """Messages as `sentence` reads them: each with what holds it back now, if anything does."""
    free = When(kind__in=policy.ANY_HOUR, then=Value(""))
    holds = (When(hold, then=Value(says)) for hold, says in HOLDS)
    return rows.annotate(hold=Case(free, *holds, default=Value("")))


def sentence(message: Message, hold: str) -> str:
    """The sentence, in the time of the zone where its patient is; ``hold`` is of `with_holds`."""
    zone = message.patient.time_zone if message.patient else "America/New_York"
    if message.status == Status.PENDING:
        return _waits(message, zone, hold)
    if message.status == Status.SENT and message.channel == Channel.MAIL:
        return f"It left on {_then(message, zone)}, by mail."
    if message.status == Status.SENT and message.why == UNCONFIRMED:
        return f"It left on {_then(message, zone)}. {message.why}"
    says = SAYS.get(message.status)
    return says.format(then=_then(message, zone)) if says else message.why


def _waits(message: Message, zone: str, hold: str) -> str:
    leaves = spoken_time(message.due_at, zone)
    if hold:
        return f"Held back, due on {leaves}. {hold}"
    hours = hours_for(message)
    if hours and message.due_at < message.wanted_at:
        why = why_not(message.wanted_at, hours)
        return f"Leaves on {leaves}, the evening before: it would be {why}."
    if hours and message.due_at > message.wanted_at:
        why = why_not(message.due_at - SECOND, hours)  # else it is only late
        if why:
            return f"Waits until {leaves}: it is {why}."
    return " ".join(filter(None, [f"Leaves on {leaves}.", message.why]))


def _then(message: Message, zone: str) -> str:
    """When the last thing happened, in real time."""
    return spoken_time(datetime.fromisoformat(message.history[-1]["at"]), zone)
