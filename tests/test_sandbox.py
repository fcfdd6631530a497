"""The stand-in for Twilio: what its library sees, what scripts may do to it, the phone page."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from notifications.sandbox.models import SandboxBlock, SandboxMessage
from notifications.twilio import client
from records import clock
from tests.cast import NOW
from tests.started import wait_for
from tests.texting import ALICE, fault, texts

NUMBER = "+12015550150"


@pytest.fixture
def twilio(web: str) -> Client:
    return client()


def send(twilio: Client, body: str = "Hello", to: str = NUMBER) -> Any:
    return twilio.messages.create(to=to, from_=settings.TWILIO_FROM_NUMBER, body=body)


def test_the_library_creates_finds_changes_and_deletes(twilio: Client) -> None:
    made = send(twilio)
    assert (made.sid[:2], made.status, made.body, made.to) == ("SM", "queued", "Hello", NUMBER)
    wait_for(lambda: twilio.messages(made.sid).fetch().status == "delivered", "its delivery")
    for number in range(5):
        send(twilio, f"No. {number}")
    send(twilio, "to somebody else", ALICE)
    listed = twilio.messages.list(to=NUMBER, page_size=2)
    assert [row.body for row in listed] == [*(f"No. {n}" for n in range(4, -1, -1)), "Hello"]
    assert twilio.messages(made.sid).update(body="").body == ""
    assert twilio.messages(made.sid).delete()
    with pytest.raises(TwilioRestException, match="not found"):
        twilio.messages(made.sid).fetch()


def test_a_service_answers_as_twilio_does(twilio: Client) -> None:
    made = twilio.messages.create(to=NUMBER, messaging_service_sid="MG" + "0" * 32, body="Hello")
    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")


@pytest.mark.parametrize(
    ("to", "body", "code"),
    [
        ("850-555-0101", "Hello", 21211), ("+44 20 7946 0000", "Hello", 21211),
        (NUMBER, "", 21602), (NUMBER, "x" * 1601, 21617), (NUMBER + "\x00\x00", "\x00", 21602),
    ],
)  # fmt: skip
def test_what_twilio_refuses_is_refused(twilio: Client, to: str, body: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        send(twilio, body, to)
    assert (refused.value.code, refused.value.status) == (code, 400)
    assert not SandboxMessage.objects.exists()


def test_another_account_or_token_is_refused(web: str) -> None:
    base = f"{web}/sandbox/2010-04-01/Accounts"
    ours, token = settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN
    for account, pair in (
        (ours, None), (ours, (ours, "x")), ("AC" + "9" * 32, (ours, token)), (ours, ("é", "é")),
    ):  # fmt: skip
        for path in ("Messages.json", "Messages/SM1.json"):
            answer = requests.get(f"{base}/{account}/{path}", auth=pair, timeout=5)
            assert (answer.status_code, answer.json()["code"]) == (401, 20003)


def test_an_odd_list_is_no_crash(web: str) -> None:
    ours, token = settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN
    for query in (
        "PageSize=x",
        "PageSize=-1",
        "PageSize=0",
        "Page=x",
        "To=%00",
        "Page=99",
    ):
        url = f"{web}/sandbox/2010-04-01/Accounts/{ours}/Messages.json?{query}"
        assert requests.get(url, auth=(ours, token), timeout=5).status_code == 200, query


def test_a_number_that_said_stop_takes_no_text_until_it_says_start(
    web: str, twilio: Client
) -> None:
    for words, blocked in (("STOP", 1), ("hello", 1), ("START", 0)):
        reply = {"from": NUMBER, "body": words}
        told = requests.post(f"{web}/sandbox/reply/", json=reply, timeout=5).json()
        assert told == {"status": 200}
        assert SandboxBlock.objects.count() == blocked
        if blocked:
            with pytest.raises(TwilioRestException, match="unsubscribed"):
                send(twilio)
    assert send(twilio).sid


# --- scripts ---------------------------------------------------------------------------------


WRONG = (
    b"", b"{", b"[]", b"null", b'"x"', b"1", b"\xff\xfe", b"[" * 5000, b"{}", b'{"from": 1}',
    b'{"from": "+18505550101", "body": "a\\u0000"}', b'{"from": "850", "body": "a"}',
    b'{"from": "+18505550101", "body": "\\ud800"}', b'{"kind": "none"}',
    b'{"kind": "429", "count": 0}', b'{"kind": "429", "count": true}',
    b'{"kind": "429", "count": 1e9}', b'{"now": "tomorrow"}', b'{"now": "2026-11-24T15:00:00"}',
    b'{"now": "9999-12-31T23:59:59Z"}', b'{"now": "2026-13-01T00:00:00Z"}',
    b'{"advance_seconds": "x"}', b'{"advance_seconds": 1e99}', b'{"advance_seconds": NaN}',
    b'{"advance_seconds": true}', b'{"reset": 1}',
    b'{"reset": true, "now": "2026-11-24T15:00:00Z"}',
)  # fmt: skip


@pytest.mark.parametrize("path", ["reply/", "faults/", "clock/"])
def test_what_a_script_says_wrong_is_a_400_and_changes_nothing(web: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    for body in WRONG:
        answer = requests.post(f"{web}/sandbox/{path}", data=body, headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body
    assert not SandboxMessage.objects.exists()
    assert requests.get(f"{web}/sandbox/faults/", timeout=5).json()["results"] == []
    assert abs((clock.now() - NOW).total_seconds()) < 60


@pytest.mark.parametrize(
    "to",
    [
        {"now": "0001-01-01T00:00:00+23:59"}, {"now": "9999-12-31T23:59:59-23:59"},
        {"now": "2101-01-01T00:00:00Z"}, {"now": "2026-11-24T15:00Z"}, {"now": "tomorrow"},
        {"advance_seconds": 1e308}, {"advance_seconds": -1e308}, {"advance_seconds": 3600},
    ],
)  # fmt: skip
def test_the_clock_is_not_moved_out_of_our_time(web: str, to: dict[str, Any]) -> None:
    last = datetime.fromisoformat("2100-12-31T23:30:00+00:00")
    clock.move(last)
    answer = requests.post(f"{web}/sandbox/clock/", json=to, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert clock.now() - last < timedelta(minutes=1)


def test_faults_are_listed_and_cleared(web: str) -> None:
    fault(web, "429", 3)
    listed = requests.get(f"{web}/sandbox/faults/", timeout=5).json()["results"]
    assert listed == [{"kind": "429", "count": 3, "to": ""}]
    assert requests.delete(f"{web}/sandbox/faults/", timeout=5).status_code == 204
    assert requests.get(f"{web}/sandbox/faults/", timeout=5).json()["results"] == []


def test_messages_are_found_by_who_got_them(web: str, twilio: Client) -> None:
    send(twilio)
    send(twilio, "to Alice", ALICE)
    for to in (ALICE, ALICE.replace("+", "%2B"), f" {ALICE[1:]}"):
        answer = requests.get(f"{web}/sandbox/messages/?to={to}", timeout=5).json()
        assert [row["body"] for row in answer["results"]] == ["to Alice"]
    for query in ("limit=x", "limit=-1", "to=%00", "limit=99999999999"):
        assert requests.get(f"{web}/sandbox/messages/?{query}", timeout=5).status_code == 200
    one = requests.get(f"{web}/sandbox/messages/?limit=1", timeout=5).json()["results"]
    assert [row["body"] for row in one] == ["to Alice"]


# --- the phone ---------------------------------------------------------------------------------


def test_the_phone_shows_what_arrived_and_answers(web: str, twilio: Client) -> None:
    assert requests.get(f"{web}/sandbox/", timeout=5).status_code == 200
    send(twilio, "<b>Hello</b>")
    page = requests.get(f"{web}/sandbox/", timeout=5).text
    assert "&lt;b&gt;Hello&lt;/b&gt;" in page
    where = f"{web}/sandbox/?with=%2B12015550150"
    assert requests.post(where, data={"body": "STOP"}, timeout=5).status_code == 403
    browser = requests.Session()
    browser.get(where, timeout=5)

    def say(there: str, body: str) -> requests.Response:
        data = {"body": body, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        return browser.post(there, data=data, timeout=5)

    back = say(where, "STOP")
    assert back.status_code == 200
    assert "unsubscribed" in back.text
    assert SandboxBlock.objects.count() == 1
    for strange in ("x", "%00", "%2B1", "a@example.org"):
        there = f"{web}/sandbox/?with={strange}"
        assert browser.get(there, timeout=5).status_code == 200
        assert say(there, "Hello").status_code == 200
    assert SandboxMessage.objects.filter(direction="inbound").count() == 1
    assert texts(NUMBER) == ["<b>Hello</b>"]
