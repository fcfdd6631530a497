"""The words of messages, by kind; one GSM-7 segment each, and nothing about health. PURE.

No name of a person stands in a text: it may be read on a locked screen.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

ONE_SEGMENT = 160
ZONE_WORDS = {"America/New_York": "Eastern", "America/Chicago": "Central"}
END = " Reply STOP to opt out."

TEXTS = {
    "confirmation": "{practice}: you are booked for {when}. {join} Ref {ref}.",
    "rescheduled": "{practice}: your appointment is now {when}. {join} Ref {ref}.",
    "cancelled": "{practice}: your appointment on {when} is cancelled. Ref {ref}. "
    "Questions: {phone}.",
    "reminder_24h": "{practice}: a reminder of your appointment on {when}. {join} Ref {ref}.",
    "reminder_2h": "{practice}: your appointment starts {when}. {join} Ref {ref}.",
    "sign_in_code": "{practice}: your code is {code}. It works for 10 minutes. "
    "Never give it to anybody.",
    "urgent_alert": "{practice}: something urgent waits for you. Please sign in. Ref {ref}.",
}
SUBJECTS = {
    "confirmation": "You are booked",
    "rescheduled": "Your appointment was moved",
    "cancelled": "Your appointment is cancelled",
    "reminder_24h": "A reminder of your appointment",
    "reminder_2h": "Your appointment starts soon",
    "sign_in_code": "Your code",
    "urgent_alert": "Something urgent waits for you",
}
WITHOUT_STOP = ("sign_in_code", "urgent_alert")


@dataclass(frozen=True, slots=True)
class Words:
    """What a text may say. ``when`` in UTC, told in ``zone`` (IANA)."""

    practice: str
    phone: str
    ref: str = ""
    when: datetime | None = None
    zone: str = ""
    join_url: str = ""
    code: str = ""


def text_of(kind: str, words: Words, *, is_text: bool = True) -> str:
    """The body: for a text at most one segment.

    The link is left out where it does not fit, or would not survive being made plain.
    """
    end = END if is_text and kind not in WITHOUT_STOP else ""
    link = f"Join: {words.join_url}" if plain(words.join_url) == words.join_url else ""
    for join in (link if words.join_url else "We call you.", ""):
        body = TEXTS[kind].format(
            practice=words.practice,
            phone=words.phone,
            ref=words.ref,
            when=_when(words),
            join=join,
            code=words.code,
        )
        body = plain(body.replace("  ", " ") + end)
        if len(body) <= ONE_SEGMENT or not is_text:
            return body
    return body


def plain(text: str) -> str:
    """The text in letters that every phone shows and that cost one unit each."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in folded if c not in "^{}\\[~]|`" and (c.isprintable() or c == "\n"))


def _when(words: Words) -> str:
    if words.when is None:
        return ""
    local = words.when.astimezone(ZoneInfo(words.zone))
    hour = local.strftime("%I").lstrip("0")
    day = f"{local:%a, %b} {local.day}"
    return f"{day}, {hour}:{local:%M %p} {ZONE_WORDS.get(words.zone, local.tzname())}"
