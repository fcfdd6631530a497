"""What can be done with a parcel now, and what it waits for: for whoever looks at it.

Nothing is decided by it: the actions ask once more.
"""

from collections.abc import Callable, Sequence

from records.gates import UnmetGate
from scheduling.deliveries import gates
from scheduling.deliveries.actions import RECALLED
from scheduling.deliveries.gates import ParcelFacts
from scheduling.deliveries.models import (
    AT_THE_PHARMACY,
    CORRECTIONS,
    OVER,
    TRANSITIONS,
    Delivery,
    Status,
)
from scheduling.deliveries.standing import Standing

Gates = Callable[[ParcelFacts], list[UnmetGate]]


def _leads_to(status: Status) -> Callable[[Delivery], bool]:
    return lambda row: status in TRANSITIONS[row.status]


# What the state of a parcel allows, by the verbs of the API, first things first.
IN_STATE: dict[str, Callable[[Delivery], bool]] = {
    "choose-window": lambda row: row.status in AT_THE_PHARMACY,
    "pack": lambda row: row.status == Status.SCHEDULED,
    "dispatch": lambda row: (
        row.status in (Status.PACKED, Status.INVESTIGATING) and row.held_because != RECALLED
    ),
    "out-for-delivery": _leads_to(Status.OUT_FOR_DELIVERY),
    "deliver": lambda row: (
        Status.DELIVERED in TRANSITIONS[row.status] and row.dispatched_at is not None
    ),
    "confirm-receipt": lambda row: row.status == Status.DELIVERED_UNVERIFIED,
    "attempt": lambda row: row.status in (Status.DISPATCHED, Status.OUT_FOR_DELIVERY),
    "release": lambda row: row.status == Status.HELD,
    "return": _leads_to(Status.RETURNED),
    "no-signer": lambda row: row.status == Status.AWAITING_WINDOW and not row.no_signer_at,
    "hold": _leads_to(Status.HELD),
    "recall": lambda row: Status.RETURNING in TRANSITIONS[row.status] and row.packed_at is not None,
    "investigate": _leads_to(Status.INVESTIGATING),
    "lose": _leads_to(Status.LOST),
    "cancel": lambda row: Status.CANCELLED in TRANSITIONS[row.status] and not row.packed_at,
    "correct": lambda row: row.status in CORRECTIONS and row.built_on_at is None,
}
# What else the next step of a parcel asks.
WAITS: dict[str, Gates] = {
    Status.AWAITING_WINDOW: lambda facts: [*gates.choose_gates(facts), *gates.door_gates(facts)],
    Status.SCHEDULED: gates.pack_gates,
    Status.PACKED: gates.dispatch_gates,
    Status.DISPATCHED: gates.hold_reasons,
    Status.ATTEMPTED: gates.hold_reasons,
    Status.HELD: gates.hold_reasons,
    Status.INVESTIGATING: gates.found_gates,
}
OF_VERB: dict[str, Gates] = {
    "choose-window": gates.choose_gates,
    "pack": gates.pack_gates,
    "out-for-delivery": gates.hold_reasons,
    "release": gates.hold_reasons,
}


def waits_for(row: Delivery, facts: ParcelFacts) -> list[UnmetGate]:
    """What has to happen before the next step; nothing for one that is over."""
    asks = WAITS.get(row.status)
    return asks(facts) if asks else []


def possible(row: Delivery, standing: Standing) -> list[str]:
    """The verbs that neither its state nor a gate refuses now."""
    verbs = [verb for verb, allows in IN_STATE.items() if allows(row)]
    if not verbs:
        return []
    facts = standing.parcel(row)
    return [verb for verb in verbs if not _stopped(verb, row, facts, standing)]


def _stopped(verb: str, row: Delivery, facts: ParcelFacts, standing: Standing) -> bool:
    asks = OF_VERB.get(verb)
    if verb == "dispatch":
        asks = gates.found_gates if row.dispatched_at else gates.dispatch_gates
    if verb == "choose-window" and row.window and row.window.cutoff_at <= standing.now:
        return True
    if verb == "out-for-delivery" and row.attempts >= standing.values["delivery_attempts"]:
        return True
    return bool(asks and asks(facts))


def is_late(row: Delivery, standing: Standing) -> bool:
    """Whether its window is over and it is not there, or should have been chosen by now."""
    if row.status in OVER or row.status == Status.DELIVERED_UNVERIFIED:
        return False
    if row.window:
        return row.window.ends <= standing.now
    return row.status == Status.AWAITING_WINDOW and row.choose_by <= standing.now


def is_at_risk(row: Delivery, unmet: Sequence[UnmetGate], standing: Standing) -> bool:
    """Whether it must be ordered, or was to be, and something is missing still."""
    is_close = row.window is not None and row.window.cutoff_at <= standing.now
    return bool(unmet) and is_close and row.status in (Status.SCHEDULED, Status.PACKED)
