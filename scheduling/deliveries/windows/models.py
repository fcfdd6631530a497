"""Where and when parcels are brought: zones of counties, windows with capacity, days without."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from records.ids import uuid7
from scheduling.intervals import Interval


class DeliveryZone(models.Model):
    """Counties that share windows, whose hours are of ``time_zone``; who looks is told in his own.

    A parcel is shipped ``transit_days`` before its window, on one of ``ship_weekdays`` (Monday is
    0), and ordered until ``cutoff`` at the pharmacy on the business day before.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=40)
    pharmacy_time_zone = models.CharField(max_length=40, default="America/New_York")
    cutoff = models.TimeField(default="11:00")
    transit_days = models.PositiveSmallIntegerField(default=1)
    ship_weekdays = ArrayField(models.PositiveSmallIntegerField())

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ZoneCounty(models.Model):
    """A county belongs to one zone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    zone = models.ForeignKey(DeliveryZone, on_delete=models.CASCADE, related_name="counties")
    state = models.CharField(max_length=2)
    county = models.CharField(max_length=60)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state", "county"], name="one_zone_of_a_county")
        ]

    def __str__(self) -> str:
        return f"{self.county}, {self.state}"


class WindowTemplate(models.Model):
    """A window of every week; hours are of the zone's time zone, Monday is 0."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    zone = models.ForeignKey(DeliveryZone, on_delete=models.CASCADE, related_name="templates")
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()
    capacity = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="template_weekday_is_0_to_6"),
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes")), name="template_opens_before_it_closes"
            ),
            models.UniqueConstraint(
                fields=["zone", "weekday", "opens"], name="one_template_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens}"


class DeliveryWindow(models.Model):
    """A window on a day; instants in UTC. ``taken`` of ``capacity`` places are given away."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    zone = models.ForeignKey(DeliveryZone, on_delete=models.PROTECT, related_name="windows")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    ship_on = models.DateField()
    cutoff_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField()
    taken = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["starts", "id"]
        constraints = [
            models.UniqueConstraint(fields=["zone", "starts"], name="one_window_at_a_time"),
            models.CheckConstraint(
                condition=Q(taken__lte=F("capacity")), name="window_holds_its_capacity"
            ),
            models.CheckConstraint(
                condition=Q(starts__lt=F("ends"), cutoff_at__lt=F("starts")),
                name="window_closes_after_its_cutoff",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts}"

    @property
    def span(self) -> Interval:
        return Interval(self.starts, self.ends)


class Closure(models.Model):
    """Counties to which nothing is brought for a time: a storm, a strike. ``to`` is exclusive."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    counties = ArrayField(models.CharField(max_length=70))  # "FL Bay"
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=200)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-start"]
        constraints = [
            models.CheckConstraint(
                condition=Q(start__lt=F("end")), name="closure_starts_before_it_ends"
            )
        ]

    def __str__(self) -> str:
        return f"{self.start}"

    @property
    def span(self) -> Interval:
        return Interval(self.start, self.end)


class Holiday(models.Model):
    """A day on which the pharmacy does not ship, or nobody delivers."""

    class Effect(models.TextChoices):
        NO_SHIP = "no_ship", "nothing is shipped"
        NO_DELIVER = "no_deliver", "nothing is delivered"
        NEITHER = "neither", "nothing is shipped or delivered"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    day = models.DateField(unique=True)
    name = models.CharField(max_length=60)
    effect = models.CharField(max_length=10, choices=Effect.choices)

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day} {self.name}"
