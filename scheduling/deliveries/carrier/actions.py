"""What becomes of what a carrier reports: forwards only, and a human where it does not fit."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from patients.actions import lock_patient
from records.actor import Actor
from records.models import WorkItem
from records.refused import Refused
from scheduling.deliveries import actions
from scheduling.deliveries.carrier.models import CarrierEvent
from scheduling.deliveries.models import OVER, Delivery, Status
from scheduling.deliveries.moving import ask_staff, lock, step

ON_THE_WAY = (Status.DISPATCHED, Status.ATTEMPTED)


@dataclass(frozen=True, slots=True)
class Report:
    """One report. ``code`` in lower case; ``body`` as it came; ``occurred_at`` in UTC.

    ``adult_signature``: the carrier looked at the ID of ``signed_by``, who is 21 or older.
    """

    carrier: str
    tracking: str
    code: str
    occurred_at: datetime
    signed_by: str
    adult_signature: bool
    reason: str
    body: str


@transaction.atomic
def hear(*, report: Report, by: Actor, now: datetime) -> None:
    """Keep a report, and let the parcel follow; never refused, and of no effect when it is old.

    What the parcel's state or a gate does not allow is kept, and staff look at it.
    """
    numbers = {"carrier__iexact": report.carrier, "tracking__iexact": report.tracking}
    delivery = Delivery.objects.filter(**numbers).order_by("-pk").first()
    if delivery:
        lock_patient(delivery.patient_id)
    if not _keep(report, delivery) or delivery is None or _is_old(report, delivery):
        return
    try:
        with transaction.atomic():
            MEANS.get(report.code, _is_unclear)(delivery, report, by, now)
    except Refused:
        _is_unclear(delivery, report, by, now)


def _keep(report: Report, delivery: Delivery | None) -> bool:
    """Whether it is new."""
    _, is_new = CarrierEvent.objects.get_or_create(
        carrier=report.carrier,
        tracking=report.tracking,
        code=report.code,
        occurred_at=report.occurred_at,
        defaults={"body": report.body, "delivery": delivery},
    )
    return is_new


def _is_old(report: Report, delivery: Delivery) -> bool:
    """Whether something later was heard of it, or it is at its end."""
    delivery.refresh_from_db()
    later = delivery.reports.filter(occurred_at__gt=report.occurred_at)
    return delivery.status in OVER or later.exists()


Means = Callable[[Delivery, Report, Actor, datetime], None]


def _nothing(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    """It moves: no state of ours changes by that."""


def _goes_out(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    if delivery.status != Status.OUT_FOR_DELIVERY:
        actions.out_for_delivery(delivery=delivery, by=by, now=now)


def _is_there(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    """Delivered to whom was named, with the signature of an adult; else the patient is asked."""
    if delivery.status == Status.DELIVERED_UNVERIFIED:
        return
    locked = lock(delivery, None)
    if locked.status in ON_THE_WAY:  # a carrier that does not say when it goes out
        step(locked, Status.OUT_FOR_DELIVERY, "delivery.out_for_delivery", by=by, now=now)
    relation = _relation(locked, report.signed_by)
    sure = report.adult_signature and relation in actions.VERIFIED
    details = {"relation": relation, "adult_signature": report.adult_signature}
    actions.hand_over_now(locked, report.signed_by, relation, details, sure=sure, by=by, now=now)


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


def _failed(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    if delivery.status != Status.ATTEMPTED:
        code = report.reason
        if code not in Delivery.Failure.values:
            code = Delivery.Failure.NOT_TOLD
        actions.attempt(delivery=delivery, code=code, by=by, now=now)


def _comes_back(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    if delivery.status != Status.RETURNING:
        actions.recall(delivery=delivery, by=by, now=now)


def _waits_at_a_counter(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    ask_staff(
        "parcel_at_counter",
        "The carrier keeps this parcel at a counter: see that an adult of 21 or older fetches it.",
        delivery,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )


def _is_astray(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
    if delivery.status != Status.INVESTIGATING:
        actions.look_for(delivery=delivery, by=by, now=now)
    _is_unclear(delivery, report, by, now)


def _is_unclear(delivery: Delivery, report: Report, by: Actor, now: datetime) -> None:
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
    "delivered": _is_there,
    "available_for_pickup": _waits_at_a_counter,
    "return_to_sender": _comes_back,
    "returned": _comes_back,
    "failure": _failed,
    "taskfailed": _failed,
    "cancelled": _is_astray,
    "error": _is_astray,
    "unknown": _is_astray,
}
