"""The words of `policy.SAYINGS`, filled in: one GSM-7 segment each. PURE."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifications.policy import ANSWERABLE, CARE, OF_KIND, class_of

ONE_SEGMENT = 160
SECOND = timedelta(seconds=1)  # a day that ends at midnight is the day before
ZONE_WORDS = {"America/New_York": "Eastern", "America/Chicago": "Central"}
END = " Reply STOP to opt out."
END_OF_QUESTION = " Reply C to confirm, R to change, STOP to opt out."
NEWS = ("booked", "moved", "cancelled")
END_OF_OFFER = " Reply 1 or 2, STOP to opt out."
CHOOSE = "Please sign in to choose another time."


@dataclass(frozen=True, slots=True)
class Words:
    """What a text may say. ``when`` and ``till`` in UTC, told in ``zone`` (IANA).

    ``join_url``: where a meeting takes place; empty for one by telephone. ``choices``: the times
    that are offered, answered by their number. ``counts`` are how many of what.
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
    choices: tuple[datetime, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def text_of(kind: str, words: Words, *, is_text: bool = True) -> str:
    """The body: for a text at most one segment.

    What does not fit into a text, or would not survive being made plain, a link or the times that
    are offered, is found by signing in; a mail holds it as it is. Where not even so there is room
    to ask for an answer, it is not asked for.
    """
    link = f"Join: {words.join_url}" if words.join_url else "We call you."
    body = _filled(kind, words, link, _offer(words) if is_text else CHOOSE)
    if not is_text:
        return f"{body}\n\nTo confirm: {words.link}" if kind in ANSWERABLE else body
    end = END_OF_OFFER if kind == "offer" and words.choices else _end(kind)
    sayable = plain(link) == link or "{join}" not in OF_KIND[kind].text
    if sayable and len(plain(body + end)) <= ONE_SEGMENT:
        return plain(body + end)
    body, end = plain(_filled(kind, words, "Sign in to join.", CHOOSE)), _end(kind)
    return body + (end if len(body + end) <= ONE_SEGMENT else END)


def _end(kind: str) -> str:
    if class_of(kind) != CARE:
        return ""
    return END_OF_QUESTION if kind in ANSWERABLE else END


def _offer(words: Words) -> str:
    """The times that are offered, by their number."""
    told = [f"{n}: {spoken_time(at, words.zone)}" for n, at in enumerate(words.choices, 1)]
    return f"{' '.join(told)}." if told else CHOOSE


def _filled(kind: str, words: Words, join: str, offer: str) -> str:
    """Raises KeyError when a word is missing: nothing leaves with a gap in it."""
    known: dict[str, object] = {
        "practice": words.practice,
        "phone": words.phone,
        "when": spoken_time(words.when, words.zone),
        "day": _day(words.when, words.zone),
        "hour": spoken_hour(words.when, words.zone),
        "till": spoken_hour(words.till, words.zone),
        "last_day": _day(words.till - SECOND if words.till else None, words.zone),
        "span": _span(words),
        "news": _listed(f"{words.counts[n]} {n}" for n in NEWS if words.counts.get(n)),
        "join": join,
        "offer": offer,
        "code": words.code,
        "link": words.link,
    }
    given = {name: word for name, word in known.items() if word}
    ref = f"Ref {words.ref}." if words.ref else ""
    return OF_KIND[kind].text.format(**given, ref=ref, **words.counts).strip()


def _span(words: Words) -> str:
    """From when to when; or when alone."""
    when, till = spoken_time(words.when, words.zone), spoken_time(words.till, words.zone)
    return f"from {when} to {till}" if when != till else f"on {when}"


def _listed(parts: Iterable[str]) -> str:
    """As one says it: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = [*parts] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def plain(text: str) -> str:
    """The text in letters that every phone shows and that cost one unit each."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in folded if c not in "^{}\\[~]|`" and (c.isprintable() or c == "\n"))


def spoken_time(at: datetime | None, zone: str) -> str:
    """An instant as texts tell it in a zone: ``Mon, Nov 30, 9:00 AM Central``."""
    return f"{_day(at, zone)}, {spoken_hour(at, zone)}" if at else ""


def _day(at: datetime | None, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone)) if at else None
    return f"{local:%a, %b} {local.day}" if local else ""


def spoken_hour(at: datetime | None, zone: str) -> str:
    """The time of day of an instant, and where: ``9:00 AM Central``."""
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
