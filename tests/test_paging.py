"""Who is on call is paged at once, and again with the back-up, until somebody opens it."""

from datetime import timedelta

import pytest

from notifications import writing
from notifications.models import Message
from records import clock
from records.models import WorkItem
from scheduling.demo import answers
from tests.care import CALM, care, ok
from tests.cast import CAST
from tests.conftest import caller
from tests.texting import inbound, run, texts, work

CHEN = "+18505550111"
FIRST, SECOND, THIRD = (1, 1, 0), (2, 2, 1), (3, 3, 2)
LADDER = [FIRST] * 5 + [SECOND] * 10 + [THIRD] * 16


def pages() -> tuple[int, int, int]:
    """How many have come: by text and by mail to the physician, and to staff."""
    found = [
        len([text for text in texts(to) if "something urgent waits for you" in text])
        for to in (CHEN, CAST["chen"], CAST["sam"])
    ]
    return found[0], found[1], found[2]


def climb(item: WorkItem, opened_at: int | None) -> list[tuple[int, int, int]]:
    """Minute by minute, two sweeps each: the pages so far; one day a physician opens it."""
    came = []
    for minute in range(31):
        clock.move(item.raised_at + timedelta(minutes=minute))
        if minute == opened_at:
            ok(caller("chen").post(f"work-items/{item.pk}/claim/"))
        for _ in range(2):
            writing.page_again(now=clock.now())
            run()
        came.append(pages())
    return came


OPENED = pytest.mark.parametrize(
    ("opened_at", "expected"),
    [
        (None, LADDER), (4, [FIRST] * 31), (5, [FIRST] * 31),
        (14, [FIRST] * 5 + [SECOND] * 26), (16, LADDER),
    ],
)  # fmt: skip


@OPENED
def test_a_call_for_help_pages_until_somebody_opens_it(
    web: str, opened_at: int | None, expected: list[tuple[int, int, int]]
) -> None:
    for _ in range(2):
        assert inbound(web, "SM1", "I want to die") == 200
    item = WorkItem.objects.get(kind="call_for_help")
    assert climb(item, opened_at) == expected
    assert work("call_physician") == (opened_at is None)


@OPENED
def test_an_alarm_of_a_session_climbs_the_same_ladder(
    web: str, opened_at: int | None, expected: list[tuple[int, int, int]]
) -> None:
    walk = care(caller("alice")).started()
    clock.move(clock.now() + timedelta(hours=2))
    ok(walk.session_verb("finish", **{**CALM, "systolic": 190}))
    item = WorkItem.objects.get(kind="session_reading")
    assert climb(item, opened_at) == expected
    assert work("call_physician") == (opened_at is None)


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
    told = {"answers": answers(suic="plan_or_intent"), "consents": {"privacy": True}}
    told["consents"]["telehealth"] = True
    assert caller("alice").post("assessments/", told).status_code == 201
    run()
    assert (len(texts(CHEN)), len(texts(CAST["chen"]))) == (1, 1)
    clock.move(clock.now() + timedelta(minutes=15))
    writing.page_again(now=clock.now())
    run()
    assert (len(texts(CHEN)), len(texts(CAST["chen"])), len(texts(CAST["sam"]))) == (2, 2, 1)
