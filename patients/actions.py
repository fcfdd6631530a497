"""Every write about patients, their addresses, consents and support persons."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Role, User
from accounts.phones import us_number
from accounts.tokens import digest
from patients import service_area
from patients.gates import is_adult
from patients.models import (
    LINK_OPENS,
    Address,
    BrokenGlass,
    CareRelationship,
    ClinicalHold,
    Consent,
    IdentityCheck,
    Link,
    Patient,
    SupportPerson,
    ZipCode,
)
from records import hints
from records.actor import Actor
from records.events import raise_work_item, record
from records.ids import uuid7
from records.models import Brake, WorkItem
from records.refused import Refused

CONSENT_VERSION = "2026-11"
PROFILE = {
    "patient.renamed": ("first_name", "last_name"),
    "patient.text_hours_changed": ("text_from", "text_until"),
}
# Kind of consent → what is said when it is missing where it is needed.
NEEDED = {
    "privacy": "Please accept the privacy notice: without it we may not keep your answers.",
    "telehealth": "Please accept talking by video or telephone: the consultation is held so.",
}
MOST_AT_A_DOOR = 2  # other patients at the same address, before a human looks


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
def create_patient(
    *,
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    consents: Mapping[str, bool],
    by: Actor,
    now: datetime,
) -> Patient:
    """A patient, by the assessment or by staff for a caller.

    Raises `Refused` ``consent_required`` (privacy), ``out_of_area``, ``under_age`` and the other
    codes of the address, ``not_us_number``, ``contact_required``.
    """
    require_consents(consents, "privacy")
    place = accept(address, born=person["date_of_birth"], now=now)
    patient = _keep_patient(person, address, place, by=by, now=now)
    give_consents(patient=patient, consents=consents, by=by, now=now)
    return patient


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

    A move out of the area is kept, since it is true; a line in the area that no parcel and no
    visit can reach is refused.
    """
    locked = lock_patient(patient.pk, version=version)
    place = place_of_change(kind, address)
    old = locked.address
    locked.address = _keep_address(locked, address, place, kind=kind, reason=reason, by=by, now=now)
    keep_changes(locked, "address")
    replan_soon(locked.pk, by=by, now=now)
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


def place_of_change(kind: str, address: Mapping[str, Any]) -> service_area.Place:
    """The place to which `change_address` would move a patient; raises what it would raise."""
    place = place_of(address)
    away = place.code == "out_of_area" or (place.code, kind) == ("military", Address.Kind.MOVE)
    if not place.served and not away:
        raise _not_here(place, at="")
    return place


@transaction.atomic
def change_profile(
    *,
    patient: Patient,
    fields: Mapping[str, Any],
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> Patient:
    """Correct a name, or the hours of texts; what is the same already is no change."""
    locked = lock_patient(patient.pk, version=version)
    changed = sorted(name for name in fields if fields[name] != getattr(locked, name))
    if not changed:
        return locked
    for field in changed:
        setattr(locked, field, fields[field])
    keep_changes(locked, *changed)
    for kind, names in PROFILE.items():
        told = [name for name in changed if name in names]
        if told:
            record(kind, locked, by=by, now=now, patient_id=locked.pk, changed=told)
    return locked


@transaction.atomic
def give_consents(
    *, patient: Patient, consents: Mapping[str, bool], by: Actor, now: datetime
) -> list[Consent]:
    """Write down consents given or refused: kind → accepted; the latest of a kind counts."""
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
    record(
        "consents.recorded",
        patient,
        by=by,
        now=now,
        patient_id=patient.pk,
        accepted=sorted(kind for kind, accepted in consents.items() if accepted),
        refused=sorted(kind for kind, accepted in consents.items() if not accepted),
    )
    replan_soon(patient.pk, by=by, now=now)
    return rows


@transaction.atomic
def name_support_person(
    *, patient: Patient, name: str, born: date, phone: str, by: Actor, now: datetime
) -> SupportPerson:
    """Name an adult who stays during treatment; raises `Refused` ``under_age``.

    The link of whoever was named before opens nothing any more.
    """
    if not is_adult(born, zone=patient.time_zone, now=now):
        raise Refused(
            "under_age",
            "The person who stays with you must be 18 or older.",
            pointer="/date_of_birth",
        )
    lock_patient(patient.pk)
    Link.objects.filter(patient=patient, action=Link.Action.STAY).delete()
    person = SupportPerson.objects.create(
        patient=patient,
        name=name,
        date_of_birth=born,
        phone=phone_of(phone, at="/phone"),
        named_at=now,
    )
    record("support_person.named", person, by=by, now=now, patient_id=patient.pk, revision=1)
    replan_soon(patient.pk, by=by, now=now)
    return person


@transaction.atomic
def issue_confirm_token(person: SupportPerson) -> str:
    """A token for the link by which a support person agrees; an earlier one opens nothing."""
    return issue_link(
        Link.Action.STAY,
        person.pk,
        patient_id=person.patient_id,
        expires_at=person.named_at + LINK_OPENS,
    )


@transaction.atomic
def issue_link(
    action: str, about_id: UUID, *, patient_id: UUID, expires_at: datetime, revision: int = 1
) -> str:
    """A token for one action on one thing; an earlier one for the same opens nothing any more."""
    Link.objects.filter(action=action, about_id=about_id).delete()
    token = secrets.token_urlsafe(9)
    Link.objects.create(
        secret=digest(token),
        action=action,
        patient_id=patient_id,
        about_id=about_id,
        revision=revision,
        expires_at=expires_at,
    )
    return token


@transaction.atomic
def confirm_support_person(*, token: str, by: Actor, now: datetime) -> SupportPerson:
    """The support person agrees, by the link; twice is once. Raises DoesNotExist."""
    meant = SupportPerson.objects.of_token(token, now=now)
    lock_patient(meant.get().patient_id)
    person = meant.select_for_update(no_key=True).get()  # still, now that nobody else is named
    if person.confirmed_at is None:
        person.confirmed_at = now
        person.save(update_fields=["confirmed_at"])
        Link.objects.filter(action=Link.Action.STAY, about_id=person.pk).update(used_at=now)
        record(
            "support_person.confirmed",
            person,
            by=by,
            now=now,
            patient_id=person.patient_id,
            revision=1,
        )
        replan_soon(person.patient_id, by=by, now=now)
    return person


@transaction.atomic
def check_identity(
    *, patient: Patient, document: str, last4: str, by: Actor, now: datetime
) -> IdentityCheck:
    """Write down that somebody of the practice saw the patient and a photo document together."""
    lock_patient(patient.pk)
    check = IdentityCheck.objects.create(
        patient=patient, document=document, last4=last4, checked_by_id=by.person, checked_at=now
    )
    record("identity.checked", check, by=by, now=now, patient_id=patient.pk)
    replan_soon(patient.pk, by=by, now=now)
    return check


@transaction.atomic
def break_glass(
    *, patient: Patient, user: User, reason: str, by: Actor, now: datetime
) -> BrokenGlass:
    """Let somebody look for an hour, and have it reviewed by who did not.

    Raises `Refused` ``wrong_state`` for a patient whom they see anyway.
    """
    if Patient.objects.visible_to(user).filter(pk=patient.pk).exists():
        raise Refused("wrong_state", "This patient is in your care already.")
    broken = BrokenGlass.objects.create(patient=patient, user=user, reason=reason)
    broken.refresh_from_db(fields=["ends_at"])
    record("patient.glass_broken", broken, by=by, now=now, patient_id=patient.pk)
    _have_reviewed("break_glass", Role.ADMINISTRATOR, broken, by, now)
    if CareRelationship.objects.filter(patient=patient).exists():
        _have_reviewed("break_glass_in_care", Role.PHYSICIAN, broken, by, now)
    return broken


def _have_reviewed(kind: str, role: str, broken: BrokenGlass, by: Actor, now: datetime) -> None:
    raise_work_item(
        kind,
        broken,
        detail="Somebody looks at a patient not in their care. Was it needed? Say so, and close.",
        urgency=WorkItem.Urgency.NOW,
        for_role=role,
        by=by,
        now=now,
        patient_id=broken.patient_id,
    )


def refuse_own_review(item: WorkItem, by: Actor) -> None:
    """Who broke the glass does not review it; raises `Refused` ``own_review``."""
    if BrokenGlass.objects.filter(pk=item.object_id, user=by.user_id).exists():
        raise Refused("own_review", "You broke the glass: somebody else has to review it.")


@transaction.atomic
def hold_patient(
    *,
    patient_id: UUID,
    reason: str,
    by: Actor,
    now: datetime,
    about_id: UUID | None = None,
    note: str = "",
) -> ClinicalHold:
    """Treatment waits until a physician clears it; once about one thing, if it is about one."""
    lock_patient(patient_id)
    about_id = about_id or uuid7()
    hold, is_new = ClinicalHold.objects.get_or_create(
        patient_id=patient_id,
        reason=reason,
        about_id=about_id,
        cleared_at=None,
        defaults={"raised_at": now, "raised_by_id": by.user_id, "note": note},
    )
    if is_new:
        record("patient.held", hold, by=by, now=now, patient_id=patient_id)
        replan_soon(patient_id, by=by, now=now)
    return hold


@transaction.atomic
def clear_hold(*, hold: ClinicalHold, note: str, by: Actor, now: datetime) -> ClinicalHold:
    """A physician clears a hold, with the reason; raises `Refused` ``wrong_state``."""
    lock_patient(hold.patient_id)
    locked = ClinicalHold.objects.select_for_update(no_key=True).get(pk=hold.pk)
    if locked.cleared_at:
        raise Refused("wrong_state", "This hold has been cleared already.")
    locked.cleared_at, locked.cleared_by_id = now, by.user_id
    locked.note = f"{locked.note}\n{note}".strip()
    locked.save(update_fields=["cleared_at", "cleared_by", "note"])
    record("patient.cleared", locked, by=by, now=now, patient_id=locked.patient_id)
    replan_soon(locked.patient_id, by=by, now=now)
    return locked


def replan_soon(patient_id: UUID, *, by: Actor, now: datetime) -> None:
    """What follows for a patient, whom the caller has locked, is worked out soon.

    While the brake holds what marked them before, it holds this, too.
    """
    held = Brake.objects.filter(status=Brake.Status.WAITING).values("cause")
    rows = Patient.objects.filter(pk=patient_id).exclude(replan_cause__in=held)
    rows.update(replan_due_at=now, replan_cause=by.cause)
    hints.wake("scheduling.replan")


def replan_many(patients: Iterable[UUID], *, by: Actor, now: datetime) -> None:
    """What follows for these patients is worked out soon, with the id of the one cause.

    Whom the brake holds it goes on holding, with what marked them before: once that is decided, all
    is worked out. Call it before any other lock: patients come first.
    """
    marked = Patient.objects.filter(pk__in=lock_patients(patients))
    held = Brake.objects.filter(status=Brake.Status.WAITING).values("cause")
    marked.exclude(replan_cause__in=held).update(replan_due_at=now, replan_cause=by.cause)
    hints.wake("scheduling.replan")


def lock_patients(patients: Iterable[UUID]) -> list[UUID]:
    """These patients, locked by id."""
    rows = Patient.objects.filter(pk__in=list(patients)).select_for_update(no_key=True)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def keep_changes(patient: Patient, *changed: str) -> None:
    """Save what was changed of a locked patient, as the next version."""
    patient.version += 1
    patient.changed_at = Now()
    patient.save(update_fields=["version", "changed_at", *changed])


def lock_patient(patient_id: UUID, *, version: int | None = None) -> Patient:
    """The patient, locked: the first lock of every transaction that takes several.

    Raises `Refused` ``stale`` when it is not the ``version`` that the client saw.
    """
    # The bare row: joined under the lock, the address would be the one from before the wait.
    patient = Patient.objects.select_for_update(no_key=True).get(pk=patient_id)
    if version is not None and version != patient.version:
        raise Refused("stale", "This has changed since you looked; please look again.")
    return patient


def require_consents(consents: Mapping[str, bool], *kinds: str) -> None:
    """Raises `Refused` ``consent_required`` unless all these kinds are given."""
    for kind in kinds:
        if not consents.get(kind):
            raise Refused("consent_required", NEEDED[kind], pointer=f"/consents/{kind}")


def accept(
    address: Mapping[str, Any],
    *,
    born: date,
    now: datetime,
    address_at: str = "/address",
    born_at: str = "/person/date_of_birth",
) -> service_area.Place:
    """The place of somebody whom we may treat; else `Refused`, by area and age alone.

    ``address_at`` and ``born_at`` point at them in the request.
    """
    place = place_of(address)
    if not place.served:
        raise _not_here(place, at=address_at)
    zones = [place.time_zone] if place.time_zone else list(place.time_zones)
    require_adult(born, zones=zones, now=now, at=born_at)
    return place


def require_adult(born: date, *, zones: Sequence[str], now: datetime, at: str) -> None:
    """Raises `Refused` ``under_age`` unless somebody is 18 today in all of these zones.

    ``at`` points at the birthday in the request.
    """
    if not all(is_adult(born, zone=zone, now=now) for zone in zones):
        raise Refused("under_age", "This is a service for adults of 18 and older.", pointer=at)


def contact_of(typed: Mapping[str, Any], *, at: str) -> tuple[str, str]:
    """Telephone number (E.164) and e-mail address, one of which may be empty.

    ``at`` points at ``typed`` in the request. Raises `Refused` ``not_us_number``,
    ``contact_required``.
    """
    phone = phone_of(typed["phone"], at=f"{at}/phone") if typed["phone"] else ""
    email = typed["email"].lower()
    if not phone and not email:
        raise Refused(
            "contact_required", "Please give a telephone number or an e-mail address.", pointer=at
        )
    return phone, email


# --- the pieces -------------------------------------------------------------------------------


def _not_here(place: service_area.Place, *, at: str) -> Refused:
    return Refused(place.code, place.detail, pointer=at)


def phone_of(text: str, *, at: str) -> str:
    """A telephone number as E.164; raises `Refused` ``not_us_number``, pointing ``at`` it."""
    number = us_number(text)
    if number is None:
        raise Refused(
            "not_us_number",
            "Please use a telephone number in the United States that can receive texts.",
            pointer=at,
        )
    return number


def _keep_patient(
    person: Mapping[str, Any],
    address: Mapping[str, Any],
    place: service_area.Place,
    *,
    by: Actor,
    now: datetime,
) -> Patient:
    phone, email = contact_of(person, at="/person")
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
    # Where nobody is treated, the ZIP table may know no zone: the old one stays.
    elsewhere = None if place.served else (*place.time_zones, patient.time_zone)[0]
    zone = place.time_zone or elsewhere
    if zone is None:
        raise Refused(
            "time_zone_required",
            "This ZIP code lies in two time zones. Please choose yours.",
            pointer="/address/time_zone" if kind == Address.Kind.FIRST else "/time_zone",
            time_zones=list(place.time_zones),
        )
    review = [*place.review, *_shared(patient, address)]
    kept = Address.objects.create(
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
        review=review,
        reason=reason,
        since=now,
        recorded_by_id=by.user_id,
    )
    if review:
        raise_work_item(
            "review_address",
            kept,
            detail="Before anything is brought to this address, look at it: "
            + ", ".join(review).replace("_", " "),
            urgency=WorkItem.Urgency.SOON,
            for_role=Role.STAFF,
            by=by,
            now=now,
            patient_id=patient.pk,
        )
    return kept


def _shared(patient: Patient, address: Mapping[str, Any]) -> list[str]:
    """Three patients at one door may be a diversion: a human looks (and it may be a family)."""
    here = Address.objects.filter(
        current_for__isnull=False,
        postal_code=service_area.zip_code(address["postal_code"]),
        line1__iexact=address["line1"],
        line2__iexact=address.get("line2", ""),
    )
    others = here.exclude(patient=patient).count()
    return ["shared_address"] if others >= MOST_AT_A_DOOR else []
