"""Every write about prescriptions: record one, end one."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from patients.actions import lock_patient, replan_soon
from patients.facts import facts_of
from patients.models import Patient
from records.actor import Actor
from records.events import record
from records.gates import pass_gates
from records.models import Rule
from records.refused import Refused
from records.values import in_force, rule_on
from scheduling.calendar.models import Physician
from scheduling.prescriptions.gates import PHARMACY, RecordingFacts, recording_gates
from scheduling.prescriptions.models import Prescription
from scheduling.prescriptions.refills import Prescribed
from scheduling.subscriptions.actions import outcome_of

AUTHORITY = "DEA_FLEX"  # who may prescribe by telemedicine, without a visit in person


@transaction.atomic
def record_prescription(
    *,
    patient: Patient,
    physician: Physician,
    issued_on: date,
    days_supply: int,
    sessions: int,
    refills: int,
    use_by: date,
    external_reference: str,
    registry_checked_at: datetime,
    by: Actor,
    now: datetime,
) -> Prescription:
    """Record what was prescribed elsewhere; it takes the place of the one in force.

    Raises `Refused` ``gate_unmet``, ``in_the_past`` for a use-by date that has passed,
    ``too_early`` for a day of issue to come, ``wrong_state`` for a reference that is known.
    """
    locked = lock_patient(patient.pk)
    today = now.astimezone(PHARMACY).date()
    if issued_on > today:
        raise Refused("too_early", "It is recorded once it was prescribed.", pointer="/issued_on")
    if registry_checked_at > now:
        raise Refused("too_early", "That is still to come.", pointer="/registry_checked_at")
    if use_by <= max(issued_on, today):
        raise Refused("in_the_past", "The use-by date must be to come.", pointer="/use_by")
    authority = rule_on(AUTHORITY, state="US", day=issued_on)
    state = locked.address.state if locked.address else ""
    pass_gates(
        recording_gates(_facts(locked, physician, issued_on, registry_checked_at, authority, now))
    )
    in_use = Prescription.objects.filter(patient=locked, ended_at__isnull=True)
    in_use.update(ended_at=now)
    assert authority  # noqa: S101  the gates have made sure
    try:
        with transaction.atomic():
            row = Prescription.objects.create(
                patient=locked,
                physician=physician,
                state=state,
                issued_on=issued_on,
                days_supply=days_supply,
                sessions=sessions,
                refills=refills,
                use_by=use_by,
                external_reference=external_reference,
                registry_checked_at=registry_checked_at,
                authority=authority,
                recorded_at=now,
            )
    except IntegrityError as error:
        raise Refused(
            "wrong_state", "This prescription was recorded already.", pointer="/external_reference"
        ) from error
    record("prescription.recorded", row, by=by, now=now, patient_id=locked.pk)
    replan_soon(locked.pk, by=by, now=now)
    return row


@transaction.atomic
def end_prescription(*, prescription: Prescription, by: Actor, now: datetime) -> Prescription:
    """Nothing more is packed on it; what was packed stays."""
    lock_patient(prescription.patient_id)
    row = Prescription.objects.select_for_update(no_key=True).get(pk=prescription.pk)
    if row.ended_at:
        raise Refused("wrong_state", "This prescription has ended already.")
    row.ended_at = now
    row.save(update_fields=["ended_at"])
    record("prescription.ended", row, by=by, now=now, patient_id=row.patient_id)
    replan_soon(row.patient_id, by=by, now=now)
    return row


def prescribed(
    prescription: Prescription, packed: Iterable[datetime], before: tuple[datetime, int] | None
) -> Prescribed:
    """A prescription as the arithmetic takes it, with the instants at which it was filled.

    ``before``: the last fill of an earlier one, and for how many days it was.
    """
    return Prescribed(
        issued_on=prescription.issued_on,
        days_supply=prescription.days_supply,
        refills=prescription.refills,
        use_by=prescription.use_by,
        fills=tuple(at.astimezone(PHARMACY).date() for at in packed),
        before=(before[0].astimezone(PHARMACY).date(), before[1]) if before else None,
    )


def _facts(
    patient: Patient,
    physician: Physician,
    issued_on: date,
    checked_at: datetime,
    authority: Rule | None,
    now: datetime,
) -> RecordingFacts:
    state = patient.address.state if patient.address else ""
    hours = in_force(now)["registry_age_nj" if state == "NJ" else "registry_age_fl"]
    licences = physician.licences.filter(
        state=state, valid_from__lte=issued_on, expires_on__gte=issued_on
    )
    ends = datetime.combine(issued_on, datetime.max.time(), ZoneInfo(patient.time_zone))
    return RecordingFacts(
        patient=facts_of(patient),
        outcome=outcome_of(patient),
        legal=authority is not None,
        licensed=licences.exists(),
        registry_age=min(ends, now) - checked_at,
        registry_max=timedelta(hours=hours),
    )
