"""Records whose time is over are deleted, by the owner of the tables; the audit keeps ids alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import connections, transaction
from django.db.models import CASCADE, DateTimeField, Max, Model, QuerySet
from psycopg import sql

from accounts.models import User
from patients.models import Assessment, BrokenGlass, Patient
from records.append_only import TABLES
from records.ids import uuid7
from records.models import Correction, Event, WorkItem
from records.rewriting import changeable
from rights.models import LegalHold
from rights.retention import YEARS, may_be_purged
from rights.whose import WHOSE, rows

# Of the audit, by what tells whose they are: their words go, their ids stay.
EMPTIED: dict[type[Model], str] = {BrokenGlass: "patient_id", Correction: "object_id"}
PATIENCE = "5s"  # whoever writes meanwhile does not wait longer
NO_ENTRY = ("replan_due_at",)
Counts = dict[str, int]


def old_patients(*, now: datetime, using: str) -> Iterator[UUID]:
    """Those whose record may be deleted now."""
    old = now - timedelta(days=365 * YEARS)
    known = Patient.objects.using(using).filter(created_at__lt=old).order_by("pk")
    for pk in known.values_list("pk", flat=True):
        if _is_over(pk, now=now, using=using):
            yield pk


def old_drafts(*, now: datetime, using: str) -> Iterator[UUID]:
    """Drafts with a crisis answer that became nobody's assessment, and whose time is over."""
    drafts = Assessment.objects.using(using).filter(status=Assessment.Status.DRAFT, crisis=True)
    for draft in drafts.order_by("pk"):
        asked = WorkItem.objects.using(using).filter(object_id=draft.pk)
        last = max(draft.begun_at, *_latest(asked), *_latest(_events(using, object_id=draft.pk)))
        if may_be_purged(last_entry=last, is_held=False, now=now):
            yield draft.pk


def last_entry(patient_id: UUID, *, using: str) -> datetime:
    """The latest time that any row of the patient tells, also one to come; a hold is no entry."""
    times = list(_latest(_events(using, patient_id=patient_id)))
    for model in WHOSE:
        if model is not LegalHold:
            times += _latest(rows(model, patient_id, using=using))
    return max(times)


def what_would_go(patient_id: UUID, *, using: str) -> Counts:
    """How many rows of which table a patient has."""
    counts = {model._meta.db_table: rows(model, patient_id, using=using).count() for model in WHOSE}
    return {table: count for table, count in counts.items() if count}


def purge_patient(patient_id: UUID, *, now: datetime, using: str) -> Counts:
    """Delete all that is this patient's, unless its time is not over after all; what is gone.

    Of the user an empty shell stays, since events name it. One transaction.
    """
    with transaction.atomic(using=using):
        patient = Patient.objects.using(using).select_for_update().get(pk=patient_id)
        if not _is_over(patient_id, now=now, using=using):
            return {}
        gone = {model: list(rows(model, patient_id, using=using).values_list("pk", flat=True))
                for model in WHOSE}  # fmt: skip
        _delete(gone, using=using)
        _empty_user(patient.user_id, using=using)
        return _purged("patient", patient_id, gone, now=now, using=using)


def purge_draft(draft_id: UUID, *, now: datetime, using: str) -> Counts:
    """Delete a draft, and what was asked about it."""
    with transaction.atomic(using=using):
        asked = WorkItem.objects.using(using).filter(object_id=draft_id)
        gone: dict[type[Model], list[UUID]] = {
            WorkItem: list(asked.values_list("pk", flat=True)), Assessment: [draft_id]
        }  # fmt: skip
        _delete(gone, using=using)
        return _purged("assessment", draft_id, gone, now=now, using=using)


def _is_over(patient_id: UUID, *, now: datetime, using: str) -> bool:
    holds = LegalHold.objects.using(using).filter(patient=patient_id, lifted_at=None)
    last = last_entry(patient_id, using=using)
    return may_be_purged(last_entry=last, is_held=holds.exists(), now=now)


def _events(using: str, **about: UUID) -> Any:
    return Event.objects.using(using).filter(**about).exclude(object_kind="legalhold")


def _latest(found: Any) -> Iterator[datetime]:
    times = [field.name for field in found.model._meta.concrete_fields
             if isinstance(field, DateTimeField) and field.name not in NO_ENTRY]  # fmt: skip
    if times:
        latest = found.order_by().aggregate(**{f"latest_{name}": Max(name) for name in times})
        yield from filter(None, latest.values())


def _delete(gone: dict[type[Model], list[UUID]], *, using: str) -> None:
    """The rows with these ids; what only grows lets the owner do so within this transaction."""
    touched: list[type[Model]] = [*gone, *EMPTIED]
    growing = [model._meta.db_table for model in touched if model._meta.db_table in TABLES]
    ids = [pk for pks in gone.values() for pk in pks]
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        for table in growing:
            changeable(cursor, table, now=True)
        for emptied, key in EMPTIED.items():
            words = sql.SQL("UPDATE {} SET reason = '' WHERE {} = ANY(%s)")
            cursor.execute(words.format(_named(emptied), sql.Identifier(key)), [ids])
        for model, pks in gone.items():
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(_named(model)), [pks]
            )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else no table can be altered
        for table in growing:
            changeable(cursor, table, now=False)


def _named(model: type[Model]) -> sql.Identifier:
    return sql.Identifier(model._meta.db_table)


def _empty_user(user_id: UUID, *, using: str) -> None:
    """Nobody can sign in as them, and nothing tells who they were."""
    nothing = {field.name: None for field in User._meta.concrete_fields if field.null}
    User.objects.using(using).filter(pk=user_id).update(
        **nothing, name="", email="", phone="", password=make_password(None), is_active=False
    )
    for relation in User._meta.related_objects:
        if relation.on_delete is CASCADE:
            owned: QuerySet[Any] = QuerySet(relation.related_model, using=using)
            owned.filter(**{relation.field.name: user_id}).delete()


def _purged(
    kind: str, pk: UUID, gone: dict[type[Model], list[UUID]], *, now: datetime, using: str
) -> Counts:
    """That it was done, and how much went, is a fact; nobody has to be told."""
    counts = {model._meta.db_table: len(pks) for model, pks in gone.items() if pks}
    Event.objects.using(using).create(
        kind=f"{kind}.purged",
        occurred_at=now,
        role="system",
        channel="command",
        cause=uuid7(),
        object_kind=kind,
        object_id=pk,
        patient_id=pk if kind == "patient" else None,
        payload=counts,
    )
    return counts
