"""What comes back: calls for help, answers in context, links, opt-outs, webhooks. Sandbox only."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.tokens import digest
from notifications import replies, writing
from notifications.models import InboundMessage, Message
from patients.models import Link, Patient
from records import clock
from records.ids import uuid7
from records.models import WorkItem
from scheduling.models import Consultation
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.texting import ALICE, book, fault, inbound, message, run, texts, to, work

CHEN = "+18505550111"


# --- calls for help ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "I want to die", "i wanna die", "I can't breathe", "cant breathe!!", "kill myself",
        "I'm going to kill myself", "I am thinking about suicide", "im suicidal",
        "I don't want to live anymore", "better off dead", "I think I'm dying", "end my life",
        "I'm having trouble breathing", "he's not breathing", "I have chest pain", "i overdosed",
        "Where do I click? I want to hurt myself", "He won't wake up", "this is an emergency",
        "Please call 911", "I can’t go on", "STOP texting me. I want to die", "took all my pills",
        "Quiero morir", "me quiero morir", "no quiero vivir", "No puedo respirar", "voy a matarme",
        "me duele el pecho", "quiero quitarme la vida", "pensando en el suicidio",
        "Me voy a matar",
    ],
)  # fmt: skip
def test_words_of_danger_call_for_help(words: str) -> None:
    assert replies.calls_for_help(words)


@pytest.mark.parametrize(
    "words",
    [
        "my phone died", "dying to see you", "I'm dying to see you", "I could kill for a coffee",
        "my feet are killing me", "I am dying of laughter", "C", "R", "1", "STOP", "my battery is "
        "dying", "can't go on Monday", "who is my emergency contact?", "me muero de risa",
        "killing time in the waiting room", "the deadline is Friday", "take a deep breath",
        "911 Main St is my address", "Do I need to die my hair", "I will be there", "me muero por "
        "verte", "the traffic is murder", "live and let live", "", "no hay problema",
    ],
)  # fmt: skip
def test_what_people_only_say_so_does_not(words: str) -> None:
    assert not replies.calls_for_help(words)


def test_a_call_for_help_is_answered_at_night_and_pages_text_and_mail_once(web: str) -> None:
    to("2026-11-25T08:00:00Z")  # 2:00 in Pensacola
    for _ in range(2):
        assert inbound(web, "SM1", "I want to die") == 200
    run()
    (answer,) = texts()
    assert "911" in answer
    assert "988" in answer
    assert len(answer) <= 160
    assert (len(texts(CHEN)), len(texts(CAST["chen"]))) == (1, 1)
    (item,) = caller("chen").get("work-items/").json()["results"]
    assert (item["kind"], item["urgency"]) == ("call_for_help", 1)
    (read,) = caller("chen").get("inbox/").json()["results"]
    assert (read["id"], read["body"]) == (item["object_id"], "I want to die")
    assert work("read_reply") == 0


def test_physicians_are_paged_again_with_the_back_up_until_somebody_opens_it(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200

    def after(minutes: int) -> tuple[int, int, int]:
        clock.move(begun + timedelta(minutes=minutes))
        for _ in range(2):
            writing.page_again(now=clock.now())
            run()
        return len(texts(CHEN)), len(texts(CAST["chen"])), len(texts(CAST["sam"]))

    begun = InboundMessage.objects.get().received_at
    assert after(0) == (1, 1, 0)
    assert after(4) == (1, 1, 0)
    assert after(5) == (2, 2, 1)
    assert work("call_physician") == 1
    assert after(15) == (3, 3, 2)
    assert after(60) == (3, 3, 2)


def test_who_opens_it_ends_the_paging(web: str) -> None:
    assert inbound(web, "SM1", "no puedo respirar") == 200
    run()
    chen = caller("chen")
    (item,) = chen.get("work-items/").json()["results"]
    clock.move(clock.now() + timedelta(minutes=5))
    writing.page_again(now=clock.now())  # written, and not sent yet
    assert chen.post(f"work-items/{item['id']}/claim/").status_code == 200
    run()
    clock.move(clock.now() + timedelta(minutes=10))
    assert writing.page_again(now=clock.now()) == 0
    run()
    assert (len(texts(CHEN)), len(texts(CAST["sam"]))) == (1, 0)
    assert set(Message.objects.filter(why="Somebody is on it.").values_list("status")) == {
        ("cancelled",)
    }


def test_a_crisis_in_an_assessment_climbs_the_same_ladder(web: str) -> None:
    from scheduling.demo import answers

    told = {"answers": answers(suic="plan_or_intent"), "consents": {"privacy": True}}
    told["consents"]["telehealth"] = True
    assert caller("alice").post("assessments/", told).status_code == 201
    run()
    assert (len(texts(CHEN)), len(texts(CAST["chen"]))) == (1, 1)
    clock.move(clock.now() + timedelta(minutes=15))
    writing.page_again(now=clock.now())
    run()
    assert (len(texts(CHEN)), len(texts(CAST["chen"])), len(texts(CAST["sam"]))) == (2, 2, 1)


def test_who_said_stop_is_still_answered_when_they_call_for_help(web: str) -> None:
    """Only where Twilio itself was told STOP, it refuses; the paging does not depend on it."""
    assert inbound(web, "SM1", "please stop texting me") == 200
    assert inbound(web, "SM2", "I can't breathe") == 200
    run()
    assert len(texts()) == 1
    fault(web, "400_21610")
    assert inbound(web, "SM3", "I can't breathe") == 200
    for _ in range(3):
        run()
    assert len(texts()) == 1
    assert Message.objects.filter(kind="help_now").latest("pk").status == "failed"
    assert (work("call_for_help"), work("call_patient")) == (2, 0)


def test_a_stranger_s_call_for_help_is_answered_too(web: str) -> None:
    assert inbound(web, "SM1", "I want to die", "+12015550177") == 200
    run()
    assert len(texts("+12015550177")) == 1
    assert WorkItem.objects.get(kind="call_for_help").patient_id is None
    assert len(texts(CHEN)) == 1


def test_staff_do_not_see_that_somebody_called_for_help_in_the_list_of_events(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    kinds = [event["kind"] for event in caller("sam").get("events/").json()["results"]]
    assert "text.crisis" not in kinds


# --- answers in context --------------------------------------------------------------------------


def booked() -> Consultation:
    return Consultation.objects.get()


def test_c_confirms_what_the_last_reminder_was_about(alice_booked: Caller, web: str) -> None:
    run()
    assert "Reply C to confirm, R to change, STOP to opt out." in texts()[0]
    assert inbound(web, "SM1", " c. ") == 200
    assert booked().confirmed_at
    assert InboundMessage.objects.get().meaning == "confirm"
    assert work("read_reply") == 0


@pytest.mark.parametrize("words", ["C", "R"])
def test_an_answer_that_is_too_old_is_read_by_staff(
    alice_booked: Caller, web: str, words: str
) -> None:
    run()
    to("2026-11-27T15:30:00Z")
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, work("read_reply"), len(texts())) == (None, 1, 1)


def test_an_answer_to_a_time_that_was_moved_since_confirms_nothing(
    alice_booked: Caller, web: str
) -> None:
    run()
    moved = {"start": "2026-12-01T16:00:00Z"}
    path = f"consultations/{booked().pk}/reschedule/"
    assert alice_booked.post(path, moved).status_code == 200
    assert inbound(web, "SM1", "C") == 200
    assert (booked().confirmed_at, work("read_reply")) == (None, 1)


@pytest.mark.parametrize("words", ["C", "R", "1"])
def test_two_patients_on_one_number_are_told_apart_by_a_human(
    alice_booked: Caller, web: str, words: str
) -> None:
    run()
    Patient.objects.filter(email=CAST["bruno"]).update(phone=ALICE)
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, booked().revision) == (None, 1)
    assert (work("read_reply"), len(texts())) == (1, 1)


@pytest.mark.parametrize("words", ["Yes", "ok see you", "C or R?", "3", "1"])
def test_an_unclear_answer_changes_nothing(alice_booked: Caller, web: str, words: str) -> None:
    run()
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, booked().revision, work("read_reply")) == (None, 1, 1)


def test_an_answer_without_a_question_changes_nothing(alice_booked: Caller, web: str) -> None:
    assert inbound(web, "SM1", "C") == 200  # nothing has left yet
    assert (booked().confirmed_at, work("read_reply")) == (None, 1)


@pytest.mark.parametrize(("word", "chosen"), [("1", "2026-12-01T16:00"), ("2", "2026-12-02T17:00")])
def test_1_and_2_answer_an_offer(alice_booked: Caller, web: str, word: str, chosen: str) -> None:
    run()
    offer(web)
    assert inbound(web, "SM1", word) == 200
    assert booked().start.isoformat() == f"{chosen}:00+00:00"
    run()
    assert "your appointment is now" in texts()[-1]


def test_an_offer_that_somebody_else_took_is_read_by_staff(alice_booked: Caller, web: str) -> None:
    run()
    offer(web)
    book(caller("bruno"), "2026-12-01T16:00:00Z", "NJ")
    assert inbound(web, "SM1", "1") == 200
    assert (booked_by("alice").revision, work("read_reply")) == (1, 1)


def booked_by(name: str) -> Consultation:
    return Consultation.objects.get(patient__email=CAST[name])


def offer(web: str) -> None:
    """An offer of two times that has left."""
    told = message("confirmation")
    told.pk, told.key, told.kind, told.provider_id = uuid7(), "offer", "offer_times", None
    told.offered = ["2026-12-01T16:00:00Z", "2026-12-02T17:00:00Z"]
    told.save(force_insert=True)


# --- links ---------------------------------------------------------------------------------------


def link_in(text: str) -> str:
    return "/a/" + text.split("/a/")[1].split()[0]


def page(path: str, **sent: str) -> Any:
    client = Client()
    return client.post(path, sent) if sent else client.get(path)


def test_r_is_answered_with_a_link_that_moves_it_once(alice_booked: Caller, web: str) -> None:
    run()
    to("2026-11-25T04:00:00Z")  # at night: an answer goes at any hour
    assert inbound(web, "SM1", "R") == 200
    run()
    link = link_in(texts()[-1])
    assert Message.objects.latest("pk").secret == ""
    for _ in range(2):  # whoever previews it
        shown = page(link)
        assert shown.status_code == 200
    assert booked().revision == 1
    words = shown.content.decode()
    assert "Mon, Nov 30, 9:00 AM Central" in words
    assert "Alice" not in words
    for start in ("nonsense", "2026-11-29T09:00:00Z", "9999-12-31T23:59:59-12:00"):
        refused = page(link, start=start)
        assert refused.status_code == 409
        assert "Choose another time" in refused.content.decode()
    start = re.findall(r'value="(2026[^"]+)"', words)[0]
    done = page(link, start=start)
    assert "is moved" in done.content.decode()
    assert booked().start == datetime.fromisoformat(start)
    again = page(link, start="2026-12-02T17:00:00Z")
    assert again.status_code == 404
    assert "850-555-0100" in again.content.decode()
    assert booked().revision == 2


def test_a_mail_is_confirmed_by_its_link(web: str) -> None:
    alice = caller("alice")
    alice.post("me/consents/", {"kind": "sms", "accepted": False})
    book(alice)
    run()
    (mail,) = texts(CAST["alice"])
    assert "Reply" not in mail
    link = link_in(mail)
    assert "I will be there" in page(link).content.decode()
    assert booked().confirmed_at is None
    assert "is confirmed" in page(link, button="").content.decode()
    assert booked().confirmed_at
    assert page(link).status_code == 404


def test_a_link_ends_when_the_time_changes_or_three_days_are_over(
    alice_booked: Caller, web: str
) -> None:
    run()
    assert inbound(web, "SM1", "R") == 200
    run()
    first = link_in(texts()[-1])
    assert inbound(web, "SM2", "R") == 200
    run()
    second = link_in(texts()[-1])
    assert [page(link).status_code for link in (first, second)] == [404, 200]
    clock.move(clock.now() + timedelta(days=3))
    assert page(second).status_code == 404
    clock.move(clock.now() - timedelta(days=3))
    moved = {"start": "2026-12-01T16:00:00Z"}
    assert alice_booked.post(f"consultations/{booked().pk}/reschedule/", moved).status_code == 200
    assert page(second).status_code == 404
    assert page("/a/no-such-token").status_code == 404


def test_a_link_is_kept_as_a_hash_alone(alice_booked: Caller, web: str) -> None:
    run()
    assert inbound(web, "SM1", "R") == 200
    run()
    token = link_in(texts()[-1]).removeprefix("/a/")
    assert Link.objects.get().secret == digest(token)
    assert token not in str(Message.objects.filter(kind="change_link").values())
