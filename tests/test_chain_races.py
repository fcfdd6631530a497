"""Races along the chain, with real threads and real commits."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection

from accounts.models import Role, User
from patients.actions import check_identity, give_consents
from patients.models import Patient
from records import clock
from records.actor import Actor
from scheduling import actions as chain
from scheduling.deliveries.windows.actions import open_windows
from scheduling.models import (
    Consultation,
    Decision,
    Delivery,
    DeliveryWindow,
    DeliveryZone,
    Holiday,
    Physician,
    Plan,
    Reservation,
)
from scheduling.replan import replan
from scheduling.subscriptions import actions as subscriptions
from tests.care import SIGNER
from tests.cast import ALBANY, NOW, PENSACOLA
from tests.conftest import Caller, caller
from tests.test_races import CLIENTS, at_once, behind, crowd, deadlocks, overlaps, pool

__all__ = ["pool"]
HOUR = timedelta(hours=1)


def treat(people: list[Caller]) -> None:
    """Each was approved, has agreed, and has paid a month: a parcel waits for its window."""
    chen, plan = Physician.objects.get(), Plan.objects.order_by("monthly_price")[0]
    staff = Actor(role="staff", user_id=User.objects.get(role=Role.STAFF).pk)
    doctor = Actor(role="physician", user_id=chen.user_id)
    for number, who in enumerate(people):
        patient = Patient.objects.select_related("address").get(user=who.user)
        by, start = Actor(role="patient", user_id=patient.user_id), NOW - (number + 2) * HOUR
        consultation = _talked(patient, chen, start)
        check_identity(patient=patient, document="passport", last4="1234", by=doctor, now=NOW)
        Decision.objects.create(
            patient=patient,
            consultation=consultation,
            physician=chen,
            outcome="approved",
            decided_at=NOW,
        )
        agreed = {"treatment": True, "safekeeping": True}
        give_consents(patient=patient, consents=agreed, by=by, now=NOW)
        theirs = subscriptions.subscribe(patient=patient, plan=plan, by=by, now=NOW)
        chain.mark_paid(subscription=theirs, number=1, paid_reference="R", by=staff, now=NOW)


def _talked(patient: Patient, chen: Physician, start: datetime) -> Consultation:
    end = start + HOUR / 2
    reservation = Reservation.objects.create(
        patient=patient, period=(start, end), physician=chen, busy=(start, end)
    )
    return Consultation.objects.create(
        reference=f"C-{str(patient.pk)[-6:].upper()}",
        patient=patient,
        physician=chen,
        reservation=reservation,
        kind="initial",
        status="completed",
        start=start,
        end=end,
        location_state="FL",
        channel="web",
        booked_at=start,
        arrived_at=start,
        completed_at=end,
    )


def test_fifty_clients_on_the_last_place_of_a_window(
    committed: str, pool: ThreadPoolExecutor
) -> None:
    people = crowd(CLIENTS)
    treat(people)
    open_windows(now=NOW)
    window = DeliveryWindow.objects.filter(zone__name="Florida Panhandle").first()
    assert window
    DeliveryWindow.objects.filter(pk=window.pk).update(capacity=1)
    parcel = {row.patient.user_id: row.pk for row in Delivery.objects.select_related("patient")}
    wish = {"window": str(window.pk), "signer": SIGNER}
    calls: list[Callable[[], Any]] = [
        partial(who.post, f"deliveries/{parcel[who.user.pk]}/choose-window/", wish)
        for who in people
        if who.user
    ]
    got = at_once(pool, calls)
    assert Counter(answer.status_code for answer in got) == {200: 1, 409: CLIENTS - 1}
    lost = [answer.json() for answer in got if answer.status_code == 409]
    assert {answer["code"] for answer in lost} == {"window_full"}
    assert all(len(answer["next_windows"]) == 3 for answer in lost)
    window.refresh_from_db()
    assert window.taken == window.deliveries.count() == 1
    assert deadlocks(committed) == 0


def test_eight_threads_over_the_whole_chain_never_deadlock(committed: str) -> None:
    """They book, choose windows, pay, pause, move and replan the same five for ten seconds."""
    people = crowd(5)
    treat(people)
    open_windows(now=NOW)
    end, seen = time.monotonic() + 10, Counter[int]()
    windows = list(
        DeliveryWindow.objects.filter(zone__name="Florida Panhandle").values_list("pk", flat=True)
    )[:3]
    DeliveryWindow.objects.filter(pk__in=windows).update(capacity=2)

    def play(seed: int) -> None:
        dice, sam = random.Random(seed), caller("sam")
        try:
            while time.monotonic() < end:
                seen[_one_move(dice, dice.choice(people), sam, windows)] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(play, range(8)))
    assert set(seen) <= {0, 200, 201, 409, 422}, seen
    assert seen[200] > 10
    assert deadlocks(committed) == 0
    assert overlaps() == []
    for window in DeliveryWindow.objects.filter(pk__in=windows):
        assert window.taken == window.deliveries.count() <= window.capacity
    for patient in Patient.objects.values_list("pk", flat=True):
        replan(patient, now=clock.now())
        assert replan(patient, now=clock.now()) == 0


def _one_move(dice: random.Random, who: Caller, sam: Caller, windows: list[Any]) -> int:
    """One wish of somebody about one of the five; its status, or 0 for a replan."""
    patient = Patient.objects.get(user=who.user)
    parcel = Delivery.objects.filter(patient=patient).latest("pk").pk
    plan = patient.subscriptions.latest("pk")
    number = plan.periods.latest("number").number
    day = {
        "start": (NOW + timedelta(days=6 + dice.randrange(2), hours=dice.randrange(5))).isoformat()
    }
    talk = {**day, "kind": "follow_up", "location": {"state": "FL"}}
    window = {"window": str(dice.choice(windows)), "signer": SIGNER}
    away = {**dice.choice([ALBANY, PENSACOLA, PENSACOLA]), "kind": "move"}
    by, path, body = dice.choice(
        [
            (who, "consultations/", talk),
            (who, f"deliveries/{parcel}/choose-window/", window),
            (sam, f"subscriptions/{plan.pk}/periods/{number}/mark-paid/", {"reference": "R"}),
            (who, f"subscriptions/{plan.pk}/{dice.choice(['pause', 'resume'])}/", {}),
            (who, "me/address/", away),
            (who, "sessions/", day),
            (sam, f"deliveries/{parcel}/hold/", {}),
            (None, "", {}),
        ]
    )
    if by is None:
        replan(patient.pk, now=clock.now())
        return 0
    return int(by.post(path, body).status_code)


# --- what is taken away meanwhile ----------------------------------------------------------------


def test_a_window_that_is_taken_away_while_it_is_chosen(committed: str) -> None:
    (person,) = crowd(1)
    treat([person])
    parcel, sam = Delivery.objects.get(), caller("sam")
    zone = DeliveryZone.objects.get(name="Florida Panhandle")
    own = {
        "zone": str(zone.pk), "starts": "2026-12-09T07:00:00Z", "ends": "2026-12-09T09:00:00Z",
        "ship_on": "2026-12-08", "cutoff_at": "2026-12-08T12:00:00Z", "capacity": 3,
    }  # fmt: skip
    window = sam.post("delivery-windows/", own).json()["id"]
    path, wish = f"deliveries/{parcel.pk}/choose-window/", {"window": window, "signer": SIGNER}
    answer = behind(
        lambda: sam.delete(f"delivery-windows/{window}/"), lambda: person.post(path, wish)
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "not_offered")


def test_what_two_take_away_is_gone_for_the_second(committed: str) -> None:
    open_windows(now=NOW)
    zone = DeliveryZone.objects.get(name="South Jersey")
    window = zone.windows.earliest("starts")
    holiday = Holiday.objects.earliest("day")
    for path in (
        f"delivery-windows/{window.pk}/", f"holidays/{holiday.pk}/", f"delivery-zones/{zone.pk}/",
    ):  # fmt: skip
        second = behind(partial(caller("sam").delete, path), partial(caller("sam").delete, path))
        assert (second.status_code, second.json()["code"]) == (404, "not_found")


def test_nothing_is_added_to_a_zone_that_is_taken_away_meanwhile(committed: str) -> None:
    own = {
        "starts": "2026-12-09T07:00:00Z", "ends": "2026-12-09T09:00:00Z", "ship_on": "2026-12-08",
        "cutoff_at": "2026-12-08T12:00:00Z", "capacity": 3,
    }  # fmt: skip
    for name, door in (("South Jersey", "windows"), ("Central Florida", "zones")):
        zone = DeliveryZone.objects.get(name=name)
        path = f"delivery-zones/{zone.pk}/"
        wish: tuple[str, dict[str, Any]] = (
            ("delivery-windows/", {**own, "zone": str(zone.pk)})
            if door == "windows"
            else (f"{path}take-counties/", {"counties": ["FL Bay"]})
        )
        late = behind(partial(caller("sam").delete, path), partial(caller("sam").post, *wish))
        assert (late.status_code, late.json()["code"]) == (404, "not_found")
