"""Nights, days on which clocks change, and months: cases of the specification by number."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.schedules import maybe_schedule

from accounts.models import User
from config.celery import SWEEPS, app
from notifications import sending, tasks, writing
from notifications.claiming import claim
from notifications.models import Message
from notifications.sandbox.models import SandboxMessage
from patients.models import Patient
from records import clock
from scheduling.models import BillingPeriod
from tests.care import care, ok, replan
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.texting import ALICE, book, fault, inbound, message, run, signed, texts, to, work

CHEN = "+18505550111"
MINUTE = timedelta(minutes=1)


def minutes(begin: str, end: str) -> Iterator[datetime]:
    """Each from the one up to the other, on the clock of care."""
    at, last = (datetime.fromisoformat(text).astimezone(UTC) for text in (begin, end))
    while at < last:
        clock.move(at)
        yield at
        at += MINUTE


def tick() -> None:
    """What beat has the worker do."""
    for sweep in (tasks.page_again, tasks.write_messages, tasks.send_due, tasks.reconcile):
        sweep()


# --- the hour that comes twice -------------------------------------------------------------------

TWICE = ("2026-11-01T06:00:00+00:00", "2026-11-01T08:00:00+00:00")  # 1:00 CDT to 2:00 CST


@pytest.mark.parametrize("name", [name for name in SWEEPS if name.startswith("notifications.")])
def test_case_08_no_sweep_rests_in_the_hour_that_comes_twice(name: str) -> None:
    """Beat's own reckoning, asked second by second from an hour before to an hour after."""
    every: Any = maybe_schedule(app.conf.beat_schedule[name]["schedule"], app=app)
    begin, end = (datetime.fromisoformat(text) for text in TWICE)
    now = last = begin - timedelta(hours=1)
    every.nowfun = lambda: now
    gaps = set()
    while now < end + timedelta(hours=1):
        now += timedelta(seconds=1)
        if every.is_due(last).is_due:
            gaps.add((now - last).total_seconds())
            last = now
    assert gaps == {SWEEPS[name]}


def test_case_08_in_the_hour_that_comes_twice_each_leaves_once(web: str) -> None:
    """Codes and calls for help in the minute in which they are asked for; what is of care, at 8.

    The reminder of 1:30, which comes twice, and the confirmations of what was booked at each 1:30.
    """
    to("2026-10-31T18:00:00Z")
    alice, user = caller("alice"), User.objects.get(email=CAST["alice"])
    ok(caller("chen").patch("settings/", {"reminder_first": 32, "confirmation_grace": 0}))
    book(alice, "2026-11-02T15:30:00Z")  # 9:30 in Pensacola
    to("2026-10-31T18:45:00Z")
    tick()
    assert message("reminder_24h").wanted_at.isoformat() == "2026-11-01T06:30:00+00:00"
    asked = {"06:15": "SM1", "06:30": "", "07:15": "SM2", "07:30": ""}
    left: dict[str, list[str]] = {}
    begun = SandboxMessage.objects.count()
    for at in minutes(*TWICE):
        of_now = f"{at:%H:%M}"
        if asked.get(of_now):
            assert inbound(web, asked[of_now], "I want to die") == 200
        elif of_now in asked:
            start = "2026-11-03T15:00:00Z" if of_now == "06:30" else "2026-11-04T15:00:00Z"
            wish = {"start": start, "kind": "follow_up", "location": {"state": "FL"}}
            ok(alice.post("consultations/", wish))
            writing.queue_code(user=user, channel="sms", to=ALICE, code="123456", now=at)
        clock.move(at + MINUTE / 2)
        tick()
        rows = SandboxMessage.objects.filter(direction="outbound-api").order_by("id")[begun:]
        if rows:
            tick()
            left[of_now] = sorted(row.to for row in rows.all())
            begun += len(left[of_now])
    paged, back_up = [CHEN, CAST["chen"]], [CAST["sam"]]
    assert left == {
        f"{hour}:{minute}": sorted(readers)
        for hour in ("06", "07")
        for minute, readers in (
            ("15", [ALICE, *paged]), ("20", paged + back_up), ("30", [ALICE, *paged, *back_up]),
        )
    }  # fmt: skip
    care_rows = Message.objects.filter(patient__email=CAST["alice"], due_at__lte=clock.now())
    assert not care_rows.filter(status="pending").exists()
    before = len(texts())
    to("2026-11-01T13:59:59Z")
    tick()
    assert len(texts()) == before
    to("2026-11-01T14:00:00Z")  # 8:00, winter
    for _ in range(3):
        tick()
    told = texts()[before:] + texts(CAST["alice"])
    assert len(told) == 3
    for words in ("a reminder: we meet on Mon, Nov 2, 9:30", "for Tue, Nov 3", "for Wed, Nov 4"):
        assert len([text for text in told if words in text]) == 1


# --- until eight in the evening ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checked", "handed_over", "seconds"),
    [
        ("12:00:00", "12:00:01", 28_739), ("19:58:00", "19:58:01", 59),
        ("19:58:59.5", "19:58:59.9", 1), ("19:58:59", "19:59:19", 1),
    ],
)  # fmt: skip
def test_case_24_the_provider_keeps_no_text_beyond_eight(
    alice_booked: Caller, web: str, checked: str, handed_over: str, seconds: int
) -> None:
    """By its own record, in the last seconds too, and where there was a queue before our POST."""
    writing.write_messages(now=clock.now())
    batch = claim(clock.now(), most=1)
    times = [datetime.fromisoformat(f"2026-11-24T{at}-06:00") for at in (checked, handed_over)]
    came = iter([*times, times[1]])
    sending.send_all(batch, time.monotonic(), lambda: next(came))
    kept = SandboxMessage.objects.get(to=ALICE).validity_period
    assert kept == seconds
    eight = datetime.fromisoformat("2026-11-24T20:00:00-06:00")
    assert times[1] + timedelta(seconds=kept) < eight


@pytest.mark.parametrize("at", ["19:59:00", "20:00:00", "07:59:58"])
def test_case_24_outside_the_hours_nothing_is_handed_over(
    alice_booked: Caller, web: str, at: str
) -> None:
    writing.write_messages(now=clock.now())
    to(f"2026-11-25T{at}-06:00")
    run()
    assert (texts(), message("confirmation").why) == ([], "It is night there.")


def test_case_24_what_expired_in_the_queue_is_not_sent_again_at_night(
    alice_booked: Caller, web: str
) -> None:
    fault(web, "no_callbacks", 9)
    to("2026-11-24T19:58:30-06:00")
    run()
    first = message("confirmation")
    expires(web, first, "2026-11-24T20:05:00-06:00")
    for at in ("24T20:05", "24T20:36", "24T23:59", "25T03:00", "25T07:59"):
        to(f"2026-11-{at}:00-06:00")
        run()
        assert len(texts()) == 1, at
    again = Message.objects.get(parent=first)
    assert (again.status, again.due_at.isoformat()) == ("pending", "2026-11-25T14:00:00+00:00")
    to("2026-11-25T08:00:00-06:00")
    for _ in range(2):
        run()
    assert (len(texts()), work("call_patient")) == (2, 0)


def test_case_24_what_expired_and_cannot_wait_for_the_morning_is_told_by_a_human(web: str) -> None:
    book(caller("alice"), "2026-11-25T14:15:00Z")  # 8:15 in Pensacola
    run()
    fault(web, "no_callbacks", 9)
    to("2026-11-24T19:58:30-06:00")
    run()
    told = message("reminder_2h")
    assert told.status == "accepted"
    before = len(texts())
    expires(web, told, "2026-11-24T20:05:00-06:00")
    for at in ("24T20:36:00", "25T07:00:00", "25T08:00:00"):
        to(f"2026-11-{at}-06:00")
        run()
    assert (len(texts()), work("call_patient")) == (before, 1)


def expires(web: str, told: Message, at: str) -> None:
    """The provider could not hand it over while it was valid."""
    to(at)
    fields = {"MessageSid": str(told.provider_id), "MessageStatus": "failed", "ErrorCode": "30001"}
    assert signed(web, f"/webhooks/twilio/status/?m={told.pk}", fields).status_code == 204


# --- where people live ---------------------------------------------------------------------------

PORT_ST_JOE = {"line1": "1 Reid Ave", "city": "Port St Joe", "state": "FL", "postal_code": "32456"}
EASTERN, CENTRAL = "America/New_York", "America/Chicago"


@pytest.mark.parametrize(
    ("zone", "left"), [(EASTERN, [1, 3, 3]), (CENTRAL, [2, 2, 3]), ("", [1, 1, 3])]
)
def test_case_09_in_gulf_county_each_half_keeps_its_own_hours(
    web: str, zone: str, left: list[int]
) -> None:
    """At 20:30 and 8:15 Eastern, and at 8:00 Central; without a zone, while both are awake."""
    alice = caller("alice")
    ok(caller("chen").patch("settings/", {"confirmation_grace": 0}))
    ok(alice.post("me/address/", {**PORT_ST_JOE, "time_zone": zone or EASTERN, "kind": "move"}))
    rows = Patient.objects.filter(user=alice.user)
    home = rows.get().address_id
    book(alice)
    run()
    found = []
    for at, start in (
        ("01:30", "2026-12-01T15:00:00Z"),
        ("13:15", "2026-12-02T15:00:00Z"),
        ("14:00", ""),
    ):
        to(f"2026-11-25T{at}:00Z")
        if start:
            wish = {"start": start, "kind": "follow_up", "location": {"state": "FL"}}
            ok(alice.post("consultations/", wish))
        rows.update(address=home if zone else None)
        run()
        rows.update(address=home)
        found.append(len(texts()))
    assert found == left


# --- months --------------------------------------------------------------------------------------


@pytest.mark.parametrize("anchor", [29, 30, 31])
def test_case_29_a_month_from_the_end_of_january_renews_once_a_month(web: str, anchor: int) -> None:
    """February ends on its last day, March on that of the beginning; each is told of once."""
    to("2027-01-25T15:00:00Z")
    walk = care(caller("alice"), talk="2027-01-28T15:00:00Z").agreed()
    to(f"2027-01-{anchor}T16:00:00Z")
    walk.paid()
    renewed: list[str] = []
    for _ in range(3):
        ends = datetime.fromisoformat(f"{walk.period['ends_on']}T16:00:00Z")
        for before in (9, 8, 7, 5, 4):
            to((ends - timedelta(days=before)).isoformat())
            replan(walk)
            run()
            assert len(renewals()) == len(renewed) + (before < 9), (ends, before)
        renewed = renewals()
        walk.pays()
    starts = [f"{row.starts_on:%m-%d}" for row in BillingPeriod.objects.order_by("number")]
    assert starts == [f"01-{anchor}", "02-28", f"03-{anchor}", f"04-{min(anchor, 30)}"]
    days = [re.findall(r"your next month begins on \w+, (\w+ \d+)", text)[0] for text in renewed]
    assert days == ["Feb 28", f"Mar {anchor}", f"Apr {min(anchor, 30)}"]


def renewals() -> list[str]:
    """What Alice was told of a month that follows, by text and by mail."""
    rows = SandboxMessage.objects.filter(to__in=(ALICE, CAST["alice"])).order_by("id")
    return [row.body for row in rows if "your next month begins on" in row.body]
