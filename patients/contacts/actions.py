"""Every write about how a patient is reached: what proves it, what ends by it, who is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.codes import draw_code, try_code
from accounts.models import Role, SentCode, User
from accounts.people.actions import end_sessions, remove_factors
from accounts.sessions import has_factor
from patients.actions import keep_changes, lock_patient, phone_of
from patients.gates import NOT_JUST_IDENTIFIED
from patients.models import ContactChange, IdentityCheck, Patient
from records.actor import Actor
from records.events import raise_work_item, record
from records.gates import pass_gates
from records.models import WorkItem
from records.refused import Refused

IDENTIFIED_FOR = timedelta(hours=24)
Kind = ContactChange.Kind


@transaction.atomic
def ask_for_code(*, patient: Patient, kind: str, new: str, by: Actor, now: datetime) -> None:
    """Send a code to a new contact of a patient.

    Where somebody else has proved it to be theirs, nothing is sent and the answer is the same;
    staff look at it. Raises `Refused` ``not_us_number``, ``over_budget``.
    """
    to = phone_of(new, at="/phone") if kind == Kind.PHONE else new.lower()
    code = draw_code(patient.user, kind, to=to)
    if _is_taken(kind, to, patient.user):
        _ask_staff(patient, by=by, now=now)
    else:
        get_adapter().send_code(patient.user, to=to, code=code)


@transaction.atomic
def confirm(*, patient: Patient, kind: str, code: str, by: Actor, now: datetime) -> bool:
    """The new contact is theirs; False for a wrong code, which counts as a try."""
    lock_patient(patient.pk)  # before the user, as everywhere
    to = try_code(patient.user, kind, code)
    if to is None or _is_taken(kind, to, patient.user):
        return False
    try:
        with transaction.atomic():
            _change(patient, kind, to, is_proven=True, by=by, now=now)
    except IntegrityError:  # somebody else proved the same number in this moment
        return False
    return True


@transaction.atomic
def change_for_caller(
    *, patient: Patient, contacts: Mapping[str, str], reason: str, by: Actor, now: datetime
) -> Patient:
    """Staff write down new contacts of somebody whom a colleague has just seen with a photo ID.

    They are not proven by that: the next sign-in does it. What is in a lost telephone opens nothing
    any more, also where the number stays. Raises `Refused` ``gate_unmet``, ``contact_taken``,
    ``not_us_number``.
    """
    locked = lock_patient(patient.pk)
    checks = IdentityCheck.objects.filter(patient=locked, checked_at__gt=now - IDENTIFIED_FOR)
    pass_gates([] if checks.exists() else [NOT_JUST_IDENTIFIED])
    for kind, new in contacts.items():
        to = phone_of(new, at="/phone") if kind == Kind.PHONE else new.lower()
        if _is_taken(kind, to, locked.user):
            raise Refused("contact_taken", "Somebody else has proved this contact to be theirs.")
        _change(locked, kind, to, is_proven=False, by=by, now=now, reason=reason)
    end_sessions(locked.user)
    if has_factor(locked.user):
        remove_factors(user=locked.user, by=by, now=now)
    return locked


@transaction.atomic
def ask_again(*, patient: Patient) -> None:
    """Send a code to the contact by which a patient signs in: they show that it is still them."""
    user = patient.user
    to = str(user.phone) if user.phone_verified_at else user.email or str(user.phone)
    code = draw_code(user, SentCode.Purpose.AGAIN, to=to)
    get_adapter().send_again(user, to=to, code=code)


def _change(
    patient: Patient,
    kind: str,
    new: str,
    *,
    is_proven: bool,
    by: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Patient and user follow together. Every session of theirs ends by it (the user's hash)."""
    locked = lock_patient(patient.pk)
    old = str(getattr(locked, kind))
    if is_proven or old != new:
        at = Now() if is_proven else None
        User.objects.filter(pk=locked.user_id).update(**{kind: new, f"{kind}_verified_at": at})
    if old == new:
        return
    setattr(locked, kind, new)
    keep_changes(locked, kind)
    change = ContactChange.objects.create(
        patient=locked, kind=kind, old=old, new=new, reason=reason, at=now, changed_by_id=by.person
    )
    record("contact.changed", change, by=by, now=now, patient_id=locked.pk, changed=[kind])


def _is_taken(kind: str, to: str, user: User) -> bool:
    """Whether somebody else has proved this contact, or a colleague signs in with it."""
    others = User.objects.exclude(pk=user.pk)
    if kind == Kind.PHONE:
        return others.filter(phone=to, phone_verified_at__isnull=False).exists()
    proved = Q(email_verified_at__isnull=False) | ~Q(role=Role.PATIENT)
    return others.filter(proved, email__iexact=to).exists()


def _ask_staff(patient: Patient, *, by: Actor, now: datetime) -> None:
    raise_work_item(
        "contact_claimed",
        patient,
        detail="This patient gave a contact that somebody else has proved: whose is it?",
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.STAFF,
        by=by,
        now=now,
        patient_id=patient.pk,
    )
