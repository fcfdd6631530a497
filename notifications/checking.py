"""Whether a message may leave now: still true, allowed, in its hours, and what it says."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.people.actions import is_open, issue_link
from accounts.practice import practice
from notifications import caps, daily, policy, quiet_hours, twilio
from notifications.models import Channel, Message, Status
from notifications.moving import change, move
from notifications.reach import ask_to_call, hours_for, lock_phone, mail_of, point
from notifications.settling import miss, put_back
from notifications.subjects import Told, reference_of, told_of
from notifications.texts import Words, spoken_phone, spoken_time, text_of
from notifications.writing import NO_HOUR, REPLACED
from patients.actions import issue_confirm_token
from patients.models import Patient
from records.models import Brake
from scheduling.consultations import links
from scheduling.models import Consultation
from scheduling.sessions.actions import support_of

HIDDEN = "******"  # stands for a code in what is kept of a body


@transaction.atomic
def check_again(claimed: Message, now: datetime) -> Message | None:
    """Whether the message is still true, allowed and in time; if so, with its body written down.

    The rows that decide are locked while it is asked: a cancellation either comes before, and the
    text does not leave, or after, and knows of it.
    """
    phone = _phone_of(claimed)
    told = told_of(claimed.about_kind, claimed.about_id, now=now, lock=True)
    lock_phone(phone)
    rows = Message.objects.select_for_update()
    message = rows.filter(pk=claimed.pk, claim=claimed.claim, status=Status.SENDING).first()
    if message is None:
        return None
    if told and told.patient.pk == message.patient_id:
        message.patient = told.patient
    untrue = _untrue(message, told)
    words = None if untrue else _words(message, told, now)
    if words is None:
        move(message, Status.CANCELLED, untrue or "Nothing of it is left to tell.")
        return None
    if now >= message.not_after:
        miss(message, "It was too late for it.", now)
        return None
    if not _allowed(message, now):
        return None
    message.secret = message.secret or _token(message, now)
    message.body = text_of(message.kind, words, is_text=message.channel == Channel.SMS)
    message.offered = [at for at in message.offered if _spoken(at, words) in message.body]
    message.attempts += 1
    message.left_at = now
    message.save(update_fields=["body", "secret", "offered", "attempts", "left_at"])
    return message


def _token(message: Message, now: datetime) -> str:
    """That of the link which stands in a message, if one does."""
    if message.kind in policy.OF_PASSWORD:
        return issue_link(message.about_id)
    if message.kind == "support_invite" and message.support_person:
        return issue_confirm_token(message.support_person)
    by_link = message.kind in policy.BY_LINK
    if by_link or (message.channel == Channel.MAIL and message.kind in policy.ANSWERABLE):
        does = "reschedule" if by_link else "confirm"
        return links.issue(Consultation.objects.get(pk=message.about_id), does, now=now)
    return ""


def _untrue(message: Message, told: Told | None) -> str:
    """Why it must not be said any more; empty while it may."""
    friend = message.support_person
    if Brake.objects.filter(cause=message.cause, status=Brake.Status.WITHDRAWN).exists():
        return "Somebody has withdrawn it."
    if message.kind in policy.OF_PASSWORD and not is_open(message.about_id):
        return "The link does not hold any more."
    if friend and policy.waits_for_a_yes(message.kind, friend.confirmed_at):
        return "They have not agreed to stay."
    if friend and message.kind != REPLACED and support_of(friend.patient_id) != friend:
        return policy.BECAUSE["replaced"]
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
    What proves a contact, or tells of its change, goes there and nowhere else.
    """
    is_mail = message.channel == Channel.MAIL and message.to
    by_mail = is_mail and message.kind in ("sign_in_code", "urgent_alert")
    if not by_mail and message.kind not in policy.AS_WRITTEN and not point(message):
        no_way = "There is no way to reach this person."
        move(message, Status.SUPPRESSED, no_way, claim=None, secret="")
        ask_to_call(message, now=now)
        return False
    if message.channel == Channel.SMS and not twilio.may_text(message.to):
        strange = "Only the numbers of a list get texts from here."
        move(message, Status.SUPPRESSED, strange, claim=None, secret="")
        return False
    hours = hours_for(message)
    if hours is None or quiet_hours.awake(now, hours):
        return _within_caps(message, now)
    leaves = quiet_hours.leaves_at(now, hours=hours, now=now, not_after=message.not_after)
    if leaves is None:
        miss(message, NO_HOUR, now)
    else:
        put_back(message, f"It is {quiet_hours.why_not(now, hours)}.", due_at=leaves)
    return False


def _within_caps(message: Message, now: datetime) -> bool:
    """Whether it may leave: past the caps of a number only by mail, else a human calls."""
    if not caps.is_full(message, now):
        return True
    mail_to = mail_of(message)
    if mail_to:
        change(message, channel=mail_to[0], to=mail_to[1])
        return True
    why = "This number has had its texts for now."
    move(message, Status.SUPPRESSED, why, claim=None, secret="")
    ask_to_call(message, now=now)
    return False


def body(message: Message) -> str:
    """What leaves: a code stands in it, though not in what is kept."""
    return message.body.replace(HIDDEN, message.secret)


def valid_for(message: Message, now: datetime) -> int:
    """Seconds that the provider may keep it: until it is night there, or until it is useless."""
    until = message.not_after
    hours = hours_for(message)
    if hours:
        until = min(until, hours.closing(now))
    return int((until - now).total_seconds())


def _words(message: Message, told: Told | None, now: datetime) -> Words | None:
    """What a message says now; None when nothing of it is left to tell."""
    ours = practice()
    base: dict[str, Any] = {"practice": ours.name, "phone": spoken_phone(str(ours.phone))}
    if message.kind == "urgent_alert":
        return Words(**base, ref=reference_of(message.about_kind, message.about_id))
    if message.kind in daily.WORDS:
        return daily.words_of(message, base)
    if told is None:
        link = f"{settings.PUBLIC_BASE_URL}/join/{HIDDEN}"
        return Words(**base, code=HIDDEN, link=link)
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


def _spoken(at: str, words: Words) -> str:
    return spoken_time(datetime.fromisoformat(at), words.zone)


def _page_of(kind: str) -> str:
    return "support" if kind == "support_invite" else "a"
