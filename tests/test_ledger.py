"""What the ledger says of messages that are held back, and why. Sandbox only."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications import writing
from notifications.models import Message
from patients.models import Patient
from records import brake, clock
from tests.care import ok
from tests.cast import CAST
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


def test_what_is_written_a_little_late_by_day_does_not_speak_of_the_night(
    alice_booked: Caller, web: str
) -> None:
    clock.move(clock.now() + timedelta(seconds=65, microseconds=7))
    writing.write_messages(now=clock.now())
    assert whys(alice_booked)["confirmation"] == "Leaves on Tue, Nov 24, 9:04 AM Central."


def test_hours_of_ones_own_are_not_called_night(alice_booked: Caller, web: str) -> None:
    ok(alice_booked.patch("me/", {"text_from": "16:00", "text_until": "18:00"}))
    clock.move(clock.now() + timedelta(microseconds=7))
    writing.write_messages(now=clock.now())
    own = "outside the hours in which they want texts."
    assert whys(alice_booked) == {
        "confirmation": f"Waits until Tue, Nov 24, 4:00 PM Central: it is {own}",
        "reminder_24h": f"Waits until Sun, Nov 29, 4:00 PM Central: it is {own}",
        "reminder_2h": (
            "Leaves on Sun, Nov 29, 5:30 PM Central, the evening before: it would be night there."
        ),
    }


def test_what_comes_up_outside_the_hours_of_ones_own_says_so(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    Patient.objects.filter(email=CAST["alice"]).update(text_from="16:00", text_until="18:00")
    run()
    assert message("confirmation").why == "It is outside the hours in which they want texts."


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
