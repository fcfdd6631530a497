"""What must be true to choose a window, to pack, and to send. PURE."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from patients.gates import ON_HOLD, OUT_OF_AREA, PatientFacts, treatment_gates
from records.gates import UnmetGate
from scheduling.consultations.gates import approval_missing
from scheduling.intervals import Interval
from scheduling.prescriptions.gates import NOT_PRESCRIBED, USE_BY_PASSED, fill_gates
from scheduling.prescriptions.refills import Prescribed
from scheduling.subscriptions.gates import (
    PAUSED,
    PeriodFacts,
    SubscriptionFacts,
    payment_gates,
    standing_gates,
)

SIGNER_AGE = 21  # adult signature services of USPS, UPS and FedEx
NO_WINDOW = UnmetGate("no_window", "Choose a delivery window.", "patient")
NO_SIGNER = UnmetGate(
    "no_signer",
    "We look for a place where your parcel can be handed over, and call you; nothing for you to "
    "do.",
    "staff",
)
AREA_CLOSED = UnmetGate(
    "area_closed", "Nothing can be brought to this county at that time.", "patient"
)
HOLIDAY = UnmetGate(
    "holiday", "Nothing can be brought on that day: choose another window.", "patient"
)
WINDOW_ELSEWHERE = UnmetGate(
    "window_elsewhere", "The window was chosen for another address: choose one anew.", "patient"
)
SIGNER_MISSING = UnmetGate(
    "signer_missing", "Name an adult of 21 or older who takes the parcel.", "patient"
)
PRESCRIBED_ELSEWHERE = UnmetGate(
    "prescribed_elsewhere",
    "The prescription is for another state: your physician makes a new one.",
    "physician",
)
PARCEL_ELSEWHERE = UnmetGate(
    "parcel_elsewhere", "The parcel was made ready for another address.", "staff"
)


@dataclass(frozen=True, slots=True)
class ParcelFacts:
    """What the gates of a parcel ask.

    ``window`` with its ``window_day`` (where the patient lives) and whether it is for the zone of
    the address; ``closed``: times at which the county is closed; ``day_off``: its day became a
    holiday, or the day on which it ships did. ``no_signer``: staff look for an adult who takes it.
    ``prescribed``: what it was packed for, if it was, else what is in force, ``for_state`` of the
    address. ``for_door``: nobody moved since it was packed.
    """

    patient: PatientFacts
    outcome: str
    subscription: SubscriptionFacts
    period: PeriodFacts
    prescribed: Prescribed | None
    for_state: bool
    for_door: bool
    window: Interval | None
    window_day: date | None
    for_address: bool
    signer_age: int | None
    no_signer: bool
    closed: Collection[Interval]
    day_off: bool
    today: date
    early_days: int


def choose_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """What choosing a window asks: all that is about the patient, and a paid month."""
    return [
        *treatment_gates(facts.patient),
        *approval_missing(facts.outcome),
        *standing_gates(facts.subscription),
        *payment_gates(facts.period),
    ]


def window_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """A window that still serves, and an adult who takes the parcel."""
    return [*_elsewhere(facts), *door_gates(facts), *_on_a_holiday(facts)]


def door_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """A window outside closures, and an adult who takes the parcel."""
    if facts.window is None:
        return [NO_SIGNER] if facts.no_signer else [NO_WINDOW]
    unmet = _closed(facts)
    if facts.signer_age is None or facts.signer_age < SIGNER_AGE:
        unmet.append(SIGNER_MISSING)
    return unmet


def lost_window_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """Why a window that was chosen serves no more: another address, a closed county, a holiday."""
    return [*_elsewhere(facts), *_closed(facts), *_on_a_holiday(facts)]


def _elsewhere(facts: ParcelFacts) -> list[UnmetGate]:
    return [WINDOW_ELSEWHERE] if facts.window and not facts.for_address else []


def _closed(facts: ParcelFacts) -> list[UnmetGate]:
    window = facts.window
    met = window is not None and any(closed.overlaps(window) for closed in facts.closed)
    return [AREA_CLOSED] if met else []


def _on_a_holiday(facts: ParcelFacts) -> list[UnmetGate]:
    return [HOLIDAY] if facts.day_off else []


def pack_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """All that packing asks: from here on a prescription, and that its time has come."""
    fill = fill_gates(
        facts.prescribed,
        on=facts.today,
        needed_until=facts.window_day or facts.today,
        early_days=facts.early_days,
    )
    return [*choose_gates(facts), *window_gates(facts), *fill, *_of_state(facts)]


def dispatch_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """What leaving the pharmacy asks: all of packing, but that its fill is spent already.

    What was packed goes after the holiday that its day has become, and to the door for which it
    was packed, whatever zone the county is in by now.
    """
    unmet = [gate for gate in choose_gates(facts) if gate != PAUSED]  # it is on its way to a pause
    unmet += [*door_gates(facts), *_of_state(facts)]
    if facts.patient.served and not facts.for_door:
        unmet.append(PARCEL_ELSEWHERE)
    return [*unmet, *_usable(facts)]


def found_gates(facts: ParcelFacts) -> list[UnmetGate]:
    """What a parcel that was looked for, and found, has to meet to go on to the door."""
    return [*hold_reasons(facts), *_usable(facts)]


def _usable(facts: ParcelFacts) -> list[UnmetGate]:
    """What it was packed for is in force, and serves until its window, and today."""
    if facts.prescribed is None:
        return [NOT_PRESCRIBED]
    late = max(facts.window_day or facts.today, facts.today) > facts.prescribed.use_by
    return [USE_BY_PASSED] if late else []


def _of_state(facts: ParcelFacts) -> list[UnmetGate]:
    """A prescription is for one state; who is out of the area is told of that alone."""
    elsewhere = facts.patient.served and facts.prescribed is not None and not facts.for_state
    return [PRESCRIBED_ELSEWHERE] if elsewhere else []


def hold_reasons(facts: ParcelFacts) -> list[UnmetGate]:
    """Why a parcel must not go on by itself: replan holds it, or calls it back."""
    unmet = [] if facts.patient.served else [OUT_OF_AREA]
    if not facts.patient.clear:
        unmet.append(ON_HOLD)
    if facts.patient.served and not facts.for_door:
        unmet.append(PARCEL_ELSEWHERE)
    return unmet + approval_missing(facts.outcome)
