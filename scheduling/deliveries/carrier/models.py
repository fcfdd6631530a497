"""What a carrier said, each thing once of a parcel."""

from django.db import models
from django.db.models.functions import Now

from records.ids import uuid7
from scheduling.deliveries.models import Delivery


class CarrierEvent(models.Model):
    """A report, in whatever order and however often it came. Append-only, in rights and by trigger.

    ``carrier`` in upper case, ``code`` in lower case; ``adult_signature``: the carrier looked at
    the ID of ``signed_by``, who is 21 or older. ``body`` is what the carrier sent. ``delivery`` is
    empty where nobody knew the number when it came; heard later, it has another row. ``moved``: the
    parcel followed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    carrier = models.CharField(max_length=40)
    tracking = models.CharField(max_length=60)
    code = models.CharField(max_length=40)
    occurred_at = models.DateTimeField()
    signed_by = models.CharField(max_length=120, blank=True)
    adult_signature = models.BooleanField(default=False)
    reason = models.CharField(max_length=40, blank=True)
    body = models.TextField()
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, null=True, related_name="reports"
    )
    moved = models.BooleanField(default=False)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "tracking", "code", "occurred_at", "delivery"],
                nulls_distinct=False,
                name="a_carrier_reports_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tracking} {self.code}"
