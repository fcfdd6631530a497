"""What a practice has set up, and what is still to do: for all who work there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from accounts.models import COLLEAGUES, Role
from accounts.practice import ZONES, physicians, practice, set_on_call, set_up
from notifications.texts import spoken_phone
from notifications.writing import last_test, send_test
from pages.page import Page
from pages.templatetags.words import zone_name
from records.limits import take
from scheduling.setting_up import todos
from scheduling.subscriptions.actions import offer_plan, withdraw_plan
from scheduling.subscriptions.models import LOWEST_PRICE, Plan

# Where each thing of `todos` is done.
WHERE = {
    "practice": "#named", "physician": "/practice/people/", "hours": "/physician/week/",
    "licence": "/physician/week/", "on_call": "#on-call", "plan": "#plans",
    "windows": "/staff/windows/", "rule": "/physician/settings/",
    "rule_next": "/physician/settings/", "licence_fl": "/physician/week/",
    "licence_nj": "/physician/week/", "staff": "/practice/people/",
    "administrator": "/practice/people/",
}  # fmt: skip


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=20, help_text="In every text: plain letters, not what kind of care it is."
    )
    phone = forms.CharField(max_length=30, label="Telephone", help_text="What people call.")
    time_zone = forms.ChoiceField(
        choices=[(zone, zone_name(zone)) for zone in ZONES], label="Time zone of the office"
    )


class PlanForm(forms.Form):
    name = forms.CharField(max_length=60, label="Name of the plan")
    monthly_price = forms.DecimalField(
        max_digits=8, decimal_places=2, min_value=LOWEST_PRICE, label="Dollars a month"
    )
    sessions_per_month = forms.IntegerField(min_value=1, max_value=31, label="Sessions a month")
    deliveries_per_month = forms.IntegerField(min_value=1, max_value=4, label="Deliveries a month")


class Practice(Page):
    """The list of what is to do, who is on call, plans, and a text to try it out."""

    roles = COLLEAGUES
    template = "pages/practice/practice.html"

    def facts(self) -> Mapping[str, Any]:
        ours = practice()
        named = {
            "name": ours.name,
            "phone": spoken_phone(str(ours.phone)),
            "time_zone": ours.time_zone,
        }
        todo = todos(self.now)
        return {
            "here": "practice",
            "todo": [(row, WHERE[row.key]) for row in todo if not row.done],
            "done": [row for row in todo if row.done],
            "physicians": physicians(),
            "plans": Plan.objects.order_by("-is_offered", "monthly_price", "id"),
            "name_form": NameForm(initial=named, prefix="named"),
            "plan_form": PlanForm(prefix="plan"),
            "test": last_test(self.user),
            "now_real": datetime.now(UTC),
            "may_name": self.user.role != Role.PHYSICIAN,
        }

    def do_name(self) -> None:
        self._staff_alone()
        sent = self.read(NameForm(self.request.POST, prefix="named"), "name_form")
        set_up(**sent, by=self.by(), now=self.now)
        messages.success(self.request, "Saved. Texts and pages say so from now on.")

    def do_on_call(self) -> None:
        asked = set(self.request.POST.getlist("users"))
        users = [user.pk for user in physicians() if str(user.pk) in asked]
        set_on_call(users=users, by=self.by(), now=self.now)
        messages.success(self.request, "Saved: who is on call is paged first from now on.")

    def do_plan(self) -> None:
        self._staff_alone()
        sent = self.read(PlanForm(self.request.POST, prefix="plan"), "plan_form")
        offer_plan(**sent, by=self.by(), now=self.now)
        messages.success(self.request, "The plan is offered.")

    def do_withdraw(self) -> None:
        self._staff_alone()
        plan = get_object_or_404(Plan, pk=self.posted_id("plan"))
        withdraw_plan(plan=plan, by=self.by(), now=self.now)
        messages.success(self.request, "Nobody new gets this plan; whoever has it keeps it.")

    def do_test(self) -> None:
        take("test_text", user=str(self.user.pk))
        send_test(user=self.user, by=self.by(), now=self.now)
        messages.success(self.request, "A test is on its way to you. Look here in a moment.")

    def _staff_alone(self) -> None:
        if self.user.role == Role.PHYSICIAN:
            raise PermissionDenied
