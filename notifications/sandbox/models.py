"""What the stand-in keeps: texts and mails both ways, faults to play, numbers that said stop."""

from django.db import models
from django.db.models.functions import Now


class SandboxMessage(models.Model):
    """A text or a mail that went through the stand-in; times are real time.

    ``validity_period``: seconds that a text may wait in the queue, as it was asked for.
    """

    sid = models.CharField(max_length=34, unique=True)
    channel = models.CharField(max_length=4, default="sms")
    direction = models.CharField(max_length=15, default="outbound-api")
    sender = models.CharField(max_length=254)
    to = models.CharField(max_length=254, db_index=True)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    status = models.CharField(max_length=15)
    error_code = models.IntegerField(null=True)
    callback = models.TextField(blank=True)
    service = models.CharField(max_length=34, blank=True)
    validity_period = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.sid


class SandboxFault(models.Model):
    """Something that goes wrong the next ``count`` times, with texts to ``to`` or to anybody.

    Where ``percent`` is below 100, only so often, by chance.
    """

    kind = models.CharField(max_length=30)
    count = models.PositiveIntegerField()
    percent = models.PositiveSmallIntegerField(default=100)
    to = models.CharField(max_length=20, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} × {self.count}"


class SandboxBlock(models.Model):
    """A number that said stop: like Twilio, the stand-in takes no more texts for it."""

    phone = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.phone
