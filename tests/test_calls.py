"""What staff are asked to tell by telephone ends when it is not so any more. Sandbox only."""

import pytest

from notifications import doubt, writing
from notifications.models import BadPhone, Message
from patients.models import Patient
from records import clock
from records.models import WorkItem
from scheduling.models import Consultation
from tests.care import ok
from tests.cast import CAST
from tests.conftest import Caller, caller
from tests.texting import ALICE, again, fault, later, message, run, signed, state, texts, work


def call() -> str:
    """What staff read of the one call that is open."""
    return WorkItem.objects.get(kind="call_patient", status="open").detail


@pytest.fixture
def unreached(alice_booked: Caller, web: str) -> Caller:
    """Alice, whom neither a text nor a mail can tell of her appointment."""
    Patient.objects.filter(email=CAST["alice"]).update(email="")
    BadPhone.objects.create(phone=ALICE, code="30006", at=clock.now())
    run()
    assert call().endswith("It helps until Mon, Nov 30, 9:00 AM Central.")
    return alice_booked


def test_a_call_follows_what_was_moved(unreached: Caller) -> None:
    path = f"consultations/{Consultation.objects.get().pk}/"
    ok(unreached.post(f"{path}reschedule/", {"start": "2026-11-27T16:00:00Z"}))
    writing.write_messages(now=clock.now())
    assert work("call_patient") == 0
    later()
    run()
    assert call().endswith("It helps until Fri, Nov 27, 10:00 AM Central.")
    ok(unreached.post(f"{path}cancel/"))
    later()
    run()
    assert Message.objects.get(kind="cancelled").status == "suppressed"
    assert call().endswith("It helps until Fri, Nov 27, 11:00 AM Central.")
    notes = WorkItem.objects.filter(kind="call_patient", status="closed").values_list("note")
    assert list(notes) == [("It is not so any more.",)] * 2


def test_a_call_stays_while_what_it_tells_is_so(unreached: Caller) -> None:
    ok(unreached.post(f"consultations/{Consultation.objects.get().pk}/confirm/"))
    run()
    assert work("call_patient") == 1


def believed_unsent(web: str) -> str:
    """The confirmation was handed over and its answer lost; the path of what is said of it."""
    fault(web, "500_not_accepted")
    run()
    for _ in range(2):
        again()
        doubt.reconcile(now=clock.now())
    assert message("confirmation").why == "It was never sent."
    return f"/webhooks/twilio/status/?m={message('confirmation').pk}"


SENT = {"MessageSid": "SMlate", "MessageStatus": "delivered"}


def test_what_was_taken_back_and_turns_out_to_have_left_is_put_right_by_a_call(
    alice_booked: Caller, web: str
) -> None:
    path = believed_unsent(web)
    ok(alice_booked.post(f"consultations/{message('confirmation').about_id}/cancel/"))
    writing.write_messages(now=clock.now())
    assert state("confirmation") == "cancelled"
    assert signed(web, path, SENT).status_code == 204
    later()
    run()
    assert (state("confirmation"), texts()) == ("delivered", [])
    ((asked,),) = WorkItem.objects.filter(kind="call_to_correct").values_list("detail")
    assert asked == "A message that we had taken back arrived, and is not true: please call."


def test_who_was_told_a_time_that_was_taken_back_is_called_whatever_follows(
    alice_booked: Caller, web: str
) -> None:
    path = believed_unsent(web)
    meeting = Consultation.objects.get()
    moved = {"start": "2026-12-01T16:00:00Z"}
    ok(alice_booked.post(f"consultations/{meeting.pk}/reschedule/", moved))
    writing.write_messages(now=clock.now())
    assert signed(web, path, {**SENT, "MessageStatus": "sent"}).status_code == 204
    ok(alice_booked.post(f"consultations/{meeting.pk}/confirm/"))
    later()
    run()
    assert signed(web, path, SENT).status_code == 204
    assert work("call_to_correct") == 1


def test_what_was_called_off_and_is_true_needs_no_call(alice_booked: Caller, web: str) -> None:
    path = believed_unsent(web)
    ok(caller("sam").post(f"messages/{message('confirmation').pk}/cancel/"))
    assert signed(web, path, SENT).status_code == 204
    assert (state("confirmation"), work("call_patient")) == ("delivered", 0)
