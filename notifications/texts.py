"""The words of messages, by kind; one GSM-7 segment each, and nothing about health. PURE.

No name of a person stands in a text: it may be read on a locked screen.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifications.policy import ANSWERABLE

ONE_SEGMENT = 160
SECOND = timedelta(seconds=1)  # a day that ends at midnight is the day before
ZONE_WORDS = {"America/New_York": "Eastern", "America/Chicago": "Central"}
END = " Reply STOP to opt out."
END_OF_QUESTION = " Reply C to confirm, R to change, STOP to opt out."

TEXTS = {
    "confirmation": "{practice}: you are booked for {when}. {join} {ref}",
    "rescheduled": "{practice}: your appointment is now {when}. {join} {ref}",
    "cancelled": "{practice}: your appointment on {when} is cancelled. {ref} Questions: {phone}.",
    "reminder_24h": "{practice}: a reminder: we meet on {when}. {join} {ref}",
    "reminder_2h": "{practice}: your appointment starts {when}. {join} {ref}",
    "payment_due": "{practice}: the payment for your month is due by {last_day}. {ref}",
    "window_to_choose": "{practice}: please sign in and choose when your delivery comes. {ref}",
    "window_missing": "{practice}: we still need a time for your delivery. Please sign in, or "
    "call {phone}. {ref}",
    "delivery_24h": "{practice}: delivery {when} to {till}. An adult (21+) with photo ID must be "
    "there. {ref}",
    "on_its_way": "{practice}: your delivery is on its way. An adult (21+) with photo ID must be "
    "there. {ref}",
    "delivered": "{practice}: your delivery has arrived. {ref}",
    "receipt": "{practice}: is your delivery there? Please sign in and tell us. {ref}",
    "delivery_missed": "{practice}: your delivery could not be handed over. We tell you what comes "
    "next. Questions: {phone}. {ref}",
    "session_planned": "{practice}: your appointment at home is {when}.",
    "session_held": "{practice}: your appointment at home cannot be on {when}. Please sign in "
    "for what to do.",
    "session_cancelled": "{practice}: your appointment at home on {when} is cancelled. "
    "Questions: {phone}.",
    "session_24h": "{practice}: a reminder of your appointment at home on {when}.",
    "session_2h": "{practice}: your appointment at home starts {when}.",
    "check_in": "{practice}: please sign in and tell us how it went.",
    "support_invite": "{practice}: you are asked to be with somebody at home. Agree: {link}",
    "support_24h": "{practice}: a reminder to be with somebody at home on {when}.",
    "support_2h": "{practice}: you are to be with somebody at home {when}.",
    "sign_in_code": "{practice}: your code is {code}. It works for 10 minutes. "
    "Never give it to anybody.",
    "change_link": "{practice}: choose another time here: {link} The link works once.",
    "help_now": "{practice}: In danger? Call 911 now, or call or text 988 at any hour. En peligro? "
    "Llame al 911 o al 988 (oprima 2). We will call you.",
    "urgent_alert": "{practice}: something urgent waits for you. Please sign in. {ref}",
}
SUBJECTS = {
    "confirmation": "You are booked",
    "rescheduled": "Your appointment was moved",
    "cancelled": "Your appointment is cancelled",
    "reminder_24h": "A reminder of your appointment",
    "reminder_2h": "Your appointment starts soon",
    "payment_due": "The payment for your month",
    "window_to_choose": "Choose when your delivery comes",
    "window_missing": "We need a time for your delivery",
    "delivery_24h": "Your delivery",
    "on_its_way": "Your delivery is on its way",
    "delivered": "Your delivery has arrived",
    "receipt": "Is your delivery there?",
    "delivery_missed": "Your delivery could not be handed over",
    "session_planned": "Your appointment at home",
    "session_held": "Your appointment at home",
    "session_cancelled": "Your appointment at home is cancelled",
    "session_24h": "A reminder of your appointment at home",
    "session_2h": "Your appointment at home starts soon",
    "check_in": "Please tell us how it went",
    "support_invite": "You are asked to be with somebody",
    "support_24h": "A reminder",
    "support_2h": "A reminder",
    "sign_in_code": "Your code",
    "change_link": "Choose another time",
    "help_now": "Call 911 or 988",
    "urgent_alert": "Something urgent waits for you",
}
WITHOUT_STOP = ("sign_in_code", "urgent_alert", "help_now", "change_link")


@dataclass(frozen=True, slots=True)
class Words:
    """What a text may say. ``when`` and ``till`` in UTC, told in ``zone`` (IANA).

    ``join_url``: where a meeting takes place; empty for one by telephone.
    """

    practice: str
    phone: str
    ref: str = ""
    when: datetime | None = None
    till: datetime | None = None
    zone: str = ""
    join_url: str = ""
    code: str = ""
    link: str = ""


def text_of(kind: str, words: Words, *, is_text: bool = True) -> str:
    """The body: for a text at most one segment.

    A link that does not fit into a text, or would not survive being made plain, is found by signing
    in; a mail holds it as it is.
    """
    link = f"Join: {words.join_url}" if words.join_url else "We call you."
    body = _filled(kind, words, link)
    if not is_text:
        return f"{body}\n\nTo confirm: {words.link}" if kind in ANSWERABLE else body
    end = END_OF_QUESTION if kind in ANSWERABLE else END
    if kind in WITHOUT_STOP:
        end = ""
    if plain(link) == link and len(plain(body + end)) <= ONE_SEGMENT:
        return plain(body + end)
    return plain(_filled(kind, words, "Sign in to join.") + end)


def _filled(kind: str, words: Words, join: str) -> str:
    body = TEXTS[kind].format(
        practice=words.practice,
        phone=words.phone,
        ref=f"Ref {words.ref}." if words.ref else "",
        when=spoken_time(words.when, words.zone),
        till=_hour(words.till, words.zone),
        last_day=_day(words.till - SECOND if words.till else None, words.zone),
        join=join,
        code=words.code,
        link=words.link,
    )
    return body.strip()


def plain(text: str) -> str:
    """The text in letters that every phone shows and that cost one unit each."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in folded if c not in "^{}\\[~]|`" and (c.isprintable() or c == "\n"))


def spoken_time(at: datetime | None, zone: str) -> str:
    """An instant as texts tell it in a zone: ``Mon, Nov 30, 9:00 AM Central``."""
    return f"{_day(at, zone)}, {_hour(at, zone)}" if at else ""


def _day(at: datetime | None, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone)) if at else None
    return f"{local:%a, %b} {local.day}" if local else ""


def _hour(at: datetime | None, zone: str) -> str:
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(zone))
    hour = local.strftime("%I").lstrip("0")
    comes_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    words = {} if comes_twice else ZONE_WORDS  # in autumn: EDT, then EST
    return f"{hour}:{local:%M %p} {words.get(zone, local.tzname())}"


def spoken_phone(phone: str) -> str:
    """A number of the United States (E.164) as people write it."""
    return f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}" if phone.startswith("+1") else phone
