"""Who stays with a patient hears of what changed after they were told. Sandbox only."""

from datetime import timedelta

import pytest

from notifications import claiming, writing
from notifications.models import Message
from patients.actions import issue_confirm_token
from patients.models import SupportPerson
from records import clock
from tests.care import Care, care, ok, replan, to
from tests.conftest import Caller, caller
from tests.texting import message, run, texts

SAL, ANN, BEN = "+18505550177", "+18505550178", "+18505550179"
OFF = "you are not expected any more at the time to be with somebody at home"
NOT_HELD = "does not hold any more"
REMINDED = "2026-12-06T15:00:00Z"  # a day before the session


@pytest.fixture
def walk(web: str) -> Care:
    """Alice, whose session on Monday is planned; Sal, who stays, was told nothing yet."""
    return care(caller("alice")).delivered().planned()


@pytest.fixture
def reminded(walk: Care) -> Care:
    """Sal was reminded of it on Sunday."""
    run()
    to(REMINDED)
    run()
    (text,) = [text for text in texts(SAL) if "be with somebody at home on Mon, Dec 7" in text]
    assert text
    return walk


def name(walk: Care, phone: str, *, agrees: bool = True) -> None:
    named = {"name": "X", "date_of_birth": "1980-02-03", "phone": phone}
    person = ok(walk.who.post("me/support-persons/", named))
    if agrees:
        token = issue_confirm_token(SupportPerson.objects.get(pk=person["id"]))
        ok(Caller().post(f"support-persons/{token}/confirm/"))


def after_grace() -> None:
    clock.move(clock.now() + timedelta(minutes=3))
    for _ in range(2):
        run()


def since(before: list[str], phone: str = SAL) -> list[str]:
    return texts(phone)[len(before) :]


def test_who_was_reminded_and_is_replaced_hears_so_once(reminded: Care) -> None:
    before = texts(SAL)
    name(reminded, ANN)
    run()
    assert since(before) == []  # it may have been a slip
    after_grace()
    (told,) = since(before)
    assert OFF in told
    name(reminded, BEN)
    after_grace()
    assert since(before) == [told]
    assert not [text for text in texts(ANN) if OFF in text]  # who was told of nothing


def test_who_is_replaced_at_night_hears_so_in_the_morning(reminded: Care) -> None:
    before = texts(SAL)
    to("2026-12-07T04:00:00Z")  # 22:00 in Pensacola
    name(reminded, ANN)
    after_grace()
    name(reminded, BEN)  # and again, while it waits
    after_grace()
    assert since(before) == []
    to("2026-12-07T14:00:00Z")
    run()
    assert [OFF in text for text in since(before)] == [True]


def test_who_is_replaced_before_any_text_hears_nothing(walk: Care) -> None:
    run()
    before = texts(SAL)
    name(walk, ANN)
    after_grace()
    to(REMINDED)
    run()
    to("2026-12-07T14:00:00Z")
    run()
    assert since(before) == []
    assert [text for text in texts(ANN) if "somebody at home on Mon, Dec 7" in text]


def test_who_is_named_once_more_is_not_told_to_stay_away(reminded: Care) -> None:
    before = texts(SAL)
    name(reminded, ANN)
    run()
    name(reminded, SAL)
    after_grace()
    assert not [text for text in since(before) if OFF in text]
    assert message("support_replaced").why == "Somebody else was named."


def test_who_is_named_once_more_and_replaced_again_hears_so_once(reminded: Care) -> None:
    before = texts(SAL)
    name(reminded, ANN)
    run()
    name(reminded, SAL)
    after_grace()
    to("2026-12-07T14:00:00Z")
    for _ in range(2):
        run()  # reminded once more
    assert since(before)
    before = texts(SAL)
    name(reminded, ANN)
    after_grace()
    assert [OFF in text for text in since(before)] == [True]


def test_who_is_named_once_more_and_replaced_before_the_next_reminder_hears_so(
    reminded: Care,
) -> None:
    before = texts(SAL)
    for phone in (ANN, SAL, BEN):
        name(reminded, phone)
        run()
    after_grace()
    assert [OFF in text for text in since(before)] == [True]


def test_who_was_named_twice_in_a_row_and_is_replaced_hears_so_once(reminded: Care) -> None:
    before = texts(SAL)
    name(reminded, SAL)
    run()
    name(reminded, ANN)
    after_grace()
    assert [OFF in text for text in since(before)] == [True]


def test_who_was_replaced_hears_no_more_and_the_new_one_hears_of_no_move(reminded: Care) -> None:
    before = texts(SAL)
    name(reminded, ANN)
    after_grace()
    told = since(before)
    ok(reminded.session_verb("reschedule", start="2026-12-08T15:00:00Z"))
    after_grace()
    assert since(before) == told
    assert "support_moved" not in Message.objects.values_list("kind", flat=True)
    to("2026-12-07T15:30:00Z")
    run()
    assert [text for text in texts(ANN) if "somebody at home on Tue, Dec 8" in text]


def test_a_session_that_was_moved_after_somebody_was_replaced_still_tells_them(
    reminded: Care,
) -> None:
    before = texts(SAL)
    name(reminded, ANN)
    run()
    ok(reminded.session_verb("reschedule", start="2026-12-08T15:00:00Z"))
    after_grace()
    (told,) = since(before)
    assert OFF in told


def test_who_was_reminded_hears_once_that_it_was_moved(reminded: Care) -> None:
    before = texts(SAL)
    ok(reminded.session_verb("reschedule", start="2026-12-08T15:00:00Z"))
    after_grace()
    (told,) = since(before)
    assert "the time to be with somebody at home is now Tue, Dec 8, 9:00 AM Central" in told


def test_who_was_reminded_hears_once_that_it_is_cancelled(reminded: Care) -> None:
    before = texts(SAL)
    ok(reminded.session_verb("cancel"))
    after_grace()
    (told,) = since(before)
    assert NOT_HELD in told


def test_who_was_reminded_hears_at_eight_that_it_was_cancelled_at_night(reminded: Care) -> None:
    before = texts(SAL)
    to("2026-12-07T04:00:00Z")
    ok(reminded.session_verb("cancel"))
    after_grace()
    assert since(before) == []
    to("2026-12-07T14:00:00Z")
    run()
    assert [NOT_HELD in text for text in since(before)] == [True]


def test_who_was_told_nothing_hears_of_no_change(walk: Care) -> None:
    run()
    before = texts(SAL)
    ok(walk.session_verb("reschedule", start="2026-12-08T15:00:00Z"))
    after_grace()
    ok(walk.session_verb("cancel"))
    replan(walk)
    after_grace()
    assert since(before) == []


def test_a_reminder_that_was_claimed_already_does_not_reach_who_was_replaced(walk: Care) -> None:
    run()
    to(REMINDED)
    before = texts(SAL)
    claimed = claiming.claim(clock.now(), most=9)
    name(walk, ANN)
    writing.write_messages(now=clock.now())
    claiming.give_back(claimed)
    run()
    assert not [text for text in since(before) if "somebody at home on Mon, Dec 7" in text]
