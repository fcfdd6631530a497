"""Files are made: claimed, written with progress, kept; a process that dies loses nothing."""

import logging
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from patients.models import Patient
from records.actor import Actor
from records.events import raise_work_item, record
from records.models import WorkItem
from records.outage import ENDS_A_SWEEP
from rights import paper
from rights import record as whole
from rights.models import TRANSITIONS, Export, Status

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)  # of the database's clock; each step begins it anew
KEPT = timedelta(hours=24)
TRIES = 3
WRITERS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    Export.Format.JSON: whole.as_json,
    Export.Format.PDF: paper.as_pdf,
}


class ClaimLost(Exception):
    """Somebody else makes it now, since this process was slow."""


def make_exports(*, by: Actor, now: datetime) -> None:
    """Make what waits, one after the other, and delete the files whose time is over."""
    forget_files(by=by, now=now)
    while export := claim(by=by, now=now):
        try:
            make(export, by=by, now=now)
        except ENDS_A_SWEEP:
            raise
        except Exception:  # its lease ends, and it is tried again; the others go on
            log.exception("export_not_made", extra={"export_id": str(export.pk)})


@transaction.atomic
def claim(*, by: Actor, now: datetime) -> Export | None:
    """The next one that waits, or whose process died; None when there is none."""
    free = Q(status=Status.WAITING) | Q(status=Status.MAKING, lease_until__lt=Now())
    rows = Export.objects.select_for_update(skip_locked=True, no_key=True).defer("content")
    export = rows.filter(free).order_by("pk").first()
    if export is None:
        return None
    if export.attempts >= TRIES:
        _give_up(export, by=by, now=now)
        return claim(by=by, now=now)
    again = {"claim": uuid4(), "lease_until": Now() + LEASE, "progress": 0}
    _move(export, Status.MAKING, **again, attempts=export.attempts + 1)
    return export


def make(export: Export, *, by: Actor, now: datetime) -> None:
    """Compose the record, write the file, keep it encrypted; without a transaction around it."""
    patient = Patient.objects.select_related("address").get(pk=export.patient_id)
    told = whole.compose(patient, now=now, step=lambda percent: _step(export, percent))
    content = b64encode(WRITERS[export.format](told)).decode()
    try:
        _keep(export, content, by=by, now=now)
    except Export.DoesNotExist as error:
        raise ClaimLost from error


def _step(export: Export, percent: int) -> None:
    mine = Export.objects.filter(pk=export.pk, status=Status.MAKING, claim=export.claim)
    if not mine.update(progress=percent, lease_until=Now() + LEASE):
        raise ClaimLost


@transaction.atomic
def _keep(export: Export, content: str, *, by: Actor, now: datetime) -> None:
    rows = Export.objects.select_for_update(no_key=True).defer("content")
    mine = rows.get(pk=export.pk, status=Status.MAKING, claim=export.claim)
    kept = {"content": content, "kept_until": Now() + KEPT, "ready_at": now, "progress": 100}
    _move(mine, Status.READY, **kept, claim=None, lease_until=None)
    record("export.ready", mine, by=by, now=now, patient_id=mine.patient_id)


def _give_up(export: Export, *, by: Actor, now: datetime) -> None:
    _move(export, Status.FAILED, claim=None, lease_until=None)
    record("export.failed", export, by=by, now=now, patient_id=export.patient_id)
    raise_work_item(
        "export_failed",
        export,
        detail="A copy of a record could not be made. Have the log looked at; call the patient.",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=by,
        now=now,
        patient_id=export.patient_id,
    )


@transaction.atomic
def forget_files(*, by: Actor, now: datetime) -> None:
    """Delete the files that have been kept for long enough."""
    rows = Export.objects.select_for_update(skip_locked=True, no_key=True).defer("content")
    for export in rows.filter(status=Status.READY, kept_until__lte=Now()):
        _move(export, Status.EXPIRED, content="", secret=None, link_until=None)
        record("export.expired", export, by=by, now=now, patient_id=export.patient_id)


def _move(export: Export, to: Status, **changes: Any) -> None:
    """The only way to another status."""
    if to not in TRANSITIONS[export.status]:
        raise LookupError(f"{export.status} → {to}")
    export.status = to
    for name, value in changes.items():
        setattr(export, name, value)
    export.save(update_fields=["status", *changes])
