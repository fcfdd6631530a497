"""What must be true to plan a session, for it to stand, and to start it. PURE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from patients.gates import PatientFacts, treatment_gates
from records.gates import UnmetGate
from scheduling.consultations.gates import approval_missing
from scheduling.subscriptions.gates import NOT_PAID, SubscriptionFacts, standing_gates

NOT_DELIVERED = UnmetGate("not_delivered", "Your delivery has to arrive first.", "pharmacy")
SESSIONS_USED_UP = UnmetGate(
    "sessions_used_up", "All sessions of that month are planned already.", "patient"
)
TOO_SOON = UnmetGate("too_soon", "There must be {hours} hours between two sessions.", "patient")
SUPPORT_PERSON_MISSING = UnmetGate(
    "support_person_missing", "Name an adult who stays with you.", "patient"
)
SUPPORT_PERSON_UNCONFIRMED = UnmetGate(
    "support_person_unconfirmed",
    "The person who stays with you has to agree, by the link that we sent them.",
    "patient",
)
NOT_CLEARED = UnmetGate(
    "pre_check_missing", "Measure your blood pressure and pulse, and tell us.", "patient"
)
PHYSICIAN_MISSING = UnmetGate(
    "physician_missing",
    "Your physician joins this session by video: choose a time at which that is possible.",
    "patient",
)
TO_START = UnmetGate("session_ready", "All is ready: start your session.", "patient")
NOT_FINISHED = UnmetGate(
    "session_under_way", "When your session is over, measure once more and tell us.", "patient"
)
SUPPORT_PERSON_ABSENT = UnmetGate(
    "support_person_absent", "The person who stays with you has to be there.", "patient"
)

MEASURE_BEFORE = timedelta(hours=1)  # how long before the start readings are taken
START_BEFORE = timedelta(minutes=30)  # how long before it a session may begin


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the gates of a session ask.

    ``supply``: sessions that delivered parcels still hold, with ``arrives_at``: when the next
    parcel should be there. ``left_in_month``: sessions of the plan that its month still has;
    ``left_by_then``: beside those planned before it; ``unused_in_month``: those not begun yet.
    ``last_start``: of the nearest other session. ``support``: "", "named" or "confirmed".
    ``cleared_at``: when the readings were found within the limits. ``held_from``: when the parcel
    has to be there. ``unattended``: it is one of the first and has no physician;
    ``physician_risks``: why its physician cannot be there.
    """

    patient: PatientFacts
    outcome: str
    subscription: SubscriptionFacts
    start: datetime
    supply: int
    arrives_at: datetime | None
    left_in_month: int
    left_by_then: int
    month_paid: bool
    last_start: datetime | None
    support: str
    cleared_at: datetime | None
    held_from: datetime
    unattended: bool
    physician_risks: Sequence[UnmetGate]
    unused_in_month: int
    values: Mapping[str, int]


def general_gates(facts: SessionFacts) -> list[UnmetGate]:
    """What every session asks of patient, approval and plan, whenever it takes place."""
    return [
        *treatment_gates(facts.patient),
        *approval_missing(facts.outcome),
        *standing_gates(facts.subscription),
    ]


def plan_gates(facts: SessionFacts) -> list[UnmetGate]:
    """What planning asks; the parcel and the person who stays may come later."""
    unmet = general_gates(facts)
    if facts.left_in_month < 1 and not standing_gates(facts.subscription):
        unmet.append(SESSIONS_USED_UP)
    return [*unmet, *_too_soon(facts)]


def _too_soon(facts: SessionFacts) -> list[UnmetGate]:
    hours = facts.values["session_min_interval"]
    interval = timedelta(hours=hours)
    if facts.last_start is None or abs(facts.start - facts.last_start) >= interval:
        return []
    detail = TOO_SOON.detail.format(hours=hours)
    return [replace(TOO_SOON, detail=detail, until=facts.last_start + interval)]


def waiting_gates(facts: SessionFacts) -> list[UnmetGate]:
    """What a planned session waits for: its parcel, and the person who stays."""
    unmet = []
    if facts.supply < 1:
        unmet.append(replace(NOT_DELIVERED, until=facts.arrives_at))
    if facts.support == "":
        unmet.append(SUPPORT_PERSON_MISSING)
    elif facts.support == "named":
        unmet.append(SUPPORT_PERSON_UNCONFIRMED)
    return unmet


def hold_gates(facts: SessionFacts, now: datetime) -> list[UnmetGate]:
    """Why a planned session is held: at once for what concerns the patient or the plan; for a
    parcel that is not there, from some hours before the start on.
    """
    unmet = [*general_gates(facts), *facts.physician_risks]
    if facts.unattended:
        unmet.append(PHYSICIAN_MISSING)
    if facts.left_by_then < 1 and not standing_gates(facts.subscription):
        unmet.append(SESSIONS_USED_UP)
    if facts.supply < 1 and now >= facts.held_from:
        unmet.append(replace(NOT_DELIVERED, until=facts.arrives_at))
    return unmet


def start_gates(facts: SessionFacts, now: datetime) -> list[UnmetGate]:
    """All that starting asks, with readings that are not too old."""
    unmet = [*hold_gates(facts, now), *_too_soon(facts)]
    unmet += [gate for gate in waiting_gates(facts) if gate not in unmet]
    if facts.unused_in_month < 1 and SESSIONS_USED_UP not in unmet:
        unmet.append(SESSIONS_USED_UP)
    if not facts.month_paid:
        unmet.append(NOT_PAID)
    return [*unmet, *reading_gates(facts, now)]


def reading_gates(facts: SessionFacts, now: datetime) -> list[UnmetGate]:
    """Readings within the limits, that are not too old."""
    old = timedelta(minutes=facts.values["reading_max_age"])
    fresh = facts.cleared_at is not None and now - facts.cleared_at <= old
    return [] if fresh else [NOT_CLEARED]


def above_limits(systolic: int, diastolic: int, pulse: int, values: Mapping[str, int]) -> bool:
    """Whether a reading is above the physician's limits: then a physician looks, not software."""
    return (
        systolic > values["limit_systolic"]
        or diastolic > values["limit_diastolic"]
        or pulse > values["limit_pulse"]
    )
