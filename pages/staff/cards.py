"""What a card of the board, and the page of a parcel, show of it."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from notifications.texts import ZONE_WORDS
from pages.staff.words import HELD_BECAUSE, TITLES, TONES
from scheduling.deliveries.board import Card
from scheduling.deliveries.models import Delivery, Status

WHO = {
    "patient": "the patient", "physician": "the physician", "staff": "staff",
    "pharmacy": "the pharmacy",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A parcel in words; ``zone`` (IANA) is that of its address."""

    card: Card

    @property
    def row(self) -> Delivery:
        return self.card.row

    @property
    def patient(self) -> Any:
        return self.card.standing.patient

    @property
    def name(self) -> str:
        return f"{self.patient.first_name} {self.patient.last_name}"

    @property
    def address(self) -> Any:
        """Where it goes: decided when it was packed, else where the patient lives."""
        return (self.row.packed_at and self.row.address) or self.patient.address

    @property
    def zone(self) -> str:
        return self.address.time_zone if self.address else self.card.standing.zone

    @property
    def window(self) -> str:
        """``Thu, Dec 3, 9:00 AM to 12:00 PM Central``; empty while there is none."""
        window = self.row.window
        return window_words(window.starts, window.ends, self.zone) if window else ""

    @property
    def title(self) -> str:
        return TITLES[Status(self.row.status)]

    @property
    def tone(self) -> str:
        return TONES.get(Status(self.row.status), "")

    @property
    def why(self) -> str:
        """Why it is where it is, for what does not go its way."""
        row, said = self.row, []
        if row.attempts and row.failure and row.status == Status.ATTEMPTED:
            said.append(f"Attempt {row.attempts}: {row.get_failure_display()}")
        if row.status == Status.HELD:
            said.append(f"Held: {HELD_BECAUSE.get(row.held_because, 'by a rule of care')}")
        if row.status == Status.DELIVERED_UNVERIFIED:
            said.append(f"Signed by {row.signed_by}, {row.get_relation_display()}")
        return " · ".join(said)

    @property
    def waits(self) -> list[tuple[str, str]]:
        return [(WHO.get(gate.who, gate.who), gate.detail) for gate in self.card.unmet]


def window_words(starts: Any, ends: Any, zone: str) -> str:
    """A window where it is: ``Thu, Dec 3, 9:00 AM to 12:00 PM Central``."""
    there = ZoneInfo(zone)
    first, last = starts.astimezone(there), ends.astimezone(there)
    hours = " to ".join(f"{at:%I:%M %p}".lstrip("0") for at in (first, last))
    return f"{first:%a, %b} {first.day}, {hours} {ZONE_WORDS.get(zone, zone)}"
