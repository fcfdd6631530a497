"""Messages and what became of them, opt-outs, what came in, what the provider said."""

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from accounts.models import Role, User
from patients.models import Patient, SupportPerson, of_visible
from records.crypto import EncryptedText
from records.ids import uuid7
from records.models import WorkItem


class Channel(models.TextChoices):
    SMS = "sms", "text"
    MAIL = "mail", "e-mail"


class Status(models.TextChoices):
    PENDING = "pending", "pending"
    SENDING = "sending", "sending"
    UNKNOWN = "unknown", "unknown"
    ACCEPTED = "accepted", "accepted"
    SENT = "sent", "sent"
    DELIVERED = "delivered", "delivered"
    UNDELIVERED = "undelivered", "undelivered"
    FAILED = "failed", "failed"
    SUPPRESSED = "suppressed", "suppressed"
    CANCELLED = "cancelled", "cancelled"
    MISSED = "missed", "missed"


_BY_PROVIDER: set[str] = {Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}
TRANSITIONS: dict[str, set[str]] = {
    # A callback may prove that a text left after all which we gave up as never sent.
    Status.PENDING: {
        Status.SENDING, Status.SUPPRESSED, Status.CANCELLED, Status.MISSED, Status.ACCEPTED,
    },
    Status.SENDING: {
        Status.PENDING, Status.UNKNOWN, Status.ACCEPTED, Status.SUPPRESSED, Status.CANCELLED,
        Status.MISSED, *_BY_PROVIDER,
    },
    Status.UNKNOWN: {Status.PENDING, Status.ACCEPTED, Status.MISSED, *_BY_PROVIDER},
    Status.ACCEPTED: _BY_PROVIDER,
    Status.SENT: {Status.DELIVERED, Status.UNDELIVERED, Status.FAILED},
    # A provider may first give a text up and then get it through after all.
    Status.UNDELIVERED: {Status.DELIVERED},
    Status.FAILED: {Status.DELIVERED, Status.ACCEPTED},
    Status.DELIVERED: set(),
    Status.SUPPRESSED: {Status.ACCEPTED},
    Status.CANCELLED: {Status.ACCEPTED},
    Status.MISSED: {Status.ACCEPTED},
}  # fmt: skip


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        """Messages about patients whom the user sees; codes for signing in are nobody's to see."""
        return self.filter(of_visible(user)).exclude(kind="sign_in_code")


class Message(models.Model):
    """One text or mail to one person.

    ``wanted_at`` is when it was meant to leave, ``due_at`` when it leaves outside quiet hours,
    ``not_after`` when it has lost its sense, ``left_at`` when it was last let go (the caps count
    by it); all of the clock of care. ``lease_until`` and
    ``try_after`` are of the database's clock. ``channel`` and ``to`` are set anew when it leaves.
    The lowest ``priority`` leaves first. ``attempts`` counts how often it was handed over, and may
    have left; ``waits`` how often the provider was busy or away.
    ``secret`` holds a code, or the token of a link, until it is sent. ``support_person`` reads it,
    if it is for them, of the ``patient``. A ``body`` says that this attempt was handed over.
    ``parent`` is the message that this one repeats; one is repeated once at most. ``version`` grows
    with every change. ``offered``: the times (RFC 3339) that an offer tells, by their numbers.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=30)
    channel = models.CharField(max_length=4, choices=Channel.choices)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    support_person = models.ForeignKey(
        SupportPerson, on_delete=models.PROTECT, null=True, related_name="+"
    )
    to = models.CharField(max_length=254)
    about_kind = models.CharField(max_length=40)
    about_id = models.UUIDField()
    revision = models.PositiveIntegerField(default=1)
    cause = models.UUIDField()
    parent = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="again")
    wanted_at = models.DateTimeField()
    due_at = models.DateTimeField()
    not_after = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    why = models.CharField(max_length=200, blank=True)
    history = models.JSONField(default=list)
    secret = models.CharField(max_length=20, blank=True)
    offered = models.JSONField(default=list)
    body = models.TextField(blank=True)
    priority = models.PositiveSmallIntegerField(default=5)
    attempts = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveSmallIntegerField(default=0)
    looks = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    try_after = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=40, null=True, unique=True)  # noqa: DJ001
    error_code = models.CharField(max_length=40, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="message_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status="sending", claim__isnull=False, lease_until__isnull=False)
                | ~Q(status="sending"),
                name="sending_messages_are_claimed",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="message_due"),
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=("sending", "unknown")),
                name="message_to_reconcile",
            ),
            models.Index(
                fields=["left_at"],
                condition=Q(channel="sms", status__in=("accepted", "sent")),
                name="message_to_look_up",
            ),
            models.Index(fields=["about_id"], name="message_about"),
            models.Index(fields=["patient", "id"], name="message_of_patient"),
            models.Index(fields=["changed_at"], name="message_changed"),
            models.Index(
                fields=["to", "left_at"],
                condition=Q(left_at__isnull=False),
                name="message_left_for",
            ),
            models.Index(
                fields=["status", "id"],
                condition=Q(
                    status__in=(
                        "sending",
                        "unknown",
                        "undelivered",
                        "failed",
                        "suppressed",
                        "cancelled",
                        "missed",
                    )
                ),
                name="message_not_arrived",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Circuit(models.Model):
    """A channel whose provider takes nothing; there is none while it does.

    ``later``: it takes messages, and says afterwards why they could not leave. ``probe_after``
    (the database's clock) is when one is tried again.
    """

    channel = models.CharField(primary_key=True, max_length=4, choices=Channel.choices)
    code = models.CharField(max_length=40)
    later = models.BooleanField()
    probe_after = models.DateTimeField()
    opened_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.channel} {self.code}"


class Pause(models.Model):
    """A time in which staff let nothing of care leave."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="one_pause_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return str(self.at)


class Pace(models.Model):
    """From when on (the database's clock) a sender may text again."""

    sender = models.CharField(primary_key=True, max_length=40)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.sender


class OptOut(models.Model):
    """A number that wants no texts. The number counts, whoever of its household wrote."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phone = models.CharField(max_length=20)
    source = models.CharField(max_length=20)
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phone"], condition=Q(ended_at__isnull=True), name="one_opt_out_of_a_phone"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BadPhone(models.Model):
    """A number that takes no texts: a landline, or one that nobody has. Told by the provider.

    Of the number, not of who has it: another number of the same patient is not concerned.
    """

    phone = models.CharField(max_length=20, primary_key=True)
    code = models.CharField(max_length=10)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.code


class InboundQuerySet(models.QuerySet["InboundMessage"]):
    def visible_to(self, user: User) -> Self:
        """Staff read what people answer, physicians what calls for help; nobody else.

        Once somebody has helped, only physicians who have the patient in care read it.
        """
        if user.role == Role.PHYSICIAN:
            calls = WorkItem.objects.filter(kind="call_for_help", status=WorkItem.Status.OPEN)
            waits = Exists(calls.filter(patient_id=OuterRef("patient")))
            mine = Q(patient=None) | of_visible(user)
            return self.filter(mine | waits, meaning="crisis")
        return self.all() if user.role == Role.STAFF else self.none()


class InboundMessage(models.Model):
    """A text that came in, once; ``patient`` when the number is that of one patient alone.

    ``understood`` is what the provider took it for, if anything; ``meaning`` is empty until
    somebody has acted on it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.CharField(max_length=40, unique=True)
    sender = models.CharField(max_length=20)
    body = EncryptedText()
    understood = models.CharField(max_length=10, blank=True)
    meaning = models.CharField(max_length=10)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, null=True, related_name="+")
    received_at = models.DateTimeField()

    objects = InboundQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["received_at"], condition=Q(meaning=""), name="inbound_to_act_on")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ProviderEvent(models.Model):
    """What the provider said about a message, in whatever order and however often it said so."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.CharField(max_length=40)
    status = models.CharField(max_length=20)
    error_code = models.CharField(max_length=10, blank=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, null=True)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id", "status", "error_code"], name="said_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.status}"
