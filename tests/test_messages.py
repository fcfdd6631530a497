"""Messages leave once, at the right hour, or show why not: through the sandbox over real HTTP."""

from typing import Any

import pytest
import requests
from django.conf import settings
from django.http import QueryDict
from twilio.request_validator import RequestValidator

from notifications import checking, doubt, sending, writing
from notifications.claiming import claim
from notifications.models import InboundMessage, Message, OptOut, ProviderEvent, Status
from notifications.sandbox import twilio_api
from notifications.sandbox.models import SandboxMessage
from patients.models import Consent, Patient
from records import clock
from records.models import Outbox
from scheduling.models import Physician
from tests.cast import CAST, NOW
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


def test_a_booking_is_confirmed_once_and_its_delivery_is_known(
    alice_booked: Caller, web: str
) -> None:
    run()
    run()
    assert len(texts()) == 1
    assert "Mon, Nov 30, 9:00 AM Central" in texts()[0]
    wait_for(lambda: message("confirmation").status == Status.DELIVERED, "the callback")


def test_a_messaging_service_sends_where_there_is_one(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_MESSAGING_SERVICE_SID", "MG" + "0" * 32)
    run()
    wait_for(lambda: message("confirmation").status == Status.DELIVERED, "the callback")
    assert SandboxMessage.objects.get(to=ALICE).service == "MG" + "0" * 32


def test_after_stop_what_is_due_goes_by_mail(alice_booked: Caller, web: str) -> None:
    run()
    reply = {"from": ALICE, "body": " stop. "}
    assert requests.post(f"{web}/sandbox/reply/", json=reply, timeout=5).json()["status"] == 200
    assert (message("reminder_24h").channel, message("reminder_24h").status) == ("mail", "pending")
    meeting = alice_booked.get("consultations/").json()["results"][0]
    alice_booked.post(f"consultations/{meeting['id']}/cancel/")
    later()
    run()
    assert len(texts()) == 1
    assert "is cancelled" in texts(CAST["alice"])[0]


# --- the hour --------------------------------------------------------------------------------


def test_reminders_leave_at_their_time_and_not_a_minute_sooner(
    alice_booked: Caller, web: str
) -> None:
    run()
    for at, count in (
        ("2026-11-29T14:59:59Z", 1),
        ("2026-11-29T15:00:00Z", 2),
        ("2026-11-30T12:59:59Z", 2),
        ("2026-11-30T14:00:01Z", 3),  # due at 7:00 in Pensacola: it waits until 8:00
    ):
        to(at)
        run()
        assert len(texts()) == count, at
    assert "a reminder" in texts()[1]
    assert "starts Mon, Nov 30, 9:00 AM Central" in texts()[2]


def test_an_early_reminder_leaves_on_the_evening_before(web: str) -> None:
    """T1: for 7:45 in Pensacola the reminder of 5:45 leaves at 19:30 on the day before."""
    book(caller("alice"), "2026-11-30T13:45:00Z")
    run()
    assert message("reminder_2h").due_at.isoformat() == "2026-11-30T01:30:00+00:00"
    to("2026-11-30T01:30:00Z")
    run()
    assert "starts Mon, Nov 30, 7:45 AM Central" in texts()[-1]


def test_a_booking_at_night_is_confirmed_in_the_morning(web: str) -> None:
    to("2026-11-25T04:00:00Z")  # 22:00 in Pensacola
    book(caller("alice"))
    run()
    assert texts() == []
    assert message("confirmation").due_at.isoformat() == "2026-11-25T14:00:00+00:00"
    to("2026-11-25T14:00:00Z")
    run()
    assert len(texts()) == 1


def test_what_could_not_leave_by_day_waits_for_the_morning(alice_booked: Caller, web: str) -> None:
    """The worker was away from before it was due until the night."""
    writing.write_messages(now=clock.now())
    to("2026-11-25T03:00:00Z")
    run()
    assert texts() == []
    told = message("confirmation")
    assert (told.status, told.why) == ("pending", "It is night there.")
    assert told.due_at.isoformat() == "2026-11-25T14:00:00+00:00"


def test_somebody_who_moves_is_texted_by_the_clock_of_the_new_place(web: str) -> None:
    """A reminder for 8:00 Eastern is 7:00 Central: it moves to the evening before."""
    bruno = caller("bruno")
    book(bruno, "2026-11-30T15:15:00Z", "NJ")
    run()
    moved = {
        "line1": "1 Palafox St", "city": "Pensacola", "state": "FL", "postal_code": "32501",
        "kind": "move",
    }  # fmt: skip
    two_hours = Message.objects.get(patient__email=CAST["bruno"], kind="reminder_2h")
    assert two_hours.due_at.isoformat() == "2026-11-30T13:15:00+00:00"
    assert bruno.post("me/address/", moved).status_code == 201
    run()
    two_hours.refresh_from_db()
    assert two_hours.due_at.isoformat() == "2026-11-30T14:00:00+00:00"
    to("2026-11-30T14:00:00Z")
    run()
    assert "9:15 AM Central" in texts("+18505550102")[-1]


def test_a_reminder_that_is_too_late_is_missed_and_says_so(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    to("2026-11-30T14:50:00Z")
    run()
    for kind in ("reminder_24h", "reminder_2h"):
        assert (state(kind), message(kind).why) == ("missed", "It was too late for it.")
    assert len(texts()) == 1


# --- what is not true any more ---------------------------------------------------------------


def test_rescheduling_withdraws_and_writes_anew(alice_booked: Caller, web: str) -> None:
    run()
    meeting = alice_booked.get("consultations/").json()["results"][0]
    moved = {"start": "2026-12-01T16:00:00Z"}
    assert alice_booked.post(f"consultations/{meeting['id']}/reschedule/", moved).status_code == 200
    later()
    run()
    assert "is now Tue, Dec 1, 10:00 AM Central" in texts()[-1]
    old = Message.objects.filter(revision=1, kind__startswith="reminder")
    assert {row.status for row in old} == {"cancelled"}
    for at, count in (
        ("2026-11-30T14:10:00Z", 2),
        ("2026-11-30T16:00:00Z", 3),
        ("2026-12-01T14:30:00Z", 4),
    ):
        to(at)
        run()
        assert len(texts()) == count, at


def test_a_cancellation_between_writing_and_sending_is_noticed(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    meeting = alice_booked.get("consultations/").json()["results"][0]
    alice_booked.post(f"consultations/{meeting['id']}/cancel/")
    sending.send_due(clock=clock.now)
    assert texts() == []
    assert state("confirmation") == "cancelled"
    later()
    run()
    assert texts() == []  # who took it back knows it, and was told of nothing


def test_what_the_practice_cancels_before_anybody_was_told_is_told(
    alice_booked: Caller, web: str
) -> None:
    meeting = alice_booked.get("consultations/").json()["results"][0]
    asked = {"reason": "the physician is ill"}
    assert caller("chen").post(f"consultations/{meeting['id']}/cancel/", asked).status_code == 200
    later()
    run()
    assert len(texts()) == 1
    assert "is cancelled" in texts()[0]


# --- what the provider does ------------------------------------------------------------------


def test_case_16_a_provider_that_is_busy_is_asked_again(alice_booked: Caller, web: str) -> None:
    fault(web, "429", 3)
    run()
    assert (state("confirmation"), message("confirmation").error_code) == ("pending", "20429")
    run()
    assert texts() == []
    for _ in range(3):
        again()
        run()
    assert len(texts()) == 1
    told = message("confirmation")
    assert (told.waits, told.attempts) == (3, 1)  # what was never taken is no attempt


def test_after_six_attempts_a_human_is_asked(alice_booked: Caller, web: str) -> None:
    fault(web, "500_not_accepted", 99)
    for _ in range(6):
        run()
        for _look in range(2):
            again()
            doubt.reconcile(now=clock.now())
    assert state("confirmation") == "failed"
    assert work("call_patient") == 1


@pytest.mark.parametrize(
    ("kind", "arrives"),
    [
        ("500_accepted", True), ("500_not_accepted", False), ("reset_accepted", True),
        ("garbage_200", False),
    ],
)  # fmt: skip
def test_case_17_an_answer_that_is_lost_is_looked_up_before_anything_is_sent_again(
    alice_booked: Caller, web: str, kind: str, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", "http://127.0.0.1:9")  # no callback arrives
    fault(web, kind)
    run()
    assert state("confirmation") == "unknown"
    doubt.reconcile(now=clock.now())
    assert state("confirmation") == "unknown"
    again()
    doubt.reconcile(now=clock.now())
    if not arrives:
        assert state("confirmation") == "unknown"  # it may only be slow: one more look
        again()
        doubt.reconcile(now=clock.now())
        assert state("confirmation") == "pending"
    run()
    assert len(texts()) == 1
    assert message("confirmation").provider_id


@pytest.mark.parametrize("kind", ["hang_accepted", "hang_not_accepted"])
def test_case_18_a_provider_that_hangs_is_left_and_asked_later(
    alice_booked: Caller, web: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_TIMEOUT", 0.5)
    monkeypatch.setattr(twilio_api, "HANG", 1.5)
    fault(web, kind)
    run()
    assert state("confirmation") in ("unknown", "accepted", "sent", "delivered")
    for _ in range(3):
        again()
        doubt.reconcile(now=clock.now())
    run()
    assert len(texts()) == 1


def test_case_21_a_callback_that_overtakes_the_answer_settles_it(
    alice_booked: Caller, web: str
) -> None:
    fault(web, "500_accepted")
    run()
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    again()
    doubt.reconcile(now=clock.now())
    run()
    assert len(texts()) == 1


@pytest.mark.parametrize("made_ready", [False, True])
@pytest.mark.parametrize(("then", "left"), [("", 1), ("2026-11-30T15:00:00Z", 0)])
def test_case_01_a_sender_that_dies_after_the_claim_loses_nothing(
    alice_booked: Caller, web: str, made_ready: bool, then: str, left: int
) -> None:
    """Killed before anything left: the lease ends, nothing is found; sent once, or too late."""
    writing.write_messages(now=clock.now())
    [claimed] = claim(clock.now(), most=1)
    assert not made_ready or checking.check_again(claimed, clock.now())
    sending.send_due(clock=clock.now)
    assert (texts(), state("confirmation")) == ([], "sending")
    if then:
        to(then)
    for _ in range(3):
        again()
        doubt.reconcile(now=clock.now())
    for _ in range(2):
        sending.send_due(clock=clock.now)
    assert len([text for text in texts() if "you are booked" in text]) == left
    assert state("confirmation") == "missed" if then else "accepted"


def test_case_02_a_sender_that_dies_before_settling_sends_nothing_twice(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the provider's answer and writing it down."""
    fault(web, "no_callbacks")
    writing.write_messages(now=clock.now())

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(sending, "settle", die)
        with pytest.raises(Killed):
            sending.send_due(clock=clock.now)
    assert (len(texts()), state("confirmation")) == (1, "sending")
    again()
    doubt.reconcile(now=clock.now())
    again()
    doubt.reconcile(now=clock.now())
    run()
    assert len(texts()) == 1
    assert message("confirmation").provider_id


def test_a_sender_that_slept_too_long_sends_nothing(
    alice_booked: Caller, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SEND_FENCE", -1)
    run()
    assert texts() == []
    assert message("confirmation").error_code == "late"


def test_case_15_a_number_that_the_provider_blocks_gets_mail_from_then_on(
    alice_booked: Caller, web: str
) -> None:
    fault(web, "400_21610")
    run()
    assert OptOut.objects.get().source == "provider"
    assert (message("confirmation").channel, state("confirmation")) == ("mail", "sent")
    assert message("reminder_24h").channel == "mail"
    assert texts() == []
    assert len(texts(CAST["alice"])) == 1


def test_a_wrong_account_keeps_everything_and_asks_a_human_once(
    alice_booked: Caller, web: str
) -> None:
    fault(web, "401", 3)
    for _ in range(3):
        run()
        again()
    told = message("confirmation")
    assert (told.status, told.attempts) == ("pending", 0)
    assert work("texts_do_not_leave") == 1
    run()
    assert len(texts()) == 1


@pytest.mark.parametrize("kind", ["undelivered_30007"])
def test_what_did_not_get_through_asks_a_human_to_call(
    alice_booked: Caller, web: str, kind: str
) -> None:
    fault(web, kind)
    run()
    wait_for(lambda: work("call_patient") == 1, "the work item")
    told = message("confirmation")
    assert (told.status, told.error_code) == (kind.split("_")[0], kind.split("_")[1])


@pytest.mark.parametrize("kind", ["callbacks_shuffled", "callbacks_doubled"])
def test_case_20_callbacks_in_any_order_and_number_end_the_same(
    alice_booked: Caller, web: str, kind: str
) -> None:
    fault(web, kind)
    run()
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    wait_for(lambda: ProviderEvent.objects.count() == 3, "every callback")
    assert state("confirmation") == "delivered"
    assert work("call_patient") == 0


# --- webhooks --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/webhooks/twilio/status/", "/webhooks/twilio/inbound/"])
def test_case_22_who_does_not_sign_is_refused(alice_booked: Caller, web: str, path: str) -> None:
    run()
    before = state("confirmation")
    sid = message("confirmation").provider_id or ""
    fields = {"MessageSid": sid, "MessageStatus": "failed", "From": ALICE, "Body": "STOP"}
    assert requests.post(web + path, data=fields, timeout=5).status_code == 403
    assert signed(web, path, fields, token="guessed").status_code == 403
    empty = requests.post(web + path, headers={"X-Twilio-Signature": ""}, timeout=5)
    assert empty.status_code == 403
    changed = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(web + path, fields)
    other = {**fields, "MessageStatus": "undelivered", "Body": "START"}
    headers = {"X-Twilio-Signature": changed}
    assert requests.post(web + path, data=other, headers=headers, timeout=5).status_code == 403
    assert requests.get(web + path, timeout=5).status_code == 405
    assert state("confirmation") in (before, "sent", "delivered")
    assert not OptOut.objects.exists()


@pytest.mark.parametrize("path", ["/webhooks/twilio/status/", "/webhooks/twilio/inbound/"])
def test_a_field_that_is_repeated_is_signed_like_any_other(web: str, path: str) -> None:
    both = "From=%2B18505550101&From=%2B18505550102"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "forged"}
    assert requests.post(web + path, data=both, headers=headers, timeout=5).status_code == 403
    fields = QueryDict(both)
    headers["X-Twilio-Signature"] = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(
        web + path, fields
    )
    assert requests.post(web + path, data=both, headers=headers, timeout=5).status_code < 300


@pytest.mark.parametrize("port", ["", ":443"])
def test_case_22_a_true_webhook_is_known_by_our_public_address(
    web: str, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a proxy, from a messaging service, with blank and unknown fields, and replayed."""
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", f"https://care.example.org{port}")
    path = "/webhooks/twilio/inbound/"
    fields = {
        "MessageSid": "SM1", "SmsSid": "SM1", "From": ALICE, "Body": "", "NumMedia": "0",
        "MessagingServiceSid": "MG" + "0" * 32, "SomethingNew": "", "Another": "1",
    }  # fmt: skip
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)

    def send(there: str, **headers: str) -> int:
        headers["X-Twilio-Signature"] = validator.compute_signature(there + path, fields)
        return requests.post(web + path, data=fields, headers=headers, timeout=5).status_code

    for _ in range(2):
        assert send("https://care.example.org", **{"X-Forwarded-Host": "evil.example.org"}) == 200
    assert send("https://evil.example.org", **{"X-Forwarded-Host": "evil.example.org"}) == 403
    assert InboundMessage.objects.count() == 1


def test_case_22_forged_callbacks_change_nothing(alice_booked: Caller, web: str) -> None:
    fault(web, "callbacks_forged")
    run()
    wait_for(lambda: SandboxMessage.objects.get(to=ALICE).status == "delivered", "the end")
    assert state("confirmation") == "accepted"
    assert not ProviderEvent.objects.exists()


def test_a_status_of_something_unknown_is_kept_and_harms_nothing(
    alice_booked: Caller, web: str
) -> None:
    run()
    for sid, query in (
        ("SM" + "f" * 32, ""), ("", ""), ("x" * 500, "?m=no-uuid"), ("S", "?m=%00"), ("a\x00", ""),
    ):  # fmt: skip
        fields = {"MessageSid": sid, "MessageStatus": "delivered\x00", "ErrorCode": "9" * 50}
        assert signed(web, f"/webhooks/twilio/status/{query}", fields).status_code == 204


def test_a_status_that_names_no_text_changes_nothing(alice_booked: Caller, web: str) -> None:
    writing.write_messages(now=clock.now())
    path = f"/webhooks/twilio/status/?m={message('confirmation').pk}"
    assert signed(web, path, {"MessageStatus": "delivered"}).status_code == 204
    assert state("confirmation") == "pending"


@pytest.mark.parametrize(
    "odd",
    [
        {"MessageSid": "a\x00"}, {"MessageSid": "x" * 500}, {"MessageSid": ""}, {"From": ""},
        {"From": "a\x00"}, {"From": "x" * 500}, {"OptOutType": "SOMETHING ELSE"},
        {"OptOutType": "\x00"},
    ],
)  # fmt: skip
def test_an_odd_text_is_kept_and_harms_nothing(web: str, odd: dict[str, str]) -> None:
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "Where do I click?", **odd}
    assert signed(web, "/webhooks/twilio/inbound/", fields).status_code == 200
    assert InboundMessage.objects.get().meaning == "other"
    assert work("read_reply") == 1


def test_texts_without_an_id_are_not_taken_for_one_another(web: str) -> None:
    for body in ("Hello?", "STOP"):
        assert inbound(web, "", body) == 200
    assert OptOut.objects.get().phone == ALICE


@pytest.mark.parametrize("kind", ["STOP", "START", "HELP"])
def test_what_twilio_understood_counts(web: str, kind: str) -> None:
    """A keyword of the practice's own, told by the messaging service."""
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "BYE", "OptOutType": kind}
    assert signed(web, "/webhooks/twilio/inbound/", fields).status_code == 200
    assert InboundMessage.objects.get().meaning == kind.lower()
    assert OptOut.objects.exists() is (kind == "STOP")


def test_a_text_that_comes_twice_counts_once(alice_booked: Caller, web: str) -> None:
    for _ in range(3):
        assert inbound(web, "SM1", "Where do I click?") == 200
    assert InboundMessage.objects.count() == 1
    assert work("read_reply") == 1


def test_stop_start_help_and_yes(alice_booked: Caller, web: str) -> None:
    """T37: after STOP only START opens the texts again, YES does not."""
    run()

    def living() -> int:
        return OptOut.objects.filter(ended_at__isnull=True).count()

    assert inbound(web, "SM1", "STOP") == 200
    assert inbound(web, "SM2", "Stop!") == 200
    assert living() == 1
    assert inbound(web, "SM3", "YES") == 200
    assert inbound(web, "SM4", "HELP") == 200
    assert living() == 1
    assert work("read_reply") == 1  # the YES
    assert inbound(web, "SM5", "START") == 200
    assert living() == 0
    book(alice_booked, "2026-12-02T15:00:00Z", kind="follow_up")
    run()
    assert len(texts()) == 2


def test_a_stranger_s_text_is_kept_for_a_human(web: str) -> None:
    assert inbound(web, "SM1", "who is this? \u0000", "+12015550177") == 200
    assert InboundMessage.objects.get().body == "who is this? "
    assert work("read_reply") == 1


def test_a_stranger_who_says_wrong_number_gets_no_more_texts(
    alice_booked: Caller, web: str
) -> None:
    """T33: the number was given to somebody else."""
    run()
    assert inbound(web, "SM1", "Sorry, wrong number") == 200
    assert (OptOut.objects.get().phone, work("read_reply")) == (ALICE, 1)
    to("2026-11-29T15:00:00Z")
    run()
    assert (len(texts()), len(texts(CAST["alice"]))) == (1, 1)


# --- consent ---------------------------------------------------------------------------------


def test_without_a_yes_to_texts_everything_goes_by_mail(web: str) -> None:
    alice = caller("alice")
    assert alice.post("me/consents/", {"kind": "sms", "accepted": False}).status_code == 201
    book(alice)
    run()
    assert texts() == []
    (mail,) = texts(CAST["alice"])
    assert "9:00 AM Central" in mail
    assert "STOP" not in mail


def test_a_yes_to_texts_belongs_to_a_number(web: str) -> None:
    alice = caller("alice")
    Patient.objects.filter(email=CAST["alice"]).update(phone="+18505550188")
    assert Consent.objects.filter(patient__email=CAST["alice"], kind="sms").count() == 1
    book(alice)
    run()
    assert texts("+18505550188") == []
    assert len(texts(CAST["alice"])) == 1


def test_who_cannot_be_reached_is_called(web: str) -> None:
    alice = caller("alice")
    Patient.objects.filter(user=alice.user).update(email="")
    alice.post("me/consents/", {"kind": "sms", "accepted": False})
    book(alice)
    run()
    told = Message.objects.get(patient__user=alice.user, kind="confirmation")
    assert (told.status, told.why) == ("suppressed", "There is no way to reach this person.")
    assert work("call_patient") == 1
    reminders = Message.objects.filter(patient__user=alice.user, kind__startswith="reminder")
    assert {row.status for row in reminders} == {"pending"}  # there may be a way until then
    to("2026-11-29T15:00:00Z")
    run()
    assert [row.status for row in reminders.order_by("due_at")] == ["suppressed", "pending"]


def test_a_yes_given_later_brings_the_reminders(web: str) -> None:
    alice = caller("alice")
    Patient.objects.filter(user=alice.user).update(email="")
    alice.post("me/consents/", {"kind": "sms", "accepted": False})
    book(alice)
    run()
    assert alice.post("me/consents/", {"kind": "sms", "accepted": True}).status_code == 201
    for at, count in (("2026-11-29T15:00:00Z", 1), ("2026-11-30T14:00:00Z", 2)):
        to(at)
        run()
        assert len(texts()) == count


@pytest.mark.parametrize("email", ["", CAST["alice"]])
def test_start_brings_the_texts_back(alice_booked: Caller, web: str, email: str) -> None:
    Patient.objects.filter(user=alice_booked.user).update(email=email)
    run()
    assert inbound(web, "SM1", "STOP") == 200
    assert Message.objects.get(kind="reminder_24h").status == "pending"
    assert inbound(web, "SM2", "START") == 200
    to("2026-11-29T15:00:00Z")
    run()
    assert len(texts()) == 2
    assert texts(CAST["alice"]) == []


def test_a_mail_goes_to_the_address_of_the_moment(alice_booked: Caller, web: str) -> None:
    run()
    assert inbound(web, "SM1", "STOP") == 200
    Patient.objects.filter(user=alice_booked.user).update(email="new@example.org")
    to("2026-11-29T15:00:00Z")
    run()
    assert (len(texts(CAST["alice"])), len(texts("new@example.org"))) == (0, 1)


def test_stop_counts_for_everybody_with_this_number(alice_booked: Caller, web: str) -> None:
    bruno = Patient.objects.get(email=CAST["bruno"])
    Patient.objects.filter(pk=bruno.pk).update(phone=ALICE)
    Consent.objects.create(
        patient=bruno, kind="sms", version="1", accepted=True, phone=ALICE, at=NOW, channel="web"
    )
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    run()
    assert len(texts()) == 2
    assert inbound(web, "SM1", "STOP") == 200
    assert InboundMessage.objects.get().patient is None
    for at in ("2026-11-29T15:00:00Z", "2026-11-29T16:00:00Z"):
        to(at)
        run()
    assert len(texts()) == 2
    assert (len(texts(CAST["alice"])), len(texts(CAST["bruno"]))) == (1, 1)


# --- the physician ---------------------------------------------------------------------------


def test_a_physician_without_a_number_is_alerted_by_mail(web: str) -> None:
    from scheduling.demo import answers

    Physician.objects.get().user.__class__.objects.filter(role="physician").update(phone="")
    told = caller("alice").post(
        "assessments/",
        {
            "answers": answers(suic="plan_or_intent"),
            "consents": {"privacy": True, "telehealth": True},
        },
    )
    assert told.status_code == 201
    to("2026-11-25T08:00:00Z")  # 3:00 in the morning: an alert goes at any hour
    run()
    (mail,) = texts(CAST["chen"])
    assert told.json()["reference"] in mail
    assert "Alice" not in mail


# --- once ------------------------------------------------------------------------------------


def test_an_event_becomes_messages_once_however_often_the_sweep_runs(
    alice_booked: Caller, web: str
) -> None:
    for _ in range(3):
        writing.write_messages(now=clock.now())
    assert Message.objects.filter(patient__email=CAST["alice"]).count() == 3
    assert not Outbox.objects.exists()


def test_what_is_told_about_a_message_holds_no_address_and_no_words(
    alice_booked: Caller, web: str
) -> None:
    run()
    shown = alice_booked.get("messages/").json()["results"]
    assert {m["kind"] for m in shown} == {"confirmation", "reminder_24h", "reminder_2h"}
    assert ALICE not in str(shown)
    assert "Palafox" not in str(shown)
    assert [line["status"] for line in shown[0]["history"]][:3] == [
        "pending", "sending", "accepted",
    ]  # fmt: skip
    assert caller("eve").get("messages/").json()["results"] == []
    assert caller("eve").get(f"messages/{shown[0]['id']}/").status_code == 404
