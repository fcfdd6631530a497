"""What follows a decision on the chain of care, told before it is made. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

from patients.gates import AGREEMENTS_MISSING, PatientFacts, approval_gates
from records.gates import UnmetGate
from scheduling.deliveries.gates import NO_WINDOW
from scheduling.prescriptions.gates import NOT_PRESCRIBED
from scheduling.subscriptions.gates import NO_SUBSCRIPTION, NOT_PAID
from scheduling.timeline import TO_PLAN

WHO = {"patient": "The patient", "physician": "You", "staff": "Staff", "pharmacy": "The pharmacy"}
TO_DO = {  # gate → what whoever clears it does, as a physician reads it
    AGREEMENTS_MISSING: "accepts the two agreements.",
    NO_SUBSCRIPTION: "chooses a plan.",
    NOT_PAID: "pays the month; staff mark it as paid, and a delivery is planned at once.",
    NOT_PRESCRIBED: "record the prescription that you write in your own system.",
    NO_WINDOW: "chooses when the delivery comes, and who takes it.",
    TO_PLAN: "plans the first session at home, with an adult who stays.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there already of the later steps, when it is decided."""

    facts: PatientFacts
    has_plan: bool = False
    has_paid: bool = False
    has_prescription: bool = False
    has_parcel: bool = False
    has_session: bool = False


@dataclass(frozen=True, slots=True)
class Follows:
    """What follows one outcome: ``against`` is why it is refused for now, ``reads`` the patient's
    sentence, ``steps`` who does what, in order."""

    outcome: str
    title: str
    reads: str
    steps: Sequence[str]
    against: Sequence[UnmetGate] = ()


def follows(standing: Standing, says: dict[str, str]) -> list[Follows]:
    """For each of the three outcomes; ``says``: what the patient is told of it."""
    return [
        Follows(
            "approved",
            "If you approve",
            says["approved"],
            [f"{WHO[gate.who]} {TO_DO[gate]}" for gate in _ahead(standing)]
            or ["Treatment goes on as it is."],
            approval_gates(standing.facts),
        ),
        Follows(
            "declined",
            "If you decline",
            says["declined"],
            [*_stopped(standing), "It stands until you decide on a later visit."],
        ),
        Follows(
            "more_info",
            "If more is needed",
            says["more_info"],
            [
                "The patient books a follow-up, or staff do.",
                *_stopped(standing),
                "You can still decide on this visit.",
            ],
        ),
    ]


def _ahead(standing: Standing) -> list[UnmetGate]:
    """The gates of the later steps that are not met, in the order of the chain."""
    met = {
        AGREEMENTS_MISSING: standing.facts.agreed,
        NO_SUBSCRIPTION: standing.has_plan,
        NOT_PAID: standing.has_paid,
        NOT_PRESCRIBED: standing.has_prescription,
        NO_WINDOW: standing.has_parcel,
        TO_PLAN: standing.has_session,
    }
    return [gate for gate in TO_DO if not met[gate]]


def _stopped(standing: Standing) -> list[str]:
    told = ["No plan, prescription, delivery or session can begin."]
    if standing.has_parcel:
        told.append("The parcel under way is held back, or called back from the road.")
    if standing.has_session:
        told.append("Planned sessions are put on hold, and their times are free.")
    if standing.has_plan:
        told.append("The plan itself goes on until it is paused or ended.")
    return told
