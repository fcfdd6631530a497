"""Reads what gates ask about a patient: one query."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from patients.gates import PatientFacts
from patients.models import Assessment, ClinicalHold, Consent, IdentityCheck, Patient

AGREEMENTS = {Consent.Kind.TREATMENT, Consent.Kind.SAFEKEEPING}


def facts_of(patient: Patient) -> PatientFacts:
    """What gates ask about a patient; one query."""
    return facts_in(with_facts(Patient.objects.filter(pk=patient.pk)).get())


def with_facts(rows: QuerySet[Patient]) -> Any:
    """Patients with their address and all that `facts_in` reads, in the same query."""
    mine = {"patient": OuterRef("pk")}
    latest = Consent.objects.filter(**mine).order_by("kind", "-pk").distinct("kind")
    holds = ClinicalHold.objects.filter(**mine, cleared_at__isnull=True)
    return rows.select_related("address").annotate(
        consents_=ArraySubquery(
            latest.annotate(row=JSONObject(kind=F("kind"), accepted=F("accepted"))).values("row")
        ),
        assessed_=Exists(Assessment.objects.filter(**mine)),
        identified_=Exists(IdentityCheck.objects.filter(**mine)),
        held_since_=Subquery(holds.order_by("raised_at").values("raised_at")[:1]),
    )


def facts_in(row: Any) -> PatientFacts:
    """The facts of a patient that was read by `with_facts`."""
    accepted = {consent["kind"] for consent in row.consents_ if consent["accepted"]}
    return PatientFacts(
        assessed=row.assessed_,
        telehealth=Consent.Kind.TELEHEALTH in accepted,
        served=bool(row.address and row.address.served),
        agreed=accepted >= AGREEMENTS,
        identified=row.identified_,
        held_since=row.held_since_,
    )
