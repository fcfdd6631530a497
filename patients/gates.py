"""What must be true of a patient before anything is planned. PURE: facts in, unmet gates out."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from records.gates import UnmetGate

ADULT = 18


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What gates ask about a patient.

    ``agreed``: to both consents that follow an approval. ``identified``: by a photo document.
    ``held_since``: the first clinical hold that is open; ``clear``: there is none.
    """

    assessed: bool
    telehealth: bool
    served: bool
    agreed: bool = False
    identified: bool = False
    held_since: datetime | None = None

    @property
    def clear(self) -> bool:
        return self.held_since is None


OUT_OF_AREA = UnmetGate(
    "out_of_area", "We only treat at addresses in Florida and New Jersey.", "staff"
)
NOT_IDENTIFIED = UnmetGate(
    "not_identified",
    "We have to look at a photo ID once: have it at hand when we talk.",
    "physician",
)
AGREEMENTS_MISSING = UnmetGate(
    "agreements_missing",
    "Please read and accept the two agreements about treatment at home.",
    "patient",
)
ON_HOLD = UnmetGate(
    "on_hold", "Your physician looks at something first; nothing for you to do.", "physician"
)
NOT_JUST_IDENTIFIED = UnmetGate(
    "not_just_identified",
    "Look at a photo ID of the patient first, and write it down: it holds for a day.",
    "staff",
)
NOT_ASSESSED = UnmetGate("assessment_missing", "The free assessment comes first.", "patient")
NO_CONSENT = UnmetGate(
    "consent_missing", "We need your consent to talk by video or telephone first.", "patient"
)


def treatment_gates(facts: PatientFacts) -> list[UnmetGate]:
    """What every step of treatment asks of the patient, whatever else it needs."""
    return _missing(
        (facts.served, OUT_OF_AREA),
        (facts.identified, NOT_IDENTIFIED),
        (facts.agreed, AGREEMENTS_MISSING),
        (facts.clear, ON_HOLD),
    )


def approval_gates(facts: PatientFacts) -> list[UnmetGate]:
    """What must be true of a patient whom a physician approves; the agreements come after."""
    return _missing(
        (facts.served, OUT_OF_AREA),
        (facts.identified, NOT_IDENTIFIED),
        (facts.clear, ON_HOLD),
    )


def patient_gates(facts: PatientFacts) -> list[UnmetGate]:
    """Assessment submitted, telehealth consent given, address in Florida or New Jersey."""
    return _missing(
        (facts.served, OUT_OF_AREA),
        (facts.assessed, NOT_ASSESSED),
        (facts.telehealth, NO_CONSENT),
    )


def is_adult(born: date, *, zone: str, now: datetime) -> bool:
    """Whether somebody is 18 today where they live.

    Somebody born on 29 February comes of age on 1 March in a common year.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years >= ADULT


def _missing(*asked: tuple[bool, UnmetGate]) -> list[UnmetGate]:
    """The gates of what is not met."""
    return [gate for met, gate in asked if not met]
