"""Facts, things to do, dated rules, kept answers: what every app above writes down."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from records.crypto import EncryptedText
from records.ids import uuid7


class Clock(models.Model):
    """How far the time of care is moved, in development and tests; at most one row."""

    offset = models.DurationField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="there_is_one_clock")]

    def __str__(self) -> str:
        return str(self.offset)


# What says something about a patient's health by its name alone: nobody reads it in a list.
CLINICAL_EVENTS = (
    "assessment.crisis", "assessment.flagged", "patient.held", "patient.cleared", "session.alarm",
    "text.crisis",
)  # fmt: skip


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, user: Any) -> Self:
        """Staff see everything that happened but what is clinical; others nothing.

        What is done about a work item of physicians would tell that there is something to do.
        """
        if user.role == "staff":
            theirs = WorkItem.objects.exclude(for_role=user.role).values("pk")
            return self.exclude(kind__in=CLINICAL_EVENTS).exclude(
                object_kind="workitem", object_id__in=theirs
            )
        return self.none()


class Event(models.Model):
    """Something that happened. Append-only, in rights and by trigger.

    ``payload`` holds ids, codes, instants and names of fields: nothing that a person said, and
    nothing about health.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=60)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    role = models.CharField(max_length=20)
    channel = models.CharField(max_length=20)
    cause = models.UUIDField(db_index=True)
    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    patient_id = models.UUIDField(null=True)
    payload = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["object_id", "id"], name="event_of_object"),
            models.Index(fields=["patient_id", "id"], name="event_of_patient"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Outbox(models.Model):
    """An event that notifications has not looked at yet. No cursor: late committers are seen."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    try_after = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class Correction(models.Model):
    """Why something that was recorded wrongly was put back, in the words of who did it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField(db_index=True)
    was = models.CharField(max_length=20)
    reason = EncryptedText()
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    corrected_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.was} {self.object_id}"


class AccessLog(models.Model):
    """Who looked at whose data, when, by which door and from where. Append-only.

    ``reason`` is the break-glass that let them; ``denied``: they asked for what is not theirs.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now())
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20)
    object_kind = models.CharField(max_length=40)
    object_ids = models.JSONField(default=list)
    patient_ids = models.JSONField(default=list)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    door = models.CharField(max_length=120, blank=True)
    reason = models.UUIDField(null=True)
    denied = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            GinIndex(fields=["patient_ids"], opclasses=["jsonb_path_ops"], name="access_of_patient")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.object_kind}"


class AuditSeal(models.Model):
    """Some rows of a table of the audit, as they were: nothing before ``up_to`` changes unseen.

    ``digest`` is over the rows after the last seal of this ``table``, ``hash`` over this seal and
    the one before. Append-only.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    table = models.CharField(max_length=40)
    up_to = models.UUIDField()
    count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.table}"


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def visible_to(self, user: Any) -> Self:
        """What is asked of the user's role."""
        return self.filter(for_role=user.role)


class WorkItem(models.Model):
    """Something that a human must do."""

    class Status(models.TextChoices):
        OPEN = "open", "open"
        CLOSED = "closed", "closed"

    class Urgency(models.IntegerChoices):
        NOW = 1, "now"
        TODAY = 2, "today"
        SOON = 3, "soon"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    detail = models.CharField(max_length=300)
    urgency = models.PositiveSmallIntegerField(choices=Urgency.choices)
    for_role = models.CharField(max_length=20)
    patient_id = models.UUIDField(null=True)
    object_kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    cause = models.UUIDField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)
    note = EncryptedText(blank=True)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        ordering = ["urgency", "due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id"],
                condition=models.Q(status="open"),
                name="one_open_work_item_of_a_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(status="open", closed_at__isnull=True)
                | models.Q(status="closed", closed_at__isnull=False),
                name="closed_work_items_say_when",
            ),
        ]
        indexes = [
            models.Index(fields=["patient_id", "kind"], name="work_item_of_patient"),
            models.Index(
                fields=["for_role", "urgency", "due_at", "id"],
                condition=models.Q(status="open"),
                name="work_item_to_do",
            ),
            models.Index(
                fields=["for_role", "id"],
                condition=models.Q(status="closed"),
                name="work_item_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Brake(models.Model):
    """A cause that would touch too many patients: what follows from it waits for a person.

    One that touched few enough, as far as anybody knows, is ``released`` by nobody.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        RELEASED = "released", "released"
        WITHDRAWN = "withdrawn", "withdrawn"

    cause = models.UUIDField(primary_key=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.cause} {self.status}"


class Rule(models.Model):
    """A legal rule as a dated row; ``valid_to`` is its last day, empty while it has none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=40)
    state = models.CharField(max_length=2)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)
    text = models.TextField()
    source = models.CharField(max_length=200)
    reviewed_by = models.CharField(max_length=100, blank=True)
    reviewed_at = models.DateField(null=True)

    class Meta:
        ordering = ["code", "state", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "state", "valid_from"], name="one_rule_from_a_day_on"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.state} {self.valid_from}"


class Setting(models.Model):
    """A value that the physician changed, from ``valid_from`` on; the defaults are in code."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=60)
    value = models.IntegerField()
    valid_from = models.DateTimeField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["key", "valid_from"]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


class IdempotentAnswer(models.Model):
    """What was answered to a POST with an Idempotency-Key; kept for 24 h of real time."""

    scope = models.CharField(max_length=64, primary_key=True)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = EncryptedText()
    etag = models.CharField(max_length=80, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    answered_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"{self.status} {self.answered_at}"


class Count(models.Model):
    """How often something was tried since ``since``, in database time; records/limits.py.

    ``key`` is a keyed hash: whose number or address was counted does not stand here. The table is
    not logged: to count waits for no disk, and a crash of the server empties it.
    """

    key = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=40)
    since = models.DateTimeField(db_index=True)
    n = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.n}"
