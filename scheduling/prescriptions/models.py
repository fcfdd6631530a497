"""Prescriptions, as records of what was prescribed in the physician's own system."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from accounts.models import Role, User
from patients.models import Patient, of_visible
from records.ids import uuid7
from scheduling.calendar.models import Physician

MOST_REFILLS = 5  # 21 CFR 1306.22


class PrescriptionQuerySet(models.QuerySet["Prescription"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, physicians those of their patients; staff none."""
        if user.role == Role.STAFF:
            return self.none()
        return self.filter(of_visible(user))


class Prescription(models.Model):
    """A record of a prescription; the drug and its dose are not kept here.

    ``sessions`` is how many sessions one fill supplies, ``refills`` how many fills may follow the
    first, ``use_by`` the last day the medication is good for. ``authority`` is the dated rule that
    it rests on. ``built_on_at``: something was packed for it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="prescriptions")
    physician = models.ForeignKey(Physician, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=2)
    issued_on = models.DateField()
    days_supply = models.PositiveSmallIntegerField()
    sessions = models.PositiveSmallIntegerField()
    refills = models.PositiveSmallIntegerField()
    use_by = models.DateField()
    external_reference = models.CharField(max_length=60)
    registry_checked_at = models.DateTimeField()
    authority = models.ForeignKey("records.Rule", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    built_on_at = models.DateTimeField(null=True)

    objects = PrescriptionQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["external_reference"], name="one_prescription_of_a_reference"
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(ended_at__isnull=True),
                name="one_prescription_in_force_of_a_patient",
            ),
            models.CheckConstraint(
                condition=Q(refills__lte=MOST_REFILLS), name="at_most_five_refills"
            ),
            models.CheckConstraint(
                condition=Q(days_supply__gte=1, sessions__gte=1), name="it_supplies_something"
            ),
            models.CheckConstraint(
                condition=Q(use_by__gt=F("issued_on")), name="use_by_after_it_was_issued"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
