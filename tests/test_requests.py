"""Every request has an id in each line of its log, and one line at its end; a sweep has its run."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from config.celery import app
from records.tasks import forget_old_answers
from tests.attacks.test_a63_canary import loudly_broken
from tests.conftest import Caller, caller
from tests.test_consultations import wish
from tests.test_settings import Kept
from tests.texting import run


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler = Kept()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


def test_one_line_tells_a_request_without_its_query_or_ids(
    alice: Caller, lines: list[dict[str, Any]]
) -> None:
    me = alice.get("me/").json()["id"]
    lines.clear()
    answer = alice.get(f"patients/{me}/timeline/?search=Alice")
    (line,) = lines
    assert set(line) == {
        "event", "level", "logger", "timestamp", "request_id", "user_id", "method", "door",
        "status", "ms",
    }  # fmt: skip
    assert alice.user
    assert (line["event"], line["method"], line["status"]) == ("answered", "GET", 403)
    assert line["door"] == "api/v1/patients/<uuid:pk>/timeline/"
    assert line["user_id"] == str(alice.user.pk)
    assert line["request_id"] == answer["X-Request-ID"]
    assert me not in json.dumps(line)


def test_a_token_in_an_address_is_not_in_the_line(
    outsider: Caller, lines: list[dict[str, Any]]
) -> None:
    for path in (
        "/support/s3cr3t",
        "/a/s3cr3t",
        "/nowhere/s3cr3t",
        "support-persons/s3cr3t/confirm/",
    ):
        outsider.get(path)
        outsider.post(path)
    assert len(lines) == 8
    assert "s3cr3t" not in json.dumps(lines)
    assert {line["door"] for line in lines} == {
        "support/<str:token>", "a/<str:token>", "", "api/v1/support-persons/<str:token>/confirm/",
    }  # fmt: skip
    assert all("user_id" not in line for line in lines)


@pytest.mark.parametrize(
    "given", ["", "a b", "x" * 65, "ü", "a\nb", "<script>", "1;2", "../x", '{"a": 1}']
)
def test_an_id_that_is_none_is_not_taken_over(outsider: Caller, given: str) -> None:
    one, two = (outsider.get("plans/", headers={"X-Request-ID": given}) for _ in "12")
    for answer in (one, two):
        assert answer["X-Request-ID"] != given
        assert len(answer["X-Request-ID"]) == 32
    assert one["X-Request-ID"] != two["X-Request-ID"]


def test_a_plain_one_is_and_stands_in_every_line_of_the_request(
    committed: str, lines: list[dict[str, Any]]
) -> None:
    alice = caller("alice")
    client = Client(raise_request_exception=False)
    client.defaults.update(alice.client.defaults)
    headers = {
        "Authorization": alice.client.defaults["HTTP_AUTHORIZATION"],
        "X-Request-ID": "a_B-1",
    }
    with loudly_broken(committed, "INSERT", "scheduling_consultation"):
        answer = client.post(
            "/api/v1/consultations/", wish(), content_type="application/json", headers=headers
        )
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "a_B-1")
    about = [line for line in lines if line.get("request_id") == "a_B-1"]
    assert [line["event"] for line in about] == ["%s: %s", "answered"]  # no address filled in
    assert about[0]["exception"]
    assert about[1]["status"] == 500
    assert "request_id" not in json.dumps([line for line in lines if line not in about])


def test_what_is_logged_after_a_request_is_of_none(
    alice: Caller, outsider: Caller, lines: list[dict[str, Any]]
) -> None:
    alice.get("me/")
    outsider.get("plans/")
    logging.getLogger("hearth").warning("later")
    assert "user_id" not in lines[1]
    assert set(lines[2]) == {"event", "level", "logger", "timestamp"}


def test_a_sweep_names_its_run_in_every_line(committed: str, lines: list[dict[str, Any]]) -> None:
    caller("alice").post("consultations/", wish(), Idempotency_Key="k")
    with loudly_broken(committed, "DELETE", "records_idempotentanswer"):
        from records.models import IdempotentAnswer

        IdempotentAnswer.objects.update(answered_at="2020-01-01T00:00Z")
        ids = [forget_old_answers.apply().id for _ in "12"]
    failed = [line for line in lines if line["event"] == "sweep_failed"]
    assert [line["run_id"] for line in failed] == ids
    assert {line["sweep"] for line in failed} == {"records.forget_old_answers"}
    logging.getLogger("hearth").warning("later")
    assert not {"sweep", "run_id"} & set(lines[-1])


def test_what_libraries_log_while_a_message_is_sent_names_the_message(
    alice_booked: Caller, web: str, lines: list[dict[str, Any]]
) -> None:
    from notifications.models import Message

    chatty = logging.getLogger("urllib3.connectionpool")
    before = chatty.level
    chatty.setLevel(logging.DEBUG)
    try:
        run()
    finally:
        chatty.setLevel(before)
    (message,) = Message.objects.filter(kind="confirmation")
    of_it = [line for line in lines if line.get("message_id") == str(message.pk)]
    assert [line for line in of_it if line["logger"] == "urllib3.connectionpool"]
    assert "+1850" not in json.dumps(lines)
    assert "8505550101" not in json.dumps(lines)


def test_the_hints_bear_no_id(committed: str) -> None:
    """A sweep takes no arguments, and nobody's request id either."""
    ours = ("records", "patients", "scheduling", "notifications", "rights")
    for name, task in app.tasks.items():
        assert name.split(".")[0] not in ours or not task.run.__code__.co_argcount, name
