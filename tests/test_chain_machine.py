"""Whatever happens in whatever order, the chain holds: a machine that pays, moves, fails, corrects.

Each run starts from a patient with a prescription and a paid month, goes its own way through the
doors, and is rolled back. After every step rows follow, and what must never be is looked for.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from patients.models import Patient
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
from scheduling.sessions.models import HOLDS_TIME, USED
from scheduling.subscriptions.billing import month, month_of
from tests.care import CALM, HANDED_OVER, SIGNER, Care, care, prescription, replan
from tests.cast import ALBANY, PENSACOLA
from tests.conftest import Caller

HOURS = st.sampled_from([1, 5, 24, 72, 24 * 7, 24 * 31])
PARCEL_VERBS: list[tuple[str, dict[str, Any]]] = [
    ("pack", {}), ("dispatch", {"carrier": "UPS", "tracking": "1Z"}), ("out-for-delivery", {}),
    ("deliver", HANDED_OVER), ("deliver", {**HANDED_OVER, "relation": "neighbor"}),
    ("attempt", {"code": "no_adult"}), ("hold", {}), ("release", {}), ("recall", {}),
    ("return", {"seal_ok": True}), ("investigate", {}), ("lose", {}), ("cancel", {}),
    ("correct", {"reason": "a wrong button"}),
]  # fmt: skip
SESSION_VERBS: list[tuple[str, dict[str, Any]]] = [
    ("start", {}), ("finish", CALM), ("cancel", {}), ("check-in", {"feeling": "well"}),
    ("check-in", {"feeling": "unwell"}),
]  # fmt: skip
TO_COME = {"status__in": ("scheduled", "held", "in_progress", "completed")}


class Chain(RuleBasedStateMachine):
    """One patient, whom everything happens to."""

    walk: Care

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.statuses: Counter[int] = Counter()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def answered(self, answer: Any) -> int:
        """A wish is granted or refused; it never breaks anything."""
        assert answer.status_code in (200, 201, 409, 422), answer.content
        return int(answer.status_code)

    @property
    def parcel(self) -> Delivery | None:
        return Delivery.objects.filter(patient_id=self.walk.id).order_by("-pk").first()

    def last_session(self) -> TreatmentSession | None:
        rows = TreatmentSession.objects.filter(patient_id=self.walk.id, **TO_COME)
        return rows.order_by("-pk").first()

    # --- what happens

    @rule(hours=HOURS)
    def time_passes(self, hours: int) -> None:
        clock.move(clock.now() + timedelta(hours=hours))

    @rule()
    def the_month_is_paid(self) -> None:
        number = BillingPeriod.objects.order_by("-number").values_list("number", flat=True)[0]
        path = f"subscriptions/{self.walk.subscription}/periods/{number}/mark-paid/"
        self.answered(self.walk.sam.post(path, {"reference": "R"}))

    @rule()
    def the_payment_was_a_mistake(self) -> None:
        period = BillingPeriod.objects.order_by("-number")[0]
        self.answered(self.walk.sam.post(f"periods/{period.pk}/correct/", {"reason": "r"}))

    @rule(verb=st.sampled_from(["pause", "resume"]))
    def the_plan_pauses_or_goes_on(self, verb: str) -> None:
        self.answered(self.walk.who.post(f"subscriptions/{self.walk.subscription}/{verb}/"))

    @rule(away=st.booleans())
    def the_patient_moves(self, away: bool) -> None:
        address = {**(ALBANY if away else PENSACOLA), "kind": "move"}
        self.answered(self.walk.who.post("me/address/", address))

    @rule(ends=st.booleans())
    def the_prescription_ends_or_is_renewed(self, ends: bool) -> None:
        now = Prescription.objects.filter(patient_id=self.walk.id, ended_at=None).first()
        if ends and now:
            self.answered(self.walk.chen.post(f"prescriptions/{now.pk}/end/"))
        elif not now and clock.now().year == 2026:  # the rule that it rests on ends with the year
            self.answered(self.walk.chen.post("prescriptions/", prescription(self.walk.id)))

    @rule(number=st.integers(0, 3))
    def a_window_is_chosen(self, number: int) -> None:
        parcel = self.parcel
        rows = DeliveryWindow.objects.filter(cutoff_at__gt=clock.now()).order_by("starts", "pk")
        windows = rows.filter(zone__counties__county="Escambia")[number : number + 1]
        if parcel and windows:
            body = {"window": str(windows[0].pk), "signer": SIGNER}
            self.answered(self.walk.who.post(f"deliveries/{parcel.pk}/choose-window/", body))

    @rule(verb=st.sampled_from(PARCEL_VERBS))
    def something_happens_to_the_parcel(self, verb: tuple[str, dict[str, Any]]) -> None:
        parcel = self.parcel
        if parcel is None:
            return
        did, body = verb
        status = self.answered(self.walk.sam.post(f"deliveries/{parcel.pk}/{did}/", body))
        if did == "dispatch" and status == 200:
            self.it_may_leave(parcel)

    def it_may_leave(self, parcel: Delivery) -> None:
        """What was true when a parcel left; had something been missing, it would not have."""
        parcel.refresh_from_db()
        patient = Patient.objects.select_related("address").get(pk=self.walk.id)
        assert Decision.objects.filter(patient=patient).latest("pk").outcome == "approved"
        assert parcel.prescription
        assert parcel.period.status == "paid"
        assert patient.address
        assert patient.address.served

    @rule(received=st.booleans())
    def the_patient_says_whether_it_is_there(self, received: bool) -> None:
        if self.parcel:
            path = f"deliveries/{self.parcel.pk}/confirm-receipt/"
            self.answered(self.walk.who.post(path, {"received": received}))

    @rule(days=st.sampled_from([1, 2, 4, 8]), hour=st.sampled_from([15, 19, 23]))
    def a_session_is_planned_or_moved(self, days: int, hour: int) -> None:
        day = (clock.now() + timedelta(days=days)).replace(hour=hour, minute=0, second=0)
        start = {"start": day.replace(microsecond=0).isoformat()}
        session = self.last_session()
        if session and session.status in ("scheduled", "held"):
            self.answered(self.walk.who.post(f"sessions/{session.pk}/reschedule/", start))
        else:
            self.answered(self.walk.who.post("sessions/", start))

    @rule(systolic=st.sampled_from([120, 170]))
    def the_session_comes(self, systolic: int) -> None:
        session = self.last_session()
        if session and session.status == "scheduled" and clock.now() < session.start:
            clock.move(session.start - timedelta(minutes=5))
            replan(self.walk)
            self.walk.session = str(session.pk)
            self.answered(self.walk.measures(systolic=systolic))

    @rule(verb=st.sampled_from(SESSION_VERBS))
    def something_happens_in_the_session(self, verb: tuple[str, dict[str, Any]]) -> None:
        session = self.last_session()
        if session:
            path = f"sessions/{session.pk}/{verb[0]}/"
            self.answered(self.walk.who.post(path, verb[1]))

    @rule()
    def the_physician_clears_what_holds(self) -> None:
        holds = self.walk.chen.get(f"patients/{self.walk.id}/clinical-holds/").json()["results"]
        for hold in holds:
            if not hold["cleared_at"]:
                path = f"clinical-holds/{hold['id']}/clear/"
                self.answered(self.walk.chen.post(path, {"note": "looked at"}))

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
            made = period.deliveries.exclude(status="cancelled").count()
            assert made <= period.plan.deliveries_per_month
        for parcel in Delivery.objects.filter(status="delivered").select_related("prescription"):
            assert parcel.prescription
            assert parcel.sessions.filter(status__in=USED).count() <= parcel.prescription.sessions

    @invariant()
    def no_month_has_more_sessions_than_its_plan(self) -> None:
        patient = Patient.objects.get(pk=self.walk.id)
        subscription = patient.subscriptions.select_related("plan").latest("pk")
        months = Counter(
            month(subscription.anchor_on, month_of(subscription.anchor_on, row.start.date()))
            for row in TreatmentSession.objects.filter(status__in=HOLDS_TIME)
        )
        allowed = subscription.plan.sessions_per_month
        # A day may lie in another month where the patient lives: one more at the edge.
        assert max(months.values(), default=0) <= allowed + 1

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
        replan(self.walk)
        assert replan(self.walk) == 0


def test_the_chain_holds_whatever_happens(alice: Caller) -> None:
    Chain.walk = care(alice).prescribed()
    Chain.walk.window()
    run_state_machine_as_test(
        Chain,
        settings=settings(
            max_examples=6,
            stateful_step_count=25,
            phases=[Phase.generate],
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
