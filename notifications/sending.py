"""Messages leave: claim, check again, send, settle; and what became of the ones in doubt.

No lock and no transaction is held while the provider is asked. The provider knows no idempotency
key: an answer that is lost is *unknown*, never *failed*, and is looked up before anything is sent
again.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import requests
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from twilio.base.exceptions import TwilioException

from notifications import mail, policy, quiet_hours, twilio
from notifications.models import Channel, Message, OptOut, Status
from notifications.moving import lock_phone, move, suppress_texts
from notifications.texts import SUBJECTS, Words, text_of
from notifications.twilio import Outcome
from notifications.writing import address_of, may_text, meeting_of
from patients.models import Assessment
from records.actor import sweep
from records.events import raise_work_item
from records.ids import uuid7
from records.models import WorkItem
from scheduling import demo
from scheduling.models import Consultation

log = logging.getLogger(__name__)

AT_ONCE = timedelta(seconds=40)  # how long one sweep goes on; the next tick takes the rest
FIRST_WAIT = 15  # seconds until the second attempt; doubled each time
MOST_ATTEMPTS = 6
HIDDEN = "******"  # stands for a code in what is kept of a body


def send_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due, one after another; returns how many were claimed.

    Raises ImproperlyConfigured where real texts would leave to, or beside, invented people.
    """
    demo.refuse_beside_real_texts()
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < AT_ONCE.total_seconds():
        claimed_at = time.monotonic()
        message = _claim(clock())
        if message is None:
            break
        count += 1
        _send(message, claimed_at, clock())
    return count


def _claim(now: datetime) -> Message | None:
    """Take the message that waits longest, for as long as the lease; committed at once."""
    claim = uuid7()
    with transaction.atomic():
        ready = Message.objects.filter(
            Q(try_after__isnull=True) | Q(try_after__lte=Now()),
            status=Status.PENDING,
            due_at__lte=now,
        )
        message = ready.select_for_update(skip_locked=True).order_by("due_at", "pk").first()
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
    ready = _check_again(message, now)
    if ready is None:
        return
    if time.monotonic() - claimed_at > settings.SEND_FENCE:
        # This process slept: somebody may have taken the message over. Nothing leaves.
        _settle(message, Outcome("busy", code="late"), now)
        return
    if ready.channel == Channel.MAIL:
        subject = f"{settings.PRACTICE_NAME}: {SUBJECTS[ready.kind]}"
        outcome = mail.send(
            to=ready.to, subject=subject, body=_body(ready), message_id=str(ready.pk)
        )
    else:
        outcome = twilio.send(
            to=ready.to,
            body=_body(ready),
            callback=f"{settings.PUBLIC_BASE_URL}/webhooks/twilio/status/?m={ready.pk}",
            valid_for=_valid_for(ready, now),
        )
    _settle(ready, outcome, now)


@transaction.atomic
def _check_again(claimed: Message, now: datetime) -> Message | None:
    """Whether the message is still true, allowed and in time; if so, with its body written down.

    The rows that decide are locked while it is asked: a cancellation either comes before, and the
    text does not leave, or after, and knows of it.
    """
    consultation = _consultation_of(claimed)
    lock_phone(claimed.to)
    rows = Message.objects.select_related("patient__address").select_for_update(of=("self",))
    message = rows.filter(pk=claimed.pk, claim=claimed.claim, status=Status.SENDING).first()
    if message is None:
        return None
    if consultation:
        untrue = policy.still_true(
            message.kind, meeting_of(consultation), revision=message.revision
        )
        if untrue:
            move(message, Status.CANCELLED, untrue)
            return None
    if now >= message.not_after:
        move(message, Status.MISSED, "it was too late for it", secret="")
        return None
    if not _allowed(message, now):
        return None
    message.body = text_of(
        message.kind, _words(message, consultation), is_text=message.channel == Channel.SMS
    )
    message.save(update_fields=["body"])
    return message


def _allowed(message: Message, now: datetime) -> bool:
    """Whether its reader may get it now: texts need a yes and daylight; else mail, else later."""
    patient = message.patient
    if patient is None:
        return True
    if message.channel == Channel.SMS:
        message.to = address_of(patient, Channel.SMS)
        if not may_text(patient):
            if not patient.email:
                move(message, Status.SUPPRESSED, "no texts are wanted at this number")
                return False
            message.channel, message.to = Channel.MAIL, patient.email
        message.save(update_fields=["channel", "to"])
    if message.kind in policy.ANY_HOUR or quiet_hours.awake(now, patient.time_zone):
        return True
    leaves = quiet_hours.leaves_at(
        now, zone=patient.time_zone, now=now, not_after=message.not_after
    )
    if leaves is None:
        move(message, Status.MISSED, "no hour was left outside the quiet hours")
    else:
        move(message, Status.PENDING, "it is night there", due_at=leaves, claim=None)
    return False


def _body(message: Message) -> str:
    """What leaves: a code stands in it, though not in what is kept."""
    return message.body.replace(HIDDEN, message.secret)


def _words(message: Message, consultation: Consultation | None) -> Words:
    base = {"practice": settings.PRACTICE_NAME, "phone": _spoken(settings.PRACTICE_PHONE)}
    if consultation:
        return Words(
            **base,
            ref=consultation.reference,
            when=consultation.start,
            zone=consultation.patient.time_zone,
            join_url=consultation.physician.join_url,
        )
    if message.kind == "urgent_alert":
        return Words(**base, ref=Assessment.objects.get(pk=message.about_id).reference)
    return Words(**base, code=HIDDEN)


def _spoken(phone: str) -> str:
    return f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}" if phone.startswith("+1") else phone


def _consultation_of(message: Message) -> Consultation | None:
    if message.about_kind != "consultation":
        return None
    rows = Consultation.objects.select_related("patient__address", "physician")
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=message.about_id)


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
    move(message, to, provider_id=outcome.provider_id, claim=None, secret="")


def _busy(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nothing was sent: later again, until it is useless or was tried too often."""
    if message.attempts >= MOST_ATTEMPTS:
        _give_up(message, outcome, now)
        return
    wait = timedelta(seconds=FIRST_WAIT * 2 ** (message.attempts - 1))
    move(message, Status.PENDING, f"busy ({outcome.code})", try_after=Now() + wait, claim=None)


def _misconfigured(message: Message, outcome: Outcome, now: datetime) -> None:
    """Nobody gets texts until a person puts it right; the attempt does not count."""
    move(
        message,
        Status.PENDING,
        f"the provider does not take our texts ({outcome.code})",
        try_after=Now() + timedelta(seconds=60),
        attempts=F("attempts") - 1,
        claim=None,
    )
    _ask_staff(
        "texts_do_not_leave", "The provider refuses our texts: check its settings.", message, now
    )


def _unknown(message: Message, outcome: Outcome, now: datetime) -> None:
    grace = timedelta(seconds=settings.SEND_GRACE)
    move(message, Status.UNKNOWN, f"no clear answer ({outcome.code})", lease_until=Now() + grace)


def _opted_out(message: Message, outcome: Outcome, now: datetime) -> None:
    OptOut.objects.get_or_create(
        phone=message.to, ended_at=None, defaults={"source": "provider", "at": now}
    )
    move(message, Status.SUPPRESSED, "the provider says they opted out", claim=None, secret="")
    suppress_texts(message.to, why="the provider says they opted out")


def _give_up(message: Message, outcome: Outcome, now: datetime) -> None:
    move(
        message,
        Status.FAILED,
        f"it could not be sent ({outcome.code})",
        error_code=outcome.code,
        claim=None,
        secret="",
    )
    _ask_staff("call_patient", "A message did not get through: please call.", message, now)


_SETTLE: dict[str, Callable[[Message, Outcome, datetime], None]] = {
    "accepted": _accepted,
    "busy": _busy,
    "misconfigured": _misconfigured,
    "unknown": _unknown,
    "opted_out": _opted_out,
    "refused": _give_up,
}


def _ask_staff(kind: str, detail: str, message: Message, now: datetime) -> None:
    raise_work_item(
        kind,
        message,
        detail=detail,
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=message.patient_id,
    )


# --- what is in doubt ---------------------------------------------------------------------------


def reconcile(*, now: datetime) -> int:
    """Look up what is in doubt; returns how many were decided."""
    _doubt_what_was_dropped()
    doubtful = Message.objects.filter(status=Status.UNKNOWN, lease_until__lte=Now())
    return sum(_look_up(pk, now) for pk in doubtful.values_list("pk", flat=True)[:50])


@transaction.atomic
def _doubt_what_was_dropped() -> None:
    """A claim whose lease is over: its process died, before or after the text left."""
    grace = timedelta(seconds=settings.SEND_GRACE)
    rows = Message.objects.filter(status=Status.SENDING, lease_until__lte=Now())
    for message in rows.select_for_update(skip_locked=True):
        move(message, Status.UNKNOWN, "its sender died", lease_until=Now() + grace, claim=None)


def _look_up(pk: UUID, now: datetime) -> bool:
    """Ask the provider for a text; two looks without a hit, and it was not sent."""
    message = Message.objects.get(pk=pk)
    found = None
    if message.channel == Channel.SMS and message.body:
        known = Message.objects.filter(to=message.to, provider_id__isnull=False)
        try:
            found = twilio.find(
                to=message.to,
                body=_body(message),
                known=(row.provider_id or "" for row in known),
            )
        except (TwilioException, requests.exceptions.RequestException):
            return False
    with transaction.atomic():
        rows = Message.objects.select_for_update().filter(pk=pk, status=Status.UNKNOWN)
        current = rows.first()
        return current is not None and _decide(current, found, now)


def _decide(message: Message, found: Outcome | None, now: datetime) -> bool:
    if found:
        return move(
            message,
            Status.ACCEPTED,
            "found at the provider",
            provider_id=found.provider_id,
            secret="",
        )
    if message.channel == Channel.SMS and message.body and message.looks == 0:
        message.looks = 1
        message.lease_until = Now() + timedelta(seconds=settings.SEND_GRACE)
        message.save(update_fields=["looks", "lease_until"])
        return False
    if message.channel == Channel.MAIL and message.body:
        _give_up(message, Outcome("unknown", code="no_answer"), now)
        return True
    if now >= message.not_after:
        return move(message, Status.MISSED, "it was never sent, and is too late now", secret="")
    return move(message, Status.PENDING, "it was never sent", looks=0, claim=None)
