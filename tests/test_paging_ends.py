"""Who is paged, until when: a call for help, what else is about it, a brake. Sandbox only."""

from datetime import timedelta
from typing import Any

from notifications import writing
from notifications.models import Message
from records import brake, clock
from records.models import WorkItem
from scheduling.tasks import replan
from tests import chaos
from tests.care import ok
from tests.cast import CAST
from tests.conftest import caller
from tests.test_brake import PAST, shorter_grace
from tests.texting import ALICE, inbound, run, texts, to, work

CHEN = "+18505550111"


def wait(minutes: float) -> None:
    clock.move(clock.now() + timedelta(minutes=minutes))
    writing.page_again(now=clock.now())
    run()


def item(who: str, kind: str) -> dict[str, Any]:
    (row,) = caller(who).get("work-items/", kind=kind).json()["results"]
    return dict(row)


def test_staff_who_take_the_call_to_the_physician_do_not_end_the_paging(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    wait(5)
    clock.move(clock.now() + timedelta(minutes=10))
    writing.page_again(now=clock.now())  # written, and not sent yet
    ok(caller("sam").post(f"work-items/{item('sam', 'call_physician')['id']}/claim/"))
    run()
    assert (len(texts(CHEN)), len(texts(CAST["chen"])), len(texts(CAST["sam"]))) == (3, 3, 2)


def test_a_page_about_two_things_ends_when_both_are_taken(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    first = WorkItem.objects.get(kind="call_for_help")
    other = WorkItem.objects.get(pk=first.pk)
    other.pk, other.kind = None, "session_reading"
    other.id = WorkItem._meta.pk.get_default()
    other.save(force_insert=True)
    clock.move(clock.now() + timedelta(minutes=5))
    writing.page_again(now=clock.now())
    ok(caller("chen").post(f"work-items/{first.pk}/claim/"))
    run()
    assert (len(texts(CHEN)), work("call_physician")) == (2, 1)
    clock.move(clock.now() + timedelta(minutes=10))
    writing.page_again(now=clock.now())
    ok(caller("chen").post(f"work-items/{other.pk}/claim/"))
    run()
    assert (len(texts(CHEN)), work("call_physician")) == (2, 0)


def test_staff_are_asked_to_call_the_physician_once_for_each_page(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    for minutes in (5, 10):
        wait(minutes)
        for _ in range(3):
            if work("call_physician"):
                path = f"work-items/{item('sam', 'call_physician')['id']}/close/"
                ok(caller("sam").post(path, {"note": "she is on it"}))
            wait(0.25)
    asked = WorkItem.objects.filter(kind="call_physician").values_list("status", flat=True)
    assert list(asked) == ["closed", "closed"]


def test_once_a_physician_is_on_it_staff_are_not_asked_to_call_any_more(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    wait(5)
    assert work("call_physician") == 1
    ok(caller("chen").post(f"work-items/{item('chen', 'call_for_help')['id']}/claim/"))
    wait(10)
    assert work("call_physician") == 0


def test_a_brake_waits_for_the_morning_and_pages_nobody(web: str) -> None:
    chaos.fill(brake.MOST + 1)
    to(PAST)
    shorter_grace()
    replan()
    assert item("chen", "brake")["urgency"] == 1
    for minutes in (5, 10):
        wait(minutes)
    assert not Message.objects.filter(kind="urgent_alert").exists()
    assert work("call_physician") == 0
    assert inbound(web, "SM1", "I want to die", ALICE) == 200
    run()
    wait(5)
    assert len(texts(CHEN)) == 2
