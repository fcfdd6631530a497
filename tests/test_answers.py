"""Answers are to the last text, and have a budget of their own. Sandbox only."""

from datetime import timedelta

import pytest

from notifications.models import Message
from records import clock
from records.ids import uuid7
from records.models import WorkItem
from tests.care import ok
from tests.conftest import Caller, caller
from tests.test_message_cases_f import CHEN, booked
from tests.texting import ALICE, inbound, later, message, run, texts, work


def code(to: str = ALICE) -> None:
    """A code for signing in has left since."""
    told = message("confirmation")
    told.pk, told.key, told.kind, told.provider_id = uuid7(), "code", "sign_in_code", None
    told.to, told.left_at = to, clock.now() + timedelta(minutes=5)
    told.save(force_insert=True)


def offer() -> None:
    """An offer of two times that has left."""
    told = message("confirmation")
    told.pk, told.key, told.kind, told.provider_id = uuid7(), "offer", "offer", None
    told.offered = ["2026-12-01T16:00:00Z", "2026-12-02T17:00:00Z"]
    told.save(force_insert=True)


def test_1_after_something_else_was_told_changes_nothing(alice_booked: Caller, web: str) -> None:
    run()
    offer()
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
    offer()
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


# --- a budget of their own ------------------------------------------------------------------------


def test_a_flood_of_r_is_answered_a_few_times_and_then_read_by_staff(
    alice_booked: Caller, web: str
) -> None:
    run()
    for number in range(8):
        assert inbound(web, f"SM{number}", "R") == 200
    run()
    assert len([text for text in texts() if "/a/" in text]) == 5
    assert work("read_reply") == 3


def test_how_many_answers_a_number_gets_is_a_setting(alice_booked: Caller, web: str) -> None:
    ok(caller("chen").patch("settings/", {"answers_a_day": 1}))
    run()
    for number in range(2):
        assert inbound(web, f"SM{number}", "R") == 200
    assert (Message.objects.filter(kind="change_link").count(), work("read_reply")) == (1, 1)


def test_five_calls_for_help_in_a_minute_are_answered_and_page_once(web: str) -> None:
    for number in range(5):
        assert inbound(web, f"SM{number}", "I want to die") == 200
    assert inbound(web, "SMother", "I want to die", "+12015550177") == 200
    run()
    assert (len(texts()), len(texts("+12015550177"))) == (5, 1)
    assert len(texts(CHEN)) == 2  # one for each of the two people
    details = WorkItem.objects.filter(kind="call_for_help").order_by("pk")
    assert [row.detail.count("5 times") for row in details] == [1, 0]
    assert len(caller("chen").get("inbox/").json()["results"]) == 6


def test_a_call_for_help_after_the_last_page_or_once_it_is_opened_pages_anew(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    clock.move(clock.now() + timedelta(minutes=16))
    assert inbound(web, "SM2", "I want to die") == 200
    run()
    assert (len(texts(CHEN)), work("call_for_help")) == (2, 2)
    chen = caller("chen")
    for item in chen.get("work-items/", kind="call_for_help").json()["results"]:
        ok(chen.post(f"work-items/{item['id']}/claim/"))
    assert inbound(web, "SM3", "I want to die") == 200
    run()
    assert (len(texts(CHEN)), work("call_for_help")) == (3, 3)
