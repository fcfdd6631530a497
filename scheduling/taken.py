"""What takes a physician's time, whatever it is for: read here for the API and for the week."""

from datetime import datetime

from django.db.models import Q, QuerySet

from scheduling.calendar.models import Physician, Reservation
from scheduling.consultations.models import Consultation
from scheduling.intervals import Interval


def reserved(physician: Physician, within: Interval, now: datetime) -> QuerySet[Reservation]:
    """What is reserved of a physician's time, and holds that live, with what they are for."""
    rows = Reservation.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        physician=physician,
        busy__overlap=(within.start, within.end),
    )
    return rows.select_related("consultation", "session")


def booked(physician: Physician, within: Interval) -> QuerySet[Consultation]:
    """What is booked with a physician in an interval: at risk, once the physician is away then."""
    return Consultation.objects.booked_within(physician, within)
