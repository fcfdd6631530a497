"""The time that a browser holds: kept in its session with the secret, never in an address."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.http import HttpRequest

from scheduling.calendar import actions
from scheduling.calendar.models import Reservation

KEY = "held"


@dataclass(frozen=True, slots=True)
class Held:
    """A time that was taken until ``expires_at``; ``zone`` is that of who took it.

    ``postal_code`` is that of a visitor, to look for other times with; empty for a patient.
    """

    id: UUID
    secret: str
    start: datetime
    expires_at: datetime
    kind: str
    state: str
    zone: str
    physician: UUID
    physician_name: str
    postal_code: str

    @classmethod
    def of(cls, request: HttpRequest) -> Self | None:
        """What this browser holds, or held until a moment ago."""
        kept: Any = request.session.get(KEY)
        try:
            ids = {name: UUID(kept[name]) for name in ("id", "physician")}
            times = {name: datetime.fromisoformat(kept[name]) for name in ("start", "expires_at")}
            return cls(**(kept | ids | times))
        except (KeyError, TypeError, ValueError):  # none, or one of an earlier release
            return None

    @property
    def key(self) -> tuple[UUID, str]:
        """What opens it."""
        return self.id, self.secret

    def lives(self, now: datetime) -> bool:
        return now < self.expires_at

    @property
    def chosen(self) -> dict[str, str]:
        """What a form of other times carries."""
        typed = {"postal_code": self.postal_code, "time_zone": self.zone}
        return {"kind": self.kind, **(typed if self.postal_code else {})}


def keep(
    request: HttpRequest, hold: Reservation, secret: str, *, zone: str, postal_code: str
) -> None:
    """Remember a hold, in place of the one before."""
    assert hold.expires_at  # noqa: S101  it is a hold
    assert hold.hold_start  # noqa: S101
    assert hold.physician  # noqa: S101
    row = Held(
        id=hold.pk,
        secret=secret,
        start=hold.hold_start,
        expires_at=hold.expires_at,
        kind=hold.hold_kind,
        state=hold.hold_state,
        zone=zone,
        physician=hold.physician.pk,
        physician_name=hold.physician.name,
        postal_code=postal_code,
    )
    kept: dict[str, Any] = asdict(row)
    texts = {name: str(kept[name]) for name in ("id", "physician")}
    times = {name: kept[name].isoformat() for name in ("start", "expires_at")}
    request.session[KEY] = kept | texts | times


def forget(request: HttpRequest) -> None:
    """It was booked, or is given up."""
    request.session.pop(KEY, None)


def release(request: HttpRequest) -> None:
    """Give the time back that this browser holds, if it holds one still."""
    if row := Held.of(request):
        with suppress(Reservation.DoesNotExist):  # of one that is over nothing may be left
            actions.release_hold(hold_id=row.id, secret=row.secret)
    forget(request)
