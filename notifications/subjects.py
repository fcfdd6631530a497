"""What messages are about: rows of scheduling, as policy and texts take them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from notifications.policy import Subject
from patients.models import LINK_OPENS, Assessment, Patient, SupportPerson
from records.values import in_force
from scheduling.consultations.actions import risks_of
from scheduling.models import BillingPeriod, Consultation, Delivery, TreatmentSession
from scheduling.subscriptions.actions import midnight, period_facts

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """A row as messages see it: whose it is, the policy's `Subject`, and what a text says of it."""

    patient: Patient
    subject: Subject
    ref: str = ""
    join_url: str = ""


def told_of(kind: str, pk: UUID, *, now: datetime, lock: bool = False) -> Told | None:
    """What messages about a row see of it; None for what none of them is about.

    With ``lock``, the row is locked first: it is read as it is once whoever held it is done.
    """
    if kind not in _OF_KIND:
        return None
    model, read = _OF_KIND[kind]
    if lock:
        model._default_manager.select_for_update(no_key=True).only("pk").get(pk=pk)  # noqa: SLF001
    return read(pk, now)


def sessions_to_come(patient_id: UUID) -> list[UUID]:
    """The sessions of a patient that are planned."""
    rows = TreatmentSession.objects.filter(patient=patient_id, status="scheduled")
    return list(rows.order_by("start", "pk").values_list("pk", flat=True))


def reference_of(kind: str, pk: UUID) -> str:
    """What an alert may name; sessions have no reference."""
    if kind != "assessment":
        return ""
    return Assessment.objects.values_list("reference", flat=True).get(pk=pk)


def _consultation(pk: UUID, _: datetime) -> Told:
    row = Consultation.objects.select_related("patient__address", "physician").get(pk=pk)
    zone = row.patient.time_zone
    at_risk = bool(row.risks_told and risks_of(row))  # no text says so before staff were told
    subject = Subject(row.status, row.revision, row.start, row.end, zone, at_risk)
    return Told(row.patient, subject, row.reference, row.physician.join_url)


def _delivery(pk: UUID, _: datetime) -> Told:
    row = Delivery.objects.select_related("patient__address", "window").get(pk=pk)
    start, end = row.choose_by, row.choose_by + DAY
    if row.window:
        start, end = row.window.starts, row.window.ends
    subject = Subject(row.status, row.revision, start, end, row.patient.time_zone)
    return Told(row.patient, subject, row.reference)


def _session(pk: UUID, _: datetime) -> Told:
    row = TreatmentSession.objects.select_related("patient__address").get(pk=pk)
    status = "checked_in" if row.checked_in_at else row.status
    subject = Subject(status, row.revision, row.start, row.end, row.patient.time_zone)
    return Told(row.patient, subject)


def _period(pk: UUID, now: datetime) -> Told:
    rows = BillingPeriod.objects.select_related("subscription__patient__address")
    row = rows.get(pk=pk)
    patient = row.subscription.patient
    zone = patient.time_zone
    due_at = period_facts(row, zone, in_force(now)).due_at
    start, status = midnight(row.starts_on, zone), row.status
    if status == "paid":
        start, status = midnight(row.ends_on, zone), _paid(row)
    subject = Subject(status, row.revision, start, due_at, zone)
    return Told(patient, subject, row.subscription.reference)


def _paid(period: BillingPeriod) -> str:
    """A paid month after which none follows is the last."""
    subscription = period.subscription
    ends = subscription.ends_on is not None and subscription.ends_on <= period.ends_on
    goes_on = subscription.status in ("active", "past_due") and not subscription.pause_requested_at
    return "paid" if goes_on and not ends else "last"


def _support_person(pk: UUID, _: datetime) -> Told:
    row = SupportPerson.objects.select_related("patient__address").get(pk=pk)
    if SupportPerson.objects.filter(patient=row.patient, pk__gt=row.pk).exists():
        status = "replaced"
    else:
        status = "confirmed" if row.confirmed_at else "named"
    subject = Subject(status, 1, row.named_at, row.named_at + LINK_OPENS, row.patient.time_zone)
    return Told(row.patient, subject)


_OF_KIND: dict[str, tuple[Any, Callable[[UUID, datetime], Told]]] = {
    "consultation": (Consultation, _consultation),
    "delivery": (Delivery, _delivery),
    "treatmentsession": (TreatmentSession, _session),
    "billingperiod": (BillingPeriod, _period),
    "supportperson": (SupportPerson, _support_person),
}
