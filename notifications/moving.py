"""The one way in which a message gets from one status to another, with its history."""

from datetime import UTC, datetime
from typing import Any

from django.db.models.functions import Now

from notifications.models import TRANSITIONS, Message, Status

CALLED_OFF = "Staff called it off."


def entry(status: str, why: str) -> dict[str, str]:
    """A line of a message's history: in real time, also while the clock of care is moved."""
    return {"at": datetime.now(UTC).isoformat(), "status": status, "why": why}


def move(message: Message, to: str, why: str = "", **changes: Any) -> bool:
    """Move a locked message and keep why; False when `TRANSITIONS` does not allow it."""
    if to not in TRANSITIONS[message.status]:
        return False
    _keep(message.history, entry(to, why))
    change(message, status=to, why=why, history=message.history, **changes)
    return True


def _keep(history: list[dict[str, str]], line: dict[str, str]) -> None:
    """Tried again and put off as before is told once: a history must not grow for ever."""
    before = history[-2] if len(history) > 1 else {}
    if line["status"] == Status.PENDING and {**line, "at": before.get("at")} == before:
        history.pop()
    else:
        history.append(line)


def change(message: Message, **changes: Any) -> None:
    """Set fields of a locked message."""
    changes |= {"changed_at": Now(), "version": message.version + 1}
    for field, value in changes.items():
        setattr(message, field, value)
    message.save(update_fields=[*changes])
