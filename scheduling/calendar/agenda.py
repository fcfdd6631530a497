"""Reads what slots are computed from: every physician's agenda in one query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, JSONObject

from scheduling.calendar.models import (
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from scheduling.calendar.slots import Agenda, Licensed
from scheduling.intervals import Interval


class Lower(Func):
    function = "lower"


class Upper(Func):
    function = "upper"


def agendas(
    *, within: Interval, now: datetime, physicians: Iterable[UUID] | None = None
) -> list[Agenda]:
    """The agendas of all active physicians, or of those given, by id; one query.

    ``within`` bounds what is read of openings, time off and reservations. A hold whose time is
    over is not there.
    """
    rows = Physician.objects.filter(is_active=True)
    if physicians is not None:
        rows = rows.filter(pk__in=list(physicians))
    return [_agenda(row) for row in _with_time(rows, within, now).order_by("pk")]


@dataclass(frozen=True, slots=True)
class Known:
    """Where a physician may practise, and when they are away."""

    licences: Sequence[Licensed]
    time_off: Sequence[Interval]


def known_of(physicians: Iterable[UUID]) -> dict[UUID, Known]:
    """Licences and all time off of these physicians; one query, or none for nobody."""
    wanted = set(physicians)
    mine = Q(physician=OuterRef("pk"))
    rows: Any = Physician.objects.filter(pk__in=wanted).annotate(
        licences_=_rows(Licence.objects.filter(mine), "state", "valid_from", "expires_on"),
        time_off_=_rows(TimeOff.objects.filter(mine), "start", "end"),
    )
    return {
        row["pk"]: Known(_licences(row), [_interval(r) for r in row["time_off_"]])
        for row in (rows.values("pk", "licences_", "time_off_") if wanted else ())
    }


def _with_time(rows: QuerySet[Physician], within: Interval, now: datetime) -> Any:
    mine = Q(physician=OuterRef("pk"))
    meets = Q(start__lt=within.end, end__gt=within.start)
    alive = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    spans = {"start": "start", "end": "end"}
    return rows.annotate(
        hours_=_rows(WorkingHours.objects.filter(mine), "weekday", "opens", "closes"),
        licences_=_rows(Licence.objects.filter(mine), "state", "valid_from", "expires_on"),
        openings_=_rows(Opening.objects.filter(mine & meets), *spans),
        time_off_=_rows(TimeOff.objects.filter(mine & meets), *spans),
        busy_=ArraySubquery(
            Reservation.objects.filter(mine & alive, busy__overlap=(within.start, within.end))
            .annotate(row=JSONObject(start=Lower(F("busy")), end=Upper(F("busy"))))
            .values("row")
        ),
    ).values("pk", "time_zone", "hours_", "licences_", "openings_", "time_off_", "busy_")


def _rows(rows: QuerySet, *names: str) -> ArraySubquery:  # type: ignore[type-arg]
    cells = {
        name: Cast(F(name), TextField()) if name in ("opens", "closes") else F(name)
        for name in names
    }
    return ArraySubquery(rows.annotate(row=JSONObject(**cells)).values("row"))


def _agenda(row: dict[str, Any]) -> Agenda:
    return Agenda(
        physician=row["pk"],
        time_zone=row["time_zone"],
        hours=[
            (r["weekday"], time.fromisoformat(r["opens"]), time.fromisoformat(r["closes"]))
            for r in row["hours_"]
        ],
        licences=_licences(row),
        openings=[_interval(r) for r in row["openings_"]],
        time_off=[_interval(r) for r in row["time_off_"]],
        busy=[_interval(r) for r in row["busy_"]],
    )


def _licences(row: dict[str, Any]) -> list[Licensed]:
    return [
        Licensed(
            r["state"], date.fromisoformat(r["valid_from"]), date.fromisoformat(r["expires_on"])
        )
        for r in row["licences_"]
    ]


def _interval(row: dict[str, str]) -> Interval:
    return Interval(datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"]))
