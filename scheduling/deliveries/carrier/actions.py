"""A parcel goes to a carrier, who reports: forwards only, and a human where it does not fit."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from patients.actions import lock_patient
from records.actor import Actor
from records.gates import pass_gates
from records.ids import uuid7
from records.models import WorkItem
from records.once import add_once
from records.refused import Refused
from scheduling.deliveries import actions
from scheduling.deliveries.carrier.models import CarrierEvent
from scheduling.deliveries.gates import dispatch_gates, found_gates
from scheduling.deliveries.models import OVER, Delivery, Status
from scheduling.deliveries.moving import ask_staff, lock, move, must_be_in, step, tell
from scheduling.deliveries.standing import standing_of

ON_THE_WAY = (Status.DISPATCHED, Status.ATTEMPTED)
ARRIVED = "delivered"


def from_carrier() -> Actor:
    """A carrier as the actor, with a cause of its own."""
    return Actor(role="carrier", channel="carrier")


@transaction.atomic
def dispatch(
    *,
    delivery: Delivery,
    carrier: str,
    tracking: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Delivery:
    """It left the pharmacy, or was found again: what still matters is asked once more.

    What the carrier reported of this number since it was packed is heard now. Raises `Refused`
    ``gate_unmet``, ``wrong_state`` (also for a number of another parcel under way), ``stale``.
    """
    patient = lock_patient(delivery.patient_id)
    locked = lock(delivery, version)
    must_be_in(locked, Status.PACKED, Status.INVESTIGATING)
    if locked.held_because == actions.RECALLED:
        raise Refused("wrong_state", "It was called back: it is never sent again.")
    facts = standing_of(patient.pk, now=now).parcel(locked)
    pass_gates(found_gates(facts) if locked.dispatched_at else dispatch_gates(facts))
    others = _of_number(carrier, tracking).exclude(status__in=OVER).exclude(pk=locked.pk)
    if others.exists():
        detail = "Another parcel under way has this tracking number: look at the label again."
        raise Refused("wrong_state", detail, pointer="/tracking")
    locked.carrier, locked.tracking = carrier, tracking
    locked.dispatched_at = now
    move(locked, Status.DISPATCHED, by, now, "carrier", "tracking", "dispatched_at")
    tell("delivery.dispatched", locked, by=by, now=now)
    _hear_what_came_before(locked, now)
    return locked


@transaction.atomic
def dispatch_packed(*, delivery: Delivery, **sent: Any) -> Delivery:
    """`dispatch` of what waits at the pharmacy alone: a list that comes twice finds nothing again.

    Raises `Refused` ``wrong_state`` else.
    """
    lock_patient(delivery.patient_id)
    must_be_in(lock(delivery, None), Status.PACKED)
    return dispatch(delivery=delivery, **sent)


def _of_number(carrier: str, tracking: str) -> QuerySet[Delivery]:
    return Delivery.objects.filter(carrier=carrier, tracking__iexact=tracking)


def _hear_what_came_before(locked: Delivery, now: datetime) -> None:
    """Reports of its number that nobody knew yet, the oldest first."""
    early = CarrierEvent.objects.filter(
        carrier=locked.carrier,
        tracking__iexact=locked.tracking,
        delivery=None,
        occurred_at__gte=locked.packed_at,
    )
    for report in early.order_by("occurred_at", "pk"):
        _hear_of(locked, report, MEANS.get(report.code, _is_unclear), from_carrier(), now)


@transaction.atomic
def hear(*, report: CarrierEvent, by: Actor, now: datetime) -> None:
    """Keep a report, and let the parcel follow; never refused, and of no effect when it is old.

    What the parcel's state or a gate does not allow is kept, and staff look at it; so they do
    where parcels under way share a number.
    """
    parcels = _parcels_of(report)
    for patient_id in sorted({parcel.patient_id for parcel in parcels}):
        lock_patient(patient_id)
    means = MEANS.get(report.code, _is_unclear) if len(parcels) == 1 else _is_unclear
    for parcel in parcels:
        _hear_of(parcel, report, means, by, now)
    if not parcels:
        _keep(report, None)


def _parcels_of(report: CarrierEvent) -> list[Delivery]:
    """Those under way that were packed before it, else the last that was: numbers come again."""
    rows = _of_number(report.carrier, report.tracking).filter(packed_at__lte=report.occurred_at)
    return list(rows.exclude(status__in=OVER)) or list(rows.order_by("-pk")[:1])


def _hear_of(
    parcel: Delivery, report: CarrierEvent, means: "Means", by: Actor, now: datetime
) -> None:
    """What a report says of a parcel of a locked patient; once."""
    parcel.refresh_from_db()
    if parcel.reports.filter(code=report.code, occurred_at=report.occurred_at).exists():
        return
    before = parcel.version
    if not _is_old(report, parcel):
        try:
            with transaction.atomic():
                means(parcel, report, by, now)
        except Refused:
            _is_unclear(parcel, report, by, now)
    parcel.refresh_from_db()
    _keep(report, parcel, moved=parcel.version != before)


def _keep(report: CarrierEvent, parcel: Delivery | None, *, moved: bool = False) -> None:
    """A row of its own for each parcel of which it was heard: rows never change."""
    report.pk, report.delivery, report.moved = uuid7(), parcel, moved
    add_once([report], unique=("carrier", "tracking", "code", "occurred_at", "delivery"))


def _is_old(report: CarrierEvent, parcel: Delivery) -> bool:
    """Whether the parcel is at its end, or has followed a later one; no arrival is too old."""
    later = parcel.reports.filter(moved=True, occurred_at__gt=report.occurred_at)
    return parcel.status in OVER or (report.code != ARRIVED and later.exists())


Means = Callable[[Delivery, CarrierEvent, Actor, datetime], None]


def _nothing(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    """It moves: no state of ours changes by that."""


def _goes_out(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    if delivery.status != Status.OUT_FOR_DELIVERY:
        actions.out_for_delivery(delivery=delivery, by=by, now=now)


def _is_there(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    """Delivered to whom was named, with the signature of an adult; else the patient is asked."""
    if delivery.status == Status.DELIVERED_UNVERIFIED:
        return
    locked = lock(delivery, None)
    if locked.status in ON_THE_WAY:  # a carrier that does not say when it goes out
        step(locked, Status.OUT_FOR_DELIVERY, "delivery.out_for_delivery", by=by, now=now)
    relation = _relation(locked, report.signed_by)
    sure = report.adult_signature and relation in actions.VERIFIED
    details = {
        "relation": relation,
        "adult_signature": report.adult_signature,
        "occurred_at": report.occurred_at.isoformat(),
    }
    at = report.occurred_at
    actions.hand_over_now(
        locked, report.signed_by, relation, details, sure=sure, at=at, by=by, now=now
    )


def _relation(delivery: Delivery, signed_by: str) -> str:
    """Who signed, by the name: the adult who was named, the patient, or somebody else."""
    name, patient = _plain(signed_by), delivery.patient
    if name and name == _plain(delivery.signer_name):
        return Delivery.Relation.SIGNER
    if name == _plain(f"{patient.first_name} {patient.last_name}"):
        return Delivery.Relation.PATIENT
    return Delivery.Relation.OTHER


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _failed(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    if delivery.status != Status.ATTEMPTED:
        code = report.reason
        if code not in Delivery.Failure.values:
            code = Delivery.Failure.NOT_TOLD
        actions.attempt(delivery=delivery, code=code, by=by, now=now)


def _comes_back(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    if delivery.status != Status.RETURNING:
        actions.recall(delivery=delivery, by=by, now=now)


def _waits_at_a_counter(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    ask_staff(
        "parcel_at_counter",
        "The carrier keeps this parcel at a counter: see that an adult of 21 or older fetches it.",
        delivery,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )


def _is_astray(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    if delivery.status != Status.INVESTIGATING:
        actions.look_for(delivery=delivery, by=by, now=now)
    _is_unclear(delivery, report, by, now)


def _is_unclear(delivery: Delivery, report: CarrierEvent, by: Actor, now: datetime) -> None:
    ask_staff(
        "parcel_unclear",
        "The carrier reports something that does not fit: look at this parcel's tracking.",
        delivery,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )


MEANS: dict[str, Means] = {
    "pre_transit": _nothing,
    "in_transit": _nothing,
    "transit": _nothing,
    "out_for_delivery": _goes_out,
    ARRIVED: _is_there,
    "available_for_pickup": _waits_at_a_counter,
    "return_to_sender": _comes_back,
    "returned": _comes_back,
    "failure": _failed,
    "taskfailed": _failed,
    "cancelled": _is_astray,
    "error": _is_astray,
    "unknown": _is_astray,
}
