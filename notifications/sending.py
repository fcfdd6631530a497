"""Messages leave: claim, check again, send, settle.

No lock and no transaction is held while the provider is asked.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from django.conf import settings
from structlog.contextvars import bound_contextvars

from accounts.practice import practice
from notifications import mail, pace, policy, twilio
from notifications.checking import body, check_again, valid_for
from notifications.claiming import claim, give_back, lane
from notifications.models import Channel, Message
from notifications.settling import settle
from notifications.twilio import Outcome
from records import hints
from records.outage import ENDS_A_SWEEP
from scheduling import demo

log = logging.getLogger(__name__)

AT_ONCE = timedelta(seconds=10)  # how long one sweep goes on; the next tick takes the rest
LANE = 0x5E4D  # the first half of the advisory locks of sending
AGAIN = "#rc=3&rp=all"  # whoever calls back tries three times more; told to Twilio alone
HANDS = 8  # texts of one sweep that the provider is asked to take at once


def send_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due; returns how many were claimed.

    Raises ImproperlyConfigured where real texts would leave to, or beside, invented people.
    """
    demo.refuse_beside_real_texts()
    begun, count = time.monotonic(), 0
    with lane(LANE, pace.lanes()) as is_free:
        while is_free and time.monotonic() - begun < AT_ONCE.total_seconds():
            claimed_at = time.monotonic()
            batch = claim(clock(), most=pace.batch())
            if not batch:
                return count
            if not count and len(batch) == pace.batch():
                hints.wake("notifications.send_due")  # more than one batch: another lane helps
            count += len(batch)
            send_all(batch, claimed_at, clock)
    if count:
        hints.wake("notifications.send_due")
    return count


def send_all(batch: list[Message], claimed_at: float, clock: Callable[[], datetime]) -> None:
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
                    settle(message, _hand_over(message, claimed_at, clock()), clock())
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
        settle(flying.pop(future), future.result(), clock())


def _made_ready(message: Message, now: datetime) -> Message | None:
    """One that cannot be sent must not keep the others back, nor be tried for ever."""
    try:
        return check_again(message, now)
    except ENDS_A_SWEEP:
        raise
    except Exception as error:
        log.exception("message_not_ready", extra={"message_id": str(message.pk)})
        settle(message, Outcome("not_ready", code=type(error).__name__[:40]), now)
    return None


def _is_late(claimed_at: float) -> bool:
    """Whether this process was slow or slept: somebody may soon take its messages over."""
    return time.monotonic() - claimed_at > float(settings.SEND_FENCE)


def _hand_over(message: Message, claimed_at: float, now: datetime) -> Outcome:
    """Ask the provider; texts in threads, which know no database."""
    if _is_late(claimed_at):
        return Outcome("late", code="late")
    with bound_contextvars(message_id=str(message.pk)):  # also in what libraries log meanwhile
        try:
            return _by_its_channel(message, now)
        except Exception as error:
            log.exception("message_in_doubt")
            return Outcome("unknown", code=type(error).__name__[:40])


def _by_its_channel(message: Message, now: datetime) -> Outcome:
    if message.channel == Channel.MAIL:
        subject = f"{practice().name}: {policy.OF_KIND[message.kind].subject}"
        return mail.send(
            to=message.to, subject=subject, body=body(message), message_id=str(message.pk)
        )
    return twilio.send(
        to=message.to,
        body=body(message),
        callback=f"{settings.PUBLIC_BASE_URL}/webhooks/twilio/status/?m={message.pk}{AGAIN}",
        valid_for=valid_for(message, now),
    )
