"""Answers to what a text asked: they do what somebody who has signed in would do, or nothing."""

from datetime import datetime, timedelta

from notifications import policy, replies
from notifications.models import Channel, InboundMessage, Message, Status
from notifications.reach import has_opted_out
from notifications.writing import queue_answer
from records.actor import Actor
from records.refused import Refused
from scheduling.consultations.actions import confirm, reschedule
from scheduling.models import Consultation

ANSWER_WITHIN = timedelta(days=3)
ASK_NOTHING = ("sign_in_code", "change_link")  # what was asked before them still is
HAS_LEFT = (Status.UNKNOWN, Status.ACCEPTED, Status.SENT, Status.DELIVERED)


def answers_question(text: InboundMessage, *, now: datetime) -> bool:
    """Do what a text that came in answers; False when a human must read it, and nothing was done.

    It is clear when one patient alone has the number, the last text to it asks for this word and is
    not older than three days, and what it was about has not changed since. In the caller's
    transaction.
    """
    word = replies.answer(text.body)
    asked = _asked(text, word, now) if word else None
    if asked is None:
        return False
    meeting = Consultation.objects.filter(pk=asked.about_id, revision=asked.revision).first()
    try:
        done = meeting is not None and _do(word, meeting, asked, text, now)
    except Refused:
        return False
    if done:
        InboundMessage.objects.filter(pk=text.pk).update(meaning=word)
    return done


def _asked(text: InboundMessage, word: str, now: datetime) -> Message | None:
    """The last text to this number, if such a word answers it."""
    left = Message.objects.filter(
        to=text.sender, channel=Channel.SMS, status__in=HAS_LEFT, left_at__gt=now - ANSWER_WITHIN
    )
    last = left.exclude(kind__in=ASK_NOTHING).order_by("-left_at", "-pk").first()
    answered = ("offer",) if word in replies.CHOICES else policy.ANSWERABLE
    is_asked = last and last.kind in answered and last.patient_id == text.patient_id
    return last if is_asked else None


def _do(
    word: str, meeting: Consultation, asked: Message, text: InboundMessage, now: datetime
) -> bool:
    """Confirm, move to what was offered, or answer with a link to move it."""
    by = Actor(role="patient", channel="sms", user_id=meeting.patient.user_id)
    if word == "confirm":
        confirm(consultation=meeting, by=by, now=now)
    elif word == "change":
        if has_opted_out(text.sender) or meeting.status != "booked" or now >= meeting.start:
            return False
        about = ("consultation", meeting.pk)
        return queue_answer("change_link", text, about=about, revision=meeting.revision, now=now)
    else:
        chosen = asked.offered[replies.CHOICES.index(word) :][:1]
        if not chosen:
            return False
        start = datetime.fromisoformat(chosen[0])
        reschedule(consultation=meeting, start=start, physician=None, by=by, now=now)
    return True
