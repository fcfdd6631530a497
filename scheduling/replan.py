"""Makes the rows follow the chain: one patient, one transaction; twice in a row changes nothing."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Role, User
from patients.actions import lock_patient, replan_many
from patients.models import Patient
from records import brake
from records.actor import Actor, sweep
from records.events import raise_work_item
from records.models import Brake, Event, WorkItem
from records.outage import ENDS_A_SWEEP
from scheduling import timeline
from scheduling.calendar.agenda import known_of
from scheduling.consultations.actions import note_risk, risks_with
from scheduling.consultations.models import Consultation
from scheduling.consultations.models import Status as Meeting
from scheduling.deliveries import actions as deliveries
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.models import Status as Parcel
from scheduling.deliveries.standing import Standing, standing_of, standings_of
from scheduling.sessions import actions as sessions
from scheduling.sessions.models import Status as Session
from scheduling.sessions.models import TreatmentSession
from scheduling.subscriptions import actions as subscriptions
from scheduling.subscriptions.models import BillingPeriod, PeriodStatus, Subscription

log = logging.getLogger(__name__)

ROUNDS = 12  # one change may call for another: a month opens, is overdue, and so on
# Changes that ask or note something, and touch no patient.
QUIET = {"clear_risk", "ask_about_late", "ask_to_choose", "transition", "ask_about_hold"}
MEANS = {  # the others, as whoever lets them go reads them
    "note_risk": "an appointment cannot take place",
    "set_ending": "the last day of a plan changes",
    "end": "a plan ends",
    "pause": "a plan is paused",
    "resume": "a paused plan goes on",
    "past_due": "a month counts as paid late",
    "open_period": "a month begins and is to be paid",
    "create_delivery": "a delivery is planned",
    "cancel_delivery": "a delivery is cancelled",
    "hold_delivery": "a delivery is held back",
    "release_delivery": "a delivery goes on",
    "recall_delivery": "a delivery is called back",
    "lose_window": "a delivery needs another time",
    "remind": "a delivery still needs a time",
    "hold_session": "an appointment at home is put on hold",
    "cancel_session": "an appointment at home is cancelled",
    "miss_session": "an appointment at home counts as missed",
}


@transaction.atomic
def replan(patient_id: UUID, *, now: datetime, by: Actor | None = None) -> int:
    """Make all rows of a patient follow; returns how many changes that took.

    ``by`` is who caused it, if it is not a sweep. When nothing has to follow, nothing is written
    but when to look again, if that has changed; nothing at all while the brake holds the cause.
    Changes that call for each other without end are an error of ours: none is kept, and the patient
    stays due.
    """
    patient = lock_patient(patient_id)
    if (
        by is None
        and patient.replan_cause
        and not _may_follow(patient_id, patient.replan_cause, now)
    ):
        return 0
    who = by or Actor(role="system", channel="sweep", cause=patient.replan_cause or sweep().cause)
    count = 0
    for _ in range(ROUNDS):
        care, rows = read(patient_id, now=now)
        wanted = timeline.changes(care)
        if not wanted:
            _keep_summary(rows.patient, care)
            return count
        for change in wanted:
            _APPLY[change.do](rows, change, who, now)
        count += len(wanted)
    raise RuntimeError(f"no end of changes for patient {patient_id}: {[c.do for c in wanted]}")


def read(
    patient_id: UUID, *, now: datetime, among: QuerySet[Patient] | None = None
) -> tuple[timeline.Care, "Rows"]:
    """What the chain of a patient is computed from, and the rows behind it; eight queries at most.

    Raises Patient.DoesNotExist for one who is not ``among`` those whom somebody sees.
    """
    rows = Rows(standing_of(patient_id, now=now, among=among))
    return rows.care(), rows


def read_own(user: User, *, now: datetime) -> timeline.Care | None:
    """What the chain of the patient who looks is computed from; None for who is no patient."""
    mine = Patient.objects.filter(user=user).values_list("pk", flat=True)
    standing = next(iter(standings_of(mine, now=now).values()), None)
    return Rows(standing).care() if standing else None


class Rows:
    """The rows of one patient, read once."""

    def __init__(self, standing: Standing) -> None:
        self.standing, self.now = standing, standing.now
        self.patient = standing.patient
        patient_id = self.patient.pk
        meetings = Consultation.objects.filter(patient=patient_id).select_related("physician")
        meetings = meetings.exclude(status__in=(Meeting.CANCELLED, Meeting.NO_SHOW))
        self.meetings = list(meetings.order_by("start", "pk"))
        for row in self.meetings:
            row.patient = self.patient
        self.sessions = sessions.sessions_of(patient_id)
        self.known = known_of(self._physicians())
        self.asked = self.standing.asked

    def _physicians(self) -> set[UUID]:
        """Those with whom something is ahead."""
        ahead = [row.physician_id for row in self.meetings if row.status == Meeting.BOOKED]
        planned = [row.physician_id for row in self.sessions if row.status == Session.SCHEDULED]
        return {pk for pk in (*ahead, *planned) if pk}

    def care(self) -> timeline.Care:
        """The facts, as the pure functions take them."""
        standing = self.standing
        return timeline.Care(
            patient_id=self.patient.pk,
            now=self.now,
            zone=standing.zone,
            patient=standing.facts,
            outcome=standing.outcome,
            physician=standing.decided_by,
            prescribed=standing.prescribed(),
            plan=self._plan(),
            meetings=[self._meeting(row) for row in self.meetings],
            parcels=[self._parcel(row) for row in standing.deliveries],
            sessions=[self._session(row) for row in self.sessions],
            in_transition=self._asked("transition", self.patient.pk, self._lives_there_since()),
            hold_asked=self._asked("hold_waits", self.patient.pk, self.now - self._hold_answered),
            values=standing.values,
        )

    @property
    def _hold_answered(self) -> timedelta:
        """How long a physician takes; then one who did not clear the hold is asked again."""
        return timedelta(days=self.standing.values["hold_answer_days"])

    def _asked(self, kind: str, about: UUID, since: datetime) -> bool:
        """Whether a human was asked since then, or is asked still."""
        at, status = self.asked.get((kind, about), (None, ""))
        return at is not None and (at >= since or status == WorkItem.Status.OPEN)

    def _is_open(self, kind: str, about: UUID) -> bool:
        return self.asked.get((kind, about), (None, ""))[1] == WorkItem.Status.OPEN

    def _lives_there_since(self) -> datetime:
        address = self.patient.address
        return address.since if address else self.patient.created_at

    def _meeting(self, row: Consultation) -> timeline.Meeting:
        coming = row.status == Meeting.BOOKED and row.end > self.now
        return timeline.Meeting(
            id=row.pk,
            status=row.status,
            start=row.start,
            end=row.end,
            risks=risks_with(row, self.known[row.physician_id]) if coming else [],
            told=row.risks_told,
            physician=row.physician_id,
        )

    def _plan(self) -> timeline.Plan | None:
        row = self.standing.subscription
        if row is None:
            return None
        months = [self._month(period) for period in self.standing.periods]
        counts = [m for m in months if m.facts.paid or m.facts.starts_on <= self.standing.today]
        return timeline.Plan(
            id=row.pk,
            facts=self.standing.subscribed,
            months=months,
            paused_until=row.paused_until,
            ends_on=row.ends_on,
            moved=row.ending == Subscription.Ending.MOVED,
            paid_until=max([*(m.facts.ends_on for m in counts), self.standing.today]),
        )

    def _month(self, row: BillingPeriod) -> timeline.Month:
        rows = [parcel for parcel in self.standing.deliveries if parcel.period_id == row.pk]
        made = [
            parcel
            for parcel in rows
            if parcel.replaces_id is None
            and (parcel.status != Parcel.CANCELLED or parcel.held_because == deliveries.BY_STAFF)
        ]
        return timeline.Month(
            id=row.pk,
            facts=self.standing.period(row),
            is_open=row.status == PeriodStatus.OPEN,
            deliveries=row.plan.deliveries_per_month,
            made=len(made),
            last=max((parcel.number for parcel in rows), default=0),
        )

    def _parcel(self, row: Delivery) -> timeline.Parcel:
        facts, waits = self.standing.parcel(row), self._is_open("no_signer", row.pk)
        return timeline.Parcel(
            id=row.pk,
            status=row.status,
            facts=replace(facts, no_signer=facts.no_signer and waits),
            packed=row.packed_at is not None,
            choose_by=row.choose_by,
            reminded=row.reminded_at is not None,
            asked=self._asked("window_not_chosen", row.pk, row.choose_by)
            or self._asked("parcel_late", row.pk, row.created_at),
            held_because=row.held_because,
            delivered_at=row.delivered_at,
            undecided=row.status == Parcel.LOST and self._is_open("parcel_to_replace", row.pk),
        )

    def _session(self, row: TreatmentSession) -> timeline.Session:
        return timeline.Session(
            id=row.pk,
            status=row.status,
            start=row.start,
            end=row.end,
            facts=sessions.facts_for(row, self.standing, self.sessions, self.known),
            finished_at=row.finished_at,
            checked_in=row.checked_in_at is not None,
            physician=row.physician_id,
        )

    def delivery(self, change: timeline.Change) -> Delivery:
        return next(row for row in self.standing.deliveries if row.pk == change.id)

    def session(self, change: timeline.Change) -> TreatmentSession:
        return next(row for row in self.sessions if row.pk == change.id)

    @property
    def subscription(self) -> Subscription:
        row = self.standing.subscription
        assert row  # noqa: S101  only asked for where there is one
        row.patient = self.patient
        return row


# --- the changes -------------------------------------------------------------------------------

Apply = Callable[[Rows, timeline.Change, Actor, datetime], Any]


def _note_risk(rows: Rows, change: timeline.Change, by: Actor, now: datetime) -> None:
    meeting = next(row for row in rows.meetings if row.pk == change.id)
    note_risk(consultation=meeting, by=by, now=now)


def _set_ending(rows: Rows, change: timeline.Change, by: Actor, now: datetime) -> None:
    ends_on = change.with_ if isinstance(change.with_, date) else None
    subscriptions.set_ending(rows.subscription, ends_on, by=by, now=now)


def _create_delivery(rows: Rows, change: timeline.Change, by: Actor, now: datetime) -> None:
    period = next(row for row in rows.standing.periods if row.pk == change.id)
    number = int(str(change.with_))
    deliveries.create_delivery(
        patient_id=rows.patient.pk, period=period, number=number, by=by, now=now
    )


def _transition(rows: Rows, change: timeline.Change, by: Actor, now: datetime) -> None:
    raise_work_item(
        "transition",
        ("patient", change.id),
        detail="A patient in treatment has moved away: see that care goes on elsewhere.",
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=change.id,
    )


def _ask_about_hold(_: Rows, change: timeline.Change, by: Actor, now: datetime) -> None:
    raise_work_item(
        "hold_waits",
        ("patient", change.id),
        detail="A patient is held for longer than was said: please look, and clear it or call.",
        urgency=WorkItem.Urgency.TODAY,
        for_role=Role.PHYSICIAN,
        by=by,
        now=now,
        patient_id=change.id,
    )


_APPLY: dict[str, Apply] = {
    "note_risk": _note_risk,
    "clear_risk": _note_risk,
    "set_ending": _set_ending,
    "end": lambda r, c, by, now: subscriptions.end_now(r.subscription, by=by, now=now),
    "pause": lambda r, c, by, now: subscriptions.pause_now(r.subscription, by=by, now=now),
    "resume": lambda r, c, by, now: subscriptions.resume_now(r.subscription, by=by, now=now),
    "past_due": lambda r, c, by, now: subscriptions.past_due(r.subscription, by=by, now=now),
    "open_period": lambda r, c, by, now: subscriptions.open_period(r.subscription, by=by, now=now),
    "create_delivery": _create_delivery,
    "cancel_delivery": lambda r, c, by, now: deliveries.cancel_now(r.delivery(c), by=by, now=now),
    "hold_delivery": lambda r, c, by, now: deliveries.hold_now(
        r.delivery(c), str(c.with_), by=by, now=now
    ),
    "release_delivery": lambda r, c, by, now: deliveries.release_now(r.delivery(c), by=by, now=now),
    "recall_delivery": lambda r, c, by, now: deliveries.recall_now(r.delivery(c), by=by, now=now),
    "lose_window": lambda r, c, by, now: deliveries.lose_window(r.delivery(c), by=by, now=now),
    "remind": lambda r, c, by, now: deliveries.remind_to_choose(r.delivery(c), by=by, now=now),
    "ask_about_late": lambda r, c, by, now: deliveries.ask_about_late(
        r.delivery(c), by=by, now=now
    ),
    "ask_to_choose": lambda r, c, by, now: deliveries.ask_to_choose(r.delivery(c), by=by, now=now),
    "hold_session": lambda r, c, by, now: sessions.hold_now(
        r.session(c), str(c.with_), by=by, now=now
    ),
    "cancel_session": lambda r, c, by, now: sessions.cancel_now(r.session(c), by=by, now=now),
    "miss_session": lambda r, c, by, now: sessions.miss(r.session(c), by=by, now=now),
    "transition": _transition,
    "ask_about_hold": _ask_about_hold,
}


def _keep_summary(patient: Patient, care: timeline.Care) -> None:
    """When to look again, and what lists are filtered by; written only where it has changed."""
    found = timeline.steps(care)
    current = next((step for step in found if not step.done), None)
    summary = {
        "replan_due_at": timeline.wake_at(care),
        "replan_cause": None,
        "step": current.key if current else "",
        "unmet_gates": [gate.code for gate in current.unmet] if current else [],
    }
    if summary != {name: getattr(patient, name) for name in summary}:
        Patient.objects.filter(pk=patient.pk).update(**summary)


def _may_follow(patient_id: UUID, cause: UUID, now: datetime) -> bool:
    """Whether what follows from a cause may happen: it touches few, or a person let it go.

    One that touched few is weighed once more only with what it did since, not with all its marks.
    """
    known = Brake.objects.filter(cause=cause).first()
    if known and (known.decided_by_id or known.status != Brake.Status.RELEASED):
        return known.status == Brake.Status.RELEASED
    marked = {patient_id}
    if known is None:
        marked = set(Patient.objects.filter(replan_cause=cause).values_list("pk", flat=True))
        if len(marked) <= brake.MOST:
            return True
    wanted = {pk: {c.do for c in timeline.changes(read(pk, now=now)[0])} - QUIET for pk in marked}
    touched = {pk for pk in marked if wanted[pk]}
    if not touched and known:
        return True
    followed = Event.objects.filter(cause=cause, role="system").exclude(patient_id=None)
    done = set(followed.values_list("patient_id", flat=True)) - touched
    kinds = Counter(kind for each in wanted.values() for kind in each)
    would = ", ".join(f"for {count} {MEANS[kind]}" for kind, count in kinds.most_common(3))
    patients = len(touched | done)
    return brake.weigh(cause, patients=patients, would=would, done=len(done), now=now)


def mark_shared(patients: Iterable[UUID], *, now: datetime) -> None:
    """Give one cause to all of these patients whom one thing meets that nobody marked them for.

    A licence that runs out marks nobody. Only those of whom there are too many for a sweep to go on
    without anybody looking; a patient who is marked already follows what marked them.
    """
    rows = Patient.objects.filter(pk__in=list(patients), replan_cause=None)
    unmarked = list(rows.values_list("pk", flat=True))
    if len(unmarked) <= brake.MOST:
        return
    met: dict[tuple[str, UUID], list[UUID]] = defaultdict(list)
    for pk in unmarked:
        try:
            care, _ = read(pk, now=now)
        except ENDS_A_SWEEP:
            raise
        except Exception:
            log.exception("not_replanned", extra={"patient_id": str(pk)})
            continue
        for what in timeline.shared(care):
            met[what].append(pk)
    for whom in met.values():
        if len(whom) > brake.MOST:
            with transaction.atomic():
                replan_many(whom, by=sweep(), now=now)


def due(*, now: datetime) -> Iterable[UUID]:
    """Patients for whom something follows by now and may, who has waited longest first."""
    held = Brake.objects.filter(status=Brake.Status.WAITING).values("cause")
    rows = Patient.objects.filter(replan_due_at__lte=now).exclude(replan_cause__in=held)
    return rows.order_by("replan_due_at", "pk").values_list("pk", flat=True)
