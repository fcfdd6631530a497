"""What comes back: calls for help, answers in context, links, opt-outs, webhooks. Sandbox only."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.test import Client
from twilio.request_validator import RequestValidator

from accounts.tokens import digest
from notifications import claiming, replies, writing
from notifications.models import BadPhone, InboundMessage, Message, OptOut, ProviderEvent
from patients.models import Link, Patient
from records import clock
from records.models import WorkItem
from scheduling.models import Consultation
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.started import wait_for
from tests.texting import (
    ALICE,
    book,
    fault,
    inbound,
    message,
    run,
    signed,
    state,
    texts,
    to,
    work,
)

CHEN = "+18505550111"


# --- calls for help ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "I want to die", "i wanna die", "I can't breathe", "cant breathe!!", "kill myself",
        "I'm going to kill myself", "I am thinking about suicide", "im suicidal",
        "I don't want to live anymore", "better off dead", "I think I'm dying", "end my life",
        "I'm having trouble breathing", "he's not breathing", "I have chest pain", "i overdosed",
        "Where do I click? I want to hurt myself", "He won't wake up", "this is an emergency",
        "Please call 911", "I can’t go on", "STOP texting me. I want to die", "took all my pills",
        "Quiero morir", "me quiero morir", "no quiero vivir", "No puedo respirar", "voy a matarme",
        "me duele el pecho", "quiero quitarme la vida", "pensando en el suicidio",
        "Me voy a matar",
    ],
)  # fmt: skip
def test_words_of_danger_call_for_help(words: str) -> None:
    assert replies.calls_for_help(words)


@pytest.mark.parametrize(
    "words",
    [
        "my phone died", "dying to see you", "I'm dying to see you", "I could kill for a coffee",
        "my feet are killing me", "I am dying of laughter", "C", "R", "1", "STOP", "my battery is "
        "dying", "can't go on Monday", "who is my emergency contact?", "me muero de risa",
        "killing time in the waiting room", "the deadline is Friday", "take a deep breath",
        "911 Main St is my address", "Do I need to die my hair", "I will be there", "me muero por "
        "verte", "the traffic is murder", "live and let live", "", "no hay problema",
    ],
)  # fmt: skip
def test_what_people_only_say_so_does_not(words: str) -> None:
    assert not replies.calls_for_help(words)


def test_a_call_for_help_is_answered_at_night_and_pages_text_and_mail_once(web: str) -> None:
    to("2026-11-25T08:00:00Z")  # 2:00 in Pensacola
    for _ in range(2):
        assert inbound(web, "SM1", "I want to die") == 200
    run()
    (answer,) = texts()
    assert "911" in answer
    assert "988" in answer
    assert len(answer) <= 160
    assert (len(texts(CHEN)), len(texts(CAST["chen"]))) == (1, 1)
    (item,) = caller("chen").get("work-items/").json()["results"]
    assert (item["kind"], item["urgency"]) == ("call_for_help", 1)
    (read,) = caller("chen").get("inbox/").json()["results"]
    assert (read["id"], read["body"]) == (item["object_id"], "I want to die")
    assert work("read_reply") == 0


def test_who_said_stop_is_still_answered_when_they_call_for_help(web: str) -> None:
    """Only where Twilio itself was told STOP, it refuses; the paging does not depend on it."""
    assert inbound(web, "SM1", "please stop texting me") == 200
    assert inbound(web, "SM2", "I can't breathe") == 200
    run()
    assert len(texts()) == 1
    fault(web, "400_21610")
    assert inbound(web, "SM3", "I can't breathe") == 200
    for _ in range(3):
        run()
    assert len(texts()) == 1
    assert Message.objects.filter(kind="help_now").latest("pk").status == "failed"
    assert (work("call_for_help"), work("call_patient")) == (1, 0)


def test_a_stranger_s_call_for_help_is_answered_too(web: str) -> None:
    assert inbound(web, "SM1", "I want to die", "+12015550177") == 200
    run()
    assert len(texts("+12015550177")) == 1
    assert WorkItem.objects.get(kind="call_for_help").patient_id is None
    assert len(texts(CHEN)) == 1


def test_staff_do_not_see_that_somebody_called_for_help_in_the_list_of_events(web: str) -> None:
    assert inbound(web, "SM1", "I want to die") == 200
    run()
    kinds = [event["kind"] for event in caller("sam").get("events/").json()["results"]]
    assert "text.crisis" not in kinds


# --- answers in context --------------------------------------------------------------------------


def booked() -> Consultation:
    return Consultation.objects.get()


def test_c_confirms_what_the_last_reminder_was_about(alice_booked: Caller, web: str) -> None:
    run()
    assert "Reply C to confirm, R to change, STOP to opt out." in texts()[0]
    assert inbound(web, "SM1", " c. ") == 200
    assert booked().confirmed_at
    assert InboundMessage.objects.get().meaning == "confirm"
    assert work("read_reply") == 0


@pytest.mark.parametrize("words", ["C", "R"])
def test_an_answer_that_is_too_old_is_read_by_staff(
    alice_booked: Caller, web: str, words: str
) -> None:
    run()
    to("2026-11-27T15:30:00Z")
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, work("read_reply"), len(texts())) == (None, 1, 1)


def test_an_answer_to_a_time_that_was_moved_since_confirms_nothing(
    alice_booked: Caller, web: str
) -> None:
    run()
    moved = {"start": "2026-12-01T16:00:00Z"}
    path = f"consultations/{booked().pk}/reschedule/"
    assert alice_booked.post(path, moved).status_code == 200
    assert inbound(web, "SM1", "C") == 200
    assert (booked().confirmed_at, work("read_reply")) == (None, 1)


@pytest.mark.parametrize("words", ["C", "R", "1"])
def test_two_patients_on_one_number_are_told_apart_by_a_human(
    alice_booked: Caller, web: str, words: str
) -> None:
    run()
    Patient.objects.filter(email=CAST["bruno"]).update(phone=ALICE)
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, booked().revision) == (None, 1)
    assert (work("read_reply"), len(texts())) == (1, 1)


@pytest.mark.parametrize("words", ["Yes", "ok see you", "C or R?", "3", "1"])
def test_an_unclear_answer_changes_nothing(alice_booked: Caller, web: str, words: str) -> None:
    run()
    assert inbound(web, "SM1", words) == 200
    run()
    assert (booked().confirmed_at, booked().revision, work("read_reply")) == (None, 1, 1)


def test_an_answer_without_a_question_changes_nothing(alice_booked: Caller, web: str) -> None:
    assert inbound(web, "SM1", "C") == 200  # nothing has left yet
    assert (booked().confirmed_at, work("read_reply")) == (None, 1)


# --- links ---------------------------------------------------------------------------------------


def link_in(text: str) -> str:
    return "/a/" + text.split("/a/")[1].split()[0]


def page(path: str, **sent: str) -> Any:
    client = Client()
    return client.post(path, sent) if sent else client.get(path)


def test_r_is_answered_with_a_link_that_moves_it_once(alice_booked: Caller, web: str) -> None:
    run()
    to("2026-11-25T04:00:00Z")  # at night: an answer goes at any hour
    assert inbound(web, "SM1", "R") == 200
    run()
    link = link_in(texts()[-1])
    assert Message.objects.latest("pk").secret == ""
    for _ in range(2):  # whoever previews it
        shown = page(link)
        assert shown.status_code == 200
    assert booked().revision == 1
    words = shown.content.decode()
    assert "Mon, Nov 30, 9:00 AM Central" in words
    assert "Alice" not in words
    start = re.findall(r'value="(2026[^"]+)"', words)[0]
    without_zone = start[:19]
    late = "9999-12-31T23:59:59-12:00"
    for wrong in ("nonsense", "2026-11-29T09:00:00Z", late, without_zone):
        refused = page(link, start=wrong)
        assert refused.status_code == 409, wrong
        assert "Choose another time" in refused.content.decode()
    stays = page(link, start="2026-11-30T09:00:00-06:00")
    assert stays.status_code == 409
    assert "Your appointment stays as it is until you choose another" in stays.content.decode()
    done = page(link, start=start)
    assert "is moved" in done.content.decode()
    assert booked().start == datetime.fromisoformat(start)
    again = page(link, start="2026-12-02T17:00:00Z")
    assert again.status_code == 404
    assert "850-555-0100" in again.content.decode()
    assert booked().revision == 2


def test_a_mail_is_confirmed_by_its_link(web: str) -> None:
    alice = caller("alice")
    alice.post("me/consents/", {"kind": "sms", "accepted": False})
    book(alice)
    run()
    (mail,) = texts(CAST["alice"])
    assert "Reply" not in mail
    link = link_in(mail)
    assert "I will be there" in page(link).content.decode()
    assert booked().confirmed_at is None
    assert "is confirmed" in page(link, button="").content.decode()
    assert booked().confirmed_at
    assert page(link).status_code == 404


def test_a_link_ends_when_the_time_changes_or_three_days_are_over(
    alice_booked: Caller, web: str
) -> None:
    run()
    assert inbound(web, "SM1", "R") == 200
    run()
    first = link_in(texts()[-1])
    assert inbound(web, "SM2", "R") == 200
    run()
    second = link_in(texts()[-1])
    assert [page(link).status_code for link in (first, second)] == [404, 200]
    clock.move(clock.now() + timedelta(days=3))
    assert page(second).status_code == 404
    clock.move(clock.now() - timedelta(days=3))
    moved = {"start": "2026-12-01T16:00:00Z"}
    assert alice_booked.post(f"consultations/{booked().pk}/reschedule/", moved).status_code == 200
    assert page(second).status_code == 404
    assert page("/a/no-such-token").status_code == 404


def test_a_link_is_kept_as_a_hash_alone(alice_booked: Caller, web: str) -> None:
    run()
    assert inbound(web, "SM1", "R") == 200
    run()
    token = link_in(texts()[-1]).removeprefix("/a/")
    assert Link.objects.get().secret == digest(token)
    assert token not in str(Message.objects.filter(kind="change_link").values())


# --- staff ---------------------------------------------------------------------------------------


def test_staff_call_off_what_has_not_left(alice_booked: Caller, web: str) -> None:
    run()
    sam, reminder = caller("sam"), message("reminder_24h")
    path = f"messages/{reminder.pk}/"
    etag = sam.get(path)["ETag"]
    assert sam.post(f"{path}cancel/", If_Match='"99"').json()["code"] == "stale"
    told = sam.post(f"{path}cancel/", If_Match=etag)
    assert told.status_code == 200
    assert (told.json()["status"], told.json()["why"]) == ("cancelled", "Staff called it off.")
    assert sam.post(f"{path}cancel/").json()["code"] == "wrong_state"
    to("2026-11-29T15:00:00Z")
    run()
    assert len(texts()) == 1
    for name, status in (("alice", 403), ("chen", 403)):
        assert caller(name).post(f"{path}cancel/").status_code == status


def test_staff_send_again_what_is_still_true_once(alice_booked: Caller, web: str) -> None:
    run()
    sam, told = caller("sam"), message("confirmation")
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    again = sam.post(f"messages/{told.pk}/resend/", Idempotency_Key="k")
    assert again.status_code == 200
    assert (again.json()["parent"], again.json()["status"]) == (str(told.pk), "pending")
    same = sam.post(f"messages/{told.pk}/resend/", Idempotency_Key="k")
    assert same.json() == again.json()
    run()
    assert len(texts()) == 2
    assert sam.post(f"messages/{told.pk}/resend/").json()["code"] == "wrong_state"
    reminder = sam.post(f"messages/{message('reminder_24h').pk}/resend/")
    assert reminder.json()["code"] == "wrong_state"  # it waits
    newest = again.json()["id"]
    assert alice_booked.post(f"consultations/{booked().pk}/cancel/").status_code == 200
    refused = sam.post(f"messages/{newest}/resend/").json()
    assert refused["detail"] == "This is not true any more. It was cancelled."


def test_what_is_sent_again_keeps_quiet_hours_and_its_end(alice_booked: Caller, web: str) -> None:
    run()
    sam, told = caller("sam"), message("confirmation")
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    to("2026-11-25T04:00:00Z")
    shown = sam.post(f"messages/{told.pk}/resend/").json()
    assert shown["due_at"] == "2026-11-25T14:00:00Z"
    assert shown["why"] == "Waits until Wed, Nov 25, 8:00 AM Central: it is night there."
    run()
    assert len(texts()) == 1


def test_the_ledger_says_when_and_why_not(alice_booked: Caller, web: str) -> None:
    run()
    wait_for(lambda: state("confirmation") == "delivered", "the callback")
    told, day, hours = alice_booked.get("messages/").json()["results"]
    assert re.fullmatch(r"It arrived on \w{3}, \w{3} \d+, \d+:\d\d [AP]M Central\.", told["why"])
    assert day["why"] == "Leaves on Sun, Nov 29, 9:00 AM Central."
    assert hours["why"] == "Waits until Mon, Nov 30, 8:00 AM Central: it is night there."


@pytest.mark.parametrize("source", ["telephone", "email"])
def test_case_14_what_somebody_tells_staff_ends_texts_like_stop(
    alice_booked: Caller, web: str, source: str
) -> None:
    sam, alice = caller("sam"), Patient.objects.get(email=CAST["alice"])
    path = f"patients/{alice.pk}/opt-out/"
    told = sam.post(path, {"source": source})
    assert (told.status_code, told.json()) == (201, {"phone": ALICE})
    assert OptOut.objects.get().source == source
    run()
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)
    assert sam.delete(path).json()["code"] == "consent_required"
    yes = {"kind": "sms", "accepted": True, "channel": "telephone"}
    assert sam.post(f"patients/{alice.pk}/consents/", yes).status_code == 201
    assert sam.delete(path).status_code == 204
    to("2026-11-29T15:00:00Z")
    run()
    assert len(texts()) == 1
    assert caller("chen").post(path, {"source": source}).status_code == 403


@pytest.mark.parametrize(
    "words",
    [
        "STOP", "stop.", " Stop ", "please stop texting me", "no mas", "CANCEL", "Unsubscribe",
        "REVOKE", "OPTOUT", "END", "quit", "alto", "No me envíen más mensajes",
    ],
)  # fmt: skip
def test_case_14_stop_in_every_form_ends_texts_within_the_request(
    alice_booked: Caller, web: str, words: str
) -> None:
    assert inbound(web, "SM1", words) == 200
    run()
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)
    assert inbound(web, "SM2", "YES") == 200
    assert OptOut.objects.get().ended_at is None


@pytest.mark.parametrize("words", ["stop texting me, and cancel my appointment", "wrong number"])
def test_case_14_what_may_mean_more_is_stopped_and_read_by_staff(
    alice_booked: Caller, web: str, words: str
) -> None:
    """Twilio has confirmed it already: no text says so again."""
    run()
    assert inbound(web, "SM1", words) == 200
    for _ in range(2):
        run()
    assert (OptOut.objects.get().phone, work("read_reply"), len(texts())) == (ALICE, 1, 1)


def test_case_14_start_brings_texts_back_only_with_consent(alice_booked: Caller, web: str) -> None:
    assert inbound(web, "SM1", "STOP") == 200
    alice_booked.post("me/consents/", {"kind": "sms", "accepted": False})
    assert inbound(web, "SM2", "START") == 200
    run()
    assert (texts(), len(texts(CAST["alice"]))) == ([], 1)


# --- numbers that take no texts ------------------------------------------------------------------


def refuses(web: str, code: str) -> None:
    """What the provider says about the next text."""
    fault(web, f"400_{code}" if code.startswith("2") else f"undelivered_{code}")


@pytest.mark.parametrize("code", ["21211", "21614", "30005", "30006"])
def test_case_27_a_landline_gets_mail_and_other_numbers_are_unaffected(
    alice_booked: Caller, web: str, code: str
) -> None:
    refuses(web, code)
    run()
    wait_for(lambda: BadPhone.objects.filter(phone=ALICE, code=code).exists(), "the flag")
    run()
    assert (len(texts(CAST["alice"])), work("call_patient")) == (1, 0)
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    to("2026-11-29T15:00:00Z")
    run()
    assert len(texts(CAST["alice"])) == 2
    assert len(texts("+18505550102")) == 1
    changed = "+18505550188"
    Patient.objects.filter(email=CAST["alice"]).update(phone=changed)
    yes = {"kind": "sms", "accepted": True}
    assert alice_booked.post("me/consents/", yes).status_code == 201
    to("2026-11-30T14:00:00Z")
    run()
    assert len(texts(changed)) == 1


def test_case_27_without_mail_a_human_calls_and_knows_until_when(
    alice_booked: Caller, web: str
) -> None:
    Patient.objects.filter(email=CAST["alice"]).update(email="")
    refuses(web, "21614")
    run()
    item = WorkItem.objects.get(kind="call_patient")
    assert item.detail.endswith("It helps until Mon, Nov 30, 9:00 AM Central.")


def test_a_number_that_texts_us_can_be_texted(alice_booked: Caller, web: str) -> None:
    refuses(web, "21614")
    run()
    assert inbound(web, "SM1", "Hello?") == 200
    to("2026-11-29T15:00:00Z")
    run()
    assert len(texts()) == 1


@pytest.mark.parametrize("code", ["undelivered_30003", "failed_30008"])
def test_what_may_pass_is_tried_once_more_half_an_hour_later(
    alice_booked: Caller, web: str, code: str
) -> None:
    fault(web, code, 3)  # the second meets what the physician hears of bookings
    run()
    first = message("confirmation")
    wait_for(lambda: Message.objects.filter(parent=first).exists(), "the second attempt")
    assert work("call_patient") == 0
    run()
    assert len(texts()) == 1
    clock.move(clock.now() + timedelta(minutes=30))
    run()
    wait_for(lambda: work("call_patient") == 1, "the call")
    assert (len(texts()), Message.objects.exclude(parent=None).count()) == (2, 1)


# --- webhooks ------------------------------------------------------------------------------------


def test_case_20_a_callback_that_comes_twice_is_kept_once_and_the_rank_never_falls(
    alice_booked: Caller, web: str
) -> None:
    fault(web, "no_callbacks")
    run()
    told = message("confirmation")
    for status in ("delivered", "sent", "queued", "delivered", "sent", "queued", "accepted"):
        fields = {"MessageSid": str(told.provider_id), "MessageStatus": status}
        for path in ("/webhooks/twilio/status/", f"/webhooks/twilio/status/?m={told.pk}"):
            assert signed(web, path, fields).status_code == 204
    assert state("confirmation") == "delivered"
    assert ProviderEvent.objects.count() == 4
    arrived = [line["status"] for line in message("confirmation").history]
    assert arrived == ["pending", "sending", "accepted", "delivered"]


def test_case_21_a_callback_before_our_own_commit_is_adopted(
    alice_booked: Caller, web: str
) -> None:
    writing.write_messages(now=clock.now())
    [claimed] = claiming.claim(clock.now(), most=1)
    fields = {"MessageSid": "SM" + "c" * 32, "MessageStatus": "sent"}
    path = f"/webhooks/twilio/status/?m={claimed.pk}"
    assert signed(web, path, fields).status_code == 204
    told = Message.objects.get(pk=claimed.pk)
    assert (told.status, told.provider_id) == ("sent", "SM" + "c" * 32)
    run()
    assert texts() == []


@pytest.mark.parametrize("token", ["", "old"])
def test_case_22_without_a_token_nobody_is_believed(
    web: str, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr(settings, "TWILIO_AUTH_TOKEN", "")
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "STOP"}
    validator = RequestValidator(token)
    url = f"{web}/webhooks/twilio/inbound/"
    headers = {"X-Twilio-Signature": validator.compute_signature(url, fields)}
    assert requests.post(url, data=fields, headers=headers, timeout=5).status_code == 403
    assert not OptOut.objects.exists()


def test_case_22_while_the_token_is_changed_both_count(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_AUTH_TOKEN_OLD", "the one before")
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "Hello?"}
    for token in ("", "the one before"):
        answer = signed(web, "/webhooks/twilio/inbound/", fields, token=token)
        assert answer.status_code == 200
    fields["Body"] = "STOP"
    assert signed(web, "/webhooks/twilio/inbound/", fields, token="another").status_code == 403
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize("service", [True, False])
def test_case_22_a_replay_of_a_true_one_has_no_effect(web: str, service: bool) -> None:
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "STOP", "NumMedia": "", "New": "1"}
    if service:
        fields["MessagingServiceSid"] = "MG" + "0" * 32
    assert signed(web, "/webhooks/twilio/inbound/", fields).status_code == 200
    assert inbound(web, "SM2", "START") == 200
    assert signed(web, "/webhooks/twilio/inbound/", fields).status_code == 200
    assert not OptOut.objects.filter(ended_at=None).exists()
