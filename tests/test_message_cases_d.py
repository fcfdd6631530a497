"""What is told, when and how often: the cases of the specification by number, through the doors."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
import requests
from django.db import connection

from notifications import daily, sending, writing
from notifications.claiming import claim
from notifications.models import Message
from patients.models import Consent, Patient
from records import clock
from records.ids import uuid7
from records.models import Event, Outbox
from tests.care import Care, care, ok, replan
from tests.cast import CAST, NOW
from tests.conftest import Caller, caller
from tests.texting import ALICE, SLOT, book, later, message, run, state, texts, to, work

SAL, CHEN, SAM = "+18505550177", "+18505550111", CAST["sam"]
NEW_PHONE = "+18505550188"


@pytest.fixture
def walk(web: str) -> Care:
    """Alice, of the cast, on her way."""
    return care(caller("alice"))


def wish(who: Caller, start: str = SLOT, state: str = "FL") -> str:
    """Book, and nobody has been told yet."""
    sent = {"start": start, "kind": "initial", "location": {"state": state}}
    return str(ok(who.post("consultations/", sent))["id"])


def cancel(who: Caller, meeting: str) -> None:
    ok(who.post(f"consultations/{meeting}/cancel/"))


def shares_the_number(who: str) -> None:
    """The number of Alice is that of somebody else as well, who has agreed to texts."""
    other = Patient.objects.get(email=who)
    Patient.objects.filter(pk=other.pk).update(phone=ALICE)
    Consent.objects.create(
        patient=other, kind="sms", version="1", accepted=True, phone=ALICE, at=NOW, channel="web"
    )


# --- grace ------------------------------------------------------------------------------------


def test_booked_cancelled_and_booked_again_within_the_grace_is_one_text(web: str) -> None:
    alice = caller("alice")
    for _ in range(2):
        cancel(alice, wish(alice))
        run()
    wish(alice, "2026-12-01T15:00:00Z")
    run()
    assert texts() == []
    later()
    run()
    (told,) = texts()
    assert "you are booked for Tue, Dec 1, 9:00 AM Central" in told


def test_the_grace_is_a_setting(web: str) -> None:
    ok(caller("chen").patch("settings/", {"confirmation_grace": 0}))
    wish(caller("alice"))
    run()
    assert len(texts()) == 1


def test_a_cancellation_after_the_confirmation_is_told(alice_booked: Caller, web: str) -> None:
    run()
    cancel(alice_booked, str(message("confirmation").about_id))
    run()
    assert len(texts()) == 1
    later()
    run()
    assert "is cancelled" in texts()[1]


def test_case_12_cancelled_and_booked_again_has_reminders_of_its_own(
    alice_booked: Caller, web: str
) -> None:
    run()
    cancel(alice_booked, str(message("reminder_24h").about_id))
    wish(alice_booked)
    later()
    run()
    to("2026-11-29T15:00:00Z")
    run()
    (told,) = [text for text in texts() if "a reminder" in text]
    assert "Mon, Nov 30, 9:00 AM Central" in told


def test_lead_times_are_settings(web: str) -> None:
    ok(caller("chen").patch("settings/", {"reminder_first": 48, "reminder_second": 60}))
    book(caller("alice"))
    run()
    assert message("reminder_24h").wanted_at.isoformat() == "2026-11-28T15:00:00+00:00"
    assert message("reminder_2h").wanted_at.isoformat() == "2026-11-30T14:00:00+00:00"


# --- corrections --------------------------------------------------------------------------------


def test_case_11_moved_after_it_was_told_is_corrected_by_one_text(
    alice_booked: Caller, web: str
) -> None:
    run()
    to("2026-11-29T15:00:00Z")
    run()
    before, meeting = len(texts()), message("reminder_24h").about_id
    moved = {"start": "2026-12-01T16:00:00Z"}
    ok(alice_booked.post(f"consultations/{meeting}/reschedule/", moved))
    later()
    run()
    (told,) = texts()[before:]
    assert "is now Tue, Dec 1, 10:00 AM Central" in told
    assert (message("reminder_24h").revision, state("reminder_24h")) == (2, "pending")


def test_case_11_a_delivery_that_was_told_of_and_is_held_is_taken_back_once(walk: Care) -> None:
    walk.scheduled()
    run()
    to("2026-12-02T14:00:00Z")
    run()
    assert [text for text in texts() if "Hearth: delivery Thu, Dec 3" in text]
    ok(walk.staff("hold"))
    run()
    ok(walk.staff("release"))
    later()
    run()
    told = [text for text in texts() if "does not come when we said" in text]
    assert len(told) == 1


def test_case_11_a_delivery_that_was_told_of_and_moved_is_told_anew_once(walk: Care) -> None:
    ok(walk.chen.patch("settings/", {"reminder_delivery": 72}))
    walk.prescribed()
    ok(walk.chooses(walk.window("2026-12-04")))
    run()
    to("2026-12-01T15:00:00Z")
    run()
    assert state("delivery_24h") in ("accepted", "sent", "delivered")
    ok(walk.chooses(walk.window("2026-12-08")))
    run()
    later()
    run()
    assert len([text for text in texts() if "your delivery is now Tue, Dec 8" in text]) == 1
    assert state("delivery_24h") == "pending"


@pytest.mark.parametrize(
    ("verb", "words"),
    [("cancel", "does not hold any more"), ("reschedule", "at home is now Tue, Dec 8")],
)
def test_case_11_who_stays_hears_that_the_session_is_not_when_they_were_told(
    walk: Care, verb: str, words: str
) -> None:
    walk.delivered().planned()
    run()
    to("2026-12-06T15:00:00Z")
    run()
    before = texts(SAL)
    assert "a reminder" in before[-1]
    ok(walk.session_verb(verb, **({"start": "2026-12-08T15:00:00Z"} if verb != "cancel" else {})))
    for _ in range(2):
        later()
        run()
    (told,) = texts(SAL)[len(before) :]
    assert words in told


def test_who_stays_and_was_told_nothing_hears_of_no_change(walk: Care) -> None:
    walk.delivered().planned()
    run()
    before = texts(SAL)
    ok(walk.session_verb("cancel"))
    later()
    run()
    assert texts(SAL) == before


# --- caps ---------------------------------------------------------------------------------------


@pytest.fixture
def five(web: str) -> list[Message]:
    """Five texts due at once for the number that Alice and Bruno share; each is claimed."""
    shares_the_number(CAST["bruno"])
    alice = caller("alice")
    book(alice)
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    book(alice, "2026-12-02T15:00:00Z", kind="follow_up")
    writing.write_messages(now=clock.now())
    to("2026-11-29T18:00:00Z")
    return [message for message in claim(clock.now(), most=50) if message.patient_id]


def test_case_23_five_at_once_for_one_number_keep_to_its_cap(five: list[Message]) -> None:
    """In five threads that start together: three leave, the others go by mail."""
    together = Barrier(5)

    def leave(claimed: Message) -> None:
        try:
            together.wait()
            sending.send_all([claimed], time.monotonic(), clock.now)
        finally:
            connection.close()

    assert len(five) == 5
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(leave, five))
    mails = texts(CAST["alice"]) + texts(CAST["bruno"])
    assert (len(texts()), len(mails)) == (3, 2)


def test_a_day_later_the_number_has_room_again(five: list[Message]) -> None:
    sending.send_all(five, time.monotonic(), clock.now)
    assert len(texts()) == 3
    to("2026-11-30T18:00:00Z")
    book(caller("alice"), "2026-12-03T15:00:00Z", kind="follow_up")
    run()
    assert len(texts()) == 4


def test_without_mail_a_human_says_what_the_cap_keeps_back(web: str) -> None:
    ok(caller("chen").patch("settings/", {"texts_a_day": 1}))
    alice = caller("alice")
    Patient.objects.filter(user=alice.user).update(email="")
    book(alice)
    run()
    meeting = Message.objects.get(kind="confirmation").about_id
    ok(alice.post(f"consultations/{meeting}/reschedule/", {"start": "2026-12-01T16:00:00Z"}))
    later()
    run()
    kept = Message.objects.get(kind="rescheduled")
    assert (kept.status, kept.why) == ("suppressed", "This number has had its texts for now.")
    assert (len(texts()), work("call_patient")) == (1, 1)


def test_what_can_wait_is_one_text_a_day_and_then_mail(walk: Care) -> None:
    """Its first text is that of the month; the day after, the parcel that came."""

    def of(to: str, words: str) -> int:
        return len([text for text in texts(to) if words in text])

    arrived, due, mail = "has arrived", "payment for your month", CAST["alice"]
    walk.subscribed()
    later()
    run()
    assert (of(ALICE, due), of(mail, due)) == (1, 0)
    first = message("payment_due")
    again = Message.objects.get(pk=first.pk)
    again.pk, again.key, again.status, again.body = uuid7(), "another", "pending", ""
    again.provider_id, again.left_at, again.to, again.channel = None, None, ALICE, "sms"
    again.claim = again.lease_until = None
    again.save(force_insert=True)
    run()
    assert (of(ALICE, due), of(mail, due)) == (1, 1)
    walk.delivered()
    run()
    assert (of(ALICE, arrived), of(mail, arrived)) == (1, 0)


def test_codes_have_a_budget_of_their_own(web: str) -> None:
    door = f"{web}/_allauth/app/v1/auth/code/request"
    for _ in range(7):
        requests.post(door, json={"phone": ALICE}, timeout=5)
    assert Message.objects.filter(kind="sign_in_code").count() == 5
    book(caller("alice"))
    run()
    assert len([text for text in texts() if "you are booked" in text]) == 1


# --- keys ---------------------------------------------------------------------------------------


def test_case_28_twelve_visits_have_twelve_keys_of_each_kind(web: str) -> None:
    """However often the facts are looked at; and each of the twelve is reminded of, once."""
    alice = caller("alice")
    ok(caller("chen").patch("settings/", {"texts_a_day": 10}))
    days = [date(2026, 12, 1) + timedelta(days=n) for n in range(16)]
    visits = [day for day in days if day.weekday() < 5]
    assert len(visits) == 12
    for day in visits:
        book(alice, f"{day}T15:00:00Z", kind="follow_up" if day > visits[0] else "initial")
    run()
    events = Event.objects.filter(kind="consultation.booked")
    Outbox.objects.bulk_create(Outbox(event=event) for event in events)
    run()
    rows = Message.objects.filter(patient__email=CAST["alice"])
    for kind in ("confirmation", "reminder_24h", "reminder_2h"):
        keys = set(rows.filter(kind=kind).values_list("key", "about_id"))
        assert len({key for key, _ in keys}) == len({about for _, about in keys}) == 12
    assert rows.count() == 3 * 12
    for day in visits:
        to(f"{day - timedelta(days=1)}T15:00:00Z")
        for _ in range(2):
            run()
    told = texts() + texts(CAST["alice"])
    for day in visits:
        words = f"a reminder: we meet on {day:%a, %b} {day.day}, 9:00 AM Central"
        assert len([text for text in told if words in text]) == 1, day


def test_case_29_a_month_that_follows_is_told_of_once(walk: Care) -> None:
    walk.paid()
    for _ in range(2):
        writing.write_messages(now=clock.now())
    told = message("month_renews")
    assert told.status == "pending"
    ok(walk.sam.post(f"periods/{walk.period['id']}/correct/", {"reason": "bounced"}))
    run()
    told.refresh_from_db()
    assert told.status == "cancelled"
    walk.pays()
    run()
    assert Message.objects.filter(kind="month_renews").count() == 1


def test_case_30_it_goes_to_the_number_of_the_moment_with_its_own_yes(
    alice_booked: Caller, web: str
) -> None:
    run()
    Patient.objects.filter(email=CAST["alice"]).update(phone=NEW_PHONE)
    to("2026-11-29T15:00:00Z")
    run()
    assert (len(texts()), texts(NEW_PHONE), len(texts(CAST["alice"]))) == (1, [], 1)
    ok(alice_booked.post("me/consents/", {"kind": "sms", "accepted": True}))
    to("2026-11-30T14:00:00Z")
    run()
    assert (len(texts()), len(texts(NEW_PHONE))) == (1, 1)


# --- the hours of a patient -----------------------------------------------------------------------


def test_patients_say_in_which_hours_they_are_texted(web: str) -> None:
    alice = caller("alice")
    narrow = ok(alice.patch("me/", {"text_from": "16:00", "text_until": "19:00"}))
    assert (narrow["text_from"], narrow["text_until"]) == ("16:00", "19:00")
    book(alice)
    run()
    assert texts() == []
    to("2026-11-24T22:00:00Z")  # 16:00 in Pensacola
    run()
    assert len(texts()) == 1
    assert message("reminder_24h").due_at.isoformat() == "2026-11-29T22:00:00+00:00"
    assert message("reminder_2h").due_at.isoformat() == "2026-11-30T00:30:00+00:00"


def test_who_narrows_the_hours_moves_what_waits(alice_booked: Caller, web: str) -> None:
    run()
    ok(alice_booked.patch("me/", {"text_from": "18:00", "text_until": "20:00"}))
    run()
    assert message("reminder_24h").due_at.isoformat() == "2026-11-30T00:00:00+00:00"
    assert Event.objects.filter(kind="patient.text_hours_changed").count() == 1


@pytest.mark.parametrize(
    "hours",
    [
        {"text_from": "07:59", "text_until": "19:00"},
        {"text_from": "08:00", "text_until": "20:01"},
        {"text_from": "10:00", "text_until": "11:59"}, {"text_from": "12:00"},
        {"text_until": "12:00"}, {"text_from": "19:00", "text_until": "09:00"},
    ],
)  # fmt: skip
def test_hours_lie_by_day_and_leave_two(web: str, hours: dict[str, str]) -> None:
    assert caller("alice").patch("me/", hours).status_code == 400


def test_staff_write_down_the_hours_of_a_caller(walk: Care) -> None:
    sent = {"text_from": "09:00", "text_until": "17:30", "channel": "telephone"}
    told = ok(walk.sam.post(f"patients/{walk.id}/text-hours/", sent))
    assert (told["text_from"], told["text_until"]) == ("09:00", "17:30")
    fact = Event.objects.get(kind="patient.text_hours_changed")
    assert (fact.channel, fact.payload) == ("telephone", {"changed": ["text_from", "text_until"]})
    assert walk.who.post(f"patients/{walk.id}/text-hours/", sent).status_code == 403


# --- who works here -------------------------------------------------------------------------------


def test_a_physician_hears_of_the_calendar_once_in_half_an_hour(web: str) -> None:
    alice, bruno = caller("alice"), caller("bruno")
    first = wish(alice)
    wish(bruno, "2026-12-01T16:00:00Z", "NJ")
    cancel(alice, first)
    for _ in range(2):
        run()
    assert texts(CHEN) == []
    to("2026-11-24T15:30:00Z")
    for _ in range(2):
        run()
    (told,) = texts(CHEN)
    assert told == (
        "Hearth: your calendar: 2 booked and 1 cancelled, from Mon, Nov 30, 10:00 AM Eastern to "
        "Tue, Dec 1, 11:00 AM Eastern."
    )


def test_what_is_booked_at_night_is_told_in_the_morning_in_one_text(web: str) -> None:
    for at, start in (("03:10", "2026-11-30T15:00:00Z"), ("05:40", "2026-12-01T15:00:00Z")):
        to(f"2026-11-25T{at}Z")
        wish(caller("alice" if at == "03:10" else "bruno"), start, "FL" if at == "03:10" else "NJ")
        run()
    assert texts(CHEN) == []
    to("2026-11-25T13:00:00Z")
    run()
    (told,) = texts(CHEN)
    assert "your calendar: 2 booked, from " in told


def test_who_changed_the_calendar_is_not_told_of_it(alice_booked: Caller, web: str) -> None:
    to("2026-11-24T15:45:00Z")
    run()
    before = texts(CHEN)
    ok(caller("chen").post(f"consultations/{message('confirmation').about_id}/cancel/"))
    to("2026-11-24T16:30:00Z")
    run()
    assert texts(CHEN) == before


def test_the_agenda_comes_at_seven_on_days_that_have_any(alice_booked: Caller, web: str) -> None:
    book(caller("bruno"), "2026-11-30T19:30:00Z", "NJ")
    for at, count in (
        ("2026-11-29T13:00:00Z", 0),  # a Sunday without any
        ("2026-11-30T11:59:00Z", 0),  # 6:59 Eastern
        ("2026-11-30T12:00:00Z", 1),
        ("2026-11-30T12:30:00Z", 1),
    ):
        to(at)
        for _ in range(2):
            daily.tell_agendas(now=clock.now())
            run()
        told = [text for text in texts(CHEN) if "appointments today" in text]
        assert len(told) == count, at
    (agenda,) = told
    assert agenda == (
        "Hearth: appointments today: 2. First 10:00 AM Eastern, last 2:30 PM Eastern."
    )


def test_staff_are_mailed_how_much_waits_when_anything_does(walk: Care) -> None:
    to("2026-11-25T13:00:00Z")
    daily.tell_digests(now=clock.now())
    assert not Message.objects.filter(kind="digest").exists()
    walk.subscribed()
    ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "n"}))
    replan(walk)
    Patient.objects.filter(email=CAST["alice"]).update(email="", phone=NEW_PHONE)
    run()
    assert work("call_patient")
    to("2026-12-01T12:59:00Z")
    daily.tell_digests(now=clock.now())
    run()
    assert texts(SAM) == []
    to("2026-12-01T13:00:00Z")
    for _ in range(2):
        daily.tell_digests(now=clock.now())
        run()
    (mail,) = texts(SAM)
    assert "to do at once: 0, today: " in mail
    assert "Alice" not in mail
