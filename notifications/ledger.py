"""When a message will be or was sent, and why not, in a sentence for whoever reads it."""

from datetime import datetime

from notifications.lookups import UNCONFIRMED
from notifications.models import Channel, Message, Status
from notifications.texts import spoken_time

SAYS: dict[str, str] = {
    Status.SENDING: "It is leaving at this moment.",
    Status.ACCEPTED: "It left on {then}; nobody has said yet that it arrived.",
    Status.SENT: "It left on {then}; nobody has said yet that it arrived.",
    Status.DELIVERED: "It arrived on {then}.",
}


def sentence(message: Message) -> str:
    """The sentence, in the time of the zone where its patient is."""
    zone = message.patient.time_zone if message.patient else "America/New_York"
    if message.status == Status.PENDING:
        return _waits(message, zone)
    if message.status == Status.SENT and message.channel == Channel.MAIL:
        return f"It left on {_then(message, zone)}, by mail."
    if message.status in (Status.ACCEPTED, Status.SENT) and message.why == UNCONFIRMED:
        return f"It left on {_then(message, zone)}. {message.why}"
    says = SAYS.get(message.status)
    return says.format(then=_then(message, zone)) if says else message.why


def _waits(message: Message, zone: str) -> str:
    leaves = spoken_time(message.due_at, zone)
    if message.due_at > message.wanted_at:
        return f"Waits until {leaves}: it is night there."
    if message.due_at < message.wanted_at:
        return f"Leaves on {leaves}, the evening before: it would be night there."
    return " ".join(filter(None, [f"Leaves on {leaves}.", message.why]))


def _then(message: Message, zone: str) -> str:
    """When the last thing happened, in real time."""
    return spoken_time(datetime.fromisoformat(message.history[-1]["at"]), zone)
