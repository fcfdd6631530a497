"""What is held back: it leaves when it may, and a human hears of it when it is too late."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from django.db.models.functions import Now

from notifications import checking, doubt, settling, twilio, writing
from notifications.claiming import claim
from notifications.models import Circuit, Message
from records import clock
from records.models import Brake
from tests.conftest import Caller, caller
from tests.texting import ALICE, again, book, message, run, state, texts, to, work

BRUNO = "+18505550102"


def pause() -> None:
    assert caller("sam").post("messages/pause/").status_code == 200


def open_circuit() -> None:
    later = Now() + timedelta(hours=1)
    Circuit.objects.create(channel="sms", code="20003", later=False, probe_after=later)


def brake() -> None:
    for cause in Message.objects.values_list("cause", flat=True).distinct():
        Brake.objects.update_or_create(cause=cause, defaults={"status": Brake.Status.WAITING})


@pytest.mark.parametrize("hold", [pause, open_circuit, brake])
def test_a_human_hears_of_what_was_held_until_it_was_too_late(
    alice_booked: Caller, web: str, hold: Callable[[], None]
) -> None:
    writing.write_messages(now=clock.now())
    hold()
    to("2026-11-30T14:45:00Z")  # both reminders have lost their sense, the meeting is to come
    run()
    assert [state(kind) for kind in ("reminder_24h", "reminder_2h")] == ["missed", "missed"]
    assert (work("call_patient"), texts()) == (1, [])


def test_a_pause_stays_among_what_staff_must_do_until_it_ends(alice_booked: Caller) -> None:
    pause()
    pause()
    assert work("texts_paused") == 1
    sam = caller("sam")
    (item,) = sam.get("work-items/", kind="texts_paused").json()["results"]
    assert sam.post(f"work-items/{item['id']}/close/", {"note": "later"}).status_code == 200
    run()
    assert work("texts_paused") == 1
    assert caller("sam").post("messages/resume/").status_code == 200
    assert work("texts_paused") == 0


def test_one_number_that_is_refused_does_not_keep_the_others_waiting(
    alice_booked: Caller, web: str
) -> None:
    wrong = {"kind": "401", "count": 9, "to": ALICE}
    assert requests.post(f"{web}/sandbox/faults/", json=wrong, timeout=5).status_code == 200
    run()
    assert Circuit.objects.count() == 1
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    tick(60)
    run()
    assert (len(texts(BRUNO)), texts(ALICE), Circuit.objects.count()) == (1, [], 0)


def tick(seconds: int) -> None:
    """So much real time passes for what waits for another try, and for the next probe."""
    past = timedelta(seconds=seconds)
    for row in Message.objects.exclude(try_after=None):
        Message.objects.filter(pk=row.pk).update(try_after=(row.try_after or clock.now()) - past)
    for circuit in Circuit.objects.all():
        probe_after = circuit.probe_after - past
        Circuit.objects.filter(pk=circuit.pk).update(probe_after=probe_after)


def test_a_probe_that_was_not_sent_leaves_the_turn_to_the_next(
    alice_booked: Caller, web: str
) -> None:
    """What has lost its sense is found before, and takes no turn."""
    writing.write_messages(now=clock.now())
    open_circuit()
    again()
    Message.objects.filter(kind="confirmation").update(due_at=clock.now() + timedelta(days=9))
    to("2026-11-30T14:45:00Z")
    run()
    Message.objects.filter(kind="confirmation").update(due_at=clock.now())
    run()
    assert (len(texts()), Circuit.objects.count()) == (1, 0)


def test_a_callback_that_is_faster_than_the_answer_closes_the_circuit_too(
    alice_booked: Caller, web: str, caplog: pytest.LogCaptureFixture
) -> None:
    writing.write_messages(now=clock.now())
    (probe,) = claim(clock.now(), most=1)
    assert checking.check_again(probe, clock.now())
    open_circuit()
    sid = "SM" + "1" * 32
    Message.objects.filter(pk=probe.pk).update(status="sent", provider_id=sid)
    settling.settle(probe, twilio.Outcome("accepted", sid), clock.now())
    assert Circuit.objects.count() == 0
    assert "claim_lost" not in caplog.text


def test_what_was_claimed_and_never_handed_over_leaves_at_once(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    assert claim(clock.now(), most=1)
    again()
    doubt.reconcile(now=clock.now())
    assert (state("confirmation"), message("confirmation").why) == (
        "pending",
        "It was interrupted.",
    )
    run()
    assert len(texts()) == 1


def test_the_same_words_on_their_way_to_the_same_number_are_not_taken_for_others(
    alice_booked: Caller, web: str
) -> None:
    """Two of a household get the same text: one answer is lost while the other is under way."""
    writing.write_messages(now=clock.now())
    (lost,) = claim(clock.now(), most=1)
    assert checking.check_again(lost, clock.now())
    settling.settle(lost, twilio.Outcome("unknown", code="no_answer"), clock.now())
    row = message("confirmation")
    twin = Message.objects.get(pk=row.pk)
    twin.pk, twin.key, twin.provider_id = None, "twin", None
    twin.status, twin.claim = "sending", lost.claim
    twin.save()
    again()
    Message.objects.filter(key="twin").update(lease_until=Now() + timedelta(minutes=1))
    doubt.reconcile(now=clock.now())
    assert message("confirmation").looks == 0
    Message.objects.filter(key="twin").update(status="accepted", claim=None)
    doubt.reconcile(now=clock.now())
    assert Message.objects.get(pk=row.pk).looks == 1
