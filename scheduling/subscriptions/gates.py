"""What must be true to subscribe, and what a paid month asks for. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from patients.gates import OUT_OF_AREA, PatientFacts
from records.gates import UnmetGate
from scheduling.consultations.gates import approval_missing

NO_SUBSCRIPTION = UnmetGate("not_subscribed", "Choose a plan.", "patient")
PAUSED = UnmetGate("paused", "Your plan is paused.", "patient")
ENDED = UnmetGate("ended", "Your plan has ended.", "patient")
NOT_PAID = UnmetGate(
    "not_paid",
    "The month is not paid yet: we send you the bill, and go on when it is paid.",
    "patient",
)


@dataclass(frozen=True, slots=True)
class PeriodFacts:
    """A month as gates see it; ``due_at``: until when it should be paid."""

    number: int
    starts_on: date
    ends_on: date
    paid: bool
    due_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """A subscription as gates see it; ``status`` is empty when there is none."""

    status: str = ""
    pausing: bool = False
    periods: Sequence[PeriodFacts] = ()

    def paid_on(self, day: date) -> bool:
        """Whether the month that holds ``day`` is paid."""
        return any(p.paid and p.starts_on <= day < p.ends_on for p in self.periods)


def subscribe_gates(patient: PatientFacts, outcome: str) -> list[UnmetGate]:
    """An approval, and an address in the area. The agreements are asked before treatment."""
    return [*([] if patient.served else [OUT_OF_AREA]), *approval_missing(outcome)]


def standing_gates(facts: SubscriptionFacts) -> list[UnmetGate]:
    """Why the plan does not carry treatment now; or nothing."""
    if facts.status == "":
        return [NO_SUBSCRIPTION]
    if facts.status == "paused" or facts.pausing:
        return [PAUSED]
    return [ENDED] if facts.status == "cancelled" else []


def payment_gates(period: PeriodFacts) -> list[UnmetGate]:
    """A month has to be paid before anything is packed for it."""
    return [] if period.paid else [replace(NOT_PAID, until=period.due_at)]
