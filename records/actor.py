"""Who does something, through which channel, and what caused it."""

from dataclasses import dataclass, field
from uuid import UUID

from records.ids import uuid7


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user in a role, an anonymous visitor, or a sweep.

    ``channel`` says how the wish arrived (``web``, ``telephone``, ``in_person``, ``sms``,
    ``sweep``); ``cause`` is the id that every event and change of this act carries, so that all
    that follows from one cause can be counted and held back together.
    """

    role: str
    channel: str = "web"
    user_id: UUID | None = None
    cause: UUID = field(default_factory=uuid7)

    @property
    def person(self) -> UUID:
        """The user who acts, where only somebody who has signed in can."""
        if self.user_id is None:
            raise LookupError(f"{self.role} is nobody who has signed in")
        return self.user_id

    @property
    def is_patient(self) -> bool:
        return self.role == "patient"


def sweep() -> Actor:
    """A sweep as the actor, with a cause of its own."""
    return Actor(role="system", channel="sweep")


def visitor() -> Actor:
    """Somebody who has not signed in."""
    return Actor(role="visitor")
