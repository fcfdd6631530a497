"""What staff do about a gate that is not passed, and how it is called in a list."""

from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from patients.models import Patient
from records.gates import UnmetGate

STEPS = {
    "assessment": "Assessment",
    "consultation": "Consultation",
    "decision": "Physician's decision",
    "agreements": "Agreements",
    "plan": "Plan",
    "payment": "Payment",
    "prescription": "Prescription",
    "delivery": "Delivery",
    "session": "Session at home",
    "check_in": "Check-in",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """``short``: what is missing, for staff. ``button`` leads to the page named ``to``, where it is
    cleared for a caller; without one somebody else must act."""

    short: str
    button: str = ""
    to: str = ""


OF_CODE = {
    "out_of_area": Gate("Lives outside the area", "Change the address", "patient-address"),
    "assessment_missing": Gate("No assessment", "Enter the assessment", "patient-assessment"),
    "consent_missing": Gate("No consent to telehealth", "Record consents", "patient-consents"),
    "consultation_missing": Gate("No consultation", "Book a consultation", "patient-book"),
    "more_info": Gate("Needs a follow-up", "Book a follow-up", "patient-book"),
    "no_fill_left": Gate("Prescription to renew", "Book a follow-up", "patient-book"),
    "no_licence": Gate("Physician has no license then", "Move it", "patient-book"),
    "physician_away": Gate("Physician is away then", "Move it", "patient-book"),
    "not_just_identified": Gate("Photo ID to be seen now", "Record an ID check", "patient-contact"),
    "not_identified": Gate("Photo ID not seen", "Record an ID check", "patient-contact"),
    "agreements_missing": Gate("Agreements not accepted", "Record consents", "patient-consents"),
    "not_approved": Gate("Physician has to decide"),
    "declined": Gate("Declined by the physician"),
    "on_hold": Gate("Physician looks at it first"),
    "not_subscribed": Gate("No plan", "Choose a plan", "patient-plan"),
    "ended": Gate("Plan has ended", "Choose a plan", "patient-plan"),
    "paused": Gate("Plan is paused", "Resume the plan", "patient-plan"),
    "not_paid": Gate("Month not paid", "Mark the month paid", "patient-plan"),
    "not_prescribed": Gate("Prescription not recorded"),
    "needs_legal_basis": Gate("No rule allows the prescription"),
    "registry_check_stale": Gate("State registry to be looked at"),
    "prescribed_elsewhere": Gate("Prescribed for another state"),
    "refill_too_early": Gate("Too early for the next parcel"),
    "use_by_passed": Gate("Medication would be out of date"),
    "no_window": Gate("No delivery window", "Choose a window", "patient-window"),
    "signer_missing": Gate("Nobody named to sign", "Choose a window", "patient-window"),
    "window_elsewhere": Gate("Window of another address", "Choose a window", "patient-window"),
    "area_closed": Gate("County is closed", "Choose a window", "patient-window"),
    "holiday": Gate("Window on a holiday", "Choose a window", "patient-window"),
    "no_signer": Gate("No adult of 21 at home", "Choose a window", "patient-window"),
    "receipt_unconfirmed": Gate("Arrival not confirmed", "Ask if it is there", "patient-window"),
    "parcel_held": Gate("Parcel is held", "To the deliveries", "board"),
    "parcel_returns": Gate("Parcel comes back", "To the deliveries", "board"),
    "parcel_missing": Gate("Parcel is looked for", "To the deliveries", "board"),
    "parcel_not_taken": Gate("Nobody took the parcel", "To the deliveries", "board"),
    "parcel_elsewhere": Gate("Parcel for an old address", "To the deliveries", "board"),
    "parcel_undecided": Gate("Physician decides about a parcel"),
    "not_delivered": Gate("Delivery not there yet"),
    "sessions_used_up": Gate("Month's sessions all planned"),
    "too_soon": Gate("Too soon after the last session", "Choose a time", "patient-sessions"),
    "pre_check_missing": Gate("Readings before it not told", "Write them down", "patient-sessions"),
    "session_ready": Gate("Session can start", "Start it", "patient-sessions"),
    "session_under_way": Gate("Session is under way", "It is over", "patient-sessions"),
    "support_person_absent": Gate("Support person is not there"),
    "support_person_missing": Gate("Nobody to stay with them", "Name someone", "patient-support"),
    "support_person_unconfirmed": Gate(
        "Support person has not agreed", "Name someone else", "patient-support"
    ),
    "session_missing": Gate("No session planned", "Plan a session", "patient-sessions"),
    "session_held": Gate("Session needs a new time", "Choose a time", "patient-sessions"),
    "physician_missing": Gate(
        "Physician cannot join the session", "Choose a time", "patient-sessions"
    ),
    "check_in_missing": Gate("Check-in not done", "Write it down", "patient-sessions"),
}
GATES = tuple(OF_CODE.items())
ACTS = {
    "patient": "The patient",
    "physician": "The physician",
    "staff": "You",
    "pharmacy": "The pharmacy",
    "nobody": "Nobody",
}
# Step's object → where it gets another time.
MOVED_AT = {"consultation": "patient-book", "session": "patient-sessions"}
MOVES = ("no_licence", "physician_away", "physician_missing", "session_held")


@dataclass(frozen=True, slots=True)
class Missing:
    """An unmet gate as the timeline of staff shows it."""

    gate: UnmetGate
    short: str
    acts: str
    button: str
    href: str


def missing(gate: UnmetGate, patient: Patient, about: tuple[str, UUID] | None) -> Missing:
    """What stands in the way, who acts, and the page where staff clear it; ``about``: kind and id
    of what the step is about."""
    known = OF_CODE.get(gate.code, Gate(""))
    acts, href = ACTS[gate.who], ""
    if known.to:
        href = reverse(known.to, args=[] if known.to == "board" else [patient.pk])
        acts += "" if gate.who == "staff" else ", or you for them"
    if gate.code in MOVES and about and about[0] in MOVED_AT:
        href = f"{reverse(MOVED_AT[about[0]], args=[patient.pk])}?move={about[1]}"
    return Missing(gate, known.short or gate.detail, acts, known.button, href)
