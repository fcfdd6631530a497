"""Users, their roles and contacts, and the tokens of scripts."""

from typing import Any, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Now, Upper
from django.utils.crypto import salted_hmac
from phonenumber_field.modelfields import PhoneNumberField

from records.ids import uuid7


class Role(models.TextChoices):
    PATIENT = "patient", "patient"
    STAFF = "staff", "staff"
    PHYSICIAN = "physician", "physician"
    ADMINISTRATOR = "administrator", "administrator"


COLLEAGUES = (Role.STAFF, Role.PHYSICIAN, Role.ADMINISTRATOR)


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
    contact, and must not learn from a refusal that it is known. ``epoch`` grows whenever every
    session that is open must end, and nothing else tells it. ``is_on_call``: of physicians, paged
    first about what is urgent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.CharField(max_length=20, choices=Role.choices)
    name = models.CharField(max_length=120)
    email = models.EmailField(blank=True)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    phone = PhoneNumberField(blank=True, region="US")
    phone_verified_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_on_call = models.BooleanField(default=False, db_default=False)
    epoch = models.PositiveIntegerField(default=0, db_default=0)
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

    @property
    def is_colleague(self) -> bool:
        """Whether they work here, and so need a second factor."""
        return self.role != Role.PATIENT

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """What a session holds since it began: with any of this changed, it is over."""
        facts = (self.password, self.role, self.email, str(self.phone), str(self.epoch))
        salt = "hearth.accounts.User.session"
        return salted_hmac(salt, "\n".join(facts), secret=secret, algorithm="sha256").hexdigest()


class ApiToken(models.Model):
    """The bearer token of a script: only its hash is kept."""

    class Scope(models.TextChoices):
        READ = "read", "read"
        WRITE = "write", "write"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60, blank=True, default="", db_default="")
    hash = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.pk)


class PasswordLinkQuerySet(models.QuerySet["PasswordLink"]):
    def open(self) -> Self:
        """Those that work still, in real time."""
        return self.filter(used_at=None, withdrawn_at=None, expires_at__gt=Now())


class PasswordLink(models.Model):
    """A link by which a colleague sets a password, once: to join, or when they forgot theirs.

    ``secret`` is the hash of the token that the last mail holds; there is none before it leaves.
    """

    class Kind(models.TextChoices):
        JOIN = "join", "join the practice"
        FORGOTTEN = "forgotten", "set another password"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="links")
    secret = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = PasswordLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


class SentCode(models.Model):
    """A code that proves a contact, or who asks: its keyed hash, and how often it may be tried.

    Of several for one purpose the latest counts.
    """

    class Purpose(models.TextChoices):
        PHONE = "phone", "another telephone number"
        EMAIL = "email", "another e-mail address"
        AGAIN = "again", "who is signed in shows that it is them"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="codes")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    to = models.CharField(max_length=254)
    hash = models.CharField(max_length=64)
    tries_left = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["user", "purpose", "-id"], name="latest_code_of_a_purpose")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class Practice(models.Model):
    """Whose practice this is; the latest row counts, and none is changed.

    ``name`` stands in every text: plain letters, and nothing of what kind of care it is. ``phone``
    (E.164) is what people call. Reports of a day come by ``time_zone`` (IANA).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=20)
    phone = PhoneNumberField(region="US")
    time_zone = models.CharField(max_length=40)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
