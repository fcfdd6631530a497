"""Reads how a patient stands: all that the gates of treatment ask, in four queries."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import JSONObject

from patients.facts import facts_in, with_facts
from patients.gates import PatientFacts
from patients.models import Address, Patient, SupportPerson
from records.models import WorkItem
from records.values import rows_in_force, values_in
from scheduling.consultations.models import Decision
from scheduling.deliveries.gates import ParcelFacts
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.actions import days_of
from scheduling.deliveries.windows.models import Closure, Holiday, ZoneCounty
from scheduling.deliveries.windows.shipping import Days
from scheduling.intervals import Interval
from scheduling.prescriptions.actions import prescribed
from scheduling.prescriptions.gates import PHARMACY
from scheduling.prescriptions.models import Prescription
from scheduling.prescriptions.refills import Prescribed
from scheduling.subscriptions.actions import local_day, period_facts, subscription_facts
from scheduling.subscriptions.gates import PeriodFacts, SubscriptionFacts
from scheduling.subscriptions.models import BillingPeriod, PeriodStatus, Subscription

Whose = Collection[UUID] | QuerySet[Patient, UUID]  # ids of patients, or a query for them
ASKED = (  # kinds of work items by which rows follow
    "window_not_chosen", "no_signer", "parcel_late", "parcel_to_replace", "transition",
    "hold_waits",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A patient with the rows of his care, and the numbers in force at ``now`` (UTC).

    ``outcome`` and ``approved_by``: the latest decision, and its physician, whose name is
    ``decided_by``. ``zone_id``: the delivery zone of the address. ``support``: whether somebody who
    stays was "named", has agreed ("confirmed"), or "". ``subscription`` and ``prescription``: those
    in force. ``off``: the holidays. ``asked``: kind and object of what humans were asked, with when
    and whether it is open.
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
    asked: Mapping[tuple[str, UUID], tuple[datetime, str]]
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


def standing_of(
    patient_id: UUID, *, now: datetime, among: QuerySet[Patient] | None = None
) -> Standing:
    """How a patient stands at ``now``; call it with the patient locked, to act on it.

    Raises Patient.DoesNotExist for one who is not ``among`` those whom somebody sees.
    """
    found = standings_of([patient_id], now=now, among=among)
    if patient_id not in found:
        raise Patient.DoesNotExist
    return found[patient_id]


def standings_of(
    patient_ids: Whose, *, now: datetime, among: QuerySet[Patient] | None = None
) -> dict[UUID, Standing]:
    """How patients stand at ``now``; as many queries for many as for one."""
    patients = list(_patients(patient_ids, now, Patient.objects.all() if among is None else among))
    of = {"patient__in": patient_ids}
    periods = BillingPeriod.objects.filter(subscription__patient__in=patient_ids)
    periods = periods.select_related("plan", "subscription__plan").order_by("starts_on", "number")
    prescriptions = Prescription.objects.filter(**of, ended_at=None)
    deliveries = Delivery.objects.filter(**of).order_by("pk")
    rows = {
        "periods": _by_patient(periods, lambda row: row.subscription.patient_id),
        "prescriptions": _by_patient(prescriptions),
        "deliveries": _by_patient(
            deliveries.select_related("window", "address", "prescription", "period__plan")
        ),
    }
    closed, off, values = _shared(patients[0]) if patients else ([], days_of([]), {})
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
            subscription=_latest(rows["periods"][patient.pk]),
            periods=_counting(rows["periods"][patient.pk]),
            prescription=next(iter(rows["prescriptions"][patient.pk]), None),
            deliveries=rows["deliveries"][patient.pk],
            closed=[span for counties, span in closed if _county(patient) in counties],
            off=off,
            asked={(row["kind"], UUID(row["about"])): _asked(row) for row in patient.asked_},
            values=values,
            now=now,
        )
        for patient in patients
    }


def _shared(row: Any) -> tuple[list[tuple[Collection[str], Interval]], Days, Mapping[str, int]]:
    """What every patient of a query comes with, and is the same: closures, holidays, numbers."""
    spans = [
        (told["counties"], Interval(_at(told["start"]), _at(told["end"])))
        for told in json.loads(row.closed_)
    ]
    off = days_of((date.fromisoformat(x["day"]), x["effect"]) for x in json.loads(row.off_))
    return spans, off, values_in(json.loads(row.values_))


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _asked(row: Mapping[str, str]) -> tuple[datetime, str]:
    return _at(row["at"]), row["status"]


def _by_patient(
    rows: Iterable[Any], patient_of: Callable[[Any], UUID] = lambda row: row.patient_id
) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[patient_of(row)].append(row)
    return found


def _latest(periods: Sequence[BillingPeriod]) -> Subscription | None:
    """The latest subscription: each begins with a month."""
    return max((row.subscription for row in periods), key=lambda row: row.pk, default=None)


def _counting(periods: Sequence[BillingPeriod]) -> list[BillingPeriod]:
    """The months of the latest subscription that are, or have to be, paid."""
    latest = _latest(periods)
    return [
        row for row in periods if row.subscription == latest and row.status != PeriodStatus.VOID
    ]


def _support(patient: Any) -> str:
    if not patient.support_named_:
        return ""
    return "confirmed" if patient.support_agreed_ else "named"


def _county(patient: Patient) -> str:
    return patient.address.where if patient.address else ""


def _patients(patient_ids: Whose, now: datetime, among: QuerySet[Patient]) -> Any:
    """Patients with address, facts, latest decision, delivery zone, who stays, what humans were
    asked, and what holds for everybody: closures, holidays, numbers in force. One query.
    """
    latest = Decision.objects.filter(patient=OuterRef("pk")).order_by("-pk")
    zone = ZoneCounty.objects.filter(
        state=OuterRef("address__state"), county=OuterRef("address__county")
    )
    moves = Address.objects.filter(patient=OuterRef("pk"), kind=Address.Kind.MOVE).order_by("-pk")
    stays = SupportPerson.objects.filter(patient=OuterRef("pk")).order_by("-pk")
    items = WorkItem.objects.filter(patient_id=OuterRef("pk"), kind__in=ASKED)
    closures = Closure.objects.filter(lifted_at=None, end__gt=now - timedelta(days=1))
    rows = with_facts(among.filter(pk__in=patient_ids))
    return rows.annotate(
        outcome_=Subquery(latest.values("outcome")[:1]),
        approved_by_=Subquery(latest.values("physician")[:1]),
        decided_by_=Subquery(latest.values("physician__name")[:1]),
        zone_=Subquery(zone.values("zone")[:1]),
        moved_=Subquery(moves.values("pk")[:1]),
        support_named_=Subquery(stays.values("pk")[:1]),
        support_agreed_=Subquery(stays.values("confirmed_at")[:1]),
        asked_=_told(
            items.order_by("raised_at"),
            kind="kind", about="object_id", at="raised_at", status="status",
        ),
        closed_=_unread(
            _told(closures.order_by("pk"), counties="counties", start="start", end="end")
        ),
        off_=_unread(_told(Holiday.objects.order_by("day"), day="day", effect="effect")),
        values_=_unread(_told(rows_in_force(now), key="key", value="value")),
    )  # fmt: skip


def _told(rows: Any, **columns: str) -> ArraySubquery:
    """Rows as a column of objects."""
    cells = {name: F(column) for name, column in columns.items()}
    return ArraySubquery(rows.annotate(told_=JSONObject(**cells)).values("told_"))


def _unread(rows: ArraySubquery) -> Func:
    """The same as text, written once for all patients, which costs nothing until it is read."""
    return Func(
        rows, template="(SELECT ARRAY_TO_JSON(%(expressions)s)::text)", output_field=TextField()
    )
