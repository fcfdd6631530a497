"""Every operation, asked by everybody about what is theirs, what is another's, and what never was.

The table is in `matrix`. Every call is undone. Who may not is told 401, 403 or 404; the 404 about
another's thing is word for word that about nothing; what is refused has written nothing; and no
answer tells of Alice to who must not know her.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import yaml
from allauth.usersessions.models import UserSession
from django.db import connection

from accounts.models import ApiToken, PasswordLink, User
from accounts.people.actions import issue_link
from accounts.tokens import make_token
from notifications import incoming
from notifications.models import InboundMessage, Message
from notifications.writing import write_messages
from patients.actions import issue_confirm_token
from patients.models import Patient, SupportPerson
from records import clock
from records.actor import Actor
from records.models import WorkItem
from rights.actions import ask_for_export
from scheduling.demo import answers
from scheduling.models import Licence, WorkingHours
from tests.attacks.matrix import OWNER, ROWS, Row
from tests.attacks.people import dora
from tests.care import care, ok
from tests.cast import PASSWORD
from tests.conftest import STAGES, Caller, caller
from tests.fuzz import _traces
from tests.signing import App
from tests.started import ROOT
from tests.test_accesses import undone
from tests.test_bad_input import state_of_all

PLACE = re.compile(r"{(\w+)}")
DONE = (200, 201, 202, 204, 409, 422)  # in: it is done, or another rule than that of access says no
SAYS_NO_OF_TIME_OR_CODE = ("wrong_code", "too_early")
NUMBERED = {"number": "99", "session_of_alice": "2147483647", "session_of_user": "2147483647"}
# Who asks, in which role; ``ada`` broke the glass. `house` makes them.
ROLE = {
    "visitor": "visitor", "alice": "patient", "eve": "patient", "sam": "staff",
    "chen": "physician", "dora": "physician", "admin": "administrator", "ada": "administrator",
}  # fmt: skip
KNOW_ALICE = ("alice", "sam", "chen", "ada")
# Where others read ids of Alice: what is to be done names whom it is about, by an id alone.
BY_ID = ("get work-items/", "post work-items/{item_of_physicians}/claim/",
         "post work-items/{item_of_physicians}/close/",
         "post work-items/{item_of_administrators}/claim/",
         "post work-items/{item_of_administrators}/close/")  # fmt: skip


@dataclass(frozen=True)
class House:
    """Who asks, and what there is; ``traces`` of Alice, those by which she is known first."""

    people: dict[str, Any]
    things: dict[str, str]
    traces: list[str]
    contacts: list[str]
    before: list[tuple[str, str]]


def _clinic(walk: Any) -> dict[str, str]:
    """What there is of Dr. Chen, and of the practice."""
    chen, sam, admin = walk.chen, walk.sam, caller("admin")
    physician = ok(chen.get("physicians/"))["results"][0]["id"]
    span = {"start": "2026-12-19T15:00:00Z", "end": "2026-12-19T16:00:00Z"}
    zone = ok(sam.get("delivery-zones/"))["results"][0]["id"]
    closed = {"counties": ["FL Bay"], "from": span["start"], "to": span["end"], "reason": "r"}
    day = {"day": "2026-12-10", "name": "n", "effect": "neither"}
    guest = {"role": "staff", "name": "J", "email": "join@hearth.test"}
    joins = ok(admin.post("invitations/", guest))["id"]
    return {
        "physician": physician,
        "licence": str(Licence.objects.filter(physician=physician).latest("pk").pk),
        "hours": str(WorkingHours.objects.filter(physician=physician).latest("pk").pk),
        "opening": ok(chen.post(f"physicians/{physician}/openings/", span))["id"],
        "time_off": ok(chen.post(f"physicians/{physician}/time-off/", span))["id"],
        "zone": zone,
        "closure": ok(sam.post("closures/", closed))["id"],
        "holiday": ok(sam.post("holidays/", day))["id"],
        "invitation": joins,
        "secret_of_invitation": issue_link(PasswordLink.objects.get(pk=joins).pk),
    }


def _of_visitors() -> dict[str, str]:
    held = Caller().post(
        "holds/", {"start": "2026-12-17T18:00:00Z", "kind": "initial", "state": "FL"}
    )
    born = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "v@example.org"}
    draft = ok(Caller().post("assessments/drafts/", born))
    answered = {"secret": draft["secret"], "answers": answers()}
    ok(Caller().patch(f"assessments/drafts/{draft['id']}/", answered))
    return {
        "hold": ok(held)["id"], "secret_of_hold": held.json()["secret"],
        "draft": draft["id"], "secret_of_draft": draft["secret"],
    }  # fmt: skip


def _of_alice(walk: Any) -> dict[str, str]:
    """One thing of each kind; the texts make things to do, for staff and physicians."""
    talk = {"start": "2026-12-14T15:00:00Z", "kind": "follow_up", "location": {"state": "FL"}}
    meeting = ok(walk.who.post("consultations/", talk))["id"]
    hold = ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))["id"]
    for number, words in enumerate(("who are you?", "i want to kill myself")):
        text = InboundMessage.objects.create(
            provider_id=f"SM{number}", sender="+18505550101", body=words, meaning="",
            received_at=clock.now(), patient_id=walk.id,
        )  # fmt: skip
        incoming._act_or_leave(text, clock.now())
    write_messages(now=clock.now())
    wish = ok(walk.who.post("me/amendments/", {"about": None, "text": "I said spring."}))["id"]
    patient, asker = (
        Patient.objects.get(pk=walk.id),
        Actor(role="patient", user_id=walk.who.user.pk),
    )
    copy = ask_for_export(patient=patient, format="json", by=asker, now=clock.now())
    return {
        "amendment": wish, "export": str(copy.pk),
        "patient": walk.id, "meeting": meeting, "consulted": walk.consultation,
        "session": walk.session, "clinical_hold": hold,
        "subscription": walk.subscription, "period": walk.period["id"],
        "number": str(walk.period["number"]), "parcel": walk.delivery["id"],
        "window": walk.delivery["window"]["id"],
        "plan": ok(walk.who.get("plans/"))["results"][1]["id"],
        "prescription": ok(walk.who.get("prescriptions/"))["results"][0]["id"],
        "assessment": ok(walk.who.get("assessments/"))["results"][0]["id"],
        "message": str(Message.objects.filter(patient__pk=walk.id).latest("pk").pk),
        "stays": issue_confirm_token(SupportPerson.objects.get()),
    }  # fmt: skip


def _items(walk: Any, ada: Caller) -> dict[str, str]:
    """Things to do, of each role; that Alice called for help is over."""
    ok(ada.post(f"patients/{walk.id}/break-glass/", {"reason": "unconscious at the door"}))
    of: Any = WorkItem.objects.filter(status="open").order_by("pk")
    done = of.get(kind="call_for_help").pk
    ok(walk.chen.post(f"work-items/{done}/close/", {"note": "called"}))
    return {
        "item_of_staff": str(of.filter(for_role="staff").first().pk),
        "item_of_physicians": str(of.get(kind="break_glass_in_care").pk),
        "item_of_administrators": str(of.get(for_role="administrator").pk),
        "closed_item": str(done),
    }


def _sessions(app: App, user: User) -> str:
    """The id of the session in which somebody is."""
    app.get("me/sessions/")
    return str(UserSession.objects.get(user=user).pk)


def _house() -> House:
    """Everybody and everything, once; Kim of the staff has shown no second factor."""
    alice = caller("alice")
    walk, stranger = care(alice).completed(), dora()
    kim, ada, gone = (
        User.objects.create_user(role=r, name=n, email=f"{n}@hearth.test", password=PASSWORD)
        for n, r in (("kim", "staff"), ("ada", "administrator"), ("gone", "physician"))
    )
    half, signed_in = App(), App().by_code(phone="+18505550101")
    half.auth("auth/login", {"email": kim.email, "password": PASSWORD})
    things = {**_clinic(walk), **_of_visitors(), **_of_alice(walk), "user": str(kim.pk)}
    assert alice.user
    things["session_of_alice"] = _sessions(signed_in, alice.user)
    things["session_of_user"] = _sessions(half, kim)
    make_token(kim, "read")
    things["token_of_user"] = str(ApiToken.objects.get(user=kim).pk)
    people: dict[str, Any] = {name: caller(name) for name in ("eve", "admin")}
    people |= {"visitor": Caller(), "alice": alice, "sam": walk.sam, "chen": walk.chen}
    people |= {"dora": stranger, "ada": Caller(ada), "gone": Caller(gone), "kim": half}
    things["token_of_chen"] = str(ApiToken.objects.filter(user=walk.chen.user).latest("pk").pk)
    things |= _items(walk, people["ada"])
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for name in ("alice", "sam", "chen", "ada"):
        people[f"{name}, reading"] = reading(people[name].user)
    clock.move(clock.now() + timedelta(minutes=5))
    patient = Patient.objects.get(pk=walk.id)
    contacts = [str(patient.phone), patient.email, "100 Palafox"]
    return House(people, things, [*contacts, *_traces(patient)], contacts, state())


def state() -> list[tuple[str, str]]:
    """A fingerprint of all tables but the clock's, which every test sets anew."""
    return [row for row in state_of_all() if row[0] != "records_clock"]


def reading(user: User) -> Caller:
    """Somebody's script that may only look."""
    made = Caller()
    made.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {make_token(user, 'read')}"
    made.user = user
    return made


STAGES["house"] = _house


@pytest.fixture
def house(staged: House) -> House:
    return staged


# --- the walk --------------------------------------------------------------------------------


def things_of(row: Row, role: str) -> list[str]:
    """What an operation is about, as this role asks it; in its path first."""
    return PLACE.findall(row.path) + PLACE.findall(json.dumps(row.sent(role)))


def expected(row: Row, who: str) -> str:
    """``in``, ``out``, ``hidden`` or ``fresh``."""
    role = ROLE[who]
    word, about = row.may[role], things_of(row, role)
    owner = next((OWNER[name] for name in about if name in OWNER), "alice")
    theirs = who == owner or not about
    return {
        "-": "out",
        "yes": "in",
        "all": "in",
        "secret": "in",
        "own": "in" if theirs else "hidden",
        "mine": "in" if theirs else "out",
        "care": "in" if who == "chen" or not about else "hidden",
        "glass": "in" if who == "ada" else "out",
        "none": "hidden",
        "fresh": "fresh",
    }[word]


def ask(row: Row, who: Any, role: str, things: dict[str, str]) -> Any:
    """The operation, about these things."""
    path = PLACE.sub(lambda place: things[place[1]], "/api/v1/" + row.path)
    sent = row.sent(role)
    text = sent if isinstance(sent, str) else json.dumps(sent)
    body = PLACE.sub(lambda place: things[place[1]], text)
    kind = "application/json" if isinstance(sent, dict) else "text/csv"
    if row.method == "get":
        path, body = f"{path}?{urlencode(json.loads(body))}", ""
    headers = {"X-Session-Token": who.token} if isinstance(who, App) else {}
    return who.client.generic(row.method.upper(), path, body, content_type=kind, headers=headers)


class Writes:
    """Statements that write, but that something was tried."""

    STATEMENT = re.compile(
        r"\s*(INSERT INTO|UPDATE|DELETE FROM|WITH) (?!\"?(records_accesslog|records_count)\b)", re.I
    )

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, execute: Any, sql: str, *more: Any) -> Any:
        if self.STATEMENT.match(sql):
            self.made.append(sql)
        return execute(sql, *more)


def asked(house: House, row: Row, who: str, role: str, things: dict[str, str]) -> Any:
    """The answer to a call that is undone; a refusal leaves everything as it was."""
    told = f"{row.method} {row.path} by {who}"
    writes = Writes()
    with undone():
        with connection.execute_wrapper(writes):
            answer = ask(row, house.people[who], role, things)
        if answer.status_code in (401, 403, 404) and writes.made:
            assert state() == house.before, (told, writes.made)
    assert answer.status_code < 500, (told, answer.content)
    known = house.contacts if f"{row.method} {row.path}" in BY_ID else house.traces
    if who.split(",")[0] not in KNOW_ALICE:
        found = [trace for trace in known if trace in answer.content.decode()]
        assert not found, (told, found)
    return answer


def code_of(answer: Any) -> str:
    is_problem = answer["Content-Type"] == "application/problem+json" if answer.content else False
    return str(answer.json()["code"]) if is_problem else ""


def unknowns(house: House, row: Row, role: str) -> list[dict[str, str]]:
    """The things, with one of those that the operation names exchanged for what never was."""
    in_path, in_body = PLACE.findall(row.path), PLACE.findall(json.dumps(row.sent(role)))
    secrets = [name for name in in_body if name.startswith("secret_of")]
    never = {**dict.fromkeys([*secrets, "stays"], "wrong"), **NUMBERED}
    about = in_path + secrets or in_body
    return [{**house.things, name: never.get(name, str(uuid4()))} for name in about]


def is_in(row: Row, answer: Any) -> bool:
    """Whether access was given; what says no then is a rule of another kind."""
    said = code_of(answer)
    return answer.status_code in DONE or said in SAYS_NO_OF_TIME_OR_CODE


def check(house: House, row: Row, who: str) -> None:
    """One cell of the table."""
    role = ROLE[who]
    want = expected(row, who)
    answer = asked(house, row, who, role, house.things)
    told = (row.method, row.path, who, want, answer.status_code, answer.content[:300])
    never = [] if want == "out" and who in ("dora", "ada") else unknowns(house, row, role)
    nowhere = [asked(house, row, who, role, things) for things in never]
    if want == "out":
        code = (401, "not_authenticated") if role == "visitor" else (403, "permission_denied")
        assert (answer.status_code, code_of(answer)) == code, told
        if row.may[role] != "mine":
            assert {each.content for each in nowhere} <= {answer.content}, told
    elif want == "fresh":
        assert (answer.status_code, code_of(answer)) == (403, "reauthentication_required"), told
    elif want == "hidden":
        assert answer.status_code in ((404,) if PLACE.search(row.path) else (400, 404)), told
        assert answer.content == nowhere[-1].content, told
    else:
        assert is_in(row, answer), told
        if row.path not in ("deliveries/bulk/", "deliveries/tracking/"):  # these tell row by row
            assert {each.status_code for each in nowhere} <= {400, 404}, told
        if who in KNOW_ALICE and row.method == "get" and not things_of(row, role):
            shown = any(trace in answer.content.decode() for trace in house.traces)
            assert shown or row.may[role] == "yes", told


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_each_may_do_what_the_table_says(house: House, row: Row) -> None:
    for who in ROLE:
        check(house, row, who)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
def test_a_script_that_reads_a_half_sign_in_and_who_has_left(house: House, row: Row) -> None:
    """A token with the scope read looks and does not write; without a second factor a colleague
    is nobody; of who was deactivated, the token opens not even what is open to all."""
    told = (row.method, row.path)
    for name in ("alice", "sam", "chen", "ada"):
        if expected(row, name) == "in":
            answer = asked(house, row, f"{name}, reading", ROLE[name], house.things)
            reads = (200, "") if row.method == "get" else (403, "permission_denied")
            assert (answer.status_code, code_of(answer)) == reads, (told, name)
    left = asked(house, row, "gone", "physician", house.things)
    assert (left.status_code, code_of(left)) == (401, "not_authenticated"), told
    half = asked(house, row, "kim", "visitor", house.things)
    if row.may["visitor"] == "-":
        assert (half.status_code, code_of(half)) == (403, "mfa_required"), told
    else:
        assert is_in(row, half), (told, half.content)


def test_every_operation_has_its_row_and_every_row_its_operation() -> None:
    schema = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    offered = {
        f"{method} {PLACE.sub('{}', path.removeprefix('/api/v1/'))}"
        for path, at in schema.items()
        for method in at
    }
    assert offered == {f"{row.method} {PLACE.sub('{}', row.path)}" for row in ROWS}
