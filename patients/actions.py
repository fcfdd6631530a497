"""Every write about patients: assessments, patients, addresses, consents."""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Role, User
from accounts.tokens import digest
from patients import questionnaire, service_area
from patients.gates import is_adult
from patients.models import Address, Assessment, Consent, Patient, SupportPerson, ZipCode
from patients.phones import us_number
from records.actor import Actor
from records.events import raise_work_item, record
from records.ids import reference
from records.models import WorkItem
from records.refused import Refused

CONSENT_VERSION = "2026-11"


def place_of(address: Mapping[str, Any]) -> service_area.Place:
    """What an address means: county, time zone, or the reason why not; one query.

    ``address`` has the fields of `Address` as typed, ``postal_code`` at least.
    """
    code = service_area.zip_code(address["postal_code"])
    row = ZipCode.objects.filter(postal_code=code).first()
    names = ("state", "city", "line1", "line2", "county", "time_zone")
    given = {name: address[name] for name in names if address.get(name)}
    return service_area.place(row.as_zip() if row else None, postal_code=code, **given)


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
    """A new patient with an assessment; returns it with the secret that opens it to a visitor.

    Raises `Refused` ``out_of_area``, ``under_age`` and the other codes of the address with
    nothing kept, ``consent_required``, ``incomplete``.
    """
    _check_answers(answers)
    _check_consents(consents)
    crisis = questionnaire.weigh(answers).crisis
    place = _accept(address, born=person["date_of_birth"], now=now, crisis=crisis)
    patient = _create_patient(person, address, place, by=by, now=now)
    give_consents(patient=patient, consents=consents, by=by, now=now)
    return _keep_assessment(patient, answers, by=by, now=now, draft=draft)


@transaction.atomic
def submit_for_patient(
    *,
    patient: Patient,
    answers: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
) -> tuple[Assessment, str]:
    """An assessment of somebody who is a patient already, also by staff for a caller."""
    _check_answers(answers)
    Patient.objects.select_for_update(no_key=True, of=("self",)).get(pk=patient.pk)
    give_consents(patient=patient, consents=consents, by=by, now=now)
    return _keep_assessment(patient, answers, by=by, now=now)


@transaction.atomic
def create_patient(
    *,
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
) -> Patient:
    """A patient whom staff enter for a caller; the same age and area as for everybody."""
    place = _accept(address, born=person["date_of_birth"], now=now, crisis=False)
    patient = _create_patient(person, address, place, by=by, now=now)
    give_consents(patient=patient, consents=consents, by=by, now=now)
    return patient


@transaction.atomic
def begin_draft(
    *, born: date, address: Mapping[str, Any], phone: str, email: str, by: Actor, now: datetime
) -> tuple[Assessment, str]:
    """A draft that is filled answer by answer: age, ZIP and a contact are asked first."""
    _accept(address, born=born, now=now, crisis=False)
    contact = {"phone": _phone(phone), "email": email.lower()}
    if not any(contact.values()):
        raise _no_contact()
    secret = secrets.token_urlsafe(24)
    draft = Assessment.objects.create(
        reference=reference("A"),
        status=Assessment.Status.DRAFT,
        secret=digest(secret),
        contact=contact,
        begun_at=now,
        channel=by.channel,
    )
    return draft, secret


@transaction.atomic
def answer_draft(
    *, draft_id: UUID, secret: str, answers: Mapping[str, Any], by: Actor, now: datetime
) -> Assessment:
    """Keep some answers of a draft; a crisis answer acts at once, whether it is ever submitted."""
    draft = _open_draft(draft_id, secret)
    _check_answers(answers, complete=False)
    draft.answers = {**draft.answers, **answers}
    _weigh(draft)
    draft.save(update_fields=["answers", "flags", "urgency", "crisis"])
    if questionnaire.weigh(answers).crisis:
        _call_for_help(draft, by=by, now=now)
    return draft


@transaction.atomic
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
    draft = _open_draft(draft_id, secret)
    return submit_assessment(
        person=person,
        address=address,
        answers=draft.answers,
        consents=consents,
        by=by,
        now=now,
        draft=draft,
    )


@transaction.atomic
def change_address(
    *,
    patient: Patient,
    kind: str,
    address: Mapping[str, Any],
    reason: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Patient:
    """A new address row; from now on every gate looks at it.

    A move out of the area is kept, since it is true; a line that no parcel and no visit can reach
    is refused.
    """
    locked = lock_patient(patient.pk, version=version)
    place = place_of(address)
    if not place.served and place.code != "out_of_area":
        raise _not_here(place)
    old = locked.address
    locked.address = _keep_address(locked, address, place, kind=kind, reason=reason, by=by, now=now)
    locked.replan_due_at, locked.replan_cause = now, by.cause
    locked.version += 1
    locked.save(update_fields=["address", "replan_due_at", "replan_cause", "version"])
    names = ("line1", "line2", "city", "state", "postal_code", "county", "time_zone", "served")
    changed = [n for n in names if old is None or getattr(old, n) != getattr(locked.address, n)]
    record(
        "address.changed",
        locked,
        by=by,
        now=now,
        patient_id=locked.pk,
        change=kind,
        changed=changed,
        address=str(locked.address.pk),
    )
    return locked


@transaction.atomic
def rename_patient(
    *, patient: Patient, names: Mapping[str, str], by: Actor, now: datetime, version: int | None
) -> Patient:
    """Correct the first or last name."""
    locked = lock_patient(patient.pk, version=version)
    for field, value in names.items():
        setattr(locked, field, value)
    locked.version += 1
    locked.save(update_fields=[*names, "version"])
    record("patient.renamed", locked, by=by, now=now, patient_id=locked.pk, changed=sorted(names))
    return locked


@transaction.atomic
def give_consents(
    *, patient: Patient, consents: Mapping[str, bool], by: Actor, now: datetime
) -> list[Consent]:
    """Write down consents given or withdrawn: kind → accepted."""
    rows = [
        Consent(
            patient=patient,
            kind=kind,
            version=CONSENT_VERSION,
            accepted=accepted,
            phone=patient.phone if kind == Consent.Kind.SMS else "",
            at=now,
            channel=by.channel,
            recorded_by_id=by.user_id,
        )
        for kind, accepted in consents.items()
    ]
    Consent.objects.bulk_create(rows)
    for row in rows:
        if not row.accepted and row.kind != Consent.Kind.SMS:
            record("consent.withdrawn", patient, by=by, now=now, patient_id=patient.pk)
    return rows


@transaction.atomic
def name_support_person(
    *, patient: Patient, name: str, born: date, phone: str, by: Actor, now: datetime
) -> SupportPerson:
    """Name an adult who stays during treatment; raises `Refused` ``under_age``."""
    if not is_adult(born, zone=patient.time_zone, now=now):
        raise Refused("under_age", "The person who stays with you must be 18 or older.")
    person = SupportPerson.objects.create(
        patient=patient, name=name, date_of_birth=born, phone=_phone(phone), named_at=now
    )
    record("support_person.named", person, by=by, now=now, patient_id=patient.pk)
    return person


def lock_patient(patient_id: UUID, *, version: int | None = None) -> Patient:
    """The patient, locked: the first lock of every transaction that takes several.

    Raises `Refused` ``stale`` when it is not the ``version`` that the client saw.
    """
    rows = Patient.objects.select_related("address")
    patient = rows.select_for_update(no_key=True, of=("self",)).get(pk=patient_id)
    if version is not None and version != patient.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return patient


# --- the pieces -------------------------------------------------------------------------------


def _check_answers(answers: Mapping[str, Any], *, complete: bool = True) -> None:
    wrong = questionnaire.problems(answers, complete=complete)
    if wrong:
        raise AnswersInvalid(wrong)


class AnswersInvalid(Exception):
    """Answers that cannot be kept: key → (code, sentence). The door tells where they stand."""

    def __init__(self, problems: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self.problems = problems


def _check_consents(consents: Mapping[str, bool]) -> None:
    for kind, why in (
        ("privacy", "Please accept the privacy notice: without it we may not keep your answers."),
        ("telehealth", "Please accept talking by video or telephone: the consultation is held so."),
    ):
        if not consents.get(kind):
            raise Refused("consent_required", why, pointer=f"/consents/{kind}")


def _accept(
    address: Mapping[str, Any], *, born: date, now: datetime, crisis: bool
) -> service_area.Place:
    """The place of somebody whom we may treat; refuses, with the help that a crisis needs."""
    help_text = {"crisis": True, "crisis_text": questionnaire.CRISIS_TEXT} if crisis else {}
    place = place_of(address)
    if not place.served:
        raise _not_here(place, **help_text)
    zones = [place.time_zone] if place.time_zone else list(place.time_zones)
    if not all(is_adult(born, zone=zone, now=now) for zone in zones):
        raise Refused("under_age", "This is a service for adults of 18 and older.", **help_text)
    return place


def _not_here(place: service_area.Place, **facts: Any) -> Refused:
    return Refused(place.code, place.detail, pointer="/address", **facts)


def _no_contact() -> Refused:
    return Refused(
        "contact_required",
        "Please give a telephone number or an e-mail address.",
        pointer="/person",
    )


def _phone(text: str) -> str:
    if not text:
        return ""
    number = us_number(text)
    if number is None:
        raise Refused(
            "not_us_number",
            "Please use a telephone number in the United States that can receive texts.",
            pointer="/person/phone",
        )
    return number


def _create_patient(
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    place: service_area.Place,
    *,
    by: Actor,
    now: datetime,
) -> Patient:
    phone, email = _phone(person.get("phone", "")), person.get("email", "").lower()
    if not phone and not email:
        raise _no_contact()
    known = _is_known(phone, email)
    names = {"first_name": person["first_name"], "last_name": person["last_name"]}
    user = User.objects.create_user(
        role=Role.PATIENT, name=" ".join(names.values())[:120], email=email, phone=phone
    )
    patient = Patient.objects.create(
        user=user,
        **names,
        date_of_birth=person["date_of_birth"],
        phone=phone,
        email=email,
        created_at=now,
    )
    patient.address = _keep_address(patient, address, place, kind="first", by=by, now=now)
    patient.save(update_fields=["address"])
    record("patient.created", patient, by=by, now=now, patient_id=patient.pk)
    if known:
        _ask_to_merge(patient, by=by, now=now)
    return patient


def _is_known(phone: str, email: str) -> bool:
    """Whether a contact belongs to somebody already. The answer to the visitor is the same."""
    same = Q(phone=phone) & ~Q(phone="") | Q(email=email) & ~Q(email="")
    return User.objects.filter(same).exists()


def _ask_to_merge(patient: Patient, *, by: Actor, now: datetime) -> None:
    raise_work_item(
        "merge_patients",
        patient,
        detail="A contact of this patient is known from another one: are they the same person?",
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.STAFF,
        by=by,
        now=now,
        patient_id=patient.pk,
    )


def _keep_address(
    patient: Patient,
    address: Mapping[str, Any],
    place: service_area.Place,
    *,
    kind: str,
    by: Actor,
    now: datetime,
    reason: str = "",
) -> Address:
    zone = place.time_zone or (place.time_zones[0] if not place.served else None)
    if zone is None:
        raise Refused(
            "time_zone_required",
            "This ZIP code lies in two time zones. Please choose yours.",
            pointer="/address/time_zone",
            time_zones=list(place.time_zones),
        )
    return Address.objects.create(
        patient=patient,
        kind=kind,
        line1=address["line1"],
        line2=address.get("line2", ""),
        city=address["city"],
        state=place.state or "",
        postal_code=service_area.zip_code(address["postal_code"]),
        county=place.county or "",
        time_zone=zone,
        served=place.served,
        code=place.code,
        review=list(place.review),
        reason=reason,
        since=now,
        recorded_by_id=by.user_id,
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
        _call_for_help(assessment, by=by, now=now)
    elif assessment.urgency == 1:
        _raise_flag("urgent_assessment", "assessment.flagged", assessment, by=by, now=now)
    return assessment, secret


def _weigh(assessment: Assessment) -> None:
    weighed = questionnaire.weigh(assessment.answers)
    assessment.flags = list(weighed.flags)
    assessment.urgency = weighed.urgency
    # Once raised, it stays: a changed answer does not take back what somebody said.
    assessment.crisis = assessment.crisis or weighed.crisis


def _call_for_help(assessment: Assessment, *, by: Actor, now: datetime) -> None:
    _raise_flag("crisis_answer", "assessment.crisis", assessment, by=by, now=now)


KINDS: Mapping[str, tuple[str, WorkItem.Urgency]] = {
    "crisis_answer": ("Call this person now.", WorkItem.Urgency.NOW),
    "urgent_assessment": ("Look at this assessment today.", WorkItem.Urgency.TODAY),
}


def _raise_flag(kind: str, event: str, assessment: Assessment, *, by: Actor, now: datetime) -> None:
    """A work item for the physician, and the fact that notifications texts him about."""
    detail, urgency = KINDS[kind]
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


def _open_draft(draft_id: UUID, secret: str) -> Assessment:
    drafts = Assessment.objects.filter(status=Assessment.Status.DRAFT)
    return drafts.select_for_update(no_key=True).get(pk=draft_id, secret=digest(secret))
