"""A14: staff are shown nothing clinical, at whatever door, in whatever shape."""

import pytest

from notifications.writing import write_messages
from records import clock
from records.models import WorkItem
from scheduling.demo import answers
from tests.care import care, ok
from tests.cast import YES
from tests.conftest import STAGES, Caller, caller
from tests.test_accesses import path_of
from tests.test_manners import routes

NOTE, DECIDED, HELD, FELT = "Zqnote", "Zqdecided", "Zqheld", "Zqfelt"
WHY = "Zqwhy"  # an override is the words of a colleague, for colleagues


def _treated() -> dict[str, str]:
    """Alice, about whom everything clinical has been written that there is."""
    alice, chen = caller("alice"), caller("chen")
    walk = care(alice)
    body = {"answers": answers(sud="yes", reason=["depression", "ptsd"]), "consents": YES}
    assessment = ok(alice.post("assessments/", body))["id"]
    walk.completed()
    ok(walk.session_verb("check-in", feeling="unwell", note=FELT))
    ok(chen.post(f"patients/{walk.id}/clinical-holds/", {"note": HELD}))
    talk = {"start": "2026-12-14T15:00:00Z", "kind": "follow_up", "location": {"state": "FL"}}
    second = ok(alice.post("consultations/", talk))["id"]
    clock.move(clock.now().replace(day=14, hour=15, minute=0))
    ok(chen.post(f"consultations/{second}/arrive/", {"location": {"state": "FL"}}))
    ok(chen.post(f"consultations/{second}/complete/", {"note": NOTE}))
    ok(chen.post(f"consultations/{second}/decide/", {"outcome": "more_info", "note": DECIDED}))
    write_messages(now=clock.now())
    return {
        "patient": walk.id, "meeting": second, "session": walk.session, "assessment": assessment,
        "plan_of": walk.subscription, "parcel": walk.delivery["id"], "physician": talk_of(chen),
    }  # fmt: skip


def talk_of(chen: Caller) -> str:
    return str(ok(chen.get("physicians/"))["results"][0]["id"])


STAGES["treated"] = _treated
CLINICAL = (NOTE, DECIDED, HELD, FELT, "ptsd", "crisis_answers", '"flags"', '"readings"',
            '"feeling"', "urgency_of", '"systolic"', '"answers":')  # fmt: skip


@pytest.fixture
def treated(staged: dict[str, str]) -> dict[str, str]:
    return staged


def shown(who: Caller, world: dict[str, str], accept: str) -> str:
    """All that somebody is shown, at every door that can be looked through."""
    pages = []
    for route in routes():
        if route == "assessments/questions/":
            continue  # the questions, of which no answer is anybody's
        answer = who.get(path_of(route, world), headers={"Accept": accept})
        assert answer.status_code < 500, route
        pages.append(answer.content.decode())
    return "\n".join(pages)


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_no_door_shows_staff_what_is_clinical(
    treated: dict[str, str], sam: Caller, accept: str
) -> None:
    seen = shown(sam, treated, accept)
    assert "Alice" in seen
    assert [word for word in CLINICAL if word in seen] == []


def test_the_physician_and_nobody_else_is_shown_it_all(
    treated: dict[str, str], chen: Caller, eve: Caller, admin: Caller
) -> None:
    seen = shown(chen, treated, "application/json")
    for word in (NOTE, DECIDED, HELD, FELT, "ptsd", '"readings"'):
        assert word in seen, word
    for who in (eve, admin):
        theirs = shown(who, treated, "application/json")
        assert treated["patient"] not in theirs
        assert not [word for word in (NOTE, DECIDED, HELD, FELT, "ptsd") if word in theirs]


def test_what_is_clinical_alone_is_403(treated: dict[str, str], sam: Caller) -> None:
    for path in (f"patients/{treated['patient']}/clinical-holds/", "prescriptions/",
                 f"patients/{treated['patient']}/prescriptions/", "rules/"):  # fmt: skip
        assert sam.get(path).status_code == 403, path


def test_work_items_of_physicians_and_clinical_facts_are_not_in_their_lists(
    treated: dict[str, str], sam: Caller
) -> None:
    theirs = {
        str(pk) for pk in WorkItem.objects.filter(for_role="physician").values_list("pk", flat=True)
    }
    assert theirs
    told = ok(sam.get("work-items/", limit=100))["results"]
    assert not theirs & {row["id"] for row in told}
    events: list[dict[str, str]] = []
    url = "/api/v1/events/?limit=100"
    while url:
        page = ok(sam.get(url))
        events, url = events + page["results"], page["next"]
    assert events
    assert not theirs & {event["object_id"] for event in events}
    assert not [e for e in events if e["kind"] in ("patient.held", "assessment.flagged",
                                                   "session.alarm")]  # fmt: skip
