"""Copies of the record that patients asked for, what they want amended, and legal holds."""

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import Role, User
from patients.models import Patient, of_visible
from records.crypto import EncryptedText
from records.ids import uuid7


class Status(models.TextChoices):
    WAITING = "waiting", "waiting"
    MAKING = "making", "being made"
    READY = "ready", "ready"
    FAILED = "failed", "failed"
    EXPIRED = "expired", "expired"


# A claim whose process died is taken over: from making to making.
TRANSITIONS: dict[str, set[str]] = {
    Status.WAITING: {Status.MAKING},
    Status.MAKING: {Status.MAKING, Status.READY, Status.FAILED},
    Status.READY: {Status.EXPIRED},
    Status.FAILED: set(),
    Status.EXPIRED: set(),
}
OPEN = (Status.WAITING, Status.MAKING)


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own; nobody else sees any, whoever they are. Without the file."""
        mine = self.filter(patient__user=user) if user.role == Role.PATIENT else self.none()
        return mine.defer("content")


class Export(models.Model):
    """A copy of a patient's record as a file; ``progress`` in percent.

    ``content`` is the file in base64, encrypted, until ``kept_until``; ``secret`` the hash of the
    link's token, good until ``link_until``. These two and ``lease_until`` are of the database's
    clock.
    """

    class Format(models.TextChoices):
        JSON = "json", "JSON"
        PDF = "pdf", "PDF"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="exports")
    format = models.CharField(max_length=4, choices=Format.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    progress = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    kept_until = models.DateTimeField(null=True)
    content = EncryptedText(blank=True)
    secret = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    link_until = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="export_status_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="making") | Q(claim__isnull=False, lease_until__isnull=False),
                name="exports_being_made_are_claimed",
            ),
            models.CheckConstraint(
                condition=Q(status="ready") | Q(secret__isnull=True),
                name="links_open_ready_exports",
            ),
            models.UniqueConstraint(
                fields=["patient", "format"],
                condition=Q(status__in=("waiting", "making")),
                name="one_open_export_of_a_format",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.pk}"


class AmendmentQuerySet(models.QuerySet["Amendment"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, physicians those of patients in care; staff none."""
        if user.role == Role.STAFF:
            return self.none()
        return self.filter(of_visible(user))


class Amendment(models.Model):
    """What a patient wants said otherwise, about a row of the record or all of it. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="amendments")
    about_kind = models.CharField(max_length=40, blank=True)
    about_id = models.UUIDField(null=True)
    text = EncryptedText()
    asked_at = models.DateTimeField()

    objects = AmendmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(about_kind="", about_id__isnull=True)
                | ~Q(about_kind="") & Q(about_id__isnull=False),
                name="amendment_is_about_a_thing_or_all",
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def about(self) -> dict[str, object] | None:
        """The row that it is about, by kind and id."""
        return {"kind": self.about_kind, "id": self.about_id} if self.about_kind else None


class AmendmentAnswer(models.Model):
    """What the physician says to it; both stand beside what they are about. Append-only."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    amendment = models.OneToOneField(Amendment, on_delete=models.PROTECT, related_name="answer")
    accepted = models.BooleanField()
    text = EncryptedText()
    answered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class LegalHold(models.Model):
    """Nothing of a patient may be deleted, however old it is, until this is lifted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="legal_holds")
    reason = EncryptedText()
    since = models.DateTimeField()
    set_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    lift_reason = EncryptedText(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(lifted_at__isnull=True),
                name="one_legal_hold_of_a_patient",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="somebody_lifts_a_legal_hold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
