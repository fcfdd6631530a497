"""Every write about whose time is whose: holds, reservations, hours, time off, licences."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from accounts.models import Role, User
from accounts.people import actions as people
from accounts.tokens import digest
from patients.actions import replan_many
from records.actor import Actor, sweep
from records.events import kind_of, raise_work_item, record
from records.models import WorkItem
from records.refused import Refused
from records.values import in_force
from scheduling.calendar.agenda import agendas
from scheduling.calendar.models import (
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from scheduling.calendar.slots import Agenda, Offer, free_slots, licensed, offer_of
from scheduling.intervals import Interval

DAY = timedelta(days=1)
AHEAD = timedelta(days=14)  # how far the next free slots are looked for
HOLDS_OF_ONE = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """Which time is wanted, for whom: the state and zone (IANA) are those of the patient."""

    start: datetime
    kind: str
    state: str
    zone: str
    physician: UUID | None = None


@contextmanager
def one_place_at_a_time() -> Iterator[None]:
    """A transaction in which what the constraints of `Reservation` refuse becomes a refusal."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if name == "physician_is_in_one_place":
            raise Refused("slot_taken", "Somebody else has just taken this time.") from error
        if name == "patient_is_in_one_place":
            detail = "There is something else at that time already."
            raise Refused("patient_busy", detail) from error
        raise


def lock_physicians(physicians: Iterable[UUID] | None) -> dict[UUID, Physician]:
    """Lock these physicians, or all active ones, by id: the second lock after the patient."""
    rows = Physician.objects.filter(is_active=True)
    if physicians is not None:
        rows = Physician.objects.filter(pk__in=set(physicians))
    return {row.pk: row for row in rows.select_for_update(no_key=True).order_by("pk")}


def choose(
    wish: Wish,
    locked: Iterable[UUID],
    *,
    now: datetime,
    ignoring: Reservation | None = None,
    offer: Offer | None = None,
    back: bool = False,
) -> tuple[Agenda, Interval, Offer]:
    """The physician who is free for the wish, the slot, and its buffers.

    Call it with the physicians locked. ``ignoring`` is the reservation that the wish already has:
    what was held or is moved. ``offer`` is that of the wish's kind of consultation, unless given.
    ``back``: it goes back to a time that it has just had, however soon that is. Raises `Refused`
    ``in_the_past``, ``too_far_ahead``, ``not_offered`` or ``slot_taken``, the last two with
    ``next_slots``.
    """
    offer = offer or offer_of(wish.kind, in_force(now), now)
    check_ahead(wish.start, offer, now)
    was_held = ignoring is not None and ignoring.expires_at is not None
    if back or was_held:  # it was booked or held in time; this may be later
        offer = replace(offer, earliest=now)
    found = agendas(
        within=Interval(wish.start - 2 * DAY, wish.start + AHEAD), now=now, physicians=locked
    )
    for agenda in found:
        open_agenda = without(agenda, ignoring)
        slot = _slot_at(open_agenda, offer, wish)
        if slot:
            return agenda, slot, offer
    raise _no_slot(found, offer, wish)


def check_ahead(start: datetime, offer: Offer, now: datetime) -> None:
    """Raise `Refused` ``in_the_past`` or ``too_far_ahead`` for a time out of reach."""
    if start <= now:
        raise Refused("in_the_past", "That time has passed.", pointer="/start")
    if start >= offer.latest:
        raise Refused(
            "too_far_ahead", "That is further ahead than can be booked.", pointer="/start"
        )


def without(agenda: Agenda, reservation: Reservation | None) -> Agenda:
    """The agenda as if the reservation were not there."""
    if reservation is None or reservation.physician_id != agenda.physician:
        return agenda
    own = Interval(reservation.busy.lower, reservation.busy.upper)
    return replace(agenda, busy=[busy for busy in agenda.busy if busy != own])


def reserve(
    *,
    patient_id: UUID,
    period: Interval,
    physician: UUID | None,
    busy: Interval | None,
    now: datetime,
    reservation: Reservation | None = None,
) -> Reservation:
    """Write the time down for both, in a new row or in the one that was held or is moved.

    ``period`` is the patient's time, ``busy`` the physician's with its buffers, if one takes part.
    Holds in the way whose time is over are released here, on both axes, in this transaction.
    """
    _release_expired(physician, busy, patient_id, period, now)
    row = reservation or Reservation()
    row.patient_id, row.period = patient_id, (period.start, period.end)
    row.physician_id, row.busy = physician, (busy.start, busy.end) if busy else None
    row.expires_at, row.hold_start = None, None
    row.hold_secret = row.hold_browser = row.hold_kind = row.hold_state = ""
    row.save()
    return row


def held(hold_id: UUID | None, secret: str, wish: Wish, now: datetime) -> Reservation | None:
    """The living hold on exactly this wish that ``secret`` opens, locked; else None.

    A wish that names no physician means the one who is held.
    """
    if hold_id is None:
        return None
    rows = Reservation.objects.select_for_update(no_key=True).filter(
        pk=hold_id,
        hold_secret=digest(secret),
        expires_at__gt=now,
        hold_start=wish.start,
        hold_kind=wish.kind,
        hold_state=wish.state,
    )
    if wish.physician:
        rows = rows.filter(physician=wish.physician)
    return rows.first()


def take_hold(
    *, wish: Wish, browser: str, now: datetime, instead: tuple[UUID, str] | None = None
) -> tuple[Reservation, str]:
    """Hold a slot for ten minutes; returns it with the secret that opens it.

    ``instead`` of another hold (its id and secret), which is given back with it, or kept when this
    one is refused: also the same slot can be taken once more, for another ten minutes. Two live at
    once of a ``browser``, of which the hash is kept. Raises what `choose` raises, and
    ``over_budget``.
    """
    secret = secrets.token_urlsafe(24)
    with one_place_at_a_time():
        _lock_browser(browser)
        locked = lock_physicians([wish.physician] if wish.physician else None)
        if instead:
            give_back(*instead)
        _check_holds(browser, now)
        agenda, slot, offer = choose(wish, locked, now=now)
        busy = slot.padded(offer.before, offer.after)
        _release_expired(agenda.physician, busy, None, slot, now)
        minutes = in_force(now)["hold_minutes"]
        hold = Reservation.objects.create(
            physician_id=agenda.physician,
            busy=(busy.start, busy.end),
            period=(slot.start, slot.end),
            expires_at=now + timedelta(minutes=minutes),
            hold_start=slot.start,
            hold_kind=wish.kind,
            hold_state=wish.state,
            hold_secret=digest(secret),
            hold_browser=digest(browser),
        )
    return hold, secret


def give_back(hold_id: UUID, secret: str) -> None:
    """The hold that this secret opens, if there is one still, is nobody's any more."""
    rows = Reservation.objects.filter(expires_at__isnull=False)
    rows.filter(pk=hold_id, hold_secret=digest(secret)).delete()


@transaction.atomic
def release_hold(*, hold_id: UUID, secret: str) -> None:
    """Give a held slot back; raises DoesNotExist for a hold that this secret does not open."""
    # Locked first: while we waited for its booking, it may have become a consultation's.
    rows = Reservation.objects.select_for_update().filter(expires_at__isnull=False)
    rows.get(pk=hold_id, hold_secret=digest(secret)).delete()


@transaction.atomic
def release_expired_holds(*, now: datetime) -> int:
    """Delete the holds whose time is over and which nobody is taking just now."""
    rows = Reservation.objects.expired(now).select_for_update(skip_locked=True).order_by("pk")
    expired = list(rows.values_list("pk", flat=True))
    return Reservation.objects.filter(pk__in=expired).delete()[0]


def next_slots(
    found: Sequence[Agenda], offer: Offer, wish: Wish, *, count: int = 3
) -> list[dict[str, Any]]:
    """The next free slots from the wished start on, soonest first."""
    within = Interval(wish.start, wish.start + AHEAD - DAY)
    slots = [
        (slot.start, slot.end, agenda.physician)
        for agenda in found
        for slot in free_slots(agenda, offer, state=wish.state, within=within, zone=wish.zone)
    ]
    return [
        {"physician": physician, "start": start, "end": end, "time_zone": wish.zone}
        for start, end, physician in sorted(slots)[:count]
    ]


# --- a physician's hours ------------------------------------------------------------------------


@transaction.atomic
def add_working_hours(
    *, physician: Physician, weekday: int, opens: time, closes: time, by: Actor, now: datetime
) -> WorkingHours:
    """Hours of a weekday, every week, in the physician's zone."""
    row = WorkingHours.objects.create(
        physician=physician, weekday=weekday, opens=opens, closes=closes
    )
    record("working_hours.added", row, by=by, now=now)
    return row


@transaction.atomic
def add_opening(
    *, physician: Physician, start: datetime, end: datetime, by: Actor, now: datetime
) -> Opening:
    """Additional hours, once."""
    row = Opening.objects.create(physician=physician, start=start, end=end)
    record("opening.added", row, by=by, now=now)
    return row


@transaction.atomic
def add_time_off(
    *, physician: Physician, start: datetime, end: datetime, by: Actor, now: datetime
) -> TimeOff:
    """Time that is not offered any more. Nothing is cancelled: what is in it is at risk."""
    _follow(physician.pk, by, now)
    lock_physicians([physician.pk])
    row = TimeOff.objects.create(physician=physician, start=start, end=end)
    record("time_off.added", row, by=by, now=now)
    return row


@transaction.atomic
def add_licence(
    *,
    physician: Physician,
    state: str,
    number: str,
    valid_from: date,
    expires_on: date,
    by: Actor,
    now: datetime,
) -> Licence:
    """A licence; a renewal is a row of its own."""
    _follow(physician.pk, by, now)
    row = Licence.objects.create(
        physician=physician,
        state=state,
        number=number,
        valid_from=valid_from,
        expires_on=expires_on,
    )
    record("licence.added", row, by=by, now=now)
    return row


@transaction.atomic
def remove(row: WorkingHours | Opening | TimeOff | Licence, *, by: Actor, now: datetime) -> None:
    """Take hours, an opening, time off or a licence out again."""
    _follow(row.physician_id, by, now)
    lock_physicians([row.physician_id])
    record(f"{kind_of(row)}.removed", row, by=by, now=now)
    row.delete()


# --- the pieces --------------------------------------------------------------------------------


def _follow(physician: UUID, by: Actor, now: datetime) -> None:
    """Whoever has time with a physician ahead is replanned; patients are locked first."""
    ahead = Reservation.objects.filter(physician=physician, busy__endswith__gt=now)
    patients = ahead.exclude(patient=None).values_list("patient", flat=True)
    replan_many([pk for pk in patients if pk], by=by, now=now)


def _slot_at(agenda: Agenda, offer: Offer, wish: Wish) -> Interval | None:
    within = Interval(wish.start, wish.start + timedelta(microseconds=1))
    slots = free_slots(agenda, offer, state=wish.state, within=within, zone=wish.zone)
    return next(slots, None)


def _no_slot(found: Sequence[Agenda], offer: Offer, wish: Wish) -> Refused:
    """Why there is no such slot: taken, or never on offer; with the next ones that are."""
    able = [a for a in found if licensed(a.licences, wish.state, wish.start, wish.zone)]
    if found and not able:
        return Refused(
            "not_offered", "Nobody of us may practise in this state on that day.", next_slots=[]
        )
    was_free = any(_slot_at(replace(agenda, busy=[]), offer, wish) for agenda in able)
    code, detail = (
        ("slot_taken", "Somebody else has this time.")
        if was_free
        else ("not_offered", "This time is not offered.")
    )
    return Refused(code, detail, next_slots=next_slots(found, offer, wish))


def _release_expired(
    physician: UUID | None,
    busy: Interval | None,
    patient_id: UUID | None,
    period: Interval,
    now: datetime,
) -> None:
    in_the_way = Q(patient=patient_id, period__overlap=(period.start, period.end))
    if busy:
        in_the_way |= Q(physician=physician, busy__overlap=(busy.start, busy.end))
    # One statement: no consultation ever refers to a hold, so nothing has to be collected.
    rows = Reservation.objects.expired(now).filter(in_the_way)
    rows._raw_delete(rows.db)  # noqa: SLF001


def _lock_browser(browser: str) -> None:
    """The first lock of who takes a hold, and of nobody else: two at once are counted in turn."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [digest(browser)])


def _check_holds(browser: str, now: datetime) -> None:
    living = Reservation.objects.filter(expires_at__gt=now)
    if living.filter(hold_browser=digest(browser)).count() >= HOLDS_OF_ONE:
        raise Refused(
            "over_budget", "You hold two times already. Book or release one.", retry_after=600
        )


# --- whoever is a physician by their account ---------------------------------------------------


@transaction.atomic
def join(*, token: str, password: str, now: datetime) -> User:
    """As `people.set_password`; a physician who joins has a calendar from then on."""
    return _with_calendar(people.set_password(token=token, password=password, now=now), now)


@transaction.atomic
def change_role(*, user: User, role: str, by: Actor, now: datetime) -> User:
    """As `people.change_role`; the calendar of who is no physician any more offers nothing."""
    return _with_calendar(people.change_role(user=user, role=role, by=by, now=now), now)


@transaction.atomic
def deactivate(*, user: User, by: Actor, now: datetime) -> User:
    """As `people.deactivate`; their calendar offers nothing any more."""
    return _with_calendar(people.deactivate(user=user, by=by, now=now), now)


@transaction.atomic
def reactivate(*, user: User, by: Actor, now: datetime) -> User:
    """As `people.reactivate`; a physician's calendar offers again."""
    return _with_calendar(people.reactivate(user=user, by=by, now=now), now)


def _with_calendar(user: User, now: datetime) -> User:
    """The account, once its physician follows; staff move what was planned with who has left."""
    works = user.is_active and user.role == Role.PHYSICIAN
    if works:
        Physician.objects.get_or_create(user=user, defaults={"name": user.name})
    for physician in Physician.objects.select_for_update(no_key=True).filter(user=user):
        physician.is_active = works
        physician.save(update_fields=["is_active"])
        ahead = Reservation.objects.filter(physician=physician, busy__endswith__gt=now)
        if not works and ahead.exists():
            raise_work_item(
                "physician_left",
                physician,
                detail="This physician does not work here any more: move what is planned.",
                urgency=WorkItem.Urgency.TODAY,
                for_role=Role.STAFF,
                by=sweep(),
                now=now,
            )
    return user
