"""What patients ask for and are answered, and which records may not be deleted."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Role
from accounts.tokens import digest
from patients.actions import lock_patient
from patients.models import Patient
from records import hints
from records.actor import Actor
from records.events import raise_work_item, record
from records.models import WorkItem
from records.refused import Refused
from records.work import settle
from rights.models import OPEN, Amendment, AmendmentAnswer, Export, LegalHold, Status

LINK_OPENS = timedelta(minutes=15)
ANSWER_WITHIN = timedelta(days=60)  # 45 CFR 164.526(b)(2)


@transaction.atomic
def ask_for_export(*, patient: Patient, format: str, by: Actor, now: datetime) -> Export:  # noqa: A002
    """A copy of the record, made by a sweep; while one of the format is on its way, that one."""
    lock_patient(patient.pk)
    rows = Export.objects.defer("content").filter(patient=patient, format=format)
    coming = rows.filter(status__in=OPEN).first()
    if coming:
        return coming
    export = Export.objects.create(patient=patient, format=format, asked_at=now)
    record("export.asked", export, by=by, now=now, patient_id=patient.pk, format=format)
    hints.wake("rights.make_exports")
    return export


@transaction.atomic
def link_to(export: Export) -> str:
    """A new token that opens a file which is ready, for a while; the one before opens nothing.

    It is empty for one that is not ready.
    """
    token = secrets.token_urlsafe(32)
    ready = Export.objects.filter(pk=export.pk, status=Status.READY, kept_until__gt=Now())
    if not ready.update(secret=digest(token), link_until=Now() + LINK_OPENS):
        return ""
    export.refresh_from_db(fields=["link_until"])
    return token


@transaction.atomic
def fetch(*, token: str, by: Actor, now: datetime) -> Export:
    """The file behind a link; raises DoesNotExist for one that opens nothing, or nothing more."""
    export = Export.objects.get(
        secret=digest(token),
        status=Status.READY,
        link_until__gt=Now(),
        kept_until__gt=Now(),
        patient__user__is_active=True,
    )
    record("export.fetched", export, by=by, now=now, patient_id=export.patient_id)
    return export


@transaction.atomic
def ask_for_amendment(
    *, patient: Patient, kind: str, about_id: UUID | None, text: str, by: Actor, now: datetime
) -> Amendment:
    """The patient wants something said otherwise: it is added, and a physician answers."""
    amendment = Amendment.objects.create(
        patient=patient, about_kind=kind, about_id=about_id, text=text, asked_at=now
    )
    record("amendment.asked", amendment, by=by, now=now, patient_id=patient.pk)
    raise_work_item(
        "amendment_asked",
        amendment,
        detail="A patient wants something in the record amended: read it and answer.",
        urgency=WorkItem.Urgency.SOON,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=patient.pk,
        due_at=now + ANSWER_WITHIN,
    )
    return amendment


@transaction.atomic
def answer_amendment(
    *, amendment: Amendment, accepted: bool, text: str, by: Actor, now: datetime
) -> Amendment:
    """A physician answers, once; raises `Refused` ``wrong_state`` the second time."""
    lock_patient(amendment.patient_id)
    if AmendmentAnswer.objects.filter(amendment=amendment).exists():
        raise Refused("wrong_state", "This has been answered already.")
    amendment.answer = AmendmentAnswer.objects.create(
        amendment=amendment, accepted=accepted, text=text, answered_by_id=by.person, answered_at=now
    )
    record("amendment.answered", amendment, by=by, now=now, patient_id=amendment.patient_id)
    settle("amendment_asked", amendment.pk, note="It was answered.", by=by, now=now)
    return amendment


@transaction.atomic
def set_legal_hold(*, patient_id: UUID, reason: str, by: Actor, now: datetime) -> LegalHold:
    """Nothing of the patient is deleted; raises `Refused` ``wrong_state`` when it is so already."""
    lock_patient(patient_id)
    if LegalHold.objects.filter(patient=patient_id, lifted_at=None).exists():
        raise Refused("wrong_state", "There is a legal hold already.")
    hold = LegalHold.objects.create(
        patient_id=patient_id, reason=reason, since=now, set_by_id=by.person
    )
    record("legal_hold.set", hold, by=by, now=now, patient_id=patient_id)
    return hold


@transaction.atomic
def lift_legal_hold(*, patient_id: UUID, reason: str, by: Actor, now: datetime) -> LegalHold:
    """The rule of retention counts again; raises `Refused` ``wrong_state`` when nothing held it."""
    lock_patient(patient_id)
    hold = LegalHold.objects.filter(patient=patient_id, lifted_at=None).first()
    if hold is None:
        raise Refused("wrong_state", "There is no legal hold.")
    hold.lifted_at, hold.lifted_by_id, hold.lift_reason = now, by.person, reason
    hold.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    record("legal_hold.lifted", hold, by=by, now=now, patient_id=patient_id)
    return hold
