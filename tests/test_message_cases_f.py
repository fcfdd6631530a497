"""What comes back: calls for help, answers in context, links, opt-outs, webhooks. Sandbox only."""

from datetime import timedelta

import pytest

from notifications import replies, writing
from notifications.models import InboundMessage, Message
from records import clock
from records.models import WorkItem
from tests.cast import CAST
from tests.conftest import caller
from tests.texting import fault, inbound, run, texts, to, work

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
