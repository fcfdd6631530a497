"""Every write about consultations: book, confirm, reschedule, cancel, arrive, complete, no-show."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from accounts.models import Role
from patients.actions import lock_patient, replan_soon
from patients.facts import facts_in, facts_of, with_facts
from patients.gates import approval_gates, patient_gates
from patients.models import Assessment, CareRelationship, Patient
from records.actor import Actor
from records.events import keep_correction, raise_work_item, record
from records.gates import UnmetGate, pass_gates
from records.ids import reference
from records.models import WorkItem
from records.once import add_once
from records.refused import Refused
from records.values import in_force
from records.work import settle
from scheduling.calendar.actions import (
    Wish,
    choose,
    give_back,
    held,
    lock_physicians,
    one_place_at_a_time,
    reserve,
)
from scheduling.calendar.agenda import Known
from scheduling.calendar.models import Physician, Reservation
from scheduling.calendar.slots import Agenda, Licensed, licensed
from scheduling.consultations.gates import standing_gates
from scheduling.consultations.models import (
    CORRECTIONS,
    TRANSITIONS,
    Consultation,
    Decision,
    Kind,
    Status,
)
from scheduling.intervals import Interval, wall_before

AT_RISK = "consultation_at_risk"
CANNOT_BE = "A booked consultation cannot take place as it is."


def book(
    *,
    patient: Patient,
    physician: UUID | None,
    start: datetime,
    kind: str,
    location: Mapping[str, str],
    by: Actor,
    now: datetime,
    hold: UUID | None = None,
    secret: str = "",
    instead: tuple[UUID, str] | None = None,
    back: bool = False,
) -> Consultation:
    """Book a consultation, with ``physician`` or whoever is free.

    A patient has one initial consultation ahead at most. ``instead`` of a hold (its id and secret)
    on another wish, which is given back with it, or kept when this is refused. ``back``: the
    patient has just given this time up, and it may be sooner than what is offered. Raises
    `Refused` ``gate_unmet``, ``wrong_state``, ``slot_taken`` and ``not_offered`` with the next
    slots, ``patient_busy``, ``in_the_past``, ``too_far_ahead``.
    """
    with one_place_at_a_time():
        replan_soon(patient.pk, by=by, now=now)  # an UPDATE: the patient is locked by it
        locked = _who_books(patient.pk, now)
        pass_gates(patient_gates(facts_in(locked)))
        if kind == Kind.INITIAL and locked.ahead_:
            raise Refused(
                "wrong_state",
                "A first consultation is booked already. Please move or cancel that one.",
            )
        physicians = lock_physicians([physician] if physician else None)
        wish = Wish(start, kind, location["state"], locked.time_zone, physician)
        if instead:
            give_back(*instead)
        own_hold = held(hold, secret, wish, now)
        able = [own_hold.physician_id] if own_hold and own_hold.physician_id else physicians
        agenda, slot, offer = choose(wish, able, now=now, ignoring=own_hold, back=back)
        reservation = reserve(
            patient_id=locked.pk,
            period=slot,
            physician=agenda.physician,
            busy=slot.padded(offer.before, offer.after),
            now=now,
            reservation=own_hold,
        )
        consultation = Consultation.objects.create(
            reference=reference("C"),
            patient=locked,
            physician=physicians[agenda.physician],
            reservation=reservation,
            kind=kind,
            start=slot.start,
            end=slot.end,
            location_state=location["state"],
            location_line1=location.get("line1", ""),
            location_city=location.get("city", ""),
            channel=by.channel,
            booked_at=now,
        )
        _take_into_care(consultation, now)
        _record("consultation.booked", consultation, by=by, now=now)
    return consultation


def reschedule(
    *,
    consultation: Consultation,
    start: datetime,
    physician: UUID | None,
    by: Actor,
    now: datetime,
    version: int | None = None,
    back: bool = False,
) -> Consultation:
    """Move a booked consultation; its old time is free again in the same transaction.

    To where it is already, it changes nothing. ``back`` to where it was a moment ago: that may be
    sooner than what is offered. Raises what `book` raises, ``wrong_state``,
    ``stale``, and ``too_late`` for a patient whose consultation has begun.
    """
    with one_place_at_a_time():
        patient = lock_patient(consultation.patient_id)
        # Read after that lock: another reschedule may just have changed the physician.
        with_whom = Consultation.objects.values_list("physician", flat=True)
        old = with_whom.get(pk=consultation.pk)
        wanted = physician or old
        locked = lock_physicians({wanted, old})
        moved = _lock(consultation, version)
        _in_state(moved, Status.BOOKED)
        _not_begun(moved, by, now)
        pass_gates(patient_gates(facts_of(patient)))
        if (moved.physician_id, moved.start) == (wanted, start):
            return moved
        old_start, own = moved.start, moved.reservation
        wish = Wish(start, moved.kind, moved.location_state, patient.time_zone, wanted)
        able = {wanted} & set(locked)
        agenda, slot, offer = choose(wish, able, now=now, ignoring=own, back=back)
        reserve(
            patient_id=patient.pk,
            period=slot,
            physician=agenda.physician,
            busy=slot.padded(offer.before, offer.after),
            now=now,
            reservation=own,
        )
        moved.physician, moved.start, moved.end = locked[wanted], slot.start, slot.end
        moved.confirmed_at, moved.risks_told = None, []
        moved.revision += 1
        _save(moved, "physician", "start", "end", "confirmed_at", "risks_told", "revision")
        settle(AT_RISK, moved.pk, note="It was moved.", by=by, now=now)
        _take_into_care(moved, now)
        _tell("consultation.rescheduled", moved, by=by, now=now, was=old_start.isoformat())
    return moved


@transaction.atomic
def confirm(
    *, consultation: Consultation, by: Actor, now: datetime, version: int | None = None
) -> Consultation:
    """The patient says that they will be there; saying it twice changes nothing."""
    locked = _lock(consultation, version)
    _in_state(locked, Status.BOOKED)
    _not_begun(locked, by, now)
    if locked.confirmed_at is None:
        locked.confirmed_at = now
        _save(locked, "confirmed_at")
        _tell("consultation.confirmed", locked, by=by, now=now)
    return locked


@transaction.atomic
def cancel(
    *,
    consultation: Consultation,
    reason: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Consultation:
    """Cancel; the time is free at once. ``late`` when less notice was given than is asked for.

    24 h of notice is the same wall time on the day before, where the patient is.
    """
    locked = _lock(consultation, version)
    _in_state(locked, Status.BOOKED)
    _not_begun(locked, by, now)
    notice = timedelta(hours=in_force(now)["consultation_cancel_notice"])
    locked.late = now > wall_before(locked.start, locked.patient.time_zone, notice)
    locked.cancelled_at, locked.cancelled_by, locked.cancel_reason = now, by.role, reason
    _move(
        locked,
        Status.CANCELLED,
        "late",
        "cancelled_at",
        "cancelled_by",
        "cancel_reason",
        by=by,
        now=now,
    )
    _tell("consultation.cancelled", locked, by=by, now=now)
    return locked


@transaction.atomic
def arrive(
    *,
    consultation: Consultation,
    state: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Consultation:
    """The patient is there, and says in which state: without a licence for it, nothing begins.

    From a little before the start until the end of that day in the physician's zone. Raises
    `Refused` ``permission_denied``, ``too_early``, ``too_late``, and ``blocked_location``.
    """
    locked = _lock(consultation, version)
    _by_its_physician(locked, by)
    _in_state(locked, Status.BOOKED)
    early = timedelta(minutes=in_force(now)["consultation_arrive_early"])
    if now < locked.start - early:
        raise Refused("too_early", "The patient cannot arrive that long before the start.")
    local = ZoneInfo(locked.physician.time_zone)
    if now.astimezone(local).date() > locked.start.astimezone(local).date():
        raise Refused("too_late", "The day of this consultation is over. Please book another one.")
    if not licensed(licences_of(locked.physician), state, now, locked.patient.time_zone):
        raise Refused(
            "blocked_location",
            "The physician may not practise where the patient is now. Please offer another time; "
            "help in an emergency is never blocked: 911, or 988.",
        )
    locked.arrived_at, locked.arrived_state = now, state
    _move(locked, Status.ARRIVED, "arrived_at", "arrived_state", by=by, now=now)
    _tell("consultation.arrived", locked, by=by, now=now)
    return locked


@transaction.atomic
def keep_note(
    *,
    consultation: Consultation,
    note: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Consultation:
    """Keep what the physician has typed so far, while the patient is there.

    That a note was begun is told once; what is typed after only raises the version, by which
    whoever types it in two places is told. Raises `Refused` ``permission_denied``, ``stale``, and
    ``wrong_state`` before the patient arrived and once it is completed.
    """
    locked = _lock(consultation, version)
    _by_its_physician(locked, by)
    _in_state(locked, Status.ARRIVED)
    if locked.note == note:
        return locked
    begins, locked.note = not locked.note, note
    _save(locked, "note")
    if begins:
        _record("consultation.note_begun", locked, by=by, now=now)
    return locked


@transaction.atomic
def complete(
    *,
    consultation: Consultation,
    by: Actor,
    now: datetime,
    note: str | None = None,
    version: int | None = None,
) -> Consultation:
    """The consultation was held; the note is the physician's. The decision is a step of its own.

    Without a ``note``, what was kept of it so far is the note.
    """
    locked = _lock(consultation, version)
    _by_its_physician(locked, by)
    locked.completed_at = now
    locked.note = locked.note if note is None else note
    _move(locked, Status.COMPLETED, "completed_at", "note", by=by, now=now)
    _tell("consultation.completed", locked, by=by, now=now)
    return locked


@transaction.atomic
def no_show(
    *, consultation: Consultation, by: Actor, now: datetime, version: int | None = None
) -> Consultation:
    """The patient did not come; from fifteen minutes after the start on."""
    locked = _lock(consultation, version)
    _by_its_physician(locked, by)
    _in_state(locked, Status.BOOKED)
    patience = timedelta(minutes=in_force(now)["consultation_no_show_after"])
    if now < locked.start + patience:
        raise Refused("too_early", "Please wait a little longer before saying so.")
    _move(locked, Status.NO_SHOW, by=by, now=now)
    _tell("consultation.no_show", locked, by=by, now=now)
    return locked


@transaction.atomic
def decide(
    *,
    consultation: Consultation,
    outcome: str,
    note: str,
    physician: Physician,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Consultation:
    """What the physician decides after a completed consultation; only a physician does.

    After ``more_info`` it can be decided again; an approval or a refusal stands until a later
    consultation. Raises `Refused` ``wrong_state``, and ``gate_unmet`` for an approval of somebody
    who lives elsewhere, was not identified, or is held.
    """
    patient = lock_patient(consultation.patient_id)
    locked = _lock(consultation, version)
    decided = locked.decisions.exclude(outcome=Decision.Outcome.MORE_INFO)
    if locked.status != Status.COMPLETED or decided.exists():
        raise Refused("wrong_state", "Only a completed consultation is decided on, and once.")
    if outcome == Decision.Outcome.APPROVED:
        pass_gates(approval_gates(facts_of(patient)))
    Decision.objects.create(
        patient=patient,
        consultation=locked,
        physician=physician,
        outcome=outcome,
        note=note,
        decided_at=now,
    )
    Assessment.objects.waiting().filter(patient=patient).update(status=Assessment.Status.REVIEWED)
    _save(locked)
    _tell("consultation.decided", locked, by=by, now=now)
    return locked


def correct(
    *,
    consultation: Consultation,
    reason: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Consultation:
    """Put back what was recorded last: completed, arrived, no-show.

    Raises `Refused` ``wrong_state``, ``built_on`` once it was decided on, and ``slot_taken`` or
    ``patient_busy`` when the time of a no-show has gone to something else.
    """
    with one_place_at_a_time():
        lock_patient(consultation.patient_id)
        lock_physicians([consultation.physician_id])
        locked = _lock(consultation, version)
        if locked.decisions.exists():
            raise Refused("built_on", "It was decided on this consultation already.")
        was = locked.status
        if was not in CORRECTIONS:
            raise Refused("wrong_state", "There is nothing here that could be put back.")
        if was == Status.NO_SHOW:
            slot = Interval(locked.start, locked.end)
            locked.reservation = reserve(
                patient_id=locked.patient_id,
                period=slot,
                physician=locked.physician_id,
                busy=slot,
                now=now,
            )
        if was == Status.ARRIVED:
            locked.arrived_at = None
        locked.completed_at = None
        locked.status = CORRECTIONS[was]
        _save(locked, "status", "reservation", "arrived_at", "completed_at")
        keep_correction(locked, was=was, reason=reason, by=by, now=now)
        _tell("consultation.corrected", locked, by=by, now=now, was=was)
    return locked


@transaction.atomic
def note_risk(*, consultation: Consultation, by: Actor, now: datetime) -> bool:
    """Say once that a consultation to come is at risk, with a work item for staff.

    The item is closed when nothing stands in the way any more, also because the consultation
    does not. One that a person closed does not come back for what it was raised for: only another
    reason, or the same one after it was away at some look, is new. Returns whether something was
    written.
    """
    locked = _lock(consultation, None)
    is_ahead = locked.status == Status.BOOKED and now < locked.end
    gates = risks_of(locked) if is_ahead else []
    risks = [gate.code for gate in gates]
    is_new = not set(risks) <= set(locked.risks_told)
    Consultation.objects.filter(pk=locked.pk).exclude(risks_told=risks).update(risks_told=risks)
    if not risks:
        return settle(AT_RISK, locked.pk, note="Nothing stands in the way now.", by=by, now=now)
    if is_new and raise_work_item(
        AT_RISK,
        locked,
        detail=" ".join([CANNOT_BE, *(gate.detail for gate in gates)]),
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.STAFF,
        by=by,
        now=now,
        patient_id=locked.patient_id,
    ):
        _tell("consultation.at_risk", locked, by=by, now=now, because=risks)
        return True
    return False


# --- what gates ask -------------------------------------------------------------------------


def risks_of(consultation: Consultation) -> list[UnmetGate]:
    """Why a booked consultation is at risk, from rows loaded by `with_people`."""
    off = [Interval(t.start, t.end) for t in consultation.physician.time_off.all()]
    return risks_with(consultation, Known(licences_of(consultation.physician), off))


def risks_with(consultation: Consultation, physician: Known | Agenda) -> list[UnmetGate]:
    """The same, by what is known of the physician."""
    patient = consultation.patient
    return standing_gates(
        served=bool(patient.address and patient.address.served),
        licences=physician.licences,
        time_off=physician.time_off,
        state=consultation.location_state,
        zone=patient.time_zone,
        start=consultation.start,
        end=consultation.end,
    )


def licences_of(physician: Physician) -> list[Licensed]:
    """The physician's licences as the pure rules take them."""
    return [Licensed(row.state, row.valid_from, row.expires_on) for row in physician.licences.all()]


# --- the pieces --------------------------------------------------------------------------------


def _who_books(patient_id: UUID, now: datetime) -> Any:
    """The patient with what gates ask, and whether a first consultation is ahead already."""
    ahead = Consultation.objects.filter(
        patient=OuterRef("pk"), kind=Kind.INITIAL, status=Status.BOOKED, end__gt=now
    )
    return with_facts(Patient.objects.filter(pk=patient_id)).annotate(ahead_=Exists(ahead)).get()


def _lock(consultation: Consultation, version: int | None) -> Consultation:
    """The consultation, locked after its patient, with all that its gates ask.

    The relations are prefetched, not joined: what is joined under a lock is from before the wait.
    """
    patient = lock_patient(consultation.patient_id)
    rows = Consultation.objects.prefetch_related(
        "physician__licences", "physician__time_off", "reservation"
    )
    locked = rows.select_for_update(no_key=True).get(pk=consultation.pk)
    locked.patient = patient
    if version is not None and version != locked.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return locked


def _by_its_physician(consultation: Consultation, by: Actor) -> None:
    """Colleagues see the consultations of their patients; who holds one says what became of it."""
    if by.user_id != consultation.physician.user_id:
        raise Refused("permission_denied", "Only the physician of this consultation does this.")


# Status → why what was wanted is not possible in it.
WRONG_STATE = {
    Status.BOOKED: "The patient has not arrived yet.",
    Status.ARRIVED: "The patient has arrived already.",
    Status.COMPLETED: "This consultation has taken place already.",
    Status.CANCELLED: "This consultation has been cancelled.",
    Status.NO_SHOW: "The patient did not come to this consultation.",
}


def _in_state(consultation: Consultation, *allowed: str) -> None:
    if consultation.status not in allowed:
        raise Refused("wrong_state", WRONG_STATE[Status(consultation.status)])


def _not_begun(consultation: Consultation, by: Actor, now: datetime) -> None:
    if by.is_patient and now >= consultation.start:
        raise Refused("too_late", "Your consultation has begun. Please call us.")


def _move(consultation: Consultation, to: str, *changed: str, by: Actor, now: datetime) -> None:
    """The only way to another state; whatever `TRANSITIONS` does not name is refused."""
    _in_state(consultation, *(status for status in Status if to in TRANSITIONS[status]))
    reservation = consultation.reservation
    consultation.status = to
    if to in (Status.CANCELLED, Status.NO_SHOW):
        consultation.reservation = None
    _save(consultation, "status", "reservation", *changed)
    if consultation.reservation is None and reservation is not None:
        Reservation.objects.filter(pk=reservation.pk).delete()
    note = f"The consultation is {consultation.get_status_display()}."
    settle(AT_RISK, consultation.pk, note=note, by=by, now=now)


def _save(consultation: Consultation, *changed: str) -> None:
    consultation.version += 1
    consultation.changed_at = Now()
    consultation.save(update_fields=["version", "changed_at", *changed])


def _take_into_care(consultation: Consultation, now: datetime) -> None:
    care = CareRelationship(
        patient_id=consultation.patient_id, physician_id=consultation.physician.user_id, since=now
    )
    add_once([care], unique=("patient", "physician"))


def _tell(
    kind: str, consultation: Consultation, *, by: Actor, now: datetime, **payload: Any
) -> None:
    """What has happened, and that something may follow for the patient, who is locked."""
    _record(kind, consultation, by=by, now=now, **payload)
    replan_soon(consultation.patient_id, by=by, now=now)


def _record(
    kind: str, consultation: Consultation, *, by: Actor, now: datetime, **payload: Any
) -> None:
    record(
        kind,
        consultation,
        by=by,
        now=now,
        patient_id=consultation.patient_id,
        revision=consultation.revision,
        **payload,
    )
