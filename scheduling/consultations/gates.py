"""What must be true for a booked consultation to stand. PURE.

What must be true to book one is `patients.gates.patient_gates`; the licence decides which slots
there are.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from patients.gates import OUT_OF_AREA
from records.gates import UnmetGate
from scheduling.calendar.slots import Licensed, licensed
from scheduling.intervals import Interval

NO_LICENCE = UnmetGate(
    "no_licence",
    "On that day the physician may not treat anybody in that state: it takes another day, or "
    "another physician.",
    "physician",
)
NOT_APPROVED = UnmetGate(
    "not_approved", "The physician decides after the consultation.", "physician"
)
NOT_SUITABLE = UnmetGate(
    "declined", "The physician decided that this treatment is not right for you.", "physician"
)
MORE_INFO = UnmetGate(
    "more_info",
    "Your physician needs to know more: please book a follow-up, or call us.",
    "patient",
)
OF_OUTCOME = {"": NOT_APPROVED, "declined": NOT_SUITABLE, "more_info": MORE_INFO}
PHYSICIAN_AWAY = UnmetGate("physician_away", "The physician is away at that time.", "physician")


def standing_gates(
    *,
    served: bool,
    licences: Sequence[Licensed],
    time_off: Sequence[Interval],
    state: str,
    zone: str,
    start: datetime,
    end: datetime,
) -> list[UnmetGate]:
    """Why a booked consultation is at risk: address, licence at the start, time off; or nothing."""
    unmet = []
    if not served:
        unmet.append(replace(OUT_OF_AREA, until=start))
    if not licensed(licences, state, start, zone):
        unmet.append(NO_LICENCE)
    if any(off.overlaps(Interval(start, end)) for off in time_off):
        unmet.append(PHYSICIAN_AWAY)
    return unmet


def approval_missing(outcome: str) -> list[UnmetGate]:
    """Why there is no approval, by the latest decision (``""``: none yet); or nothing."""
    return [] if outcome == "approved" else [OF_OUTCOME[outcome]]
