"""Writes that merge what several folders know: a month paid, a pause with a parcel under way."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Role
from patients.actions import lock_patient, lock_patients, refuse_own_review, replan_many
from patients.models import ClinicalHold, Patient
from records import brake, hints
from records.actor import Actor
from records.events import raise_work_item
from records.models import Rule, WorkItem
from records.refused import Refused
from records.values import change
from records.work import claim, close
from scheduling.deliveries.models import OVER, Delivery
from scheduling.replan import replan
from scheduling.subscriptions import actions as subscriptions
from scheduling.subscriptions.models import BillingPeriod, Status, Subscription

WARNED_BEFORE = (60, 30, 14, 7, 1)  # days
FOLLOWED = {  # numbers by which rows that stand follow; the others are asked when somebody acts
    "billing_opens_before", "billing_grace", "session_supervised", "session_supervised_minutes",
    "session_held_before", "session_choice_days", "hold_answer_days",
}  # fmt: skip


@transaction.atomic
def mark_paid(
    *,
    subscription: Subscription,
    number: int,
    paid_reference: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> BillingPeriod:
    """A month is paid, and what follows from it has followed: its delivery exists."""
    _lock_as_seen(subscription, version)
    period = subscriptions.mark_paid(
        subscription=subscription, number=number, paid_reference=paid_reference, by=by, now=now
    )
    replan(subscription.patient_id, now=now, by=by)
    return period


@transaction.atomic
def pause(
    *,
    subscription: Subscription,
    until: date | None,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Subscription:
    """Pause at once, or when the parcel under way is resolved: staff deliver or recall it."""
    lock_patient(subscription.patient_id)
    packed = Delivery.objects.filter(patient=subscription.patient_id, packed_at__isnull=False)
    parcel = packed.exclude(status__in=OVER).first()
    paused = subscriptions.pause(
        subscription=subscription,
        until=until,
        parcel_under_way=parcel is not None,
        by=by,
        now=now,
        version=version,
    )
    if parcel:
        raise_work_item(
            "pause_with_parcel",
            parcel,
            detail="The plan is to be paused, and a parcel is under way: deliver it or recall it.",
            urgency=WorkItem.Urgency.TODAY,
            for_role=Role.STAFF,
            by=by,
            now=now,
            patient_id=subscription.patient_id,
        )
    return paused


@transaction.atomic
def warn_of_rules(*, by: Actor, now: datetime) -> int:
    """Ask a physician about each legal rule that ends soon and has no next row; once a threshold.

    Returns how many were asked.
    """
    asked = 0
    for rule in Rule.objects.filter(valid_to__gte=now.date()):
        left = (rule.valid_to - now.date()).days if rule.valid_to else WARNED_BEFORE[0] + 1
        passed = [days for days in WARNED_BEFORE if left <= days]
        follows = Rule.objects.filter(
            code=rule.code, state=rule.state, valid_from__gt=rule.valid_from
        )
        if not passed or follows.exists():
            continue
        since = now - timedelta(days=min(passed) - left + 1)
        items = WorkItem.objects.filter(kind="rule_ends", object_id=rule.pk)
        if items.filter(raised_at__gt=since).exists():
            continue
        asked += raise_work_item(
            "rule_ends",
            rule,
            detail=f"The rule {rule.code} ends in {left} days: what needs it stops then, unless "
            "its next row is entered.",
            urgency=WorkItem.Urgency.SOON,
            for_role=Role.PHYSICIAN,
            by=by,
            now=now,
        )
    return asked


@transaction.atomic
def change_settings(*, values: Mapping[str, int], user_id: UUID, by: Actor, now: datetime) -> None:
    """Put other numbers in force; if rows follow one of them, whoever has a plan, or is held, is
    replanned.
    """
    if FOLLOWED & set(values):
        living = Subscription.objects.exclude(status=Status.CANCELLED).values("patient")
        held = ClinicalHold.objects.filter(cleared_at=None).values("patient")
        met = Patient.objects.filter(Q(pk__in=living) | Q(pk__in=held))
        replan_many(met.values_list("pk", flat=True), by=by, now=now)
    change(values, user_id=user_id, by=by, now=now)


def _lock_as_seen(row: Subscription, version: int | None) -> None:
    """Lock the patient, without whom no version rises; raises `Refused` ``stale``."""
    lock_patient(row.patient_id)
    row.refresh_from_db(fields=["version"])
    if version is not None and version != row.version:
        raise Refused("stale", "This has changed since you looked; please look again.")


def approve(*, item: WorkItem, by: Actor, now: datetime) -> WorkItem:
    """What one change would do to many patients happens, and is told."""
    approved = brake.approve(item=item, by=by, now=now)
    hints.wake("scheduling.replan")
    hints.wake("notifications.send_due")
    return approved


def claim_work_item(*, item: WorkItem, by: Actor, now: datetime) -> WorkItem:
    """Somebody does it."""
    refuse_own_review(item, by)
    return claim(item=item, by=by, now=now)


@transaction.atomic
def close_work_item(*, item: WorkItem, note: str, by: Actor, now: datetime) -> WorkItem:
    """It is done. Of a brake: the cause was put right, and is looked at anew for each patient."""
    refuse_own_review(item, by)
    if item.kind != brake.KIND:
        return close(item=item, note=note, by=by, now=now)
    marked = Patient.objects.filter(replan_cause=item.object_id)
    held = lock_patients(marked.values_list("pk", flat=True))
    closed = brake.withdraw(item=item, note=note, by=by, now=now)
    replan_many(held, by=by, now=now)
    return closed
