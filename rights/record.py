"""One patient's whole record as plain lists and objects: what an export holds.

The shape is told in docs/record.md; a change that takes something away raises `SCHEMA_VERSION`.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from django.db.models import Exists, F, Model, OuterRef, Q

from accounts.practice import practice
from notifications.models import InboundMessage, Message, OptOut, ProviderEvent
from patients import questionnaire
from patients.models import (
    Address,
    Assessment,
    BrokenGlass,
    CareRelationship,
    ClinicalHold,
    Consent,
    ContactChange,
    IdentityCheck,
    Link,
    Patient,
    SupportPerson,
)
from records.api import instant
from records.models import AccessLog, Correction, WorkItem
from rights import whose
from rights.models import Amendment, Export, LegalHold
from scheduling.consultations.models import Kind, Status
from scheduling.models import (
    BillingPeriod,
    CarrierEvent,
    Consultation,
    CustodyEvent,
    Decision,
    Delivery,
    Prescription,
    Reading,
    Reservation,
    Subscription,
    TreatmentSession,
)

SCHEMA_VERSION = 1
Rows = list[dict[str, Any]]

# What is about a patient and not told, and why.
LEFT_OUT: dict[type[Model], str] = {
    Reservation: "the times stand in consultations and sessions",
    Link: "a token's hash; what was sent stands in messages",
    ProviderEvent: "what became of a message stands in its status",
    LegalHold: "an instruction to the practice, which may come from a court",
}


def _rows(rows: Any, *names: str, **renamed: str) -> Rows:
    """These columns of the rows; ``renamed`` gives another name to a path."""
    return list(rows.values(*names, **{name: F(path) for name, path in renamed.items()}))


def _within(parents: Rows, **children: Rows) -> Rows:
    """Each parent with lists of its children, which name it in ``of``."""
    for name, rows in children.items():
        groups: dict[Any, Rows] = defaultdict(list)
        for row in rows:
            groups[row.pop("of")].append(row)
        for parent in parents:
            parent[name] = groups[parent["id"]]
    return parents


def _patient(patient: Patient) -> Rows:
    return _rows(
        whose.rows(Patient, patient.pk), "id", "first_name", "last_name", "date_of_birth", "phone",
        "email", "text_from", "text_until", "created_at",
    )  # fmt: skip


def _addresses(patient: Patient) -> Rows:
    return _rows(
        whose.rows(Address, patient.pk), "id", "kind", "line1", "line2", "city", "state",
        "postal_code", "county", "time_zone", "served", "since", "reason",
    )  # fmt: skip


def _consents(patient: Patient) -> Rows:
    rows = whose.rows(Consent, patient.pk)
    return _rows(rows, "id", "kind", "version", "accepted", "phone", "at", "channel")


def _opt_outs(patient: Patient) -> Rows:
    rows = OptOut.objects.filter(phone=str(patient.phone)).order_by("pk")
    return _rows(rows, "id", "phone", "source", "at", "ended_at")


def _support_persons(patient: Patient) -> Rows:
    rows = whose.rows(SupportPerson, patient.pk)
    return _rows(rows, "id", "name", "date_of_birth", "phone", "named_at", "confirmed_at")


def _identity_checks(patient: Patient) -> Rows:
    rows = whose.rows(IdentityCheck, patient.pk)
    return _rows(rows, "id", "document", "last4", "checked_at", by="checked_by__name")


def _contact_changes(patient: Patient) -> Rows:
    rows = whose.rows(ContactChange, patient.pk)
    return _rows(rows, "id", "kind", "old", "new", "at", "reason", by="changed_by__name")


def _care_team(patient: Patient) -> Rows:
    return _rows(whose.rows(CareRelationship, patient.pk), "id", "since", name="physician__name")


def _assessments(patient: Patient) -> Rows:
    rows = _rows(
        whose.rows(Assessment, patient.pk), "id", "reference", "status", "version", "answers",
        "crisis_answers", "flags", "begun_at", "submitted_at", "channel",
    )  # fmt: skip
    texts = {question.key: question.text for question in questionnaire.QUESTIONS}
    for row in rows:
        given = {**row["answers"], **row.pop("crisis_answers")}
        row["answers"] = [
            {"key": key, "question": texts.get(key, key), "answer": row["answers"].get(key, answer)}
            for key, answer in given.items()
        ]
    return rows


def _consultations(patient: Patient) -> Rows:
    """The note when it is signed: what took place is decided on, or was no first talk."""
    decided = Exists(Decision.objects.filter(consultation=OuterRef("pk")))
    signed = Q(status=Status.COMPLETED) & (Q(kind=Kind.FOLLOW_UP) | decided)
    talks = _rows(
        whose.rows(Consultation, patient.pk).annotate(note_signed=signed), "id", "reference",
        "kind", "status", "start", "end", "location_state", "location_line1", "location_city",
        "channel", "booked_at", "confirmed_at", "arrived_at", "arrived_state", "completed_at",
        "cancelled_at", "cancelled_by", "cancel_reason", "late", "note", "note_signed",
        with_physician="physician__name",
    )  # fmt: skip
    for row in talks:
        row["note"] = row["note"] if row["note_signed"] else None
    decisions = whose.rows(Decision, patient.pk)
    made = _rows(
        decisions, "id", "outcome", "note", "decided_at", of="consultation", by="physician__name"
    )
    return _within(talks, decisions=made)


def _prescriptions(patient: Patient) -> Rows:
    return _rows(
        whose.rows(Prescription, patient.pk), "id", "state", "issued_on", "days_supply",
        "sessions", "refills", "use_by", "external_reference", "registry_checked_at",
        "recorded_at", "ended_at", by="physician__name",
    )  # fmt: skip


def _subscriptions(patient: Patient) -> Rows:
    plans = _rows(
        whose.rows(Subscription, patient.pk), "id", "reference", "status", "started_at",
        "anchor_on", "pause_requested_at", "paused_at", "paused_until", "ends_on", "ending",
        "cancelled_at", "channel", plan_name="plan__name",
    )  # fmt: skip
    months = _rows(
        whose.rows(BillingPeriod, patient.pk), "id", "number", "starts_on", "ends_on", "price",
        "currency", "status", "paid_at", "paid_reference", of="subscription",
        plan_name="plan__name",
    )  # fmt: skip
    return _within(plans, months=months)


def _deliveries(patient: Patient) -> Rows:
    parcels = _rows(
        whose.rows(Delivery, patient.pk), "id", "reference", "status", "created_at",
        "signer_name", "signer_date_of_birth", "packed_at", "dispatched_at", "delivered_at",
        "carrier", "tracking", "attempts", "failure", "held_because", "signed_by", "relation",
        "prescription_id", "address_id", window_starts="window__starts", window_ends="window__ends",
    )  # fmt: skip
    hands = whose.rows(CustodyEvent, patient.pk)
    said = whose.rows(CarrierEvent, patient.pk)
    return _within(
        parcels,
        custody=_rows(
            hands, "id", "number", "status", "at", "role", "details", of="delivery",
            by="recorded_by__name",
        ),
        carrier_reports=_rows(
            said, "id", "code", "occurred_at", "signed_by", "adult_signature", "reason",
            of="delivery",
        ),
    )  # fmt: skip


def _sessions(patient: Patient) -> Rows:
    held = _rows(
        whose.rows(TreatmentSession, patient.pk), "id", "status", "start", "end", "held_because",
        "held_at", "planned_at", "channel", "override_reason", "location_state", "cleared_at",
        "started_at", "finished_at", "cancelled_at", "feeling", "check_in_note", "checked_in_at",
        "delivery_id", "support_person_id", with_physician="physician__name",
    )  # fmt: skip
    readings = _rows(
        whose.rows(Reading, patient.pk), "id", "moment", "systolic", "diastolic", "pulse",
        "measured_at", of="session",
    )  # fmt: skip
    return _within(held, readings=readings)


def _clinical_holds(patient: Patient) -> Rows:
    return _rows(
        whose.rows(ClinicalHold, patient.pk), "id", "reason", "note", "raised_at", "cleared_at",
        by="cleared_by__name",
    )  # fmt: skip


def _followed_up(patient: Patient) -> Rows:
    """What physicians were asked to look at, and what they wrote about it."""
    rows = whose.rows(WorkItem, patient.pk).filter(for_role="physician")
    return _rows(rows, "id", "kind", "raised_at", "closed_at", "note", by="closed_by__name")


def _messages(patient: Patient) -> Rows:
    """What was sent, or was to be; a code or a token stands in no body that is kept."""
    rows = whose.rows(Message, patient.pk)
    return _rows(rows, "id", "kind", "channel", "status", "due_at", "left_at", "body", "why")


def _answers(patient: Patient) -> Rows:
    rows = whose.rows(InboundMessage, patient.pk)
    return _rows(rows, "id", "received_at", "sender", "body")


def _amendments(patient: Patient) -> Rows:
    return _rows(
        whose.rows(Amendment, patient.pk), "id", "about_kind", "about_id", "text", "asked_at",
        accepted="answer__accepted", answer_text="answer__text",
        answered_at="answer__answered_at", answered_by="answer__answered_by__name",
        answer_id="answer__pk",
    )  # fmt: skip


def _corrections(patient: Patient) -> Rows:
    """What was recorded wrongly and put back, of any of the rows."""
    ids = [pk for model in whose.ABOUT.values()
           for pk in whose.rows(model, patient.pk).values_list("pk", flat=True)]  # fmt: skip
    rows = Correction.objects.filter(object_id__in=ids)
    return _rows(
        rows, "id", "object_kind", "object_id", "was", "reason", "corrected_at",
        by="corrected_by__name",
    )  # fmt: skip


def _accesses(patient: Patient) -> Rows:
    seen = AccessLog.objects.filter(patient_ids__contains=[str(patient.pk)]).order_by("pk")
    broke = seen.annotate(broke_glass=Q(reason__isnull=False))
    return _rows(broke, "id", "at", "role", "object_kind", "broke_glass", name="user__name")


def _broken_glass(patient: Patient) -> Rows:
    """Who looked in an emergency; why is for those who review it."""
    rows = BrokenGlass.objects.filter(patient=patient.pk).order_by("pk")
    return _rows(rows, "id", "at", "ends_at", name="user__name")


def _exports(patient: Patient) -> Rows:
    rows = whose.rows(Export, patient.pk)
    return _rows(rows, "id", "format", "status", "asked_at", "ready_at")


SECTIONS: dict[str, Callable[[Patient], Rows]] = {
    "patient": _patient,
    "addresses": _addresses,
    "consents": _consents,
    "opt_outs": _opt_outs,
    "support_persons": _support_persons,
    "identity_checks": _identity_checks,
    "contact_changes": _contact_changes,
    "care_team": _care_team,
    "assessments": _assessments,
    "consultations": _consultations,
    "clinical_holds": _clinical_holds,
    "followed_up": _followed_up,
    "prescriptions": _prescriptions,
    "subscriptions": _subscriptions,
    "deliveries": _deliveries,
    "sessions": _sessions,
    "messages": _messages,
    "answers": _answers,
    "amendments": _amendments,
    "corrections": _corrections,
    "accesses": _accesses,
    "broken_glass": _broken_glass,
    "exports": _exports,
}
COMPOSED = 90  # percent, when all sections are read; the rest is writing the file


def compose(patient: Patient, *, now: datetime, step: Callable[[int], None]) -> dict[str, Any]:
    """The record as of ``now``; ``step`` is told the percentage after each section."""
    told: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "generated_at": now,
        "practice": practice().name,
        "time_zone": patient.time_zone,
    }
    for count, (name, section) in enumerate(SECTIONS.items(), 1):
        told[name] = section(patient)
        step(COMPOSED * count // len(SECTIONS))
    (told["patient"],) = told["patient"]
    return told


def as_json(told: dict[str, Any]) -> bytes:
    """The record as JSON: UTF-8, times in UTC, decimals as text."""
    return json.dumps(told, default=_plain, ensure_ascii=False, indent=2).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return instant(value)
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
