"""Walks a patient through the doors, to any stage of care.

Each function calls the doors as the people of the cast would, in its own right: nothing is written
past them. The time is Tuesday, 24 November 2026, 10:00 in New York, and moves on with the story.
`care(who)` gives a `Care` for the patient of a caller; its steps, each of which does what comes
before it where that is missing; the fixture `prescribed` is one that has come so far:

- `approved()`: identified, consultation held on Monday the 30th, approved. At 11:00 Eastern.
- `agreed()`: both agreements accepted, and a support person named who has agreed.
- `subscribed()`: on the plan Essential; the first month waits to be paid.
- `paid()`: and it is paid; `delivery` waits for a window.
- `prescribed()`: four sessions a fill, five refills, 30 days, use-by in six months.
- `scheduled()`: a window on Thursday, 3 December, is chosen.
- `delivered()`: packed, shipped and handed over on that Thursday, step by step;
  `delivery_in(status)` stops earlier, or goes aside: ``packed``, ``attempted``, ``lost``, ….
- `planned()`: a session on Monday, 7 December, 10:00 Eastern, which Dr. Chen attends.
- `checked()`, `started()`, `completed()`: the session of that Monday goes on.

`ids` and rows are read back through the doors: `subscription`, `period`, `delivery`, `session`.
`replan(who)` does for one patient what the sweep does within seconds. `ok(answer)` is its JSON.
"""

from datetime import datetime, timedelta
from typing import Any, Self

from patients.actions import issue_confirm_token
from patients.models import SupportPerson
from records import clock
from scheduling.deliveries.windows.actions import open_windows
from scheduling.replan import replan as _replan
from tests.conftest import STAGES, Caller, caller

TALK = "2026-11-30T15:00:00Z"  # Monday, 10:00 Eastern
SIGNER = {"name": "Sal Signer", "date_of_birth": "1980-02-03"}
HANDED_OVER = {
    "signed_by": "Sal Signer",
    "relation": "signer",
    "id_checked": True,
    "signer_age": 46,
}
WINDOW_DAY = "2026-12-03"  # Thursday
PACK_AT, SHIP_AT, DOOR_AT = "2026-12-02T14:00Z", "2026-12-02T20:00Z", "2026-12-03T18:00Z"
SESSION = "2026-12-07T15:00:00Z"  # Monday, 10:00 Eastern
CALM = {"systolic": 120, "diastolic": 80, "pulse": 70}
ON_THE_PHONE = {"channel": "telephone"}


def ok(answer: Any) -> Any:
    """The JSON of an answer that must be a success."""
    assert answer.status_code in (200, 201), (answer.status_code, answer.content)
    return answer.json()


def code(answer: Any) -> tuple[int, str]:
    """Status and code of an answer."""
    return answer.status_code, answer.json().get("code", "")


def unmet(answer: Any) -> list[str]:
    """The codes of the gates that an answer names."""
    assert code(answer) == (409, "gate_unmet"), answer.content
    return [gate["code"] for gate in answer.json()["unmet_gates"]]


def to(instant: str | datetime) -> datetime:
    """Move the clock of care, never back."""
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    if at > clock.now():
        clock.move(at)
    return at


def prescription(patient: str, now: datetime | None = None, **more: Any) -> dict[str, Any]:
    """A prescription as a physician records it, on the day of the clock, or on that of ``now``."""
    today = now or clock.now()
    return {
        "patient": patient,
        "issued_on": today.date().isoformat(),
        "days_supply": 30,
        "sessions": 4,
        "refills": 5,
        "use_by": (today + timedelta(days=180)).date().isoformat(),
        "external_reference": f"RX-{patient[-8:]}-{today:%m%d%H}",
        "registry_checked_at": (today - timedelta(hours=1)).isoformat(),
        **more,
    }


class Care:
    """One patient on the way, with those who care for them."""

    def __init__(self, who: Caller) -> None:
        self.who = who
        self.chen, self.sam = caller("chen"), caller("sam")
        me = ok(who.get("me/"))
        self.id: str = me["id"]
        self.state: str = me["address"]["state"]
        self.consultation = self.subscription = self.session = ""
        self.talk = TALK

    # --- where things stand, through the doors

    @property
    def patient(self) -> dict[str, Any]:
        return dict(ok(self.sam.get(f"patients/{self.id}/")))

    @property
    def period(self) -> dict[str, Any]:
        """The latest month."""
        return dict(ok(self.sam.get(f"subscriptions/{self.subscription}/"))["periods"][-1])

    @property
    def delivery(self) -> dict[str, Any]:
        """The latest parcel."""
        return dict(self.deliveries()[-1])

    def deliveries(self) -> list[dict[str, Any]]:
        return list(ok(self.sam.get("deliveries/", patient=self.id))["results"])

    def timeline(self) -> dict[str, Any]:
        return dict(ok(self.who.get("me/timeline/")))

    def step(self, key: str) -> dict[str, Any]:
        """One step of the timeline."""
        return next(step for step in self.timeline()["steps"] if step["key"] == key)

    def shown(self) -> dict[str, Any]:
        """The session, as the patient sees it."""
        return dict(ok(self.who.get(f"sessions/{self.session}/")))

    # --- the steps

    def approved(self) -> Self:
        if self.consultation:
            return self
        wish = {"start": self.talk, "kind": "initial", "location": {"state": self.state}}
        self.consultation = ok(self.who.post("consultations/", wish))["id"]
        to(self.talk)
        here = {"location": {"state": self.state}}
        ok(self.chen.post(f"consultations/{self.consultation}/arrive/", here))
        self.identified()
        to(datetime.fromisoformat(self.talk) + timedelta(hours=1))
        ok(self.chen.post(f"consultations/{self.consultation}/complete/", {"note": "n"}))
        self.decided("approved")
        return self

    def identified(self) -> Self:
        shown = {"document": "passport", "last4": "1234"}
        ok(self.chen.post(f"patients/{self.id}/identity-checks/", shown))
        return self

    def decided(self, outcome: str) -> dict[str, Any]:
        path = f"consultations/{self.consultation}/decide/"
        return dict(ok(self.chen.post(path, {"outcome": outcome, "note": "for my eyes"})))

    def agreed(self) -> Self:
        self.approved()
        for kind in ("treatment", "safekeeping"):
            ok(self.who.post("me/consents/", {"kind": kind, "accepted": True}))
        if not ok(self.who.get("me/support-persons/"))["results"]:
            self.supported()
        return self

    def supported(self) -> Self:
        """Somebody is named who stays, and agrees by the link."""
        named = {"name": "Sal", "date_of_birth": "1980-02-03", "phone": "850 555 0177"}
        person = ok(self.who.post("me/support-persons/", named))
        token = issue_confirm_token(SupportPerson.objects.get(pk=person["id"]))
        ok(Caller().post(f"support-persons/{token}/confirm/"))
        return self

    def subscribed(self) -> Self:
        self.agreed()
        if not self.subscription:
            plan = ok(self.who.get("plans/"))["results"][0]["id"]
            self.subscription = ok(self.who.post("subscriptions/", {"plan": plan}))["id"]
        return self

    def paid(self) -> Self:
        self.subscribed()
        if self.period["status"] == "open":
            self.pays()
        return self

    def pays(self, number: int | None = None) -> dict[str, Any]:
        """Staff saw the payment of the latest month, or of another."""
        number = number or self.period["number"]
        path = f"subscriptions/{self.subscription}/periods/{number}/mark-paid/"
        return dict(ok(self.sam.post(path, {"reference": f"INV-{number}"})))

    def prescribed(self) -> Self:
        self.paid()
        mine = ok(self.chen.get("prescriptions/", patient=self.id, in_force="true"))["results"]
        if not mine:
            ok(self.chen.post("prescriptions/", prescription(self.id)))
        return self

    def window(self, day: str = WINDOW_DAY, index: int = 0) -> str:
        """The id of a window on a day, of those that are offered."""
        open_windows(now=clock.now())
        windows = ok(self.who.get("delivery-windows/", **{"from": day, "to": day}))["results"]
        return str(windows[index]["id"])

    def chooses(self, window: str) -> Any:
        path = f"deliveries/{self.delivery['id']}/choose-window/"
        return self.who.post(path, {"window": window, "signer": SIGNER})

    def scheduled(self) -> Self:
        self.prescribed()
        if self.delivery["status"] == "awaiting_window":
            ok(self.chooses(self.window()))
        return self

    def staff(self, verb: str, **body: Any) -> Any:
        """Staff do something with the latest parcel."""
        return self.sam.post(f"deliveries/{self.delivery['id']}/{verb}/", body)

    def delivery_in(self, status: str) -> Self:
        """The first parcel is brought into a status by its verbs."""
        self.prescribed() if status == "awaiting_window" else self.scheduled()
        for at, verb, body in WAY_TO[status]:
            to(at)
            ok(self.staff(verb, **body))
        assert self.delivery["status"] == status
        return self

    def delivered(self) -> Self:
        if not any(row["status"] == "delivered" for row in self.deliveries_yet()):
            self.delivery_in("delivered")
        return self

    def deliveries_yet(self) -> list[dict[str, Any]]:
        return self.deliveries() if self.subscription else []

    def plans(self, start: str = SESSION) -> Any:
        """The patient plans a session."""
        return self.who.post("sessions/", {"start": start})

    def planned(self) -> Self:
        self.prescribed()
        if not self.session:
            self.session = ok(self.plans())["id"]
        return self

    def session_verb(self, verb: str, **body: Any) -> Any:
        """The patient does something with the session."""
        return self.who.post(f"sessions/{self.session}/{verb}/", body)

    def measures(self, **more: Any) -> Any:
        """The pre-check, now."""
        body = {
            "location": {"state": self.state},
            "support_person_present": True,
            "measured_at": clock.now().isoformat(),
            **CALM,
            **more,
        }
        return self.session_verb("pre-check", **body)

    def checked(self) -> Self:
        self.delivered().planned()
        to(datetime.fromisoformat(self.shown()["start"]) - timedelta(minutes=10))
        ok(self.measures())
        return self

    def started(self) -> Self:
        self.checked()
        ok(self.session_verb("start"))
        return self

    def completed(self) -> Self:
        self.started()
        to(clock.now() + timedelta(hours=2))
        ok(self.session_verb("finish", **CALM))
        return self


_PACK: list[tuple[str, str, dict[str, Any]]] = [(PACK_AT, "pack", {})]
_SHIP = [*_PACK, (SHIP_AT, "dispatch", {"carrier": "UPS", "tracking": "1Z999AA10123456784"})]
_OUT = [*_SHIP, (DOOR_AT, "out-for-delivery", {})]
_BACK = [*_SHIP, (DOOR_AT, "recall", {})]
_LOOK = [*_SHIP, (DOOR_AT, "investigate", {})]
WAY_TO: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "awaiting_window": [],
    "scheduled": [],
    "packed": _PACK,
    "dispatched": _SHIP,
    "out_for_delivery": _OUT,
    "delivered": [*_OUT, (DOOR_AT, "deliver", HANDED_OVER)],
    "delivered_unverified": [
        *_OUT, (DOOR_AT, "deliver", {**HANDED_OVER, "relation": "neighbor"}),
    ],
    "attempted": [*_OUT, (DOOR_AT, "attempt", {"code": "no_adult"})],
    "held": [*_PACK, (PACK_AT, "hold", {})],
    "returning": _BACK,
    "returned": [*_BACK, (DOOR_AT, "return", {"seal_ok": True})],
    "investigating": _LOOK,
    "lost": [*_LOOK, (DOOR_AT, "lose", {})],
    "cancelled": [(PACK_AT, "cancel", {})],
}  # fmt: skip


def care(who: Caller, *, talk: str = TALK) -> Care:
    """The way of a patient of the cast; ``talk``: when the consultation is."""
    walk = Care(who)
    walk.talk = talk
    return walk


def replan(walk: Care) -> int:
    """What the sweep does for one patient, now."""
    from uuid import UUID

    return _replan(UUID(walk.id), now=clock.now())


STAGES["prescribed"] = lambda: care(caller("alice")).prescribed()
