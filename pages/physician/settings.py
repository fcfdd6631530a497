"""The numbers of the practice in plain words, and its dated legal rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages

from pages.physician.desk import Desk
from pages.physician.forms import Day
from records.models import Rule
from records.values import DEFAULTS, Default, add_rule, in_force
from scheduling.actions import change_settings

# Group → key → what it is, in plain words, and what a change of it does.
NAMED: dict[str, dict[str, tuple[str, str]]] = {
    "Consultations": {
        "consultation_initial_minutes": ("Length of a first talk", "For talks booked from now on."),
        "consultation_follow_up_minutes": (
            "Length of a follow-up",
            "For talks booked from now on.",
        ),
        "consultation_buffer_before": ("Free time before a talk", "What is booked stays."),
        "consultation_buffer_after": ("Free time after a talk", "What is booked stays."),
        "slot_step": ("Talks begin every", "Smaller steps offer more times."),
        "consultation_lead": ("Earliest booking, from now", "Nobody books nearer than this."),
        "consultation_horizon": ("Latest booking, from now", "Nobody books further ahead."),
        "consultation_cancel_notice": ("Notice for cancelling", "Later than this counts as late."),
        "consultation_arrive_early": (
            "Patients may arrive early by",
            "Before that, it is refused.",
        ),
        "consultation_no_show_after": ("Patience for who does not come", "Then you may say so."),
        "hold_minutes": ("A chosen time is kept for", "While somebody fills in the booking."),
    },
    "Limits of readings": {
        "limit_systolic": ("Upper blood pressure, at most", "Above, the session waits for you."),
        "limit_diastolic": ("Lower blood pressure, at most", "Above, the session waits for you."),
        "limit_pulse": ("Pulse, at most", "Above, the session waits for you."),
        "reading_max_age": ("A reading is good for", "Older ones are taken again."),
    },
    "Sessions at home": {
        "session_block": ("Time a session takes", "For sessions planned from now on."),
        "session_supervised": ("First sessions with you there", "Planned ones follow at once."),
        "session_supervised_minutes": ("You are there for", "Planned ones follow at once."),
        "session_min_interval": ("Between two sessions, at least", "What is planned stays."),
        "session_first_hour": ("Earliest start", "In the patient's zone."),
        "session_last_hour": ("Latest start", "In the patient's zone."),
        "session_held_before": ("The parcel is there this long before", "Else it is held."),
        "session_choice_days": ("Another time is chosen within", "Else the session is cancelled."),
        "check_in_after": ("We ask how they feel after", "Counted from the end of a session."),
        "hold_answer_days": ("A hold is looked at within", "The patient is told this."),
    },
    "Prescriptions": {
        "refill_early_days": ("A refill may be packed early by", "Before the last one is used."),
        "registry_age_fl": ("Registry check in Florida, at most", "Older: look again."),
        "registry_age_nj": ("Registry check in New Jersey, at most", "Older: look again."),
    },
    "Months and deliveries": {
        "billing_opens_before": ("The next month opens before its day by", "Then it is billed."),
        "billing_grace": ("Days to pay", "Then the plan counts as past due."),
        "window_choice_days": ("Days to choose a window", "Then we remind, then we call."),
        "delivery_attempts": ("Tries at the door", "Then staff decide."),
        "renewal_notice": ("A renewal is announced before by", "By text or mail."),
    },
    "Texts": {
        "confirmation_grace": ("A confirmation waits for", "So that a quick change is told once."),
        "reminder_first": ("First reminder before", "By the wall clock of the patient."),
        "reminder_second": ("Second reminder before", "The one on the day itself."),
        "reminder_delivery": ("Reminder of a delivery before", "By the wall clock."),
        "check_in_hour": ("Check-ins are asked at", "In the patient's zone."),
        "texts_a_day": ("Texts a day, at most", "To one number; codes do not count."),
        "lesser_texts_a_day": (
            "Lesser texts a day, at most",
            "Those that are not about a visit or a parcel now.",
        ),
        "lesser_texts_a_week": ("Lesser texts a week, at most", "Reminders of what can wait."),
        "answers_an_hour": ("Our answers an hour, at most", "To one number."),
        "answers_a_day": ("Our answers a day, at most", "To one number."),
        "agenda_hour": ("Your day is mailed at", "In your own zone."),
        "digest_hour": ("Staff get their list at", "In the practice's zone."),
    },
}


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the practice as it stands, with its words."""

    key: str
    name: str
    means: str
    value: int
    default: Default


class NumberForm(forms.Form):
    """One number; its bounds are those of its default."""

    key = forms.ChoiceField(choices=[(key, key) for key in DEFAULTS])
    value = forms.IntegerField()

    def clean(self) -> dict[str, Any]:
        sent: dict[str, Any] = super().clean() or {}
        if {"key", "value"} <= set(sent):
            bounds = DEFAULTS[sent["key"]]
            if not bounds.low <= sent["value"] <= bounds.high:
                self.add_error("value", f"Use a number from {bounds.low} to {bounds.high}.")
        return sent


class RuleForm(forms.Form):
    code = forms.CharField(
        label="Rule", help_text="Its short name, such as DEA_FLEX.", max_length=40
    )
    state = forms.ChoiceField(
        label="Where", choices=[("US", "All states"), ("FL", "Florida"), ("NJ", "New Jersey")]
    )
    valid_from = Day(label="First day")
    valid_to = Day(label="Last day", help_text="Empty while it has no end.", required=False)
    text = forms.CharField(
        label="What it says", max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )
    source = forms.CharField(label="Source", max_length=200)

    def clean(self) -> dict[str, Any]:
        sent: dict[str, Any] = super().clean() or {}
        first, last = sent.get("valid_from"), sent.get("valid_to")
        if first and last and last < first:
            self.add_error("valid_to", "Use a day on or after the first.")
        return sent


class PracticeNumbers(Desk):
    """Each number with what it means; one is changed at a time, and holds from then on."""

    template, here = "pages/physician/settings.html", "physician-settings"

    def facts(self) -> Mapping[str, Any]:
        values = in_force(self.now)
        groups = [
            (group, [Number(key, *words, values[key], DEFAULTS[key]) for key, words in its.items()])
            for group, its in NAMED.items()
        ]
        return {
            "groups": groups,
            "rules": list(Rule.objects.all()),
            "rule_form": self.form(RuleForm, "rule"),
            "sent": self.request.POST.get("key"),
        }

    def do_change(self) -> None:
        sent = self.read(self.typed(NumberForm, "change"), "number")
        change_settings(
            values={sent["key"]: sent["value"]},
            user_id=self.user.pk,
            by=self.by(),
            now=self.now,
        )
        messages.success(self.request, f"{name_of(sent['key'])}: in force from now on.")

    def do_rule(self) -> None:
        sent = self.read(self.typed(RuleForm, "rule"), "rule_form")
        add_rule(**sent, user_id=self.user.pk, by=self.by(), now=self.now)
        messages.success(self.request, "The rule is added.")


def name_of(key: str) -> str:
    """A number in plain words."""
    return next(its[key][0] for its in NAMED.values() if key in its)
