"""Two who want one time at once: one winner, never two who have it. Threads, real commits."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from scheduling.models import Consultation, Physician, Reservation
from tests.care import care, code, ok
from tests.conftest import Caller, caller
from tests.test_consultations import _second_physician, _works_like_chen
from tests.test_races import at_once, crowd, overlaps, pool

__all__ = ["pool"]
FIRST, SECOND, THIRD = (f"2026-11-30T{hour}:00:00Z" for hour in (15, 16, 17))
ROUNDS = 5


def wish(start: str = FIRST, **more: Any) -> dict[str, Any]:
    return {"start": start, "kind": "follow_up", "location": {"state": "FL"}, **more}


def active() -> int:
    return Consultation.objects.filter(status="booked").count()


def rivera() -> str:
    """Another physician, who works as Dr. Chen does."""
    other = Physician.objects.create(user=_second_physician(), name="Dr. Rivera")
    _works_like_chen(other)
    return str(other.pk)


def test_a19_of_fifty_who_book_one_slot_one_has_it(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    people = crowd(50)
    calls: list[Callable[[], Any]] = [partial(who.post, "consultations/", wish()) for who in people]
    seen = Counter(code(answer) for answer in at_once(pool, calls))
    assert seen == {(201, ""): 1, (409, "slot_taken"): 49}
    assert (active(), Reservation.objects.count(), overlaps()) == (1, 1, [])


def test_a21_two_who_move_into_one_slot_or_book_it_have_one_winner(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    """What is pending with us is a hold: it is inside the constraint as a booking is."""
    first, second, third = crowd(3)
    one, two = (
        ok(who.post("consultations/", wish(start)))["id"]
        for who, start in ((first, FIRST), (second, SECOND))
    )
    held = Caller().post("holds/", {"start": THIRD, "kind": "follow_up", "state": "FL"}).json()
    mine = {"hold": held["id"], "secret": held["secret"]}
    into = {"start": THIRD}
    calls: list[Callable[[], Any]] = [
        partial(first.post, f"consultations/{one}/reschedule/", into),
        partial(second.post, f"consultations/{two}/reschedule/", into),
        partial(third.post, "consultations/", wish(THIRD, **mine)),
        partial(third.post, "consultations/", wish(THIRD)),
    ]
    statuses = [answer.status_code for answer in at_once(pool, calls)]
    assert sorted(statuses) == [201, 409, 409, 409]
    assert (active(), overlaps()) == (3, [])
    late = first.post(f"consultations/{one}/reschedule/", into)
    assert code(late) == (409, "slot_taken")
    assert ok(first.get(f"consultations/{one}/"))["start"] == FIRST


def test_a21_who_confirms_while_it_is_cancelled_has_no_appointment(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    (alice,) = crowd(1)
    for _ in range(ROUNDS):
        made = ok(alice.post("consultations/", wish()))["id"]
        confirm, cancel = at_once(
            pool,
            [
                partial(alice.post, f"consultations/{made}/confirm/"),
                partial(alice.post, f"consultations/{made}/cancel/"),
            ],
        )
        assert cancel.status_code == 200
        assert confirm.status_code == 200 or code(confirm) == (409, "wrong_state")
        assert ok(alice.get(f"consultations/{made}/"))["status"] == "cancelled"
        assert (active(), Reservation.objects.count()) == (0, 0)


def test_a22_nobody_sees_two_physicians_at_one_time(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    """Neither at once, nor one after the other, nor half an hour into it."""
    (alice,) = crowd(1)
    chen, other = str(Physician.objects.get().pk), rivera()
    calls: list[Callable[[], Any]] = [
        partial(alice.post, "consultations/", wish(physician=who)) for who in (chen, other) * 4
    ]
    seen = Counter(answer.status_code for answer in at_once(pool, calls))
    assert seen == {201: 1, 409: 7}
    taken = ok(alice.get("consultations/"))["results"][0]
    free = other if taken["physician"] == chen else chen
    assert code(alice.post("consultations/", wish(physician=free))) == (409, "patient_busy")
    apart = ok(alice.post("consultations/", wish(THIRD, physician=free)))["id"]
    back = {"start": FIRST}
    assert code(alice.post(f"consultations/{apart}/reschedule/", back)) == (409, "patient_busy")
    assert (active(), overlaps()) == (2, [])


def test_a22_nobody_talks_with_a_physician_while_treated_at_home(committed: str) -> None:
    """In both orders: a session is two hours of the patient's time, whoever is there."""
    walk = care(caller("alice")).planned()
    start = walk.shown()["start"]
    other = rivera()
    for at in (start, start.replace("15:00", "16:30")):
        told = walk.who.post("consultations/", wish(at, physician=other))
        assert code(told) == (409, "patient_busy"), (at, told.content)
    ok(walk.who.post("consultations/", wish("2026-12-08T16:00:00Z", physician=other)))
    moved = walk.session_verb("reschedule", start="2026-12-08T15:00:00Z")
    assert code(moved) == (409, "patient_busy"), moved.content
    assert overlaps() == []
