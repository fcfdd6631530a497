"""Physicians, where they may practise, when they work, and the one table of reserved time."""

from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q

from accounts.models import User
from patients.models import Patient
from records.ids import uuid7


class Physician(models.Model):
    """A physician of the practice; hours are wall-clock times in ``time_zone`` (IANA).

    ``join_url`` is where consultations take place by video; without one, they are telephone calls.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="physician")
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=40, default="America/New_York")
    join_url = models.URLField(blank=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Licence(models.Model):
    """A licence to practise in a state; ``expires_on`` is the last day it is good for."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    physician = models.ForeignKey(Physician, on_delete=models.CASCADE, related_name="licences")
    state = models.CharField(max_length=2)
    number = models.CharField(max_length=30)
    valid_from = models.DateField()
    expires_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("FL", "NJ")), name="licence_in_florida_or_new_jersey"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__lte=F("expires_on")), name="licence_starts_before_it_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.expires_on}"


class WorkingHours(models.Model):
    """Hours of a weekday (Monday is 0), every week; ``closes`` at 00:00 is the end of the day."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    physician = models.ForeignKey(Physician, on_delete=models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="weekday_is_0_to_6"),
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes")) | Q(closes="00:00"), name="opens_before_closing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens}-{self.closes}"


class Opening(models.Model):
    """Additional hours, once."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    physician = models.ForeignKey(Physician, on_delete=models.CASCADE, related_name="openings")
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="opening_starts_before_it_ends"
            )
        ]

    def __str__(self) -> str:
        return f"{self.start}"


class TimeOff(models.Model):
    """Time that is not offered, whatever the hours say. What is booked in it is at risk."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    physician = models.ForeignKey(Physician, on_delete=models.CASCADE, related_name="time_off")
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="time_off_starts_before_it_ends"
            )
        ]

    def __str__(self) -> str:
        return f"{self.start}"


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def expired(self, now: object) -> Self:
        """Holds whose time is over: whoever wants it releases them."""
        return self.filter(expires_at__lte=now)


class Reservation(models.Model):
    """The only table that holds anybody's time; intervals are half-open, in UTC.

    ``period`` is the patient's time, ``busy`` the physician's, with the buffers. A row with
    ``expires_at`` is a hold, whose ``period`` is nobody's yet: `hold_secret` (hashed) opens it,
    `hold_browser` (hashed) counts against the limit of a browser.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, related_name="reservations"
    )
    period = DateTimeRangeField(null=True)
    physician = models.ForeignKey(
        Physician, on_delete=models.PROTECT, null=True, related_name="reservations"
    )
    busy = DateTimeRangeField(null=True)
    expires_at = models.DateTimeField(null=True)
    hold_start = models.DateTimeField(null=True)
    hold_kind = models.CharField(max_length=10, blank=True)
    hold_state = models.CharField(max_length=2, blank=True)
    hold_secret = models.CharField(max_length=64, blank=True)
    hold_browser = models.CharField(max_length=64, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="physician_is_in_one_place",
                expressions=[
                    ("physician", RangeOperators.EQUAL),
                    ("busy", RangeOperators.OVERLAPS),
                ],
            ),
            ExclusionConstraint(
                name="patient_is_in_one_place",
                expressions=[
                    ("patient", RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(physician__isnull=True, busy__isnull=True)
                | Q(physician__isnull=False, busy__isnull=False),
                name="physician_and_busy_go_together",
            ),
            models.CheckConstraint(
                condition=Q(patient__isnull=False, period__isnull=False)
                | Q(patient__isnull=True, expires_at__isnull=False),
                name="only_holds_have_no_patient",
            ),
            models.CheckConstraint(
                condition=Q(busy__isempty=False) | Q(busy__isnull=True), name="busy_is_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(period__isempty=False) | Q(period__isnull=True),
                name="period_is_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True, hold_secret="")
                | Q(expires_at__isnull=False) & ~Q(hold_secret=""),
                name="holds_have_a_secret",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False),
                name="hold_by_expiry",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
