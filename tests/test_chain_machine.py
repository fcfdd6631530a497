"""Whatever happens in whatever order, the chain holds: a machine that pays, moves, fails, corrects.

Each walk starts from a patient whose first parcel waits for its window, or has arrived, goes its
own way through the doors, and is rolled back. After every step rows follow, and what must never be
is looked for. At the end everything must have been granted at least once: walks that only ever
were refused would prove nothing. `make walks` takes a few hundred others, by chance.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from django.db import transaction
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from patients.models import ClinicalHold, Patient
from records import clock
from scheduling.deliveries.models import OVER
from scheduling.models import (
    BillingPeriod,
    Decision,
    Delivery,
    DeliveryWindow,
    Prescription,
    Reservation,
    TreatmentSession,
)
from scheduling.sessions.models import USED
from scheduling.subscriptions.actions import local_day
from scheduling.subscriptions.billing import add_months
from tests.care import CALM, HANDED_OVER, SIGNER, Care, care, ok, prescription, replan
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller

PARCEL_VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    "pack": ("pack", {}),
    "dispatch": ("dispatch", {"carrier": "UPS", "tracking": "1Z"}),
    "out": ("out-for-delivery", {}),
    "deliver": ("deliver", HANDED_OVER),
    "neighbor": ("deliver", {**HANDED_OVER, "relation": "neighbor"}),
    "attempt": ("attempt", {"code": "no_adult"}),
    "hold": ("hold", {}),
    "release": ("release", {}),
    "recall": ("recall", {}),
    "return": ("return", {"seal_ok": True}),
    "investigate": ("investigate", {}),
    "lose": ("lose", {}),
    "cancel": ("cancel", {}),
    "correct": ("correct", {"reason": "a wrong button"}),
    "is there": ("confirm-receipt", {"received": True}),
    "is not there": ("confirm-receipt", {"received": False}),
}
# What may be done with a parcel; first what is done when all goes well.
NEXT = {
    "awaiting_window": ("choose", "hold", "cancel"),
    "scheduled": ("pack", "choose", "hold", "cancel"),
    "packed": ("dispatch", "hold", "recall"),
    "dispatched": ("out", "attempt", "investigate", "recall"),
    "out_for_delivery": ("deliver", "neighbor", "attempt", "investigate", "recall"),
    "attempted": ("out", "correct", "hold", "recall"),
    "delivered_unverified": ("is there", "correct", "is not there"),
    "held": ("release", "recall", "cancel"),
    "returning": ("return", "investigate"),
    "investigating": ("lose", "dispatch", "recall"),
    "delivered": ("", "correct"),
}
WHATEVER_HAPPENS: list[tuple[str, tuple[Any, ...]]] = [
    *[("care_goes_on", (steps,)) for steps in (1, 1, 1, 1, 1, 2, 2, 3, 4)],
    *[("parcel_goes_on", (turn,)) for turn in (0, 1, 1, 1, 2, 2, 2, 3, 4)],
    *[("parcel_verb", (verb,)) for verb in ("pack", "dispatch", "deliver")],
    *[("session_verb", (verb, {})) for verb in ("start", "cancel")],
    *[("time_passes", (hours,)) for hours in (1, 24, 72, 24 * 31, 24 * 31)],
    *[("plan_or_reschedule", when) for when in ((1, 19), (2, 15), (8, 23))],
    ("check_in", ("unwell",)), ("pre_check", (120,)), ("pre_check", (170,)),
    ("choose_window", (3,)), ("correct_period", ()), ("correct_period", ()),
    ("plan_verb", ("pause",)), ("move", (ALBANY,)), ("end_prescription", ()),
]  # fmt: skip
MUST_BE_GRANTED = {
    *(set(PARCEL_VERBS) - {"is not there"}), "mark-paid", "correct-period", "pause", "resume",
    "move to NY", "move to FL", "end", "prescribe", "choose", "plan", "reschedule", "pre-check",
    "start", "finish", "check-in", "cancel session", "clear",
}  # fmt: skip


def at_the_pharmacy(at: datetime) -> date:
    return local_day(at, "America/New_York")


class Chain(RuleBasedStateMachine):
    """One patient, whom everything happens to."""

    walk: Care
    granted: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def asked(self, what: str, answer: Any) -> bool:
        """A wish is granted or refused; it never breaks anything."""
        assert answer.status_code in (200, 201, 409, 422), answer.content
        is_granted: bool = answer.status_code < 300
        self.granted[what] += is_granted
        return is_granted

    @property
    def parcel(self) -> Delivery | None:
        return Delivery.objects.filter(patient_id=self.walk.id).order_by("-pk").first()

    @property
    def session(self) -> TreatmentSession | None:
        rows = TreatmentSession.objects.filter(patient_id=self.walk.id)
        return rows.exclude(status__in=("cancelled", "missed")).order_by("-pk").first()

    @rule(what=st.sampled_from(WHATEVER_HAPPENS))
    def something_happens(self, what: tuple[str, tuple[Any, ...]]) -> None:
        name, arguments = what
        getattr(self, name)(*arguments)

    # --- when all goes well

    def care_goes_on(self, steps: int) -> None:
        """Everybody does what is next: what stands in the way, the parcel, then the session."""
        for _ in range(steps):
            if not (self.mend() or self.parcel_goes_on() or self.treatment_goes_on()):
                self.time_passes(24)
            replan(self.walk)

    def mend(self) -> bool:
        patient = Patient.objects.select_related("address").get(pk=self.walk.id)
        plan = patient.subscriptions.latest("pk")
        if not (patient.address and patient.address.served):
            return self.move(PENSACOLA)
        if plan.status == "paused":
            return self.plan_verb("resume")
        if plan.periods.latest("number").status == "open":
            return self.mark_paid()
        if not patient.prescriptions.filter(ended_at=None).exists():
            return self.prescribe()
        return self.clear_holds()

    def parcel_goes_on(self, turn: int = 0) -> bool:
        """It goes its way, or aside."""
        parcel = self.parcel
        verbs = NEXT.get(parcel.status, ("",)) if parcel else ("",)
        verb = verbs[turn % len(verbs)]
        if parcel and parcel.window and verb == "dispatch":
            self.time_until(parcel.window.starts - timedelta(hours=20))
        if verb == "choose":
            return self.choose_window(1)
        return verb != "" and self.parcel_verb(verb)

    def treatment_goes_on(self) -> bool:
        session = self.session
        if session is None or session.status == "held" or session.checked_in_at:
            return self.plan_or_reschedule(4, 15)
        if session.status == "scheduled":
            return self.pre_check(120) and self.session_verb("start", {})
        if session.status == "in_progress":
            return self.session_verb("finish", CALM)
        return self.check_in("well")

    # --- the doors

    def time_until(self, at: datetime) -> None:
        clock.move(max(at, clock.now()))

    def time_passes(self, hours: int) -> None:
        clock.move(clock.now() + timedelta(hours=hours))

    def mark_paid(self) -> bool:
        number = BillingPeriod.objects.order_by("-number").values_list("number", flat=True)[0]
        path = f"subscriptions/{self.walk.subscription}/periods/{number}/mark-paid/"
        return self.asked("mark-paid", self.walk.sam.post(path, {"reference": "R"}))

    def correct_period(self) -> bool:
        period = BillingPeriod.objects.order_by("-number")[0]
        corrected = self.walk.sam.post(f"periods/{period.pk}/correct/", {"reason": "r"})
        return self.asked("correct-period", corrected)

    def plan_verb(self, verb: str) -> bool:
        path = f"subscriptions/{self.walk.subscription}/{verb}/"
        return self.asked(verb, self.walk.who.post(path))

    def move(self, address: dict[str, Any]) -> bool:
        moved = self.walk.who.post("me/address/", {**address, "kind": "move"})
        return self.asked(f"move to {address['state']}", moved)

    def prescribe(self) -> bool:
        if clock.now().year > 2026:  # the rule that it rests on ends with the year
            return False
        return self.asked(
            "prescribe", self.walk.chen.post("prescriptions/", prescription(self.walk.id))
        )

    def end_prescription(self) -> None:
        for row in Prescription.objects.filter(patient_id=self.walk.id, ended_at=None):
            self.asked("end", self.walk.chen.post(f"prescriptions/{row.pk}/end/"))

    def choose_window(self, number: int) -> bool:
        parcel = self.parcel
        rows = DeliveryWindow.objects.filter(cutoff_at__gt=clock.now()).order_by("starts", "pk")
        windows = rows.filter(zone__counties__county="Escambia")[number : number + 1]
        if not (parcel and windows):
            return False
        body = {"window": str(windows[0].pk), "signer": SIGNER}
        path = f"deliveries/{parcel.pk}/choose-window/"
        return self.asked("choose", self.walk.who.post(path, body))

    def parcel_verb(self, verb: str) -> bool:
        parcel, (did, body) = self.parcel, PARCEL_VERBS[verb]
        if parcel is None:
            return False
        who = self.walk.who if did == "confirm-receipt" else self.walk.sam
        done = self.asked(verb, who.post(f"deliveries/{parcel.pk}/{did}/", body))
        if done and did in ("pack", "dispatch"):
            self.it_was_allowed(parcel)
        return done

    def it_was_allowed(self, parcel: Delivery) -> None:
        """What must be true when a parcel is packed, and again when it leaves."""
        parcel.refresh_from_db()
        patient = Patient.objects.select_related("address").get(pk=self.walk.id)
        assert Decision.objects.filter(patient=patient).latest("pk").outcome == "approved"
        assert not ClinicalHold.objects.filter(patient=patient, cleared_at=None).exists()
        assert parcel.period.status == "paid"
        assert patient.address
        assert patient.address.served
        of, today = parcel.prescription, at_the_pharmacy(clock.now())
        assert of
        assert of.ended_at is None
        assert of.state == patient.address.state
        assert today <= of.use_by
        assert parcel.packed_at
        assert of.issued_on <= at_the_pharmacy(parcel.packed_at) <= add_months(of.issued_on, 6)
        assert of.deliveries.count() <= 1 + of.refills

    def plan_or_reschedule(self, days: int, hour: int) -> bool:
        day = (clock.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0)
        start = {"start": day.replace(microsecond=0).isoformat()}
        session = self.session
        if session and session.status in ("scheduled", "held"):
            path = f"sessions/{session.pk}/reschedule/"
            return self.asked("reschedule", self.walk.who.post(path, start))
        return self.asked("plan", self.walk.who.post("sessions/", start))

    def pre_check(self, systolic: int) -> bool:
        session = self.session
        if session is None or session.status != "scheduled":
            return False
        self.time_until(session.start - timedelta(minutes=5))
        replan(self.walk)
        self.walk.session = str(session.pk)
        return self.asked("pre-check", self.walk.measures(systolic=systolic))

    def session_verb(self, did: str, body: dict[str, Any]) -> bool:
        session = self.session
        if session is None:
            return False
        name = "cancel session" if did == "cancel" else did
        return self.asked(name, self.walk.who.post(f"sessions/{session.pk}/{did}/", body))

    def check_in(self, feeling: str) -> bool:
        return self.session_verb("check-in", {"feeling": feeling})

    def clear_holds(self) -> bool:
        holds = self.walk.chen.get(f"patients/{self.walk.id}/clinical-holds/").json()["results"]
        open_ = [hold["id"] for hold in holds if not hold["cleared_at"]]
        for hold in open_:
            path = f"clinical-holds/{hold}/clear/"
            self.asked("clear", self.walk.chen.post(path, {"note": "looked at"}))
        return bool(open_)

    # --- what must never be

    @invariant()
    def no_session_was_started_without_its_parcel(self) -> None:
        for session in TreatmentSession.objects.filter(status__in=USED):
            assert session.delivery
            assert session.delivery.status == "delivered"

    @invariant()
    def one_parcel_is_open_at_most(self) -> None:
        assert Delivery.objects.exclude(status__in=OVER).count() <= 1

    @invariant()
    def nobody_gets_more_than_is_paid_for(self) -> None:
        for period in BillingPeriod.objects.select_related("plan"):
            made = period.deliveries.exclude(status="cancelled").filter(replaces=None).count()
            assert made <= period.plan.deliveries_per_month
        for parcel in Delivery.objects.filter(status="delivered").select_related("prescription"):
            assert parcel.prescription
            assert parcel.sessions.filter(status__in=USED).count() <= parcel.prescription.sessions

    @invariant()
    def no_month_has_more_sessions_than_its_plan(self) -> None:
        """Every session of the machine is on the same day in UTC and where the patient lives."""
        days = [
            row.start.date()
            for row in TreatmentSession.objects.filter(status__in=(*USED, "scheduled"))
        ]
        for period in BillingPeriod.objects.exclude(status="void").select_related("plan"):
            inside = [day for day in days if period.starts_on <= day < period.ends_on]
            assert len(inside) <= period.plan.sessions_per_month

    @invariant()
    def places_in_windows_are_counted(self) -> None:
        for window in DeliveryWindow.objects.filter(taken__gt=0):
            assert window.taken == window.deliveries.count()
        assert not Delivery.objects.filter(window__taken=0).exists()

    @invariant()
    def time_is_held_by_what_stands_alone(self) -> None:
        kept = Reservation.objects.filter(expires_at=None)
        assert not kept.filter(consultation=None, session=None).exists()

    @invariant()
    def rows_follow_and_stay(self) -> None:
        if replan(self.walk):
            assert replan(self.walk) == 0


def take_walks(start: Care, number: int) -> Counter[str]:
    """Walks from where a patient stands: what was granted, how often. The same ones in every run
    for a ``number``, unless the profile is ``walks``."""
    by_chance = hypothesis.get_current_profile_name() == "walks"
    profile = hypothesis.get_profile("walks")
    Chain.walk, Chain.granted = start, Counter()
    run_state_machine_as_test(
        Chain if by_chance else seed(number)(Chain),
        settings=hypothesis(
            max_examples=profile.max_examples if by_chance else 5,
            stateful_step_count=20,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Chain.granted


def test_the_chain_holds_whatever_happens(alice: Caller) -> None:
    start = care(alice).prescribed()
    start.window()
    granted = take_walks(start, 11)
    granted += take_walks(start.delivery_in("out_for_delivery"), 12)
    ok(start.staff("deliver", **HANDED_OVER))
    granted += take_walks(start.planned(), 13)
    assert not MUST_BE_GRANTED - set(granted), granted
