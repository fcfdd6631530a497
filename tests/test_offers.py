"""Offers of other times by text, and what 1 and 2 do. Sandbox only."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from notifications.models import InboundMessage, Message
from notifications.texts import spoken_time
from patients.models import Patient
from records import clock
from scheduling.models import Consultation, Physician
from scheduling.tasks import replan_everyone
from tests.care import ok
from tests.cast import ALBANY, CAST
from tests.conftest import Caller, caller
from tests.texting import ALICE, again, book, fault, inbound, later, message, run, texts, to, work

CENTRAL = "America/Chicago"
AWAY = "physicians/{}/time-off/"
TO_MOVE = "appointment Mon, Nov 30, 9:00 AM Central must move."
SIGN_IN = "Please sign in to choose another time."


def booked(name: str = "alice") -> Consultation:
    return Consultation.objects.get(patient__email=CAST[name])


def at_risk() -> None:
    """Dr. Chen takes the day of the appointment off; what follows from it is done."""
    off = {"start": "2026-11-30T00:00:00Z", "end": "2026-12-01T05:00:00Z"}
    ok(caller("chen").post(AWAY.format(booked().physician_id), off))
    replan_everyone()


def taken_back() -> None:
    """Dr. Chen does not take it off after all."""
    path = AWAY.format(booked().physician_id)
    (off,) = caller("chen").get(path).json()["results"]
    assert caller("chen").delete(f"{path}{off['id']}/").status_code == 204
    replan_everyone()


@pytest.fixture
def offered(alice_booked: Caller, web: str) -> list[datetime]:
    """The two times that Alice was texted."""
    run()
    at_risk()
    run()
    kept = [datetime.fromisoformat(at) for at in message("offer").offered]
    (text,) = [text for text in texts() if TO_MOVE in text]
    one, two = (spoken_time(at, CENTRAL) for at in kept)
    assert f"{TO_MOVE} 1: {one} 2: {two}. Reply 1 or 2, STOP to opt out." in text
    return kept


def link_in(text: str) -> str:
    (token,) = re.findall(r"(/a/\S+)", text)
    return str(token)


def page(path: str) -> str:
    answer: Any = Caller().client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(("word", "index"), [("1", 0), (" 1. ", 0), ("2", 1)])
def test_1_takes_the_first_time_and_2_the_second(
    offered: list[datetime], web: str, word: str, index: int
) -> None:
    for _ in range(2):
        assert inbound(web, "SM1", word) == 200
    assert (booked().start, booked().revision) == (offered[index], 2)
    assert InboundMessage.objects.get().meaning == ("first", "second")[index]
    later()
    run()
    assert f"your appointment is now {spoken_time(offered[index], CENTRAL)}" in texts()[-1]
    assert (work("read_reply"), work("call_patient")) == (0, 0)


def test_a_second_answer_is_read_by_staff(offered: list[datetime], web: str) -> None:
    assert inbound(web, "SM1", "1") == 200
    assert inbound(web, "SM2", "2") == 200
    assert (booked().start, work("read_reply")) == (offered[0], 1)


def test_who_chooses_a_time_that_was_taken_since_is_told_so_and_gets_a_link_to_what_is_free(
    offered: list[datetime], web: str
) -> None:
    book(caller("bruno"), offered[0].isoformat(), "NJ")
    assert inbound(web, "SM1", "1") == 200
    run()
    assert booked().revision == 1
    assert "that time is gone. Choose another: " in texts()[-1]
    free = re.findall(r'value="(2026[^"]+)"', page(link_in(texts()[-1])))
    assert free
    assert offered[0].isoformat() not in free
    assert work("read_reply") == 0
    assert inbound(web, "SM2", "2") == 200
    assert booked().start == offered[1]


def test_after_stop_a_time_that_was_taken_is_told_by_a_human(
    offered: list[datetime], web: str
) -> None:
    book(caller("bruno"), offered[0].isoformat(), "NJ")
    assert inbound(web, "SM1", "STOP") == 200
    before = texts()
    assert inbound(web, "SM2", "1") == 200
    run()
    assert (texts(), booked().revision, work("read_reply")) == (before, 1, 1)


def test_an_offer_that_is_three_days_old_is_not_answered_any_more(
    offered: list[datetime], web: str
) -> None:
    clock.move((message("offer").left_at or clock.now()) + timedelta(days=3))
    before = texts()
    assert inbound(web, "SM1", "1") == 200
    assert (booked().revision, work("read_reply")) == (1, 1)
    assert texts() == before


def test_two_patients_on_one_number_move_nothing(offered: list[datetime], web: str) -> None:
    Patient.objects.filter(email=CAST["bruno"]).update(phone=ALICE)
    before = texts()
    assert inbound(web, "SM1", "1") == 200
    run()
    assert (booked().revision, work("read_reply"), texts()) == (1, 1, before)


def test_an_offer_that_waited_for_the_provider_tells_the_same_times(
    alice_booked: Caller, web: str
) -> None:
    run()
    at_risk()
    fault(web, "429")
    run()
    first = message("offer").offered
    book(caller("bruno"), "2026-12-04T16:00:00Z", "NJ")
    again()
    run()
    assert message("offer").offered == first
    assert f"{TO_MOVE} 1: " in texts()[-1]


def moves_nothing(web: str, told: str) -> None:
    """1 answers nothing, since no times were told."""
    assert SIGN_IN in told
    assert "Reply 1" not in told
    assert message("offer").offered == []
    assert inbound(web, "SM1", "1") == 200
    assert (booked().revision, work("read_reply")) == (1, 1)


def test_times_that_did_not_fit_into_the_text_are_not_offered(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PRACTICE_NAME", "H" * 60)
    run()
    at_risk()
    run()
    moves_nothing(web, texts()[-1])


def test_a_room_that_a_text_cannot_name_is_no_reason_to_offer_no_times(
    alice_booked: Caller, web: str
) -> None:
    Physician.objects.update(join_url="https://video.example.org/~chen")
    run()
    at_risk()
    run()
    assert f"{TO_MOVE} 1: " in texts()[-1]
    assert inbound(web, "SM1", "1") == 200
    assert booked().revision == 2


def test_what_is_not_at_risk_any_more_in_the_morning_is_offered_no_times(
    alice_booked: Caller, web: str
) -> None:
    run()
    before = texts()
    to("2026-11-25T03:30:00Z")  # 21:30 in Pensacola
    at_risk()
    run()
    taken_back()
    to("2026-11-25T14:01:00Z")
    run()
    assert (texts(), message("offer").status) == (before, "cancelled")
    assert message("offer").why == "Nothing stands in its way any more."
    at_risk()  # once more
    run()
    assert f"{TO_MOVE} 1: " in texts()[-1]


def test_an_offer_that_is_sent_again_names_what_is_free_now(
    offered: list[datetime], web: str, sam: Caller
) -> None:
    book(caller("bruno"), offered[0].isoformat(), "NJ")
    assert sam.post(f"messages/{message('offer').pk}/resend/").status_code == 200
    run()
    assert f"{TO_MOVE} 1: " in texts()[-1]
    assert spoken_time(offered[0], CENTRAL) not in texts()[-1]


def test_who_was_offered_times_and_is_not_at_risk_any_more_is_not_offered_them_again(
    offered: list[datetime], web: str, sam: Caller
) -> None:
    taken_back()
    refused = sam.post(f"messages/{message('offer').pk}/resend/")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")


def test_an_offer_by_mail_tells_no_times(alice_booked: Caller, web: str) -> None:
    run()
    alice_booked.post("me/consents/", {"kind": "sms", "accepted": False})
    at_risk()
    run()
    moves_nothing(web, texts(CAST["alice"])[-1])


def test_an_offer_that_a_full_number_sends_by_mail_tells_no_times(
    alice_booked: Caller, web: str
) -> None:
    """It was tried as a text first: what was worked out for that is forgotten."""
    run()
    at_risk()
    fault(web, "429")
    run()
    assert len(message("offer").offered) == 2
    assert caller("chen").patch("settings/", {"texts_a_day": 1}).status_code == 200
    again()
    run()
    moves_nothing(web, texts(CAST["alice"])[-1])


def test_who_may_not_book_is_offered_no_times(alice_booked: Caller, web: str) -> None:
    ok(alice_booked.post("me/address/", {**ALBANY, "kind": "move"}))
    replan_everyone()
    run()
    (text,) = [text for text in texts() if "must move" in text]
    moves_nothing(web, text)
    assert Message.objects.filter(kind="offer").count() == 1
