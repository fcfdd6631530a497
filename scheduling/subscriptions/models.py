"""Plans, from $250 a month, who subscribed to which, and the months that are paid."""

from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import User
from patients.models import Patient, of_visible
from records.ids import uuid7

LOWEST_PRICE = Decimal("250.00")


class Plan(models.Model):
    """What a month contains, and what it costs."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60, unique=True)
    monthly_price = models.DecimalField(max_digits=8, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")
    sessions_per_month = models.PositiveSmallIntegerField()
    deliveries_per_month = models.PositiveSmallIntegerField()
    is_offered = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(monthly_price__gte=LOWEST_PRICE), name="plans_start_at_250"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Status(models.TextChoices):
    ACTIVE = "active", "active"
    PAST_DUE = "past_due", "past due"
    PAUSED = "paused", "paused"
    CANCELLED = "cancelled", "cancelled"


TRANSITIONS: dict[str, set[str]] = {
    Status.ACTIVE: {Status.PAST_DUE, Status.PAUSED, Status.CANCELLED},
    Status.PAST_DUE: {Status.ACTIVE, Status.PAUSED, Status.CANCELLED},
    Status.PAUSED: {Status.ACTIVE, Status.CANCELLED},
    Status.CANCELLED: set(),
}


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def visible_to(self, user: User) -> Self:
        """Patients see their own, staff all, physicians those of their patients."""
        return self.filter(of_visible(user))


class Subscription(models.Model):
    """A patient's plan, month by month; dates are days where the patient lives.

    Every month starts whole months after ``anchor_on``. ``ends_on`` is the first day that is not
    billed any more. ``pause_requested_at``: it pauses as soon as the parcel under way is resolved.
    """

    class Ending(models.TextChoices):
        WISH = "wish", "by wish"
        MOVED = "moved", "moved out of the area"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=10, unique=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    started_at = models.DateTimeField()
    anchor_on = models.DateField()
    pause_requested_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_until = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    ending = models.CharField(max_length=5, choices=Ending.choices, blank=True)
    cancelled_at = models.DateTimeField(null=True)
    channel = models.CharField(max_length=20)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=~Q(status="cancelled"),
                name="one_living_subscription_of_a_patient",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="subscription_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status="paused", paused_at__isnull=False)
                | ~Q(status="paused") & Q(paused_at__isnull=True),
                name="subscription_paused_says_when",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | ~Q(status="cancelled") & Q(cancelled_at__isnull=True),
                name="subscription_cancelled_says_when",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True, ending="")
                | Q(ends_on__isnull=False) & ~Q(ending=""),
                name="subscription_says_why_it_ends",
            ),
        ]
        indexes = [models.Index(fields=["changed_at"], name="subscription_changed")]

    def __str__(self) -> str:
        return self.reference


class PeriodStatus(models.TextChoices):
    OPEN = "open", "to be paid"
    PAID = "paid", "paid"
    VOID = "void", "void"


class BillingPeriod(models.Model):
    """A month of a subscription: from ``starts_on`` up to, but not including, ``ends_on``.

    ``built_on_at``: something was packed on the strength of its payment. Paid late, it began on the
    day of payment: ``moved_from`` says when it should have begun, after which ``anchor_was``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="periods")
    number = models.PositiveIntegerField()
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    starts_on = models.DateField()
    ends_on = models.DateField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=4, choices=PeriodStatus.choices, default=PeriodStatus.OPEN)
    opened_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    paid_reference = models.CharField(max_length=60, blank=True)
    moved_from = models.DateField(null=True)
    anchor_was = models.DateField(null=True)
    built_on_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "number"], name="one_period_of_a_number"
            ),
            models.CheckConstraint(
                condition=Q(starts_on__lt=F("ends_on")), name="period_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(price__gte=LOWEST_PRICE), name="periods_cost_250_or_more"
            ),
            models.CheckConstraint(
                condition=Q(status="paid", paid_at__isnull=False)
                | Q(status__in=("open", "void"), paid_at__isnull=True),
                name="period_paid_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.number}"
