"""Messages leave: claim, check again, send, settle; and what became of the ones in doubt.

No lock and no transaction is held while the provider is asked. The provider knows no idempotency
key: an answer that is lost is *unknown*, never *failed*, and is looked up before anything is sent
again.
"""

import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from notifications import caps, daily, mail, pace, policy, quiet_hours, twilio
from notifications.circuit import got_through, open_circuit
from notifications.claiming import claim, give_back, lane
from notifications.models import Channel, Message, OptOut, Status
from notifications.moving import change, move
from notifications.reach import (
    ask_to_call,
    flag_phone,
    hours_of,
    lock_phone,
    mail_of,
    point,
    point_all,
)
from notifications.subjects import Told, reference_of, told_of
from notifications.texts import Words, spoken_phone, text_of
from notifications.twilio import NO_ANSWER, Outcome
from notifications.writing import NO_HOUR
from patients.actions import issue_confirm_token
from patients.models import Patient
from records import hints
from records.models import Brake
from records.outage import ENDS_A_SWEEP
from records.values import in_force
from scheduling import demo
from scheduling.consultations import links
from scheduling.models import Consultation

log = logging.getLogger(__name__)

AT_ONCE = timedelta(seconds=10)  # how long one sweep goes on; the next tick takes the rest
LANES = 2  # sweeps that send at once: a provider that hangs leaves the worker's others free
LANE, LOOK = 0x5E4D, 0x100C  # the first halves of the advisory locks of sending and looking
HANDS = 8  # texts of one sweep that the provider is asked to take at once
FIRST_WAIT, LONGEST_WAIT = 15, 600  # seconds at most until the next attempt; doubled each time
MOST_ATTEMPTS = 6  # that may have left, or that we could not make ready
LOOKS_AT_ONCE = 20
HIDDEN = "******"  # stands for a code in what is kept of a body


def send_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due; returns how many were claimed.

    Raises ImproperlyConfigured where real texts would leave to, or beside, invented people.
    """
    demo.refuse_beside_real_texts()
    begun, count = time.monotonic(), 0
    with lane(LANE, LANES) as is_free:
        while is_free and time.monotonic() - begun < AT_ONCE.total_seconds():
            claimed_at = time.monotonic()
            batch = claim(clock(), most=pace.batch())
            if not batch:
                return count
            count += len(batch)
            _send_all(batch, claimed_at, clock)
    if count:
        hints.wake("notifications.send_due")
    return count


def _send_all(batch: list[Message], claimed_at: float, clock: Callable[[], datetime]) -> None:
    """Each by itself: while the provider is asked about some, the next are made ready.

    However this ends, what was handed over is settled, and what was not begun is given back.
    """
    flying: dict[Future[Outcome], Message] = {}
    waiting = list(batch)
    with ThreadPoolExecutor(HANDS) as hands:
        try:
            while waiting:
                message = _made_ready(waiting.pop(0), clock())
                if message and message.channel == Channel.MAIL:
                    _settle(message, _hand_over(message, claimed_at, clock()), clock())
                elif message:
                    pace.wait_for_turn()
                    flying[hands.submit(_hand_over, message, claimed_at, clock())] = message
                if len(flying) == HANDS:
                    _settle_first(flying, clock)
                if _is_late(claimed_at):
                    break
        finally:
            give_back(waiting)
            while flying:
                _settle_first(flying, clock)


def _settle_first(flying: dict[Future[Outcome], Message], clock: Callable[[], datetime]) -> None:
    """Settle what has come back, as soon as anything has."""
    for future in wait(flying, return_when=FIRST_COMPLETED).done:
        _settle(flying.pop(future), future.result(), clock())


def _made_ready(message: Message, now: datetime) -> Message | None:
    """One that cannot be sent must not keep the others back, nor be tried for ever."""
    try:
        return _check_again(message, now)
    except ENDS_A_SWEEP:
        raise
    except Exception as error:
        log.exception("message_not_ready", extra={"message_id": str(message.pk)})
        _settle(message, Outcome("not_ready", code=type(error).__name__[:40]), now)
    return None


def _is_late(claimed_at: float) -> bool:
    """Whether this process was slow or slept: somebody may soon take its messages over."""
    return time.monotonic() - claimed_at > float(settings.SEND_FENCE)


def _hand_over(message: Message, claimed_at: float, now: datetime) -> Outcome:
    """Ask the provider; texts in threads, which know no database."""
    if _is_late(claimed_at):
        return Outcome("late", code="late")
    try:
        return _by_its_channel(message, now)
    except Exception as error:
        log.exception("message_in_doubt", extra={"message_id": str(message.pk)})
        return Outcome("unknown", code=type(error).__name__[:40])


def _by_its_channel(message: Message, now: datetime) -> Outcome:
    if message.channel == Channel.MAIL:
        subject = f"{settings.PRACTICE_NAME}: {policy.OF_KIND[message.kind].subject}"
        return mail.send(
            to=message.to, subject=subject, body=_body(message), message_id=str(message.pk)
        )
    return twilio.send(
        to=message.to,
        body=_body(message),
        callback=f"{settings.PUBLIC_BASE_URL}/webhooks/twilio/status/?m={message.pk}",
        valid_for=_valid_for(message, now),
    )


@transaction.atomic
def _check_again(claimed: Message, now: datetime) -> Message | None:
    """Whether the message is still true, allowed and in time; if so, with its body written down.

    The rows that decide are locked while it is asked: a cancellation either comes before, and the
    text does not leave, or after, and knows of it.
    """
    phone = _phone_of(claimed)
    told = told_of(claimed.about_kind, claimed.about_id, now=now, lock=True)
    lock_phone(phone)
    rows = Message.objects.select_related("patient__address", "user", "support_person")
    rows = rows.select_for_update(of=("self",))
    message = rows.filter(pk=claimed.pk, claim=claimed.claim, status=Status.SENDING).first()
    if message is None:
        return None
    untrue = _untrue(message, told)
    words = None if untrue else _words(message, told, now)
    if words is None:
        move(message, Status.CANCELLED, untrue or "Nothing of it is left to tell.")
        return None
    if now >= message.not_after:
        _miss(message, "It was too late for it.", now)
        return None
    if not _allowed(message, now):
        return None
    message.secret = message.secret or _token(message, now)
    message.body = text_of(message.kind, words, is_text=message.channel == Channel.SMS)
    message.attempts += 1
    message.left_at = now
    message.save(update_fields=["body", "secret", "offered", "attempts", "left_at"])
    return message


def _token(message: Message, now: datetime) -> str:
    """That of the link which stands in a message, if one does."""
    if message.kind == "support_invite" and message.support_person:
        return issue_confirm_token(message.support_person)
    if message.kind == "change_link" or (
        message.channel == Channel.MAIL and message.kind in policy.ANSWERABLE
    ):
        does = "reschedule" if message.kind == "change_link" else "confirm"
        return links.issue(Consultation.objects.get(pk=message.about_id), does, now=now)
    return ""


def _untrue(message: Message, told: Told | None) -> str:
    """Why it must not be said any more; empty while it may."""
    friend = message.support_person
    if Brake.objects.filter(cause=message.cause, status=Brake.Status.WITHDRAWN).exists():
        return "Somebody has withdrawn it."
    if friend and policy.waits_for_a_yes(message.kind, friend.confirmed_at):
        return "They have not agreed to stay."
    if told is None:
        return ""
    return policy.still_true(message.kind, told.subject, revision=message.revision)


def _phone_of(message: Message) -> str:
    """The number that it would go to now; a patient is locked, so that it stays this one."""
    if message.patient_id is None:
        return str(message.user.phone) if message.user else message.to
    rows = Patient.objects.select_for_update(no_key=True).only("phone")
    patient = rows.get(pk=message.patient_id)
    return str((message.support_person or patient).phone)


def _allowed(message: Message, now: datetime) -> bool:
    """Whether its reader may get it now, by the way that there is at this moment; else later.

    A code that was asked for by mail goes by mail, and so does the mail that goes beside an alert.
    The answer to a call for help goes to the number that called, also after STOP: it is told this
    once, about itself, and may save a life. Twilio refuses it where STOP came to Twilio itself.
    """
    is_mail = message.channel == Channel.MAIL and message.to
    by_mail = is_mail and message.kind in ("sign_in_code", "urgent_alert")
    if not by_mail and message.kind != "help_now" and not point(message):
        no_way = "There is no way to reach this person."
        move(message, Status.SUPPRESSED, no_way, claim=None, secret="")
        ask_to_call(message, now=now)
        return False
    if message.channel == Channel.SMS and not twilio.may_text(message.to):
        strange = "Only the numbers of a list get texts from here."
        move(message, Status.SUPPRESSED, strange, claim=None, secret="")
        return False
    hours = _hours(message)
    if hours is None or quiet_hours.awake(now, hours):
        return _within_caps(message, now)
    leaves = quiet_hours.leaves_at(now, hours=hours, now=now, not_after=message.not_after)
    if leaves is None:
        _miss(message, NO_HOUR, now)
    else:
        _put_back(message, "It is night there.", due_at=leaves)
    return False


def _hours(message: Message) -> quiet_hours.Hours | None:
    """The hours that a message keeps to; None for one that leaves at any."""
    if message.patient is None or message.kind in policy.ANY_HOUR:
        return None
    return hours_of(message.patient, policy.OF_KIND[message.kind].reader)


def _within_caps(message: Message, now: datetime) -> bool:
    """Whether it may leave: past the caps of a number only by mail, else a human calls."""
    if not caps.is_full(message, in_force(now), now):
        return True
    mail_to = mail_of(message)
    if mail_to:
        change(message, channel=mail_to[0], to=mail_to[1])
        return True
    why = "This number has had its texts for now."
    move(message, Status.SUPPRESSED, why, claim=None, secret="")
    ask_to_call(message, now=now)
    return False


def _put_back(message: Message, why: str, **changes: Any) -> None:
    """It waits again; nothing left, so no body says that it may have."""
    move(message, Status.PENDING, why, claim=None, body="", **changes)


def _miss(message: Message, why: str, now: datetime) -> None:
    move(message, Status.MISSED, why, claim=None, secret="")
    ask_to_call(message, now=now)


def _body(message: Message) -> str:
    """What leaves: a code stands in it, though not in what is kept."""
    return message.body.replace(HIDDEN, message.secret)


def _words(message: Message, told: Told | None, now: datetime) -> Words | None:
    """What a message says now; None when nothing of it is left to tell."""
    base = {"practice": settings.PRACTICE_NAME, "phone": spoken_phone(settings.PRACTICE_PHONE)}
    if message.kind == "urgent_alert":
        return Words(**base, ref=reference_of(message.about_kind, message.about_id))
    if message.kind in daily.WORDS:
        return daily.words_of(message, base)
    if told is None:
        return Words(**base, code=HIDDEN)
    return Words(
        **base,
        ref=told.ref,
        when=told.subject.start,
        till=told.subject.end,
        zone=told.subject.zone,
        join_url=told.join_url,
        choices=_choices(message, now),
        link=f"{settings.PUBLIC_BASE_URL}/{_page_of(message.kind)}/{HIDDEN}",
    )


def _choices(message: Message, now: datetime) -> tuple[datetime, ...]:
    """The two times of an offer, the same ones however often it is tried."""
    if message.kind == "offer" and not message.offered:
        meeting = Consultation.objects.select_related("patient__address").get(pk=message.about_id)
        times = links.times(meeting, now=now)[:2]
        message.offered = [at.isoformat() for at in times] if len(times) > 1 else []
    return tuple(datetime.fromisoformat(at) for at in message.offered)


def _page_of(kind: str) -> str:
    return "support" if kind == "support_invite" else "a"


def _valid_for(message: Message, now: datetime) -> int:
    """Seconds that the provider may keep it: until it is night there, or until it is useless."""
    until = message.not_after
    hours = _hours(message)
    if hours:
        until = min(until, hours.closing(now))
    return int((until - now).total_seconds())


# --- settling ----------------------------------------------------------------------------------


@transaction.atomic
def _settle(message: Message, outcome: Outcome, now: datetime) -> None:
    """Write down what became of it, unless somebody else has taken it over since."""
    lock_phone(message.to)
    rows = Message.objects.select_for_update().filter(
        pk=message.pk, claim=message.claim, status=Status.SENDING
    )
    current = rows.first()
    if current is None:
        log.warning("claim_lost", extra={"message_id": str(message.pk)})
        return
    _SETTLE[outcome.result](current, outcome, now)


def _accepted(message: Message, outcome: Outcome, now: datetime) -> None:
    to = Status.SENT if message.channel == Channel.MAIL else Status.ACCEPTED
    move(message, to, provider_id=outcome.provider_id, claim=None, secret="", error_code="")
    got_through(message, later=False, now=now)


def _busy(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent, for certain: later again, until it is useless. No attempt was used up."""
    if outcome.code == twilio.TOO_MANY:
        pace.slow_down()
    _wait(message, outcome, now, waits=message.waits + 1, attempts=message.attempts - 1)


def _late(message: Message, outcome: Outcome, now: datetime) -> None:
    """It was ours for too long: nothing left, and somebody else takes it at once."""
    why, soon = "It could not leave yet.", Now() + timedelta(seconds=1)
    _put_back(message, why, try_after=soon, attempts=message.attempts - 1, error_code=outcome.code)


def _not_ready(message: Message, outcome: Outcome, now: datetime) -> None:
    """It is of a kind that we cannot send: a few times more, then a human is asked."""
    if message.attempts + 1 >= MOST_ATTEMPTS:
        _give_up(message, outcome, now)
    else:
        _wait(message, outcome, now, waits=message.waits + 1, attempts=message.attempts + 1)


def _wait(message: Message, outcome: Outcome, now: datetime, **changes: int) -> None:
    """By chance, up to a limit that doubles: what failed together does not come back together."""
    left = (message.not_after - now).total_seconds()
    limit = min(FIRST_WAIT * 2 ** min(message.waits, 10), LONGEST_WAIT, left)
    seconds = random.uniform(0, max(limit, 0))  # noqa: S311  no secret
    later = Now() + timedelta(seconds=seconds)
    why = "It could not leave yet."
    _put_back(message, why, try_after=later, error_code=outcome.code, **changes)


def _misconfigured(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nobody gets texts until a person puts it right; the attempt does not count."""
    _put_back(
        message,
        "Nothing leaves at the moment.",
        try_after=Now() + timedelta(seconds=settings.SEND_PROBE),
        error_code=outcome.code,
        attempts=message.attempts - 1,
    )
    open_circuit(message.channel, outcome.code, later=False, now=now)


def _unknown(message: Message, outcome: Outcome, now: datetime) -> None:
    why = "Nobody knows yet whether it left."
    move(message, Status.UNKNOWN, why, lease_until=_grace(), error_code=outcome.code)


def _opted_out(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent; it goes by mail, like all that waits, or not at all."""
    phone = message.to
    OptOut.objects.get_or_create(
        phone=phone, ended_at=None, defaults={"source": "provider", "at": now}
    )
    if message.kind == "help_now":
        _give_up(message, outcome, now)
    else:
        _put_back(message, "This number takes no texts.")
    point_all(phone)


def _bad_phone(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent; it goes by mail, like all that waits, or a human calls."""
    flag_phone(message.to, outcome.code, now=now)
    if message.kind == "help_now":
        _give_up(message, outcome, now)
    else:
        _put_back(message, "This number takes no texts.", error_code=outcome.code)


def _give_up(message: Message, outcome: Outcome, now: datetime) -> None:
    move(
        message,
        Status.FAILED,
        "It could not be sent.",
        error_code=outcome.code,
        claim=None,
        secret="",
    )
    ask_to_call(message, now=now)


_SETTLE: dict[str, Callable[[Message, Outcome, datetime], None]] = {
    "accepted": _accepted,
    "busy": _busy,
    "late": _late,
    "not_ready": _not_ready,
    "misconfigured": _misconfigured,
    "unknown": _unknown,
    "opted_out": _opted_out,
    "refused": _give_up,
    "bad_phone": _bad_phone,
}


# --- what is in doubt ---------------------------------------------------------------------------


def reconcile(*, now: datetime) -> int:
    """Look up what is in doubt, what waits longest first; returns how many were decided.

    One sweep looks at a time, until one look gets no answer: each may take as long as a timeout.
    """
    with lane(LOOK, 1) as is_free:
        return _look_up_all(now) if is_free else 0


def _look_up_all(now: datetime) -> int:
    _doubt_what_was_dropped()
    decided = 0
    for _ in range(LOOKS_AT_ONCE):
        message = _claim_look()
        if message is None:
            break
        try:
            found = _look_up(message)
        except NO_ANSWER:
            log.exception("look_failed", extra={"message_id": str(message.pk)})
            return decided + _unasked(message, now)
        decided += _decide(message, found, now)
    return decided


@transaction.atomic
def _doubt_what_was_dropped() -> None:
    """A claim whose lease is over: its process died, before or after the text left."""
    rows = Message.objects.filter(status=Status.SENDING, lease_until__lte=Now())
    for message in rows.select_for_update(skip_locked=True):
        move(message, Status.UNKNOWN, "It was interrupted.", lease_until=_grace(), claim=None)


def _grace() -> Any:
    """Until when the provider may take to show a text; nobody looks before."""
    return Now() + timedelta(seconds=settings.SEND_GRACE)


@transaction.atomic
def _claim_look() -> Message | None:
    """One to look up, put off at once: nothing is looked up again before its grace is over."""
    doubtful = Message.objects.filter(status=Status.UNKNOWN, lease_until__lte=Now())
    message = doubtful.select_for_update(skip_locked=True).order_by("lease_until", "pk").first()
    if message is not None:
        Message.objects.filter(pk=message.pk).update(lease_until=_grace())
    return message


def _look_up(message: Message) -> Outcome | None:
    """Ask the provider for a text that reached the hand-over; raises one of `NO_ANSWER`."""
    if message.channel == Channel.MAIL or not message.body:
        return None
    known = Message.objects.filter(to=message.to, provider_id__isnull=False)
    sids = [row.provider_id or "" for row in known]
    return twilio.find(to=message.to, body=_body(message), known=sids)


@transaction.atomic
def _decide(message: Message, found: Outcome | None, now: datetime) -> bool:
    current = _still_in_doubt(message)
    if current and found:
        why = "It was found at the provider."
        return move(current, Status.ACCEPTED, why, provider_id=found.provider_id, secret="")
    return current is not None and _without_a_trace(current, now)


@transaction.atomic
def _unasked(message: Message, now: datetime) -> bool:
    """The provider could not be asked: later again, while there is a point in it."""
    current = _still_in_doubt(message)
    if current is None or now < current.not_after:
        return False
    _miss(current, "Nobody knows whether it left.", now)
    return True


def _still_in_doubt(message: Message) -> Message | None:
    """The row, locked; None when a callback was faster than our look."""
    rows = Message.objects.select_for_update()
    return rows.filter(pk=message.pk, status=Status.UNKNOWN).first()


def _without_a_trace(message: Message, now: datetime) -> bool:
    """Two looks without a hit, and a text was not sent; of a mail nobody can tell."""
    if message.channel == Channel.SMS and message.body and message.looks == 0:
        message.looks = 1
        message.save(update_fields=["looks"])
        return False
    if message.channel == Channel.MAIL and message.body:
        _give_up(message, Outcome("unknown", code="no_answer"), now)
    elif now >= message.not_after:
        _miss(message, "It was never sent, and is too late now.", now)
    elif message.attempts >= MOST_ATTEMPTS:
        _give_up(message, Outcome("unknown", code="interrupted"), now)
    else:
        _put_back(message, "It was never sent.", looks=0)
    return True
