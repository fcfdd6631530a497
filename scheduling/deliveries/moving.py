"""The one way of a parcel from state to state: lock, move, keep custody, tell, ask a human."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models.functions import Now

from accounts.models import Role
from patients.actions import lock_patient, replan_soon
from records.actor import Actor
from records.events import raise_work_item, record
from records.models import WorkItem
from records.refused import Refused
from scheduling.deliveries.models import AT_THE_PHARMACY, TRANSITIONS, CustodyEvent, Delivery
from scheduling.deliveries.windows.actions import give_back, lock_windows


def lock_with_patient(delivery: Delivery, version: int | None) -> Delivery:
    """Patient, the window that may lose its place, delivery: the order of every lock."""
    lock_patient(delivery.patient_id)
    waits = Delivery.objects.filter(patient=delivery.patient_id, status__in=AT_THE_PHARMACY)
    lock_windows(waits.values_list("window", flat=True))
    return lock(delivery, version)


def lock(delivery: Delivery, version: int | None) -> Delivery:
    """A delivery of a locked patient; raises `Refused` ``stale``."""
    locked = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
    if version is not None and version != locked.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return locked


def leave_window(locked: Delivery) -> None:
    """The place in the window is free again. Replan has the patient locked, not yet the row."""
    if locked.window_id:
        give_back(locked.window_id)
        locked.window = None


def must_be_in(locked: Delivery, *statuses: str) -> None:
    """Raises `Refused` ``wrong_state`` else."""
    if locked.status not in statuses:
        raise Refused("wrong_state", f"This delivery is {locked.get_status_display()}.")


def step(locked: Delivery, to: str, kind: str, *changed: str, by: Actor, now: datetime) -> Delivery:
    """To another state, and an event of this ``kind``."""
    move(locked, to, by, now, *changed)
    tell(kind, locked, by=by, now=now)
    return locked


def move(
    locked: Delivery,
    to: str,
    by: Actor,
    now: datetime,
    *changed: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """The only way to another state; whatever `TRANSITIONS` does not name is refused."""
    if to not in TRANSITIONS[locked.status]:
        raise Refused("wrong_state", f"This delivery is {locked.get_status_display()}.")
    locked.status = to
    save(locked, "status", *changed)
    keep_custody(locked, by, now, details or {})


def keep_custody(locked: Delivery, by: Actor, now: datetime, details: Mapping[str, Any]) -> None:
    """A row of what happened to the parcel, and who recorded it."""
    CustodyEvent.objects.create(
        delivery=locked,
        number=locked.version,
        status=locked.status,
        at=now,
        recorded_by_id=by.user_id,
        role=by.role,
        details=dict(details),
    )


def save(locked: Delivery, *changed: str) -> None:
    """These fields, and a version more."""
    locked.version += 1
    locked.changed_at = Now()
    locked.save(update_fields=["version", "changed_at", *changed])


def decide_about_another(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """A physician decides whether another parcel goes out."""
    raise_work_item(
        "parcel_to_replace",
        locked,
        detail="A parcel did not arrive: decide whether another one is sent.",
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=locked.patient_id,
    )


def ask_staff(
    kind: str,
    detail: str,
    locked: Delivery,
    *,
    urgency: WorkItem.Urgency,
    by: Actor,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Staff do something about a parcel, once: see `raise_work_item`."""
    raise_work_item(
        kind,
        locked,
        detail=detail,
        urgency=urgency,
        for_role=Role.STAFF,
        by=by,
        now=now,
        due_at=due_at,
        patient_id=locked.patient_id,
    )


def tell(kind: str, locked: Delivery, *, by: Actor, now: datetime, **payload: Any) -> None:
    """Record an event; what follows for the patient is worked out soon."""
    patient_id, revision = locked.patient_id, locked.revision
    record(kind, locked, by=by, now=now, patient_id=patient_id, revision=revision, **payload)
    replan_soon(patient_id, by=by, now=now)
