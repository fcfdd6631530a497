"""Fact → messages: who is told what, in which words, when, until when, what first. One page. PURE.

No name of a person stands in a text, and nothing about health: it may be read on a locked screen.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.intervals import wall_before

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
APART = timedelta(minutes=30)  # a reminder this close to the first word would only repeat it
PATIENT, SUPPORT_PERSON, PHYSICIAN, STAFF = "patient", "support_person", "physician", "staff"
WHO_SIGNS_IN = "who_signs_in"
# Asked for a moment ago; for who works here; what keeps to quiet hours and caps.
REQUESTED, ALERT, CARE = "requested", "alert", "care"
# What is claimed first: who waits for it, what moves somebody's day, what can wait for mail.
AT_ONCE, URGENT, FIRST, USUAL, LESSER = range(5)
NEWS = ("consultation.booked", "consultation.rescheduled", "consultation.cancelled")
BUNDLE = timedelta(minutes=30)  # of these, a physician hears once in this time
PROMISED = "promised"  # told by word of mouth: who cancels is not who booked
# What these ask may be answered by a text: C confirms, R asks for a link.
ANSWERABLE = ("confirmation", "rescheduled", "reminder_24h", "reminder_2h")
BY_LINK = ("change_link", "time_taken")  # their link leads to other times
OF_PASSWORD = ("invitation", "password_link")  # their link lets somebody set a password
AS_WRITTEN = ("help_now", "contact_code", "contact_changed")  # to that contact, or to nobody
BY_ONE_WAY = ("assessment.flagged",)  # for today; the others are paged by text and by mail
ALERT_KEEPS = 3 * DAY
# Minutes since a work item of `NOW` was raised for physicians, at which they are paged again, with
# the back-up, while nobody has opened it.
PAGED_AGAIN_AT = (5, 15)
# What the provider says about a number that will never take a text: no mobile, or nobody's.
BAD_PHONE = ("21211", "21217", "21614", "30005", "30006")
# What may be better a little later: the handset was off, the reason is unknown, the queue was full.
# Tried once more; what the carrier filtered (30007) never.
PASSING = ("30001", "30003", "30008", "30500")
TRIED_AGAIN_AFTER = timedelta(minutes=30)
Length = timedelta | tuple[str, timedelta]  # or a setting, and its unit


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about: a consultation, a delivery, a session, a month, a support person.

    ``start`` and ``end`` (UTC) are those of the meeting, of the window, of the time to pay or to
    agree, or of what follows a paid month; ``zone`` (IANA) is the patient's. ``at_risk``: something
    stands in its way.
    """

    status: str
    revision: int
    start: datetime
    end: datetime
    zone: str
    at_risk: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A message to be written; ``wanted_at`` and ``not_after`` in UTC."""

    kind: str
    wanted_at: datetime
    not_after: datetime
    reader: str = PATIENT
    reminds: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """A kind of message: its words, which facts call for it, where it is true, when and how long.

    It is wanted ``ahead`` of the start by the wall clock, or in the ``morning`` after the fact, or
    after a ``grace`` in which the fact may be taken back, else at once. It has lost its sense
    ``gone`` before the start, or when it is ``old`` since the fact, else at the end. One that
    ``outlives`` is true in its states whatever changed since; others are of the revision that they
    were written for. One ``of_risk`` is true only while its subject is at risk. One with ``after``
    is said only when one of these kinds was told before; it ``corrects`` them, in place of the
    other first words of its fact.
    """

    kind: str
    facts: tuple[str, ...]
    states: tuple[str, ...]
    subject: str
    text: str
    gone: Length | None = None
    old: timedelta | None = None
    ahead: Length | None = None
    grace: bool = False
    morning: bool = False
    outlives: bool = False
    of_risk: bool = False
    after: tuple[str, ...] = ()
    corrects: bool = False
    reader: str = PATIENT
    by_mail: bool = False
    words_class: str = CARE
    priority: int = USUAL

    def wanted(
        self, subject: Subject, occurred_at: datetime, values: Mapping[str, int]
    ) -> datetime:
        if self.ahead is not None:
            return wall_before(subject.start, subject.zone, length(self.ahead, values))
        if self.morning:
            day = occurred_at.astimezone(ZoneInfo(subject.zone)).date() + DAY
            at = time(values["check_in_hour"])
            return datetime.combine(day, at, ZoneInfo(subject.zone)).astimezone(UTC)
        later = occurred_at + values["confirmation_grace"] * MINUTE
        in_time = later < self.until(subject, occurred_at, values)
        return later if self.grace and in_time else occurred_at

    def until(self, subject: Subject, occurred_at: datetime, values: Mapping[str, int]) -> datetime:
        if self.gone is not None:
            return subject.start - length(self.gone, values)
        return occurred_at + self.old if self.old else subject.end


def length(of: Length, values: Mapping[str, int]) -> timedelta:
    """A length of time, also where it is a setting."""
    return of if isinstance(of, timedelta) else values[of[0]] * of[1]


BOOKED, MOVED = ("consultation.booked",), ("consultation.rescheduled",)
PLANNED = ("session.planned", "session.rescheduled")
TO_CHOOSE = ("delivery.created", "delivery.window_lost", "delivery.released")
WENT_ASTRAY = (
    "delivery.window_lost", "delivery.held", "delivery.recalled", "delivery.investigating",
    "delivery.lost", "delivery.cancelled",
)  # fmt: skip
ON_THE_WAY = ("scheduled", "packed", "dispatched", "out_for_delivery")
ASTRAY = ("awaiting_window", "held", "returning", "investigating", "lost", "cancelled")
OF_MEETING = (PROMISED, "confirmation", "rescheduled", "reminder_24h", "reminder_2h")
OF_SESSION = (PROMISED, "session_planned", "session_24h", "session_2h", "session_held")
OF_SUPPORT = ("support_24h", "support_2h", "support_moved")
OF_DELIVERY = ("delivery_24h", "delivery_moved")
NOTHING = timedelta(0)
OF_A_DAY: dict[str, Any] = {"ahead": ("reminder_first", HOUR), "gone": 3 * HOUR, "priority": FIRST}
OF_2_HOURS: dict[str, Any] = {
    "ahead": ("reminder_second", MINUTE),
    "gone": HOUR / 3,
    "priority": FIRST,
}
TO_SUPPORT: dict[str, Any] = {"reader": SUPPORT_PERSON}
TO_PHYSICIAN: dict[str, Any] = {"reader": PHYSICIAN, "words_class": ALERT}
ABOUT_SIGN_IN: dict[str, Any] = {"reader": WHO_SIGNS_IN, "words_class": REQUESTED}
CORRECTS: dict[str, Any] = {"corrects": True, "priority": FIRST}

SAYINGS = (
    Saying(
        "sign_in_code", (), (),
        "Your code",
        "{practice}: your code is {code}. It works for 10 minutes. Never give it to anybody.",
        words_class=REQUESTED, priority=AT_ONCE,
    ),
    Saying(
        "contact_code", (), (),
        "Your code",
        "{practice}: your code is {code}. It works for 10 minutes. Never give it to anybody.",
        words_class=REQUESTED, priority=AT_ONCE,
    ),
    Saying(
        "contact_changed", ("contact.changed",), (),
        "How we reach you was changed",
        "{practice}: the way in which we reach you was changed. It was not you? Please call "
        "{phone} at once.",
        old=DAY, **ABOUT_SIGN_IN, priority=FIRST,
    ),
    Saying(
        "invitation", ("user.invited",), (),
        "You are invited",
        "{practice}: set a password to join us: {link} It works once, for 3 days.",
        old=3 * DAY, by_mail=True, **ABOUT_SIGN_IN,
    ),
    Saying(
        "password_link", ("user.password_link",), (),
        "Set another password",
        "{practice}: set another password: {link} It works once, for 3 days.",
        old=3 * DAY, by_mail=True, **ABOUT_SIGN_IN,
    ),
    Saying(
        "sign_in_changed", ("user.sign_in_changed", "user.factors_reset"), (),
        "How you sign in was changed",
        "{practice}: the password or the second factor of your sign-in was changed. It was not "
        "you? Please call {phone} at once.",
        old=DAY, by_mail=True, **ABOUT_SIGN_IN, priority=FIRST,
    ),
    Saying(
        "help_now", (), (),
        "Call 911 or 988",
        "{practice}: In danger? Call 911 now, or call or text 988 at any hour. En peligro? "
        "Llame al 911 o al 988 (oprima 2). We will call you.",
        words_class=REQUESTED, priority=AT_ONCE,
    ),
    Saying(
        "change_link", (), (),
        "Choose another time",
        "{practice}: choose another time here: {link} The link works once.",
        words_class=REQUESTED, priority=URGENT,
    ),
    Saying(
        "time_taken", (), (),
        "Choose another time",
        "{practice}: that time is gone. Choose another: {link} The link works once.",
        words_class=REQUESTED, priority=URGENT,
    ),
    Saying(
        "urgent_alert",
        ("assessment.crisis", "assessment.flagged", "session.alarm", "text.crisis"), (),
        "Something urgent waits for you",
        "{practice}: something urgent waits for you. Please sign in. {ref}",
        old=ALERT_KEEPS, **TO_PHYSICIAN, priority=URGENT,
    ),
    Saying(
        "bookings", (), (),
        "New in your calendar",
        "{practice}: your calendar: {news}, {span}.",
        old=DAY, **TO_PHYSICIAN,
    ),
    Saying(
        "agenda", (), (),
        "Your day",
        "{practice}: appointments today: {count}. First {hour}, last {till}.",
        old=5 * HOUR, **TO_PHYSICIAN,
    ),
    Saying(
        "digest", (), (),
        "What waits for you",
        "{practice}: to do at once: {now}, today: {today}, soon: {soon}. Please sign in.",
        old=10 * HOUR, reader=STAFF, by_mail=True, words_class=ALERT, priority=LESSER,
    ),
    Saying(
        "glass_broken", ("patient.glass_broken",), (),
        "Please review",
        "{practice}: a record was opened by somebody who does not care for that person. Please "
        "sign in and review it.",
        reader=STAFF, by_mail=True, words_class=ALERT, priority=FIRST,
    ),
    Saying(
        "test", (), (),
        "This is a test",
        "{practice}: this is a test. Texts leave, and arrive here.",
        old=HOUR, reader=STAFF, words_class=REQUESTED, priority=AT_ONCE,
    ),
    Saying(
        "confirmation", BOOKED, ("booked",),
        "You are booked",
        "{practice}: you are booked for {when}. {join} {ref}",
        gone=NOTHING, grace=True,
    ),
    Saying(
        "rescheduled", MOVED, ("booked",),
        "Your appointment was moved",
        "{practice}: your appointment is now {when}. {join} {ref}",
        gone=NOTHING, grace=True, priority=FIRST,
    ),
    Saying(
        "cancelled", ("consultation.cancelled",), ("cancelled",),
        "Your appointment is cancelled",
        "{practice}: your appointment on {when} is cancelled. {ref} Questions: {phone}.",
        gone=-HOUR, grace=True, outlives=True, after=OF_MEETING, priority=FIRST,
    ),
    Saying(
        "offer", ("consultation.at_risk",), ("booked", "held"),
        "Other times for you",
        "{practice}: appointment {when} must move. {offer}",
        old=2 * DAY, of_risk=True,
    ),
    Saying(
        "reminder_24h", BOOKED + MOVED, ("booked",),
        "A reminder of your appointment",
        "{practice}: a reminder: we meet on {when}. {join} {ref}",
        **OF_A_DAY,
    ),
    Saying(
        "reminder_2h", BOOKED + MOVED, ("booked",),
        "Your appointment starts soon",
        "{practice}: your appointment starts {when}. {join} {ref}",
        **OF_2_HOURS,
    ),
    Saying(
        "payment_due", ("billing_period.opened",), ("open",),
        "The payment for your month",
        "{practice}: the payment for your month is due by {last_day}. {ref}",
        priority=LESSER,
    ),
    Saying(
        "month_renews", ("billing_period.paid",), ("paid",),
        "Your next month",
        "{practice}: your next month begins on {day}. To change or end it, sign in or call "
        "{phone}. {ref}",
        ahead=("renewal_notice", DAY), gone=("billing_opens_before", DAY), outlives=True,
        priority=LESSER,
    ),
    Saying(
        "delivery_moved", ("delivery.scheduled", "delivery.released"), ON_THE_WAY,
        "Your delivery was moved",
        "{practice}: your delivery is now {when} to {till}. {ref}",
        grace=True, after=(*OF_DELIVERY, "delivery_off"), **CORRECTS,
    ),
    Saying(
        "delivery_off", WENT_ASTRAY, ASTRAY,
        "Your delivery does not come as we said",
        "{practice}: your delivery does not come when we said. Sign in for what comes next, "
        "or call {phone}. {ref}",
        old=2 * DAY, after=OF_DELIVERY, **CORRECTS,
    ),
    Saying(
        "window_to_choose", TO_CHOOSE, ("awaiting_window",),
        "Choose when your delivery comes",
        "{practice}: please sign in and choose when your delivery comes. {ref}",
        old=2 * DAY,
    ),
    Saying(
        "window_missing", ("delivery.window_missing",), ("awaiting_window",),
        "We need a time for your delivery",
        "{practice}: we still need a time for your delivery. Please sign in, or call {phone}. "
        "{ref}",
        old=2 * DAY,
    ),
    Saying(
        "delivery_24h", ("delivery.scheduled", "delivery.released"), ON_THE_WAY,
        "Your delivery",
        "{practice}: delivery {when} to {till}. Adult 21+ with photo ID needed. {ref}",
        ahead=("reminder_delivery", HOUR), gone=HOUR, priority=FIRST,
    ),
    Saying(
        "on_its_way", ("delivery.out_for_delivery",), ("out_for_delivery",),
        "Your delivery is on its way",
        "{practice}: your delivery is on its way. An adult (21+) with photo ID must be there. "
        "{ref}",
        old=8 * HOUR, priority=FIRST,
    ),
    Saying(
        "delivered", ("delivery.delivered",), ("delivered",),
        "Your delivery has arrived",
        "{practice}: your delivery has arrived. {ref}",
        old=DAY, priority=LESSER,
    ),
    Saying(
        "receipt", ("delivery.delivered_unverified",), ("delivered_unverified",),
        "Is your delivery there?",
        "{practice}: is your delivery there? Please sign in and tell us. {ref}",
        old=2 * DAY,
    ),
    Saying(
        "delivery_missed", ("delivery.attempted",), ("attempted",),
        "Your delivery could not be handed over",
        "{practice}: your delivery could not be handed over. We tell you what is next. "
        "Questions: {phone}. {ref}",
        old=DAY,
    ),
    Saying(
        "session_planned", PLANNED, ("scheduled",),
        "Your appointment at home",
        "{practice}: your appointment at home is {when}.",
        gone=NOTHING, grace=True,
    ),
    Saying(
        "session_held", ("session.held",), ("held",),
        "Your appointment at home",
        "{practice}: your appointment at home cannot be on {when}. Sign in to choose another "
        "time.",
        old=2 * DAY, priority=FIRST,
    ),
    Saying(
        "session_cancelled", ("session.cancelled",), ("cancelled",),
        "Your appointment at home is cancelled",
        "{practice}: your appointment at home on {when} is cancelled. Questions: {phone}.",
        gone=-HOUR, grace=True, outlives=True, after=OF_SESSION, priority=FIRST,
    ),
    Saying(
        "session_24h", PLANNED, ("scheduled",),
        "A reminder of your appointment at home",
        "{practice}: a reminder of your appointment at home on {when}.",
        **OF_A_DAY,
    ),
    Saying(
        "session_2h", PLANNED, ("scheduled",),
        "Your appointment at home starts soon",
        "{practice}: your appointment at home starts {when}.",
        **OF_2_HOURS,
    ),
    Saying(
        "check_in", ("session.completed",), ("completed",),
        "Please tell us how it went",
        "{practice}: please sign in and tell us how it went.",
        old=2 * DAY, morning=True, priority=LESSER,
    ),
    Saying(
        "support_invite", ("support_person.named",), ("named",),
        "You are asked to be with somebody",
        "{practice}: you are asked to be with somebody. Agree: {link}",
        **TO_SUPPORT,
    ),
    Saying(
        "support_moved", ("session.rescheduled",), ("scheduled",),
        "Another time",
        "{practice}: the time to be with somebody at home is now {when}.",
        gone=NOTHING, grace=True, after=(*OF_SUPPORT, "support_off"), **TO_SUPPORT, **CORRECTS,
    ),
    Saying(
        "support_off", ("session.held", "session.cancelled"), ("held", "cancelled"),
        "You are not expected",
        "{practice}: the time to be with somebody at home that we told you of does not hold any "
        "more.",
        gone=-HOUR, after=OF_SUPPORT, **TO_SUPPORT, **CORRECTS,
    ),
    Saying(
        "support_replaced", ("support_person.named",), ("scheduled", "held", "cancelled"),
        "You are not expected",
        "{practice}: you are not expected any more at the time to be with somebody at home that "
        "we told you of.",
        gone=-HOUR, grace=True, outlives=True, after=OF_SUPPORT, **TO_SUPPORT, **CORRECTS,
    ),
    Saying(
        "support_24h", PLANNED, ("scheduled",),
        "A reminder",
        "{practice}: a reminder to be with somebody at home on {when}.",
        **OF_A_DAY, **TO_SUPPORT,
    ),
    Saying(
        "support_2h", PLANNED, ("scheduled",),
        "A reminder",
        "{practice}: you are to be with somebody at home {when}.",
        **OF_2_HOURS, **TO_SUPPORT,
    ),
)  # fmt: skip
BECAUSE = {
    "cancelled": "It was cancelled.",
    "arrived": "It has begun.",
    "in_progress": "It has begun.",
    "completed": "It is over.",
    "no_show": "It is over.",
    "missed": "It is over.",
    "held": "It is on hold.",
    "paid": "It was paid.",
    "last": "No month follows.",
    "confirmed": "They have agreed.",
    "replaced": "Somebody else was named.",
}
OF_KIND = {saying.kind: saying for saying in SAYINGS}
OF_SIGN_IN = tuple(
    fact for saying in SAYINGS if saying.reader == WHO_SIGNS_IN for fact in saying.facts
)
ANY_HOUR = tuple(kind for kind, saying in OF_KIND.items() if saying.words_class != CARE)


def about(
    fact: str,
    subject: Subject,
    *,
    revision: int,
    occurred_at: datetime,
    values: Mapping[str, int],
    told: Container[str] = (),
) -> Iterator[Planned]:
    """What a fact makes us say; nothing, when it is not true any more, or too late for it.

    ``values`` are the settings in force, ``told`` the kinds that were told of the subject before.
    """
    corrected: set[str] = set()
    for saying in SAYINGS:
        untrue = still_true(saying.kind, subject, revision=revision)
        if not saying.states or fact not in saying.facts or untrue:
            continue
        if saying.after and not any(kind in told for kind in saying.after):
            continue
        reminds = saying.ahead is not None
        if saying.reader in corrected and not reminds:
            continue
        wanted = saying.wanted(subject, occurred_at, values)
        until = saying.until(subject, occurred_at, values)
        if occurred_at < until and (not reminds or occurred_at < wanted < until):
            if saying.corrects:
                corrected.add(saying.reader)
            yield Planned(saying.kind, wanted, until, saying.reader, reminds)


def alert(fact: str, *, occurred_at: datetime) -> Iterator[Planned]:
    """What a fact makes us say to physicians, at any hour."""
    for saying in SAYINGS:
        if saying.reader == PHYSICIAN and fact in saying.facts:
            yield on_call(saying.kind, occurred_at)


def to_who_signs_in(fact: str, *, occurred_at: datetime) -> Iterator[Planned]:
    """What a fact about somebody's account makes us say to them."""
    for saying in SAYINGS:
        if saying.reader == WHO_SIGNS_IN and fact in saying.facts:
            yield on_call(saying.kind, occurred_at)


def on_call(kind: str, at: datetime) -> Planned:
    """A message to who works here, wanted at ``at``."""
    saying = OF_KIND[kind]
    return Planned(kind, at, at + (saying.old or DAY), saying.reader)


def class_of(kind: str) -> str:
    """Whether a message was asked for, is an alert, or is of care."""
    return OF_KIND[kind].words_class


def priority_of(kind: str) -> int:
    """What is claimed first of what is due; lower comes first."""
    return OF_KIND[kind].priority


def paged_again_at(raised_at: datetime, now: datetime) -> int | None:
    """The latest of `PAGED_AGAIN_AT` that has come; None before the first."""
    waited = now - raised_at
    return max((m for m in PAGED_AGAIN_AT if waited >= timedelta(minutes=m)), default=None)


def still_true(kind: str, subject: Subject, *, revision: int) -> str:
    """Why a message is not true any more, as a sentence; empty while it is."""
    saying = OF_KIND[kind]
    if not saying.states:
        return ""
    if subject.status not in saying.states:
        return BECAUSE.get(subject.status, "It is not so any more.")
    if not saying.outlives and subject.revision != revision:
        return "It was moved."
    if saying.of_risk and not subject.at_risk:
        return "Nothing stands in its way any more."
    return ""


def still_told(kinds: Iterable[str]) -> set[str]:
    """Of the kinds that were told of a subject, in this order, those that no later one corrects."""
    told: set[str] = set()
    for kind in kinds:
        saying = OF_KIND[kind]
        told -= set(saying.after) if saying.corrects else set()
        told.add(kind)
    return told


def needs_a_call(kind: str) -> bool:
    """Whether a human must tell it when it does not get through."""
    return class_of(kind) == CARE or priority_of(kind) == URGENT


def waits_for_a_yes(kind: str, confirmed_at: datetime | None) -> bool:
    """Whether a support person has not agreed yet, whom only the question may reach."""
    return OF_KIND[kind].reader == SUPPORT_PERSON and not confirmed_at and kind != "support_invite"


def helps_until(kind: str, not_after: datetime) -> datetime:
    """Until when a call helps in place of a message: the start that it tells of; else for a day.

    In place of a cancellation as long as the message itself.
    """
    gone = OF_KIND[kind].gone
    return not_after + (max(gone, NOTHING) if isinstance(gone, timedelta) else DAY)
