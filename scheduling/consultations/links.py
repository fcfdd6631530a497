"""Links to a consultation: whoever has one confirms or moves it, once, without signing in."""

from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db import transaction

from patients.actions import issue_link, lock_patient
from patients.facts import facts_of
from patients.gates import patient_gates
from patients.models import Link
from records.actor import Actor
from records.refused import Refused
from records.values import in_force
from scheduling.calendar.actions import Wish, next_slots
from scheduling.calendar.agenda import agendas
from scheduling.calendar.slots import offer_of
from scheduling.consultations.actions import confirm, reschedule
from scheduling.consultations.models import Consultation, Status
from scheduling.intervals import Interval

OPENS = timedelta(days=3)
LOOKS_AHEAD = timedelta(days=15)
OF_A_DAY, OF_ALL = 3, 9  # times that a page offers
ACTIONS = (Link.Action.CONFIRM, Link.Action.RESCHEDULE)


def issue(consultation: Consultation, action: str, *, now: datetime) -> str:
    """A token for one action on a consultation as it is now, for three days or until it begins."""
    return issue_link(
        action,
        consultation.pk,
        patient_id=consultation.patient_id,
        expires_at=min(now + OPENS, consultation.start),
        revision=consultation.revision,
    )


def opened(token: str, *, now: datetime) -> tuple[Link, Consultation]:
    """The link and its consultation; raises DoesNotExist when the link does nothing any more."""
    links = Link.objects.of_token(token, now=now).filter(action__in=ACTIONS, used_at=None)
    link = links.get()
    rows = Consultation.objects.select_related("patient__address").filter(status=Status.BOOKED)
    return link, rows.get(pk=link.about_id, revision=link.revision)


@transaction.atomic
def follow(*, token: str, start: datetime | None, now: datetime) -> Link:
    """Do what the link says, once; ``start`` is where it is moved to.

    Raises DoesNotExist for a link that does nothing any more, and `Refused` like `reschedule`: then
    the link is not used up.
    """
    link, _ = opened(token, now=now)
    patient = lock_patient(link.patient_id)
    link, consultation = opened(token, now=now)  # still, now that nobody else follows it
    by = Actor(role="patient", channel="link", user_id=patient.user_id)
    if link.action == Link.Action.CONFIRM:
        confirm(consultation=consultation, by=by, now=now)
    elif start is None:
        raise Refused("not_offered", "Please choose one of the free times.")
    elif start == consultation.start:
        raise Refused(
            "not_offered", "Your appointment stays as it is until you choose another time."
        )
    else:
        reschedule(consultation=consultation, start=start, physician=None, by=by, now=now)
    Link.objects.filter(pk=link.pk).update(used_at=now)
    return link


def times(consultation: Consultation, *, now: datetime) -> list[datetime]:
    """Some free times to move it to, the soonest first, of several days; none behind a gate."""
    if patient_gates(facts_of(consultation.patient)):
        return []
    zone, physician = consultation.patient.time_zone, consultation.physician_id
    wish = Wish(now, consultation.kind, consultation.location_state, zone, physician)
    offer = offer_of(wish.kind, in_force(now), now)
    found = agendas(within=Interval(now, now + LOOKS_AHEAD), now=now, physicians=[physician])
    starts = [slot["start"] for slot in next_slots(found, offer, wish, count=500)]
    days = groupby(starts, lambda start: start.astimezone(ZoneInfo(zone)).date())
    return [start for _, day in days for start in _spread(list(day))][:OF_ALL]


def _spread(day: list[datetime]) -> list[datetime]:
    """Some times of a day, from morning to evening."""
    return day[:: max(1, len(day) // OF_A_DAY)][:OF_A_DAY]
