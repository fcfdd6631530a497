"""Invented people along the way of care, the same ones every time; written through the actions."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.models import Role, User
from patients.actions import change_address
from patients.assessments.actions import submit_assessment
from patients.models import Patient
from patients.questionnaire import QUESTIONS
from records.actor import Actor
from records.values import in_force
from scheduling.calendar.actions import add_licence, add_time_off, add_working_hours
from scheduling.calendar.agenda import agendas
from scheduling.calendar.models import Physician
from scheduling.calendar.slots import free_slots, offer_of
from scheduling.consultations import actions as consultations
from scheduling.consultations.models import Consultation
from scheduling.intervals import Interval
from scheduling.subscriptions.models import Plan

DOMAIN = "@hearth.test"
DAY = timedelta(days=1)

# first name, last name, born, line 1, city, state, ZIP, stage
PEOPLE = (
    ("Alice", "Alvarez", "1988-04-12", "100 Palafox St", "Pensacola", "FL", "32501", "assessed"),
    ("Bruno", "Baptista", "1979-09-30", "21 Ferry St", "Newark", "NJ", "07105", "assessed"),
    ("Eve", "Ericson", "1991-01-05", "8 Bay Ave", "Toms River", "NJ", "08753", "assessed"),
    ("Carla", "Conte", "1969-02-14", "77 Flagler St", "Miami", "FL", "33130", "booked"),
    ("Dario", "Dunn", "1985-07-21", "5 Ocean Dr", "Destin", "FL", "32541", "booked"),
    ("Elif", "Eker", "1994-11-02", "310 Grove St", "Jersey City", "NJ", "07302", "booked"),
    ("Femi", "Falana", "1972-05-17", "14 Monroe St", "Tallahassee", "FL", "32301", "confirmed"),
    ("Greta", "Gold", "1960-12-24", "9 Nassau St", "Princeton", "NJ", "08542", "confirmed"),
    ("Hugo", "Hart", "1999-03-08", "620 Main St", "Gainesville", "FL", "32601", "confirmed"),
    ("Iris", "Ibarra", "1982-08-19", "43 Duval St", "Key West", "FL", "33040", "completed"),
    ("Jonas", "Jung", "1976-06-06", "2 Cooper St", "Camden", "NJ", "08102", "completed"),
    ("Kira", "Kaplan", "1990-10-10", "88 Harbor Blvd", "Panama City", "FL", "32401", "completed"),
    ("Liam", "Lopes", "1965-01-29", "17 Atlantic Ave", "Atlantic City", "NJ", "08401", "completed"),
    ("Maya", "Meyer", "1987-09-09", "501 Tampa St", "Tampa", "FL", "33602", "completed"),
    ("Noah", "Nolan", "1993-04-27", "66 Broad St", "Red Bank", "NJ", "07701", "no_show"),
    ("Olga", "Orlova", "1970-07-07", "12 Orange Ave", "Orlando", "FL", "32801", "no_show"),
    ("Pablo", "Prieto", "1984-02-02", "30 Park Ave", "Hoboken", "NJ", "07030", "cancelled"),
    ("Quinn", "Quist", "1996-12-12", "71 Beach Rd", "Sarasota", "FL", "34236", "cancelled"),
    ("Rosa", "Rinaldi", "1958-05-05", "4 Church St", "Montclair", "NJ", "07042", "moved_away"),
    ("Sven", "Sorensen", "1980-11-11", "900 Bay St", "Jacksonville", "FL", "32202", "flagged"),
    ("Tara", "Tanaka", "1992-06-23", "15 State St", "Trenton", "NJ", "08608", "flagged"),
    ("Umar", "Usman", "1977-03-31", "39 Reid Ave", "Port St Joe", "FL", "32456", "assessed"),
    ("Vera", "Vogel", "1989-08-08", "250 Second St", "Wewahitchka", "FL", "32465", "booked"),
    ("Wanda", "Webb", "1967-10-20", "6 Lake Rd", "Ocala", "FL", "34471", "assessed"),
    ("Xenia", "Xu", "1995-05-15", "18 Easton Ave", "New Brunswick", "NJ", "08901", "booked"),
    ("Yann", "Young", "1973-09-01", "45 Ridge Rd", "Morristown", "NJ", "07960", "completed"),
    ("Zoe", "Zeller", "1986-01-18", "610 Clematis St", "West Palm Beach", "FL", "33401", "booked"),
    ("Amir", "Aziz", "1998-02-26", "33 Gulf Shore Blvd", "Naples", "FL", "34102", "assessed"),
    ("Bella", "Brandt", "1963-04-04", "22 Speedwell Ave", "Vineland", "NJ", "08360", "confirmed"),
    ("Cyrus", "Cole", "1981-12-01", "7 Central Ave", "Marianna", "FL", "32446", "booked"),
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
    for number, person in enumerate(PEOPLE):
        _walk(number, person, physicians[number % 2], now)
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
    _colleague("sam", "Sam Sand", Role.STAFF)
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
    return User.objects.create_user(
        role=role, name=full_name, email=name + DOMAIN, password=settings.DEMO_PASSWORD, **more
    )


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
    elif stage in ("completed", "no_show"):
        meeting = _book(patient, physician, came + 4 * DAY, came + DAY)
        theirs = _by(physician.user)
        if stage == "no_show":
            consultations.no_show(consultation=meeting, by=theirs, now=meeting.end)
        else:
            consultations.arrive(
                consultation=meeting, state=meeting.location_state, by=theirs, now=meeting.start
            )
            consultations.complete(consultation=meeting, note="", by=theirs, now=meeting.end)


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


def _move_away(patient: Patient, by: Actor, now: datetime) -> None:
    change_address(
        patient=patient,
        kind="move",
        address={"line1": "1 Main St", "city": "Albany", "state": "NY", "postal_code": "12207"},
        reason="",
        by=by,
        now=now,
    )
