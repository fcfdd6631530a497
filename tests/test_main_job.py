"""The story, told to a started Hearth: real PostgreSQL, broker, worker, beat, texts over HTTP."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.cast import ALBANY, PENSACOLA, YES
from tests.started import Hearth, started, wait_for

NORA = "+18505550161"
CHEN = "+18505550111"


@pytest.fixture(scope="module")
def hearth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearth]:
    """Tuesday, 24 November 2026, 9:00 in Pensacola, whatever the hour of the run."""
    data: Path = tmp_path_factory.mktemp("hearth") / "data"
    with started(data) as running:
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


def test_from_a_zip_code_to_a_completed_consultation(hearth: Hearth) -> None:
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


def test_a_crisis_shows_help_at_once_and_reaches_the_physician(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-01T08:30:00Z")  # at night: this text goes at any hour
    told = assess(hearth, somebody("+18505550162"), suic="plan_or_intent").json()
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
    away = assess(hearth, somebody("+18505550163"), ALBANY)
    assert (away.status_code, away.json()["code"]) == (422, "out_of_area")
    child = assess(hearth, somebody("+18505550163", date_of_birth="2010-01-01"))
    assert (child.status_code, child.json()["code"]) == (422, "under_age")
    assert hearth.get("patients/?search=%2B18505550163", **sam)["results"] == []


def test_two_who_want_the_same_slot_get_one(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-01T15:00:00Z")
    slot = free_slots(hearth, "2026-12-04", postal_code="32501")[4]
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
    hearth.move_clock(now="2026-12-07T15:00:00Z")
    sam, phone = hearth.sign_in("sam"), "+18505550164"
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
    slot = free_slots(hearth, "2026-12-10", postal_code="32501")[9]
    wish = {"start": slot["start"], "kind": "initial", "location": {"state": "FL"}, **on_behalf}
    booked = hearth.call("POST", "consultations/", wish, **sam)
    assert booked.status_code == 201, booked.text
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
    wait_for(lambda: "is cancelled" in str(hearth.texts("caller@example.org")), "the mail")
    assert hearth.texts(phone) == before


def test_whoever_moves_away_cannot_book_and_is_found_by_the_sweep(hearth: Hearth) -> None:
    hearth.move_clock(now="2026-12-14T15:00:00Z")
    bruno = hearth.sign_in_by_code(email="bruno@hearth.test")
    slots = free_slots(hearth, "2026-12-17", postal_code="07105")
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


def test_beat_itself_sends_what_is_due(hearth: Hearth) -> None:
    """No hint and no moved clock: a reminder comes due while everything just runs."""
    hearth.move_clock(now="2026-12-21T15:00:00Z")
    eve = hearth.sign_in_by_code(email="eve@hearth.test")
    slot = free_slots(hearth, "2026-12-23", postal_code="08753")[5]
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
    hearth.move_clock(now=(due - timedelta(seconds=3)).isoformat())
    assert not [text for text in hearth.texts(phone) if "a reminder" in text]
    begun = time.monotonic()
    hearth.text_with(phone, "a reminder")
    assert time.monotonic() - begun < 3 + 30
