"""What the provider says about texts: again, too late, one after another, oddly. Sandbox only."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from notifications import sending, writing
from notifications.models import Circuit, Message
from records import clock
from records.models import WorkItem
from tests.conftest import Caller, caller
from tests.texting import again, book, fault, message, run, signed, state, texts, work


def says(web: str, told: Message, status: str, code: str = "") -> int:
    """The provider says what became of a text."""
    fields = {"MessageSid": str(told.provider_id), "MessageStatus": status}
    if code:
        fields["ErrorCode"] = code
    return signed(web, f"/webhooks/twilio/status/?m={told.pk}", fields).status_code


@pytest.fixture
def told(alice_booked: Caller, web: str) -> Message:
    """A text that was accepted, of which nobody has said anything yet."""
    fault(web, "no_callbacks")
    run()
    return message("confirmation")


def test_a_callback_that_comes_again_does_not_stop_the_channel_again(
    web: str, told: Message
) -> None:
    assert says(web, told, "undelivered", "30034") == 204
    assert (Circuit.objects.count(), work("texts_do_not_leave")) == (1, 1)
    Circuit.objects.all().delete()
    WorkItem.objects.filter(kind="texts_do_not_leave").update(status="closed", closed_at=Now())
    for _ in range(2):
        assert says(web, told, "undelivered", "30034") == 204
    assert (Circuit.objects.count(), work("texts_do_not_leave")) == (0, 0)


@pytest.fixture
def probe(alice_booked: Caller, web: str) -> Message:
    """What was tried while texts are taken, and fail afterwards."""
    writing.write_messages(now=clock.now())
    Circuit.objects.create(channel="sms", code="30034", later=True, probe_after=Now())
    fault(web, "no_callbacks", 9)
    sending.send_due(clock=clock.now)
    return message("confirmation")


def test_a_probe_that_was_only_sent_does_not_let_the_channel_go(web: str, probe: Message) -> None:
    assert says(web, probe, "sent") == 204
    assert Circuit.objects.count() == 1
    assert says(web, probe, "undelivered", "30034") == 204
    assert Circuit.objects.count() == 1
    assert WorkItem.objects.filter(kind="texts_do_not_leave").count() == 1


def test_an_earlier_probe_that_arrives_lets_the_channel_go(web: str, probe: Message) -> None:
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    writing.write_messages(now=clock.now())
    again()
    sending.send_due(clock=clock.now)
    assert Circuit.objects.get().probe not in (None, probe.pk)
    assert says(web, probe, "delivered") == 204
    assert Circuit.objects.count() == 0


def test_what_left_before_the_channel_was_stopped_does_not_let_it_go(
    web: str, told: Message
) -> None:
    Circuit.objects.create(channel="sms", code="30034", later=True, probe_after=Now())
    assert says(web, told, "delivered") == 204
    assert Circuit.objects.count() == 1


@pytest.mark.parametrize("code", ["²", "①", "x", "-1", "3003٤"])
def test_an_odd_error_code_is_kept_and_harms_nothing(web: str, told: Message, code: str) -> None:
    assert says(web, told, "failed", code) == 204
    assert (state("confirmation"), Circuit.objects.count()) == ("failed", 0)


def test_what_arrives_after_all_is_not_sent_again(web: str, told: Message) -> None:
    assert says(web, told, "undelivered", "30003") == 204
    assert Message.objects.filter(parent=told).exists()
    assert says(web, told, "delivered") == 204
    clock.move(clock.now() + timedelta(minutes=31))
    run()
    assert (len(texts()), state("confirmation")) == (1, "cancelled")
    assert Message.objects.get(pk=told.pk).status == "delivered"


def test_who_was_reached_after_all_needs_no_call(web: str, told: Message) -> None:
    assert says(web, told, "undelivered", "30007") == 204
    assert work("call_patient") == 1
    assert says(web, told, "delivered") == 204
    assert work("call_patient") == 0
