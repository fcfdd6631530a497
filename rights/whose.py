"""Which rows are a patient's, and by which path from the row to the patient."""

from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from notifications.models import InboundMessage, Message, ProviderEvent
from patients.models import (
    Address,
    Assessment,
    BrokenGlass,
    CareRelationship,
    ClinicalHold,
    Consent,
    ContactChange,
    IdentityCheck,
    Link,
    Patient,
    SupportPerson,
)
from records.models import WorkItem
from rights.models import Amendment, AmendmentAnswer, Export, LegalHold
from scheduling.models import (
    BillingPeriod,
    CarrierEvent,
    Consultation,
    CustodyEvent,
    Decision,
    Delivery,
    Prescription,
    Reading,
    Reservation,
    Subscription,
    TreatmentSession,
)

# What points to another of them stands before it: so they are deleted in this order.
WHOSE: dict[type[Model], str] = {
    ProviderEvent: "message__patient",
    Message: "patient",
    InboundMessage: "patient",
    Reading: "session__patient",
    TreatmentSession: "patient",
    CustodyEvent: "delivery__patient",
    CarrierEvent: "delivery__patient",
    Delivery: "patient",
    BillingPeriod: "subscription__patient",
    Subscription: "patient",
    Prescription: "patient",
    Decision: "patient",
    Consultation: "patient",
    Reservation: "patient",
    AmendmentAnswer: "amendment__patient",
    Amendment: "patient",
    Export: "patient",
    LegalHold: "patient",
    Link: "patient",
    CareRelationship: "patient",
    ClinicalHold: "patient",
    IdentityCheck: "patient",
    ContactChange: "patient",
    Assessment: "patient",
    Consent: "patient",
    SupportPerson: "patient",
    WorkItem: "patient_id",
    Address: "patient",
    Patient: "pk",
}
# What has a path and is not deleted: the audit, of which only ids are left.
KEPT = (BrokenGlass,)
# What a patient may want amended, by its word in events.
ABOUT: dict[str, type[Model]] = {
    str(model._meta.model_name): model
    for model in (
        Address, Assessment, BillingPeriod, ClinicalHold, Consent, Consultation, CustodyEvent,
        Decision, Delivery, IdentityCheck, InboundMessage, Message, Patient, Prescription, Reading,
        Subscription, SupportPerson, TreatmentSession,
    )
}  # fmt: skip


def rows(model: type[Model], patient_id: UUID, *, using: str = "default") -> Any:
    """The rows of a model that are this patient's, the oldest first."""
    of: QuerySet[Any] = QuerySet(model, using=using)
    return of.filter(**{WHOSE[model]: patient_id}).order_by("pk")
