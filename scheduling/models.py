"""The models of all folders; `scheduling` is one Django app."""

from scheduling.calendar.models import (
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from scheduling.consultations.models import Consultation
from scheduling.subscriptions.models import Plan

__all__ = [
    "Consultation",
    "Licence",
    "Opening",
    "Physician",
    "Plan",
    "Reservation",
    "TimeOff",
    "WorkingHours",
]
