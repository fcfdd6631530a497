"""What is said, when and in which words: quiet hours, policy, texts, replies; no database."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.policy import (
    AT_ONCE,
    CARE,
    FIRST,
    LESSER,
    PROMISED,
    SAYINGS,
    URGENT,
    Subject,
    about,
    alert,
    class_of,
    helps_until,
    priority_of,
    still_told,
    still_true,
)
from notifications.quiet_hours import Hours, awake, leaves_at
from notifications.replies import meaning
from notifications.texts import ONE_SEGMENT, Words, text_of
from records.values import DEFAULTS
from scheduling.intervals import wall_before

EASTERN, CENTRAL = "America/New_York", "America/Chicago"
ZONES = (EASTERN, CENTRAL)
VALUES = {key: default.value for key, default in DEFAULTS.items()}
COUNTS = dict.fromkeys(("booked", "moved", "cancelled", "count", "now", "today", "soon"), 188)
KINDS = {saying.kind: saying for saying in SAYINGS}
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
BANNED = (
    "ketamine", "troche", "lozenge", "medic", "drug", "dose", "treat", "therap", "depress",
    "anxi", "ptsd", "pain", "psych", "mental", "clinic", "doctor", "dr.", "physician", "patient",
    "prescri", "pharm", "health", "consult", "assess", "crisis", "suic", "911", "988",
)  # fmt: skip

instants = st.integers(0, 2 * 365 * 1440).map(
    lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + minute * timedelta(minutes=1)
)
zones = st.sampled_from(ZONES)


def wall(instant: datetime, zone: str) -> time:
    return instant.astimezone(ZoneInfo(zone)).time()


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- quiet hours -----------------------------------------------------------------------------


@given(wanted=instants, ahead=st.integers(0, 3 * 1440), keeps=st.integers(-600, 2880), zone=zones)
def test_no_care_text_leaves_at_night_or_when_it_is_useless(
    wanted: datetime, ahead: int, keeps: int, zone: str
) -> None:
    """Any minute of two years, both zones, both clock changes in each."""
    now, not_after = wanted - ahead * MINUTE, wanted + keeps * MINUTE
    leaves = leaves_at(wanted, hours=Hours(zone), now=now, not_after=not_after)
    if leaves is not None:
        assert time(8) <= wall(leaves, zone) < time(20)
        assert now <= leaves < not_after
    elif not_after > max(wanted, now):
        assert not awake(max(wanted, now), Hours(zone))


@given(wanted=instants, zone=zones)
def test_by_day_it_leaves_when_it_is_wanted(wanted: datetime, zone: str) -> None:
    if time(8) <= wall(wanted, zone) < time(19, 59):
        assert leaves_at(wanted, hours=Hours(zone), now=wanted, not_after=wanted + HOUR) == wanted


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("wanted", "start", "expected"),
    [
        # A consultation at 7:45: its reminder of 5:45 leaves on the evening before (T1).
        ("2026-11-24T05:45", "2026-11-24T07:45", "2026-11-23T19:30"),
        # At 10:15 the reminder of 8:15 leaves as it is; at 9:30 that of 7:30 waits until 8:00.
        ("2026-11-24T08:15", "2026-11-24T10:15", "2026-11-24T08:15"),
        ("2026-11-24T07:30", "2026-11-24T09:30", "2026-11-24T08:00"),
        # At 8:00 in the morning nothing would be left of the 6:00 reminder but the evening.
        ("2026-11-24T06:00", "2026-11-24T08:00", "2026-11-23T19:30"),
        # Wanted late in the evening for the next day: it waits until the morning.
        ("2026-11-23T21:00", "2026-11-24T21:00", "2026-11-24T08:00"),
        # On the night when clocks change.
        ("2027-03-14T07:00", "2027-03-14T09:00", "2027-03-14T08:00"),
        ("2027-11-07T06:30", "2027-11-07T08:30", "2027-11-07T08:00"),
    ],
)
def test_what_is_due_at_night_goes_at_eight_or_the_evening_before(
    wanted: str, start: str, expected: str, zone: str
) -> None:
    leaves = leaves_at(
        local(wanted, zone),
        hours=Hours(zone),
        now=local("2026-11-20T12:00", zone),
        not_after=local(start, zone) - 20 * MINUTE,
    )
    assert leaves == local(expected, zone)


def test_when_the_evening_has_passed_it_leaves_at_once_or_not_at_all() -> None:
    start, zone = local("2026-11-24T08:00", EASTERN), EASTERN
    wanted, not_after = start - 2 * HOUR, start - 20 * MINUTE
    late = local("2026-11-23T19:45", zone)
    assert leaves_at(wanted, hours=Hours(zone), now=late, not_after=not_after) == late
    night = local("2026-11-23T20:15", zone)
    assert leaves_at(wanted, hours=Hours(zone), now=night, not_after=not_after) is None


# --- what is said about a consultation ---------------------------------------------------------


def meeting(start: datetime, **more: Any) -> Subject:
    end, base = start + HOUR / 2, {"status": "booked", "revision": 1, "zone": CENTRAL}
    return Subject(start=start, end=end, **{**base, **more})


@given(start=instants, zone=zones)
def test_24_hours_before_is_the_same_wall_time_on_the_day_before(
    start: datetime, zone: str
) -> None:
    before = wall_before(start, zone, timedelta(days=1)).astimezone(ZoneInfo(zone))
    at = start.astimezone(ZoneInfo(zone))
    assert abs((start - before) - timedelta(days=1)) <= HOUR
    if before.replace(fold=0).astimezone(UTC) == before.replace(fold=1).astimezone(UTC):
        gap = before.date() in (date(2026, 3, 8), date(2027, 3, 14)) and before.hour == 3
        assert gap or (before.date(), before.time()) == (at.date() - timedelta(days=1), at.time())


def test_over_the_clock_change_the_reminder_keeps_its_wall_time() -> None:
    """T14: 10:00 on the 14th is reminded of at 10:00 on the 13th, 23 hours before."""
    start = local("2027-03-14T10:00", EASTERN)
    reminder = wall_before(start, EASTERN, timedelta(days=1))
    assert reminder == local("2027-03-13T10:00", EASTERN)
    assert start - reminder == 23 * HOUR


def kinds(
    fact: str, row: Subject, now: datetime, revision: int = 1, told: tuple[str, ...] = ()
) -> list[str]:
    return [
        p.kind
        for p in about(fact, row, revision=revision, values=VALUES, occurred_at=now, told=told)
    ]


def test_a_booking_is_confirmed_and_gets_the_reminders_that_still_make_sense() -> None:
    start = local("2026-11-30T09:00", CENTRAL)
    soon = meeting(start)
    booked = "consultation.booked"
    all_three = ["confirmation", "reminder_24h", "reminder_2h"]
    assert kinds(booked, soon, start - 48 * HOUR) == all_three
    assert kinds(booked, soon, start - 23 * HOUR) == ["confirmation", "reminder_2h"]
    assert kinds(booked, soon, start - HOUR) == ["confirmation"]
    assert kinds(booked, soon, start) == []


def test_a_fact_that_is_not_true_any_more_says_nothing() -> None:
    start, now = local("2026-11-30T09:00", CENTRAL), local("2026-11-27T09:00", CENTRAL)
    assert kinds("consultation.booked", meeting(start, revision=2), now) == []
    assert kinds("consultation.booked", meeting(start, status="cancelled"), now) == []
    assert kinds("consultation.cancelled", meeting(start), now) == []
    gone = meeting(start, status="cancelled")
    assert kinds("consultation.cancelled", gone, now) == []  # nobody was told of it
    for told in ("confirmation", "reminder_2h", PROMISED):
        assert kinds("consultation.cancelled", gone, now, told=(told,)) == ["cancelled"]
    assert kinds("consultation.confirmed", meeting(start), now) == []


def test_a_parcel_is_told_of_from_its_window_to_the_door() -> None:
    start, now = local("2026-12-01T08:00", CENTRAL), local("2026-11-27T09:00", CENTRAL)
    parcel = meeting(start, status="awaiting_window")
    for fact in ("delivery.created", "delivery.window_lost", "delivery.released"):
        assert kinds(fact, parcel, now) == ["window_to_choose"]
    assert kinds("delivery.window_missing", parcel, now) == ["window_missing"]
    scheduled = replace(parcel, status="scheduled")
    assert kinds("delivery.scheduled", scheduled, now) == ["delivery_24h"]
    (told,) = about("delivery.scheduled", scheduled, revision=1, values=VALUES, occurred_at=now)
    assert told.wanted_at == local("2026-11-30T08:00", CENTRAL)
    for status in ("packed", "dispatched", "out_for_delivery"):
        assert still_true("delivery_24h", replace(parcel, status=status), revision=1) == ""
    assert still_true("delivery_24h", replace(parcel, status="held"), revision=1)
    for status, kind in (
        ("out_for_delivery", "on_its_way"), ("delivered", "delivered"),
        ("delivered_unverified", "receipt"), ("attempted", "delivery_missed"),
    ):  # fmt: skip
        assert kinds(f"delivery.{status}", replace(parcel, status=status), start) == [kind]
        assert kinds(f"delivery.{status}", replace(parcel, status="returning"), start) == []


def test_a_session_is_told_of_to_the_patient_and_to_the_one_who_stays() -> None:
    start, now = local("2026-12-03T10:00", CENTRAL), local("2026-11-27T09:00", CENTRAL)
    session = meeting(start, status="scheduled")
    for fact in ("session.planned", "session.rescheduled"):
        told = list(about(fact, session, revision=1, values=VALUES, occurred_at=now))
        assert {(p.kind, p.reader) for p in told} == {
            ("session_planned", "patient"), ("session_24h", "patient"), ("session_2h", "patient"),
            ("support_24h", "support_person"), ("support_2h", "support_person"),
        }  # fmt: skip
    assert kinds("session.held", replace(session, status="held"), now) == ["session_held"]
    gone = replace(session, status="cancelled")
    assert kinds("session.cancelled", gone, now) == []
    for before, kind in (("session_planned", "session_cancelled"), ("support_24h", "support_off")):
        assert kinds("session.cancelled", gone, now, told=(before,)) == [kind]
    done = replace(session, status="completed")
    (asked,) = about(
        "session.completed", done, revision=1, values=VALUES, occurred_at=start + 2 * HOUR
    )
    assert (asked.kind, asked.wanted_at) == ("check_in", local("2026-12-04T10:00", CENTRAL))
    assert still_true("check_in", replace(session, status="checked_in"), revision=1)


def test_a_month_to_pay_and_the_one_who_is_asked_to_stay() -> None:
    start, now = local("2026-12-25T00:00", CENTRAL), local("2026-12-20T09:00", CENTRAL)
    month = replace(meeting(start, status="open"), end=start + timedelta(days=7))
    (due,) = about("billing_period.opened", month, revision=1, values=VALUES, occurred_at=now)
    assert (due.kind, due.not_after) == ("payment_due", month.end)
    assert still_true("payment_due", replace(month, status="paid"), revision=2) == "It was paid."
    friend = meeting(now, status="named")
    (asked,) = about("support_person.named", friend, revision=1, values=VALUES, occurred_at=now)
    assert (asked.kind, asked.reader) == ("support_invite", "support_person")
    assert still_true("support_invite", replace(friend, status="confirmed"), revision=1)


def test_a_cancellation_is_told_until_the_meeting_would_be_over() -> None:
    start = local("2026-11-30T09:00", CENTRAL)
    gone = meeting(start, status="cancelled")
    told_of = ("reminder_2h",)
    late = start + 59 * MINUTE
    assert kinds("consultation.cancelled", gone, late, told=told_of) == ["cancelled"]
    assert kinds("consultation.cancelled", gone, start + HOUR, told=told_of) == []
    (told,) = about(
        "consultation.cancelled", gone, revision=1, values=VALUES, occurred_at=start, told=told_of
    )
    assert told.wanted_at == start + 3 * MINUTE
    assert helps_until(told.kind, told.not_after) == told.not_after == start + HOUR


def test_before_it_leaves_a_message_is_checked_again() -> None:
    row = meeting(local("2026-11-30T09:00", CENTRAL), revision=2)
    assert still_true("reminder_2h", row, revision=2) == ""
    assert still_true("reminder_2h", row, revision=1)
    assert still_true("cancelled", row, revision=2)
    gone = meeting(row.start, status="cancelled", revision=2)
    assert still_true("reminder_2h", gone, revision=2)
    assert still_true("cancelled", gone, revision=2) == ""


def test_physicians_are_told_of_what_is_urgent_and_of_nothing_else() -> None:
    now = datetime(2026, 11, 24, 8, tzinfo=UTC)
    for fact in ("assessment.crisis", "assessment.flagged", "session.alarm", "text.crisis"):
        assert [p.kind for p in alert(fact, occurred_at=now)] == ["urgent_alert"]
    for fact in ("assessment.submitted", "consultation.booked", "patient.created"):
        assert not list(alert(fact, occurred_at=now))


def test_a_call_helps_in_place_of_a_message_until_the_meeting_starts() -> None:
    start = local("2026-11-30T09:00", CENTRAL)
    for plan in about(
        "consultation.booked",
        meeting(start),
        revision=1,
        values=VALUES,
        occurred_at=start - 48 * HOUR,
    ):
        assert helps_until(plan.kind, plan.not_after) == start


# --- the words -------------------------------------------------------------------------------


@given(
    kind=st.sampled_from(sorted(KINDS)),
    when=instants,
    zone=zones,
    practice=st.text(min_size=1, max_size=30),
    url=st.sampled_from(
        ("", "https://video.example.org/" + "x" * 20, "https://x.test/" + "y" * 90)
    ),
)
def test_a_text_is_one_segment_of_plain_letters(
    kind: str, when: datetime, zone: str, practice: str, url: str
) -> None:
    words = Words(
        practice=practice, phone="850-555-0100", ref="C-7K2M9Q", when=when, zone=zone,
        till=when + 4 * HOUR, join_url=url, code="123456", choices=(when, when + 31 * HOUR),
        counts=COUNTS,
        link="https://care.coastal-home.example.org/support/ab12cd34ef56",
    )  # fmt: skip
    text = text_of(kind, words)
    assert len(text) <= ONE_SEGMENT
    assert set(text) <= GSM_7


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_names_no_person_and_nothing_about_health(kind: str) -> None:
    when = local("2026-11-30T09:00", CENTRAL)
    for url in ("", "https://video.example.org/room"):
        words = Words(
            practice="Hearth", phone="850-555-0100", ref="C-7K2M9Q", when=when, zone=CENTRAL,
            till=when + HOUR, join_url=url, code="123456", link="https://x.test/support/ab12cd34",
            choices=(when, when + HOUR), counts=COUNTS,
        )  # fmt: skip
        for is_text in (True, False):
            text = text_of(kind, words, is_text=is_text).lower()
            numbers = ("911", "988") if kind == "help_now" else ()
            assert not [word for word in BANNED if word in text and word not in numbers]
            assert text.startswith("hearth: ")
    care = class_of(kind) == CARE
    assert text_of(kind, words).endswith("STOP to opt out.") is care
    assert "STOP" not in text_of(kind, words, is_text=False)


@pytest.mark.parametrize("kind", KINDS)
def test_case_25_a_text_of_the_longest_values_is_whole_and_one_segment(kind: str) -> None:
    """Nothing is cut, and a name with accents costs no second segment."""
    when = local("2026-09-30T12:30", EASTERN)
    words = Words(
        "Prácticas de Casa y Costa Sur", "850-555-0100", ref="C-7K2M9Q", when=when, zone=EASTERN,
        till=when + timedelta(days=91), code="123456", choices=(when, when + HOUR), counts=COUNTS,
        link="https://care.coastal-home.example.org/support/ab12cd34ef56",
    )  # fmt: skip
    text = text_of(kind, words)
    assert text.startswith("Practicas de Casa y Costa Sur: ")
    assert len(text) <= ONE_SEGMENT
    assert set(text) <= GSM_7


@pytest.mark.parametrize("kind", KINDS)
def test_case_25_a_text_with_a_gap_is_never_written(kind: str) -> None:
    """But a reference may be missing, as may the link to a meeting by telephone."""
    named = {name for _, name, _, _ in Formatter().parse(KINDS[kind].text) if name}
    if named - {"practice", "phone", "ref", "join", "offer"}:
        with pytest.raises(KeyError):
            text_of(kind, Words("Hearth", "850-555-0100", zone=EASTERN))


def test_two_times_are_offered_by_number_or_found_by_signing_in() -> None:
    when = local("2026-12-08T10:00", CENTRAL)
    words = Words(
        "Hearth", "850-555-0100", when=local("2026-11-30T09:00", CENTRAL), zone=CENTRAL,
        choices=(when, when + 26 * HOUR),
    )  # fmt: skip
    assert text_of("offer", words) == (
        "Hearth: appointment Mon, Nov 30, 9:00 AM Central must move. 1: Tue, Dec 8, 10:00 AM "
        "Central 2: Wed, Dec 9, 12:00 PM Central. Reply 1 or 2, STOP to opt out."
    )
    longest = local("2026-09-30T12:30", EASTERN)
    words = replace(words, when=longest, choices=(longest, longest + 14 * DAY), zone=EASTERN)
    assert len(text_of("offer", words)) == ONE_SEGMENT - 2
    long = replace(words, practice="Coastal Home Care Co")
    for other in (long, replace(words, choices=())):
        assert text_of("offer", other) == (
            f"{other.practice}: appointment Wed, Sep 30, 12:30 PM Eastern must move. Please sign "
            "in to choose another time. Reply STOP to opt out."
        )
    assert text_of("offer", long, is_text=False).endswith("sign in to choose another time.")


@pytest.mark.parametrize(
    ("counts", "days", "says"),
    [
        ((0, 0, 1), 0, "1 cancelled, on Tue, Dec 8, 10:00 AM Central."),
        ((1, 1, 0), 0, "1 booked and 1 moved, on Tue, Dec 8, 10:00 AM Central."),
        (
            (2, 0, 3), 1,
            "2 booked and 3 cancelled, from Tue, Dec 8, 10:00 AM Central to "
            "Wed, Dec 9, 10:00 AM Central.",
        ),
        (
            (188, 188, 188), 1,
            "188 booked, 188 moved and 188 cancelled, from Tue, Dec 8, 10:00 AM Central to "
            "Wed, Dec 9, 10:00 AM Central.",
        ),
    ],
)  # fmt: skip
def test_a_physician_reads_only_what_happened(
    counts: tuple[int, ...], days: int, says: str
) -> None:
    when = local("2026-12-08T10:00", CENTRAL)
    named = dict(zip(("booked", "moved", "cancelled"), counts, strict=True))
    words = Words(
        "Practice of Dr. Chen", "850-555-0100", when=when, till=when + days * DAY, zone=CENTRAL,
        counts=named,
    )  # fmt: skip
    text = text_of("bookings", words)
    assert text == f"Practice of Dr. Chen: your calendar: {says}"
    assert (len(text) <= ONE_SEGMENT, set(text) <= GSM_7) == (True, True)


@pytest.mark.parametrize("kind", ["confirmation", "rescheduled", "reminder_24h", "reminder_2h"])
def test_a_link_that_is_too_long_for_a_text_is_found_by_signing_in(kind: str) -> None:
    when = local("2026-09-30T12:30", EASTERN)
    words = Words("Coastal Home Care Co", "850-555-0100", ref="C-7K2M9Q", when=when, zone=EASTERN)
    long = "https://video.example.org/j/81234567890?pwd=" + "x" * 40
    for url in (long, "https://x.test/~chen"):  # phones do not all show a tilde
        text = text_of(kind, replace(words, join_url=url))
        assert "Sign in to join." in text
        assert url not in text
        assert len(text) <= ONE_SEGMENT
        assert f"Join: {url} " in text_of(kind, replace(words, join_url=url), is_text=False)
    assert "We call you." in text_of(kind, words)


def test_the_hour_that_autumn_repeats_is_told_apart() -> None:
    first, told = datetime(2027, 11, 7, 5, 30, tzinfo=UTC), []
    for hours in range(-1, 3):
        words = Words("Hearth", "850-555-0100", when=first + hours * HOUR, zone=EASTERN)
        told.append(text_of("session_planned", words).split("Sun, Nov 7, ")[1].split(".")[0])
    assert told == ["12:30 AM Eastern", "1:30 AM EDT", "1:30 AM EST", "2:30 AM Eastern"]


def test_times_are_told_in_the_zone_of_who_reads_with_its_name() -> None:
    when = local("2026-11-30T12:05", CENTRAL)
    words = Words("Hearth", "850-555-0100", ref="C-1", when=when, zone=CENTRAL)
    central = text_of("confirmation", words)
    eastern = text_of("confirmation", replace(words, zone=EASTERN))
    assert "Mon, Nov 30, 12:05 PM Central" in central
    assert "Mon, Nov 30, 1:05 PM Eastern" in eastern


# --- replies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "STOP", "stop", " Stop. ", "STOP!!!", "StopAll", "UNSUBSCRIBE", "cancel", "End", "QUIT",
        "revoke", "OPTOUT", "opt-out", "please stop", "Stop texting me", "stop sending me these",
        "do not text me", "don't text me again", "Don’t contact me", "never message me again",
        "take me off your list", "remove me", "no more texts please", "leave me alone",
        "ALTO", "no más", "No me envíen mensajes", "ｓｔｏｐ", "stop\n", "STOP 🛑", "stop all",
        "Stop now.", "Stop it", "pls stop", "stop please", "Stop these at once, who are you?",
        "quit texting me", "cancel texts", "End texting!", "please cancel all text messages",
        "no texts please", "No more messages", "I want no texts", "I don't want these texts",
        "i dont want to get any more messages", "we do not need your reminders",
        "i want to stop getting these", "Stop. I can't come", "I can't come. Stop.",
        "Don't send me any more texts", "please don't send these", "stop by? no. Stop texts",
        "unsubscribe me", "deje de enviarme mensajes", "Don't text my mom", "wrong number",
        "you have the wrong person", "Número equivocado",
    ],
)  # fmt: skip
def test_stop_in_any_reasonable_words(body: str) -> None:
    assert meaning(body)[0] == "stop"


def test_what_is_more_than_a_keyword_is_read_by_a_human_as_well() -> None:
    assert meaning("STOP") == ("stop", False)
    assert meaning("please stop") == ("stop", False)
    assert meaning("stop texting me, and cancel my appointment") == ("stop", True)
    assert meaning("help") == ("help", False)
    assert meaning("where is the link?") == ("other", True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("START", "start"), ("unstop", "start"), ("Start.", "start"),
        ("HELP", "help"), ("info", "help"), ("Ayuda", "help"),
        ("yes", "other"), ("YES", "other"), ("start tomorrow?", "other"),  # T37
        ("I can't stop by before 9", "other"), ("the bus stop is near", "other"),
        ("please cancel my appointment", "other"), ("at the end of the street", "other"),
        ("", "other"), ("👍", "other"), ("help me find the link", "other"),
        ("stop by tomorrow?", "other"), ("Can you please stop by at 9", "other"),
        ("Please don't send the driver today", "other"), ("stop at the gate please", "other"),
        ("I had to stop it because of nausea", "other"), ("please stop at the gate", "other"),
        ("Stop sign is at the corner, turn left", "other"), ("stop the delivery", "other"),
        ("I had to stop this medication", "other"), ("I am at the bus stop", "other"),
        ("the dog won't stop barking, please stop by", "other"), ("Don't send it today", "other"),
        ("I got no texts", "other"), ("I have received no messages from you", "other"),
        ("At the end text me when you are there", "other"), ("Stop my subscription", "other"),
        ("Can you text me the link? I don't know how to stop the video", "other"),
    ],
)  # fmt: skip
def test_other_words(body: str, expected: str) -> None:
    assert meaning(body)[0] == expected


@given(st.text(max_size=200))
def test_any_text_means_something(body: str) -> None:
    assert meaning(body)[0] in ("stop", "start", "help", "other")


# --- where clocks change, and at every edge of the hours; every minute: test_every_minute.py -----

CHANGES = (date(2026, 3, 8), date(2026, 11, 1), date(2027, 3, 14), date(2027, 11, 7))
EDGES = ("00:00", "01:00", "01:59", "02:30", "03:00", "07:59", "08:00", "09:00", "19:30", "19:59",
         "20:00", "22:00", "23:59")  # fmt: skip


@pytest.mark.parametrize("opens", ["08:00", "12:15", "18:00"])
@pytest.mark.parametrize("zone", [*ZONES, ""])
@pytest.mark.parametrize("day", [*CHANGES, date(2026, 7, 1), date(2027, 12, 31)])
def test_case_35_every_edge_of_the_hours_somebody_chose_is_kept(
    day: date, zone: str, opens: str
) -> None:
    first = time.fromisoformat(opens)
    hours = Hours(zone, first, time(20))
    for edge in EDGES:
        now = local(f"{day}T{edge}", zone or EASTERN)
        for keeps in (HOUR / 3, 3 * HOUR, 14 * HOUR, 30 * HOUR):
            leaves = leaves_at(now, hours=hours, now=now, not_after=now + keeps)
            for where in ZONES if not zone else (zone,):
                assert leaves is None or first <= wall(leaves, where) < time(20)
            if keeps > 24 * HOUR:
                assert leaves


def test_case_07_in_spring_a_reminder_of_nine_leaves_at_nine_the_day_before() -> None:
    start = local("2026-03-08T09:00", EASTERN)
    booked = start - timedelta(days=5)
    plans = about(
        "consultation.booked", meeting(start, zone=EASTERN), revision=1, values=VALUES,
        occurred_at=booked,
    )  # fmt: skip
    plan = next(p for p in plans if p.kind == "reminder_24h")
    assert plan.wanted_at.isoformat() == "2026-03-07T14:00:00+00:00"  # 9:00 EST
    words = Words("Hearth", "850-555-0100", when=start, zone=EASTERN)
    assert "Sun, Mar 8, 9:00 AM Eastern" in text_of("reminder_24h", words)
    gap = local("2026-03-08T02:30", EASTERN)  # 3:30 on the wall
    leaves = leaves_at(gap, hours=Hours(EASTERN), now=booked, not_after=gap + 9 * HOUR)
    assert leaves == local("2026-03-08T08:00", EASTERN)


def test_case_08_in_autumn_the_hour_that_comes_twice_is_kept_apart() -> None:
    """Two reminders wanted an hour apart, both at 1:30 on the wall: both leave at 8:00, once."""
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert wall(first, EASTERN) == wall(first + HOUR, EASTERN) == time(1, 30)
    eight = local("2026-11-01T08:00", EASTERN)
    for wanted in (first, first + HOUR):
        leaves = leaves_at(wanted, hours=Hours(EASTERN), now=first, not_after=first + 12 * HOUR)
        assert leaves == eight


def test_case_09_each_is_texted_by_the_wall_where_they_live_and_unknown_by_both() -> None:
    for at, awake_in in (
        ("2026-11-24T20:30", {CENTRAL}),  # Eastern; in Pensacola it is 19:30
        ("2026-11-24T08:15", {EASTERN}),  # in Pensacola it is 7:15
        ("2026-11-24T12:00", {EASTERN, CENTRAL, ""}),
    ):
        now = local(at, EASTERN)
        assert {zone for zone in (*ZONES, "") if awake(now, Hours(zone))} == awake_in
    early = local("2026-11-24T08:15", EASTERN)
    for zone in (CENTRAL, ""):
        leaves = leaves_at(early, hours=Hours(zone), now=early, not_after=early + DAY)
        assert leaves == local("2026-11-24T08:00", CENTRAL)


def test_what_is_told_first_stands_on_the_one_page() -> None:
    assert (class_of("sign_in_code"), priority_of("sign_in_code")) == ("requested", AT_ONCE)
    assert (class_of("urgent_alert"), priority_of("urgent_alert")) == ("alert", URGENT)
    for kind in ("reminder_2h", "cancelled", "rescheduled", "delivery_moved", "support_off"):
        assert (class_of(kind), priority_of(kind)) == ("care", FIRST)
    for kind in ("payment_due", "check_in", "month_renews"):
        assert priority_of(kind) == LESSER


def test_a_correction_stands_in_place_of_the_first_word_and_is_said_once() -> None:
    start, now = local("2026-12-01T08:00", CENTRAL), local("2026-11-30T09:00", CENTRAL)
    parcel = meeting(start, status="awaiting_window", revision=2)
    lost = "delivery.window_lost"
    assert kinds(lost, parcel, now, 2, ("delivery_24h",)) == ["delivery_off"]
    assert kinds(lost, parcel, now, 2) == ["window_to_choose"]
    assert still_told(["delivery_24h", "delivery_off"]) == {"delivery_off"}
    assert still_told(["delivery_24h", "delivery_off", "delivery_moved"]) == {"delivery_moved"}
    chosen = replace(parcel, status="scheduled", revision=3)
    told = ("delivery_off",)
    assert kinds("delivery.scheduled", chosen, now, 3, told) == ["delivery_moved"]


def test_a_month_that_follows_is_told_of_before_it_opens() -> None:
    start, now = local("2026-12-25T00:00", CENTRAL), local("2026-11-25T09:00", CENTRAL)
    month = meeting(start, status="paid")
    (told,) = about("billing_period.paid", month, revision=1, values=VALUES, occurred_at=now)
    assert (told.kind, told.wanted_at) == ("month_renews", local("2026-12-17T00:00", CENTRAL))
    assert told.not_after == local("2026-12-20T00:00", CENTRAL)
    assert still_true("month_renews", replace(month, status="last"), revision=1)
    assert still_true("month_renews", month, revision=2) == ""
