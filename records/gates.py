"""A gate that is not passed: what is missing, who clears it, by when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from records.refused import Refused


@dataclass(frozen=True, slots=True)
class UnmetGate:
    """What is missing; ``who`` is patient, physician, staff or pharmacy; ``until`` is in UTC."""

    code: str
    detail: str
    who: str
    until: datetime | None = None


def pass_gates(unmet: Sequence[UnmetGate]) -> None:
    """Raises `Refused` ``gate_unmet`` with everything that is missing."""
    if unmet:
        raise Refused(
            "gate_unmet",
            " ".join(gate.detail for gate in unmet),
            unmet_gates=[asdict(gate) for gate in unmet],
        )
