"""Every write about assessments: submitted whole, or answer by answer in a draft."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Role
from accounts.tokens import digest
from patients import questionnaire
from patients.actions import (
    accept,
    contact_of,
    create_patient,
    give_consents,
    hold_patient,
    lock_patient,
    require_consents,
)
from patients.models import Assessment, Patient
from records.actor import Actor
from records.events import raise_work_item, record
from records.ids import reference
from records.models import WorkItem
from records.refused import Refused, pointer

NOTHING_KEPT = ("out_of_area", "under_age")
DRAFT_KEPT = timedelta(days=7)
# Kind of work item → what the physician is asked, and how soon.
ASKS = {
    "crisis_answer": ("Call this person now.", WorkItem.Urgency.NOW),
    "urgent_assessment": ("Look at this assessment today.", WorkItem.Urgency.TODAY),
}


@transaction.atomic
def submit_assessment(
    *,
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    answers: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
    draft: Assessment | None = None,
) -> tuple[Assessment, str]:
    """A new patient with an assessment; returns it with a secret, which opens nothing as yet.

    Raises `Refused` ``invalid`` (answers), ``consent_required``, and with nothing kept what
    `create_patient` raises.
    """
    _check_answers(answers)
    require_consents(consents, "privacy", "telehealth")
    patient = create_patient(person=person, address=address, consents=consents, by=by, now=now)
    return _keep_assessment(patient, answers, by=by, now=now, draft=draft)


@transaction.atomic
def submit_for_patient(
    *,
    patient: Patient,
    answers: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
    draft: Assessment | None = None,
) -> tuple[Assessment, str]:
    """An assessment of somebody who is a patient already, also by staff for a caller.

    Raises `Refused` ``invalid`` (answers), ``consent_required``.
    """
    _check_answers(answers)
    require_consents(consents, "privacy", "telehealth")
    lock_patient(patient.pk)
    give_consents(patient=patient, consents=consents, by=by, now=now)
    return _keep_assessment(patient, answers, by=by, now=now, draft=draft)


@transaction.atomic
def begin_draft(
    *, born: date, address: Mapping[str, Any], phone: str, email: str, by: Actor, now: datetime
) -> tuple[Assessment, str]:
    """A draft that is filled answer by answer: age, ZIP and a contact are asked first."""
    accept(address, born=born, now=now, address_at="/postal_code", born_at="/date_of_birth")
    phone, email = contact_of({"phone": phone, "email": email}, at="")
    secret = secrets.token_urlsafe(24)
    draft = Assessment.objects.create(
        reference=reference("A"),
        status=Assessment.Status.DRAFT,
        secret=digest(secret),
        contact={"phone": phone, "email": email},
        begun_at=now,
        channel=by.channel,
    )
    return draft, secret


@transaction.atomic
def answer_draft(
    *, draft_id: UUID, secret: str, answers: Mapping[str, Any], by: Actor, now: datetime
) -> Assessment:
    """Keep some answers of a draft; a crisis answer acts at once, whether it is ever submitted."""
    draft = open_draft(draft_id, secret)
    _check_answers(answers, complete=False)
    _save_answers(draft, {**draft.answers, **answers})
    if questionnaire.crisis_answers(answers):
        _call_for_help(draft, by=by, now=now)
    return draft


@transaction.atomic
def take_back_answer(*, draft_id: UUID, secret: str, key: str) -> Assessment:
    """Remove an answer from a draft; raises DoesNotExist."""
    draft = open_draft(draft_id, secret)
    _save_answers(draft, {name: said for name, said in draft.answers.items() if name != key})
    return draft


@transaction.atomic
def change_contact(*, draft_id: UUID, secret: str, phone: str, email: str) -> Assessment:
    """How to reach who fills a draft, from now on; what was answered stays with it.

    Raises DoesNotExist, and `Refused` ``not_us_number``, ``contact_required``.
    """
    draft = open_draft(draft_id, secret)
    phone, email = contact_of({"phone": phone, "email": email}, at="")
    draft.contact = {"phone": phone, "email": email}
    draft.save(update_fields=["contact"])
    return draft


@transaction.atomic
def forget_draft(*, draft_id: UUID, secret: str) -> bool:
    """Delete a draft, but no crisis: a physician was told to call. Returns whether it is gone.

    Raises DoesNotExist.
    """
    draft = open_draft(draft_id, secret)
    if draft.crisis:
        return False
    draft.delete()
    return True


def submit_draft(
    *,
    draft_id: UUID,
    secret: str,
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
) -> tuple[Assessment, str]:
    """Turn a draft into an assessment; same refusals as `submit_assessment`."""
    try:
        with transaction.atomic():
            draft = open_draft(draft_id, secret)
            return submit_assessment(
                person=person,
                address=address,
                answers=draft.answers,
                consents=consents,
                by=by,
                now=now,
                draft=draft,
            )
    except Refused as refusal:
        if draft.crisis:  # it stays: a physician has been told to call, and needs the contact
            refusal.facts |= questionnaire.HELP
        elif refusal.code in NOTHING_KEPT:
            Assessment.objects.filter(pk=draft_id).delete()
        raise


@transaction.atomic
def submit_own_draft(
    *,
    patient: Patient,
    draft_id: UUID,
    secret: str,
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
) -> tuple[Assessment, str]:
    """Turn the draft of somebody who is a patient already into an assessment of theirs.

    Raises DoesNotExist, and what `submit_for_patient` raises.
    """
    lock_patient(patient.pk)
    draft = open_draft(draft_id, secret)
    return submit_for_patient(
        patient=patient, answers=draft.answers, consents=consents, by=by, now=now, draft=draft
    )


@transaction.atomic
def forget_drafts(*, now: datetime) -> int:
    """Delete drafts that nobody submitted within `DRAFT_KEPT`, but no crisis; returns how many."""
    drafts = Assessment.objects.filter(status=Assessment.Status.DRAFT, crisis=False)
    return drafts.filter(begun_at__lt=now - DRAFT_KEPT).delete()[0]


def read_draft(draft_id: UUID, secret: str) -> Assessment:
    """The draft that this secret opens, to look at its answers; raises DoesNotExist."""
    drafts = Assessment.objects.filter(status=Assessment.Status.DRAFT)
    return drafts.get(pk=draft_id, secret=digest(secret))


def submitted(draft_id: UUID) -> Assessment | None:
    """What a draft became, for who kept its id on our side; None while it is none."""
    return Assessment.objects.exclude(status=Assessment.Status.DRAFT).filter(pk=draft_id).first()


def open_draft(draft_id: UUID, secret: str) -> Assessment:
    """The draft that this secret opens, locked; raises DoesNotExist."""
    drafts = Assessment.objects.filter(status=Assessment.Status.DRAFT)
    return drafts.select_for_update(no_key=True).get(pk=draft_id, secret=digest(secret))


# --- the pieces -------------------------------------------------------------------------------


def _check_answers(answers: Mapping[str, Any], *, complete: bool = True) -> None:
    wrong = questionnaire.problems(answers, complete=complete)
    if wrong:
        raise Refused(
            "invalid",
            "Some answers cannot be used.",
            errors=[
                {"pointer": pointer("answers", key), "code": code, "detail": detail}
                for key, (code, detail) in wrong.items()
            ],
        )


def _keep_assessment(
    patient: Patient,
    answers: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
    draft: Assessment | None = None,
) -> tuple[Assessment, str]:
    secret = secrets.token_urlsafe(24)
    assessment = draft or Assessment(
        reference=reference("A"), answers=dict(answers), begun_at=now, channel=by.channel
    )
    assessment.status = Assessment.Status.SUBMITTED
    assessment.patient, assessment.submitted_at = patient, now
    assessment.secret, assessment.contact = digest(secret), {}
    assessment.entered_by_id = by.user_id
    _weigh(assessment)
    assessment.save()
    record("assessment.submitted", assessment, by=by, now=now, patient_id=patient.pk)
    if assessment.crisis:
        hold_patient(patient_id=patient.pk, reason="crisis", about_id=assessment.pk, by=by, now=now)
        _call_for_help(assessment, by=by, now=now)
    elif assessment.urgency == 1:
        _ask_physician("urgent_assessment", "assessment.flagged", assessment, by=by, now=now)
    return assessment, secret


def _save_answers(draft: Assessment, answers: dict[str, Any]) -> None:
    draft.answers = answers
    _weigh(draft)
    draft.save(update_fields=["answers", "flags", "urgency", "crisis", "crisis_answers"])


def _weigh(assessment: Assessment) -> None:
    """A changed answer does not take back what called for help: that stays, and weighs on."""
    assessment.crisis_answers |= questionnaire.crisis_answers(assessment.answers)
    weighed = questionnaire.weigh({**assessment.answers, **assessment.crisis_answers})
    assessment.flags = list(weighed.flags)
    assessment.urgency, assessment.crisis = weighed.urgency, weighed.crisis


def _call_for_help(assessment: Assessment, *, by: Actor, now: datetime) -> None:
    _ask_physician("crisis_answer", "assessment.crisis", assessment, by=by, now=now)


def _ask_physician(
    kind: str, event: str, assessment: Assessment, *, by: Actor, now: datetime
) -> None:
    """A work item for the physician, and the fact that notifications texts him about."""
    detail, urgency = ASKS[kind]
    is_new = raise_work_item(
        kind,
        assessment,
        detail=detail,
        urgency=urgency,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=assessment.patient_id,
    )
    if is_new:
        record(event, assessment, by=by, now=now, patient_id=assessment.patient_id)
