"""Messages leave: claim, check again, send, settle; and what became of the ones in doubt.

No lock and no transaction is held while the provider is asked. The provider knows no idempotency
key: an answer that is lost is *unknown*, never *failed*, and is looked up before anything is sent
again.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now

from notifications import mail, policy, quiet_hours, twilio
from notifications.models import Channel, Message, OptOut, Status
from notifications.moving import move
from notifications.reach import ask_to_call, flag_phone, lock_phone, point, point_all
from notifications.subjects import Told, reference_of, told_of
from notifications.texts import SUBJECTS, Words, spoken_phone, text_of
from notifications.twilio import NO_ANSWER, Outcome
from notifications.writing import NO_HOUR
from patients.actions import issue_confirm_token
from patients.models import Patient
from records.actor import sweep
from records.events import raise_work_item
from records.ids import uuid7
from records.models import WorkItem
from records.outage import ENDS_A_SWEEP
from scheduling import demo
from scheduling.consultations import links
from scheduling.models import Consultation

log = logging.getLogger(__name__)

AT_ONCE = timedelta(seconds=20)  # how long one sweep goes on; the next tick takes the rest
LANES = 2  # sweeps that send at once: a provider that hangs leaves the worker's others free
LANE, LOOK = 0x5E4D, 0x100C  # the first halves of the advisory locks of sending and looking
FIRST_WAIT = 15  # seconds until the second attempt; doubled each time
MOST_ATTEMPTS = 6
LOOKS_AT_ONCE = 20
PROVIDER = UUID(int=0)  # what a work item about the provider itself is about
HIDDEN = "******"  # stands for a code in what is kept of a body


def send_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due, one after another; returns how many were claimed.

    Raises ImproperlyConfigured where real texts would leave to, or beside, invented people.
    """
    demo.refuse_beside_real_texts()
    begun, count = time.monotonic(), 0
    with _lane(LANE, LANES) as is_free:
        while is_free and time.monotonic() - begun < AT_ONCE.total_seconds():
            claimed_at = time.monotonic()
            message = _claim(clock())
            if message is None:
                break
            count += 1
            _send(message, claimed_at, clock())
    return count


@contextmanager
def _lane(key: int, lanes: int) -> Iterator[bool]:
    """Whether one of the lanes was free; it is ours until we leave, or our connection ends."""
    with connection.cursor() as cursor:
        for lane in range(lanes):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [key, lane])
            if cursor.fetchone() == (True,):
                break
        else:
            yield False
            return
    try:
        yield True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [key, lane])


def _claim(now: datetime) -> Message | None:
    """Take a message for as long as the lease; committed at once.

    Codes and alerts come first, whose readers wait; then what has waited longest.
    """
    claim = uuid7()
    with transaction.atomic():
        ready = Message.objects.filter(
            Q(try_after__isnull=True) | Q(try_after__lte=Now()),
            status=Status.PENDING,
            due_at__lte=now,
        )
        urgent_first = Case(When(kind__in=policy.ANY_HOUR, then=Value(0)), default=Value(1))
        rows = ready.select_for_update(skip_locked=True)
        message = rows.order_by(urgent_first, "due_at", "pk").first()
        if message is None:
            return None
        move(
            message,
            Status.SENDING,
            claim=claim,
            attempts=message.attempts + 1,
            lease_until=Now() + timedelta(seconds=settings.SEND_LEASE),
        )
    message.claim = claim
    return message


def _send(message: Message, claimed_at: float, now: datetime) -> None:
    """One message that cannot be sent must not keep the others back, nor be tried for ever."""
    try:
        ready = _check_again(message, now)
    except ENDS_A_SWEEP:
        raise
    except Exception as error:
        log.exception("message_not_ready", extra={"message_id": str(message.pk)})
        _settle(message, Outcome("busy", code=type(error).__name__[:40]), now)
        return
    if ready is None:
        return
    if time.monotonic() - claimed_at > settings.SEND_FENCE:
        # This process slept: somebody may have taken the message over. Nothing leaves.
        _settle(message, Outcome("busy", code="late"), now)
        return
    try:
        outcome = _hand_over(ready, now)
    except ENDS_A_SWEEP:
        raise
    except Exception as error:
        log.exception("message_in_doubt", extra={"message_id": str(message.pk)})
        outcome = Outcome("unknown", code=type(error).__name__[:40])
    _settle(ready, outcome, now)


def _hand_over(message: Message, now: datetime) -> Outcome:
    if message.channel == Channel.MAIL:
        subject = f"{settings.PRACTICE_NAME}: {SUBJECTS[message.kind]}"
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
    if told and message.kind in policy.OF_KIND:
        untrue = policy.still_true(message.kind, told.subject, revision=message.revision)
        if untrue:
            move(message, Status.CANCELLED, untrue)
            return None
    friend = message.support_person
    if friend and policy.waits_for_a_yes(message.kind, friend.confirmed_at):
        move(message, Status.CANCELLED, "They have not agreed to stay.")
        return None
    if now >= message.not_after:
        _miss(message, "It was too late for it.", now)
        return None
    if not _allowed(message, now):
        return None
    is_text = message.channel == Channel.SMS
    message.secret = message.secret or _token(message, now)
    message.body = text_of(message.kind, _words(message, told), is_text=is_text)
    message.save(update_fields=["body", "secret"])
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
    patient = message.patient
    if patient is None or message.kind in policy.ANY_HOUR:
        return True
    if quiet_hours.awake(now, patient.time_zone):
        return True
    leaves = quiet_hours.leaves_at(
        now, zone=patient.time_zone, now=now, not_after=message.not_after
    )
    if leaves is None:
        _miss(message, NO_HOUR, now)
    else:
        _put_back(message, "It is night there.", due_at=leaves, attempts=message.attempts - 1)
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


def _words(message: Message, told: Told | None) -> Words:
    base = {"practice": settings.PRACTICE_NAME, "phone": spoken_phone(settings.PRACTICE_PHONE)}
    if message.kind == "urgent_alert":
        return Words(**base, ref=reference_of(message.about_kind, message.about_id))
    if told is None:
        return Words(**base, code=HIDDEN)
    return Words(
        **base,
        ref=told.ref,
        when=told.subject.start,
        till=told.subject.end,
        zone=told.subject.zone,
        join_url=told.join_url,
        link=f"{settings.PUBLIC_BASE_URL}/{_page_of(message.kind)}/{HIDDEN}",
    )


def _page_of(kind: str) -> str:
    return "support" if kind == "support_invite" else "a"


def _valid_for(message: Message, now: datetime) -> int:
    """Seconds that the provider may keep it: until it is night there, or until it is useless."""
    until = message.not_after
    if message.patient and message.kind not in policy.ANY_HOUR:
        until = min(until, quiet_hours.closing(now, message.patient.time_zone))
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


def _busy(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent: later again, until it is useless or was tried too often."""
    if message.attempts >= MOST_ATTEMPTS:
        _give_up(message, outcome, now)
        return
    wait = timedelta(seconds=FIRST_WAIT * 2 ** (message.attempts - 1))
    why = "It could not leave yet."
    _put_back(message, why, try_after=Now() + wait, error_code=outcome.code)


def _misconfigured(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nobody gets texts until a person puts it right; the attempt does not count."""
    _put_back(
        message,
        "Nothing leaves at the moment.",
        try_after=Now() + timedelta(seconds=60),
        error_code=outcome.code,
        attempts=message.attempts - 1,
    )
    raise_work_item(
        "texts_do_not_leave",
        ("provider", PROVIDER),
        detail=f"The provider takes none of our messages ({outcome.code}): check its settings.",
        urgency=WorkItem.Urgency.NOW,
        for_role="staff",
        by=sweep(),
        now=now,
    )


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
    with _lane(LOOK, 1) as is_free:
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
