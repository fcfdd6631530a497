"""Patients, their addresses and consents, what they answered, and who cares for them."""

from datetime import datetime, time, timedelta
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from phonenumber_field.modelfields import PhoneNumberField

from accounts.models import Role, User
from accounts.tokens import digest
from patients import questionnaire, service_area
from records.asking import asked
from records.crypto import EncryptedJson, EncryptedText
from records.ids import uuid7

EARLIEST, LATEST = time(8), time(20)  # the hours in which anybody is texted


class PatientQuerySet(models.QuerySet["Patient"]):
    def visible_to(self, user: User) -> Self:
        """Patients see themselves, physicians those in their care, staff all; others nobody.

        Who broke the glass sees that patient, too, while they only look.
        """
        if user.role == Role.PATIENT:
            return self.filter(user=user)
        if user.role == Role.STAFF:
            return self
        through_glass = Q(pk__in=list(glass_of(user)))
        if user.role == Role.PHYSICIAN:
            return self.filter(
                Exists(CareRelationship.objects.filter(patient=OuterRef("pk"), physician=user))
                | Exists(Assessment.objects.waiting().filter(patient=OuterRef("pk")))
                | through_glass
            )
        return self.filter(through_glass)


def of_visible(user: User, patient: str = "patient") -> Q:
    """Rows of patients whom a user sees. It is asked of each row, by its own patient: a query for
    a few rows reads nothing about others.
    """
    return Q(Exists(Patient.objects.visible_to(user).filter(pk=OuterRef(patient))))


class Patient(models.Model):
    """Somebody who is treated, or asks to be.

    ``phone`` (E.164) and ``email`` are where texts and mail go, texts from ``text_from`` to
    ``text_until``. The time zone is that of the current address. ``step`` and ``unmet_gates`` are
    what replan found last: lists are filtered by them, nothing is decided by them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="patient")
    first_name = models.CharField(max_length=60)
    last_name = models.CharField(max_length=60)
    date_of_birth = models.DateField()
    phone = PhoneNumberField(blank=True, region="US")
    email = models.EmailField(blank=True)
    address = models.OneToOneField(
        "Address", on_delete=models.PROTECT, related_name="current_for", null=True
    )
    text_from = models.TimeField(default=EARLIEST)
    text_until = models.TimeField(default=LATEST)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField(db_default=Now())
    replan_due_at = models.DateTimeField(null=True)
    replan_cause = models.UUIDField(null=True)
    step = models.CharField(max_length=20, blank=True)
    unmet_gates = ArrayField(models.CharField(max_length=40), default=list)
    version = models.PositiveIntegerField(default=1)

    objects = PatientQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(phone="") | ~models.Q(email=""), name="can_be_reached"
            ),
            models.CheckConstraint(
                condition=Q(text_from__gte=EARLIEST, text_until__lte=LATEST)
                & Q(text_from__lt=F("text_until")),
                name="texts_come_by_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["replan_due_at"],
                condition=models.Q(replan_due_at__isnull=False),
                name="patient_to_replan",
            ),
            models.Index(fields=["changed_at"], name="patient_changed"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def name(self) -> str:
        """First and last name, for colleagues."""
        return f"{self.first_name} {self.last_name}"

    def age(self, now: datetime) -> int:
        """In whole years, on the day where they live."""
        today, born = now.astimezone(ZoneInfo(self.time_zone)).date(), self.date_of_birth
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    @property
    def time_zone(self) -> str:
        """IANA, from the current address."""
        return self.address.time_zone if self.address else "America/New_York"


class Address(models.Model):
    """Where somebody lives, and what the county decides. Rows are never changed."""

    class Kind(models.TextChoices):
        FIRST = "first", "first"
        CORRECTION = "correction", "correction"
        MOVE = "move", "move"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="addresses")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    line1 = models.CharField(max_length=100)
    line2 = models.CharField(max_length=100, blank=True)
    city = models.CharField(max_length=60)
    state = models.CharField(max_length=2)
    postal_code = models.CharField(max_length=5)
    county = models.CharField(max_length=60, blank=True)
    time_zone = models.CharField(max_length=40)
    served = models.BooleanField()
    code = models.CharField(max_length=30)
    review = ArrayField(models.CharField(max_length=30), default=list)
    reason = EncryptedText(blank=True)
    since = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def where(self) -> str:
        """State and county as deliveries name them: ``FL Bay``."""
        return f"{self.state} {self.county}"


class ZipCode(models.Model):
    """A row of the ZIP table; `load_zips` writes it, `service_area` tells what it means."""

    postal_code = models.CharField(primary_key=True, max_length=5)
    state = models.CharField(max_length=2)
    city = models.CharField(max_length=60)
    cities = ArrayField(models.CharField(max_length=60))
    counties = ArrayField(models.CharField(max_length=60))
    time_zones = ArrayField(models.CharField(max_length=40))
    kind = models.CharField(max_length=12)
    active = models.BooleanField()
    flags = ArrayField(models.CharField(max_length=20))

    def __str__(self) -> str:
        return self.postal_code

    def as_zip(self) -> service_area.Zip:
        """The row as the pure rules take it."""
        return service_area.Zip(
            postal_code=self.postal_code,
            state=self.state,
            city=self.city,
            cities=tuple(self.cities),
            counties=tuple(self.counties),
            time_zones=tuple(self.time_zones),
            kind=self.kind,
            active=self.active,
            flags=tuple(self.flags),
        )


class LinkQuerySet(models.QuerySet["Link"]):
    def of_token(self, token: str, *, now: datetime) -> Self:
        """The one that holds this token, while it opens something."""
        return self.filter(secret=digest(token), expires_at__gt=now)


class Link(models.Model):
    """What one token lets its holder do, once, without signing in: one action on one thing.

    ``secret`` is the hash of the token; ``revision`` that of the thing when the link was sent.
    """

    class Action(models.TextChoices):
        STAY = "stay", "agree to stay with a patient"
        CONFIRM = "confirm", "confirm a consultation"
        RESCHEDULE = "reschedule", "move a consultation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    secret = models.CharField(max_length=64, unique=True)
    action = models.CharField(max_length=10, choices=Action.choices)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    about_id = models.UUIDField(db_index=True)
    revision = models.PositiveIntegerField(default=1)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = LinkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.action} {self.about_id}"


LINK_OPENS = timedelta(days=14)  # after somebody was named


class SupportPersonQuerySet(models.QuerySet["SupportPerson"]):
    def of_token(self, token: str, *, now: datetime) -> Self:
        """The one whose link holds this token: named last by the patient, and not long ago."""
        later = SupportPerson.objects.filter(patient=OuterRef("patient"), pk__gt=OuterRef("pk"))
        links = Link.objects.of_token(token, now=now).filter(action=Link.Action.STAY)
        return self.filter(~Exists(later), pk__in=links.values("about_id"))


class SupportPerson(models.Model):
    """An adult who stays with the patient during treatment at home; the latest one named counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="support_persons")
    name = models.CharField(max_length=120)
    date_of_birth = models.DateField()
    phone = PhoneNumberField(region="US")
    named_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    objects = SupportPersonQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


class AssessmentQuerySet(models.QuerySet["Assessment"]):
    def waiting(self) -> Self:
        """Those in the practice's queue."""
        return self.filter(status=Assessment.Status.SUBMITTED)

    def visible_to(self, user: User) -> Self:
        """Of submitted ones: patients see their own, staff all, physicians queue and own care.

        A draft is nobody's to see, but one that holds a crisis: a physician was told to call.
        """
        seen = of_visible(user) & ~Q(status=Assessment.Status.DRAFT)
        if user.role == Role.PHYSICIAN:
            seen |= Q(status=Assessment.Status.DRAFT, crisis=True)
        return self.filter(seen)


class Assessment(models.Model):
    """What somebody answered, verbatim, with the version of the questionnaire.

    ``crisis_answers`` are those that called for help: they stay and weigh, whatever is answered
    later. The flags are raised by software and weighed by a physician. Nothing here approves.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "draft"
        SUBMITTED = "submitted", "submitted"
        REVIEWED = "reviewed", "reviewed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=10, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, null=True, related_name="assessments"
    )
    secret = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField(default=questionnaire.VERSION)
    answers = EncryptedJson(default=dict)
    flags = ArrayField(models.CharField(max_length=12), default=list)
    urgency = models.PositiveSmallIntegerField(default=3)
    crisis = models.BooleanField(default=False)
    crisis_answers = EncryptedJson(default=dict)
    contact = EncryptedJson(default=dict)
    begun_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    channel = models.CharField(max_length=20)
    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="draft", patient__isnull=True, submitted_at__isnull=True)
                | models.Q(
                    status__in=("submitted", "reviewed"),
                    patient__isnull=False,
                    submitted_at__isnull=False,
                ),
                name="submitted_assessments_have_a_patient",
            ),
            models.CheckConstraint(
                condition=models.Q(urgency__in=(1, 2, 3)), name="urgency_is_1_2_or_3"
            ),
        ]
        indexes = [
            models.Index(
                fields=["urgency", "id"],
                condition=models.Q(status="submitted") | models.Q(status="draft", crisis=True),
                name="assessment_waits",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(status="reviewed"),
                name="assessment_reviewed",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reached_by(self) -> dict[str, str]:
        """How to reach who answered: also of a draft, which belongs to no patient yet."""
        who = self.patient
        return {"phone": str(who.phone), "email": who.email} if who else self.contact


class Consent(models.Model):
    """A consent given or withdrawn, with the version of its text. Append-only."""

    class Kind(models.TextChoices):
        PRIVACY = "privacy", "privacy notice"
        TELEHEALTH = "telehealth", "telehealth"
        SMS = "sms", "texts"
        # What follows an approval: what the treatment is and is not, and how it is kept safe.
        TREATMENT = "treatment", "treatment at home"
        SAFEKEEPING = "safekeeping", "safekeeping agreement"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    version = models.CharField(max_length=10)
    accepted = models.BooleanField()
    phone = PhoneNumberField(blank=True, region="US")
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    channel = models.CharField(max_length=20)
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["patient", "kind", "-id"], name="latest_consent_of_a_kind")]

    def __str__(self) -> str:
        return str(self.pk)


class CareRelationship(models.Model):
    """Which physician has a patient in care; booking writes it, it decides who sees whom."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="care")
    physician = models.ForeignKey(User, on_delete=models.PROTECT, related_name="care")
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "physician"], name="one_care_relationship_of_a_pair"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BrokenGlassQuerySet(models.QuerySet["BrokenGlass"]):
    def open_for(self, user: User) -> Self:
        """What lets a user look now, by the database's clock; `glass_of` asks for the role, too."""
        return self.filter(user=user, ends_at__gt=Now())


class BrokenGlass(models.Model):
    """Somebody looks, for an hour, at a patient who is not in their care, and says why.

    Append-only. Others review it (a work item of each). It outlives the patient's record.
    """

    LASTS = timedelta(hours=1)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, db_constraint=False, related_name="broken_glass"
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedText()
    at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(db_default=Now() + LASTS)

    objects = BrokenGlassQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["user", "ends_at"], name="glass_of_user")]

    def __str__(self) -> str:
        return str(self.pk)


def glass_of(user: User) -> dict[UUID, UUID]:
    """Patient → the break-glass by which a user sees them, in a request that only looks."""
    request = asked()
    if not request.looks or user.role not in (Role.PHYSICIAN, Role.ADMINISTRATOR):
        return {}
    if request.glass is None:
        rows = BrokenGlass.objects.open_for(user).order_by("pk")
        request.glass = dict(rows.values_list("patient", "pk"))
    return request.glass


class IdentityCheck(models.Model):
    """Somebody of the practice compared the patient with a photo document; no image is kept."""

    class Document(models.TextChoices):
        DRIVERS_LICENSE = "drivers_license", "driver's license"
        STATE_ID = "state_id", "state ID"
        PASSPORT = "passport", "passport"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identity_checks")
    document = models.CharField(max_length=20, choices=Document.choices)
    last4 = models.CharField(max_length=4)
    checked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    checked_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class ContactChange(models.Model):
    """Another telephone number or mail address, by the patient or for a caller. Append-only.

    Whoever has the ``old`` contact is told there.
    """

    class Kind(models.TextChoices):
        PHONE = "phone", "telephone number"
        EMAIL = "email", "e-mail address"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contact_changes")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    old = models.CharField(max_length=254, blank=True)
    new = models.CharField(max_length=254)
    reason = EncryptedText(blank=True)
    at = models.DateTimeField()
    changed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return str(self.pk)


class ClinicalHoldQuerySet(models.QuerySet["ClinicalHold"]):
    def visible_to(self, user: User) -> Self:
        """Physicians see those of patients in their care; why somebody is held is clinical."""
        if user.role in (Role.PATIENT, Role.STAFF):
            return self.none()
        return self.filter(of_visible(user))


class ClinicalHold(models.Model):
    """Treatment waits until a physician clears it; every gate but that of booking reads it."""

    class Reason(models.TextChoices):
        CRISIS = "crisis", "crisis answer"
        READING = "reading", "reading above the limits"
        CHECK_IN = "check_in", "unwell at the check-in"
        PHYSICIAN = "physician", "the physician's own"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="clinical_holds")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    about_id = models.UUIDField()
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    cleared_at = models.DateTimeField(null=True)
    cleared_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    note = EncryptedText(blank=True)

    objects = ClinicalHoldQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "reason", "about_id"],
                condition=Q(cleared_at__isnull=True),
                name="one_open_hold_about_a_thing",
            ),
            models.CheckConstraint(
                condition=Q(cleared_at__isnull=True, cleared_by__isnull=True)
                | Q(cleared_at__isnull=False, cleared_by__isnull=False),
                name="only_a_physician_clears_a_hold",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
