"""What a carrier said, each thing once."""

from django.db import models
from django.db.models.functions import Now

from records.ids import uuid7
from scheduling.deliveries.models import Delivery


class CarrierEvent(models.Model):
    """A report, in whatever order and however often it came. Append-only, in rights and by trigger.

    ``body`` is what the carrier sent. ``delivery`` is empty where nobody knows the number.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    carrier = models.CharField(max_length=40)
    tracking = models.CharField(max_length=60)
    code = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    body = models.TextField()
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, null=True, related_name="reports"
    )
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "tracking", "code", "occurred_at"],
                name="a_carrier_reports_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tracking} {self.code}"
