"""What must be true to record a prescription, and to fill one. PURE."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from patients.gates import PatientFacts, treatment_gates
from records.gates import UnmetGate
from scheduling.consultations.gates import NO_LICENCE, approval_missing
from scheduling.prescriptions.refills import (
    Prescribed,
    earliest_fill,
    fills_left,
    last_fill_day,
)

PHARMACY = ZoneInfo("America/New_York")
NEEDS_LEGAL_BASIS = UnmetGate(
    "needs_legal_basis",
    "No rule in force allows this prescription without a visit in person on its day. "
    "Enter the rule that does, or a visit in person.",
    "physician",
)
REGISTRY_STALE = UnmetGate(
    "registry_check_stale",
    "The state's registry must be looked at again for this prescription.",
    "physician",
)
NOT_PRESCRIBED = UnmetGate(
    "not_prescribed", "Your physician prepares the prescription.", "physician"
)
NO_FILL_LEFT = UnmetGate(
    "no_fill_left", "Your physician has to renew the prescription: book a follow-up.", "patient"
)
REFILL_TOO_EARLY = UnmetGate(
    "refill_too_early", "The next parcel can be packed from {day} on.", "pharmacy"
)
USE_BY_PASSED = UnmetGate("use_by_passed", "The medication would be out of date.", "physician")


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What recording a prescription asks: the day's law, licence and registry check."""

    patient: PatientFacts
    outcome: str
    legal: bool
    licensed: bool
    registry_age: timedelta
    registry_max: timedelta


def recording_gates(facts: RecordingFacts) -> list[UnmetGate]:
    """Approval, the patient's own gates, law, licence and registry check."""
    unmet = [*treatment_gates(facts.patient), *approval_missing(facts.outcome)]
    if not facts.legal:
        unmet.append(NEEDS_LEGAL_BASIS)
    if not facts.licensed:
        unmet.append(NO_LICENCE)
    if not timedelta(0) <= facts.registry_age <= facts.registry_max:
        unmet.append(REGISTRY_STALE)
    return unmet


def fill_gates(
    prescribed: Prescribed | None, *, on: date, needed_until: date, early_days: int
) -> list[UnmetGate]:
    """Why nothing can be packed ``on`` a day for use until another; or nothing."""
    if prescribed is None:
        return [NOT_PRESCRIBED]
    if not fills_left(prescribed) or on > last_fill_day(prescribed):
        return [NO_FILL_LEFT]
    unmet = []
    earliest = earliest_fill(prescribed, early_days)
    if on < earliest:
        unmet.append(_from(earliest))
    if needed_until > prescribed.use_by:
        unmet.append(USE_BY_PASSED)
    return unmet


def _from(day: date) -> UnmetGate:
    detail = REFILL_TOO_EARLY.detail.format(day=f"{day:%b} {day.day}")
    until = datetime.combine(day, time(), PHARMACY).astimezone(ZoneInfo("UTC"))
    return replace(REFILL_TOO_EARLY, detail=detail, until=until)
