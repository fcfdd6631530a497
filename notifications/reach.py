"""Which way leads to somebody now: a text, else mail; and what a human must say instead."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from accounts.models import User
from notifications import policy
from notifications.models import BadPhone, Channel, Message, OptOut, Status
from notifications.moving import change
from notifications.quiet_hours import Hours
from notifications.texts import spoken_time
from patients.models import Consent, Patient
from records.actor import sweep
from records.events import raise_work_item
from records.models import WorkItem
from records.work import settle

CALLS = {
    "patient": ("call_patient", "A message did not reach this patient: please call."),
    "support_person": (
        "call_support_person",
        "A message did not reach the person who stays with this patient: please call.",
    ),
    "physician": ("call_physician", "An urgent alert did not get through: call the physician now."),
}
TAKES_NONE = """
    SELECT FROM notifications_optout WHERE phone = %s AND ended_at IS NULL
    UNION ALL SELECT FROM notifications_badphone WHERE phone = %s"""

NOT_TOLD = (Status.UNDELIVERED, Status.FAILED, Status.SUPPRESSED, Status.MISSED)


def lock_phone(to: str) -> None:
    """The last lock of all: who asks whether a number may be texted, and who says that not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [to])


def has_opted_out(phone: str) -> bool:
    """Whether this number wants no texts."""
    return OptOut.objects.filter(phone=phone, ended_at__isnull=True).exists()


def takes_texts(phone: str) -> bool:
    """Whether a number is wanted and able to get texts, as far as anybody told us."""
    with connection.cursor() as cursor:
        cursor.execute(TAKES_NONE, [phone, phone])
        return cursor.fetchone() is None


@transaction.atomic
def flag_phone(phone: str, code: str, *, now: datetime) -> None:
    """This number takes no texts: what waits for it goes by mail, where there is one."""
    BadPhone.objects.get_or_create(phone=phone, defaults={"code": code, "at": now})
    point_all(phone)


def way_of(message: Message) -> tuple[str, str] | None:
    """The channel and the address for a message's reader now; None when there is no way."""
    if policy.OF_KIND[message.kind].by_mail:
        return mail_of(message)
    friend = message.support_person
    if friend:
        phone = str(friend.phone)
        return (Channel.SMS, phone) if takes_texts(phone) else None
    return way_to(message.patient or message.user)


def mail_of(message: Message) -> tuple[str, str] | None:
    """Mail to a message's reader; None for who stays with a patient, and without an address."""
    person = None if message.support_person_id else message.patient or message.user
    return (Channel.MAIL, person.email) if person and person.email else None


def hours_of(patient: Patient, reader: str) -> Hours:
    """When a text of a patient's care may leave to its reader, all of them where they live.

    Only the patient has said in which hours.
    """
    zone = patient.address.time_zone if patient.address else ""
    if reader != policy.PATIENT:
        return Hours(zone)
    return Hours(zone, patient.text_from, patient.text_until)


def hours_for(message: Message) -> Hours | None:
    """The hours that a message keeps to; None for one that leaves at any."""
    if message.patient is None or message.kind in policy.ANY_HOUR:
        return None
    return hours_of(message.patient, policy.OF_KIND[message.kind].reader)


def way_to(person: Patient | User | None) -> tuple[str, str] | None:
    """The channel and the address for a message to somebody now; None when there is no way.

    Patients are texted when their latest word about texts to this number is yes, others unless
    they opted out.
    """
    if person is None:
        return None
    phone = str(person.phone)
    if phone and takes_texts(phone) and (isinstance(person, User) or agreed(person, phone)):
        return Channel.SMS, phone
    return (Channel.MAIL, person.email) if person.email else None


def ways_to(user: User) -> list[tuple[str, str]]:
    """Every way to a colleague, for what must not wait for one of them."""
    phone = str(user.phone)
    by_text = [(str(Channel.SMS), phone)] if phone and takes_texts(phone) else []
    return by_text + ([(str(Channel.MAIL), user.email)] if user.email else [])


def agreed(patient: Patient, phone: str) -> bool:
    """Whether the latest word of a patient about texts to this number is yes."""
    latest = Consent.objects.filter(patient=patient, kind=Consent.Kind.SMS).order_by("-pk").first()
    return latest is not None and latest.accepted and str(latest.phone) == phone


def point(message: Message) -> bool:
    """Point a message to where its reader may be reached now; False when nowhere."""
    way = way_of(message)
    if way and way != (message.channel, message.to):
        change(message, channel=way[0], to=way[1])
    return way is not None


@transaction.atomic
def point_all(phone: str) -> None:
    """What waits to be texted to this number is pointed elsewhere, where there is a way.

    Where there is none it goes on waiting: until it is due there may be one.
    """
    rows = Message.objects.filter(to=phone, channel=Channel.SMS, status=Status.PENDING)
    rows = rows.exclude(kind__in=policy.AS_WRITTEN)
    rows = rows.select_related("patient", "user", "support_person").select_for_update(of=("self",))
    for message in rows.order_by("pk"):
        point(message)


def reader_of(message: Message) -> str:
    """Who is called in place of a message: a key of `CALLS`."""
    if message.support_person_id:
        return "support_person"
    return "patient" if message.patient_id else "physician"


def ask_to_call(message: Message, *, now: datetime) -> None:
    """A human tells what a message did not, while it still helps; asked once for each object.

    Nobody is asked about a code: who waits for it asks for another one; nor about an answer to a
    call for help: who wrote it is called anyway.
    """
    until = policy.helps_until(message.kind, message.not_after)
    if now >= until or not policy.needs_a_call(message.kind):
        return
    kind, detail = CALLS[reader_of(message)]
    if message.patient:
        detail += f" It helps until {spoken_time(until, message.patient.time_zone)}."
    _ask_staff(kind, message, detail, now)


def ask_to_correct(message: Message, *, now: datetime) -> None:
    """Somebody was told what is not true, and a human puts it right; nothing else closes this."""
    detail = "A message that we had taken back arrived, and is not true: please call."
    _ask_staff("call_to_correct", message, detail, now)


def _ask_staff(kind: str, message: Message, detail: str, now: datetime) -> None:
    raise_work_item(
        kind,
        (message.about_kind, message.about_id),
        detail=detail,
        urgency=WorkItem.Urgency.TODAY if message.patient_id else WorkItem.Urgency.NOW,
        for_role="staff",
        by=sweep(),
        now=now,
        patient_id=message.patient_id,
    )


def needs_no_call(message: Message, *, now: datetime) -> None:
    """It arrived: the call in its place is closed, unless something else about the same was lost.

    That to a physician stays: whether they open what it is about, decides.
    """
    family = Q(pk=message.pk) | Q(pk=message.parent_id) | Q(parent=message)
    about = Message.objects.filter(about_id=message.about_id, status__in=NOT_TOLD)
    if message.patient_id and not about.exclude(family).exists():
        kind, _ = CALLS[reader_of(message)]
        settle(kind, message.about_id, note="The message arrived.", by=sweep(), now=now)
