"""What staff do about messages: call one off, send one again, write down who wants none."""

from datetime import datetime

from django.db import transaction

from accounts.phones import us_number
from notifications.again import write_again
from notifications.incoming import opt_out
from notifications.models import Message, OptOut, Status
from notifications.moving import CALLED_OFF, move
from notifications.reach import agreed, has_opted_out, lock_phone
from patients.actions import lock_patient
from patients.models import Patient
from records import hints
from records.actor import Actor
from records.events import record
from records.refused import Refused


@transaction.atomic
def cancel(*, message: Message, by: Actor, now: datetime, version: int | None = None) -> Message:
    """Call a message off that has not left; raises `Refused` ``wrong_state``, ``stale``."""
    locked = _lock(message, version)
    if locked.status != Status.PENDING:
        raise Refused("wrong_state", "Only what still waits can be called off.")
    move(locked, Status.CANCELLED, CALLED_OFF, secret="")
    record("message.cancelled", locked, by=by, now=now, patient_id=locked.patient_id)
    return locked


@transaction.atomic
def resend(*, message: Message, by: Actor, now: datetime, version: int | None = None) -> Message:
    """Send a message again, as a new row; raises what `write_again` refuses, and ``stale``."""
    locked = _lock(message, version)
    again = write_again(locked, cause=by.cause, wanted_at=now, now=now)
    record("message.resent", again, by=by, now=now, patient_id=again.patient_id)
    hints.wake("notifications.send_due")
    return again


@transaction.atomic
def refuse_texts(*, patient: Patient, source: str, phone: str, by: Actor, now: datetime) -> str:
    """Somebody said that they want no texts, otherwise than by text; returns the number.

    ``phone`` is theirs, unless another one is given. Raises `Refused` ``not_us_number``,
    ``contact_required``.
    """
    number = _number(lock_patient(patient.pk), phone)
    opt_out(phone=number, source=source, now=now)
    record("texts.refused", patient, by=by, now=now, patient_id=patient.pk, source=source)
    return number


@transaction.atomic
def allow_texts(*, patient: Patient, by: Actor, now: datetime) -> None:
    """End the opt-out of a patient's number; raises `Refused` ``consent_required``.

    The consent must be later than the opt-out: whoever said no says yes first.
    """
    locked = lock_patient(patient.pk)
    number = str(locked.phone)
    lock_phone(number)
    if not has_opted_out(number):
        return
    refused = OptOut.objects.get(phone=number, ended_at=None)
    later = locked.consents.filter(kind="sms", at__gte=refused.at)
    if not (agreed(locked, number) and later.exists()):
        raise Refused("consent_required", "Write down first that they want texts again, and when.")
    OptOut.objects.filter(pk=refused.pk).update(ended_at=now)
    record("texts.allowed", locked, by=by, now=now, patient_id=locked.pk)


def _number(patient: Patient, phone: str) -> str:
    if not phone and not patient.phone:
        raise Refused("contact_required", "Which number? This patient has none.", pointer="/phone")
    number = us_number(phone) if phone else str(patient.phone)
    if number is None:
        detail = "Please use a telephone number in the United States."
        raise Refused("not_us_number", detail, pointer="/phone")
    return number


def _lock(message: Message, version: int | None) -> Message:
    if message.patient_id:
        lock_patient(message.patient_id)
    locked = Message.objects.select_for_update().get(pk=message.pk)
    if version is not None and version != locked.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return locked
