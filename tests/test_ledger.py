"""What the ledger says of messages that are held back, and why. Sandbox only."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import writing
from notifications.models import Message
from records import brake, clock
from tests.conftest import Caller, caller
from tests.test_brake import told_by_one_cause
from tests.texting import again, fault, inbound, message, run, texts

PAUSED = "Messages are paused for the moment."
NO_PROVIDER = "Our provider takes no messages at the moment."
BRAKE = "One change would reach many people, and a person looks at it first."


def pause(web: str) -> None:
    assert caller("sam").post("messages/pause/").status_code == 200


def resume(web: str) -> None:
    assert caller("sam").post("messages/resume/").status_code == 200


def suspend(web: str) -> None:
    fault(web, "401")
    run()


def take_again(web: str) -> None:
    again()
    run()


def whys(who: Caller, door: str = "messages/") -> dict[str, str]:
    return {row["kind"]: row["why"] for row in who.get(door).json()["results"]}


@pytest.mark.parametrize(
    ("hold", "release", "says"),
    [(pause, resume, PAUSED), (suspend, take_again, NO_PROVIDER)],
)
def test_what_is_held_back_says_why_and_when_it_was_due_while_it_is(
    alice_booked: Caller,
    web: str,
    hold: Callable[[str], None],
    release: Callable[[str], None],
    says: str,
) -> None:
    writing.write_messages(now=clock.now())
    free = "Leaves on Sun, Nov 29, 9:00 AM Central."
    assert whys(alice_booked)["reminder_24h"] == free
    hold(web)
    run()
    assert texts() == []
    held = {
        "confirmation": f"Held back, due on Tue, Nov 24, 9:03 AM Central. {says}",
        "reminder_24h": f"Held back, due on Sun, Nov 29, 9:00 AM Central. {says}",
        "reminder_2h": f"Held back, due on Mon, Nov 30, 8:00 AM Central. {says}",
    }
    sam = caller("sam")
    assert whys(alice_booked) == whys(sam) == held
    assert whys(sam, "reminders/")["reminder_24h"] == held["reminder_24h"]
    path = f"messages/{message('confirmation').pk}/"
    assert sam.get(path).json()["why"] == held["confirmation"]
    assert held["confirmation"] not in str(Message.objects.values_list("why", "history"))
    release(web)
    run()
    assert whys(alice_booked)["reminder_24h"] == free
    assert len(texts()) == 1
    assert "Held back" not in sam.get(path).json()["why"]


def test_what_was_asked_for_is_not_held_back_and_says_so(alice_booked: Caller, web: str) -> None:
    run()
    pause(web)
    assert inbound(web, "SM1", "R") == 200
    told = whys(caller("sam"))
    assert told["change_link"] == "Leaves on Tue, Nov 24, 9:03 AM Central."
    assert told["reminder_24h"].endswith(PAUSED)


def test_what_staff_send_again_during_a_pause_says_that_it_waits(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    sam, told = caller("sam"), message("confirmation")
    assert sam.post(f"messages/{told.pk}/cancel/").json()["why"] == "Staff called it off."
    pause(web)
    assert sam.post(f"messages/{told.pk}/resend/").json()["why"].endswith(PAUSED)


def test_what_the_brake_holds_says_that_a_person_looks_first(web: str) -> None:
    told_by_one_cause(brake.MOST + 1)
    run()
    sam = caller("sam")
    rows = sam.get("messages/", kind="payment_due").json()["results"]
    braked = [row for row in rows if row["why"].endswith(BRAKE)]
    assert (len(braked), {row["status"] for row in braked}) == (brake.MOST + 1, {"pending"})
    (asked,) = sam.get("work-items/", kind="brake").json()["results"]
    assert sam.post(f"work-items/{asked['id']}/approve/").status_code == 200
    rows = sam.get("messages/").json()["results"]
    assert not [row for row in rows if "Held back" in row["why"]]


def test_the_ledger_takes_as_many_queries_for_three_as_for_one(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    pause(web)
    sam, counts = caller("sam"), []
    for asked in ({"kind": "confirmation"}, {}):
        with CaptureQueriesContext(connection) as queries:
            rows = sam.get("messages/", **asked).json()["results"]
        counts.append((len(rows), len(queries)))
    (one, few), (three, many) = counts
    assert (one, three, few) == (1, 3, many)
