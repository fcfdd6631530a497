"""Deliveries, and who had them in hand."""

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Now

from accounts.models import User
from patients.models import Address, Patient, of_visible
from records.ids import uuid7
from scheduling.deliveries.windows.models import Closure, DeliveryWindow
from scheduling.prescriptions.models import Prescription
from scheduling.subscriptions.models import BillingPeriod


class Status(models.TextChoices):
    AWAITING_WINDOW = "awaiting_window", "waiting for a window"
    SCHEDULED = "scheduled", "scheduled"
    PACKED = "packed", "packed"
    DISPATCHED = "dispatched", "dispatched"
    OUT_FOR_DELIVERY = "out_for_delivery", "out for delivery"
    DELIVERED = "delivered", "delivered"
    ATTEMPTED = "attempted", "attempted"
    DELIVERED_UNVERIFIED = "delivered_unverified", "delivered, to whom is not verified"
    HELD = "held", "held"
    RETURNING = "returning", "on its way back"
    RETURNED = "returned", "returned"
    INVESTIGATING = "investigating", "being looked for"
    LOST = "lost", "lost"
    CANCELLED = "cancelled", "cancelled"


TRANSITIONS: dict[str, set[str]] = {
    Status.AWAITING_WINDOW: {Status.SCHEDULED, Status.HELD, Status.CANCELLED},
    Status.SCHEDULED: {
        Status.SCHEDULED, Status.AWAITING_WINDOW, Status.PACKED, Status.HELD, Status.CANCELLED,
    },
    Status.PACKED: {Status.DISPATCHED, Status.HELD, Status.RETURNING},
    Status.DISPATCHED: {
        Status.OUT_FOR_DELIVERY, Status.ATTEMPTED, Status.RETURNING, Status.INVESTIGATING,
    },
    Status.OUT_FOR_DELIVERY: {
        Status.DELIVERED, Status.DELIVERED_UNVERIFIED, Status.ATTEMPTED, Status.RETURNING,
        Status.INVESTIGATING,
    },
    Status.ATTEMPTED: {
        Status.OUT_FOR_DELIVERY, Status.HELD, Status.RETURNING, Status.INVESTIGATING,
    },
    Status.DELIVERED_UNVERIFIED: {Status.DELIVERED, Status.INVESTIGATING},
    Status.HELD: {
        Status.AWAITING_WINDOW, Status.PACKED, Status.ATTEMPTED, Status.RETURNING,
        Status.CANCELLED,
    },
    Status.RETURNING: {Status.RETURNED, Status.INVESTIGATING},
    Status.INVESTIGATING: {Status.DISPATCHED, Status.DELIVERED, Status.RETURNING, Status.LOST},
    Status.DELIVERED: set(),
    Status.RETURNED: set(),
    Status.LOST: set(),
    Status.CANCELLED: set(),
}  # fmt: skip
OVER = (Status.DELIVERED, Status.RETURNED, Status.LOST, Status.CANCELLED)
AT_THE_PHARMACY = (Status.AWAITING_WINDOW, Status.SCHEDULED)  # nothing was packed yet
UNDER_WAY = (
    Status.PACKED, Status.DISPATCHED, Status.OUT_FOR_DELIVERY, Status.ATTEMPTED,
    Status.DELIVERED_UNVERIFIED, Status.RETURNING, Status.INVESTIGATING,
)  # fmt: skip
# What does not go its way: staff look at it.
EXCEPTIONS = (
    Status.ATTEMPTED, Status.DELIVERED_UNVERIFIED, Status.HELD, Status.RETURNING,
    Status.INVESTIGATING,
)  # fmt: skip
HAS_WINDOW = (Status.SCHEDULED, Status.PACKED, Status.DISPATCHED, Status.OUT_FOR_DELIVERY)
# What was recorded wrongly is put back to this, as long as nothing was built on it.
CORRECTIONS: dict[str, str] = {
    Status.DELIVERED: Status.OUT_FOR_DELIVERY,
    Status.DELIVERED_UNVERIFIED: Status.OUT_FOR_DELIVERY,
    Status.ATTEMPTED: Status.OUT_FOR_DELIVERY,
}


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, staff all, physicians those of their patients."""
        return self.filter(of_visible(user))

    def met_by(self, closure: Closure) -> Self:
        """Open ones whose window a closure meets, the soonest first."""
        rows = self.exclude(status__in=OVER).in_counties(closure.counties)
        rows = rows.filter(window__starts__lt=closure.end, window__ends__gt=closure.start)
        return rows.select_related("window").order_by("window__starts", "pk")

    def in_counties(self, counties: Iterable[str]) -> Self:
        """Of patients who live in one of these counties (``FL Bay``)."""
        county = Concat("patient__address__state", Value(" "), "patient__address__county")
        return self.annotate(lives_in=county).filter(lives_in__in=list(counties))

    def with_people(self) -> Self:
        """With all that its answer needs."""
        return self.select_related("patient__address", "address", "window", "period")


class Delivery(models.Model):
    """One parcel of a paid month, from the choice of a window to the door.

    ``address`` is a row that never changes: where it goes was decided when it was packed.
    ``choose_by``: from then on the patient is reminded to choose. ``no_signer_at``: since then
    staff look for an adult, or a place, as nobody of 21 is at home. ``built_on_at``: a session was
    held with what it brought.
    """

    class Relation(models.TextChoices):
        PATIENT = "patient", "the patient"
        SIGNER = "signer", "the adult who was named"
        HOUSEHOLD = "household", "an adult of the household"
        NEIGHBOR = "neighbor", "a neighbor"
        OTHER = "other", "somebody else"

    class Failure(models.TextChoices):
        NO_ADULT = "no_adult", "no adult was there"
        UNDERAGE_SIGNER = "underage_signer", "only somebody under 21 was there"
        NO_ID = "no_id", "no photo ID was shown"
        IDENTITY_MISMATCH = "identity_mismatch", "the ID was somebody else's"
        REFUSED = "refused", "it was refused"
        WRONG_ADDRESS = "wrong_address", "the address was wrong"
        MOVED = "moved", "the patient has moved"
        ACCESS = "access", "the door could not be reached"
        UNSAFE = "unsafe", "it was not safe"
        WEATHER = "weather", "the weather"
        CARRIER_DELAY = "carrier_delay", "the carrier was late"
        DAMAGED = "damaged", "it was damaged"
        NOT_TOLD = "not_told", "the carrier does not say why"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=10, unique=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="deliveries")
    period = models.ForeignKey(BillingPeriod, on_delete=models.PROTECT, related_name="deliveries")
    number = models.PositiveSmallIntegerField()
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.AWAITING_WINDOW)
    created_at = models.DateTimeField()
    choose_by = models.DateTimeField()
    no_signer_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    window = models.ForeignKey(
        DeliveryWindow, on_delete=models.PROTECT, null=True, related_name="deliveries"
    )
    address = models.ForeignKey(Address, on_delete=models.PROTECT, null=True, related_name="+")
    signer_name = models.CharField(max_length=120, blank=True)
    signer_date_of_birth = models.DateField(null=True)
    prescription = models.ForeignKey(
        Prescription, on_delete=models.PROTECT, null=True, related_name="deliveries"
    )
    packed_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    carrier = models.CharField(max_length=40, blank=True)
    tracking = models.CharField(max_length=60, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(max_length=20, choices=Failure.choices, blank=True)
    held_because = models.CharField(max_length=30, blank=True)
    signed_by = models.CharField(max_length=120, blank=True)
    relation = models.CharField(max_length=10, choices=Relation.choices, blank=True)
    built_on_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="delivery_status_is_known"
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=~Q(status__in=[str(s) for s in OVER]),
                name="one_open_delivery_of_a_patient",
            ),
            models.UniqueConstraint(
                fields=["period", "number"],
                condition=~Q(status="cancelled"),
                name="one_delivery_of_a_number",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[str(s) for s in HAS_WINDOW])
                | Q(window__isnull=False, signer_date_of_birth__isnull=False),
                name="scheduled_deliveries_have_a_window",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=("awaiting_window", "cancelled")) | Q(window__isnull=True),
                name="who_awaits_a_window_has_none",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[str(s) for s in (*UNDER_WAY, Status.DELIVERED)])
                | Q(packed_at__isnull=False, prescription__isnull=False, address__isnull=False),
                name="packed_deliveries_have_a_prescription",
            ),
            models.CheckConstraint(
                condition=Q(status="delivered", delivered_at__isnull=False)
                | ~Q(status="delivered") & Q(delivered_at__isnull=True),
                name="delivered_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["changed_at"], name="delivery_changed"),
            models.Index(fields=["patient", "id"], name="delivery_of_patient"),
            models.Index(fields=["status", "id"], name="delivery_by_status"),
            models.Index(
                fields=["delivered_at"],
                condition=Q(delivered_at__isnull=False),
                name="delivery_delivered",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class CustodyEvent(models.Model):
    """Who had the parcel, and what happened to it. Append-only, in rights and by trigger."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="custody")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=20)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    role = models.CharField(max_length=20)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="custody_events_are_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.number}"
