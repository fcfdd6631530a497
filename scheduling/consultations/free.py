"""Where a consultation can be moved to."""

from datetime import datetime, timedelta

from patients.facts import facts_of
from patients.gates import patient_gates
from records.values import in_force
from scheduling.calendar.actions import without
from scheduling.calendar.agenda import agendas
from scheduling.calendar.slots import free_slots, offer_of
from scheduling.consultations.models import Consultation
from scheduling.intervals import Interval

DAY = timedelta(days=1)


def free_times(consultation: Consultation, *, within: Interval, now: datetime) -> list[datetime]:
    """Starts within an interval to which it can be moved with its physician, the soonest first.

    Its own time counts as free, but for its own start. Nothing is offered behind a gate.
    """
    patient = consultation.patient
    if patient_gates(facts_of(patient)):
        return []
    offer = offer_of(consultation.kind, in_force(now), now)
    found = agendas(within=within.padded(DAY, DAY), now=now, physicians=[consultation.physician_id])
    state, zone = consultation.location_state, patient.time_zone
    starts = (
        slot.start
        for agenda in found
        for slot in free_slots(
            without(agenda, consultation.reservation),
            offer,
            state=state,
            within=within,
            zone=zone,
        )
    )
    return sorted(start for start in starts if start != consultation.start)
