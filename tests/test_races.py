"""Races, with real threads and real commits: one winner, no deadlock, no overlap."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, connections, transaction

from accounts.models import User
from notifications.tasks import send_due, write_messages
from patients.actions import change_address
from patients.assessments.actions import submit_assessment
from patients.models import Patient
from records.actor import Actor, sweep
from records.events import record
from records.models import Event
from scheduling.calendar.actions import Wish, take_hold
from scheduling.consultations.actions import book, reschedule
from scheduling.demo import answers
from scheduling.models import Consultation, Physician, Reservation
from scheduling.tasks import replan_everyone
from tests.cast import CAST, NEWARK, NOW, PENSACOLA, YES, person
from tests.conftest import Caller, caller, owner
from tests.started import wait_for
from tests.test_consultations import _second_physician, _works_like_chen
from tests.texting import later

CLIENTS, ROUNDS = 50, 10
FIRST = datetime.fromisoformat("2026-11-30T14:00:00+00:00")


def deadlocks(database: str) -> int:
    """What PostgreSQL counted in this database."""
    with owner(database) as watching:
        watching.execute("SELECT pg_stat_force_next_flush()")
        row = watching.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = %s", [database]
        ).fetchone()
    assert row is not None
    return int(row[0])


def crowd(size: int) -> list[Caller]:
    """Patients who may book, each with a token."""
    people = []
    for number in range(size):
        typed = person(number)
        assessment, _ = submit_assessment(
            person={**typed, "date_of_birth": date.fromisoformat(typed["date_of_birth"])},
            address=PENSACOLA,
            answers=answers(),
            consents=YES,
            by=Actor(role="visitor"),
            now=NOW,
        )
        assert assessment.patient
        people.append(Caller(User.objects.get(patient=assessment.patient)))
    return people


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CLIENTS) as threads:
        yield threads
        list(threads.map(lambda _: connections.close_all(), range(CLIENTS)))


def at_once(pool: ThreadPoolExecutor, calls: list[Callable[[], Any]]) -> list[Any]:
    """All calls from threads that start together; each thread drops its connection."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return call()
        finally:
            connection.close()

    return list(pool.map(run, calls))


def test_fifty_clients_on_one_slot_ten_times(committed: str, pool: ThreadPoolExecutor) -> None:
    people = crowd(CLIENTS)
    seen: Counter[int] = Counter()
    codes: Counter[str] = Counter()
    for number in range(ROUNDS):
        start = (FIRST + timedelta(hours=number % 7, days=number // 7)).isoformat()
        wish = {"start": start, "kind": "follow_up", "location": {"state": "FL"}}
        got = at_once(pool, [partial(who.post, "consultations/", wish) for who in people])
        seen.update(answer.status_code for answer in got)
        lost = [answer.json() for answer in got if answer.status_code == 409]
        codes.update(answer["code"] for answer in lost)
        assert all(len(answer["next_slots"]) == 3 for answer in lost)
    assert seen == {201: ROUNDS, 409: ROUNDS * (CLIENTS - 1)}
    assert codes == {"slot_taken": ROUNDS * (CLIENTS - 1)}
    assert Consultation.objects.count() == ROUNDS
    assert Event.objects.filter(kind="consultation.booked").count() == ROUNDS
    assert deadlocks(committed) == 0


def test_holds_and_bookings_of_one_slot_have_one_winner(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    people = crowd(10)
    start = FIRST.isoformat()
    wish = {"start": start, "kind": "initial", "location": {"state": "FL"}}
    hold = {"start": start, "kind": "initial", "state": "FL"}
    calls: list[Callable[[], Any]] = [partial(who.post, "consultations/", wish) for who in people]
    calls += [lambda: Caller().post("holds/", hold) for _ in range(10)]
    got = Counter(answer.status_code for answer in at_once(pool, calls))
    assert got == {201: 1, 409: 19}
    assert Reservation.objects.count() == 1


def test_eight_threads_over_few_slots_never_deadlock_or_overlap(committed: str) -> None:
    """They book, reschedule and cancel what they find, in any order, for ten seconds."""
    people = crowd(5)
    starts = [(FIRST + timedelta(minutes=45 * n)).isoformat() for n in range(4)]
    end = time.monotonic() + 10
    seen: Counter[int] = Counter()

    def play(seed: int) -> None:
        dice = random.Random(seed)
        try:
            while time.monotonic() < end:
                seen[_one_move(dice, dice.choice(people), starts)] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(play, range(8)))
    assert set(seen) <= {200, 201, 409}, seen
    assert seen[200] > 10
    assert seen[201] > 10
    assert deadlocks(committed) == 0
    assert overlaps() == []


def _one_move(dice: random.Random, who: Caller, starts: list[str]) -> int:
    start = dice.choice(starts)
    booked = Consultation.objects.filter(patient__user=who.user, status="booked")
    mine = list(booked.values_list("pk", flat=True))
    if not mine or dice.random() < 0.4:
        wish = {"start": start, "kind": "follow_up", "location": {"state": "FL"}}
        return int(who.post("consultations/", wish).status_code)
    path = f"consultations/{dice.choice(mine)}/"
    if dice.random() < 0.6:
        return int(who.post(path + "reschedule/", {"start": start}).status_code)
    return int(who.post(path + "cancel/").status_code)


def overlaps() -> list[Any]:
    """Pairs of reservations that hold the same physician or patient at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, b.id FROM scheduling_reservation a JOIN scheduling_reservation b"
            " ON a.id < b.id AND (a.physician_id = b.physician_id AND a.busy && b.busy"
            " OR a.patient_id = b.patient_id AND a.period && b.period)"
        )
        return list(cursor.fetchall())


def test_the_constraint_alone_refuses_what_comes_past_the_locks(committed: str) -> None:
    """Straight into the table, as code that forgot to lock would do it."""
    caller = crowd(1)[0]
    wish = {"start": FIRST.isoformat(), "kind": "initial", "location": {"state": "FL"}}
    assert caller.post("consultations/", wish).status_code == 201
    taken = Reservation.objects.get()
    with pytest.raises(Exception, match="physician_is_in_one_place") as refused:
        Reservation.objects.create(
            physician=taken.physician,
            busy=(taken.busy.lower, taken.busy.upper),
            expires_at=NOW + timedelta(hours=1),
            hold_secret="x",
        )
    assert isinstance(refused.value.__cause__, psycopg.errors.ExclusionViolation)


def test_the_same_key_at_once_books_once(committed: str, pool: ThreadPoolExecutor) -> None:
    who = crowd(1)[0]
    wish = {"start": FIRST.isoformat(), "kind": "initial", "location": {"state": "FL"}}

    def book() -> Any:
        return who.post("consultations/", wish, Idempotency_Key="one")

    got = at_once(pool, [book] * 10)
    made = {answer.content for answer in got if answer.status_code == 201}
    others = {answer.json()["code"] for answer in got if answer.status_code != 201}
    assert len(made) == 1
    assert others <= {"in_progress"}
    assert Consultation.objects.count() == 1


def test_who_reads_what_happened_misses_no_event_that_is_committed_late(committed: str) -> None:
    """The smaller id is committed after the larger one: the larger waits for it."""
    sam, about = caller("sam"), User.objects.get(email=CAST["sam"])
    last = sam.get("events/", limit=100).json()["results"][-1]["id"]
    is_written, may_commit = threading.Event(), threading.Event()

    def late() -> None:
        try:
            with transaction.atomic():
                record("tests.early", about, by=sweep(), now=NOW)
                is_written.set()
                assert may_commit.wait(30)
        finally:
            connection.close()

    slow = threading.Thread(target=late)
    slow.start()
    try:
        assert is_written.wait(30)
        record("tests.late", about, by=sweep(), now=NOW)
        before = sam.get("events/", after=last).json()["results"]
    finally:
        may_commit.set()
        slow.join(30)
    assert before == []
    after = sam.get("events/", after=last).json()["results"]
    assert [event["kind"] for event in after] == ["tests.early", "tests.late"]


# --- a sweep whose time is over ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sweep_of", "table"),
    [
        (replan_everyone, "patients_patient"),
        (write_messages, "notifications_message"),
        (send_due, "patients_patient"),
    ],
)
def test_a_sweep_whose_time_is_over_ends_instead_of_going_on_with_the_next(
    committed: str, sweep_of: Callable[[], None], table: str
) -> None:
    """It waits for a row when the signal comes that Celery sends to a task over its soft limit."""
    alice = caller("alice")
    wish = {"start": FIRST.isoformat(), "kind": "initial", "location": {"state": "FL"}}
    booked = alice.post("consultations/", wish).json()
    write_messages()
    alice.post(f"consultations/{booked['id']}/reschedule/", {"start": "2026-12-01T15:00:00Z"})
    later()

    def too_long(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGUSR1, too_long)
    try:
        with owner(committed) as holder, holder.transaction():
            holder.execute(f"SELECT 1 FROM {table} FOR UPDATE")  # noqa: S608
            threading.Thread(target=_signal_who_waits, args=(committed,), daemon=True).start()
            with pytest.raises(SoftTimeLimitExceeded):
                sweep_of()
    finally:
        signal.signal(signal.SIGUSR1, before)


def _signal_who_waits(database: str) -> None:
    wait_for(lambda: waits(database), "somebody who waits")
    os.kill(os.getpid(), signal.SIGUSR1)


def waits(database: str) -> bool:
    """Whether somebody waits for a lock."""
    with owner() as watching:
        rows = watching.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
            [database],
        )
        return rows.fetchone() is not None


# --- who waited for a lock sees what was done meanwhile -----------------------------------------


def behind(first: Callable[[], Any], then: Callable[[], Any]) -> Any:
    """What ``then`` gives when it has begun, and must wait, before ``first`` is committed."""
    name = connection.settings_dict["NAME"]

    def run() -> Any:
        try:
            return then()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            first()
            late = threads.submit(run)
            wait_for(lambda: waits(name), "somebody who waits")
        return late.result(30)


@pytest.fixture
def rivera(committed: str) -> Physician:
    """A second physician, who works like Dr. Chen."""
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    _works_like_chen(other)
    return other


@pytest.fixture
def meeting(rivera: Physician) -> Consultation:
    """Alice's consultation with Dr. Chen."""
    chen = Physician.objects.exclude(pk=rivera.pk).get()
    wish = {"start": FIRST.isoformat(), "kind": "initial", "location": {"state": "FL"}}
    answer = caller("alice").post("consultations/", {**wish, "physician": str(chen.pk)})
    assert answer.status_code == 201, answer.content
    return Consultation.objects.get()


def to_rivera(meeting: Consultation, rivera: Physician) -> Callable[[], Consultation]:
    by = Actor(role="staff")
    return partial(
        reschedule,
        consultation=meeting,
        start=meeting.start,
        physician=rivera.pk,
        by=by,
        now=NOW,
    )


@pytest.mark.parametrize("verb", ["confirm/", "cancel/"])
def test_behind_a_reschedule_to_another_physician(
    meeting: Consultation, rivera: Physician, verb: str
) -> None:
    path = f"consultations/{meeting.pk}/{verb}"
    answer = behind(to_rivera(meeting, rivera), lambda: caller("alice").post(path))
    assert (answer.status_code, answer.json()["physician"]) == (200, str(rivera.pk))


def test_a_move_to_another_time_behind_one_to_another_physician_stays_with_that_one(
    meeting: Consultation, rivera: Physician
) -> None:
    path = f"consultations/{meeting.pk}/reschedule/"
    later = {"start": (FIRST + timedelta(hours=2)).isoformat()}
    answer = behind(to_rivera(meeting, rivera), lambda: caller("alice").post(path, later))
    assert (answer.status_code, answer.json()["physician"]) == (200, str(rivera.pk))


def test_a_change_behind_a_change_of_address_tells_the_new_one(committed: str) -> None:
    alice = Patient.objects.get(user__email=CAST["alice"])
    move = partial(
        change_address,
        patient=alice,
        kind="move",
        address=NEWARK,
        reason="",
        by=Actor(role="patient"),
        now=NOW,
    )
    answer = behind(move, lambda: caller("alice").patch("me/", {"first_name": "Alicia"}))
    assert answer.json()["address"]["city"] == "Newark"


def test_a_hold_that_is_released_behind_its_booking_is_not_there_any_more(
    committed: str,
) -> None:
    alice = caller("alice")
    wish = {"start": FIRST.isoformat(), "kind": "initial", "state": "FL"}
    hold = alice.post("holds/", wish).json()
    booked = partial(
        book,
        patient=Patient.objects.get(user=alice.user),
        physician=None,
        start=FIRST,
        kind="initial",
        location={"state": "FL"},
        by=Actor(role="patient"),
        now=NOW,
        hold=hold["id"],
        secret=hold["secret"],
    )
    path, secret = f"holds/{hold['id']}/", {"secret": hold["secret"]}
    assert behind(booked, lambda: alice.delete(path, secret)).status_code == 404
    assert Consultation.objects.get().reservation


def test_a_browser_that_asks_twice_at_once_holds_two_slots_all_the_same(
    rivera: Physician,
) -> None:
    alice = caller("alice")
    chen = Physician.objects.exclude(pk=rivera.pk).get()
    wish = {"start": FIRST.isoformat(), "kind": "initial", "state": "FL"}
    later = (FIRST + timedelta(hours=1)).isoformat()
    assert alice.post("holds/", {**wish, "start": later}).status_code == 201
    second = partial(
        take_hold,
        wish=Wish(FIRST, "initial", "FL", "America/Chicago", chen.pk),
        browser=str(alice.user and alice.user.pk),
        now=NOW,
    )
    third = {**wish, "physician": str(rivera.pk)}
    assert behind(second, lambda: alice.post("holds/", third)).status_code == 429
    assert Reservation.objects.count() == 2
