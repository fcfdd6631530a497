"""Reads how a patient stands: all that the gates of treatment ask, in six queries."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from patients.facts import facts_in, with_facts
from patients.gates import PatientFacts
from patients.models import Address, Patient, SupportPerson
from records.values import in_force
from scheduling.consultations.models import Decision
from scheduling.deliveries.gates import ParcelFacts
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.actions import closed_or_off
from scheduling.deliveries.windows.models import ZoneCounty
from scheduling.deliveries.windows.shipping import Days
from scheduling.intervals import Interval
from scheduling.prescriptions.actions import prescribed
from scheduling.prescriptions.gates import PHARMACY
from scheduling.prescriptions.models import Prescription
from scheduling.prescriptions.refills import Prescribed
from scheduling.subscriptions.actions import local_day, period_facts, subscription_facts
from scheduling.subscriptions.gates import PeriodFacts, SubscriptionFacts
from scheduling.subscriptions.models import BillingPeriod, PeriodStatus, Subscription


@dataclass(frozen=True, slots=True)
class Standing:
    """A patient with the rows of his care, and the numbers in force at ``now`` (UTC).

    ``outcome`` and ``approved_by``: the latest decision, and its physician, whose name is
    ``decided_by``. ``zone_id``: the delivery zone of the address. ``support``: whether somebody who
    stays was "named", has agreed ("confirmed"), or "". ``subscription`` and ``prescription``: those
    in force. ``off``: the holidays.
    """

    patient: Patient
    facts: PatientFacts
    outcome: str
    approved_by: UUID | None
    decided_by: str
    zone_id: UUID | None
    support: str
    moved_to: UUID | None
    subscription: Subscription | None
    periods: Sequence[BillingPeriod]
    prescription: Prescription | None
    deliveries: Sequence[Delivery]
    closed: Sequence[Interval]
    off: Days
    values: Mapping[str, int]
    now: datetime

    @property
    def zone(self) -> str:
        """IANA, of the patient."""
        return self.patient.time_zone

    @property
    def today(self) -> date:
        """The day where the patient lives."""
        return local_day(self.now, self.zone)

    @property
    def subscribed(self) -> SubscriptionFacts:
        return subscription_facts(self.subscription, self.periods, self.zone, self.values)

    def period(self, row: BillingPeriod) -> PeriodFacts:
        return period_facts(row, self.zone, self.values)

    def prescribed(self) -> Prescribed | None:
        """The prescription in force, with the parcels that were packed for it."""
        if self.prescription is None:
            return None
        packed = [(row.packed_at, row.prescription) for row in self.deliveries if row.packed_at]
        mine = [at for at, of in packed if of and of.pk == self.prescription.pk]
        others = [(at, of.days_supply) for at, of in packed if of and of.pk != self.prescription.pk]
        return prescribed(self.prescription, mine, max(others, default=None))

    def _for_parcel(self, delivery: Delivery) -> Prescribed | None:
        """What a packed parcel was packed for, while it is in force; for others what is."""
        of = delivery.prescription
        if of is None:
            return self.prescribed()
        return None if of.ended_at else prescribed(of, [delivery.packed_at or self.now], None)

    def parcel(self, delivery: Delivery) -> ParcelFacts:
        """What the gates of one of the deliveries ask."""
        window = delivery.window
        born = delivery.signer_date_of_birth
        day = local_day(window.starts, self.zone) if window else None
        return ParcelFacts(
            patient=self.facts,
            outcome=self.outcome,
            subscription=self.subscribed,
            period=self.period(delivery.period),
            prescribed=self._for_parcel(delivery),
            for_state=self._state_of(delivery) == self._state,
            for_door=self._is_same_door(delivery),
            window=window.span if window else None,
            window_day=day,
            for_address=window is not None and window.zone_id == self.zone_id,
            signer_age=age_on(day, born) if born and day else None,
            no_signer=delivery.no_signer_at is not None,
            closed=self.closed,
            day_off=window is not None
            and day is not None
            and self.off.rule_out(window.ship_on, day),
            today=self.now.astimezone(PHARMACY).date(),
            early_days=self.values["refill_early_days"],
        )

    @property
    def _state(self) -> str:
        return self.patient.address.state if self.patient.address else ""

    def _state_of(self, delivery: Delivery) -> str:
        of = delivery.prescription or self.prescription
        return of.state if of else ""

    def _is_same_door(self, delivery: Delivery) -> bool:
        """Whether the patient has not moved since a parcel was packed; ids grow with time."""
        moved = self.moved_to
        return not delivery.packed_at or not moved or moved <= (delivery.address_id or moved)


def age_on(day: date, born: date) -> int:
    """Whole years on a day; who was born on 29 February has a birthday on 1 March else."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def standing_of(patient_id: UUID, *, now: datetime) -> Standing:
    """How a patient stands at ``now``; call it with the patient locked, to act on it."""
    return standings_of([patient_id], now=now)[patient_id]


def standings_of(patient_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Standing]:
    """How patients stand at ``now``; as many queries for many as for one."""
    patients = list(_patients(patient_ids))
    of = {"patient__in": patient_ids}
    periods = BillingPeriod.objects.filter(subscription__patient__in=patient_ids)
    months = list(
        periods.select_related("plan", "subscription__plan").order_by("starts_on", "number")
    )
    prescriptions = Prescription.objects.filter(**of, ended_at=None)
    deliveries = Delivery.objects.filter(**of).order_by("pk")
    rows = {
        "subscriptions": _by_patient(_subscriptions_of(months)),
        "periods": _by_patient(months, lambda row: row.subscription.patient_id),
        "prescriptions": _by_patient(prescriptions),
        "deliveries": _by_patient(
            deliveries.select_related("window", "address", "prescription", "period__plan")
        ),
    }
    counties = {_county(patient) for patient in patients}
    closures, off = closed_or_off(counties, since=now - timedelta(days=1))
    values = in_force(now)
    return {
        patient.pk: Standing(
            patient=patient,
            facts=facts_in(patient),
            outcome=patient.outcome_ or "",
            approved_by=patient.approved_by_,
            decided_by=patient.decided_by_ or "",
            zone_id=patient.zone_,
            support=_support(patient),
            moved_to=patient.moved_,
            subscription=next(iter(rows["subscriptions"][patient.pk]), None),
            periods=_counting(rows["periods"][patient.pk], rows["subscriptions"][patient.pk]),
            prescription=next(iter(rows["prescriptions"][patient.pk]), None),
            deliveries=rows["deliveries"][patient.pk],
            closed=[span for where, span in closures if _county(patient) in where],
            off=off,
            values=values,
            now=now,
        )
        for patient in patients
    }


def _subscriptions_of(months: Iterable[BillingPeriod]) -> list[Subscription]:
    """Those of these months, the latest first; each has a month from its beginning."""
    found = {row.subscription_id: row.subscription for row in months}
    return [found[pk] for pk in sorted(found, reverse=True)]


def _by_patient(
    rows: Iterable[Any], patient_of: Callable[[Any], UUID] = lambda row: row.patient_id
) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[patient_of(row)].append(row)
    return found


def _counting(
    periods: Sequence[BillingPeriod], subscriptions: Sequence[Subscription]
) -> list[BillingPeriod]:
    """The months of the latest subscription that are, or have to be, paid."""
    latest = subscriptions[0].pk if subscriptions else None
    return [
        row for row in periods if row.subscription_id == latest and row.status != PeriodStatus.VOID
    ]


def _support(patient: Any) -> str:
    if not patient.support_named_:
        return ""
    return "confirmed" if patient.support_agreed_ else "named"


def _county(patient: Patient) -> str:
    return patient.address.where if patient.address else ""


def _patients(patient_ids: Collection[UUID]) -> Any:
    """Patients with address, facts, latest decision, delivery zone and who stays: one query."""
    latest = Decision.objects.filter(patient=OuterRef("pk")).order_by("-pk")
    zone = ZoneCounty.objects.filter(
        state=OuterRef("address__state"), county=OuterRef("address__county")
    )
    moves = Address.objects.filter(patient=OuterRef("pk"), kind=Address.Kind.MOVE).order_by("-pk")
    stays = SupportPerson.objects.filter(patient=OuterRef("pk")).order_by("-pk")
    rows = with_facts(Patient.objects.filter(pk__in=patient_ids))
    return rows.annotate(
        outcome_=Subquery(latest.values("outcome")[:1]),
        approved_by_=Subquery(latest.values("physician")[:1]),
        decided_by_=Subquery(latest.values("physician__name")[:1]),
        zone_=Subquery(zone.values("zone")[:1]),
        moved_=Subquery(moves.values("pk")[:1]),
        support_named_=Subquery(stays.values("pk")[:1]),
        support_agreed_=Subquery(stays.values("confirmed_at")[:1]),
    )
