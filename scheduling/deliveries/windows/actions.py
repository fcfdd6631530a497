"""Every write about windows: zones, windows opened ahead, closures, holidays."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat

from patients.actions import replan_many
from patients.models import Patient
from records import hints
from records.actor import Actor
from records.events import record
from records.once import add_once
from records.outage import ENDS_A_SWEEP
from records.refused import CODES, Refused
from scheduling.deliveries.windows.models import (
    Closure,
    DeliveryWindow,
    DeliveryZone,
    Holiday,
    WindowTemplate,
    ZoneCounty,
)
from scheduling.deliveries.windows.shipping import Days, Zone, cutoff_of, days_ahead, window_on
from scheduling.subscriptions.actions import local_day

log = logging.getLogger(__name__)
WAITING = ("awaiting_window", "scheduled", "held")
AHEAD = 28  # days for which windows are opened


def open_windows(*, now: datetime) -> int:
    """Open what is missing of the windows of the next weeks; returns how many.

    A zone that fails does not keep the others from it.
    """
    opened = 0
    days = holidays()
    for zone in DeliveryZone.objects.prefetch_related("templates").order_by("pk"):
        try:
            opened += _open(zone, days, now)
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("windows_not_opened", extra={"zone_id": str(zone.pk)})
    return opened


@transaction.atomic
def _open(zone: DeliveryZone, off: Days, now: datetime) -> int:
    rows = [
        DeliveryWindow(zone=zone, **window)
        for day in days_ahead(now, zone.time_zone, AHEAD)
        for window in _windows_of(zone, day, off)
        if window["cutoff_at"] > now
    ]
    ahead = DeliveryWindow.objects.filter(zone=zone, starts__gte=now)
    known = set(ahead.values_list("starts", flat=True))
    new = [row for row in rows if row.starts not in known]
    return add_once(new, unique=("zone", "starts"))


def holidays() -> Days:
    """The holidays as the pure rules take them."""
    return days_of(Holiday.objects.values_list("day", "effect"))


def days_of(rows: Iterable[tuple[date, str]]) -> Days:
    """Days and their effects, as the pure rules take them."""
    known = list(rows)
    return Days(
        no_ship={day for day, effect in known if effect != Holiday.Effect.NO_DELIVER},
        no_deliver={day for day, effect in known if effect != Holiday.Effect.NO_SHIP},
    )


def rules_of(zone: DeliveryZone) -> Zone:
    """What a zone says about shipping, as the pure rules take it."""
    return Zone(
        time_zone=zone.time_zone,
        pharmacy=zone.pharmacy_time_zone,
        cutoff=zone.cutoff,
        transit_days=zone.transit_days,
        ship_weekdays=tuple(zone.ship_weekdays),
    )


def _windows_of(zone: DeliveryZone, day: date, days: Days) -> Iterable[dict[str, Any]]:
    rules = rules_of(zone)
    for template in zone.templates.all():
        if template.weekday != day.weekday():
            continue
        opened = window_on(day, template.opens, template.closes, template.capacity, rules, days)
        if opened:
            yield {name: getattr(opened, name) for name in opened.__slots__}


@transaction.atomic
def add_zone(
    *,
    name: str,
    time_zone: str,
    counties: Sequence[str],
    templates: Iterable[Mapping[str, Any]],
    cutoff: time,
    transit_days: int,
    ship_weekdays: Sequence[int],
    by: Actor,
    now: datetime,
) -> DeliveryZone:
    """A zone of counties (``FL Bay``) that no other has, or of none yet.

    Its windows are opened by the sweep.

    Raises `Refused` ``wrong_state`` for a name or a county that another zone has.
    """
    replan_many(_waiting_in(counties), by=by, now=now)
    shipping = {"cutoff": cutoff, "transit_days": transit_days, "ship_weekdays": ship_weekdays}
    row, is_new = DeliveryZone.objects.get_or_create(
        name=name, defaults={"time_zone": time_zone, **shipping}
    )
    if not is_new:
        raise Refused("wrong_state", "Another zone has this name.", pointer="/name")
    _give_counties(row, counties)
    WindowTemplate.objects.bulk_create(WindowTemplate(zone=row, **each) for each in templates)
    record("delivery_zone.added", row, by=by, now=now)
    hints.wake("scheduling.open_windows")
    return row


def _give_counties(zone: DeliveryZone, counties: Sequence[str]) -> None:
    """One that another zone has, perhaps since a moment, is left to it, and then all is refused."""
    add_once(_rows(zone, counties), unique=("state", "county"))
    mine = {f"{row.state} {row.county}" for row in zone.counties.all()}
    for index, name in enumerate(counties):
        if name not in mine:
            detail = f"{name} belongs to another zone: add this one without, then let it take it."
            raise Refused("wrong_state", detail, pointer=f"/counties/{index}")


def _rows(zone: DeliveryZone, counties: Iterable[str]) -> list[ZoneCounty]:
    """In one order: two who give the same counties never wait for each other in a circle."""
    return [ZoneCounty(zone=zone, state=name[:2], county=name[3:]) for name in sorted(counties)]


@transaction.atomic
def take_counties(
    *, zone: DeliveryZone, counties: Sequence[str], by: Actor, now: datetime
) -> DeliveryZone:
    """These counties (``FL Bay``) are of this zone from now on, whichever had them.

    Who has chosen a window there chooses anew; what was packed goes where it was packed for.
    """
    replan_many(_waiting_in(counties), by=by, now=now)
    where = Concat("state", Value(" "), "county")
    had = ZoneCounty.objects.annotate(where=where).filter(where__in=counties).values("zone")
    zones = DeliveryZone.objects.filter(Q(pk=zone.pk) | Q(pk__in=had)).order_by("pk")
    if zone.pk not in zones.select_for_update(no_key=True).values_list("pk", flat=True):
        raise _gone()
    ZoneCounty.objects.bulk_create(
        _rows(zone, counties),
        update_conflicts=True,
        unique_fields=["state", "county"],
        update_fields=["zone"],
    )
    record("delivery_zone.counties_taken", zone, by=by, now=now)
    return zone


def _gone() -> Refused:
    """Somebody took it away a moment ago."""
    return Refused("not_found", CODES["not_found"][1] + ".")


@transaction.atomic
def remove_zone(*, zone: DeliveryZone, by: Actor, now: datetime) -> None:
    """A zone in whose windows no parcel has, or had, a place; its counties are free.

    Raises `Refused` ``wrong_state`` else: what was brought is kept with its window; and while
    somebody in its counties waits for a parcel.
    """
    counties = [f"{row.state} {row.county}" for row in zone.counties.all()]
    replan_many(_waiting_in(counties), by=by, now=now)
    if not DeliveryZone.objects.select_for_update().filter(pk=zone.pk):  # the sweep opens no more
        raise _gone()
    windows = DeliveryWindow.objects.filter(zone=zone)
    lock_windows(windows.values_list("pk", flat=True))
    if windows.filter(deliveries__isnull=False).exists():
        raise Refused(
            "wrong_state",
            "Parcels have a place in its windows, or had one: the zone stays. Another zone can "
            "take its counties.",
        )
    if _waiting_in(counties).filter(deliveries__status__in=WAITING).exists():
        raise Refused(
            "wrong_state",
            "Somebody in its counties waits for a parcel: let another zone take them first.",
        )
    windows.delete()
    DeliveryZone.objects.filter(pk=zone.pk).delete()
    record("delivery_zone.removed", zone, by=by, now=now)


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


def _waiting_in(counties: Iterable[str]) -> QuerySet[Patient, UUID]:
    """Of these, who lives in one of these counties (``FL Bay``)."""
    lives_in = Concat("address__state", Value(" "), "address__county")
    rows = waiting().annotate(lives_in=lives_in).filter(lives_in__in=list(counties))
    return rows.values_list("pk", flat=True)


@transaction.atomic
def add_holiday(*, day: date, name: str, effect: str, by: Actor, now: datetime) -> Holiday:
    """A day without shipping or deliveries; who chose a window of it chooses anew.

    What is ordered on that day has to be ordered sooner.
    """
    replan_many(waiting().values_list("pk", flat=True), by=by, now=now)
    before = holidays()
    row, is_new = Holiday.objects.get_or_create(day=day, defaults={"name": name, "effect": effect})
    if not is_new:
        raise Refused("wrong_state", "This day is a holiday already.", pointer="/day")
    _move_cutoffs(before, now)
    record("holiday.added", row, by=by, now=now)
    return row


@transaction.atomic
def remove_holiday(*, holiday: Holiday, by: Actor, now: datetime) -> None:
    """A day like any other again; the next sweep opens its windows."""
    before = holidays()
    if not Holiday.objects.filter(pk=holiday.pk).delete()[0]:
        raise _gone()
    _move_cutoffs(before, now)
    record("holiday.removed", holiday, by=by, now=now)


def _move_cutoffs(before: Days, now: datetime) -> None:
    """Other holidays, other cut-offs, of the windows to come; what staff said otherwise stays."""
    after = holidays()
    ahead = DeliveryWindow.objects.filter(starts__gt=now).select_related("zone").order_by("pk")
    moved = []
    for row in ahead.select_for_update(no_key=True, of=("self",)):
        rules = rules_of(row.zone)
        if row.cutoff_at == cutoff_of(row.ship_on, rules, before):
            row.cutoff_at = cutoff_of(row.ship_on, rules, after)
            moved.append(row)
    DeliveryWindow.objects.bulk_update(moved, ["cutoff_at"])


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
    """A window beside those of the templates, or one of theirs that was taken away before.

    Raises `Refused` ``wrong_state`` for one that nobody could choose any more.
    """
    if cutoff_at <= now:
        detail = "Nobody could choose this window any more: its time to order is over."
        raise Refused("wrong_state", detail, pointer="/cutoff_at")
    if not DeliveryZone.objects.select_for_update(no_key=True).filter(pk=zone.pk):
        raise _gone()
    wanted = {"ends": ends, "ship_on": ship_on, "cutoff_at": cutoff_at, "capacity": capacity}
    row, is_new = DeliveryWindow.objects.get_or_create(zone=zone, starts=starts, defaults=wanted)
    taken_away = DeliveryWindow.objects.filter(pk=row.pk, capacity=0)
    if not (is_new or taken_away.update(**wanted)):
        raise Refused("wrong_state", "There is a window at that time already.", pointer="/starts")
    row.refresh_from_db()
    record("delivery_window.added", row, by=by, now=now)
    return row


@transaction.atomic
def change_capacity(
    *, window: DeliveryWindow, capacity: int, by: Actor, now: datetime
) -> DeliveryWindow:
    """More places in a window, or fewer, but none of those given away.

    As many as are taken: nobody chooses it any more, who has a place keeps it. Raises `Refused`
    ``wrong_state`` for fewer.
    """
    row = DeliveryWindow.objects.select_for_update(no_key=True).filter(pk=window.pk).first()
    if row is None or row.capacity == 0:
        raise _gone()
    if capacity < row.taken:
        detail = f"Places are taken already: {row.taken}. Use that number or more."
        raise Refused("wrong_state", detail, pointer="/capacity")
    row.capacity = capacity
    row.save(update_fields=["capacity"])
    record("delivery_window.capacity_changed", row, by=by, now=now)
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
def remove_window(*, window: DeliveryWindow, by: Actor, now: datetime) -> None:
    """Nobody can choose this window any more; raises `Refused` ``wrong_state`` once somebody did.

    One of a template stays, without places: else the next sweep would open it again.
    """
    row = DeliveryWindow.objects.select_for_update().filter(pk=window.pk, capacity__gt=0).first()
    if row is None:
        raise _gone()
    if row.taken or row.deliveries.exists():
        raise Refused("wrong_state", "Somebody has a place in this window.")
    starts = row.starts.astimezone(ZoneInfo(row.zone.time_zone))
    if row.zone.templates.filter(weekday=starts.weekday(), opens=starts.time()).exists():
        row.capacity = 0
        row.save(update_fields=["capacity"])
    else:
        row.delete()
    record("delivery_window.removed", window, by=by, now=now)
