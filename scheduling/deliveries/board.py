"""Reads the parcels of the practice by state, and whether anything has changed since."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Value, Window
from django.db.models.functions import Least, RowNumber

from accounts.models import User
from records.gates import UnmetGate
from records.models import Event
from scheduling.deliveries.models import Delivery, Status
from scheduling.deliveries.standing import Standing, standings_of
from scheduling.deliveries.steps import is_at_risk, is_late, possible, waits_for

# What does not go its way comes first.
COLUMNS = (
    Status.ATTEMPTED, Status.DELIVERED_UNVERIFIED, Status.HELD, Status.RETURNING,
    Status.INVESTIGATING, Status.LOST, Status.AWAITING_WINDOW, Status.SCHEDULED, Status.PACKED,
    Status.DISPATCHED, Status.OUT_FOR_DELIVERY, Status.DELIVERED,
)  # fmt: skip
OPEN = tuple(s for s in COLUMNS if s not in (Status.LOST, Status.DELIVERED))
LOST_SHOWN = timedelta(days=45)  # the form about it is due by then
SHORT, LONG = 10, 100  # cards of a column, and of a page of one that is shown in full
OVERLAP = 600  # seconds; no transaction is open for longer
LOOK_AGAIN = 300  # seconds; what time alone changes shows by then


@dataclass(frozen=True, slots=True)
class Card:
    """A parcel with what it waits for, and the verbs that are possible; ``late`` or ``at_risk``."""

    row: Delivery
    standing: Standing
    unmet: Sequence[UnmetGate]
    verbs: Sequence[str]
    late: bool
    at_risk: bool


@dataclass(slots=True)
class Column:
    """The parcels in a state: those shown after the ``first`` ones, and how many there are."""

    status: Status
    total: int = 0
    first: int = 0
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Board:
    """``mark``: for `has_changed`."""

    columns: Sequence[Column]
    mark: str


def read_board(
    user: User, wanted: Q, *, whole: str, first: int = 0, today: datetime, now: datetime
) -> Board:
    """The parcels that ``user`` sees and that ``wanted`` lets through.

    ``whole``: a column of which a page is shown, after the ``first`` ones. ``today``: when the day
    of the practice began.
    """
    since = _id_at(time.time() - OVERLAP)
    # Counted first: what happens while the parcels are read is a change to come.
    events = Event.objects.filter(pk__gte=since).count()
    found = list(_ranked(user, wanted, (whole, first), today, now).order_by("place"))
    columns = {status: Column(status) for status in COLUMNS}
    standings = standings_of({row.patient_id for row in found}, now=now) if found else {}
    for row in found:
        column = columns[Status(row.status)]
        if not column.cards:
            column.total, column.first = row.total, row.place - 1
        column.cards.append(_card(row.pk, standings[row.patient_id]))
    return Board(list(columns.values()), f"{since}.{events}.{_round(now)}")


def has_changed(mark: str, *, now: datetime) -> bool:
    """Whether anything has happened since a board was read; one query, of what is new alone.

    Whatever the board shows is written with an event, and events stay: since some id there are
    as many as there were. They are counted from a while before the board was read, so that one
    which is committed late, under a smaller id, counts too.
    """
    try:
        since, events, at = mark.split(".")
        if at != str(_round(now)) or UUID(since) < _id_at(time.time() - 86_400):
            return True
        return Event.objects.filter(pk__gte=UUID(since)).count() != int(events)
    except ValueError:
        return True


def card_of(row: Delivery, *, now: datetime) -> Card:
    """One parcel, with what it waits for and what is possible."""
    return _card(row.pk, standings_of([row.patient_id], now=now)[row.patient_id])


def _card(pk: UUID, standing: Standing) -> Card:
    row = next(row for row in standing.deliveries if row.pk == pk)  # deliveries are never deleted
    unmet = waits_for(row, standing.parcel(row))
    return Card(
        row=row,
        standing=standing,
        unmet=unmet,
        verbs=possible(row, standing),
        late=is_late(row, standing),
        at_risk=is_at_risk(row, unmet, standing),
    )


def _ranked(
    user: User, wanted: Q, whole: tuple[str, int], today: datetime, now: datetime
) -> QuerySet[Any]:
    """The first of each column by their window, each with the ``total`` of its column."""
    on_board = (
        Q(status__in=OPEN)
        | Q(status=Status.DELIVERED, delivered_at__gte=today)
        | Q(status=Status.LOST, dispatched_at__gte=now - LOST_SHOWN)
    )
    rows = Delivery.objects.visible_to(user).filter(on_board).filter(wanted)
    rows = rows.annotate(
        total=Window(Count("pk"), partition_by="status"),
        place=Window(
            RowNumber(),
            partition_by="status",
            order_by=[F("window__starts").asc(nulls_last=True), F("pk").asc()],
        ),
    )
    status, first = whole
    # The last one shows also where there are no longer as many.
    after = Least(Value(first), F("total") - 1)
    a_page = Q(status=status, place__gt=after, place__lte=after + LONG)
    shown = a_page | ~Q(status=status) & Q(place__lte=SHORT)
    return rows.filter(shown).only("pk", "patient", "status")


def _id_at(seconds: float) -> UUID:
    """The smallest id of an instant."""
    return UUID(int=int(seconds * 1000) << 80)


def _round(now: datetime) -> int:
    return int(now.timestamp()) // LOOK_AGAIN
