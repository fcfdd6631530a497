"""Steps, gates and states as staff call them: ``{% load desk %}``."""

from datetime import datetime

from django import template

from notifications.texts import spoken_time
from pages.staff.forms import ASKED_BY
from pages.staff.gates import OF_CODE, STEPS

register = template.Library()
TONES = {
    "done": "good",
    "current": "calm",
    "blocked": "bad",
    "delivered": "good",
    "paid": "good",
    "completed": "good",
    "active": "good",
    "booked": "calm",
    "scheduled": "calm",
    "arrived": "calm",
    "open": "warn",
    "past_due": "bad",
    "paused": "warn",
    "held": "warn",
    "attempted": "bad",
    "missed": "bad",
    "failed": "bad",
    "undelivered": "bad",
    "suppressed": "bad",
    "pending": "calm",
    "unknown": "warn",
    "lost": "bad",
}


@register.filter
def step_name(key: str) -> str:
    """``Consultation``; where nothing is to be done, there is no step."""
    return STEPS.get(key, "Nothing to do")


@register.filter
def gate_name(code: str) -> str:
    """What is missing, in a few words."""
    known = OF_CODE.get(code)
    return known.short if known else code.replace("_", " ").capitalize()


@register.filter
def tone(status: str) -> str:
    """The colour of a badge, by a state."""
    return TONES.get(status, "")


@register.filter
def channel_name(channel: str) -> str:
    """``On the telephone``."""
    return ASKED_BY.get(channel, channel.replace("_", " ").capitalize())


@register.filter
def moment(at: str, zone: str) -> str:
    """An instant of a message's history, which is kept as text."""
    return spoken_time(datetime.fromisoformat(at), zone)
