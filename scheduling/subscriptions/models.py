"""Plans, from $250 a month."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

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
