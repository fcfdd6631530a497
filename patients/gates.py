"""What must be true of a patient before anything is planned. PURE: facts in, unmet gates out."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from records.gates import UnmetGate

ADULT = 18


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What gates ask about a patient."""

    assessed: bool
    telehealth: bool
    served: bool


def patient_gates(facts: PatientFacts) -> list[UnmetGate]:
    """Assessment submitted, telehealth consent given, address in Florida or New Jersey."""
    unmet = []
    if not facts.served:
        unmet.append(
            UnmetGate(
                "out_of_area", "We only treat at addresses in Florida and New Jersey.", "staff"
            )
        )
    if not facts.assessed:
        unmet.append(UnmetGate("assessment_missing", "The free assessment comes first.", "patient"))
    if not facts.telehealth:
        unmet.append(
            UnmetGate(
                "consent_missing",
                "We need your consent to talk by video or telephone first.",
                "patient",
            )
        )
    return unmet


def is_adult(born: date, *, zone: str, now: datetime) -> bool:
    """Whether somebody is 18 today where they live.

    Somebody born on 29 February comes of age on 1 March in a common year.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= ADULT
