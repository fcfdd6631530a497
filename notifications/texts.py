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

    A link that does not fit into a text, or would not survive being made plain, is found by signing
    in; a mail holds it as it is.
    """
    link = f"Join: {words.join_url}" if words.join_url else "We call you."
    body = _filled(kind, words, link)
    if not is_text:
        return body
    end = "" if kind in WITHOUT_STOP else END
    if plain(link) == link and len(plain(body + end)) <= ONE_SEGMENT:
        return plain(body + end)
    return plain(_filled(kind, words, "Sign in to join.") + end)


def _filled(kind: str, words: Words, join: str) -> str:
    return TEXTS[kind].format(
        practice=words.practice,
        phone=words.phone,
        ref=words.ref,
        when=_when(words),
        join=join,
        code=words.code,
    )


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
