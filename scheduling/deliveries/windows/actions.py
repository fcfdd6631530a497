"""Every write about windows: zones, windows opened ahead, closures, holidays."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat

from patients.actions import replan_many
from patients.models import Patient
from records.actor import Actor
from records.events import record
from records.refused import Refused
from scheduling.deliveries.windows.models import (
    Closure,
    DeliveryWindow,
    DeliveryZone,
    Holiday,
    ZoneCounty,
)
from scheduling.deliveries.windows.shipping import Days, Zone, days_ahead, window_on
from scheduling.subscriptions.actions import local_day

AHEAD = 28  # days for which windows are opened


def open_windows(*, now: datetime) -> int:
    """Open what is missing of the windows of the next weeks; returns how many."""
    opened = 0
    days = holidays()
    for zone in DeliveryZone.objects.prefetch_related("templates").order_by("pk"):
        rows = [
            DeliveryWindow(zone=zone, **window)
            for day in days_ahead(now, zone.time_zone, AHEAD)
            for window in _windows_of(zone, day, days)
            if window["cutoff_at"] > now
        ]
        known = set(
            DeliveryWindow.objects.filter(zone=zone, starts__gte=now).values_list(
                "starts", flat=True
            )
        )
        new = [row for row in rows if row.starts not in known]
        opened += len(DeliveryWindow.objects.bulk_create(new, ignore_conflicts=True))
    return opened


def holidays() -> Days:
    """The holidays as the pure rules take them."""
    rows = list(Holiday.objects.all())
    return Days(
        no_ship={row.day for row in rows if row.effect != Holiday.Effect.NO_DELIVER},
        no_deliver={row.day for row in rows if row.effect != Holiday.Effect.NO_SHIP},
    )


def _windows_of(zone: DeliveryZone, day: date, days: Days) -> Iterable[dict[str, Any]]:
    rules = Zone(
        time_zone=zone.time_zone,
        pharmacy=zone.pharmacy_time_zone,
        cutoff=zone.cutoff,
        transit_days=zone.transit_days,
        ship_weekdays=tuple(zone.ship_weekdays),
    )
    for template in zone.templates.all():
        if template.weekday != day.weekday():
            continue
        opened = window_on(day, template.opens, template.closes, template.capacity, rules, days)
        if opened:
            yield {name: getattr(opened, name) for name in opened.__slots__}


@transaction.atomic
def close_counties(
    *,
    counties: Sequence[str],
    start: datetime,
    end: datetime,
    reason: str,
    by: Actor,
    now: datetime,
) -> Closure:
    """Nothing is brought to these counties (``FL Bay``) for a time; who is met is replanned."""
    replan_many(_waiting_in(counties), by=by, now=now)
    row = Closure.objects.create(counties=list(counties), start=start, end=end, reason=reason)
    record("closure.added", row, by=by, now=now)
    return row


@transaction.atomic
def lift_closure(*, closure: Closure, by: Actor, now: datetime) -> None:
    """The counties are open again."""
    replan_many(_waiting_in(closure.counties), by=by, now=now)
    Closure.objects.filter(pk=closure.pk, lifted_at=None).update(lifted_at=now)
    record("closure.lifted", closure, by=by, now=now)


def waiting() -> QuerySet[Patient]:
    """Whose parcel was not packed yet: who has chosen a window, or does so at this moment."""
    return Patient.objects.filter(deliveries__isnull=False, deliveries__packed_at=None)


def _waiting_in(counties: Iterable[str]) -> Iterable[UUID]:
    """Of these, who lives in one of these counties (``FL Bay``)."""
    lives_in = Concat("address__state", Value(" "), "address__county")
    rows = waiting().annotate(lives_in=lives_in).filter(lives_in__in=list(counties))
    return rows.values_list("pk", flat=True)


@transaction.atomic
def add_holiday(*, day: date, name: str, effect: str, by: Actor, now: datetime) -> Holiday:
    """A day without shipping or deliveries; windows that are open already stay as they are."""
    row, is_new = Holiday.objects.get_or_create(day=day, defaults={"name": name, "effect": effect})
    if not is_new:
        raise Refused("wrong_state", "This day is a holiday already.", pointer="/day")
    record("holiday.added", row, by=by, now=now)
    return row


@transaction.atomic
def add_window(
    *,
    zone: DeliveryZone,
    starts: datetime,
    ends: datetime,
    ship_on: date,
    cutoff_at: datetime,
    capacity: int,
    by: Actor,
    now: datetime,
) -> DeliveryWindow:
    """A window beside those of the templates."""
    row, is_new = DeliveryWindow.objects.get_or_create(
        zone=zone,
        starts=starts,
        defaults={"ends": ends, "ship_on": ship_on, "cutoff_at": cutoff_at, "capacity": capacity},
    )
    if not is_new:
        raise Refused("wrong_state", "There is a window at that time already.", pointer="/starts")
    record("delivery_window.added", row, by=by, now=now)
    return row


def offered(
    patient: Patient, within: tuple[datetime, datetime], *, now: datetime
) -> list[DeliveryWindow]:
    """The windows that a patient may choose from now, which start between two instants."""
    address = patient.address
    if address is None:
        return []
    zone = ZoneCounty.objects.filter(state=address.state, county=address.county)
    rows = DeliveryWindow.objects.filter(
        zone__in=zone.values("zone"),
        starts__gte=within[0],
        starts__lt=within[1],
        cutoff_at__gt=now,
        taken__lt=F("capacity"),
    )
    closures = Closure.objects.filter(lifted_at=None, counties__contains=[address.where])
    closed, off = [row.span for row in closures], holidays()
    return [
        row
        for row in rows
        if not any(span.overlaps(row.span) for span in closed)
        and not off.rule_out(row.ship_on, local_day(row.starts, address.time_zone))
    ]


def lock_windows(windows: Iterable[UUID | None]) -> dict[UUID, DeliveryWindow]:
    """Windows by id: after the patient, before the delivery; their places are counted in them."""
    rows = DeliveryWindow.objects.filter(pk__in=[pk for pk in windows if pk])
    return {row.pk: row for row in rows.select_for_update(no_key=True).order_by("pk")}


def take_place(window: DeliveryWindow) -> None:
    """One place less in a locked window."""
    DeliveryWindow.objects.filter(pk=window.pk).update(taken=F("taken") + 1)


def give_back(window_id: UUID) -> None:
    """A place in a locked window is free again."""
    DeliveryWindow.objects.filter(pk=window_id).update(taken=F("taken") - 1)


@transaction.atomic
def remove_holiday(*, holiday: Holiday, by: Actor, now: datetime) -> None:
    """A day like any other again; the next sweep opens its windows."""
    Holiday.objects.filter(pk=holiday.pk).delete()
    record("holiday.removed", holiday, by=by, now=now)


@transaction.atomic
def remove_window(*, window: DeliveryWindow, by: Actor, now: datetime) -> None:
    """Nobody can choose this window any more; raises `Refused` ``wrong_state`` once somebody did.

    One of a template stays, without places: else the next sweep would open it again.
    """
    row = DeliveryWindow.objects.select_for_update().get(pk=window.pk)
    if row.taken or row.deliveries.exists():
        raise Refused("wrong_state", "Somebody has a place in this window.")
    starts = row.starts.astimezone(ZoneInfo(row.zone.time_zone))
    if row.zone.templates.filter(weekday=starts.weekday(), opens=starts.time()).exists():
        row.capacity = 0
        row.save(update_fields=["capacity"])
    else:
        row.delete()
    record("delivery_window.removed", window, by=by, now=now)
