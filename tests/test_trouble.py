"""What happens to messages when something goes wrong: nothing is lost, doubled, or kept quiet."""

import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from notifications import checking, doubt, mail, pace, sending, settling, writing
from notifications.claiming import claim
from notifications.models import TRANSITIONS, Message, OptOut, Status
from notifications.moving import move
from notifications.sandbox.models import SandboxFault, SandboxMessage
from patients.models import Patient
from records import clock
from records.actor import sweep
from records.events import record
from records.models import Event, Outbox, WorkItem
from scheduling.models import Consultation
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.started import wait_for
from tests.texting import (
    ALICE,
    again,
    book,
    fault,
    inbound,
    later,
    message,
    run,
    signed,
    state,
    texts,
    to,
    work,
)

CHEN = "+18505550111"


def another_connection() -> psycopg.Connection:
    """That of another process."""
    where = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}
    return psycopg.connect(**where, autocommit=True)


# --- one bad apple ---------------------------------------------------------------------------


def test_an_event_that_cannot_be_told_stops_no_other_and_is_shown(
    alice_booked: Caller, web: str
) -> None:
    """A fact without its revision is written before Alice's booking is looked at."""
    Outbox.objects.all().delete()
    consultation = Consultation.objects.get()
    broken = record("consultation.booked", consultation, by=sweep(), now=clock.now())
    whole = Event.objects.get(kind="consultation.booked", payload__revision=1)
    Outbox.objects.create(event=whole)
    run()
    assert len(texts()) == 1
    (waiting,) = Outbox.objects.all()
    assert (waiting.event, waiting.attempts) == (broken, 1)
    run()
    waiting.refresh_from_db()
    assert waiting.attempts == 1  # not again at once
    for _ in range(4):
        Outbox.objects.update(try_after=None)
        run()
    assert Outbox.objects.get().attempts == 5
    assert work("event_not_told") == 1
    assert len(texts()) == 1


def test_case_31_a_message_that_cannot_be_made_ready_stops_no_other_and_is_given_up(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    nobody = UUID(int=1)
    Message.objects.filter(kind="confirmation").update(about_id=nobody)
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    run()
    assert message("confirmation").error_code == "DoesNotExist"
    assert len(texts("+18505550102")) == 1
    for _ in range(6):
        again()
        run()
    assert (state("confirmation"), message("confirmation").error_code) == ("failed", "DoesNotExist")
    assert WorkItem.objects.get(kind="call_patient").object_id == nobody


# --- late and double ---------------------------------------------------------------------------


@pytest.mark.parametrize("then", ["pending", "missed", "cancelled", "suppressed", "failed"])
def test_case_21_a_callback_proves_that_a_text_left_which_was_given_up(
    alice_booked: Caller, web: str, then: str
) -> None:
    """The text is adopted, whatever we made of it meanwhile, and is not sent once more."""
    writing.write_messages(now=clock.now())
    Message.objects.filter(kind="confirmation").update(status=then)
    fields = {"MessageSid": "SM" + "a" * 32, "MessageStatus": "delivered"}
    path = f"/webhooks/twilio/status/?m={message('confirmation').pk}"
    assert signed(web, path, fields).status_code == 204
    assert state("confirmation") == "delivered"
    assert message("confirmation").provider_id == "SM" + "a" * 32
    run()
    assert texts() == []


def test_a_text_that_left_twice_is_shown_to_a_human(alice_booked: Caller, web: str) -> None:
    run()
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    path = f"/webhooks/twilio/status/?m={message('confirmation').pk}"
    for status in ("sent", "undelivered"):
        fields = {"MessageSid": "SM" + "b" * 32, "MessageStatus": status}
        assert signed(web, path, fields).status_code == 204
    assert work("sent_twice") == 1
    assert state("confirmation") == "delivered"


def test_two_sweeps_at_once_count_one_look_once(alice_booked: Caller, web: str) -> None:
    """The provider is slow to show a text: two looks at the same moment are one look."""
    fault(web, "500_not_accepted")
    run()
    again()
    barrier = threading.Barrier(2)

    def look() -> None:
        try:
            barrier.wait(10)
            doubt.reconcile(now=clock.now())
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    told = message("confirmation")
    assert (told.status, told.looks) == ("unknown", 1)
    doubt.reconcile(now=clock.now())
    assert message("confirmation").looks == 1  # its grace is not over


def test_what_can_never_be_looked_up_is_called_unclear_in_the_end(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(web, "500_not_accepted")
    run()
    monkeypatch.setattr(settings, "TWILIO_BASE_URL", "http://127.0.0.1:9")
    again()
    assert doubt.reconcile(now=clock.now()) == 0
    assert state("confirmation") == "unknown"
    to("2026-11-30T15:00:00Z")
    again()
    assert doubt.reconcile(now=clock.now()) == 1
    told = message("confirmation")
    assert (told.status, told.why) == ("missed", "Nobody knows whether it left.")


def test_a_claim_that_dies_again_and_again_is_given_up(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    for _ in range(settling.MOST_ATTEMPTS):
        (claimed,) = claim(clock.now(), most=1)
        assert checking.check_again(claimed, clock.now())  # it may have been handed over
        for _ in range(3):
            again()
            doubt.reconcile(now=clock.now())
    assert state("confirmation") == "failed"
    assert work("call_patient") == 1


def test_a_cancellation_outlives_a_move_that_is_told_after_it(
    alice_booked: Caller, web: str
) -> None:
    run()
    to("2026-11-25T04:00:00Z")  # night in Pensacola: what is said now waits for the morning
    meeting = f"consultations/{Consultation.objects.get().pk}/"
    moved = {"start": "2026-12-01T16:00:00Z"}
    assert alice_booked.post(f"{meeting}reschedule/", moved).status_code == 200
    assert alice_booked.post(f"{meeting}cancel/").status_code == 200
    late = Outbox.objects.filter(event__kind="consultation.rescheduled")
    late.update(try_after=Now() + timedelta(minutes=1))
    run()
    late.update(try_after=None)
    run()
    to("2026-11-25T14:00:00Z")
    run()
    assert len(texts()) == 2
    assert "is cancelled" in texts()[1]


def test_staff_who_cancel_after_the_start_still_tell_it(alice_booked: Caller, web: str) -> None:
    run()
    to("2026-11-30T15:05:00Z")
    cancel = f"consultations/{Consultation.objects.get().pk}/cancel/"
    told = {"reason": "physician is ill", "channel": "telephone"}
    assert caller("sam").post(cancel, told).status_code == 200
    later()
    run()
    assert "is cancelled" in texts()[-1]


def test_a_mail_that_was_first_tried_as_a_text_survives_a_death(
    alice_booked: Caller, web: str
) -> None:
    """The provider blocks the number; the next sender dies before it hands the mail over."""
    fault(web, "400_21610")
    writing.write_messages(now=clock.now())
    sending.send_all(claim(clock.now(), most=1), time.monotonic(), clock.now)
    assert (state("confirmation"), message("confirmation").channel) == ("pending", "mail")
    assert claim(clock.now(), most=1)
    for _ in range(2):
        again()
        doubt.reconcile(now=clock.now())
    run()
    assert (len(texts()), len(texts(CAST["alice"]))) == (0, 1)


def test_a_provider_that_does_not_answer_is_asked_about_one_text_alone(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look may take as long as the provider may."""
    book(alice_booked, "2026-12-02T15:00:00Z", kind="follow_up")
    fault(web, "500_not_accepted", 2)
    run()
    again()
    monkeypatch.setattr(settings, "TWILIO_BASE_URL", "http://127.0.0.1:9")
    doubt.reconcile(now=clock.now())
    doubtful = Message.objects.filter(status="unknown")
    assert (doubtful.count(), doubtful.filter(lease_until__gt=Now()).count()) == (2, 1)


def test_one_sweep_looks_at_a_time(alice_booked: Caller, web: str) -> None:
    fault(web, "500_not_accepted")
    run()
    again()
    with another_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", [doubt.LOOK])
        doubt.reconcile(now=clock.now())
        assert message("confirmation").looks == 0
        other.execute("SELECT pg_advisory_unlock(%s, 0)", [doubt.LOOK])
    doubt.reconcile(now=clock.now())
    assert message("confirmation").looks == 1


# --- nobody home ---------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["http://no-such-host.invalid", "http://127.0.0.1:9", "no TLS"])
def test_case_18_a_provider_that_cannot_be_reached_is_asked_again_not_doubted(
    alice_booked: Caller, web: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = web.replace("http:", "https:") if where == "no TLS" else where
    with monkeypatch.context() as patched:
        patched.setattr(settings, "TWILIO_BASE_URL", there)
        run()
    assert (state("confirmation"), message("confirmation").error_code) == ("pending", "connection")
    again()
    run()
    assert len(texts()) == 1


def test_without_an_account_nothing_is_lost(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(settings, "TWILIO_ACCOUNT_SID", "")
        run()
    assert (state("confirmation"), work("texts_do_not_leave")) == ("pending", 1)
    again()
    run()
    assert len(texts()) == 1


class Says(BaseHTTPRequestHandler):
    """A server that answers all alike."""

    status, body = 404, b"<html>"

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Location", "https://example.org/")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """Nothing."""


PROBLEM = b'{"type": "about:blank", "title": "T", "status": 404, "code": "not_found"}'


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>"), (404, PROBLEM), (404, b'{"message": "No", "code": 20404}'), (405, b""),
        (407, b""), (301, b""), (308, b""), (400, b'{"message": "No", "code": 21606}'),
        (400, b'{"message": "No", "code": 21408}'), (400, b'{"message": "No", "code": 21701}'),
        (400, b'{"message": "No", "code": 63038}'),
    ],
)  # fmt: skip
def test_case_19_a_wrong_address_or_sender_keeps_everything_and_asks_a_human(
    alice_booked: Caller, web: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = type("Answers", (Says,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), answers) as server, monkeypatch.context() as patched:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        patched.setattr(settings, "TWILIO_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        run()
        server.shutdown()
    told = message("confirmation")
    assert (told.status, told.attempts, work("texts_do_not_leave")) == ("pending", 0, 1)
    again()
    run()
    assert len(texts()) == 1


@contextmanager
def mail_server(replies: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """An SMTP server that answers to a command as told, else well; its URL and what came."""
    came: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say(replies.get("CONNECT", b"220 here"))
            for line in self.rfile:
                word = line.decode().split()[0].upper().split(":")[0]
                came.append(word)
                reply = replies.get(word, b"250 fine")
                if word == "DATA" and word not in replies:
                    self.say(b"354 go on")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    reply = replies.get("END", b"250 taken")
                if reply == b"hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.say(b"221 bye" if word == "QUIT" else reply)
                if word == "QUIT":
                    return

        def say(self, line: bytes) -> None:
            self.wfile.write(line + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield str(server.server_address[1]), came
        server.shutdown()


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ({}, "accepted"),
        ({"CONNECT": b"421 too many of you"}, "busy"),
        ({"RCPT": b"450 the box is locked"}, "busy"),
        ({"RCPT": b"550 nobody of that name"}, "refused"),
        ({"MAIL": b"451 later"}, "busy"),
        ({"MAIL": b"553 not from you"}, "refused"),
        ({"END": b"452 no room"}, "busy"),
        ({"END": b"554 no"}, "refused"),
        ({"END": b"hang up"}, "unknown"),
    ],
)
def test_what_a_mail_server_says_decides(
    replies: dict[str, bytes], result: str, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with mail_server(replies) as (port, came):
        settings.EMAIL_PORT = int(port)
        told = mail.send(to="a@example.org", subject="S", body="B", message_id="m")
    assert told.result == result
    assert bool(came) is ("CONNECT" not in replies)
    settings.EMAIL_PORT = 9
    assert mail.send(to="a@example.org", subject="S", body="B", message_id="m").result == "busy"


# --- who is reached how ----------------------------------------------------------------------


def test_a_code_that_waits_goes_by_mail_after_stop(web: str) -> None:
    alice = User.objects.get(email=CAST["alice"])
    writing.queue_code(user=alice, channel="sms", to=ALICE, code="123456", now=clock.now())
    assert inbound(web, "SM1", "STOP") == 200
    sending.send_due(clock=clock.now)
    assert texts() == []
    (arrived,) = texts(CAST["alice"])
    assert "123456" in arrived


def test_a_code_that_the_provider_blocks_goes_by_mail(web: str) -> None:
    alice = User.objects.get(email=CAST["alice"])
    fault(web, "400_21610")
    writing.queue_code(user=alice, channel="sms", to=ALICE, code="123456", now=clock.now())
    sending.send_due(clock=clock.now)
    sending.send_due(clock=clock.now)
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)


def flag(web: str) -> None:
    from scheduling.demo import answers

    told = caller("alice").post(
        "assessments/",
        {
            "answers": answers(suic="plan_or_intent"),
            "consents": {"privacy": True, "telehealth": True},
        },
    )
    assert told.status_code == 201


def test_a_physician_who_said_stop_is_alerted_by_mail(web: str) -> None:
    OptOut.objects.create(phone=CHEN, source="reply", at=clock.now())
    flag(web)
    run()
    assert texts(CHEN) == []
    assert len(texts(CAST["chen"])) == 1


def test_a_second_crisis_is_told_like_the_first(web: str) -> None:
    """The same person, after a physician has dealt with what they said before."""
    visitor, chen = Caller(), caller("chen")
    begin = {"date_of_birth": "1990-05-17", "postal_code": "32501", "phone": "+13525550101"}
    draft = visitor.post("assessments/drafts/", begin).json()
    for told in (1, 2):
        sent = {"secret": draft["secret"], "answers": {"suic": "plan_or_intent"}}
        assert visitor.patch(f"assessments/drafts/{draft['id']}/", sent).status_code == 200
        run()
        assert len(texts(CHEN)) == told
        (item,) = chen.get("work-items/").json()["results"]
        assert chen.post(f"work-items/{item['id']}/close/", {"note": "called"}).status_code == 200


def test_an_alert_that_reaches_nobody_is_given_to_staff_at_once(web: str) -> None:
    fault(web, "undelivered_30003", 99)
    flag(web)
    run()
    wait_for(lambda: work("call_physician") == 1, "the work item")
    item = WorkItem.objects.get(kind="call_physician")
    assert (item.for_role, item.urgency) == ("staff", WorkItem.Urgency.NOW)
    assert item.patient_id is None


def test_a_physician_without_number_and_mail_is_called(web: str) -> None:
    User.objects.filter(email=CAST["chen"]).update(phone="", email="")
    flag(web)
    run()
    assert (work("call_physician"), Message.objects.get().status) == (1, "suppressed")


def test_who_missed_a_reminder_is_called_once_while_there_is_time(
    alice_booked: Caller, web: str
) -> None:
    run()
    to("2026-11-30T14:50:00Z")
    run()
    assert {state("reminder_24h"), state("reminder_2h")} == {"missed"}
    assert work("call_patient") == 1
    assert WorkItem.objects.get(kind="call_patient").object_id == Consultation.objects.get().pk


def test_after_the_meeting_nobody_needs_a_call(alice_booked: Caller, web: str) -> None:
    run()
    to("2026-11-30T15:00:00Z")
    run()
    assert {state("reminder_24h"), state("reminder_2h")} == {"missed"}
    assert work("call_patient") == 0


def test_reminders_that_fell_due_before_anybody_wrote_them_down_are_not_forgotten(
    alice_booked: Caller, web: str
) -> None:
    """The worker was away from the booking until ten hours before the meeting."""
    to("2026-11-30T14:05:00Z")
    run()
    kinds = {m.kind: m.status for m in Message.objects.filter(patient__email=CAST["alice"])}
    assert set(kinds) == {"confirmation", "reminder_24h"}  # that of 2 h would leave at once, too
    assert kinds["reminder_24h"] == "missed"
    assert len(texts()) == 1


def test_a_first_word_and_a_reminder_do_not_leave_together(web: str) -> None:
    """Booked at night for 9:00: the confirmation and the reminder of 7:00 would leave at 8:00."""
    to("2026-11-25T03:00:00Z")
    book(caller("alice"), "2026-11-25T15:00:00Z")
    run()
    to("2026-11-25T14:00:00Z")
    run()
    (told,) = texts()
    assert "you are booked" in told


def test_a_night_costs_no_attempt(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    to("2026-11-25T03:00:00Z")
    run()
    assert message("confirmation").why == "It is night there."
    assert message("confirmation").attempts == 0


def test_the_number_of_the_moment_counts(alice_booked: Caller, web: str) -> None:
    """A new number without a yes of its own, between writing and sending: it goes by mail."""
    writing.write_messages(now=clock.now())
    Patient.objects.filter(email=CAST["alice"]).update(phone="+18505550177")
    sending.send_due(clock=clock.now)
    assert (texts(), texts("+18505550177")) == ([], [])
    assert len(texts(CAST["alice"])) == 1


# --- what is shown -----------------------------------------------------------------------------


def test_a_patient_who_is_there_needs_no_reminder(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    to("2026-11-30T14:45:00Z")
    arrive = f"consultations/{Consultation.objects.get().pk}/arrive/"
    assert caller("chen").post(arrive, {"location": {"state": "FL"}}).status_code == 200
    run()
    assert texts() == []
    assert (state("reminder_2h"), message("reminder_2h").why) == (
        "cancelled", "It has begun.",
    )  # fmt: skip
    assert work("call_patient") == 0


def test_why_is_a_sentence(alice_booked: Caller, web: str) -> None:
    for kind in ("429", "401", "500_accepted"):
        fault(web, kind)
        run()
        again()
    fault(web, "undelivered_30007")
    book(alice_booked, "2026-12-02T15:00:00Z", kind="follow_up")
    run()
    wait_for(lambda: state("confirmation") == "undelivered", "the callback")
    for meeting in alice_booked.get("consultations/").json()["results"]:
        assert alice_booked.post(f"consultations/{meeting['id']}/cancel/").status_code == 200
    run()
    shown = alice_booked.get("messages/").json()["results"]
    whys = {line["why"] for row in shown for line in row["history"]} - {""}
    assert len(whys) > 4
    for why in whys:
        assert re.fullmatch(r"[A-Z][a-zA-Z ,']+\.", why), why


def test_a_history_does_not_grow_while_nothing_changes(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(settings, "TWILIO_ACCOUNT_SID", "")
        for _ in range(5):
            run()
            again()
    run()
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    history = [line["status"] for line in message("confirmation").history]
    assert history[:5] == ["pending", "sending", "pending", "sending", "accepted"]


# --- lanes -----------------------------------------------------------------------------------


def test_two_sweeps_send_at_once_and_a_third_leaves_it_to_them(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    others = [another_connection() for _ in range(pace.LANES)]
    try:
        for lane, other in enumerate(others):
            other.execute("SELECT pg_advisory_lock(%s, %s)", [sending.LANE, lane])
        assert sending.send_due(clock=clock.now) == 0
        others[0].close()
        wait_for(lambda: sending.send_due(clock=clock.now) == 1, "a free lane")
    finally:
        for other in others:
            other.close()


def test_where_each_turn_counts_one_sweep_sends(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_PER_SECOND", 9.0)
    writing.write_messages(now=clock.now())
    with another_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", [sending.LANE])
        assert sending.send_due(clock=clock.now) == 0
    wait_for(lambda: sending.send_due(clock=clock.now) == 1, "the lane")


def test_codes_come_before_everything_else(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    alice = User.objects.get(email=CAST["alice"])
    writing.queue_code(user=alice, channel="mail", to=CAST["alice"], code="1", now=clock.now())
    sending.send_due(clock=clock.now)
    first, second = SandboxMessage.objects.order_by("id")
    assert "code" in first.body
    assert "booked" in second.body


# --- what staff read -------------------------------------------------------------------------


def test_staff_read_what_people_answer_and_nobody_else_does(alice_booked: Caller, web: str) -> None:
    assert inbound(web, "SM1", "Stop texting me. Where is the link?") == 200
    assert inbound(web, "SM2", "Hello?", "+12015550177") == 200
    hello, asked = caller("sam").get("inbox/").json()["results"]
    assert (hello["body"], hello["patient"], hello["sender"]) == ("Hello?", None, "+12015550177")
    assert (asked["meaning"], asked["sender"]) == ("stop", ALICE)
    alice = str(Patient.objects.get(email=CAST["alice"]).pk)
    assert asked["patient"] == alice
    assert work("read_reply") == 2
    one = caller("sam").get("inbox/", patient=alice).json()["results"]
    assert [row["id"] for row in one] == [asked["id"]]
    for name in ("alice", "admin"):
        assert caller(name).get("inbox/").status_code == 403
    assert caller("chen").get("inbox/").json()["results"] == []  # nobody called for help
    assert Caller().get("inbox/").status_code == 401
    assert caller("sam").get("inbox/", sender=ALICE).status_code == 400


# --- every transition ------------------------------------------------------------------------


@pytest.mark.parametrize("start", Status.values)
def test_only_the_transitions_of_the_table_are_made(
    alice_booked: Caller, web: str, start: str
) -> None:
    writing.write_messages(now=clock.now())
    for end in Status.values:
        row = message("confirmation")
        claim = {"claim": UUID(int=1), "lease_until": clock.now()}
        Message.objects.filter(pk=row.pk).update(status=start, **claim)
        row.refresh_from_db()
        assert move(row, end, "tried") is (end in TRANSITIONS[start])
        assert state("confirmation") == (end if end in TRANSITIONS[start] else start)
    assert not SandboxFault.objects.exists()
