"""What the provider says about texts: again, too late, one after another, oddly. Sandbox only."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models.functions import Now

from notifications import lookups, sending, writing
from notifications.models import Circuit, Message
from notifications.sandbox.models import SandboxMessage
from records import clock
from records.models import WorkItem
from tests.conftest import Caller, caller
from tests.started import wait_for
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
    assert (len(texts("+18505550102")), Circuit.objects.count()) == (1, 1)
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


# --- callbacks that are lost ----------------------------------------------------------------------


def hours(count: float) -> int:
    """So many hours pass, then what is silent is looked up."""
    clock.move(clock.now() + timedelta(hours=count))
    Message.objects.update(try_after=None)
    return lookups.look_up(now=clock.now())


def became(status: str, code: int | None = None) -> None:
    rows = SandboxMessage.objects.filter(direction="outbound-api", channel="sms")
    rows.update(status=status, error_code=code)


def test_what_a_lost_callback_would_have_said_is_asked_after_an_hour(
    web: str, told: Message
) -> None:
    became("undelivered", 30007)
    assert (hours(0.9), state("confirmation")) == (0, "accepted")
    assert hours(0.2) == 1
    assert (state("confirmation"), work("call_patient")) == ("undelivered", 1)
    assert hours(5) == 0


def test_a_text_that_was_found_at_the_provider_is_looked_up_as_well(
    web: str, told: Message
) -> None:
    Message.objects.filter(pk=told.pk).update(why="It was found at the provider.")
    became("delivered")
    assert hours(2) == 1
    assert state("confirmation") == "delivered"


def test_a_text_is_asked_for_once_in_an_hour(web: str, told: Message) -> None:
    became("sent")
    assert hours(2) == 1
    assert lookups.look_up(now=clock.now()) == 0
    assert hours(1) == 1


def test_what_nobody_confirms_is_over_after_three_days(
    web: str, told: Message, alice_booked: Caller
) -> None:
    became("sent")
    hours(71)
    assert state("confirmation") == "sent"
    assert "nobody has said yet" in said(alice_booked, told)
    assert hours(1) == 1
    assert said(alice_booked, told).endswith("Central. Its arrival was not confirmed.")
    assert hours(1) == 0
    assert says(web, told, "delivered") == 204
    assert "It arrived on" in said(alice_booked, told)


def said(who: Caller, told: Message) -> str:
    return str(who.get(f"messages/{told.pk}/").json()["why"])


def test_where_carriers_confirm_nothing_a_text_that_stays_sent_lets_the_channel_go(
    web: str, probe: Message
) -> None:
    became("sent")
    assert hours(2) == 1
    assert Circuit.objects.count() == 0


def test_a_text_that_the_provider_does_not_know_holds_up_no_other(web: str, told: Message) -> None:
    book(caller("bruno"), "2026-11-30T16:00:00Z", "NJ")
    fault(web, "no_callbacks")
    run()
    became("delivered")
    SandboxMessage.objects.filter(sid=told.provider_id).delete()
    assert hours(2) == 2
    rows = Message.objects.filter(kind="confirmation").order_by("left_at")
    assert list(rows.values_list("status", flat=True)) == ["accepted", "delivered"]


def test_a_provider_that_cannot_be_asked_ends_the_looking(
    web: str, told: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "TWILIO_BASE_URL", "http://127.0.0.1:9")
    assert hours(2) == 0
    monkeypatch.setattr(settings, "TWILIO_BASE_URL", f"{web}/sandbox")
    became("delivered")
    assert lookups.look_up(now=clock.now()) == 0  # it is its turn again in an hour
    assert hours(1) == 1
    assert state("confirmation") == "delivered"


def test_callbacks_ask_to_be_tried_again_and_are_signed_without_saying_so(
    alice_booked: Caller, web: str
) -> None:
    run()
    row = SandboxMessage.objects.filter(channel="sms").latest("id")
    assert row.callback.endswith("#rc=3&rp=all")
    wait_for(lambda: state("confirmation") == "delivered", "the callback")


def test_a_text_that_never_left_the_provider_is_told_by_a_human(web: str, told: Message) -> None:
    Message.objects.filter(pk=told.pk).update(not_after=clock.now() + timedelta(days=9))
    SandboxMessage.objects.all().delete()
    hours(73)
    assert (state("confirmation"), work("call_patient")) == ("undelivered", 1)
