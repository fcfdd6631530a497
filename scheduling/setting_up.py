"""What a practice still has to set up before its first patient, and what it had better do soon."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import COLLEAGUES, Practice, Role, User
from accounts.people.actions import invite
from accounts.practice import practice, set_up
from records.actor import Actor
from records.models import Rule
from records.refused import Refused
from scheduling import defaults
from scheduling.calendar.actions import add_licence, add_working_hours
from scheduling.calendar.models import Licence, Physician, WorkingHours
from scheduling.deliveries.windows.models import DeliveryWindow
from scheduling.prescriptions.actions import AUTHORITY
from scheduling.subscriptions.actions import local_day
from scheduling.subscriptions.models import Plan

SOON = timedelta(days=60)
STATES = {"FL": "Florida", "NJ": "New Jersey"}


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to set up. ``who`` does it: a role; ``must``: nobody can be treated without it."""

    key: str
    title: str
    detail: str
    who: str
    done: bool
    must: bool = True


def todos(now: datetime) -> list[Todo]:
    """Everything to set up, done or not, in the order in which one does it."""
    today = local_day(now, practice().time_zone)
    asked = {f"has_{name}": Exists(rows) for name, rows in _questions(today, now)}
    facts = User.objects.order_by().values(**asked).first() or {}
    return [
        Todo(key, title, detail, who, done=bool(facts.get(f"has_{key}")), must=must)
        for key, title, detail, who, must in LIST
    ]


def is_ready(now: datetime) -> bool:
    """Whether a patient can be treated from the first question to the door."""
    return all(todo.done for todo in todos(now) if todo.must)


def _questions(today: date, now: datetime) -> Iterator[tuple[str, QuerySet[Any]]]:
    working = Physician.objects.filter(is_active=True)
    licences = Licence.objects.filter(physician__is_active=True, expires_on__gte=today)
    people = User.objects.filter(is_active=True)
    rules = Rule.objects.filter(code=AUTHORITY, valid_from__lte=today)
    on_call = people.filter(role=Role.PHYSICIAN).exclude(phone="")
    admins = people.filter(role=Role.ADMINISTRATOR)
    second = admins.filter(Exists(admins.filter(pk__lt=OuterRef("pk"))))
    yield "practice", Practice.objects.all()
    yield "physician", working
    yield "hours", WorkingHours.objects.filter(physician__in=working)
    yield "licence", licences
    yield "on_call", on_call
    yield "plan", Plan.objects.filter(is_offered=True)
    yield "windows", DeliveryWindow.objects.filter(starts__gt=now)
    yield "rule", rules.filter(Q(valid_to=None) | Q(valid_to__gte=today))
    yield "rule_next", rules.filter(Q(valid_to=None) | Q(valid_to__gte=today + SOON))
    yield "staff", people.filter(role=Role.STAFF)
    yield "administrator", second
    for state in STATES:
        yield f"licence_{state.lower()}", licences.filter(state=state)


LIST = (
    ("practice", "Name the practice", "Its name and telephone stand in every text.", "staff", True),
    ("physician", "Invite a physician", "They set a password by a link.", "administrator", True),
    ("hours", "Enter working hours", "Without hours nobody can book.", "physician", True),
    ("licence", "Enter a license", "Only patients of its state can book.", "physician", True),
    (
        "on_call", "Enter a physician's telephone",
        "Calls for help page the physicians by text.", "administrator", True,
    ),
    ("plan", "Offer a plan", "From $250 a month.", "staff", True),
    (
        "windows", "Open delivery windows",
        "They open by themselves each night, four weeks ahead.", "staff", True,
    ),
    (
        "rule", "Enter the federal rule for prescribing by telemedicine",
        "Without it no prescription can be recorded.", "physician", True,
    ),
    (
        "rule_next", "Enter the next row of the federal rule",
        "The one in force ends within 60 days; after that no prescription can be recorded.",
        "physician", False,
    ),
    ("licence_fl", "Enter a license for Florida", "Or nobody there can book.", "physician", False),
    (
        "licence_nj", "Enter a license for New Jersey", "Or nobody there can book.",
        "physician", False,
    ),
    ("staff", "Invite staff", "They act for callers and track parcels.", "administrator", False),
    (
        "administrator", "Invite a second administrator",
        "What one does alone, such as opening a record, nobody else can review.",
        "administrator", False,
    ),
)  # fmt: skip


@transaction.atomic
def begin(
    *,
    practice: Mapping[str, str],
    owner: Mapping[str, str],
    physician: Mapping[str, str],
    hours: Iterable[tuple[int, time, time]],
    licences: Iterable[Mapping[str, Any]],
    join_url: str,
    now: datetime,
) -> Physician:
    """A new practice: its name, an administrator, an invited physician with hours and licences.

    The physician's calendar offers nothing before they have joined by the link of a mail. Raises
    `Refused`, and ``wrong_state`` where somebody works already.
    """
    if User.objects.filter(role__in=COLLEAGUES).exists():
        raise Refused("wrong_state", "Somebody works here already: sign in, and go on there.")
    if owner["email"].lower() == physician["email"].lower():
        raise Refused("contact_taken", "The physician needs an address of their own.")
    try:
        validate_password(owner["password"])
    except ValidationError as error:
        raise Refused("invalid", " ".join(error.messages), pointer="/password") from error
    defaults.load()
    admin = User.objects.create_superuser(**owner)
    by = Actor(role=admin.role, user_id=admin.pk, channel="command")
    set_up(**practice, by=by, now=now)
    link = invite(role=Role.PHYSICIAN, **physician, by=by, now=now)
    row = Physician.objects.create(
        user=link.user,
        name=link.user.name,
        time_zone=practice["time_zone"],
        join_url=join_url,
        is_active=False,
    )
    for weekday, opens, closes in hours:
        add_working_hours(
            physician=row, weekday=weekday, opens=opens, closes=closes, by=by, now=now
        )
    for licence in licences:
        add_licence(physician=row, **licence, by=by, now=now)
    return row
