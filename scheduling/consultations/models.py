"""Consultations: their data, states and transitions."""

from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from accounts.models import Role, User
from patients.models import Patient, of_visible
from records.crypto import EncryptedText
from records.ids import uuid7
from scheduling.calendar.models import Physician, Reservation
from scheduling.intervals import Interval


class Kind(models.TextChoices):
    INITIAL = "initial", "initial"
    FOLLOW_UP = "follow_up", "follow-up"


class Status(models.TextChoices):
    BOOKED = "booked", "booked"
    ARRIVED = "arrived", "arrived"
    COMPLETED = "completed", "completed"
    CANCELLED = "cancelled", "cancelled"
    NO_SHOW = "no_show", "no-show"


TRANSITIONS: dict[str, set[str]] = {
    Status.BOOKED: {Status.ARRIVED, Status.CANCELLED, Status.NO_SHOW},
    Status.ARRIVED: {Status.COMPLETED},
    Status.COMPLETED: set(),
    Status.CANCELLED: set(),
    Status.NO_SHOW: set(),
}
# What was recorded wrongly is put back to this, as long as nothing was built on it.
CORRECTIONS: dict[str, str] = {
    Status.ARRIVED: Status.BOOKED,
    Status.COMPLETED: Status.ARRIVED,
    Status.NO_SHOW: Status.BOOKED,
}
HOLDS_TIME = (Status.BOOKED, Status.ARRIVED, Status.COMPLETED)


class ConsultationQuerySet(models.QuerySet["Consultation"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, staff all, physicians their own and those of their patients."""
        if user.role == Role.PATIENT:
            return self.filter(patient__user=user)
        if user.role == Role.STAFF:
            return self
        return self.filter(Q(physician__user=user) | of_visible(user))

    def booked_within(self, physician: Physician, within: Interval) -> Self:
        """What is booked with a physician and touches an interval, the soonest first."""
        mine = self.filter(physician=physician, status=Status.BOOKED)
        return mine.filter(start__lt=within.end, end__gt=within.start).order_by("start", "pk")

    def with_people(self) -> Self:
        """With all that its answer and its gates need, in a fixed number of queries."""
        return self.select_related("patient__address", "physician").prefetch_related(
            "physician__licences", "physician__time_off"
        )


class Consultation(models.Model):
    """A meeting of a patient with the physician, by video or telephone; times in UTC.

    ``location_state`` is where the patient plans to be; ``arrived_state`` where they said they
    were. ``risks_told``: the codes of what stands in its way, as staff were last asked about them.
    ``revision`` grows with every reschedule, ``version`` with every change.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=10, unique=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consultations")
    physician = models.ForeignKey(Physician, on_delete=models.PROTECT, related_name="consultations")
    reservation = models.OneToOneField(
        Reservation, on_delete=models.PROTECT, null=True, related_name="consultation"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.BOOKED)
    start = models.DateTimeField()
    end = models.DateTimeField()
    location_state = models.CharField(max_length=2)
    location_line1 = models.CharField(max_length=100, blank=True)
    location_city = models.CharField(max_length=60, blank=True)
    channel = models.CharField(max_length=20)
    booked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    arrived_state = models.CharField(max_length=2, blank=True)
    completed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=20, blank=True)
    cancel_reason = EncryptedText(blank=True)
    late = models.BooleanField(default=False)
    risks_told = models.JSONField(default=list)
    note = EncryptedText(blank=True)
    revision = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    objects = ConsultationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="consultation_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Kind.values), name="consultation_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="consultation_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(status__in=HOLDS_TIME, reservation__isnull=False)
                | Q(
                    status__in=("cancelled", "no_show"),
                    reservation__isnull=True,
                ),
                name="consultation_holds_time_while_it_stands",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | ~Q(status="cancelled") & Q(cancelled_at__isnull=True),
                name="consultation_cancelled_says_when",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("arrived", "completed"), arrived_at__isnull=False)
                | Q(status__in=("booked", "cancelled", "no_show"), arrived_at__isnull=True),
                name="consultation_arrived_says_when",
            ),
            models.CheckConstraint(
                condition=Q(status="completed", completed_at__isnull=False)
                | ~Q(status="completed") & Q(completed_at__isnull=True),
                name="consultation_completed_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["changed_at"], name="consultation_changed"),
            models.Index(fields=["patient", "start"], name="consultation_of_patient"),
            models.Index(fields=["physician", "start"], name="consultation_of_physician"),
            models.Index(
                fields=["start"], condition=Q(status="booked"), name="consultation_booked"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class DecisionQuerySet(models.QuerySet["Decision"]):
    def visible_to(self, user: User) -> Self:
        """Those on consultations that the user sees."""
        return self.filter(
            Exists(Consultation.objects.visible_to(user).filter(pk=OuterRef("consultation")))
        )


class Decision(models.Model):
    """What a physician decided after a consultation; the latest one of a patient counts."""

    class Outcome(models.TextChoices):
        APPROVED = "approved", "approved"
        DECLINED = "declined", "declined"
        MORE_INFO = "more_info", "more information is needed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="decisions")
    consultation = models.ForeignKey(
        Consultation, on_delete=models.PROTECT, related_name="decisions"
    )
    physician = models.ForeignKey(Physician, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    note = EncryptedText(blank=True)
    decided_at = models.DateTimeField()

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["consultation"],
                condition=~Q(outcome="more_info"),
                name="one_decision_on_a_consultation",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=("approved", "declined", "more_info")),
                name="decision_outcome_is_known",
            ),
        ]
        indexes = [models.Index(fields=["patient", "-id"], name="latest_decision")]

    def __str__(self) -> str:
        return str(self.pk)
