"""Answers are to the last text, and have a budget of their own. Sandbox only."""

from datetime import timedelta

import pytest

from notifications.models import Message
from records import clock
from records.ids import uuid7
from tests.care import ok
from tests.conftest import Caller
from tests.test_message_cases_f import booked, offer
from tests.texting import ALICE, inbound, later, message, run, texts, work


def code(to: str = ALICE) -> None:
    """A code for signing in has left since."""
    told = message("confirmation")
    told.pk, told.key, told.kind, told.provider_id = uuid7(), "code", "sign_in_code", None
    told.to, told.left_at = to, clock.now() + timedelta(minutes=5)
    told.save(force_insert=True)


def test_1_after_something_else_was_told_changes_nothing(alice_booked: Caller, web: str) -> None:
    run()
    offer(web)
    Message.objects.filter(kind="offer").update(left_at=clock.now())
    clock.move(clock.now() + timedelta(days=1))
    ok(alice_booked.post(f"consultations/{booked().pk}/reschedule/", {"start": OTHER}))
    later()
    run()
    Message.objects.filter(kind="offer").update(revision=booked().revision)
    assert "your appointment is now" in texts()[-1]
    assert inbound(web, "SM1", "1") == 200
    assert (booked().start.isoformat(), work("read_reply")) == (OTHER.replace("Z", "+00:00"), 1)


OTHER = "2026-12-03T15:00:00Z"


def test_c_after_an_offer_does_not_confirm_what_it_puts_in_doubt(
    alice_booked: Caller, web: str
) -> None:
    run()
    offer(web)
    Message.objects.filter(kind="offer").update(left_at=clock.now() + timedelta(minutes=1))
    assert inbound(web, "SM1", "C") == 200
    assert (booked().confirmed_at, work("read_reply")) == (None, 1)


@pytest.mark.parametrize("words", ["C", "R"])
def test_after_a_text_that_asks_nothing_an_answer_is_read_by_staff(
    alice_booked: Caller, web: str, words: str
) -> None:
    run()
    code()
    Message.objects.filter(kind="sign_in_code").update(kind="month_renews")
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, work("read_reply"), len(texts())) == (None, 1, 1)


def test_a_code_in_between_asks_nothing_and_answers_nothing(alice_booked: Caller, web: str) -> None:
    run()
    code()
    assert inbound(web, "SM1", "C") == 200
    assert booked().confirmed_at


def test_what_did_not_arrive_is_not_the_last_text(alice_booked: Caller, web: str) -> None:
    run()
    code()
    Message.objects.filter(kind="sign_in_code").update(kind="offer", status="undelivered")
    assert inbound(web, "SM1", "C") == 200
    assert booked().confirmed_at
