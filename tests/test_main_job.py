"""The story, told to a started Hearth: real PostgreSQL, broker, worker, beat, texts over HTTP."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.care import CALM, HANDED_OVER, SIGNER, ok, prescription, unmet
from tests.cast import ALBANY, PENSACOLA, YES
from tests.conftest import urls_of
from tests.started import Hearth, started, wait_for

NORA = "+18505550181"
CHEN = "+18505550111"
SAL = "+18505550177"
FLORIDA = {"location": {"state": "FL"}}


@pytest.fixture(scope="module")
def hearth(empty: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearth]:
    """Tuesday, 24 November 2026, 9:00 in Pensacola, whatever the hour of the run.

    The database is given, and migrated; test_embedded.py starts from nothing.
    """
    data: Path = tmp_path_factory.mktemp("hearth") / "data"
    with started(data, **urls_of(empty)) as running:
        running.move_clock(now="2026-11-24T15:00:00Z")
        yield running


def calm(hearth: Hearth, **given: Any) -> dict[str, Any]:
    """Answers to every required question that raise no flag, but for those given."""
    asked = hearth.get("assessments/questions/")["questions"]
    answers = {q["key"]: q["options"][0] for q in asked if q["required"] and q["type"] == "choice"}
    return {**answers, "reason": ["depression"], "meds": ["none"], **given}


def somebody(phone: str, email: str = "", **more: Any) -> dict[str, Any]:
    return {
        "first_name": "Nora",
        "last_name": "North",
        "date_of_birth": "1990-05-17",
        "phone": phone,
        "email": email,
        **more,
    }


def assess(hearth: Hearth, person: Any, address: Any = PENSACOLA, **given: Any) -> Any:
    body = {
        "person": person,
        "address": address,
        "answers": calm(hearth, **given),
        "consents": YES,
    }
    return hearth.call("POST", "assessments/", body)


def free_slots(hearth: Hearth, day: str, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{k}={v}" for k, v in {"from": day, "to": day, **query}.items())
    slots: list[dict[str, Any]] = hearth.get(f"slots/?{asked}")["results"]
    return slots


def said(instant: str) -> str:
    """An instant as a text tells it to somebody in Pensacola."""
    at = datetime.fromisoformat(instant).astimezone(ZoneInfo("America/Chicago"))
    return f"{at:%a, %b} {at.day}, {at.hour % 12 or 12}:{at:%M %p} Central"


def time_of(hearth: Hearth) -> datetime:
    """The time of care."""
    return datetime.fromisoformat(hearth.get("/sandbox/clock/")["now"])


def next_of(hearth: Hearth, who: dict[str, str]) -> tuple[str, str]:
    """Who acts next, and the first step that is not done."""
    told = hearth.get("me/timeline/", **who)
    at = next((step["key"] for step in told["steps"] if step["state"] != "done"), "")
    return told["next"]["who"], at


def approve(hearth: Hearth, meeting: str, patient: str, chen: dict[str, str]) -> None:
    """The physician saw a document, and decides."""
    shown = {"document": "passport", "last4": "1234"}
    ok(hearth.call("POST", f"patients/{patient}/identity-checks/", shown, **chen))
    decision = {"outcome": "approved", "note": "for my eyes"}
    ok(hearth.call("POST", f"consultations/{meeting}/decide/", decision, **chen))


def agree_and_subscribe(hearth: Hearth, who: dict[str, str]) -> str:
    """Both agreements, and the first plan."""
    for kind in ("treatment", "safekeeping"):
        ok(hearth.call("POST", "me/consents/", {"kind": kind, "accepted": True}, **who))
    plan = hearth.get("plans/")["results"][0]["id"]
    return str(ok(hearth.call("POST", "subscriptions/", {"plan": plan}, **who))["id"])


def mark_paid(hearth: Hearth, subscription: str, sam: dict[str, str]) -> None:
    path = f"subscriptions/{subscription}/periods/1/mark-paid/"
    ok(hearth.call("POST", path, {"reference": "INV-1"}, **sam))


def prescribe(hearth: Hearth, patient: str, chen: dict[str, str]) -> None:
    rx = prescription(patient, now=time_of(hearth))
    ok(hearth.call("POST", "prescriptions/", rx, **chen))


def choose(hearth: Hearth, who: dict[str, str], day: str, **signer: str) -> Any:
    """The window after the first of a day is chosen for the parcel."""
    (parcel,) = hearth.get("deliveries/", **who)["results"]
    window = hearth.get(f"delivery-windows/?from={day}&to={day}", **who)["results"][1]["id"]
    body = {"window": window, "signer": {**SIGNER, **signer}}
    return hearth.call("POST", f"deliveries/{parcel['id']}/choose-window/", body, **who)


def test_from_a_zip_code_to_the_check_in(hearth: Hearth) -> None:
    # Anyone asks for a ZIP code, sees the plans, and the free slots for it.
    area = hearth.get("service-area/?postal_code=32501")
    assert (area["served"], area["county"]) == (True, "Escambia")
    assert hearth.get("plans/")["results"][0]["monthly_price"] == "250.00"
    practice = hearth.get("physicians/")["results"]
    chen_id = next(row["id"] for row in practice if row["name"] == "Dr. Chen")
    slots = free_slots(hearth, "2026-11-27", postal_code="32501", physician=chen_id)
    assert {slot["time_zone"] for slot in slots} == {"America/Chicago"}

    # Nora submits the assessment: never an approval.
    told = assess(hearth, somebody(NORA, "nora@example.org"))
    assert told.status_code == 201, told.text
    assert told.json()["outcome"] == "under_review"
    assert "approv" not in told.text

    # She signs in with a code by text, holds a slot, and books it.
    nora = hearth.sign_in_by_code(phone=NORA)
    slot = next(s for s in slots if s["start"] >= "2026-11-27T15:00:00Z")
    hold = hearth.call(
        "POST",
        "holds/",
        {k: slot[k] for k in ("physician", "start")} | {"kind": "initial", "state": "FL"},
    )
    assert hold.status_code == 201, hold.text
    wish = {
        "physician": slot["physician"],
        "start": slot["start"],
        "kind": "initial",
        "location": {"state": "FL", "city": "Pensacola"},
        "hold": hold.json()["id"],
        "secret": hold.json()["secret"],
    }
    booked = hearth.call("POST", "consultations/", wish, **nora, Idempotency_Key="nora-1")
    assert booked.status_code == 201, booked.text
    again = hearth.call("POST", "consultations/", wish, **nora, Idempotency_Key="nora-1")
    assert again.json() == booked.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    meeting = booked.json()

    # The text arrives, by beat, worker and the Twilio library; the calendar has it.
    hearth.later()
    text = hearth.text_with(NORA, "you are booked")
    assert said(slot["start"]) in text
    chen = hearth.sign_in("chen")
    calendar = hearth.get("calendar/?from=2026-11-27&to=2026-11-27", **chen)["results"]
    entry = next(e for e in calendar if e["id"] == meeting["id"])
    assert entry["start"] == slot["start"]
    assert (entry["join"], entry["join_url"]) == ("video", "https://video.hearth.test/chen")

    # She confirms, then moves it; the reminders follow, at the same time of the day.
    path = f"consultations/{meeting['id']}/"
    assert hearth.call("POST", path + "confirm/", {}, **nora).json()["confirmed_at"]
    later = free_slots(hearth, "2026-11-30", postal_code="32501", physician=chen_id)
    new = next(s["start"] for s in later if s["start"] >= "2026-11-30T18:00:00Z")
    moved = hearth.call("POST", path + "reschedule/", {"start": new}, **nora)
    assert moved.status_code == 200, moved.text
    hearth.later()
    assert said(new) in hearth.text_with(NORA, "is now")
    start = datetime.fromisoformat(new)
    minute, day = timedelta(minutes=1), timedelta(days=1)
    for not_yet in (datetime.fromisoformat(slot["start"]) - day, start - day - minute):
        hearth.move_clock(now=not_yet.isoformat())
        assert not [text for text in hearth.texts(NORA) if "reminder" in text]
    hearth.move_clock(now=(start - day).isoformat())
    assert said(new) in hearth.text_with(NORA, "reminder")
    hearth.move_clock(now=(start - timedelta(hours=2)).isoformat())
    hearth.text_with(NORA, "appointment starts")

    # The physician sees her arrive, and completes the consultation.
    assert hearth.call("POST", path + "no-show/", {}, **chen).json()["code"] == "too_early"
    hearth.move_clock(now=(start - 2 * minute).isoformat())
    there = {"location": {"state": "FL"}}
    assert hearth.call("POST", path + "arrive/", there, **chen).json()["status"] == "arrived"
    done = hearth.call("POST", path + "complete/", {"note": "Talked."}, **chen)
    assert (done.json()["status"], done.json()["note"]) == ("completed", "Talked.")
    assert "note" not in hearth.get(path, **nora)
    kinds = [e["kind"] for e in hearth.get(path + "history/", **nora)["results"]]
    assert kinds == [
        "consultation.booked",
        "consultation.confirmed",
        "consultation.rescheduled",
        "consultation.arrived",
        "consultation.completed",
    ]
    _from_the_decision_to_the_parcel(hearth, meeting["id"], nora, chen)


def _from_the_decision_to_the_parcel(
    hearth: Hearth, meeting: str, nora: dict[str, str], chen: dict[str, str]
) -> None:
    # The physician decides, apart from completing; at each point Nora sees who acts next.
    me, sam = hearth.get("me/", **nora)["id"], hearth.sign_in("sam")
    assert next_of(hearth, nora) == ("physician", "decision")
    approve(hearth, meeting, me, chen)
    assert next_of(hearth, nora) == ("patient", "agreements")

    # She agrees and subscribes; the answer to the payment comes with her first delivery.
    subscription = agree_and_subscribe(hearth, nora)
    assert next_of(hearth, nora) == ("patient", "payment")
    assert hearth.get("deliveries/", **nora)["results"] == []
    hearth.text_with(NORA, "the payment for your month")  # one that is paid before is not told
    mark_paid(hearth, subscription, sam)
    (parcel,) = hearth.get("deliveries/", **nora)["results"]
    assert (parcel["status"], next_of(hearth, nora)) == (
        "awaiting_window",
        ("physician", "prescription"),
    )
    prescribe(hearth, me, chen)
    assert next_of(hearth, nora) == ("patient", "delivery")
    # Her number has had its three texts of care within a day: the next one goes by mail.
    hearth.text_with("nora@example.org", "choose when your delivery comes")

    # She chooses a window, and names who takes the parcel: an adult of 21 or older.
    young = choose(hearth, nora, "2026-12-03", date_of_birth="2006-01-01")
    assert (young.status_code, young.json()["code"]) == (422, "signer_under_age")
    window = ok(choose(hearth, nora, "2026-12-03"))["window"]

    # The session can be planned before the parcel is there; it waits for it, and for somebody.
    times = hearth.get("session-times/?from=2026-12-07&to=2026-12-07", **nora)["results"]
    start = next(time["start"] for time in times if time["start"] >= "2026-12-07T17:00:00Z")
    session = ok(hearth.call("POST", "sessions/", {"start": start}, **nora))["id"]
    waits = [gate["code"] for gate in _step(hearth, nora, "session")["unmet_gates"]]
    assert waits == ["not_delivered", "support_person_missing"]
    _somebody_agrees_to_stay(hearth, nora)
    waits = [gate["code"] for gate in _step(hearth, nora, "session")["unmet_gates"]]
    assert waits == ["not_delivered"]

    # The parcel goes its way, and she is told.
    path = f"deliveries/{parcel['id']}/"
    opens = datetime.fromisoformat(window["starts"])
    hearth.move_clock(now=(opens - timedelta(days=1)).isoformat())
    assert said(window["starts"]) in hearth.text_with(NORA, "delivery Thu")
    ok(hearth.call("POST", path + "pack/", {}, **sam))
    label = {"carrier": "UPS", "tracking": "1Z999AA10123456784"}
    ok(hearth.call("POST", path + "dispatch/", label, **sam))
    assert next_of(hearth, nora) == ("nobody", "delivery")
    hearth.move_clock(now=opens.isoformat())
    ok(hearth.call("POST", path + "out-for-delivery/", {}, **sam))
    hearth.text_with(NORA, "is on its way")
    assert ok(hearth.call("POST", path + "deliver/", HANDED_OVER, **sam))["status"] == "delivered"
    hearth.text_with(NORA, "has arrived")
    assert next_of(hearth, nora) == ("nobody", "session")
    _from_the_session_to_the_check_in(hearth, session, start, nora)


def _step(hearth: Hearth, who: dict[str, str], key: str) -> dict[str, Any]:
    steps = hearth.get("me/timeline/", **who)["steps"]
    return dict(next(step for step in steps if step["key"] == key))


def _somebody_agrees_to_stay(hearth: Hearth, nora: dict[str, str]) -> None:
    """Sal gets a link, looks at it, which changes nothing, and presses the button."""
    named = {"name": "Sal", "date_of_birth": "1980-02-03", "phone": SAL}
    ok(hearth.call("POST", "me/support-persons/", named, **nora))
    text = hearth.text_with(SAL, "you are asked to be with somebody")
    found = re.search(r"http\S+/support/\S+", text)
    assert found, text
    browser = requests.Session()
    page = browser.get(found[0], timeout=10)
    assert page.status_code == 200
    assert "Nora" not in page.text + text
    gates = _step(hearth, nora, "session")["unmet_gates"]
    assert [gate["code"] for gate in gates] == ["not_delivered", "support_person_unconfirmed"]
    assert browser.post(found[0], timeout=10).status_code == 403
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    agreed = browser.post(found[0], data={"csrfmiddlewaretoken": token}, timeout=10)
    assert (agreed.status_code, "Thank you" in agreed.text) == (200, True)


def _from_the_session_to_the_check_in(
    hearth: Hearth, session: str, start: str, nora: dict[str, str]
) -> None:
    # Both are reminded, a day and two hours before.
    at, path = datetime.fromisoformat(start), f"sessions/{session}/"
    for ahead, hers, his in (
        (24, "a reminder of your appointment at home", "a reminder to be with somebody"),
        (2, "your appointment at home starts", "you are to be with somebody"),
    ):
        assert not [text for text in hearth.texts(SAL) if his in text]
        hearth.move_clock(now=(at - timedelta(hours=ahead)).isoformat())
        assert said(start) in hearth.text_with(NORA, hers)
        assert said(start) in hearth.text_with(SAL, his)

    # She measures, starts, finishes; the next morning she is asked how she feels, and tells.
    hearth.move_clock(now=(at - timedelta(minutes=5)).isoformat())
    refused = hearth.call("POST", path + "start/", {}, **nora)
    assert unmet(refused) == ["pre_check_missing"]
    measured = {"support_person_present": True, "measured_at": time_of(hearth).isoformat()}
    ok(hearth.call("POST", path + "pre-check/", {**FLORIDA, **measured, **CALM}, **nora))
    ok(hearth.call("POST", path + "start/", {}, **nora))
    assert ok(hearth.call("POST", path + "finish/", CALM, **nora))["status"] == "completed"
    assert next_of(hearth, nora) == ("patient", "check_in")
    hearth.move_clock(now="2026-12-08T15:59:00Z")
    assert not [text for text in hearth.texts(NORA) if "tell us how it went" in text]
    hearth.move_clock(now="2026-12-08T16:00:00Z")
    hearth.text_with(NORA, "tell us how it went")
    ok(hearth.call("POST", path + "check-in/", {"feeling": "well"}, **nora))
    assert next_of(hearth, nora) == ("nobody", "")


def test_whoever_moves_away_in_treatment_is_held_within_seconds(hearth: Hearth) -> None:
    """By worker and beat alone: nobody moves the clock."""
    hearth.move_clock(now="2026-12-08T17:00:00Z")
    phone, chen, sam = "+18505550185", hearth.sign_in("chen"), hearth.sign_in("sam")
    ok(assess(hearth, somebody(phone)))
    who = hearth.sign_in_by_code(phone=phone)
    slot = free_slots(hearth, "2026-12-10", postal_code="32501")[0]
    wish = {"physician": slot["physician"], "start": slot["start"], "kind": "initial", **FLORIDA}
    meeting = ok(hearth.call("POST", "consultations/", wish, **who))
    hearth.move_clock(now=slot["start"])
    mine, me = hearth.sign_in(_name_of(meeting)), hearth.get("me/", **who)["id"]
    for verb, body in (("arrive", FLORIDA), ("complete", {"note": "n"})):
        ok(hearth.call("POST", f"consultations/{meeting['id']}/{verb}/", body, **mine))
    approve(hearth, meeting["id"], me, mine)
    mark_paid(hearth, agree_and_subscribe(hearth, who), sam)
    prescribe(hearth, me, mine)
    ok(choose(hearth, who, "2026-12-16"))
    times = hearth.get("session-times/?from=2026-12-18&to=2026-12-18", **who)["results"]
    session = ok(hearth.call("POST", "sessions/", {"start": times[0]["start"]}, **who))["id"]

    ok(hearth.call("POST", "me/address/", {**ALBANY, "kind": "move"}, **who))

    def followed() -> bool:
        (parcel,) = hearth.get("deliveries/", **who)["results"]
        found = hearth.get("work-items/?kind=transition", **chen)["results"]
        return (
            parcel["status"] == "held"
            and hearth.get(f"sessions/{session}/", **who)["status"] == "held"
            and me in [item["object_id"] for item in found]
        )

    wait_for(followed, "what follows from the move", 5)


def _name_of(meeting: dict[str, Any]) -> str:
    """The name that a physician of the demo signs in with."""
    return str(meeting["physician_name"]).removeprefix("Dr. ").lower()


def test_a_crisis_shows_help_at_once_and_reaches_the_physician(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-11T08:30:00Z")  # at night: this text goes at any hour
    told = assess(hearth, somebody("+18505550182"), suic="plan_or_intent").json()
    assert told["crisis"] is True
    assert "911" in told["crisis_text"]
    assert "988" in told["crisis_text"]
    text = hearth.text_with(CHEN, told["reference"])
    assert "Nora" not in text
    assert "suic" not in text.lower()
    chen = hearth.sign_in("chen")
    items = hearth.get("work-items/?kind=crisis_answer", **chen)["results"]
    assert [item["urgency"] for item in items] == [1]


def test_nothing_is_kept_of_those_whom_we_cannot_treat(hearth: Hearth) -> None:
    sam = hearth.sign_in("sam")
    away = assess(hearth, somebody("+18505550183"), ALBANY)
    assert (away.status_code, away.json()["code"]) == (422, "out_of_area")
    child = assess(hearth, somebody("+18505550183", date_of_birth="2010-01-01"))
    assert (child.status_code, child.json()["code"]) == (422, "under_age")
    assert hearth.get("patients/?search=%2B18505550183", **sam)["results"] == []


def test_two_who_want_the_same_slot_get_one(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-11T15:00:00Z")
    slot = free_slots(hearth, "2026-12-15", postal_code="32501")[4]
    wish = {
        "physician": slot["physician"],
        "start": slot["start"],
        "kind": "initial",
        "location": {"state": "FL"},
    }
    both = [hearth.sign_in_by_code(email=f"{name}@hearth.test") for name in ("alice", "eve")]

    def book(header: dict[str, str]) -> Any:
        return hearth.call("POST", "consultations/", wish, **header)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(book, both), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [201, 409]
    lost = answers[1].json()
    assert lost["code"] == "slot_taken"
    assert len(lost["next_slots"]) == 3


def test_staff_do_the_same_for_a_caller_and_stop_ends_the_texts(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-12T15:00:00Z")
    sam, phone = hearth.sign_in("sam"), "+18505550184"
    entered = hearth.call(
        "POST",
        "patients/",
        {
            "person": somebody(phone, "caller@example.org"),
            "address": PENSACOLA,
            "consents": YES,
            "channel": "telephone",
        },
        **sam,
    )
    assert entered.status_code == 201, entered.text
    on_behalf = {"patient": entered.json()["id"], "channel": "telephone"}
    told = hearth.call(
        "POST", "assessments/", {"answers": calm(hearth), "consents": YES, **on_behalf}, **sam
    )
    assert told.status_code == 201, told.text
    slot = free_slots(hearth, "2026-12-16", postal_code="32501")[9]
    wish = {"start": slot["start"], "kind": "initial", "location": {"state": "FL"}, **on_behalf}
    booked = hearth.call("POST", "consultations/", wish, **sam)
    assert booked.status_code == 201, booked.text
    hearth.later()
    hearth.text_with(phone, "you are booked")

    # They answer STOP: no further text, and the mail still goes.
    hearth.call("POST", "/sandbox/reply/", {"from": phone, "body": "Stop"})
    before = hearth.texts(phone)
    start = datetime.fromisoformat(slot["start"])
    hearth.move_clock(now=start.replace(day=start.day - 1).isoformat())
    assert hearth.texts(phone) == before
    assert "a reminder" in hearth.texts("caller@example.org")[0]
    called = {"channel": "telephone"}
    cancelled = hearth.call("POST", f"consultations/{booked.json()['id']}/cancel/", called, **sam)
    assert (cancelled.json()["status"], cancelled.json()["late"]) == ("cancelled", True)
    hearth.later()
    wait_for(lambda: "is cancelled" in str(hearth.texts("caller@example.org")), "the mail")
    assert hearth.texts(phone) == before


def test_whoever_moves_away_cannot_book_and_is_found_by_the_sweep(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-16T15:00:00Z")
    bruno = hearth.sign_in_by_code(email="bruno@hearth.test")
    slots = free_slots(hearth, "2026-12-21", postal_code="07105")
    wish = {"start": slots[2]["start"], "kind": "initial", "location": {"state": "NJ"}}
    booked = hearth.call("POST", "consultations/", wish, **bruno)
    assert booked.status_code == 201, booked.text
    move = {**ALBANY, "kind": "move"}
    assert hearth.call("POST", "me/address/", move, **bruno).status_code == 201
    refused = hearth.call("POST", "consultations/", {**wish, "start": slots[8]["start"]}, **bruno)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_unmet")
    assert [gate["code"] for gate in refused.json()["unmet_gates"]] == ["out_of_area"]
    hearth.move_clock(advance_seconds=3600)
    found = hearth.get("work-items/?kind=consultation_at_risk", **hearth.sign_in("sam"))["results"]
    assert booked.json()["id"] in [item["object_id"] for item in found]
    assert hearth.get(f"consultations/{booked.json()['id']}/", **bruno)["at_risk"] is True


EARLY = timedelta(seconds=12)  # of a clock that runs while every sweep does, on a busy machine


def test_beat_itself_sends_what_is_due(hearth: Hearth) -> None:
    """No hint and no moved clock: a reminder comes due while everything just runs."""
    hearth.move_clock(now="2026-12-22T15:00:00Z")
    eve = hearth.sign_in_by_code(email="eve@hearth.test")
    slot = free_slots(hearth, "2026-12-29", postal_code="08753")[5]
    wish = {"start": slot["start"], "kind": "follow_up", "location": {"state": "NJ"}}
    booked = hearth.call("POST", "consultations/", wish, **eve)
    assert booked.status_code == 201, booked.text
    about = booked.json()["id"]

    def reminders() -> list[Any]:
        found = hearth.get("reminders/", **eve)["results"]
        return [m for m in found if m["about"]["id"] == about]

    coming = wait_for(reminders, "the reminders")
    due = datetime.fromisoformat(coming[0]["due_at"])
    phone = hearth.get("me/", **eve)["phone"]
    hearth.move_clock(now=(due - EARLY).isoformat())
    assert not [text for text in hearth.texts(phone) if "a reminder" in text]
    begun = time.monotonic()
    hearth.text_with(phone, "a reminder")
    assert time.monotonic() - begun < EARLY.total_seconds() + 30
