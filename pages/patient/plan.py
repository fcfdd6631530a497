"""The plan of who looks, and its months."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404

from pages.patient.forms import OneOf
from pages.patient.own import Own
from patients.facts import facts_of
from records.values import in_force
from scheduling import actions as chain
from scheduling.subscriptions import actions
from scheduling.subscriptions.gates import subscribe_gates
from scheduling.subscriptions.models import Plan, Status, Subscription


class Choose(forms.Form):
    plan = OneOf(
        Plan.objects.all(),
        error_messages={
            "required": "Please choose a plan.",
            "invalid_choice": "This plan is not there any more. Please choose another one.",
        },
    )


class Until(forms.Form):
    until = forms.DateField(
        label="Pause until",
        required=False,
        help_text="You can leave it empty, and go on when you like.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class MyPlan(Own):
    """The plan of who looks, and its months; or the plans that there are."""

    template = "pages/patient/plan.html"

    def facts(self) -> Mapping[str, Any]:
        patient, mine = self.patient, self._latest()
        lives = mine is not None and mine.status != Status.CANCELLED
        plans = Plan.objects.filter(is_offered=True).order_by("monthly_price", "pk")
        gates = [] if lives else subscribe_gates(facts_of(patient), actions.outcome_of(patient))
        chosen = {"plan": mine.plan_id} if mine and lives else {}
        return {
            "plans": list(plans),
            "mine": mine,
            "lives": lives,
            "gates": gates,
            "zone": patient.time_zone,
            "paid_until": self._paid_until(mine) if mine and lives else None,
            "months": self._months(mine) if mine else [],
            "form": self.form(Choose, "change" if lives else "subscribe", **chosen),
            "until": self.form(Until, "pause"),
        }

    def _latest(self) -> Subscription | None:
        """The plan that runs, else the last one that did."""
        rows = Subscription.objects.visible_to(self.user).select_related("plan")
        return rows.prefetch_related("periods").order_by("-pk").first()

    def _paid_until(self, mine: Subscription) -> date:
        """The first day that is not paid for."""
        return actions.paid_until(mine, actions.local_day(self.now, self.patient.time_zone))

    def _months(self, mine: Subscription) -> list[dict[str, Any]]:
        """The months, the latest first, each with the instant until which it should be paid."""
        values, zone = in_force(self.now), self.patient.time_zone
        return [
            {"row": row, "due_at": actions.period_facts(row, zone, values).due_at}
            for row in reversed(mine.periods.all())
        ]

    def _mine(self) -> dict[str, Any]:
        """What every verb takes."""
        mine = self._latest()
        if mine is None:
            raise Http404
        common = {"by": self.by(), "now": self.now, "version": self.version}
        return {"subscription": mine, **common}

    def do_subscribe(self) -> None:
        plan = self.read(self.form(Choose, "subscribe"))["plan"]
        actions.subscribe(patient=self.patient, plan=plan, by=self.by(), now=self.now)
        messages.success(
            self.request, f"You are on the plan {plan.name}. We send you the bill of your month."
        )

    def do_change(self) -> None:
        plan = self.read(self.form(Choose, "change"))["plan"]
        actions.change_plan(plan=plan, **self._mine())
        messages.success(self.request, f"Your next month is on the plan {plan.name}.")

    def do_pause(self) -> None:
        until = self.read(self.form(Until, "pause"), "until")["until"]
        paused = chain.pause(until=until, **self._mine())
        if paused.status == Status.PAUSED:
            messages.success(self.request, "Your plan is paused.")
        else:
            messages.success(self.request, "Your plan is paused once your parcel has arrived.")

    def do_resume(self) -> None:
        actions.resume(**self._mine())
        messages.success(self.request, "Your plan goes on.")

    def do_end(self) -> None:
        actions.cancel(at_once=False, **self._mine())
        messages.success(self.request, "Your plan ends with the month that is paid.")

    def do_end_now(self) -> None:
        actions.cancel(at_once=True, **self._mine())
        messages.success(self.request, "Your plan has ended.")
