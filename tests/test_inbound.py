"""Texts that come in are kept, whatever goes wrong with what they ask for. Sandbox only."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg import sql

from notifications import incoming
from notifications.models import InboundMessage, Message, OptOut
from patients.models import Patient
from records import clock
from records.models import WorkItem
from scheduling.models import Consultation
from tests.care import ok
from tests.cast import CAST
from tests.conftest import Caller, caller, owner
from tests.texting import ALICE, fault, inbound, later, run, signed, texts, work

CHEN = "+18505550111"


@contextmanager
def broken(database: str, verb: LiteralString, table: str) -> Iterator[None]:
    """While it lasts, PostgreSQL refuses a verb on a table."""
    with owner(database) as its:
        its.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE EXCEPTION 'broken'; END$$"
        )
        trigger = "CREATE TRIGGER broken BEFORE {} ON {} FOR EACH ROW EXECUTE FUNCTION refuse()"
        its.execute(sql.SQL(trigger).format(sql.SQL(verb), sql.Identifier(table)))
        try:
            yield
        finally:
            its.execute("DROP FUNCTION refuse CASCADE")


def kept() -> list[tuple[str, str]]:
    return list(InboundMessage.objects.order_by("pk").values_list("body", "meaning"))


def test_an_answer_that_cannot_be_acted_on_is_kept_and_read_by_staff(
    alice_booked: Caller, web: str, committed: str
) -> None:
    run()
    with broken(committed, "UPDATE", "scheduling_consultation"):
        assert inbound(web, "SM1", "C") == 200
    assert (kept(), work("read_reply")) == ([("C", "other")], 1)
    assert inbound(web, "SM1", "C") == 200  # it comes again
    assert (len(kept()), work("read_reply")) == (1, 1)
    assert Consultation.objects.get().confirmed_at is None


def test_stop_counts_even_where_what_waits_cannot_be_changed(
    alice_booked: Caller, web: str, committed: str
) -> None:
    fault(web, "no_callbacks")
    run()
    with broken(committed, "UPDATE", "notifications_message"):
        assert inbound(web, "SM1", "STOP") == 200
        assert OptOut.objects.filter(phone=ALICE, ended_at=None).exists()
    assert (kept(), work("read_reply")) == ([("STOP", "stop")], 1)
    before = len(texts())
    meeting = Consultation.objects.get().pk
    assert alice_booked.post(f"consultations/{meeting}/cancel/").status_code == 200
    later()
    run()
    assert len(texts()) == before


def test_a_call_for_help_is_paged_even_where_it_cannot_be_answered(
    web: str, committed: str
) -> None:
    with broken(committed, "INSERT", "notifications_message"):
        assert inbound(web, "SM1", "I want to die") == 200
    assert (kept(), work("call_for_help")) == ([("I want to die", "crisis")], 1)
    run()
    assert len(texts(CHEN)) == 1


@pytest.mark.parametrize("words", ["C", "STOP"])
def test_a_text_that_nobody_has_acted_on_is_acted_on_when_it_comes_again(
    alice_booked: Caller, web: str, words: str
) -> None:
    """The process died between keeping it and acting."""
    run()
    InboundMessage.objects.create(
        provider_id="SM1",
        sender=ALICE,
        body=words,
        meaning="",
        patient=Message.objects.filter(to=ALICE)[0].patient,
        received_at="2026-11-24T15:05:00Z",
    )
    assert inbound(web, "SM1", words) == 200
    done = OptOut.objects.exists() if words == "STOP" else Consultation.objects.get().confirmed_at
    assert done
    assert len(kept()) == 1


@pytest.mark.parametrize("words", ["C", "STOP"])
def test_a_text_that_nobody_has_acted_on_is_acted_on_by_a_sweep(
    alice_booked: Caller, web: str, committed: str, words: str
) -> None:
    run()
    with broken(committed, "UPDATE", "notifications_inboundmessage"):
        assert inbound(web, "SM1", words) == 200
    assert kept() == [(words, "")]
    assert incoming.act_on_kept(now=clock.now()) == 0  # perhaps it is being acted on
    clock.move(clock.now() + timedelta(minutes=1))
    assert incoming.act_on_kept(now=clock.now()) == 1
    done = OptOut.objects.exists() if words == "STOP" else Consultation.objects.get().confirmed_at
    assert done
    assert incoming.act_on_kept(now=clock.now()) == 0


def test_what_the_provider_understood_counts_later_as_well(
    alice_booked: Caller, web: str, committed: str
) -> None:
    fields = {"MessageSid": "SM1", "From": ALICE, "Body": "ARRET", "OptOutType": "STOP"}
    with broken(committed, "UPDATE", "notifications_inboundmessage"):
        assert signed(web, "/webhooks/twilio/inbound/", fields).status_code == 200
    clock.move(clock.now() + timedelta(minutes=1))
    assert incoming.act_on_kept(now=clock.now()) == 1
    assert OptOut.objects.filter(phone=ALICE, ended_at=None).exists()


def test_calls_for_help_are_counted_from_the_first(web: str, committed: str) -> None:
    with broken(committed, "UPDATE", "notifications_inboundmessage"):
        assert inbound(web, "SM1", "I want to die") == 200
    clock.move(clock.now() + timedelta(minutes=1))
    incoming.act_on_kept(now=clock.now())
    assert inbound(web, "SM2", "please, I want to die") == 200
    assert "texted 2 times" in WorkItem.objects.get(kind="call_for_help").detail


# --- START ------------------------------------------------------------------------------------


def is_refused() -> bool:
    return OptOut.objects.filter(phone=ALICE, ended_at=None).exists()


@pytest.mark.parametrize("words", ["STOP", "please stop texting me", "can you stop"])
def test_start_takes_back_what_the_phone_itself_said(
    alice_booked: Caller, web: str, words: str
) -> None:
    assert inbound(web, "SM1", words) == 200
    before = work("read_reply")
    assert inbound(web, "SM2", "START") == 200
    assert (is_refused(), work("read_reply")) == (False, before)


@pytest.mark.parametrize(
    "words", ["wrong number", "you have the wrong person", "STOP. Wrong number"]
)
def test_start_after_a_wrong_number_is_read_by_staff(
    alice_booked: Caller, web: str, words: str
) -> None:
    assert inbound(web, "SM1", words) == 200
    before = work("read_reply")
    for number in (2, 3):
        assert inbound(web, f"SM{number}", "STOP") == 200
    assert inbound(web, "SM4", "START") == 200
    assert (is_refused(), work("read_reply")) == (True, before + 1)


@pytest.mark.parametrize("stop_before", [True, False])
def test_start_after_somebody_told_staff_is_read_by_staff(
    alice_booked: Caller, web: str, stop_before: bool
) -> None:
    if stop_before:
        assert inbound(web, "SM1", "STOP") == 200
    patient = Patient.objects.get(email=CAST["alice"]).pk
    ok(caller("sam").post(f"patients/{patient}/opt-out/", {"source": "letter"}))
    assert inbound(web, "SM2", "START") == 200
    assert (is_refused(), work("read_reply")) == (True, 1)
    later()
    run()
    assert texts() == []
