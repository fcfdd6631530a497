"""Numbers that the physician may change: their defaults, units and sources, and what is in force.

The rows are `Setting`; a number that was never changed has no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from records.actor import Actor
from records.events import record
from records.models import Rule, Setting


@dataclass(frozen=True, slots=True)
class Default:
    """A number as it stands until the physician changes it; ``low`` and ``high`` are inclusive."""

    value: int
    unit: str
    low: int
    high: int
    source: str


DEFAULTS: dict[str, Default] = {
    "consultation_initial_minutes": Default(30, "minutes", 10, 120, "practice"),
    "consultation_follow_up_minutes": Default(20, "minutes", 10, 120, "practice"),
    "consultation_buffer_before": Default(0, "minutes", 0, 120, "practice"),
    "consultation_buffer_after": Default(15, "minutes", 0, 120, "practice"),
    "consultation_lead": Default(120, "minutes", 0, 10_080, "practice"),
    "consultation_horizon": Default(60, "days", 1, 180, "practice"),
    "consultation_cancel_notice": Default(24, "hours", 0, 168, "common in at-home programmes"),
    "consultation_arrive_early": Default(15, "minutes", 0, 120, "practice"),
    "consultation_no_show_after": Default(15, "minutes", 5, 120, "practice"),
    "slot_step": Default(15, "minutes", 5, 60, "practice"),
    "hold_minutes": Default(10, "minutes", 2, 60, "practice"),
}


def in_force(now: datetime) -> Mapping[str, int]:
    """Every number in force at ``now``; one query."""
    values = {key: default.value for key, default in DEFAULTS.items()}
    changed = Setting.objects.filter(valid_from__lte=now).order_by("key", "-valid_from", "-id")
    values.update(changed.distinct("key").values_list("key", "value"))
    return values


@transaction.atomic
def change(values: Mapping[str, int], *, user_id: UUID, by: Actor, now: datetime) -> None:
    """Put other numbers in force from ``now`` on; keys and bounds have been checked."""
    for key, value in values.items():
        row = Setting.objects.create(key=key, value=value, valid_from=now, changed_by_id=user_id)
        record("setting.changed", row, by=by, now=now, key=key)


def rule(code: str, *, state: str, now: datetime) -> Rule | None:
    """The legal rule in force on the day of ``now`` (UTC), or None when none is."""
    day = now.date()
    rows = Rule.objects.filter(code=code, state=state, valid_from__lte=day).order_by("-valid_from")
    latest = rows.first()
    return latest if latest and (latest.valid_to is None or latest.valid_to >= day) else None
