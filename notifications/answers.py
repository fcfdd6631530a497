"""Answers to what a text asked: they do what somebody who has signed in would do, or nothing.

They are about the last text to the number. One about a consultation asks for C or R, an offer for 1
or 2; one about an appointment at home, a delivery or a payment asks for nothing, so who answers it
is read by staff.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from notifications import policy, replies
from notifications.models import Channel, InboundMessage, Message, Status
from notifications.reach import has_opted_out
from notifications.writing import queue_answer
from records.actor import Actor
from records.refused import Refused
from scheduling.consultations.actions import confirm, reschedule
from scheduling.models import Consultation

ANSWER_WITHIN = timedelta(days=3)
# What was asked before these still is.
ASK_NOTHING = ("sign_in_code", "contact_code", "contact_changed", "change_link", "time_taken")
HAS_LEFT = (Status.UNKNOWN, Status.ACCEPTED, Status.SENT, Status.DELIVERED)
NOT_FREE = ("slot_taken", "not_offered", "patient_busy", "in_the_past")


def answers_question(text: InboundMessage, *, now: datetime) -> bool:
    """Do what a text that came in answers; False when a human must read it, and nothing was done.

    It is clear when one patient alone has the number, the last text to it asks for this word and is
    not older than three days, and what it was about has not changed since. Who chooses an offered
    time that is not free any more is told so, with a link to others. In the caller's transaction.
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
    last = last_told(text.sender, Q(left_at__gt=now - ANSWER_WITHIN) & ~Q(kind__in=ASK_NOTHING))
    answered = ("offer",) if word in replies.CHOICES else policy.ANSWERABLE
    is_asked = last and last.kind in answered and last.patient_id == text.patient_id
    return last if is_asked else None


def last_told(phone: str, which: Q) -> Message | None:
    """The last text of these that left for a number."""
    left = Message.objects.filter(which, to=phone, channel=Channel.SMS, status__in=HAS_LEFT)
    return left.order_by("-left_at", "-pk").first()


def _do(
    word: str, meeting: Consultation, asked: Message, text: InboundMessage, now: datetime
) -> bool:
    """Confirm, move to what was offered, or answer with a link to move it."""
    by = Actor(role="patient", channel="sms", user_id=meeting.patient.user_id)
    if word == "confirm":
        confirm(consultation=meeting, by=by, now=now)
    elif word == "change":
        return _send_link("change_link", meeting, text, now)
    else:
        chosen = asked.offered[replies.CHOICES.index(word) :][:1]
        if not chosen:
            return False
        start = datetime.fromisoformat(chosen[0])
        try:
            reschedule(consultation=meeting, start=start, physician=None, by=by, now=now)
        except Refused as refused:
            return refused.code in NOT_FREE and _send_link("time_taken", meeting, text, now)
    return True


def _send_link(kind: str, meeting: Consultation, text: InboundMessage, now: datetime) -> bool:
    """Answer with a link to other times, where it would move the meeting."""
    if has_opted_out(text.sender) or meeting.status != "booked" or now >= meeting.start:
        return False
    about = ("consultation", meeting.pk)
    return queue_answer(kind, text, about=about, revision=meeting.revision, now=now)
