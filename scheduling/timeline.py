"""The chain of care: from the folders' facts to its steps, and to what rows must follow. PURE."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from patients.gates import (
    AGREEMENTS_MISSING,
    NOT_ASSESSED,
    NOT_IDENTIFIED,
    ON_HOLD,
    OUT_OF_AREA,
    PatientFacts,
    patient_gates,
)
from records.gates import UnmetGate
from scheduling.consultations.gates import NO_LICENCE, PHYSICIAN_AWAY, approval_missing
from scheduling.deliveries.gates import (
    ParcelFacts,
    choose_gates,
    hold_reasons,
    lost_window_gates,
    window_gates,
)
from scheduling.intervals import wall_before
from scheduling.prescriptions.gates import NO_FILL_LEFT, NOT_PRESCRIBED
from scheduling.prescriptions.refills import Prescribed, fills_left, last_fill_day
from scheduling.sessions.gates import (
    MEASURE_BEFORE,
    NOT_FINISHED,
    START_BEFORE,
    TO_START,
    SessionFacts,
    hold_gates,
    reading_gates,
    waiting_gates,
)
from scheduling.subscriptions.gates import (
    ENDED,
    PeriodFacts,
    SubscriptionFacts,
    payment_gates,
    standing_gates,
)

DAY = timedelta(days=1)
STAYS_HELD = ("staff", "ended")  # until a person releases it, or calls it back
BLOCKING = ("out_of_area", "on_hold", "declined")
TO_BOOK = UnmetGate("consultation_missing", "Book your free consultation.", "patient")
TO_PLAN = UnmetGate("session_missing", "Plan your session at home.", "patient")
SESSION_HELD = UnmetGate("session_held", "Choose another time.", "patient")
CHECK_IN_MISSING = UnmetGate("check_in_missing", "Tell us how you feel.", "patient")
PARCEL_HELD = UnmetGate(
    "parcel_held", "Your parcel is kept for now; we tell you when it goes on.", "staff"
)
RECEIPT_UNCONFIRMED = UnmetGate(
    "receipt_unconfirmed", "Tell us whether your parcel is there.", "patient"
)
PARCEL_RETURNS = UnmetGate(
    "parcel_returns", "Your parcel goes back; we call you about another.", "staff"
)
PARCEL_MISSING = UnmetGate("parcel_missing", "We are looking for your parcel.", "staff")
PARCEL_NOT_TAKEN = UnmetGate(
    "parcel_not_taken", "Nobody could take your parcel; we see to what comes next.", "staff"
)
PARCEL_UNDECIDED = UnmetGate(
    "parcel_undecided",
    "Your physician decides about another parcel; nothing for you to do.",
    "physician",
)
OF_STATUS = {
    "held": PARCEL_HELD,
    "delivered_unverified": RECEIPT_UNCONFIRMED,
    "returning": PARCEL_RETURNS,
    "investigating": PARCEL_MISSING,
    "attempted": PARCEL_NOT_TAKEN,
}
AT_THE_PHARMACY = ("awaiting_window", "scheduled")
ON_THE_ROAD = ("dispatched", "out_for_delivery", "attempted")
PACKED = ("packed", *ON_THE_ROAD, "delivered_unverified", "returning", "investigating")
OVER = ("delivered", "returned", "lost", "cancelled")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A consultation; ``risks``: why a booked one cannot take place; ``told``: which were told."""

    id: UUID
    status: str
    start: datetime
    end: datetime
    risks: Sequence[UnmetGate] = ()
    told: Sequence[str] = ()
    physician: UUID | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """A billing period with its plan's deliveries: how many were ``made``, and the last number."""

    id: UUID
    facts: PeriodFacts
    is_open: bool
    deliveries: int
    made: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The subscription. ``paid_until``: the first day after its last paid month."""

    id: UUID
    facts: SubscriptionFacts
    months: Sequence[Month]
    paused_until: date | None
    ends_on: date | None
    moved: bool
    paid_until: date


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery; ``asked``: a human was asked to call about its window.

    ``undecided``: it is lost, and a physician has not said yet what follows.
    """

    id: UUID
    status: str
    facts: ParcelFacts
    packed: bool
    choose_by: datetime
    reminded: bool
    asked: bool
    held_because: str
    delivered_at: datetime | None
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A treatment session."""

    id: UUID
    status: str
    start: datetime
    end: datetime
    facts: SessionFacts
    finished_at: datetime | None
    checked_in: bool
    physician: UUID | None = None


@dataclass(frozen=True, slots=True)
class Care:
    """All that the chain of one patient is computed from, at ``now``; ``zone`` is IANA.

    ``physician``: the name of whoever decided last; empty while nobody has.
    """

    patient_id: UUID
    now: datetime
    zone: str
    patient: PatientFacts
    outcome: str
    physician: str
    prescribed: Prescribed | None
    plan: Plan | None
    meetings: Sequence[Meeting]
    parcels: Sequence[Parcel]
    sessions: Sequence[Session]
    in_transition: bool
    hold_asked: bool
    values: Mapping[str, int]

    @property
    def today(self) -> date:
        """The day where the patient lives."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        """When a day begins where the patient lives."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def looked_at_by(self) -> datetime | None:
        """Until when a physician should have looked at what holds the patient."""
        since = self.patient.held_since
        days = self.values["hold_answer_days"] * DAY
        return wall_before(since, self.zone, -days) if since else None

    def held_until(self, session: "Session") -> datetime:
        """When another time has to be chosen for one that is held, unless a physician is to look:
        at midnight, some days after the one that it had.
        """
        day = session.end.astimezone(ZoneInfo(self.zone)).date()
        return self.midnight(day + self.values["session_choice_days"] * DAY)

    @property
    def parcel(self) -> Parcel | None:
        """The delivery that is open."""
        return next((p for p in self.parcels if p.status not in OVER), None)


# --- steps ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the chain. ``state``: done, current, waiting or blocked; ``at`` in UTC."""

    key: str
    title: str
    done: bool
    at: datetime | None = None
    unmet: Sequence[UnmetGate] = ()
    object: tuple[str, UUID] | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """Who acts next (patient, physician, staff, pharmacy or nobody), on what, until when."""

    who: str
    detail: str
    until: datetime | None


def steps(care: Care) -> list[Step]:
    """The chain as it stands: each step with what it waits for, and of whom."""
    found = [
        _assessment(care), _consultation(care), _decision(care), _agreements(care), _plan(care),
        _payment(care), _prescription(care), _delivery(care), _session(care), _check_in(care),
    ]  # fmt: skip
    told, reached = [], False
    for step in found:
        blocked = any(gate.code in BLOCKING for gate in step.unmet)
        state = (
            "done" if step.done else "blocked" if blocked else "waiting" if reached else "current"
        )
        reached = reached or not step.done
        unmet = [_with_who_looks(gate, care) for gate in step.unmet]
        told.append(replace(step, state=state, unmet=unmet))
    return told


def _with_who_looks(gate: UnmetGate, care: Care) -> UnmetGate:
    """A hold names whoever decided last, and until when they look, while that lies ahead."""
    if gate.code not in (ON_HOLD.code, PARCEL_UNDECIDED.code):
        return gate
    detail = gate.detail.replace("Your physician", care.physician or "Your physician")
    by = care.looked_at_by if gate.code == ON_HOLD.code else None
    return replace(gate, detail=detail, until=by if by and by > care.now else None)


def next_of(found: Sequence[Step], now: datetime) -> Next:
    """Who acts next: by the first step that is not done and asks for something."""
    step = next_step(found, now)
    if step is None:
        return Next("nobody", "There is nothing for you to do.", None)
    if step.unmet:
        gate = step.unmet[0]
        return Next(gate.who, gate.detail, gate.until)
    return Next("nobody", f"{step.title}: nothing for you to do until then.", step.at)


def next_step(found: Sequence[Step], now: datetime) -> Step | None:
    """The first step that is not done and asks for something, or is to come at a time."""
    return next(
        (s for s in found if not s.done and (s.unmet or (s.at is not None and s.at > now))), None
    )


def _assessment(care: Care) -> Step:
    unmet = [] if care.patient.assessed else [NOT_ASSESSED]
    return Step("assessment", "Your free assessment", done=care.patient.assessed, unmet=unmet)


def _consultation(care: Care) -> Step:
    title = "Your free consultation"
    coming = [m for m in care.meetings if m.status in ("booked", "arrived")]
    held = [m for m in care.meetings if m.status == "completed"]
    if coming:
        meeting = coming[0]
        about = ("consultation", meeting.id)
        return Step(
            "consultation",
            title,
            done=bool(held),
            at=meeting.start,
            unmet=meeting.risks,
            object=about,
        )
    if held:
        return Step(
            "consultation",
            title,
            done=True,
            at=held[-1].start,
            object=("consultation", held[-1].id),
        )
    return Step("consultation", title, done=False, unmet=[*patient_gates(care.patient), TO_BOOK])


def _decision(care: Care) -> Step:
    unmet = approval_missing(care.outcome)
    if unmet and not care.patient.identified:
        unmet = [*unmet, NOT_IDENTIFIED]
    if not care.patient.clear:
        unmet = [ON_HOLD, *unmet]
    return Step("decision", "The physician's decision", done=not unmet, unmet=unmet)


def _agreements(care: Care) -> Step:
    unmet = [] if care.patient.agreed else [AGREEMENTS_MISSING]
    return Step("agreements", "Two agreements", done=not unmet, unmet=unmet)


def _plan(care: Care) -> Step:
    facts = care.plan.facts if care.plan else SubscriptionFacts()
    unmet = [*([] if care.patient.served else [OUT_OF_AREA]), *standing_gates(facts)]
    about = ("subscription", care.plan.id) if care.plan else None
    return Step("plan", "Your plan", done=not unmet, unmet=unmet, object=about)


def _payment(care: Care) -> Step:
    months = care.plan.months if care.plan else []
    month = next((m for m in months if m.is_open), months[-1] if months else None)
    if month is None:
        return Step("payment", "Your month", done=False)
    unmet = payment_gates(month.facts) if month.is_open else []
    done, about = month.facts.paid, ("billing_period", month.id)
    return Step("payment", "Your month", done=done, unmet=unmet, object=about)


def _prescription(care: Care) -> Step:
    unmet = []
    if care.prescribed is None:
        unmet = [NOT_PRESCRIBED]
    elif not care.parcel and (
        not fills_left(care.prescribed) or care.today > last_fill_day(care.prescribed)
    ):
        unmet = [NO_FILL_LEFT]
    return Step("prescription", "Your prescription", done=not unmet, unmet=unmet)


def _delivery(care: Care) -> Step:
    title, parcel = "Your delivery", care.parcel
    if parcel is None:
        last = care.parcels[-1] if care.parcels else None
        arrived = last is not None and last.status == "delivered"
        about = ("delivery", last.id) if last else None
        at = last.delivered_at if last else None
        unmet = [PARCEL_UNDECIDED] if any(p.undecided for p in care.parcels) else []
        return Step("delivery", title, done=arrived, at=at, unmet=unmet, object=about)
    facts = parcel.facts
    at = facts.window.start if facts.window else None
    unmet = list(hold_reasons(facts))
    if parcel.status in AT_THE_PHARMACY:
        unmet += [g for g in choose_gates(facts) if g not in unmet]
        to_choose = [g for g in window_gates(facts) if g.who == "patient"]
        unmet += [g for g in window_gates(facts) if g not in to_choose]
        unmet += [replace(g, until=g.until or parcel.choose_by) for g in to_choose]
    else:
        unmet += _waits_for(parcel)
    return Step("delivery", title, done=False, at=at, unmet=unmet, object=("delivery", parcel.id))


def _waits_for(parcel: Parcel) -> list[UnmetGate]:
    told = OF_STATUS.get(parcel.status)
    return [told] if told else []


def _session(care: Care) -> Step:
    title = "Your session at home"
    coming = [s for s in care.sessions if s.status in ("scheduled", "held", "in_progress")]
    if coming:
        session = coming[0]
        unmet = hold_gates(session.facts, care.now)
        unmet += [g for g in waiting_gates(session.facts) if g not in unmet]
        if session.status == "held" and care.patient.clear:
            unmet.append(replace(SESSION_HELD, until=care.held_until(session)))
        unmet += _at_its_time(session, care.now)
        return Step(
            "session",
            title,
            done=False,
            at=None if session.status == "held" else session.start,
            unmet=unmet,
            object=("session", session.id),
        )
    done = [s for s in care.sessions if s.status == "completed"]
    about = ("session", done[-1].id) if done else None
    return Step("session", title, done=bool(done), unmet=[] if done else [TO_PLAN], object=about)


def _at_its_time(session: Session, now: datetime) -> list[UnmetGate]:
    """What a session asks of the patient when its time has come: measure, start, measure again."""
    if session.status == "in_progress":
        return [replace(NOT_FINISHED, until=session.end)]
    if session.status != "scheduled" or not session.start - MEASURE_BEFORE <= now < session.end:
        return []
    if to_measure := reading_gates(session.facts, now):
        return [replace(gate, until=session.start) for gate in to_measure]
    return [replace(TO_START, until=session.end)] if now >= session.start - START_BEFORE else []


def _check_in(care: Care) -> Step:
    done = [s for s in care.sessions if s.status == "completed"]
    if not done:
        return Step("check_in", "How you feel afterwards", done=False)
    last = done[-1]
    unmet = []
    if not last.checked_in and last.finished_at:
        unmet = [replace(CHECK_IN_MISSING, until=last.finished_at + 2 * DAY)]
    about = ("session", last.id)
    return Step(
        "check_in", "How you feel afterwards", done=last.checked_in, unmet=unmet, object=about
    )


# --- what rows must follow ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a row needs: ``do`` names it, ``id`` the row, ``with_`` what it also takes."""

    do: str
    id: UUID
    with_: str | int | date | None = None


def changes(care: Care) -> list[Change]:
    """What rows must follow; nothing when all follow already."""
    return [
        *_of_meetings(care),
        *_of_plan(care),
        *_of_parcel(care),
        *_new_parcel(care),
        *_of_sessions(care),
        *_of_patient(care),
    ]


def shared(care: Care) -> set[tuple[str, UUID]]:
    """What moved for others as well, of what moves rows: a gate, and the physician it is about."""
    met = [(m.physician, m.risks) for m in care.meetings if {g.code for g in m.risks} - {*m.told}]
    planned = (s for s in care.sessions if s.status == "scheduled")
    met += [(s.physician, s.facts.physician_risks) for s in planned]
    of_physician = (NO_LICENCE.code, PHYSICIAN_AWAY.code)
    return {
        (gate.code, physician)
        for physician, risks in met
        for gate in risks
        if physician and gate.code in of_physician
    }


def _of_meetings(care: Care) -> Iterator[Change]:
    for meeting in care.meetings:
        if [gate.code for gate in meeting.risks] != list(meeting.told):
            yield Change("note_risk" if meeting.risks else "clear_risk", meeting.id)


def _of_plan(care: Care) -> Iterator[Change]:
    plan = care.plan
    if plan is None or plan.facts.status == "cancelled":
        return
    if not care.patient.served and plan.ends_on is None:
        yield Change("set_ending", plan.id, plan.paid_until)
    elif care.patient.served and plan.moved:
        yield Change("set_ending", plan.id)
    elif plan.ends_on and plan.ends_on <= care.today:
        yield Change("end", plan.id)
    elif plan.facts.pausing or plan.facts.status == "paused":
        yield from _of_pause(care, plan)
    else:
        yield from _of_months(care, plan)


def _of_pause(care: Care, plan: Plan) -> Iterator[Change]:
    if plan.facts.pausing:
        if not (care.parcel and care.parcel.packed):
            yield Change("pause", plan.id)
        return
    back = plan.paused_until and plan.paused_until <= care.today
    if back and care.patient.served and not approval_missing(care.outcome):
        yield Change("resume", plan.id)


def _of_months(care: Care, plan: Plan) -> Iterator[Change]:
    if plan.facts.status == "active" and any(
        month.is_open and month.facts.due_at <= care.now for month in plan.months
    ):
        yield Change("past_due", plan.id)
    opens = _opens_on(care, plan)
    if opens and opens <= care.today:
        yield Change("open_period", plan.id)


def _opens_on(care: Care, plan: Plan) -> date | None:
    """The day on which the next month is asked for: some days before, once the last is paid."""
    last = plan.months[-1] if plan.months else None
    if last is None or not last.facts.paid:
        return None
    if plan.ends_on and plan.ends_on <= last.facts.ends_on:
        return None
    return last.facts.ends_on - care.values["billing_opens_before"] * DAY


def _of_parcel(care: Care) -> Iterator[Change]:
    parcel = care.parcel
    if parcel is None:
        return
    reasons = hold_reasons(parcel.facts)
    if parcel.status == "held":
        yield from _of_held(parcel, reasons)
    elif reasons and parcel.status in ON_THE_ROAD:
        yield Change("recall_delivery", parcel.id)
    elif reasons and parcel.status in (*AT_THE_PHARMACY, "packed"):
        yield Change("hold_delivery", parcel.id, reasons[0].code)
    elif parcel.status == "packed":
        yield from _of_packed(care, parcel)
    elif parcel.status in AT_THE_PHARMACY:
        yield from _of_waiting(care, parcel)


def _for_nothing(facts: ParcelFacts) -> list[UnmetGate]:
    """Why nobody pays for a parcel any more."""
    return [*standing_gates(facts.subscription), *payment_gates(facts.period)]


def _of_held(parcel: Parcel, reasons: Sequence[UnmetGate]) -> Iterator[Change]:
    if reasons:
        return
    if not parcel.packed and _for_nothing(parcel.facts):
        yield Change("cancel_delivery", parcel.id)
    elif parcel.held_because not in STAYS_HELD:
        yield Change("release_delivery", parcel.id)


def _of_packed(care: Care, parcel: Parcel) -> Iterator[Change]:
    """It is still at the pharmacy: held when its plan has ended, asked about when it is late."""
    if ENDED in _for_nothing(parcel.facts):
        yield Change("hold_delivery", parcel.id, ENDED.code)
    elif _is_late(care, parcel.facts) and not parcel.asked:
        yield Change("ask_about_late", parcel.id)


def _of_waiting(care: Care, parcel: Parcel) -> Iterator[Change]:
    if _for_nothing(parcel.facts):
        yield Change("cancel_delivery", parcel.id)
    elif parcel.status == "awaiting_window":
        yield from _reminder(care, parcel)
    elif _must_choose_anew(care, parcel.facts):
        yield Change("lose_window", parcel.id)


def _is_late(care: Care, facts: ParcelFacts) -> bool:
    return facts.window is not None and facts.window.end <= care.now


def _must_choose_anew(care: Care, facts: ParcelFacts) -> bool:
    """The window closed, belongs to another address, or went by with nothing packed."""
    return _is_late(care, facts) or bool(lost_window_gates(facts))


def _reminder(care: Care, parcel: Parcel) -> Iterator[Change]:
    if parcel.facts.no_signer:
        return
    if care.now >= parcel.choose_by and not parcel.reminded:
        yield Change("remind", parcel.id)
    elif care.now >= parcel.choose_by + DAY and not parcel.asked:
        yield Change("ask_to_choose", parcel.id)


def _new_parcel(care: Care) -> Iterator[Change]:
    """The next parcel of a month that is paid, when none is open and nothing stands against it."""
    plan = care.plan
    if plan is None or care.parcel or standing_gates(plan.facts):
        return
    if not (care.patient.served and care.patient.clear) or approval_missing(care.outcome):
        return
    if any(parcel.undecided for parcel in care.parcels):
        return
    for month in plan.months:
        if month.facts.paid and month.made < month.deliveries:
            yield Change("create_delivery", month.id, month.last + 1)
            return


def _of_sessions(care: Care) -> Iterator[Change]:
    for session in care.sessions:
        if session.status == "held" and care.patient.clear and care.held_until(session) <= care.now:
            yield Change("cancel_session", session.id)
        if session.status != "scheduled":
            continue
        if session.end <= care.now:
            yield Change("miss_session", session.id)
        elif because := hold_gates(session.facts, care.now):
            yield Change("hold_session", session.id, because[0].code)


def _of_patient(care: Care) -> Iterator[Change]:
    """Somebody in treatment moved away: a physician sees to it that care goes on elsewhere. Who is
    held for longer than was said is brought to a physician's mind.
    """
    if care.looked_at_by and care.looked_at_by <= care.now and not care.hold_asked:
        yield Change("ask_about_hold", care.patient_id)
    treated = care.plan is not None and care.plan.facts.status != "cancelled"
    treated = treated or care.parcel is not None
    if treated and not care.patient.served and not care.in_transition:
        yield Change("transition", care.patient_id)


def wake_at(care: Care) -> datetime | None:
    """The next instant at which something follows from time alone."""
    moments = [*_of_sessions_at(care), *_of_parcel_at(care), *_of_plan_at(care)]
    moments += [meeting.end for meeting in care.meetings if meeting.told]
    moments += [care.looked_at_by] if care.looked_at_by else []
    return min((at for at in moments if at > care.now), default=None)


def _of_sessions_at(care: Care) -> Iterator[datetime]:
    for session in care.sessions:
        if session.status == "scheduled":
            yield session.facts.held_from
            yield session.end
        if session.status == "held":
            yield care.held_until(session)


def _of_parcel_at(care: Care) -> Iterator[datetime]:
    parcel = care.parcel
    if parcel and parcel.status == "awaiting_window":
        yield parcel.choose_by
        yield parcel.choose_by + DAY
    if parcel and parcel.status in ("scheduled", "packed") and parcel.facts.window:
        yield parcel.facts.window.end


def _of_plan_at(care: Care) -> Iterator[datetime]:
    plan = care.plan
    if plan is None or plan.facts.status == "cancelled":
        return
    days: Collection[date | None] = (plan.paused_until, plan.ends_on, _opens_on(care, plan))
    yield from (care.midnight(day) for day in days if day)
    yield from (month.facts.due_at for month in plan.months if month.is_open)
