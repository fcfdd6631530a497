"""Invented people along the way of care, the same ones every time; written through the actions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.factors import give_authenticator
from accounts.models import Role, User
from accounts.practice import practice, set_up
from patients.actions import (
    change_address,
    check_identity,
    confirm_support_person,
    give_consents,
    issue_confirm_token,
    name_support_person,
)
from patients.assessments.actions import submit_assessment
from patients.models import Patient
from patients.questionnaire import QUESTIONS
from records.actor import Actor
from records.values import add_rule, in_force, rule_on
from scheduling.actions import mark_paid, pause
from scheduling.calendar.actions import add_licence, add_time_off, add_working_hours
from scheduling.calendar.agenda import agendas
from scheduling.calendar.models import Physician
from scheduling.calendar.slots import free_slots, offer_of
from scheduling.consultations import actions as consultations
from scheduling.consultations.models import Consultation
from scheduling.deliveries import actions as deliveries
from scheduling.deliveries.carrier.actions import dispatch
from scheduling.deliveries.models import Delivery
from scheduling.deliveries.windows.actions import offered, open_windows
from scheduling.intervals import Interval
from scheduling.prescriptions.actions import AUTHORITY, record_prescription
from scheduling.prescriptions.gates import PHARMACY
from scheduling.replan import replan
from scheduling.sessions import actions as sessions
from scheduling.sessions.models import TreatmentSession
from scheduling.subscriptions import actions as subscriptions
from scheduling.subscriptions.models import Plan

DOMAIN = "@hearth.test"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SESSIONS = ("treated", "session_held", "session_begun", "session_missed")

# first name, last name, born, line 1, city, state, ZIP, stage
PEOPLE = (
    ("Alice", "Alvarez", "1988-04-12", "100 Palafox St", "Pensacola", "FL", "32501", "assessed"),
    ("Bruno", "Baptista", "1979-09-30", "21 Ferry St", "Newark", "NJ", "07105", "assessed"),
    ("Eve", "Ericson", "1991-01-05", "8 Bay Ave", "Toms River", "NJ", "08753", "assessed"),
    ("Carla", "Conte", "1969-02-14", "77 Flagler St", "Miami", "FL", "33130", "booked"),
    ("Dario", "Dunn", "1985-07-21", "5 Ocean Dr", "Destin", "FL", "32541", "declined"),
    ("Elif", "Eker", "1994-11-02", "310 Grove St", "Jersey City", "NJ", "07302", "more_info"),
    ("Femi", "Falana", "1972-05-17", "14 Monroe St", "Tallahassee", "FL", "32301", "confirmed"),
    ("Greta", "Gold", "1960-12-24", "9 Nassau St", "Princeton", "NJ", "08542", "approved"),
    ("Hugo", "Hart", "1999-03-08", "620 Main St", "Gainesville", "FL", "32601", "subscribed"),
    ("Iris", "Ibarra", "1982-08-19", "43 Duval St", "Key West", "FL", "33040", "awaiting_window"),
    ("Jonas", "Jung", "1976-06-06", "2 Cooper St", "Camden", "NJ", "08102", "scheduled"),
    ("Kira", "Kaplan", "1990-10-10", "88 Harbor Blvd", "Panama City", "FL", "32401", "packed"),
    (
        "Liam",
        "Lopes",
        "1965-01-29",
        "17 Atlantic Ave",
        "Atlantic City",
        "NJ",
        "08401",
        "dispatched",
    ),
    ("Maya", "Meyer", "1987-09-09", "501 Tampa St", "Tampa", "FL", "33602", "completed"),
    ("Noah", "Nolan", "1993-04-27", "66 Broad St", "Red Bank", "NJ", "07701", "no_show"),
    ("Olga", "Orlova", "1970-07-07", "12 Orange Ave", "Orlando", "FL", "32801", "out_for_delivery"),
    ("Pablo", "Prieto", "1984-02-02", "30 Park Ave", "Hoboken", "NJ", "07030", "cancelled"),
    ("Quinn", "Quist", "1996-12-12", "71 Beach Rd", "Sarasota", "FL", "34236", "delivered"),
    ("Rosa", "Rinaldi", "1958-05-05", "4 Church St", "Montclair", "NJ", "07042", "moved_away"),
    ("Sven", "Sorensen", "1980-11-11", "900 Bay St", "Jacksonville", "FL", "32202", "flagged"),
    ("Tara", "Tanaka", "1992-06-23", "15 State St", "Trenton", "NJ", "08608", "attempted"),
    ("Umar", "Usman", "1977-03-31", "39 Reid Ave", "Port St Joe", "FL", "32456", "assessed"),
    ("Vera", "Vogel", "1989-08-08", "250 Second St", "Wewahitchka", "FL", "32465", "booked"),
    ("Wanda", "Webb", "1967-10-20", "6 Lake Rd", "Ocala", "FL", "34471", "delivered_unverified"),
    ("Xenia", "Xu", "1995-05-15", "18 Easton Ave", "New Brunswick", "NJ", "08901", "held"),
    ("Yann", "Young", "1973-09-01", "45 Ridge Rd", "Morristown", "NJ", "07960", "returning"),
    (
        "Zoe",
        "Zeller",
        "1986-01-18",
        "610 Clematis St",
        "West Palm Beach",
        "FL",
        "33401",
        "returned",
    ),
    ("Amir", "Aziz", "1998-02-26", "33 Gulf Shore Blvd", "Naples", "FL", "34102", "investigating"),
    ("Bella", "Brandt", "1963-04-04", "22 Speedwell Ave", "Vineland", "NJ", "08360", "lost"),
    ("Cyrus", "Cole", "1981-12-01", "7 Central Ave", "Marianna", "FL", "32446", "treated"),
    ("Dana", "Dietz", "1991-06-01", "3 Cedar Ln", "Ocala", "FL", "34471", "past_due"),
    ("Emil", "Engel", "1968-02-20", "19 Park Pl", "Morristown", "NJ", "07960", "paused"),
    ("Flora", "Fox", "1983-03-03", "51 Lake Ave", "Sarasota", "FL", "34236", "cancelled_plan"),
    ("Gino", "Gallo", "1974-10-09", "8 High St", "Vineland", "NJ", "08360", "session_held"),
    ("Hana", "Haas", "1997-07-17", "27 Bay Rd", "Naples", "FL", "34102", "session_begun"),
    ("Ivo", "Ivers", "1962-11-30", "90 Elm St", "Red Bank", "NJ", "07701", "session_missed"),
    ("Jada", "Jones", "1990-03-14", "41 Palm Ave", "Pensacola", "FL", "32501", "here"),
    ("Kurt", "Kern", "1971-06-08", "16 Market St", "Newark", "NJ", "07105", "today"),
    ("Lena", "Lang", "1986-09-25", "8 Harbor Blvd", "Destin", "FL", "32541", "today"),
    ("Milo", "Mraz", "1994-01-19", "52 Cooper St", "Camden", "NJ", "08102", "today"),
    ("Nina", "Norris", "1979-12-02", "30 Tampa St", "Tampa", "FL", "33602", "completed"),
    ("Omar", "Ortiz", "1966-08-15", "11 Nassau St", "Princeton", "NJ", "08542", "assessed"),
    ("Pia", "Pohl", "1983-05-30", "19 Duval St", "Key West", "FL", "33040", "session_held"),
    ("Rafa", "Reyes", "1992-02-11", "73 Bay St", "Jacksonville", "FL", "32202", "flagged"),
    ("Saul", "Stone", "1959-10-27", "6 Reid Ave", "Panama City", "FL", "32401", "today"),
)
ZONES = {"32456": "America/New_York", "32465": "America/Chicago"}
PLANS = (("Essential", "250.00", 4, 1), ("Steady", "350.00", 6, 1), ("Close", "450.00", 8, 2))


@transaction.atomic
def load(now: datetime) -> bool:
    """Write the demo down, relative to ``now``; False when anybody is in the database already."""
    if User.objects.exists():
        return False
    begun = now - 40 * DAY
    physicians = _practice(begun, now)
    _plans()
    _rule(physicians[0], now)
    for opened_at in (begun, now - 20 * DAY, now):
        open_windows(now=opened_at)
    for number, person in enumerate(PEOPLE):
        _walk(number, person, physicians[number % 2], now)
    for patient in Patient.objects.order_by("pk").values_list("pk", flat=True):
        replan(patient, now=now)
    return True


def refuse_beside_real_texts() -> None:
    """Raises ImproperlyConfigured where real texts would leave beside invented people."""
    if not settings.SANDBOX and User.objects.filter(email__iendswith=DOMAIN).exists():
        raise ImproperlyConfigured(
            "Real Twilio credentials are set, and demo people are in the database: nothing is "
            "sent. Use an empty database with DEMO=0, or take the credentials out."
        )


def answers(**given: Any) -> dict[str, Any]:
    """Answers that raise no flag, but for those given."""
    calm = {q.key: q.options[0] for q in QUESTIONS if q.required and q.type == "choice"}
    return {**calm, "reason": ["depression"], "meds": ["none"], **given}


def _practice(begun: datetime, now: datetime) -> list[Physician]:
    sam = _colleague("sam", "Sam Sand", Role.STAFF)
    ours = practice()
    set_up(name=ours.name, phone=str(ours.phone), time_zone=ours.time_zone, by=_by(sam), now=begun)
    _colleague("admin", "Ada Admin", Role.ADMINISTRATOR, is_superuser=True)
    chen = _physician("chen", "Dr. Chen", "+18505550111", "https://video.hearth.test/chen")
    rivera = _physician("rivera", "Dr. Rivera", "+19735550112", "")
    for physician in (chen, rivera):
        _hours(physician, begun)
    away = datetime.combine(now.date() + 20 * DAY, time(), UTC)
    add_time_off(physician=rivera, start=away, end=away + 3 * DAY, by=_by(rivera.user), now=begun)
    return [chen, rivera]


def _hours(physician: Physician, begun: datetime) -> None:
    by = _by(physician.user)
    for weekday in range(5):
        for opens, closes in ((time(8, 30), time(12)), (time(13), time(17))):
            add_working_hours(
                physician=physician, weekday=weekday, opens=opens, closes=closes, by=by, now=begun
            )
    for state in ("FL", "NJ"):
        add_licence(
            physician=physician,
            state=state,
            number=f"{state}-DEMO",
            valid_from=date(2020, 1, 1),
            expires_on=begun.date() + 700 * DAY,
            by=by,
            now=begun,
        )


def _colleague(name: str, full_name: str, role: str, **more: Any) -> User:
    user = User.objects.create_user(
        role=role, name=full_name, email=name + DOMAIN, password=settings.DEMO_PASSWORD, **more
    )
    give_authenticator(user)
    return user


def _physician(name: str, full_name: str, phone: str, join_url: str) -> Physician:
    user = _colleague(name, full_name, Role.PHYSICIAN, phone=phone)
    return Physician.objects.create(user=user, name=full_name, join_url=join_url)


def _plans() -> None:
    Plan.objects.bulk_create(
        Plan(
            name=name,
            monthly_price=Decimal(price),
            sessions_per_month=sessions,
            deliveries_per_month=deliveries,
        )
        for name, price, sessions, deliveries in PLANS
    )


def _rule(physician: Physician, now: datetime) -> None:
    """The demo goes on when the real rule has ended; with one that says that it is invented."""
    if rule_on(AUTHORITY, state="US", day=now.date()) is None:
        add_rule(
            code=AUTHORITY,
            state="US",
            valid_from=date(2027, 1, 1),
            valid_to=None,
            text="Invented for the demo.",
            source="none",
            user_id=physician.user_id,
            by=_by(physician.user),
            now=now,
        )


def _by(user: User) -> Actor:
    return Actor(role=user.role, user_id=user.pk)


def _walk(number: int, person: tuple[str, ...], physician: Physician, now: datetime) -> None:
    """Somebody goes through their stage, at times before ``now``."""
    stage = person[-1]
    came = now - (20 + number % 10) * DAY
    patient = _assess(number, person, came)
    by = _by(patient.user)
    if stage in ("booked", "confirmed", "moved_away", "cancelled"):
        meeting = _book(patient, physician, now + DAY * (1 + number % 6), now - DAY)
        if stage == "confirmed":
            consultations.confirm(consultation=meeting, by=by, now=now - DAY / 2)
        elif stage == "cancelled":
            consultations.cancel(consultation=meeting, reason="", by=by, now=now - DAY / 2)
        elif stage == "moved_away":
            _move_away(patient, by, now - DAY / 4)
    elif stage in ("here", "today"):
        _come_today(patient, physician, stage, now)
    elif stage not in ("assessed", "flagged"):
        meeting = _book(patient, physician, came + 4 * DAY, came + DAY)
        _hold_talk(patient, meeting, stage, now)


def _hold_talk(patient: Patient, meeting: Consultation, stage: str, now: datetime) -> None:
    theirs = _by(meeting.physician.user)
    if stage == "no_show":
        consultations.no_show(consultation=meeting, by=theirs, now=meeting.end)
        return
    consultations.arrive(
        consultation=meeting, state=meeting.location_state, by=theirs, now=meeting.start
    )
    consultations.complete(consultation=meeting, note="", by=theirs, now=meeting.end)
    if stage != "completed":
        _decide(patient, meeting, stage, now)


def _come_today(patient: Patient, physician: Physician, stage: str, now: datetime) -> None:
    """Somebody comes on the day on which the demo is loaded, or is there already.

    Loaded at night, they come in the morning.
    """
    meeting = _book(patient, physician, now - HOUR * (stage == "here"), now - DAY)
    if patient.last_name < "M":
        consultations.confirm(consultation=meeting, by=_by(patient.user), now=now - HOUR * 4)
    if meeting.start <= now:
        consultations.arrive(
            consultation=meeting,
            state=meeting.location_state,
            by=_by(physician.user),
            now=meeting.start,
        )


def _assess(number: int, person: tuple[str, ...], came: datetime) -> Patient:
    first, last, born, line1, city, state, code, stage = person
    area = "850" if state == "FL" else "973"
    address = {"line1": line1, "city": city, "state": state, "postal_code": code}
    if code in ZONES:
        address["time_zone"] = ZONES[code]
    assessment, _ = submit_assessment(
        person={
            "first_name": first,
            "last_name": last,
            "date_of_birth": date.fromisoformat(born),
            "phone": f"+1{area}55501{number + 20:02d}",
            "email": first.lower() + DOMAIN,
        },
        address=address,
        answers=answers(sud="yes") if stage == "flagged" else answers(),
        consents={"privacy": True, "telehealth": True, "sms": True},
        by=Actor(role="visitor"),
        now=came,
    )
    assert assessment.patient  # noqa: S101  submitted assessments have one
    return assessment.patient


def _book(patient: Patient, physician: Physician, start: datetime, now: datetime) -> Consultation:
    return consultations.book(
        patient=patient,
        physician=physician.pk,
        start=next(_free(patient, physician, start, now)),
        kind="initial",
        location={"state": patient.address.state if patient.address else ""},
        by=_by(patient.user),
        now=now,
    )


def _free(
    patient: Patient, physician: Physician, start: datetime, now: datetime
) -> Iterator[datetime]:
    within = Interval(start, start + 10 * DAY)
    offer = offer_of("initial", in_force(now), now)
    state = patient.address.state if patient.address else ""
    for agenda in agendas(within=within, now=now, physicians=[physician.pk]):
        for slot in free_slots(agenda, offer, state=state, within=within, zone=patient.time_zone):
            yield slot.start


def _decide(patient: Patient, meeting: Consultation, stage: str, now: datetime) -> None:
    at, by = meeting.end + HOUR, _by(meeting.physician.user)
    check_identity(patient=patient, document="drivers_license", last4="0101", by=by, now=at)
    outcome = stage if stage in ("declined", "more_info") else "approved"
    consultations.decide(
        consultation=meeting,
        outcome=outcome,
        note="",
        physician=meeting.physician,
        by=by,
        now=at,
    )
    if outcome == "approved" and stage != "approved":
        _treat(Care(patient, meeting.physician, at, now), stage)


@dataclass(frozen=True, slots=True)
class Care:
    """Somebody who was approved ``since`` some time, and who acts for them; all in UTC."""

    patient: Patient
    physician: Physician
    since: datetime
    now: datetime

    @property
    def by(self) -> Actor:
        return _by(self.patient.user)

    @property
    def sam(self) -> Actor:
        return _by(User.objects.get(role=Role.STAFF))


def _treat(care: Care, stage: str) -> None:
    """Subscribe, pay, prescribe; then on to the stage of the parcel or the session."""
    patient, by, at = care.patient, care.by, care.since
    agreed = {"treatment": True, "safekeeping": True}
    give_consents(patient=patient, consents=agreed, by=by, now=at)
    plan = Plan.objects.order_by("monthly_price")[int(patient.last_name < "M")]
    plan_of = subscriptions.subscribe(patient=patient, plan=plan, by=by, now=at + HOUR)
    if stage in ("subscribed", "past_due"):
        return
    mark_paid(subscription=plan_of, number=1, paid_reference="demo", by=care.sam, now=at + 2 * HOUR)
    if stage == "paused":
        pause(subscription=plan_of, until=None, by=by, now=care.now - DAY)
    elif stage == "cancelled_plan":
        subscriptions.cancel(subscription=plan_of, at_once=True, by=by, now=care.now - DAY)
    elif stage != "awaiting_window":
        _prescribe(care)
        _bring(care, stage)


def _prescribe(care: Care) -> None:
    at = care.since + 3 * HOUR
    record_prescription(
        patient=care.patient,
        physician=care.physician,
        issued_on=at.astimezone(PHARMACY).date(),
        days_supply=28,
        sessions=4,
        refills=2,
        use_by=care.now.date() + 120 * DAY,
        external_reference=f"DEMO-{care.patient.pk}",
        registry_checked_at=at - HOUR,
        by=_by(care.physician.user),
        now=at,
    )


def _bring(care: Care, stage: str) -> None:
    """The parcel, to its stage: in a window to come, or in one that has been."""
    parcel = Delivery.objects.get(patient=care.patient)
    ahead = stage in ("scheduled", "packed", "dispatched", "held")
    chosen_at = care.now - HOUR if ahead else care.since + 4 * HOUR
    windows = offered(care.patient, (chosen_at, care.now + 20 * DAY), now=chosen_at)
    been = [window for window in windows if window.ends < care.now]
    treated = stage in SESSIONS
    window = windows[0] if ahead or treated or not been else been[-1]
    signer = {"name": str(care.patient.user.name), "date_of_birth": date(1970, 1, 1)}
    deliveries.choose_window(
        delivery=parcel, window=window, signer=signer, by=care.by, now=chosen_at
    )
    if ahead:
        _make_ready(care, parcel, stage)
    else:
        _send(care, parcel, window.starts, stage)


def _make_ready(care: Care, parcel: Delivery, stage: str) -> None:
    by, now = care.sam, care.now
    if stage == "held":
        deliveries.hold(delivery=parcel, reason="staff", by=by, now=now)
    if stage in ("packed", "dispatched"):
        deliveries.pack(delivery=parcel, by=by, now=now)
    if stage == "dispatched":
        number = f"1Z-{parcel.reference}"
        dispatch(delivery=parcel, carrier="UPS", tracking=number, by=by, now=now)


def _send(care: Care, parcel: Delivery, starts: datetime, stage: str) -> None:
    to: dict[str, Any] = {"delivery": parcel, "by": care.sam}
    deliveries.pack(**to, now=starts - 20 * HOUR)
    number = f"1Z-{parcel.reference}"
    dispatch(**to, carrier="UPS", tracking=number, now=starts - 18 * HOUR)
    if stage in ("investigating", "lost"):
        deliveries.look_for(**to, now=starts + DAY)
        if stage == "lost":
            deliveries.lose(**to, now=starts + DAY + HOUR)
        return
    deliveries.out_for_delivery(**to, now=starts)
    later = starts + HOUR
    if stage in ("attempted", "returning", "returned"):
        deliveries.attempt(**to, code="no_adult", now=later)
    if stage in ("returning", "returned"):
        deliveries.recall(**to, now=later + HOUR)
    if stage == "returned":
        deliveries.take_back(**to, seal_ok=True, now=later + DAY)
    if stage in ("delivered", "delivered_unverified", *SESSIONS):
        relation = "neighbor" if stage == "delivered_unverified" else "signer"
        to |= {"signed_by": str(care.patient.user.name), "relation": relation}
        deliveries.deliver(**to, id_checked=True, signer_age=50, now=later)
    if stage in ("delivered", *SESSIONS):
        _hold_session(care, later + HOUR, stage)


def _hold_session(care: Care, at: datetime, stage: str) -> None:
    """The first session, after the parcel came; for who was just delivered to, one to come."""
    patient, by = care.patient, care.by
    friend = name_support_person(
        patient=patient,
        name="Robin Friend",
        born=date(1980, 1, 1),
        phone="+18505550198",
        by=by,
        now=at,
    )
    confirm_support_person(token=issue_confirm_token(friend), by=Actor(role="visitor"), now=at)
    planned_at = care.now - HOUR if stage == "delivered" else at
    start = next(_free(patient, care.physician, planned_at + 5 * HOUR, planned_at))
    session = sessions.plan(patient=patient, start=start, by=by, now=planned_at)
    if stage in ("treated", "session_held", "session_begun"):
        _begin(session, by, 170 if stage == "session_held" else 124)
    if stage in ("treated", "session_begun"):
        sessions.start(session=session, by=by, now=start)
    if stage == "treated":
        after: dict[str, Any] = {"session": session, "by": by}
        sessions.finish(**after, systolic=126, diastolic=80, pulse=72, now=start + 2 * HOUR)
        sessions.check_in(**after, feeling="well", note="", now=start + 20 * HOUR)
        another = sessions.plan(
            patient=patient, start=start + 7 * DAY, by=by, now=start + 21 * HOUR
        )
        sessions.cancel(session=another, by=by, now=start + 22 * HOUR)


def _begin(session: TreatmentSession, by: Actor, systolic: int) -> None:
    at = session.start - HOUR / 6
    sessions.pre_check(
        session=session,
        state=session.patient.address.state if session.patient.address else "",
        support_person_present=True,
        systolic=systolic,
        diastolic=82,
        pulse=70,
        measured_at=at,
        by=by,
        now=at,
    )


def _move_away(patient: Patient, by: Actor, now: datetime) -> None:
    change_address(
        patient=patient,
        kind="move",
        address={"line1": "1 Main St", "city": "Albany", "state": "NY", "postal_code": "12207"},
        reason="",
        by=by,
        now=now,
    )
