"""Users, their roles and contacts, and the tokens of scripts."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Now, Upper
from phonenumber_field.modelfields import PhoneNumberField

from records.ids import uuid7


class Role(models.TextChoices):
    PATIENT = "patient", "patient"
    STAFF = "staff", "staff"
    PHYSICIAN = "physician", "physician"
    ADMINISTRATOR = "administrator", "administrator"


class UserManager(BaseUserManager["User"]):
    """Makes users; a patient has no password."""

    def create_user(self, *, role: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(role=role, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, *, email: str, password: str, **fields: Any) -> "User":
        """An administrator; ``manage.py createsuperuser`` calls it."""
        return self.create_user(
            role=Role.ADMINISTRATOR, email=email, password=password, is_superuser=True, **fields
        )


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who can sign in.

    ``email`` and ``phone`` (E.164) are unique only once verified: anyone may type anyone's
    contact, and must not learn from a refusal that it is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.CharField(max_length=20, choices=Role.choices)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    phone = PhoneNumberField(blank=True, region="US")
    phone_verified_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phone"],
                condition=models.Q(phone_verified_at__isnull=False),
                name="one_user_of_a_verified_phone",
            ),
            models.UniqueConstraint(
                Upper("email"),
                condition=~models.Q(role="patient"),
                name="one_colleague_of_an_email",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="role_is_known"),
        ]
        indexes = [
            models.Index(fields=["phone"], name="user_by_phone"),
            models.Index(Upper("email"), name="user_by_email"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_staff(self) -> bool:
        """Whether the admin opens: for administrators (Django's word, not our role staff)."""
        return self.role == Role.ADMINISTRATOR


class ApiToken(models.Model):
    """The bearer token of a script: only its hash is kept."""

    class Scope(models.TextChoices):
        READ = "read", "read"
        WRITE = "write", "write"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hash = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)
