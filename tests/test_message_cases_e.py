"""Failure cases of leaving, by their numbers in the specification; others stand in the files of
messages and of trouble.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import Value
from django.db.models.functions import Now, Replace

from accounts.models import User
from notifications import checking, doubt, pace, sending, settling, twilio, writing
from notifications.claiming import claim
from notifications.models import Circuit, Message, Pace
from notifications.sandbox.callbacks import wait_until_told
from notifications.sandbox.models import SandboxMessage
from records import clock
from records.actor import sweep
from records.models import WorkItem
from records.values import change as change_numbers
from scheduling.models import Consultation
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.started import wait_for
from tests.texting import (
    ALICE,
    again,
    book,
    fault,
    inbound,
    later,
    message,
    run,
    signed,
    state,
    texts,
    to,
    work,
)


def code(number: int = 1) -> None:
    """Alice asks for a code by mail."""
    user = User.objects.get(email=CAST["alice"])
    to = CAST["alice"]
    writing.queue_code(user=user, channel="mail", to=to, code=str(number), now=clock.now())


def waiting(count: int, **changes: Any) -> list[Message]:
    """As many confirmations for Alice, each a row of its own, due now; her number has no cap."""
    chen = User.objects.get(email=CAST["chen"])
    change_numbers({"texts_a_day": 100}, user_id=chen.pk, by=sweep(), now=clock.now())
    writing.write_messages(now=clock.now())
    first = message("confirmation")
    rows = [Message.objects.get(pk=first.pk) for _ in range(count - 1)]
    for number, row in enumerate(rows):
        row.pk, row.key = None, f"{row.key}:{number}"
        row.id = Message._meta.pk.get_default()
    Message.objects.bulk_create(rows)
    return [first, *rows]


def at_once(count: int, act: Any) -> list[Any]:
    """What an act gives in as many threads that start together."""
    barrier, given = threading.Barrier(count), list[Any]()

    def one() -> None:
        try:
            barrier.wait(10)
            given.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return given


# --- claiming --------------------------------------------------------------------------------


def test_case_03_a_sender_that_slept_settles_nothing(alice_booked: Caller, web: str) -> None:
    """Its lease is over and somebody else has it: its late word matches no row."""
    writing.write_messages(now=clock.now())
    (mine,) = claim(clock.now(), most=1)
    assert checking.check_again(mine, clock.now())
    for _ in range(3):
        again()
        doubt.reconcile(now=clock.now())
    (theirs,) = claim(clock.now(), most=1)
    settling.settle(mine, twilio.Outcome("refused", code="1"), clock.now())
    assert (state("confirmation"), message("confirmation").claim) == ("sending", theirs.claim)


def test_case_03_a_sender_that_slept_hands_nothing_over(alice_booked: Caller, web: str) -> None:
    """It wakes with its claim, but too late after it; another sends the text, once."""
    writing.write_messages(now=clock.now())
    batch = claim(clock.now(), most=1)
    sending.send_all(batch, time.monotonic() - settings.SEND_FENCE - 1, clock.now)
    told = message("confirmation")
    assert (texts(), told.status, told.attempts) == ([], "pending", 0)
    again()
    run()
    assert len(texts()) == 1


def test_case_04_fifty_ticks_of_ten_workers_send_each_once(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "BATCH", 4)  # many claims, side by side
    rows = waiting(40)

    def five_ticks() -> None:
        for _ in range(5):
            run()

    at_once(10, five_ticks)
    five_ticks()
    sent = SandboxMessage.objects.filter(to=ALICE)
    came = [row.callback.split("m=")[1].split("#")[0] for row in sent]
    assert sorted(came) == sorted(str(row.pk) for row in rows)
    with pytest.raises(IntegrityError):
        Message.objects.filter(pk=rows[0].pk).update(key=rows[1].key)


def test_case_04_ten_sweeps_at_once_take_each_message_once(alice_booked: Caller, web: str) -> None:
    waiting(60)
    taken = at_once(10, lambda: [row.pk for row in claim(clock.now(), most=10)])
    every = [pk for some in taken for pk in some]
    assert (len(every), len(set(every))) == (60, 60)


def test_case_05_after_six_hours_away_what_makes_sense_leaves_once(
    alice_booked: Caller, web: str
) -> None:
    """Nobody ran from seven in the morning of the meeting's day until shortly before it."""
    run()
    to("2026-11-30T14:30:00Z")
    for _ in range(3):
        run()
    wait_until_told()
    assert [state(kind) for kind in ("reminder_24h", "reminder_2h")] == ["missed", "delivered"]
    assert len(texts()) == 2
    assert work("call_patient") == 1


def test_case_06_a_tick_that_comes_twice_does_nothing(alice_booked: Caller, web: str) -> None:
    for _ in range(3):
        run()
    assert len(texts()) == 1


def test_case_32_what_waits_for_another_try_starves_nobody(alice_booked: Caller, web: str) -> None:
    waiting(80)
    Message.objects.update(try_after=Now() + timedelta(minutes=5))
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    run()
    assert len(texts("+18505550102")) == 1


def test_case_33_a_sweep_that_is_ended_gives_back_what_it_has_not_begun(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(20)
    fault(web, "hang_not_accepted", 20)
    monkeypatch.setattr(settings, "TWILIO_TIMEOUT", 0.3)
    real = settling.settle

    def ended(*given: Any) -> None:
        monkeypatch.setattr(sending, "settle", real)
        raise SystemExit

    monkeypatch.setattr(sending, "settle", ended)
    with pytest.raises(SystemExit):
        sending.send_due(clock=clock.now)
    states = list(Message.objects.filter(kind="confirmation").values_list("status", flat=True))
    assert states.count("pending") == 12
    assert states.count("sending") == 1  # the one whose end nobody wrote down
    untouched = Message.objects.filter(kind="confirmation", status="pending").first()
    assert untouched
    assert [line["status"] for line in untouched.history] == ["pending"]
    assert untouched.attempts == 0


def test_the_urgent_leaves_first_then_what_loses_its_sense_soonest(
    alice_booked: Caller, web: str
) -> None:
    rows = waiting(3)
    for hours, row in zip((3, 1, 2), rows, strict=True):
        Message.objects.filter(pk=row.pk).update(not_after=clock.now() + timedelta(hours=hours))
    code()
    taken = claim(clock.now(), most=10)
    assert [row.kind for row in taken] == ["sign_in_code", *["confirmation"] * 3]
    assert [row.pk for row in taken[1:]] == [rows[1].pk, rows[2].pk, rows[0].pk]


# --- what the provider does ------------------------------------------------------------------


def test_an_outage_of_ten_minutes_uses_up_no_attempt(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(settings, "TWILIO_BASE_URL", "http://127.0.0.1:9")
        for _ in range(12):
            run()
            told = message("confirmation")
            wait = Message.objects.filter(pk=told.pk, try_after__lte=Now() + timedelta(minutes=10))
            assert (told.status, told.attempts, wait.exists()) == ("pending", 0, True)
            again()
    run()
    assert len(texts()) == 1


def test_no_wait_ends_after_the_message_has_lost_its_sense(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    Message.objects.update(waits=9, not_after=clock.now() + timedelta(seconds=20))
    fault(web, "429")
    run()
    soon = Message.objects.filter(kind="confirmation", try_after__lt=Now() + timedelta(seconds=21))
    assert soon.count() == 1


def test_case_16_what_failed_together_does_not_come_back_together(
    alice_booked: Caller, web: str
) -> None:
    """By chance within fifteen seconds of the database's clock, later each time."""
    waiting(6)
    fault(web, "429", 99)
    for _ in range(2):
        again()
        run()
        assert len(set(shares())) == 6
        assert max(shares()) <= 1
    requests.delete(f"{web}/sandbox/faults/", timeout=5)
    again()
    run()
    assert len(texts()) == 6


def shares() -> list[float]:
    """How long each waits for its next try, as a share of the most that it may."""
    rows = Message.objects.filter(kind="confirmation", status="pending")
    return [
        (row.try_after - row.changed_at).total_seconds() / (15 * 2 ** (row.waits - 1))
        for row in rows
        if row.try_after
    ]


@pytest.mark.parametrize("error", ["30034", "30032", "30002", "63038"])
def test_case_19_what_a_callback_says_of_our_sender_stops_the_channel(
    alice_booked: Caller, web: str, error: str
) -> None:
    fault(web, "no_callbacks")
    run()
    path = f"/webhooks/twilio/status/?m={message('confirmation').pk}"
    sid = SandboxMessage.objects.get().sid
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    Message.objects.filter(kind="confirmation").update(status="sent", provider_id=sid)
    fields = {"MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": error}
    assert signed(web, path, fields).status_code == 204
    run()
    assert (work("texts_do_not_leave"), texts("+18505550102")) == (1, [])
    code()
    run()
    assert len(texts(CAST["alice"])) == 1


def test_case_19_one_probe_at_a_time_closes_the_circuit_again(
    alice_booked: Caller, web: str
) -> None:
    waiting(5)
    fault(web, "401", 2)
    Message.objects.filter(key__contains=":").update(try_after=Now() + timedelta(minutes=1))
    first = message("confirmation")
    Message.objects.filter(pk=first.pk).update(try_after=None)
    run()
    again()
    run()  # the probe fails, too: nobody else is tried
    confirmations = Message.objects.filter(kind="confirmation")
    assert set(confirmations.values_list("status", "attempts")) == {("pending", 0)}
    again()
    run()
    assert len(texts()) == 5
    assert (Circuit.objects.count(), work("texts_do_not_leave")) == (0, 0)
    assert WorkItem.objects.filter(kind="texts_do_not_leave").count() == 1


def test_case_19_when_it_closes_only_what_still_makes_sense_leaves(
    alice_booked: Caller, web: str
) -> None:
    rows = waiting(3)
    fault(web, "401", 3)
    run()
    assert Circuit.objects.exists()
    soon = clock.now() + timedelta(minutes=10)
    Message.objects.filter(pk=rows[1].pk).update(not_after=soon)
    clock.move(soon)
    for _ in range(3):
        again()
        run()
    states = [Message.objects.get(pk=row.pk).status for row in rows]
    assert states[1] == "missed"
    assert (len(texts()), work("texts_do_not_leave")) == (2, 0)


def test_case_19_where_texts_fail_afterwards_the_fate_of_the_probe_tells(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    Circuit.objects.create(channel="sms", code="30034", later=True, probe_after=Now())
    fault(web, "no_callbacks")
    sending.send_due(clock=clock.now)
    assert (state("confirmation"), Circuit.objects.count()) == ("accepted", 1)
    told = message("confirmation")
    fields = {"MessageSid": str(told.provider_id), "MessageStatus": "delivered"}
    assert signed(web, f"/webhooks/twilio/status/?m={told.pk}", fields).status_code == 204
    assert Circuit.objects.count() == 0


# --- changes while it leaves -----------------------------------------------------------------


def test_case_10_rescheduled_after_the_claim_no_old_time_leaves(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    batch = claim(clock.now(), most=5)
    path = f"consultations/{Consultation.objects.get().pk}/reschedule/"
    assert alice_booked.post(path, {"start": "2026-12-01T16:00:00Z"}).status_code == 200
    sending.send_all(batch, time.monotonic(), clock.now)
    assert (state("confirmation"), texts()) == ("cancelled", [])
    later()
    run()
    (text,) = texts()
    assert "Dec 1" in text


@pytest.mark.parametrize("claimed", [False, True])
def test_case_13_a_stop_before_the_post_lets_no_text_leave(
    alice_booked: Caller, web: str, claimed: bool
) -> None:
    writing.write_messages(now=clock.now())
    batch = claim(clock.now(), most=5) if claimed else []
    assert inbound(web, "SM1", "STOP") == 200
    sending.send_all(batch, time.monotonic(), clock.now)
    run()
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)


def test_case_13_after_a_stop_that_comes_after_the_post_no_other_text_leaves(
    alice_booked: Caller, web: str
) -> None:
    run()
    assert inbound(web, "SM1", "STOP") == 200
    for at in ("2026-11-29T15:00:00Z", "2026-11-30T14:00:00Z"):
        to(at)
        run()
    assert (len(texts()), len(texts(CAST["alice"]))) == (1, 2)


def test_case_24_a_text_is_valid_until_eight_in_the_evening_at_most(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    (row,) = claim(clock.now(), most=1)
    last = datetime(2026, 11, 24, 19, 58, 30, tzinfo=ZoneInfo("America/Chicago"))
    assert 0 < checking.valid_for(row, last) <= 90
    clock.move((last + timedelta(seconds=90)).astimezone(UTC))
    sending.send_all([row], time.monotonic(), clock.now)
    assert (texts(), message("confirmation").why) == ([], "It is night there.")


def test_case_26_a_tick_that_beat_doubles_is_harmless(alice_booked: Caller, web: str) -> None:
    at_once(4, run)
    assert len(texts()) == 1


@pytest.mark.parametrize(("allowed", "left"), [([], 0), ([ALICE], 1)])
def test_case_34_a_trial_with_a_real_account_texts_its_own_numbers_alone(
    alice_booked: Caller, web: str, allowed: list[str], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing.write_messages(now=clock.now())
    now = clock.now()  # without a sandbox, nothing moves it
    monkeypatch.setattr(settings, "SANDBOX", False)
    monkeypatch.setattr(settings, "ALLOWED_NUMBERS", allowed)
    elsewhere = Replace("email", Value("hearth.test"), Value("example.org"))
    User.objects.update(email=elsewhere)  # nobody of the demo is here
    sending.send_due(clock=lambda: now)
    assert len(texts()) == left
    if not left:
        told = message("confirmation")
        assert (told.status, told.why) == (
            "suppressed", "Only the numbers of a list get texts from here.",
        )  # fmt: skip


# --- pacing and pausing ----------------------------------------------------------------------


def test_two_senders_share_one_pace(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_PER_SECOND", 4.0)
    begun = time.monotonic()
    at_once(6, pace.wait_for_turn)
    assert time.monotonic() - begun > 5 / 4 - 0.05


def test_at_one_a_second_the_order_is_that_of_priority(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_PER_SECOND", 5.0)
    monkeypatch.setattr(pace, "BATCH", 1)
    rows = waiting(6)
    for number, row in enumerate(rows):
        soon = clock.now() + timedelta(hours=6 - number)
        Message.objects.filter(pk=row.pk).update(not_after=soon)
    sending.send_due(clock=clock.now)
    came = list(SandboxMessage.objects.order_by("id").values_list("callback", flat=True))
    wanted = [str(row.pk) for row in reversed(rows)]
    assert [callback.split("m=")[1].split("#")[0] for callback in came] == wanted


def test_a_busy_provider_slows_everybody_down_for_a_moment(alice_booked: Caller, web: str) -> None:
    fault(web, "429")
    run()
    assert Pace.objects.filter(free_at__gt=Now()).exists()


def test_a_pause_holds_care_and_nothing_else(alice_booked: Caller, web: str) -> None:
    sam = caller("sam")
    assert sam.get("messages/pause/").json() == {"paused": False, "since": None}
    paused = sam.post("messages/pause/").json()
    assert paused["paused"]
    assert sam.post("messages/pause/").json() == paused == sam.get("messages/pause/").json()
    code()
    run()
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)
    assert not sam.post("messages/resume/").json()["paused"]
    assert sam.post("messages/resume/").status_code == 200
    run()
    wait_for(lambda: len(texts()) == 1, "the confirmation")
    for name in ("alice", "chen", "admin"):
        assert caller(name).post("messages/pause/").status_code == 403
