"""Treatment sessions at home, and the readings taken at them."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import User
from patients.models import Patient, SupportPerson, of_visible
from records.crypto import EncryptedText
from records.ids import uuid7
from scheduling.calendar.models import Physician, Reservation
from scheduling.deliveries.models import Delivery


class Status(models.TextChoices):
    SCHEDULED = "scheduled", "scheduled"
    HELD = "held", "held"
    IN_PROGRESS = "in_progress", "in progress"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"
    MISSED = "missed", "missed"


TRANSITIONS: dict[str, set[str]] = {
    Status.SCHEDULED: {
        Status.SCHEDULED, Status.HELD, Status.IN_PROGRESS, Status.CANCELLED, Status.MISSED,
    },
    Status.HELD: {Status.SCHEDULED, Status.CANCELLED},
    Status.IN_PROGRESS: {Status.COMPLETED},
    Status.COMPLETED: set(),
    Status.CANCELLED: set(),
    Status.MISSED: set(),
}  # fmt: skip
HOLDS_TIME = (Status.SCHEDULED, Status.IN_PROGRESS, Status.COMPLETED)
TO_COME = (Status.SCHEDULED, Status.HELD)
USED = (Status.IN_PROGRESS, Status.COMPLETED)


class SessionQuerySet(models.QuerySet["TreatmentSession"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, staff all, physicians those of their patients."""
        return self.filter(of_visible(user))


class TreatmentSession(models.Model):
    """A treatment at home: the patient's block of time, in UTC, and what happened in it.

    ``physician``: who is there by video, for a supervised one. ``held_because``: the code of the
    gate that holds it. ``cleared_at``: the readings before it were within the limits, or a
    physician cleared them. ``delivery`` is the parcel that it was held with.
    """

    class Feeling(models.TextChoices):
        WELL = "well", "well"
        UNSURE = "unsure", "not sure"
        UNWELL = "unwell", "unwell"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="sessions")
    start = models.DateTimeField()
    end = models.DateTimeField()
    reservation = models.OneToOneField(
        Reservation, on_delete=models.PROTECT, null=True, related_name="session"
    )
    physician = models.ForeignKey(
        Physician, on_delete=models.PROTECT, null=True, related_name="sessions"
    )
    support_person = models.ForeignKey(
        SupportPerson, on_delete=models.PROTECT, null=True, related_name="+"
    )
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, null=True, related_name="sessions"
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SCHEDULED)
    held_because = models.CharField(max_length=30, blank=True)
    held_at = models.DateTimeField(null=True)
    planned_at = models.DateTimeField()
    channel = models.CharField(max_length=20)
    override_reason = EncryptedText(blank=True)
    location_state = models.CharField(max_length=2, blank=True)
    cleared_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    feeling = models.CharField(max_length=6, choices=Feeling.choices, blank=True)
    check_in_note = EncryptedText(blank=True)
    checked_in_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    objects = SessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="session_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="session_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[str(s) for s in HOLDS_TIME], reservation__isnull=False)
                | Q(status__in=("held", "cancelled", "missed"), reservation__isnull=True),
                name="session_holds_time_while_it_stands",
            ),
            models.CheckConstraint(
                condition=Q(status="held", held_at__isnull=False) & ~Q(held_because="")
                | ~Q(status="held") & Q(held_at__isnull=True, held_because=""),
                name="held_sessions_say_why",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=("in_progress", "completed"),
                    started_at__isnull=False,
                    delivery__isnull=False,
                    support_person__isnull=False,
                    cleared_at__isnull=False,
                )
                | Q(status__in=("scheduled", "held", "cancelled", "missed"), started_at=None),
                name="started_sessions_have_all_they_need",
            ),
            models.CheckConstraint(
                condition=Q(status="completed", finished_at__isnull=False)
                | ~Q(status="completed") & Q(finished_at__isnull=True),
                name="session_completed_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "start"], name="session_of_patient"),
            models.Index(fields=["changed_at"], name="session_changed"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Reading(models.Model):
    """Blood pressure (mmHg) and pulse (beats a minute), before or after. Append-only."""

    class Moment(models.TextChoices):
        BEFORE = "before", "before"
        AFTER = "after", "after"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(TreatmentSession, on_delete=models.PROTECT, related_name="readings")
    moment = models.CharField(max_length=6, choices=Moment.choices)
    systolic = models.PositiveSmallIntegerField()
    diastolic = models.PositiveSmallIntegerField()
    pulse = models.PositiveSmallIntegerField()
    measured_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    systolic__range=(50, 280), diastolic__range=(30, 200), pulse__range=(20, 250)
                )
                & Q(diastolic__lt=F("systolic")),
                name="readings_are_of_a_person",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
