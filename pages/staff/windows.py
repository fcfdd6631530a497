"""Windows with their load, and what takes them away: closures, holidays; zones of counties."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import Role
from accounts.practice import practice
from pages.page import Invalid, Page
from pages.staff.cards import window_words
from pages.staff.window_forms import (
    CapacityForm,
    ClosureForm,
    DaysForm,
    HolidayForm,
    TakeForm,
    WindowForm,
    ZoneForm,
    in_zone,
)
from pages.staff.words import TITLES
from patients.api import found
from scheduling.calendar.api import days
from scheduling.deliveries.models import Delivery, Status
from scheduling.deliveries.windows import actions
from scheduling.deliveries.windows.models import Closure, DeliveryWindow, DeliveryZone, Holiday
from scheduling.deliveries.windows.shipping import cutoff_of
from scheduling.intervals import on_day
from scheduling.subscriptions.actions import local_day

SHOWN = 14  # days at once
NOTHING_LEFT = "Nobody chooses this window any more; who has a place keeps it."


def pk_in(data: Mapping[str, Any], key: str) -> UUID:
    """The id that a button sends; what is none is nothing that there is."""
    try:
        return UUID(str(data.get(key, "")))
    except ValueError as error:
        raise Http404 from error


class Windows(Page):
    """The windows of a zone for two weeks: how many places are taken, and how many there are."""

    roles = (Role.STAFF,)
    template = "pages/staff/windows.html"
    typed: WindowForm | None = None

    def facts(self) -> Mapping[str, Any]:
        zones = list(DeliveryZone.objects.all())
        asked = DaysForm(self.request.GET)
        asked.is_valid()
        wanted = asked.cleaned_data.get("zone")
        zone = next((z for z in zones if z.pk == wanted), zones[0] if zones else None)
        first = asked.cleaned_data.get("first") or self._today(zone)
        last = first + timedelta(days=SHOWN - 1)
        return {
            "here": "windows",
            "tab": "windows",
            "zones": zones,
            "zone": zone,
            "days": self._days(zone, first, last) if zone else [],
            "first": first,
            "last": last,
            "before": first - timedelta(days=SHOWN),
            "after": last + timedelta(days=1),
            "form": self.typed or WindowForm(initial={"day": first}),
        }

    def _today(self, zone: DeliveryZone | None) -> date:
        return local_day(self.now, (zone or practice()).time_zone)

    def _days(self, zone: DeliveryZone, first: date, last: date) -> list[dict[str, Any]]:
        span = days(first, last, zone.time_zone)
        rows = DeliveryWindow.objects.filter(
            zone=zone, starts__gte=span.start, starts__lt=span.end, capacity__gt=0
        )
        off = {row.day: row for row in Holiday.objects.filter(day__range=(first, last))}
        by_day = groupby(rows, key=lambda row: local_day(row.starts, zone.time_zone))
        windows = {day: [_load(row, zone) for row in of_day] for day, of_day in by_day}
        every = (first + timedelta(days=n) for n in range(SHOWN))
        return [
            {"day": day, "holiday": off.get(day), "windows": windows.get(day, [])} for day in every
        ]

    def _window(self) -> DeliveryWindow:
        rows = DeliveryWindow.objects.filter(capacity__gt=0)
        row: DeliveryWindow = found(rows, pk_in(self.request.POST, "window"))
        return row

    def do_capacity(self) -> HttpResponseBase | None:
        row = self._window()
        said = self.read(CapacityForm(self.request.POST), "capacity")
        places = said["capacity"]
        actions.change_capacity(window=row, capacity=places, by=self.by(), now=self.now)
        messages.success(self.request, f"This window has {places} places now.")
        return None

    def do_close(self) -> HttpResponseBase | None:
        row = self._window()
        if row.taken:
            actions.change_capacity(window=row, capacity=row.taken, by=self.by(), now=self.now)
            messages.success(self.request, NOTHING_LEFT)
        else:
            actions.remove_window(window=row, by=self.by(), now=self.now)
            messages.success(self.request, "The window is taken away.")
        return None

    def do_add(self) -> HttpResponseBase | None:
        zone = found(DeliveryZone.objects.all(), pk_in(self.request.POST, "zone"))
        self.typed = WindowForm(self.request.POST)
        said = self.read(self.typed)
        ship_on = said["ship_on"] or said["day"] - timedelta(days=zone.transit_days)
        rules = actions.rules_of(zone)
        cutoff = (
            in_zone(said["cutoff"], zone.pharmacy_time_zone)
            if said["cutoff"]
            else cutoff_of(ship_on, rules, actions.holidays())
        )
        span = on_day(said["day"], said["opens"], said["closes"], zone.time_zone)
        if span.end <= span.start:
            self.typed.add_error("closes", "The clocks skip this time that night.")
            raise Invalid(self.typed, "form")
        actions.add_window(
            zone=zone,
            starts=span.start,
            ends=span.end,
            ship_on=ship_on,
            cutoff_at=cutoff,
            capacity=said["capacity"],
            by=self.by(),
            now=self.now,
        )
        messages.success(self.request, "The window is open.")
        return redirect(f"{reverse('windows')}?zone={zone.pk}&first={said['day']}")


def _load(row: DeliveryWindow, zone: DeliveryZone) -> dict[str, Any]:
    part = row.taken / row.capacity
    return {
        "row": row,
        "words": window_words(row.starts, row.ends, zone.time_zone),
        "hours": window_words(row.starts, row.ends, zone.time_zone).split(", ", 2)[2],
        "is_full": row.taken >= row.capacity,
        "is_nearly_full": part >= 0.8,
        "places": CapacityForm(
            initial={"window": row.pk, "capacity": row.capacity}, auto_id=f"places-{row.pk}-%s"
        ),
    }


class Closures(Page):
    """Counties to which nothing is brought for a time; whom that meets is shown first."""

    roles = (Role.STAFF,)
    template = "pages/staff/closures.html"
    typed: ClosureForm | None = None
    met: list[dict[str, Any]] | None = None

    def facts(self) -> Mapping[str, Any]:
        rows = Closure.objects.filter(lifted_at=None, end__gt=self.now).order_by("start")[:100]
        return {
            "here": "windows",
            "tab": "closures",
            "closures": rows,
            "form": self.typed or ClosureForm(initial={"time_zone": self.practice.time_zone}),
            "met": self.met,
        }

    def _read(self) -> dict[str, Any]:
        self.typed = ClosureForm(self.request.POST)
        said = self.read(self.typed)
        span = self.typed.span()
        return {
            "counties": said["counties"],
            "start": span.start,
            "end": span.end,
            "reason": said["reason"],
        }

    def do_preview(self) -> HttpResponseBase:
        """Whom it would meet; nothing is changed."""
        return self._preview(self._read())

    def _preview(self, said: Mapping[str, Any], **more: Any) -> HttpResponse:
        would_be = Closure(**said)
        rows = Delivery.objects.visible_to(self.user).met_by(would_be)
        meets = list(rows.select_related("window", "patient__address"))
        self.looked("delivery", meets)
        self.met = [_met(row) for row in meets]
        return self.page(previewed=_where_and_when(said), **more)

    def do_save(self) -> HttpResponseBase | None:
        """What was shown, and nothing else: something else is shown first."""
        said = self._read()
        if self.request.POST.get("previewed") != _where_and_when(said):
            return self._preview(said, is_other=True, status=409)
        actions.close_counties(**said, by=self.by(), now=self.now)
        messages.success(self.request, "These counties are closed; who is met chooses anew.")
        return None

    def do_lift(self) -> HttpResponseBase | None:
        row = found(Closure.objects.filter(lifted_at=None), pk_in(self.request.POST, "closure"))
        actions.lift_closure(closure=row, by=self.by(), now=self.now)
        messages.success(self.request, "These counties are open again.")
        return None


def _where_and_when(said: Mapping[str, Any]) -> str:
    """What decides whom a closure meets."""
    when = (said["start"].isoformat(), said["end"].isoformat())
    return ",".join((*when, *sorted(said["counties"])))


def _met(row: Delivery) -> dict[str, Any]:
    window, patient = row.window, row.patient
    return {
        "row": row,
        "name": f"{patient.first_name} {patient.last_name}",
        "place": patient.address.city if patient.address else "",
        "window": window_words(window.starts, window.ends, patient.time_zone) if window else "",
        "status": TITLES[Status(row.status)],
    }


class Holidays(Page):
    """Days on which nothing is shipped, or nothing delivered."""

    roles = (Role.STAFF,)
    template = "pages/staff/holidays.html"
    typed: forms.Form | None = None

    def facts(self) -> Mapping[str, Any]:
        today = local_day(self.now, practice().time_zone)
        rows = Holiday.objects.filter(day__gte=today).order_by("day")[:100]
        return {
            "here": "windows",
            "tab": "holidays",
            "holidays": rows,
            "form": self.typed or HolidayForm(),
        }

    def do_add(self) -> HttpResponseBase | None:
        self.typed = HolidayForm(self.request.POST)
        said = self.read(self.typed)
        actions.add_holiday(**said, by=self.by(), now=self.now)
        messages.success(self.request, f"{said['name']} is a holiday.")
        return None

    def do_remove(self) -> HttpResponseBase | None:
        row = found(Holiday.objects.all(), pk_in(self.request.POST, "holiday"))
        actions.remove_holiday(holiday=row, by=self.by(), now=self.now)
        messages.success(self.request, "It is a day like any other again.")
        return None


class Zones(Page):
    """Counties that share windows."""

    roles = (Role.STAFF,)
    template = "pages/staff/zones.html"
    typed: ZoneForm | None = None
    taken: TakeForm | None = None

    def facts(self) -> Mapping[str, Any]:
        zones = list(DeliveryZone.objects.prefetch_related("counties", "templates"))
        return {
            "here": "windows",
            "tab": "zones",
            "zones": [_zone(zone) for zone in zones],
            "form": self.typed or ZoneForm(),
            "take": self.taken or TakeForm(zones=zones, auto_id="take_%s"),
        }

    def _zone(self) -> DeliveryZone:
        row: DeliveryZone = found(DeliveryZone.objects.all(), pk_in(self.request.POST, "zone"))
        return row

    def do_add(self) -> HttpResponseBase | None:
        self.typed = ZoneForm(self.request.POST)
        said = self.read(self.typed)
        zone = actions.add_zone(
            name=said["name"],
            time_zone=said["time_zone"],
            counties=said["counties"],
            templates=self.typed.templates(),
            cutoff=said["cutoff"],
            transit_days=said["transit_days"],
            ship_weekdays=said["ship_weekdays"],
            by=self.by(),
            now=self.now,
        )
        messages.success(self.request, f"{zone.name} is a zone; its windows open in a moment.")
        return None

    def do_take(self) -> HttpResponseBase | None:
        zone = self._zone()
        zones = DeliveryZone.objects.all()
        self.taken = TakeForm(self.request.POST, zones=zones, auto_id="take_%s")
        said = self.read(self.taken, "take")
        counties = said["counties"]
        actions.take_counties(zone=zone, counties=counties, by=self.by(), now=self.now)
        messages.success(self.request, f"{', '.join(counties)}: of {zone.name} from now on.")
        return None

    def do_remove(self) -> HttpResponseBase | None:
        zone = self._zone()
        actions.remove_zone(zone=zone, by=self.by(), now=self.now)
        messages.success(self.request, f"{zone.name} is taken away; its counties are free.")
        return None


def _zone(zone: DeliveryZone) -> dict[str, Any]:
    names = dict(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
    templates = sorted(zone.templates.all(), key=lambda t: (t.weekday, t.opens))
    return {
        "row": zone,
        "counties": sorted(f"{c.county}, {c.state}" for c in zone.counties.all()),
        "ships": ", ".join(names[day] for day in zone.ship_weekdays),
        "windows": [
            f"{names[t.weekday]} {t.opens:%H:%M} to {t.closes:%H:%M}, {t.capacity} places"
            for t in templates
        ],
    }
