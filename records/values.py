"""Numbers that the physician may change: their defaults, units and sources, and what is in force.

The rows are `Setting`; a number that was never changed has no row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from records.actor import Actor
from records.events import record
from records.models import Rule, Setting
from records.refused import Refused


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
    "billing_opens_before": Default(5, "days", 0, 20, "practice"),
    "billing_grace": Default(7, "days", 1, 30, "practice"),
    "window_choice_days": Default(3, "days", 1, 14, "practice"),
    "delivery_attempts": Default(3, "attempts", 1, 5, "carriers' adult signature services"),
    "refill_early_days": Default(2, "days", 0, 7, "common pharmacy practice, not law"),
    "registry_age_fl": Default(24, "hours", 1, 168, "F.S. 893.055(8): before each prescribing"),
    "registry_age_nj": Default(2160, "hours", 1, 2160, "practice, after N.J.A.C. 13:45A-35.9"),
    "session_block": Default(120, "minutes", 60, 360, "published at-home programmes"),
    "session_supervised": Default(1, "sessions", 0, 10, "published at-home programmes"),
    "session_supervised_minutes": Default(30, "minutes", 10, 120, "practice"),
    "session_min_interval": Default(72, "hours", 12, 720, "published at-home programmes"),
    "session_first_hour": Default(8, "o'clock", 6, 12, "practice"),
    "session_last_hour": Default(20, "o'clock", 12, 22, "practice"),
    "session_held_before": Default(24, "hours", 1, 72, "practice"),
    "session_choice_days": Default(7, "days", 1, 30, "practice"),
    "reading_max_age": Default(30, "minutes", 5, 120, "practice"),
    "limit_systolic": Default(140, "mmHg", 100, 180, "esketamine label, guide value"),
    "limit_diastolic": Default(90, "mmHg", 60, 120, "esketamine label, guide value"),
    "limit_pulse": Default(100, "beats a minute", 60, 140, "published at-home programmes"),
    "hold_answer_days": Default(2, "days", 1, 14, "practice"),
    "check_in_after": Default(12, "hours", 1, 48, "practice"),
    "hold_minutes": Default(10, "minutes", 2, 60, "practice"),
    "confirmation_grace": Default(3, "minutes", 0, 30, "practice"),
    "reminder_first": Default(24, "hours", 6, 168, "common for reminders; by the wall clock"),
    "reminder_second": Default(120, "minutes", 30, 720, "common for reminders"),
    "reminder_delivery": Default(24, "hours", 4, 72, "practice"),
    "check_in_hour": Default(10, "o'clock", 8, 19, "practice"),
    "renewal_notice": Default(8, "days", 6, 25, "practice"),
    "texts_a_day": Default(3, "texts", 1, 10, "F.S. 501.616(6), for sales; kept for all"),
    "lesser_texts_a_day": Default(1, "texts", 1, 10, "47 CFR 64.1200(a)(9)(iv), kept for all"),
    "lesser_texts_a_week": Default(3, "texts", 1, 20, "47 CFR 64.1200(a)(9)(iv), kept for all"),
    "answers_an_hour": Default(5, "answers", 1, 20, "practice"),
    "answers_a_day": Default(10, "answers", 1, 50, "practice"),
    "agenda_hour": Default(7, "o'clock", 5, 12, "practice"),
    "digest_hour": Default(8, "o'clock", 5, 12, "practice"),
}


def rows_in_force(now: datetime) -> QuerySet[Setting]:
    """The rows of the numbers that somebody changed, as they are at ``now``."""
    rows = Setting.objects.filter(valid_from__lte=now).order_by("key", "-valid_from", "-pk")
    return rows.distinct("key")


def values_in(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    """Every number, with those of ``rows`` (``key`` and ``value``) in the place of the defaults."""
    values = {key: default.value for key, default in DEFAULTS.items()}
    return values | {row["key"]: row["value"] for row in rows}


def value_of(key: str, now: datetime) -> Coalesce:
    """One number in force, as a column of some other query."""
    rows = Setting.objects.filter(key=key, valid_from__lte=now).order_by("-valid_from", "-pk")
    return Coalesce(Subquery(rows.values("value")[:1]), Value(DEFAULTS[key].value))


def in_force(now: datetime) -> Mapping[str, int]:
    """Every number in force at ``now``; one query."""
    return values_in(rows_in_force(now).values("key", "value"))


@transaction.atomic
def change(values: Mapping[str, int], *, user_id: UUID, by: Actor, now: datetime) -> None:
    """Put other numbers in force from ``now`` on; keys and bounds have been checked."""
    for key, value in values.items():
        row = Setting.objects.create(key=key, value=value, valid_from=now, changed_by_id=user_id)
        record("setting.changed", row, by=by, now=now, key=key)


def rule_on(code: str, *, state: str, day: date) -> Rule | None:
    """The legal rule in force on a day, or None when none is."""
    rows = Rule.objects.filter(code=code, state=state, valid_from__lte=day).order_by("-valid_from")
    latest = rows.first()
    return latest if latest and (latest.valid_to is None or latest.valid_to >= day) else None


@transaction.atomic
def add_rule(
    *,
    code: str,
    state: str,
    valid_from: date,
    valid_to: date | None,
    text: str,
    source: str,
    user_id: UUID,
    by: Actor,
    now: datetime,
) -> Rule:
    """The next row of a legal rule; rows that stand are never changed.

    Raises `Refused` ``wrong_state`` when one starts on that day already.
    """
    row, is_new = Rule.objects.get_or_create(
        code=code,
        state=state,
        valid_from=valid_from,
        defaults={
            "valid_to": valid_to,
            "text": text,
            "source": source,
            "reviewed_by": str(user_id),
            "reviewed_at": now.date(),
        },
    )
    if not is_new:
        raise Refused("wrong_state", "A row of this rule starts on that day already.")
    record("rule.added", row, by=by, now=now, code=code, state=state)
    return row
