"""A visit: what is known before, what is said and noted, what is decided, what follows."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from pages.page import Invalid
from pages.physician.answers import answered, flagged
from pages.physician.desk import Desk
from pages.physician.follows import Follows, Standing, follows
from pages.physician.forms import (
    ArriveForm,
    DecisionForm,
    IdentityForm,
    NoteForm,
    ReasonForm,
    Versioned,
)
from patients.actions import check_identity
from patients.api import found
from patients.facts import facts_in, with_facts
from patients.models import Assessment, ClinicalHold, Patient
from records.gates import UnmetGate
from records.refused import CODES, Refused
from records.values import value_of
from scheduling.calendar.agenda import agendas
from scheduling.calendar.api import physician_of
from scheduling.calendar.models import Physician
from scheduling.consultations import actions
from scheduling.consultations.api import WHAT_NEXT
from scheduling.consultations.models import CORRECTIONS, Consultation, Decision, Status
from scheduling.deliveries.models import OVER, Delivery
from scheduling.intervals import Interval
from scheduling.prescriptions.models import Prescription
from scheduling.sessions.models import Status as Session
from scheduling.sessions.models import TreatmentSession
from scheduling.subscriptions.models import PeriodStatus, Subscription
from scheduling.subscriptions.models import Status as Plan

EARLIER = 5  # visits that are shown beside this one
NOTE = "pages/physician/note_state.html"
SAYS = {str(outcome): said for outcome, said in WHAT_NEXT.items()}


class Visit(Desk):
    """One consultation with all that its physician needs beside the call."""

    template, here = "pages/physician/consultation.html", "today"

    @cached_property
    def row(self) -> Consultation:
        patience = value_of("consultation_no_show_after", self.now)  # minutes
        rows = Consultation.objects.visible_to(self.user).annotate(patience_=patience)
        found_so: Consultation = found(
            rows.select_related("patient__address", "physician"), self.kwargs["pk"]
        )
        return found_so

    @cached_property
    def physician(self) -> Physician:
        """Who looks; mostly whose visit it is."""
        its = self.row.physician
        return its if its.user_id == self.user.pk else physician_of(self.user)

    def facts(self) -> Mapping[str, Any]:
        if self.request.method == "POST":  # it may have changed since it was read to act on it
            self.__dict__.pop("row", None)
        row, patient = self.row, self.row.patient
        decisions = Decision.objects.visible_to(self.user).filter(patient=patient)
        made = list(decisions.select_related("physician"))
        mine = [one for one in made if one.consultation_id == row.pk]
        earlier = self._earlier(made)
        assessment = self._assessment()
        holds = ClinicalHold.objects.visible_to(self.user).filter(patient=patient, cleared_at=None)
        self.looked("consultation", [row, *earlier, *([assessment] if assessment else [])])
        standing = self._standing()
        decides = row.status == Status.COMPLETED and not any(
            one.outcome != Decision.Outcome.MORE_INFO for one in mine
        )
        return {
            "row": row,
            "patient": patient,
            "is_mine": row.physician_id == self.physician.pk,
            "assessment": assessment,
            "flags": flagged(assessment) if assessment else [],
            "answers": answered(assessment) if assessment else [],
            "risks": self._risks(),
            "holds": list(holds),
            "identified": standing.facts.identified,
            "earlier": earlier,
            "decision": mine[-1] if mine else None,
            "decides": decides,
            "follows": self._follows(standing) if decides else [],
            "correctable": row.status in CORRECTIONS and not mine,
            "back_to": Status(CORRECTIONS[row.status]).label if row.status in CORRECTIONS else "",
            **self._forms(),
        }

    def _forms(self) -> dict[str, Any]:
        row, version = self.row, {"version": self.row.version}
        kept = self.request.POST.get("do") in ("note", "complete")
        note = self.request.POST.get("note", row.note) if kept else row.note
        return {
            "arrival": self.form(ArriveForm, "arrive", {"state": "", **version}),
            "note": NoteForm(initial={"note": note, **version}, auto_id="note_%s"),
            "meanwhile": row.note if kept and note != row.note else "",
            "decision_form": self.form(DecisionForm, "decide", version),
            "identity": self.form(IdentityForm, "identify"),
            "correction": self.form(ReasonForm, "correct", version),
        }

    # --- what the buttons do

    def do_arrive(self) -> None:
        sent = self.read(self.typed(ArriveForm, "arrive"), "arrival")
        self._act(actions.arrive, sent, state=sent["state"])
        messages.success(self.request, "The patient has arrived.")

    def do_note(self) -> HttpResponseBase | None:
        """Keep what is typed; asked for by a script, only whether that was done is answered."""
        form = NoteForm(self.request.POST, auto_id="note_%s")
        if not getattr(self.request, "htmx", False):
            self._keep(form)
            messages.success(self.request, "Your note is saved.")
            return None
        try:
            self._keep(form)
        except Refused as refused:
            return self._note_state(CODES[refused.code][0], refused.detail)
        except Invalid:
            return self._note_state(400, str(form.errors["note"][0]))
        return self._note_state(200)

    def do_over(self) -> HttpResponseBase | None:
        """What was typed here takes the place of what was saved elsewhere, which was shown."""
        sent = self.request.POST.copy()
        sent["version"] = sent.get("newer", "")
        self._keep(NoteForm(sent, auto_id="note_%s"))
        messages.success(self.request, "Your note is saved.")
        return None

    def do_complete(self) -> None:
        sent = self.read(NoteForm(self.request.POST, auto_id="note_%s"), "note")
        self._act(actions.complete, sent, note=sent["note"])
        messages.success(self.request, "The visit is completed. What remains is your decision.")

    def do_no_show(self) -> None:
        sent = self.read(Versioned(self.request.POST))
        self._act(actions.no_show, sent)
        messages.success(self.request, "It is written down that the patient did not come.")

    def do_identify(self) -> None:
        sent = self.read(self.typed(IdentityForm, "identify"), "identity")
        check_identity(patient=self.row.patient, **sent, by=self.by(), now=self.now)
        messages.success(self.request, "The document is written down.")

    def do_decide(self) -> None:
        sent = self.read(self.typed(DecisionForm, "decide"), "decision_form")
        said = {"outcome": sent["outcome"], "note": sent["note"], "physician": self.physician}
        self._act(actions.decide, sent, **said)
        messages.success(self.request, "Your decision is written down.")

    def do_correct(self) -> HttpResponseBase:
        sent = self.read(self.typed(ReasonForm, "correct"), "correction")
        self._act(actions.correct, sent, reason=sent["reason"])
        messages.success(self.request, "It is put back.")
        return redirect("consultation", self.row.pk)

    # --- the pieces

    def _act(self, do: Any, sent: Mapping[str, Any], **more: Any) -> None:
        """One verb on this visit, as it was seen."""
        do(
            consultation=self.row,
            **more,
            by=self.by(),
            now=self.now,
            version=sent["version"],
        )

    def _keep(self, form: NoteForm) -> None:
        sent = self.read(form, "note")
        self._act(actions.keep_note, sent, note=sent["note"])

    def _note_state(self, status: int, why: str = "") -> HttpResponse:
        """Whether what was typed is saved; a refusal keeps the version that was seen."""
        row = Consultation.objects.visible_to(self.user).get(pk=self.row.pk)
        seen = self.request.POST.get("version", "") if why else row.version
        facts = {"why": why, "version": seen, "now": self.now, "zone": self.zone}
        stale = {"meanwhile": row.note, "newer": row.version} if status == 412 else {}
        if stale:
            self.looked("consultation", [row])
        return render(self.request, NOTE, facts | stale, status=status)

    def _assessment(self) -> Assessment | None:
        """The latest one of this patient."""
        rows = Assessment.objects.visible_to(self.user).filter(patient=self.row.patient_id)
        return rows.order_by("-submitted_at").first()

    def _earlier(self, made: Sequence[Decision]) -> list[Consultation]:
        """The visits before this one that took place, the latest first, with their decisions."""
        rows = Consultation.objects.visible_to(self.user).filter(
            patient=self.row.patient_id, status=Status.COMPLETED, start__lt=self.row.start
        )
        found_so = list(rows.select_related("physician").order_by("-start")[:EARLIER])
        for talk in found_so:
            talk.decided = [one for one in made if one.consultation_id == talk.pk]  # type: ignore[attr-defined]
        return found_so

    def _risks(self) -> Sequence[UnmetGate]:
        row = self.row
        if row.status != Status.BOOKED or row.end <= self.now:
            return []
        within = Interval(row.start, row.end)
        with_whom = agendas(within=within, now=self.now, physicians=[row.physician_id])
        return [gate for agenda in with_whom for gate in actions.risks_with(row, agenda)]

    def _standing(self) -> Standing:
        """The patient's facts, and what there is of the later steps; one query."""
        user, of = self.user, {"patient": OuterRef("pk")}
        plans = Subscription.objects.visible_to(user).filter(**of).exclude(status=Plan.CANCELLED)
        written = Prescription.objects.visible_to(user).filter(**of, ended_at__isnull=True)
        parcels = Delivery.objects.visible_to(user).filter(**of).exclude(status__in=OVER)
        planned = TreatmentSession.objects.visible_to(user).filter(**of, status=Session.SCHEDULED)
        mine = Patient.objects.visible_to(user).filter(pk=self.row.patient_id)
        its = with_facts(mine).annotate(
            plan_=Exists(plans),
            paid_=Exists(plans.filter(periods__status=PeriodStatus.PAID)),
            prescription_=Exists(written),
            parcel_=Exists(parcels),
            session_=Exists(planned),
        )
        row = its.get()
        later = (row.plan_, row.paid_, row.prescription_, row.parcel_, row.session_)
        return Standing(facts_in(row), *later)

    def _follows(self, standing: Standing) -> list[Follows]:
        return follows(standing, SAYS)
