"""Every write about sessions: plan, move, cancel, pre-check, start, finish, check in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Role
from patients.actions import hold_patient, lock_patient, replan_soon
from patients.models import Patient, SupportPerson
from records.actor import Actor
from records.events import raise_work_item, record
from records.gates import UnmetGate, pass_gates
from records.models import WorkItem
from records.refused import Refused
from scheduling.calendar.actions import (
    Wish,
    choose,
    lock_physicians,
    one_place_at_a_time,
    reserve,
    without,
)
from scheduling.calendar.agenda import Known, agendas, known_of
from scheduling.calendar.models import Reservation
from scheduling.calendar.slots import Offer, free_slots, licensed, offer_of
from scheduling.consultations.actions import licences_of
from scheduling.consultations.gates import standing_gates
from scheduling.deliveries.models import OVER, Delivery
from scheduling.deliveries.models import Status as Parcel
from scheduling.deliveries.standing import Standing, standing_of, standings_of
from scheduling.intervals import Interval, wall_before
from scheduling.sessions.gates import (
    MEASURE_BEFORE,
    NOT_DELIVERED,
    START_BEFORE,
    SUPPORT_PERSON_ABSENT,
    SessionFacts,
    above_limits,
    general_gates,
    hold_gates,
    plan_gates,
    start_gates,
    waiting_gates,
)
from scheduling.sessions.models import (
    HOLDS_TIME,
    TO_COME,
    TRANSITIONS,
    USED,
    Reading,
    Status,
    TreatmentSession,
)
from scheduling.subscriptions.actions import local_day
from scheduling.subscriptions.billing import month, month_of
from scheduling.subscriptions.models import BillingPeriod


@dataclass(frozen=True, slots=True)
class Times:
    """When a session may start; ``supervised``: with a physician. ``unmet``: why at no time.

    ``others``: the sessions that the patient has beside the one that is moved.
    """

    slots: Sequence[Interval]
    supervised: bool
    unmet: Sequence[UnmetGate]
    others: Sequence[TreatmentSession]


def plan(
    *,
    patient: Patient,
    start: datetime,
    by: Actor,
    now: datetime,
    override_reason: str = "",
) -> TreatmentSession:
    """Plan a session; the first ones also take some of the physician's time.

    Raises `Refused` ``gate_unmet``, ``not_offered`` outside the hours (which a physician or staff
    override with a reason), ``in_the_past``, ``too_far_ahead``, ``patient_busy``, and for a
    supervised one ``slot_taken`` and ``not_offered`` with ``next_slots``.
    """
    with one_place_at_a_time():
        lock_patient(patient.pk)
        standing = standing_of(patient.pk, now=now)
        others = sessions_of(patient.pk)
        session = TreatmentSession(
            patient=standing.patient,
            planned_at=now,
            channel=by.channel,
            override_reason=override_reason,
        )
        _take_time(session, start, standing, others)
        session.save()
        _tell("session.planned", session, by=by, now=now)
    return session


def reschedule(
    *,
    session: TreatmentSession,
    start: datetime,
    by: Actor,
    now: datetime,
    override_reason: str = "",
    version: int | None = None,
) -> TreatmentSession:
    """Give a session that is to come, or was held, another time; raises what `plan` raises."""
    with one_place_at_a_time():
        standing, locked, others = _lock(session, version, now)
        _in(locked, Status.SCHEDULED, Status.HELD)
        if locked.status == Status.SCHEDULED and now >= locked.start and by.is_patient:
            raise Refused("too_late", "Your session has begun. Please call us.")
        was = locked.start
        locked.override_reason = override_reason
        _take_time(locked, start, standing, [row for row in others if row.pk != locked.pk])
        locked.held_because, locked.held_at, locked.cleared_at = "", None, None
        locked.revision += 1
        _move(
            locked, Status.SCHEDULED, "start", "end", "physician", "override_reason",
            "held_because", "held_at", "cleared_at", "revision",
        )  # fmt: skip
        _tell("session.rescheduled", locked, by=by, now=now, was=was.isoformat())
    return locked


@transaction.atomic
def cancel(
    *, session: TreatmentSession, by: Actor, now: datetime, version: int | None = None
) -> TreatmentSession:
    """It does not take place; its time is free."""
    locked = _lock_alone(session, version)
    cancel_now(locked, by=by, now=now)
    return locked


def cancel_now(locked: TreatmentSession, *, by: Actor, now: datetime) -> None:
    """Cancel a session of a locked patient."""
    locked.held_because, locked.held_at = "", None
    locked.cancelled_at = now
    _move(locked, Status.CANCELLED, "held_because", "held_at", "cancelled_at")
    _tell("session.cancelled", locked, by=by, now=now)


@transaction.atomic
def pre_check(
    *,
    session: TreatmentSession,
    state: str,
    support_person_present: bool,
    systolic: int,
    diastolic: int,
    pulse: int,
    measured_at: datetime,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> TreatmentSession:
    """Readings before the start. Above the physician's limits the session is held for him.

    Raises `Refused` ``too_early`` before the hour of the start, ``invalid`` for a reading that is
    too old or to come, ``blocked_location`` outside Florida and New Jersey, ``gate_unmet`` when the
    one who stays is not there.
    """
    standing, locked, _ = _lock(session, version, now)
    _in(locked, Status.SCHEDULED)
    if now < locked.start - MEASURE_BEFORE:
        raise Refused("too_early", "Please measure within the hour before your session.")
    if now >= locked.end:
        raise Refused("too_late", "The time of this session is over. Please choose another one.")
    oldest = now - timedelta(minutes=standing.values["reading_max_age"])
    if not oldest <= measured_at <= now:
        raise Refused("invalid", "Please measure again now.", pointer="/measured_at")
    attended_by = locked.physician
    allowed = attended_by is None or licensed(licences_of(attended_by), state, now, standing.zone)
    if state not in ("FL", "NJ") or not allowed:
        raise Refused(
            "blocked_location",
            "A session is held in Florida or New Jersey. In an emergency call 911, or 988.",
        )
    if not support_person_present:
        pass_gates([SUPPORT_PERSON_ABSENT])
    _keep_reading(locked, Reading.Moment.BEFORE, systolic, diastolic, pulse, measured_at)
    locked.location_state = state
    if above_limits(systolic, diastolic, pulse, standing.values):
        _save(locked, "location_state")
        _hold_for_physician(locked, by=by, now=now)
        return locked
    locked.cleared_at = measured_at
    _save(locked, "location_state", "cleared_at")
    _tell("session.pre_checked", locked, by=by, now=now)
    return locked


@transaction.atomic
def start(
    *, session: TreatmentSession, by: Actor, now: datetime, version: int | None = None
) -> TreatmentSession:
    """The medication is taken: every gate is asked once more, and the parcel is marked as used.

    Raises `Refused` ``gate_unmet``, ``too_early``, ``too_late``, ``wrong_state``, ``stale``.
    """
    standing, locked, others = _lock(session, version, now)
    _in(locked, Status.SCHEDULED)
    if now < locked.start - START_BEFORE:
        raise Refused("too_early", "Please wait until it is time.")
    if now >= locked.end:
        raise Refused("too_late", "The time of this session is over. Please choose another one.")
    facts = facts_for(locked, standing, others)
    pass_gates(start_gates(facts, now))
    parcels = [parcel for parcel in _delivered(standing, now) if _left(parcel, others)]
    pass_gates([] if parcels else [NOT_DELIVERED])
    parcel = parcels[0]
    today = local_day(now, standing.zone)
    BillingPeriod.objects.filter(
        subscription=standing.subscription, starts_on__lte=today, ends_on__gt=today
    ).update(built_on_at=now)
    Delivery.objects.filter(pk=parcel.pk).update(built_on_at=now)
    locked.support_person = support_of(standing.patient.pk)
    locked.delivery, locked.started_at = parcel, now
    _move(locked, Status.IN_PROGRESS, "delivery", "support_person", "started_at")
    _tell("session.started", locked, by=by, now=now)
    return locked


@transaction.atomic
def finish(
    *,
    session: TreatmentSession,
    systolic: int,
    diastolic: int,
    pulse: int,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> TreatmentSession:
    """It is over; readings above the limits reach a physician at once."""
    standing, locked, _ = _lock(session, version, now)
    _in(locked, Status.IN_PROGRESS)
    _keep_reading(locked, Reading.Moment.AFTER, systolic, diastolic, pulse, now)
    locked.finished_at = now
    _move(locked, Status.COMPLETED, "finished_at")
    _tell("session.completed", locked, by=by, now=now)
    if above_limits(systolic, diastolic, pulse, standing.values):
        _alarm(locked, "reading", "Look at a reading after a session now.", by=by, now=now)
    return locked


@transaction.atomic
def check_in(
    *,
    session: TreatmentSession,
    feeling: str,
    note: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> TreatmentSession:
    """How the patient feels afterwards; who is unwell is called, and waits for the physician."""
    locked = _lock_alone(session, version)
    _in(locked, Status.COMPLETED)
    if locked.checked_in_at:
        raise Refused("wrong_state", "Thank you: you have told us already.")
    locked.feeling, locked.check_in_note, locked.checked_in_at = feeling, note, now
    _save(locked, "feeling", "check_in_note", "checked_in_at")
    _tell("session.checked_in", locked, by=by, now=now)
    if feeling == TreatmentSession.Feeling.UNWELL:
        _alarm(locked, "check_in", "Call this patient about the check-in now.", by=by, now=now)
    return locked


def hold_now(locked: TreatmentSession, because: str, *, by: Actor, now: datetime) -> None:
    """Hold a session of a locked patient: its times are free, the patient chooses others."""
    locked.held_because, locked.held_at, locked.cleared_at = because, now, None
    locked.revision += 1
    _move(locked, Status.HELD, "held_because", "held_at", "cleared_at", "revision")
    _tell("session.held", locked, by=by, now=now)


def miss(locked: TreatmentSession, *, by: Actor, now: datetime) -> None:
    """Its time went by and nobody started it."""
    _move(locked, Status.MISSED)
    _tell("session.missed", locked, by=by, now=now)


# --- what others ask ---------------------------------------------------------------------------


def sessions_of(patient_id: UUID) -> list[TreatmentSession]:
    """All sessions of a patient, the first one first."""
    rows = TreatmentSession.objects.filter(patient=patient_id).select_related("physician")
    return list(rows.order_by("start", "pk"))


def support_of(patient_id: UUID) -> SupportPerson | None:
    """The person who stays with a patient: the one named last."""
    return SupportPerson.objects.filter(patient=patient_id).order_by("-pk").first()


def facts_for(
    session: TreatmentSession,
    standing: Standing,
    others: Iterable[TreatmentSession],
    known: Mapping[UUID, Known] | None = None,
) -> SessionFacts:
    """What the gates of a session ask; ``others`` are all of the patient's sessions.

    ``known``: their physicians, where somebody has read them for many.
    """
    rows = [row for row in others if row.pk != session.pk]
    stand = [row for row in rows if row.status in HOLDS_TIME]
    near = [row.start for row in stand]
    nearest = min(near, key=lambda at: abs(at - session.start), default=None)
    plan_, in_month = _month(session.start, standing, stand)
    _, earlier = _month(session.start, standing, [r for r in stand if r.start < session.start])
    _, used = _month(session.start, standing, [r for r in stand if r.status in USED])
    before = timedelta(hours=standing.values["session_held_before"])
    open_parcel = next((row for row in standing.deliveries if row.status not in OVER), None)
    window = open_parcel.window if open_parcel else None
    return SessionFacts(
        patient=standing.facts,
        outcome=standing.outcome,
        subscription=standing.subscribed,
        start=session.start,
        supply=sum(_left(p, rows) for p in _delivered(standing, session.start)),
        arrives_at=window.ends if window else None,
        left_in_month=plan_ - in_month,
        left_by_then=plan_ - earlier,
        month_paid=standing.subscribed.paid_on(local_day(session.start, standing.zone)),
        last_start=nearest,
        support=standing.support,
        cleared_at=session.cleared_at,
        held_from=wall_before(session.start, standing.zone, before),
        unattended=session.physician_id is None and is_supervised(session.start, rows, standing),
        physician_risks=_physician_risks(session, standing, known),
        unused_in_month=plan_ - used,
        values=standing.values,
    )


def _physician_risks(
    session: TreatmentSession, standing: Standing, known: Mapping[UUID, Known] | None
) -> list[UnmetGate]:
    """Licence and time off of the physician of a session that is planned."""
    pk, is_planned = session.physician_id, session.status == Status.SCHEDULED
    if pk is None or not is_planned or not standing.facts.served:
        return []
    physician = (known_of([pk]) if known is None else known)[pk]
    return standing_gates(
        served=True,
        licences=physician.licences,
        time_off=physician.time_off,
        state=standing.patient.address.state if standing.patient.address else "",
        zone=standing.zone,
        start=session.start,
        end=session.start + timedelta(minutes=standing.values["session_supervised_minutes"]),
    )


def unmet_gates(
    sessions: Sequence[TreatmentSession], *, now: datetime
) -> dict[UUID, list[UnmetGate]]:
    """What sessions to come wait for, or are held by; as many queries for many as for one."""
    coming = [row for row in sessions if row.status in TO_COME]
    patients = {row.patient_id for row in coming}
    if not coming:
        return {}
    standings = standings_of(patients, now=now)
    others: dict[UUID, list[TreatmentSession]] = {patient: [] for patient in patients}
    for row in TreatmentSession.objects.filter(patient__in=patients).order_by("start", "pk"):
        others[row.patient_id].append(row)
    known = known_of(row.physician_id for row in coming if row.physician_id)
    found = {}
    for row in coming:
        mine = row.patient_id
        facts = facts_for(row, standings[mine], others[mine], known)
        held = hold_gates(facts, now)
        found[row.pk] = held + [gate for gate in waiting_gates(facts) if gate not in held]
    return found


def times(
    patient: Patient, within: Interval, *, now: datetime, moving: TreatmentSession | None = None
) -> Times:
    """The times at which a patient may start a session, or have one that is to be moved.

    For a supervised one those at which the physician is free. Or what stands in the way of any.
    """
    standing = standing_of(patient.pk, now=now)
    others = [row for row in sessions_of(patient.pk) if moving is None or row.pk != moving.pk]
    own = moving.reservation if moving else None
    supervised = is_supervised(within.start, others, standing)
    unmet = general_gates(facts_for(_at(now, standing), standing, others))
    if unmet:
        return Times([], supervised, unmet, others)
    hours = _hours(standing, within)
    starts = _free_with_physician(standing, within, own) if supervised else hours
    taken = Reservation.objects.filter(
        patient=patient, period__overlap=(within.start, within.end + timedelta(days=1))
    )
    busy = [Interval(row.period.lower, row.period.upper) for row in taken if row != own]
    latest = now + timedelta(days=standing.values["consultation_horizon"])
    length = timedelta(minutes=standing.values["session_block"])
    offered = [
        Interval(start, start + length)
        for start in starts
        if within.start <= start < within.end and now < start < latest
    ]
    return Times(
        [
            slot
            for slot in offered
            if not any(slot.overlaps(other) for other in busy)
            and not plan_gates(facts_for(_at(slot.start, standing), standing, others))
        ],
        supervised,
        [],
        others,
    )


def is_supervised(start: datetime, others: Iterable[TreatmentSession], standing: Standing) -> bool:
    """Whether a session takes a physician's time: too few were held, or are planned, before it."""
    before = sum(
        row.status in USED or (row.status == Status.SCHEDULED and row.start < start)
        for row in others
    )
    return before < standing.values["session_supervised"]


# --- the pieces --------------------------------------------------------------------------------


def _at(start: datetime, standing: Standing) -> TreatmentSession:
    """A session that is not planned yet, to ask its gates."""
    return TreatmentSession(patient=standing.patient, start=start)


def _hours(standing: Standing, within: Interval) -> Iterator[datetime]:
    """Every hour of the day at which sessions start, where the patient lives."""
    local = ZoneInfo(standing.zone)
    day, last = (at.astimezone(local).date() for at in (within.start, within.end))
    first_hour, last_hour = (standing.values[f"session_{name}_hour"] for name in ("first", "last"))
    while day <= last:
        for hour in range(first_hour, last_hour + 1):
            yield datetime.combine(day, time(hour), local).astimezone(UTC)
        day += timedelta(days=1)


def _free_with_physician(
    standing: Standing, within: Interval, own: Reservation | None
) -> Iterator[datetime]:
    """When the physician who approved is free, by day where the patient lives."""
    state = standing.patient.address.state if standing.patient.address else ""
    offer, zone = supervised_offer(standing), standing.zone
    around = within.padded(timedelta(days=1), timedelta(days=1))
    only = [standing.approved_by] if standing.approved_by else []
    for agenda in agendas(within=around, now=standing.now, physicians=only):
        free = without(agenda, own)
        for slot in free_slots(free, offer, state=state, within=within, zone=zone):
            if _by_day(slot.start, standing):
                yield slot.start


def _month(
    start: datetime,
    standing: Standing,
    rows: Iterable[TreatmentSession],
) -> tuple[int, int]:
    """Sessions that the month of ``start`` has by the plan, and how many of ``rows`` are in it."""
    subscription = standing.subscription
    if subscription is None:
        return 0, 0
    anchor, day = subscription.anchor_on, local_day(start, standing.zone)
    first, after = month(anchor, month_of(anchor, day))
    taken = sum(first <= local_day(row.start, standing.zone) < after for row in rows)
    billed = next((p for p in standing.periods if p.starts_on <= day < p.ends_on), None)
    return (billed.plan if billed else subscription.plan).sessions_per_month, taken


def _delivered(standing: Standing, at: datetime) -> list[Delivery]:
    """Parcels at the patient's whose medication is good on the day of ``at``, oldest first."""
    day = local_day(at, standing.zone)
    return [
        row
        for row in standing.deliveries
        if row.status == Parcel.DELIVERED and row.prescription and row.prescription.use_by >= day
    ]


def _left(parcel: Delivery, rows: Iterable[TreatmentSession]) -> int:
    """How many sessions a delivered parcel still holds."""
    supplied = parcel.prescription.sessions if parcel.prescription else 0
    used = sum(row.status in USED and row.delivery_id == parcel.pk for row in rows)
    return max(supplied - used, 0)


def _take_time(
    session: TreatmentSession,
    start: datetime,
    standing: Standing,
    others: Sequence[TreatmentSession],
) -> None:
    """Reserve the patient's block, and for the first sessions the physician's part of it."""
    now, values = standing.now, standing.values
    session.start = start
    session.end = start + timedelta(minutes=values["session_block"])
    if start <= now:
        raise Refused("in_the_past", "That time has passed.", pointer="/start")
    if start >= now + timedelta(days=values["consultation_horizon"]):
        raise Refused(
            "too_far_ahead", "That is further ahead than can be planned.", pointer="/start"
        )
    pass_gates(plan_gates(facts_for(session, standing, others)))
    _check_hour(session, standing)
    physician, busy = None, None
    if is_supervised(start, others, standing):
        physician, busy = _physician_for(session, standing)
    session.physician_id = physician
    session.reservation = reserve(
        patient_id=standing.patient.pk,
        period=Interval(session.start, session.end),
        physician=physician,
        busy=busy,
        now=now,
        reservation=session.reservation,
    )


def _check_hour(session: TreatmentSession, standing: Standing) -> None:
    """By day, where the patient lives; another hour needs a reason."""
    if not session.override_reason and not _by_day(session.start, standing):
        first, last = standing.values["session_first_hour"], standing.values["session_last_hour"]
        raise Refused(
            "not_offered", f"Sessions start between {first}:00 and {last}:00.", next_slots=[]
        )


def _by_day(start: datetime, standing: Standing) -> bool:
    at = start.astimezone(ZoneInfo(standing.zone)).time()
    first, last = standing.values["session_first_hour"], standing.values["session_last_hour"]
    return time(first) <= at <= time(last)


def supervised_offer(standing: Standing) -> Offer:
    """How much of a physician's time a supervised session takes, and when it can begin."""
    usual = offer_of("initial", standing.values, standing.now)
    length = timedelta(minutes=standing.values["session_supervised_minutes"])
    return Offer(length, usual.step, usual.before, usual.after, usual.earliest, usual.latest)


def _physician_for(session: TreatmentSession, standing: Standing) -> tuple[UUID, Interval]:
    """The physician who approved, if free then, and the time that it takes."""
    assert standing.approved_by  # noqa: S101  the gates have made sure
    state = standing.patient.address.state if standing.patient.address else ""
    locked = lock_physicians([standing.approved_by])
    offer = supervised_offer(standing)
    wish = Wish(session.start, "session", state, standing.zone, standing.approved_by)
    own = session.reservation
    agenda, slot, _ = choose(wish, locked, now=standing.now, ignoring=own, offer=offer)
    return agenda.physician, slot.padded(offer.before, offer.after)


def _hold_for_physician(locked: TreatmentSession, *, by: Actor, now: datetime) -> None:
    hold_now(locked, "on_hold", by=by, now=now)
    _alarm(locked, "reading", "Look at a reading before a session now.", by=by, now=now)


def _alarm(locked: TreatmentSession, reason: str, detail: str, *, by: Actor, now: datetime) -> None:
    """Treatment waits for a physician, who is asked now."""
    hold_patient(patient_id=locked.patient_id, reason=reason, about_id=locked.pk, by=by, now=now)
    raise_work_item(
        f"session_{reason}",
        locked,
        detail=detail,
        urgency=WorkItem.Urgency.NOW,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=locked.patient_id,
    )
    _tell("session.alarm", locked, by=by, now=now)


def _keep_reading(
    locked: TreatmentSession,
    moment: str,
    systolic: int,
    diastolic: int,
    pulse: int,
    measured_at: datetime,
) -> None:
    Reading.objects.create(
        session=locked,
        moment=moment,
        systolic=systolic,
        diastolic=diastolic,
        pulse=pulse,
        measured_at=measured_at.astimezone(UTC),
    )


def _lock(
    session: TreatmentSession, version: int | None, now: datetime
) -> tuple[Standing, TreatmentSession, list[TreatmentSession]]:
    lock_patient(session.patient_id)
    locked = _lock_alone(session, version)
    return standing_of(session.patient_id, now=now), locked, sessions_of(session.patient_id)


def _lock_alone(session: TreatmentSession, version: int | None) -> TreatmentSession:
    lock_patient(session.patient_id)
    locked = TreatmentSession.objects.select_for_update(no_key=True).get(pk=session.pk)
    if version is not None and version != locked.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return locked


def _in(locked: TreatmentSession, *statuses: str) -> None:
    if locked.status not in statuses:
        raise Refused("wrong_state", f"This session is {locked.get_status_display()}.")


def _move(locked: TreatmentSession, to: str, *changed: str) -> None:
    """The only way to another state; whatever `TRANSITIONS` does not name is refused."""
    if to not in TRANSITIONS[locked.status]:
        raise Refused("wrong_state", f"This session is {locked.get_status_display()}.")
    locked.status = to
    free = locked.reservation_id if to in (Status.HELD, Status.CANCELLED, Status.MISSED) else None
    if free:
        locked.reservation = None
    _save(locked, "status", "reservation", *changed)
    if free:
        Reservation.objects.filter(pk=free).delete()


def _save(locked: TreatmentSession, *changed: str) -> None:
    locked.version += 1
    locked.changed_at = Now()
    locked.save(update_fields=["version", "changed_at", *changed])


def _tell(kind: str, locked: TreatmentSession, *, by: Actor, now: datetime, **payload: Any) -> None:
    patient_id, revision = locked.patient_id, locked.revision
    record(kind, locked, by=by, now=now, patient_id=patient_id, revision=revision, **payload)
    replan_soon(patient_id, by=by, now=now)
