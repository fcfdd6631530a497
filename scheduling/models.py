"""The models of all folders; `scheduling` is one Django app."""

from scheduling.calendar.models import (
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from scheduling.consultations.models import Consultation, Decision
from scheduling.deliveries.carrier.models import CarrierEvent
from scheduling.deliveries.models import CustodyEvent, Delivery
from scheduling.deliveries.windows.models import (
    Closure,
    DeliveryWindow,
    DeliveryZone,
    Holiday,
    WindowTemplate,
    ZoneCounty,
)
from scheduling.prescriptions.models import Prescription
from scheduling.sessions.models import Reading, TreatmentSession
from scheduling.subscriptions.models import BillingPeriod, Plan, Subscription

__all__ = [
    "BillingPeriod",
    "CarrierEvent",
    "Closure",
    "Consultation",
    "CustodyEvent",
    "Decision",
    "Delivery",
    "DeliveryWindow",
    "DeliveryZone",
    "Holiday",
    "Licence",
    "Opening",
    "Physician",
    "Plan",
    "Prescription",
    "Reading",
    "Reservation",
    "Subscription",
    "TimeOff",
    "TreatmentSession",
    "WindowTemplate",
    "WorkingHours",
    "ZoneCounty",
]
