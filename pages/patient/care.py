"""The chain of care of who looks: what is next, who acts, by when, and each step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404
from django.urls import reverse

from pages.patient.own import Own
from records.gates import UnmetGate
from scheduling import replan, timeline
from scheduling.subscriptions.actions import local_day
from scheduling.timeline import Step

# Code of a gate → what the patient's button says, and the page that it leads to; "" is the page of
# what the step is about.
DOES = {
    "assessment_missing": ("Start the free assessment", "/qualify/"),
    "consent_missing": ("Read and agree", "agreements"),
    "consultation_missing": ("Book your consultation", "book"),
    "more_info": ("Book a follow-up", "book"),
    "agreements_missing": ("Read the two agreements", "agreements"),
    "not_subscribed": ("Choose a plan", "plan"),
    "paused": ("Go on with your plan", "plan"),
    "ended": ("Choose a plan", "plan"),
    "not_paid": ("See your month", "plan"),
    "no_window": ("Pick a delivery time", ""),
    "signer_missing": ("Name who takes the parcel", ""),
    "area_closed": ("Pick another delivery time", ""),
    "holiday": ("Pick another delivery time", ""),
    "window_elsewhere": ("Pick another delivery time", ""),
    "receipt_unconfirmed": ("Tell us if it is there", ""),
    "session_missing": ("Plan your session", "session-plan"),
    "session_held": ("Choose another time", ""),
    "physician_missing": ("Choose another time", ""),
    "too_soon": ("Choose another time", ""),
    "sessions_used_up": ("See your sessions", "sessions"),
    "support_person_missing": ("Name a support person", "support-person"),
    "support_person_unconfirmed": ("See your support person", "support-person"),
    "pre_check_missing": ("Do the pre-check", ""),
    "session_ready": ("Go to your session", ""),
    "session_under_way": ("Go to your session", ""),
    "check_in_missing": ("Tell us how you feel", ""),
}
# What can be done before its turn comes, once there is a plan.
AHEAD = (
    "no_window", "signer_missing", "window_elsewhere", "area_closed", "holiday", "session_missing",
    "session_held", "support_person_missing", "support_person_unconfirmed",
)  # fmt: skip
TURN = {
    "patient": "Your turn",
    "physician": "With your physician",
    "staff": "With our team",
    "pharmacy": "With the pharmacy",
    "nobody": "All set",
}
WHO = {"patient": "you", "physician": "your physician", "staff": "our team"}
STATES = {"done": "Done", "current": "Now", "waiting": "Later", "blocked": "On hold"}
PAGES = {"delivery": "delivery", "session": "session"}
OF_STEP = {"agreements": "agreements", "plan": "plan", "payment": "plan"}


@dataclass(frozen=True, slots=True)
class Button:
    says: str
    href: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What a step waits for; ``who`` as a patient reads it."""

    gate: UnmetGate
    who: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A step of the chain as it is drawn."""

    step: Step
    state: str
    missing: Sequence[Missing]
    href: str


class Care(Own):
    """The chain of care of who looks."""

    template = "pages/patient/care.html"

    def facts(self) -> Mapping[str, Any]:
        care = replan.read_own(self.user, now=self.now)
        if care is None:
            raise Http404
        chain = timeline.steps(care)
        then, step = timeline.next_of(chain, self.now), timeline.next_step(chain, self.now)
        buttons = list(_buttons(step, chain))
        return {
            "zone": care.zone,
            "next": then,
            "turn": TURN[then.who],
            "button": buttons[0] if step and then.who == "patient" and buttons else None,
            "ahead": list(_ahead(chain, step)),
            "about": _href(step) if step and then.who != "patient" else "",
            "chain": [_shown(each) for each in chain],
            "done": sum(each.done for each in chain),
            "is_today": then.until is not None and local_day(then.until, care.zone) == care.today,
            "declined": care.outcome == "declined",
        }


def _buttons(step: Step | None, chain: Sequence[Step]) -> Iterator[Button]:
    """What the patient can do about a step."""
    for gate in step.unmet if step else ():
        if gate.who == "patient" and gate.code in DOES:
            says, to = DOES[gate.code]
            if step and (href := _to(to) or _href(step)):
                yield Button(says, href)


def _ahead(chain: Sequence[Step], now_at: Step | None) -> Iterator[Button]:
    """What could be done already, while others act."""
    has_plan = all(step.done for step in chain if step.key in ("decision", "agreements", "plan"))
    for step in chain:
        if has_plan and step is not now_at and step.state != "blocked":
            codes = [code for code in AHEAD if code in {gate.code for gate in step.unmet}]
            yield from (Button(DOES[c][0], _to(DOES[c][1]) or _href(step)) for c in codes[:1])


def _to(page: str) -> str:
    return page if page.startswith("/") or not page else reverse(page)


def _href(step: Step) -> str:
    """The page of what a step is about; empty where it has none."""
    if step.key in OF_STEP:
        return reverse(OF_STEP[step.key]) if step.state != "waiting" else ""
    kind, pk = step.object or ("", None)
    if kind == "consultation":
        return f"/care/appointments/{pk}/"
    return reverse(PAGES[kind], args=[pk]) if kind in PAGES else ""


def _shown(step: Step) -> Shown:
    missing = [Missing(gate, WHO.get(gate.who, f"the {gate.who}")) for gate in step.unmet]
    return Shown(step, STATES[step.state], missing, _href(step))
