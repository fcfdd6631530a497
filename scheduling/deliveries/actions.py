"""Every write about deliveries: choosing a window, and each step of a parcel."""

from collections.abc import Callable, Mapping
from dataclasses import replace as with_
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from patients.actions import lock_patient
from patients.models import Patient
from records.actor import Actor
from records.events import keep_correction
from records.gates import pass_gates
from records.ids import reference, uuid7
from records.models import WorkItem
from records.refused import Refused
from records.values import in_force
from records.work import settle
from scheduling.deliveries.gates import (
    SIGNER_AGE,
    choose_gates,
    hold_reasons,
    pack_gates,
)
from scheduling.deliveries.models import (
    AT_THE_PHARMACY,
    CORRECTIONS,
    OVER,
    Delivery,
    Status,
)
from scheduling.deliveries.moving import (
    ask_staff,
    decide_about_another,
    keep_custody,
    leave_window,
    lock,
    lock_with_patient,
    move,
    must_be_in,
    save,
    step,
    tell,
)
from scheduling.deliveries.standing import Standing, age_on, standing_of
from scheduling.deliveries.windows.actions import (
    AHEAD,
    holidays,
    lock_windows,
    offered,
    take_place,
)
from scheduling.deliveries.windows.models import DeliveryWindow
from scheduling.deliveries.windows.shipping import business_day_after
from scheduling.prescriptions.gates import PHARMACY
from scheduling.subscriptions.actions import local_day
from scheduling.subscriptions.models import BillingPeriod

FORM_WITHIN = timedelta(days=45)  # calendar days
RECALLED, BY_STAFF = "recalled", "staff"
VERIFIED = (Delivery.Relation.PATIENT, Delivery.Relation.SIGNER, Delivery.Relation.HOUSEHOLD)


# --- a delivery comes to be, and gets its window ------------------------------------------------


def create_delivery(
    *,
    patient_id: UUID,
    period: BillingPeriod,
    number: int,
    by: Actor,
    now: datetime,
    replaces: Delivery | None = None,
) -> Delivery:
    """The next parcel of a paid month, of a locked patient who has none open."""
    days = in_force(now)["window_choice_days"]
    delivery = Delivery.objects.create(
        reference=reference("D"),
        patient_id=patient_id,
        period=period,
        number=number,
        replaces=replaces,
        created_at=now,
        choose_by=now + timedelta(days=days),
    )
    tell("delivery.created", delivery, by=by, now=now)
    return delivery


@transaction.atomic
def choose_window(
    *,
    delivery: Delivery,
    window: DeliveryWindow,
    signer: Mapping[str, Any],
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Delivery:
    """Give a delivery a place in a window, or another one, and name the adult who takes it.

    Raises `Refused` ``gate_unmet``, ``window_full`` with ``next_windows``, ``window_elsewhere``,
    ``not_offered`` on a holiday or once it was taken away, ``too_late`` after a cut-off,
    ``signer_under_age``, ``wrong_state``, ``stale``.
    """
    patient = lock_patient(delivery.patient_id)
    standing = standing_of(patient.pk, now=now)
    known = next(row for row in standing.deliveries if row.pk == delivery.pk)
    wanted = lock_windows({window.pk, known.window_id})
    locked = lock(delivery, version)
    pass_gates(choose_gates(standing.parcel(locked)))
    must_be_in(locked, *AT_THE_PHARMACY)
    chosen = wanted.get(window.pk)
    if chosen is None:
        raise Refused("not_offered", "This window was taken away.", pointer="/window")
    _check_window(standing, locked, wanted, chosen)
    born = signer["date_of_birth"]
    if age_on(local_day(chosen.starts, standing.zone), born) < SIGNER_AGE:
        raise Refused(
            "signer_under_age",
            "The one who takes the parcel must be 21 or older on that day.",
            pointer="/signer/date_of_birth",
        )
    if locked.window_id != chosen.pk:
        leave_window(locked)
        take_place(chosen)
    locked.window, locked.address = chosen, patient.address
    locked.signer_name, locked.signer_date_of_birth = signer["name"], born
    locked.no_signer_at = None
    locked.revision += 1
    names = ("window", "address", "signer_name", "signer_date_of_birth", "no_signer_at", "revision")
    move(locked, Status.SCHEDULED, by, now, *names)
    settle("no_signer", locked.pk, note="Somebody takes it.", by=by, now=now)
    tell("delivery.scheduled", locked, by=by, now=now)
    return locked


def _check_window(
    standing: Standing,
    locked: Delivery,
    windows: Mapping[UUID, DeliveryWindow],
    chosen: DeliveryWindow,
) -> None:
    now = standing.now
    if chosen.zone_id != standing.zone_id:
        raise Refused("window_elsewhere", "This window is not for your address.", pointer="/window")
    if any(closed.overlaps(chosen.span) for closed in standing.closed):
        raise Refused(
            "window_elsewhere", "Nothing is brought to your county then.", pointer="/window"
        )
    if holidays().rule_out(chosen.ship_on, local_day(chosen.starts, standing.zone)):
        raise Refused("not_offered", "Nothing is brought on that day.", pointer="/window")
    old = windows.get(locked.window_id) if locked.window_id else None
    if chosen.cutoff_at <= now or (old and old.pk != chosen.pk and old.cutoff_at <= now):
        raise Refused("too_late", "It is too late for that: the parcel is being made ready.")
    if locked.window_id != chosen.pk and chosen.taken >= chosen.capacity:
        soon = offered(standing.patient, (now, now + timedelta(days=AHEAD)), now=now)[:3]
        following = [{"id": w.pk, "starts": w.starts, "ends": w.ends} for w in soon]
        raise Refused("window_full", "This window is full.", next_windows=following)


@transaction.atomic
def miss_signer(
    *, delivery: Delivery, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """Nobody of 21 is there to take it: staff find somebody, or a place, then choose its window.

    Until then the patient is not reminded; without a signer no window is confirmed.
    """
    locked = lock_with_patient(delivery, version)
    must_be_in(locked, Status.AWAITING_WINDOW)
    ask_staff(
        "no_signer",
        "No adult of 21 is there for this parcel: call, find one or a place where the carrier or "
        "the pharmacy keeps it, and choose the window.",
        locked,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )
    if locked.no_signer_at is None:
        locked.no_signer_at = now
        save(locked, "no_signer_at")
        tell("delivery.no_signer", locked, by=by, now=now)
    return locked


def lose_window(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """A scheduled delivery of a locked patient needs another window; its place is free."""
    leave_window(locked)
    locked.choose_by = now + timedelta(days=in_force(now)["window_choice_days"])
    locked.reminded_at = None
    locked.revision += 1
    names = ("window", "choose_by", "reminded_at", "revision")
    move(locked, Status.AWAITING_WINDOW, by, now, *names)
    tell("delivery.window_lost", locked, by=by, now=now)


# --- staff move the parcel ------------------------------------------------------------------------


@transaction.atomic
def pack(*, delivery: Delivery, by: Actor, now: datetime, version: int | None = None) -> Delivery:
    """The pharmacy packed it: a fill is spent, and its month cannot be put back any more.

    Raises `Refused` ``gate_unmet`` with everything that is missing, ``wrong_state``, ``stale``.
    """
    standing, locked = _ready(delivery, version, now)
    must_be_in(locked, Status.SCHEDULED)
    pass_gates(pack_gates(standing.parcel(locked)))
    assert standing.prescription  # noqa: S101  the gates have made sure
    locked.prescription, locked.packed_at = standing.prescription, now
    locked.address = standing.patient.address
    BillingPeriod.objects.filter(pk=locked.period_id).update(built_on_at=now)
    type(standing.prescription).objects.filter(pk=standing.prescription.pk).update(built_on_at=now)
    move(locked, Status.PACKED, by, now, "prescription", "packed_at", "address")
    tell("delivery.packed", locked, by=by, now=now)
    return locked


@transaction.atomic
def out_for_delivery(
    *, delivery: Delivery, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """The driver has it, for the first time or again; not to somebody who is held or has moved."""
    standing, locked = _ready(delivery, version, now)
    if locked.status in (Status.DISPATCHED, Status.ATTEMPTED):
        pass_gates(hold_reasons(standing.parcel(locked)))
    if locked.attempts >= standing.values["delivery_attempts"]:
        raise Refused("wrong_state", "It was attempted as often as it may: hold it or recall it.")
    return step(locked, Status.OUT_FOR_DELIVERY, "delivery.out_for_delivery", by=by, now=now)


@transaction.atomic
def deliver(
    *,
    delivery: Delivery,
    signed_by: str,
    relation: str,
    id_checked: bool,
    signer_age: int,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Delivery:
    """It was handed over. To an adult of the household whose ID was looked at, it is delivered.

    To anybody else it is ``delivered_unverified``, until the patient says that it is there. Raises
    `Refused` ``signer_under_age``: then it was not handed over; record an attempt.
    """
    locked = lock_with_patient(delivery, version)
    if signer_age < SIGNER_AGE:
        raise Refused(
            "signer_under_age",
            "A parcel is never given to somebody under 21: record an attempt instead.",
            pointer="/signer_age",
        )
    sure = id_checked and relation in VERIFIED
    details = {"relation": relation, "id_checked": id_checked, "signer_age": signer_age}
    hand_over_now(locked, signed_by, relation, details, sure=sure, at=now, by=by, now=now)
    return locked


def hand_over_now(
    locked: Delivery,
    signed_by: str,
    relation: str,
    details: Mapping[str, Any],
    *,
    sure: bool,
    at: datetime,
    by: Actor,
    now: datetime,
) -> None:
    """A parcel of a locked patient is at the door; ``sure``: with an adult who may have it.

    ``at``: when that was, which counts where it lies between sending and ``now``.
    """
    if locked.dispatched_at is None:
        raise Refused("wrong_state", "It has not left the pharmacy.")
    to = Status.DELIVERED if sure else Status.DELIVERED_UNVERIFIED
    locked.signed_by, locked.relation = signed_by, relation
    arrived = at if locked.dispatched_at <= at <= now else now
    locked.delivered_at = arrived if sure else None
    move(locked, to, by, now, "signed_by", "relation", "delivered_at", details=details)
    tell(f"delivery.{to}", locked, by=by, now=now)


@transaction.atomic
def confirm_receipt(
    *, delivery: Delivery, received: bool, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """The patient says whether a parcel that was given to somebody else has come to them."""
    locked = lock_with_patient(delivery, version)
    must_be_in(locked, Status.DELIVERED_UNVERIFIED)
    if received:
        locked.delivered_at = now
        move(locked, Status.DELIVERED, by, now, "delivered_at")
        tell("delivery.delivered", locked, by=by, now=now)
        return locked
    ask_staff(
        "parcel_missing",
        "The patient does not have this parcel: look for it, and tell the pharmacy today.",
        locked,
        urgency=WorkItem.Urgency.NOW,
        by=by,
        now=now,
    )
    return step(locked, Status.INVESTIGATING, "delivery.investigating", by=by, now=now)


@transaction.atomic
def attempt(
    *, delivery: Delivery, code: str, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """It was not handed over, and why; after the last attempt staff decide what becomes of it."""
    locked = lock_with_patient(delivery, version)
    must_be_in(locked, Status.DISPATCHED, Status.OUT_FOR_DELIVERY)
    locked.attempts += 1
    locked.failure = code
    locked.revision += 1
    names = ("attempts", "failure", "revision")
    move(locked, Status.ATTEMPTED, by, now, *names, details={"code": code})
    if locked.attempts >= in_force(now)["delivery_attempts"]:
        ask_staff(
            "parcel_not_taken",
            "Nobody took this parcel: hold it with the carrier or call it back.",
            locked,
            urgency=WorkItem.Urgency.TODAY,
            by=by,
            now=now,
        )
    tell("delivery.attempted", locked, by=by, now=now)
    return locked


@transaction.atomic
def hold(
    *, delivery: Delivery, reason: str, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """It goes nowhere until it is released; a place in a window that is not needed is free."""
    locked = lock_with_patient(delivery, version)
    hold_now(locked, reason, by=by, now=now)
    return locked


def hold_now(locked: Delivery, reason: str, *, by: Actor, now: datetime) -> None:
    """Hold a delivery of a locked patient."""
    if locked.status in AT_THE_PHARMACY:
        leave_window(locked)
    locked.held_because = reason
    locked.revision += 1
    move(locked, Status.HELD, by, now, "window", "held_because", "revision")
    tell("delivery.held", locked, by=by, now=now)


@transaction.atomic
def release(
    *, delivery: Delivery, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """It goes on from where it was held; raises `Refused` ``gate_unmet`` while a reason stands."""
    standing, locked = _ready(delivery, version, now)
    must_be_in(locked, Status.HELD)
    pass_gates(hold_reasons(standing.parcel(locked)))
    release_now(locked, by=by, now=now)
    return locked


def release_now(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """Release a held delivery of a locked patient."""
    to = Status.AWAITING_WINDOW
    if locked.packed_at:
        to = Status.ATTEMPTED if locked.dispatched_at else Status.PACKED
    else:
        locked.choose_by = now + timedelta(days=in_force(now)["window_choice_days"])
    locked.held_because = ""
    locked.revision += 1
    move(locked, to, by, now, "held_because", "choose_by", "revision")
    tell("delivery.released", locked, by=by, now=now)


@transaction.atomic
def recall(*, delivery: Delivery, by: Actor, now: datetime, version: int | None = None) -> Delivery:
    """It comes back to the pharmacy."""
    locked = lock_with_patient(delivery, version)
    return recall_now(locked, by=by, now=now)


def recall_now(locked: Delivery, *, by: Actor, now: datetime) -> Delivery:
    """Call back a parcel of a locked patient that was packed."""
    if locked.status == Status.HELD and not locked.packed_at:
        raise Refused("wrong_state", "It was not packed yet: cancel it instead.")
    ask_staff(
        "parcel_recalled",
        "Tell the carrier or the pharmacy that this parcel comes back.",
        locked,
        urgency=WorkItem.Urgency.NOW,
        by=by,
        now=now,
    )
    locked.held_because = RECALLED
    locked.revision += 1
    names = ("held_because", "revision")
    return step(locked, Status.RETURNING, "delivery.recalled", *names, by=by, now=now)


@transaction.atomic
def take_back(
    *, delivery: Delivery, seal_ok: bool, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """The pharmacy has it back; it is never sent again: another parcel is a decision of its own."""
    locked = lock_with_patient(delivery, version)
    move(locked, Status.RETURNED, by, now, details={"seal_ok": seal_ok})
    decide_about_another(locked, by=by, now=now)
    tell("delivery.returned", locked, by=by, now=now)
    return locked


@transaction.atomic
def look_for(
    *, delivery: Delivery, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """Nobody knows where it is: it is looked for."""
    locked = lock_with_patient(delivery, version)
    return step(locked, Status.INVESTIGATING, "delivery.investigating", by=by, now=now)


@transaction.atomic
def lose(*, delivery: Delivery, by: Actor, now: datetime, version: int | None = None) -> Delivery:
    """It is lost, and nothing more is filled until a physician decides.

    The pharmacy tells the DEA in writing within a business day, and by Form 106 within 45 days
    (21 CFR 1301.76, FR 2023-13085).
    """
    locked = lock_with_patient(delivery, version)
    today = now.astimezone(PHARMACY).date()
    ask_staff(
        "parcel_lost",
        "Tell the pharmacy in writing today that this parcel is lost.",
        locked,
        urgency=WorkItem.Urgency.NOW,
        due_at=_on_day(business_day_after(today, holidays()), now),
        by=by,
        now=now,
    )
    ask_staff(
        "parcel_lost_form",
        "See that the pharmacy has sent the DEA its Form 106 about this parcel.",
        locked,
        urgency=WorkItem.Urgency.SOON,
        due_at=_on_day(today + FORM_WITHIN, now),
        by=by,
        now=now,
    )
    decide_about_another(locked, by=by, now=now)
    return step(locked, Status.LOST, "delivery.lost", by=by, now=now)


def _on_day(day: date, now: datetime) -> datetime:
    """The hour of ``now`` on the pharmacy's wall, on another day."""
    return datetime.combine(day, now.astimezone(PHARMACY).time(), PHARMACY)


@transaction.atomic
def cancel(*, delivery: Delivery, by: Actor, now: datetime, version: int | None = None) -> Delivery:
    """Nothing was packed, and nothing will be; a packed one is called back instead.

    What staff cancel stays so: another one is a decision of its own.
    """
    locked = lock_with_patient(delivery, version)
    locked.held_because = BY_STAFF
    cancel_now(locked, by=by, now=now)
    return locked


def cancel_now(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """Cancel a delivery of a locked patient."""
    if locked.packed_at:
        raise Refused("wrong_state", "It was packed already: call it back instead.")
    leave_window(locked)
    move(locked, Status.CANCELLED, by, now, "window", "held_because")
    settle("no_signer", locked.pk, note="The delivery was cancelled.", by=by, now=now)
    tell("delivery.cancelled", locked, by=by, now=now)


@transaction.atomic
def replace(
    *, delivery: Delivery, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """A physician decides that another parcel goes out for one that did not arrive; once for each.

    That is one which came back, was lost, or was cancelled by staff.
    """
    patient = lock_patient(delivery.patient_id)
    locked = lock(delivery, version)
    must_be_in(locked, Status.RETURNED, Status.LOST, Status.CANCELLED)
    rows = Delivery.objects.filter(patient=patient)
    by_replan = locked.status == Status.CANCELLED and locked.held_because != BY_STAFF
    if by_replan or rows.filter(replaces=locked).exists():
        raise Refused("wrong_state", "Another one takes its place already.")
    if rows.exclude(status__in=OVER).exists():
        raise Refused("wrong_state", "Another delivery is under way.")
    settle("parcel_to_replace", locked.pk, note="Another one goes out.", by=by, now=now)
    last = rows.filter(period=locked.period_id).order_by("-number").values_list("number", flat=True)
    return create_delivery(
        patient_id=patient.pk,
        period=locked.period,
        number=(last.first() or 0) + 1,
        replaces=locked,
        by=by,
        now=now,
    )


@transaction.atomic
def correct(
    *, delivery: Delivery, reason: str, by: Actor, now: datetime, version: int | None = None
) -> Delivery:
    """Put back what was recorded last of a parcel: delivered, attempted.

    Raises `Refused` ``wrong_state``, and ``built_on`` once a session was held with it, or the next
    parcel is under way.
    """
    locked = lock_with_patient(delivery, version)
    was = locked.status
    if was not in CORRECTIONS:
        raise Refused("wrong_state", "There is nothing here that could be put back.")
    if locked.built_on_at:
        raise Refused("built_on", "A session was held with this parcel already.")
    _undo_next(locked, by=by, now=now)
    if was == Status.ATTEMPTED:
        locked.attempts -= 1
        locked.failure = ""
    locked.delivered_at, locked.signed_by, locked.relation = None, "", ""
    locked.status = CORRECTIONS[was]
    locked.revision += 1
    names = ("delivered_at", "signed_by", "relation", "attempts", "failure", "revision", "status")
    save(locked, *names)
    keep_custody(locked, by, now, {"corrected": was})
    keep_correction(locked, was=was, reason=reason, by=by, now=now)
    tell("delivery.corrected", locked, by=by, now=now, was=was)
    return locked


def _undo_next(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """What followed a delivery that was none goes, while nothing was packed for it."""
    following = Delivery.objects.filter(patient=locked.patient_id, pk__gt=locked.pk)
    for row in following.exclude(status=Status.CANCELLED).select_related("window"):
        if row.status not in AT_THE_PHARMACY:
            raise Refused("built_on", "The next parcel is under way already.")
        cancel_now(row, by=by, now=now)


@transaction.atomic
def each(
    *,
    deliveries: QuerySet[Delivery],
    act: Callable[..., Delivery],
    arguments: Mapping[str, Any],
    by: Actor,
    now: datetime,
) -> dict[UUID, Delivery | Refused]:
    """The same step for many, each in a savepoint of its own: one that is refused stops nothing.

    Patients, then windows, are locked first, all of them by id: two such calls, or one and any
    other action, never wait for each other in a circle.
    """
    patients = Patient.objects.filter(pk__in=deliveries.values("patient"))
    list(patients.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    rows = list(deliveries)  # read now: whoever has a patient locked may change the window
    lock_windows({row.window_id for row in rows})
    done: dict[UUID, Delivery | Refused] = {}
    for row in rows:
        try:
            with transaction.atomic():
                own = with_(by, cause=uuid7())  # somebody named each: no one cause of many
                done[row.pk] = act(delivery=row, **arguments, by=own, now=now)
        except Refused as refused:
            done[row.pk] = refused
    return done


def remind_to_choose(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """The patient of a locked delivery has chosen no window yet: remind, once."""
    locked.reminded_at = now
    save(locked, "reminded_at")
    tell("delivery.window_missing", locked, by=by, now=now)


def ask_about_late(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """A packed parcel has not left, and its window is over."""
    ask_staff(
        "parcel_late",
        "This parcel was packed and has not left, and its window is over: send it, or recall it.",
        locked,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )


def ask_to_choose(locked: Delivery, *, by: Actor, now: datetime) -> None:
    """Reminding did not help: staff call."""
    ask_staff(
        "window_not_chosen",
        "The patient has chosen no delivery window: please call.",
        locked,
        urgency=WorkItem.Urgency.TODAY,
        by=by,
        now=now,
    )


def _ready(delivery: Delivery, version: int | None, now: datetime) -> tuple[Standing, Delivery]:
    patient = lock_patient(delivery.patient_id)
    locked = lock(delivery, version)
    return standing_of(patient.pk, now=now), locked
