"""The numbers of the practice, its plans and prices, as staff look at them."""

from collections.abc import Mapping
from typing import Any

from pages.staff.desk import Desk
from records.values import DEFAULTS, in_force
from scheduling.subscriptions.models import Plan

GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Consultations",
        {
            "consultation_initial_minutes": "A first consultation lasts",
            "consultation_follow_up_minutes": "A follow-up lasts",
            "consultation_buffer_before": "Kept free before each",
            "consultation_buffer_after": "Kept free after each",
            "consultation_lead": "Booked at the latest before",
            "consultation_horizon": "Booked at most ahead",
            "consultation_cancel_notice": "Cancelled late when later than",
            "consultation_arrive_early": "Patients may arrive before by",
            "consultation_no_show_after": "Counts as a no-show after",
            "slot_step": "A time is offered every",
            "hold_minutes": "A chosen time is kept for",
        },
    ),
    (
        "Months and deliveries",
        {
            "billing_opens_before": "The next month is asked for before it begins by",
            "billing_grace": "A month may be paid late by",
            "renewal_notice": "A new month is announced before by",
            "window_choice_days": "Patients choose a window within",
            "delivery_attempts": "A parcel is tried at the door",
            "refill_early_days": "A refill is packed early by at most",
        },
    ),
    (
        "Sessions at home",
        {
            "session_block": "A session takes",
            "session_supervised": "The physician joins the first",
            "session_supervised_minutes": "and stays for",
            "session_min_interval": "Between two sessions at least",
            "session_first_hour": "Sessions begin from",
            "session_last_hour": "and until",
            "session_held_before": "What is missing holds a session before by",
            "session_choice_days": "A held session gets a new time within",
            "check_in_after": "The check-in opens after",
        },
    ),
    (
        "Texts",
        {
            "reminder_first": "The first reminder comes before by",
            "reminder_second": "The second reminder comes before by",
            "reminder_delivery": "The reminder of a delivery comes before by",
            "confirmation_grace": "A confirmation waits for",
            "check_in_hour": "Patients are asked how it went at",
            "texts_a_day": "A patient gets a day at most",
            "lesser_texts_a_day": "Less urgent ones a day at most",
            "lesser_texts_a_week": "Less urgent ones a week at most",
            "answers_an_hour": "Answers of ours an hour at most",
            "answers_a_day": "Answers of ours a day at most",
            "agenda_hour": "The physician's day is told at",
            "digest_hour": "What waits for staff is told at",
        },
    ),
)


def spoken(value: int, unit: str) -> str:
    """A number with its unit, as people say it: ``2 hours``, ``1 day``, ``8 AM``."""
    if unit == "o'clock":
        return f"{value % 12 or 12} {'AM' if value < 12 else 'PM'}"
    if unit == "minutes" and value and value % 60 == 0:
        value, unit = value // 60, "hours"
    if unit == "hours" and value > 48 and value % 24 == 0:
        value, unit = value // 24, "days"
    return f"{value} {unit.removesuffix('s') if value == 1 else unit}"


class Settings(Desk):
    """Lead times, lengths and reminders; the physician changes them."""

    template = "pages/staff/settings.html"

    def facts(self) -> Mapping[str, Any]:
        values = in_force(self.now)
        groups = [
            {
                "title": title,
                "rows": [
                    {
                        "label": label,
                        "value": spoken(values[key], DEFAULTS[key].unit),
                        "changed": values[key] != DEFAULTS[key].value,
                    }
                    for key, label in labels.items()
                ],
            }
            for title, labels in GROUPS
        ]
        plans = Plan.objects.filter(is_offered=True).order_by("monthly_price", "pk")
        return {"here": "settings", "groups": groups, "plans": list(plans)}
