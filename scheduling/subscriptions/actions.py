"""Every write about subscriptions: subscribe, pause, resume, cancel, change plan, pay, correct."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now

from patients.actions import lock_patient, replan_soon
from patients.facts import facts_of
from patients.models import Patient
from records.actor import Actor
from records.events import keep_correction, record
from records.gates import pass_gates
from records.ids import reference
from records.refused import Refused
from records.values import in_force
from scheduling.consultations.models import Decision
from scheduling.subscriptions.billing import month, month_of
from scheduling.subscriptions.gates import (
    PeriodFacts,
    SubscriptionFacts,
    subscribe_gates,
)
from scheduling.subscriptions.models import (
    LOWEST_PRICE,
    TRANSITIONS,
    BillingPeriod,
    PeriodStatus,
    Plan,
    Status,
    Subscription,
)

DATES = ("starts_on", "ends_on", "moved_from", "anchor_was")  # of a month


@transaction.atomic
def subscribe(*, patient: Patient, plan: Plan, by: Actor, now: datetime) -> Subscription:
    """Subscribe to a plan; the first month opens today.

    Raises `Refused` ``gate_unmet`` without an approval or an address in the area, ``wrong_state``
    while there is a subscription already, ``not_offered`` for a plan that is not on offer.
    """
    locked = lock_patient(patient.pk)
    pass_gates(subscribe_gates(facts_of(locked), outcome_of(locked)))
    _offered(plan)
    if Subscription.objects.filter(patient=locked).exclude(status=Status.CANCELLED).exists():
        raise Refused("wrong_state", "There is a plan already: change or cancel it instead.")
    subscription = Subscription.objects.create(
        reference=reference("S"),
        patient=locked,
        plan=plan,
        started_at=now,
        anchor_on=local_day(now, locked.time_zone),
        channel=by.channel,
    )
    _tell("subscription.started", subscription, by=by, now=now)
    open_period(subscription, by=by, now=now)
    return subscription


@transaction.atomic
def change_plan(
    *, subscription: Subscription, plan: Plan, by: Actor, now: datetime, version: int | None = None
) -> Subscription:
    """Another plan, from the next month that opens on; a month that is open stays as it is."""
    locked = _lock(subscription, version)
    _living(locked)
    _offered(plan)
    if locked.plan_id != plan.pk:
        locked.plan = plan
        _save(locked, "plan")
        _tell("subscription.plan_changed", locked, by=by, now=now)
    return locked


@transaction.atomic
def pause(
    *,
    subscription: Subscription,
    until: date | None,
    by: Actor,
    now: datetime,
    parcel_under_way: bool,
    version: int | None = None,
) -> Subscription:
    """No month opens and nothing is packed until it is resumed, or until the day ``until``.

    With a parcel under way it is asked for, and follows when the parcel is resolved.
    """
    locked = _lock(subscription, version)
    _in(locked, Status.ACTIVE, Status.PAST_DUE)
    if until is not None and until <= local_day(now, locked.patient.time_zone):
        raise Refused("in_the_past", "Please choose a day to come.", pointer="/until")
    locked.paused_until = until
    if parcel_under_way:
        locked.pause_requested_at = now
        _save(locked, "pause_requested_at", "paused_until")
        _tell("subscription.pause_requested", locked, by=by, now=now)
    else:
        pause_now(locked, by=by, now=now)
    return locked


def pause_now(locked: Subscription, *, by: Actor, now: datetime) -> None:
    """A locked subscription pauses; its unpaid month is not asked for any more."""
    locked.paused_at, locked.pause_requested_at = now, None
    _move(locked, Status.PAUSED, "paused_at", "pause_requested_at", "paused_until")
    _void_open(locked)
    _tell("subscription.paused", locked, by=by, now=now)


@transaction.atomic
def resume(
    *, subscription: Subscription, by: Actor, now: datetime, version: int | None = None
) -> Subscription:
    """Go on: in the month that is paid, if it runs still, else in a new one from today on.

    Raises `Refused` ``wrong_state``, and ``gate_unmet`` where nothing could be sent to.
    """
    locked = _lock(subscription, version)
    if locked.pause_requested_at and locked.status != Status.PAUSED:
        locked.pause_requested_at = locked.paused_until = None
        _save(locked, "pause_requested_at", "paused_until")
    else:
        _in(locked, Status.PAUSED)
        pass_gates(subscribe_gates(facts_of(locked.patient), outcome_of(locked.patient)))
        resume_now(locked, by=by, now=now)
        return locked
    _tell("subscription.resumed", locked, by=by, now=now)
    return locked


def resume_now(locked: Subscription, *, by: Actor, now: datetime) -> None:
    """A locked subscription goes on."""
    today = local_day(now, locked.patient.time_zone)
    locked.paused_at = locked.paused_until = None
    runs = paid_until(locked, today) > today
    if not runs:
        locked.anchor_on = today
    _move(locked, Status.ACTIVE, "paused_at", "paused_until", "anchor_on")
    if not runs:
        open_period(locked, by=by, now=now)
    _tell("subscription.resumed", locked, by=by, now=now)


@transaction.atomic
def cancel(
    *,
    subscription: Subscription,
    at_once: bool,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Subscription:
    """Cancel at the end of the month that is paid, or now."""
    locked = _lock(subscription, version)
    _living(locked)
    today = local_day(now, locked.patient.time_zone)
    end = today if at_once else paid_until(locked, today)
    locked.ends_on, locked.ending = end, Subscription.Ending.WISH
    _void_open(locked, end)
    _save(locked, "ends_on", "ending")
    _tell("subscription.ends", locked, by=by, now=now)
    if end <= today:
        end_now(locked, by=by, now=now)
    return locked


def end_now(locked: Subscription, *, by: Actor, now: datetime) -> None:
    """A locked subscription is over; what is unpaid is not asked for any more."""
    locked.cancelled_at, locked.paused_at, locked.pause_requested_at = now, None, None
    _move(locked, Status.CANCELLED, "cancelled_at", "paused_at", "pause_requested_at")
    _void_open(locked)
    _tell("subscription.cancelled", locked, by=by, now=now)


def set_ending(locked: Subscription, ends_on: date | None, *, by: Actor, now: datetime) -> None:
    """Billing of somebody who moved away stops after the paid month; None: they are back."""
    locked.ends_on = ends_on
    if ends_on:
        _void_open(locked, ends_on)
    locked.ending = Subscription.Ending.MOVED if ends_on else ""
    _save(locked, "ends_on", "ending")
    _tell("subscription.ends" if ends_on else "subscription.goes_on", locked, by=by, now=now)


def past_due(locked: Subscription, *, by: Actor, now: datetime) -> None:
    """A month was not paid in time: nothing is packed, the talk with the physician stays."""
    _move(locked, Status.PAST_DUE)
    _tell("subscription.past_due", locked, by=by, now=now)


@transaction.atomic
def mark_paid(
    *, subscription: Subscription, number: int, paid_reference: str, by: Actor, now: datetime
) -> BillingPeriod:
    """Staff saw the payment of a month; raises DoesNotExist and `Refused` ``wrong_state``.

    The last month, paid after its days of grace, begins today.
    """
    locked = _lock(subscription, None)
    period = locked.periods.select_for_update(no_key=True).get(number=number)
    if period.status != PeriodStatus.OPEN:
        raise Refused("wrong_state", f"This month is {period.get_status_display()}.")
    if period in _overdue(locked, now) and not _later(period).exists():
        _begin_today(period, locked, now)
    period.status, period.paid_at = PeriodStatus.PAID, now
    period.paid_reference = paid_reference
    period.revision += 1
    period.save(update_fields=[*DATES, "status", "paid_at", "paid_reference", "revision"])
    if locked.status == Status.PAST_DUE and not _overdue(locked, now):
        _move(locked, Status.ACTIVE)
    _tell_period("billing_period.paid", period, locked, by=by, now=now)
    return period


@transaction.atomic
def correct_period(
    *, period: BillingPeriod, reason: str, by: Actor, now: datetime
) -> BillingPeriod:
    """A month was not paid after all; refused ``built_on`` once something was packed for it."""
    subscription = _lock(period.subscription, None)
    locked = BillingPeriod.objects.select_for_update(no_key=True).get(pk=period.pk)
    if locked.status != PeriodStatus.PAID:
        raise Refused("wrong_state", "There is nothing here that could be put back.")
    if locked.built_on_at:
        raise Refused("built_on", "A parcel was packed for this month already.")
    over = subscription.status in (Status.PAUSED, Status.CANCELLED)
    locked.status = PeriodStatus.VOID if over else PeriodStatus.OPEN
    locked.paid_at, locked.paid_reference = None, ""
    locked.revision += 1
    if not _later(locked).exists():
        _begin_as_before(locked, subscription)
    locked.save(update_fields=[*DATES, "status", "paid_at", "paid_reference", "revision"])
    keep_correction(locked, was=PeriodStatus.PAID, reason=reason, by=by, now=now)
    _tell_period("billing_period.corrected", locked, subscription, by=by, now=now)
    return locked


def open_period(locked: Subscription, *, by: Actor, now: datetime) -> BillingPeriod:
    """The next month of a locked subscription is asked for: after the last one that counts."""
    last = locked.periods.exclude(status=PeriodStatus.VOID).order_by("-number").first()
    follows = last is not None and last.ends_on > locked.anchor_on
    steps = month_of(locked.anchor_on, last.ends_on) if last and follows else 0
    starts, ends = month(locked.anchor_on, steps)
    number = (locked.periods.aggregate(last=Max("number"))["last"] or 0) + 1
    period = BillingPeriod.objects.create(
        subscription=locked,
        number=number,
        plan=locked.plan,
        starts_on=starts,
        ends_on=ends,
        price=locked.plan.monthly_price,
        currency=locked.plan.currency,
        opened_at=now,
    )
    _tell_period("billing_period.opened", period, locked, by=by, now=now)
    return period


# --- what others ask --------------------------------------------------------------------------


@transaction.atomic
def offer_plan(
    *,
    name: str,
    monthly_price: Decimal,
    sessions_per_month: int,
    deliveries_per_month: int,
    by: Actor,
    now: datetime,
) -> Plan:
    """Another plan; a price is said once, so another price is another plan.

    Raises `Refused` ``invalid`` below the lowest price, and ``wrong_state`` for a name that there
    is already.
    """
    if monthly_price < LOWEST_PRICE:
        raise Refused("invalid", f"Plans start at ${LOWEST_PRICE:.0f}.", pointer="/monthly_price")
    if Plan.objects.filter(name__iexact=name).exists():
        raise Refused("wrong_state", "There is a plan of this name.", pointer="/name")
    row = Plan.objects.create(
        name=name,
        monthly_price=monthly_price,
        sessions_per_month=sessions_per_month,
        deliveries_per_month=deliveries_per_month,
    )
    record("plan.offered", row, by=by, now=now)
    return row


@transaction.atomic
def withdraw_plan(*, plan: Plan, by: Actor, now: datetime) -> Plan:
    """Nobody subscribes to it any more; whoever has it keeps it. Raises ``wrong_state``."""
    if not Plan.objects.filter(pk=plan.pk, is_offered=True).update(is_offered=False):
        raise Refused("wrong_state", "This plan is not offered any more.")
    plan.is_offered = False
    record("plan.withdrawn", plan, by=by, now=now)
    return plan


def subscription_facts(
    subscription: Subscription | None,
    periods: Iterable[BillingPeriod],
    zone: str,
    values: Mapping[str, int],
) -> SubscriptionFacts:
    """What gates see of a subscription and its periods."""
    if subscription is None:
        return SubscriptionFacts()
    return SubscriptionFacts(
        status=subscription.status,
        pausing=subscription.pause_requested_at is not None,
        periods=[period_facts(period, zone, values) for period in periods],
    )


def period_facts(period: BillingPeriod, zone: str, values: Mapping[str, int]) -> PeriodFacts:
    """What gates see of a month; it is due when its first days of grace are over."""
    return PeriodFacts(
        number=period.number,
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        paid=period.status == PeriodStatus.PAID,
        due_at=midnight(period.starts_on + timedelta(days=values["billing_grace"]), zone),
    )


def outcome_of(patient: Patient) -> str:
    """The latest decision about a patient; empty while there is none."""
    latest = Decision.objects.filter(patient=patient).order_by("-pk")
    return latest.values_list("outcome", flat=True).first() or ""


def local_day(now: datetime, zone: str) -> date:
    """The day of ``now`` in ``zone``."""
    return now.astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """The instant at which a day begins in ``zone``."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))


def paid_until(locked: Subscription, today: date) -> date:
    """The first day after the last month that is paid; today when none runs."""
    last = locked.periods.filter(status=PeriodStatus.PAID).aggregate(last=Max("ends_on"))["last"]
    return max(last or today, today)


# --- the pieces -------------------------------------------------------------------------------


def _lock(subscription: Subscription, version: int | None) -> Subscription:
    patient = lock_patient(subscription.patient_id)
    rows = Subscription.objects.select_related("plan")
    locked = rows.select_for_update(no_key=True, of=("self",)).get(pk=subscription.pk)
    locked.patient = patient
    if version is not None and version != locked.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return locked


def _in(locked: Subscription, *statuses: str) -> None:
    if locked.status not in statuses or locked.pause_requested_at:
        asked = " and will be paused" if locked.pause_requested_at else ""
        raise Refused("wrong_state", f"This plan is {locked.get_status_display()}{asked}.")


def _living(locked: Subscription) -> None:
    if locked.status == Status.CANCELLED:
        raise Refused("wrong_state", "This plan was cancelled.")


def _offered(plan: Plan) -> None:
    if not plan.is_offered:
        raise Refused("not_offered", "This plan is not offered any more.", pointer="/plan")


def _overdue(locked: Subscription, now: datetime) -> list[BillingPeriod]:
    values, zone = in_force(now), locked.patient.time_zone
    unpaid = locked.periods.filter(status=PeriodStatus.OPEN)
    return [row for row in unpaid if period_facts(row, zone, values).due_at <= now]


def _later(period: BillingPeriod) -> QuerySet[BillingPeriod]:
    rows = BillingPeriod.objects.filter(subscription=period.subscription_id)
    return rows.filter(number__gt=period.number).exclude(status=PeriodStatus.VOID)


def _begin_today(period: BillingPeriod, locked: Subscription, now: datetime) -> None:
    """Nothing was given for a month that nobody has paid: it begins anew, and so do the next ones.

    A plan that ends with this month still does.
    """
    period.moved_from, period.anchor_was = period.starts_on, locked.anchor_on
    _begin(period, locked, local_day(now, locked.patient.time_zone), steps=0)


def _begin_as_before(period: BillingPeriod, locked: Subscription) -> None:
    """It was not paid after all: it begins when it should have, as do the next ones."""
    if period.anchor_was and period.moved_from:
        anchor, steps = period.anchor_was, month_of(period.anchor_was, period.moved_from)
        period.moved_from = period.anchor_was = None
        _begin(period, locked, anchor, steps=steps)


def _begin(period: BillingPeriod, locked: Subscription, anchor: date, *, steps: int) -> None:
    ends_with_it = locked.ends_on == period.ends_on
    locked.anchor_on = anchor
    period.starts_on, period.ends_on = month(anchor, steps)
    locked.ends_on = period.ends_on if ends_with_it else locked.ends_on
    _save(locked, "anchor_on", "ends_on")


def _void_open(locked: Subscription, since: date | None = None) -> None:
    """What is not paid is not asked for any more: all months, or those that begin from a day on."""
    unpaid = locked.periods.filter(status=PeriodStatus.OPEN)
    if since:
        unpaid = unpaid.filter(starts_on__gte=since)
    unpaid.update(status=PeriodStatus.VOID)


def _move(locked: Subscription, to: str, *changed: str) -> None:
    """The only way to another state; whatever `TRANSITIONS` does not name is refused."""
    if to not in TRANSITIONS[locked.status]:
        raise Refused("wrong_state", f"This plan is {locked.get_status_display()}.")
    locked.status = to
    _save(locked, "status", *changed)


def _save(locked: Subscription, *changed: str) -> None:
    locked.version += 1
    locked.changed_at = Now()
    locked.save(update_fields=["version", "changed_at", *changed])


def _tell(kind: str, locked: Subscription, *, by: Actor, now: datetime, **payload: Any) -> None:
    record(kind, locked, by=by, now=now, patient_id=locked.patient_id, **payload)
    replan_soon(locked.patient_id, by=by, now=now)


def _tell_period(
    kind: str, period: BillingPeriod, locked: Subscription, *, by: Actor, now: datetime
) -> None:
    patient_id, revision = locked.patient_id, period.revision
    record(kind, period, by=by, now=now, patient_id=patient_id, revision=revision)
    replan_soon(patient_id, by=by, now=now)
