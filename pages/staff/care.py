"""Plan and months, the window of a parcel, sessions: what follows an approval, for a caller."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect

from pages.staff.booking import first_day, on_day, strip_of
from pages.staff.desk import OfPatient, named, version_of
from pages.staff.forms import (
    CheckInOf,
    EndPlanForm,
    FinishOf,
    OnBehalf,
    PaidForm,
    PauseForm,
    PlanForm,
    PreCheckOf,
    SignerForm,
    StartForm,
)
from patients.api import found
from records.values import in_force
from scheduling import actions as chain
from scheduling.calendar.api import days
from scheduling.deliveries import actions as deliveries
from scheduling.deliveries.models import AT_THE_PHARMACY, OVER, Delivery
from scheduling.deliveries.windows.actions import offered
from scheduling.deliveries.windows.models import DeliveryWindow
from scheduling.sessions import actions as sessions
from scheduling.sessions.gates import MEASURE_BEFORE, START_BEFORE, above_limits
from scheduling.sessions.models import TO_COME, TreatmentSession
from scheduling.sessions.models import Status as Session
from scheduling.subscriptions import actions as subscriptions
from scheduling.subscriptions.api import whole
from scheduling.subscriptions.models import BillingPeriod, Plan, Status, Subscription

# What a caller tells about a session, by the name of its form.
TOLD: Mapping[str, type[forms.Form]] = {
    "cancel_form": OnBehalf,
    "pre_check": PreCheckOf,
    "begin": OnBehalf,
    "finish": FinishOf,
    "check_in": CheckInOf,
}
WEEK = 7  # days of times of sessions, each of which is asked for by all gates


class PlanOf(OfPatient):
    """Subscribe, change, pause, resume, end; a month is marked as paid."""

    template = "pages/staff/plan.html"

    def facts(self) -> Mapping[str, Any]:
        row = self._latest()
        living = row if row and row.status != Status.CANCELLED else None
        return {
            **super().facts(),
            "here": "patients",
            "tab": "plan",
            "plan": living,
            "ended": row if not living else None,
            "plans": list(Plan.objects.filter(is_offered=True).order_by("monthly_price", "pk")),
            "months": list(row.periods.all())[::-1] if row else [],
            "plan_form": self.form(PlanForm, "plan_form"),
            "pause_form": self.form(PauseForm, "pause_form"),
            "resume_form": self.form(OnBehalf, "resume_form"),
            "end_form": self.form(EndPlanForm, "end_form"),
            "paid_form": self.form(PaidForm, "paid_form"),
        }

    def _latest(self) -> Subscription | None:
        row: Subscription | None = (
            whole(self.user).filter(patient=self.patient).order_by("-pk").first()
        )
        return row

    def _plan(self) -> Subscription:
        row = self._latest()
        if row is None:
            raise Http404
        return row

    def _act(self, form: BaseForm, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was typed, and what every verb on the plan takes."""
        sent = self.read(form, name)
        by = self.by(sent.pop("channel"))
        common = {"by": by, "now": self.now, "version": version_of(self.request)}
        return sent, {"subscription": self._plan(), **common}

    def _chosen(self, plan: Any) -> Plan:
        row: Plan = found(Plan.objects.all(), plan)
        return row

    def do_subscribe(self) -> None:
        sent = self.read(PlanForm(self.request.POST), "plan_form")
        plan, by = self._chosen(sent["plan"]), self.by(sent["channel"])
        row = subscriptions.subscribe(patient=self.patient, plan=plan, by=by, now=self.now)
        said = f"They are on {plan.name}, reference {row.reference}. The first month is to be paid."
        messages.success(self.request, said)

    def do_change(self) -> None:
        sent, to = self._act(PlanForm(self.request.POST), "plan_form")
        subscriptions.change_plan(plan=self._chosen(sent["plan"]), **to)
        messages.success(self.request, "The plan changes with the next month that opens.")

    def do_pause(self) -> None:
        sent, to = self._act(PauseForm(self.request.POST), "pause_form")
        paused = chain.pause(until=sent["until"], **to)
        waits = paused.status != Status.PAUSED
        said = "It pauses once the parcel under way is resolved." if waits else "It is paused."
        messages.success(self.request, said)

    def do_resume(self) -> None:
        _, to = self._act(OnBehalf(self.request.POST), "resume_form")
        subscriptions.resume(**to)
        messages.success(self.request, "The plan goes on.")

    def do_end(self) -> None:
        sent, to = self._act(EndPlanForm(self.request.POST), "end_form")
        subscriptions.cancel(at_once=sent["when"] == "now", **to)
        messages.success(self.request, "The plan ends as they wish.")

    def do_paid(self) -> None:
        sent = self.read(PaidForm(self.request.POST), "paid_form")
        try:
            chain.mark_paid(
                subscription=self._plan(),
                number=sent["number"],
                paid_reference=sent["reference"],
                by=self.by(),
                now=self.now,
                version=version_of(self.request),
            )
        except BillingPeriod.DoesNotExist as error:
            raise Http404 from error
        messages.success(self.request, f"Month {sent['number']} is paid.")


def _signer(parcel: Delivery | None) -> dict[str, Any]:
    if parcel is None:
        return {}
    return {"name": parcel.signer_name, "date_of_birth": parcel.signer_date_of_birth}


class WindowOf(OfPatient):
    """When the parcel comes, and who takes it."""

    template = "pages/staff/window.html"
    AHEAD = timedelta(days=30)

    def facts(self) -> Mapping[str, Any]:
        parcel, zone = self._parcel(), self.patient.time_zone
        windows = []
        if parcel and parcel.status in AT_THE_PHARMACY:
            windows = offered(self.patient, (self.now, self.now + self.AHEAD), now=self.now)
        by_day: dict[date, list[DeliveryWindow]] = {}
        for window in windows:
            by_day.setdefault(window.starts.astimezone(ZoneInfo(zone)).date(), []).append(window)
        return {
            **super().facts(),
            "here": "patients",
            "tab": "window",
            "parcel": parcel,
            "choosable": parcel is not None and parcel.status in AT_THE_PHARMACY,
            "days": by_day,
            "form": self.form(SignerForm, initial=_signer(parcel)),
            "ask_form": self.form(OnBehalf, "ask_form"),
        }

    def _parcel(self) -> Delivery | None:
        rows = Delivery.objects.visible_to(self.user).filter(patient=self.patient)
        return rows.exclude(status__in=OVER).select_related("window").first()

    def _open(self) -> Delivery:
        row = self._parcel()
        if row is None:
            raise Http404
        return row

    def do_choose(self) -> None:
        sent = self.read(SignerForm(self.request.POST))
        window = found(DeliveryWindow.objects.all(), sent["window"])
        deliveries.choose_window(
            delivery=self._open(),
            window=window,
            signer={"name": sent["name"], "date_of_birth": sent["date_of_birth"]},
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, "The window is theirs. Read it back to them.")

    def _asked(self) -> dict[str, Any]:
        sent = self.read(OnBehalf(self.request.POST), "ask_form")
        by, version = self.by(sent["channel"]), version_of(self.request)
        return {"delivery": self._open(), "by": by, "now": self.now, "version": version}

    def do_no_signer(self) -> None:
        deliveries.miss_signer(**self._asked())
        messages.success(self.request, "There is work now to find a place for it, and to call.")

    def do_received(self) -> None:
        deliveries.confirm_receipt(received=True, **self._asked())
        messages.success(self.request, "They have it.")

    def do_not_received(self) -> None:
        deliveries.confirm_receipt(received=False, **self._asked())
        messages.success(self.request, "They do not have it: it is looked for.")


class SessionsOf(OfPatient):
    """A session is planned, moved or cancelled; what a caller tells at it and after it."""

    template = "pages/staff/sessions.html"

    def facts(self) -> Mapping[str, Any]:
        zone, moving = self.patient.time_zone, self._moving()
        today = self.now.astimezone(ZoneInfo(zone)).date()
        asked = self.request.GET
        first = first_day(asked.get("from", ""), today)
        within = days(first, first + timedelta(days=WEEK - 1), zone)
        offer = sessions.times(self.patient, within, now=self.now, moving=moving)
        slots = [(slot.start, slot.end) for slot in offer.slots]
        free = [start.astimezone(ZoneInfo(zone)).date() for start, _ in slots]
        day = first_day(asked["day"], today) if "day" in asked else min(free, default=first)
        coming = [row for row in offer.others if row.status in TO_COME]
        return {
            **super().facts(),
            "here": "patients",
            "tab": "sessions",
            "rows": coming,
            "moving": moving,
            "move_id": str(moving.pk) if moving else "",
            "offer": offer,
            "day": day,
            "first": first,
            "strip": strip_of(slots, first, zone, day, length=WEEK),
            "earlier": max(today, first - timedelta(days=WEEK)) if first > today else None,
            "later": first + timedelta(days=WEEK),
            "times": [{"start": start} for start, _ in on_day(slots, day, zone)],
            "form": self.form(StartForm),
            **self._under_way(offer.others),
        }

    def _under_way(self, rows: Sequence[TreatmentSession]) -> Mapping[str, Any]:
        """The sessions of which something is to be told now, each with its form."""
        now, done = self.now, [row for row in rows if row.status == Session.COMPLETED]
        planned = [row for row in rows if row.status == Session.SCHEDULED]
        near = (row for row in planned if row.start - MEASURE_BEFORE <= now < row.end)
        measuring = next(near, None)
        return {
            "measuring": measuring,
            "can_start": measuring
            and measuring.cleared_at
            and now >= measuring.start - START_BEFORE,
            "going": next((row for row in rows if row.status == Session.IN_PROGRESS), None),
            "asked_how": next((row for row in done[-1:] if not row.checked_in_at), None),
            **{n: self.form(kind, n, auto_id=f"{n}_%s") for n, kind in TOLD.items()},
        }

    def _told(self, name: str) -> dict[str, Any]:
        """What a caller says about one of their sessions, as an action takes it."""
        sent = self.read(TOLD[name](self.request.POST, auto_id=f"{name}_%s"), name)
        row = named(self._mine(), self.request.POST.get("session", ""))
        common = {"by": self.by(sent.pop("channel")), "version": version_of(self.request)}
        return {**sent, "session": row, "now": self.now, **common}

    def _mine(self) -> Any:
        rows = TreatmentSession.objects.visible_to(self.user).filter(patient=self.patient)
        return rows.select_related("physician", "reservation")

    def _moving(self) -> TreatmentSession | None:
        text = self.request.GET.get("move", "")
        return named(self._mine(), text) if text else None

    def do_plan(self) -> None:
        form = StartForm(self.request.POST)
        sent = self.read(form)
        by, start = self.by(sent["channel"]), sent["start"]
        sessions.plan(patient=self.patient, start=start, by=by, now=self.now)
        messages.success(self.request, "The session is planned. Read it back to them.")

    def do_move(self) -> HttpResponseBase:
        form = StartForm(self.request.POST)
        sent, moving = self.read(form), self._moving()
        if moving is None:
            raise Http404
        sessions.reschedule(
            session=moving,
            start=sent["start"],
            by=self.by(sent["channel"]),
            now=self.now,
            version=version_of(self.request),
        )
        messages.success(self.request, "The session is moved. Read it back to them.")
        return redirect("patient-sessions", self.patient.pk)

    def do_cancel(self) -> None:
        sessions.cancel(**self._told("cancel_form"))
        messages.success(self.request, "The session is cancelled.")

    def do_pre_check(self) -> None:
        told = self._told("pre_check")
        told["measured_at"] = self.now - timedelta(minutes=told.pop("minutes_ago"))
        if sessions.pre_check(**told).status == Session.HELD:
            says = "That is too high: they must not begin. A physician was told, and calls them."
            messages.warning(self.request, says)
        else:
            messages.success(self.request, "It is written down.")

    def do_start(self) -> None:
        sessions.start(**self._told("begin"))
        messages.success(self.request, "The session has begun.")

    def do_finish(self) -> None:
        told = self._told("finish")
        read = {key: told[key] for key in ("systolic", "diastolic", "pulse")}
        sessions.finish(**told)
        if above_limits(**read, values=in_force(self.now)):
            says = (
                "That is high: they stay seated, and not alone. A physician was told, and calls "
                "them. If they feel unwell, they call 911 at once."
            )
            messages.warning(self.request, says)
        else:
            messages.success(self.request, "It is over. They do not drive until they have slept.")

    def do_check_in(self) -> None:
        told = self._told("check_in")
        sessions.check_in(**told)
        if told["feeling"] == TreatmentSession.Feeling.UNWELL:
            says = "A physician was told, and calls them. In an emergency they call 911."
            messages.warning(self.request, says)
        else:
            messages.success(self.request, "It is written down.")
