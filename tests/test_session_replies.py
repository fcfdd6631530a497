"""C and R after a text about an appointment at home, which asks for neither. Sandbox only."""

import pytest

from notifications.models import Message
from records.models import WorkItem
from scheduling.models import Consultation, TreatmentSession
from tests.care import Care, care, ok, to
from tests.conftest import caller
from tests.texting import inbound, run, texts, work

REMINDED = "2026-12-06T15:00:00Z"


@pytest.fixture
def walk(web: str) -> Care:
    """Alice, whose session is on Monday, and whose next consultation is on Tuesday."""
    walk = care(caller("alice")).delivered().planned()
    run()
    to("2026-12-04T19:00:00Z")
    wish = {"start": "2026-12-08T15:00:00Z", "kind": "follow_up", "location": {"state": "FL"}}
    ok(walk.who.post("consultations/", wish))
    to("2026-12-04T19:10:00Z")
    run()
    assert "you are booked for Tue, Dec 8" in texts()[-1]
    return walk


def untouched() -> bool:
    """Whether neither the consultation ahead nor the session has changed."""
    meeting = Consultation.objects.get(status="booked")
    session = TreatmentSession.objects.get()
    return (meeting.confirmed_at, meeting.revision, session.status, session.revision) == (
        None, 1, "scheduled", 1,
    )  # fmt: skip


@pytest.mark.parametrize("word", ["C", "R"])
def test_a_reply_to_a_session_s_reminder_is_read_by_staff_with_its_context(
    walk: Care, web: str, word: str
) -> None:
    to(REMINDED)
    run()
    reminder = texts()[-1]
    assert "a reminder of your appointment at home on Mon, Dec 7" in reminder
    assert "Reply C" not in reminder
    before = texts()
    for _ in range(2):
        assert inbound(web, "SM1", word) == 200
    run()
    assert (untouched(), texts()) == (True, before)
    item = WorkItem.objects.get(kind="read_reply")
    assert item.detail == (
        "Somebody answered a text: please read it. "
        "It came after: A reminder of your appointment at home."
    )
    assert str(item.patient_id) == walk.id


def test_a_reply_to_a_later_reminder_of_a_consultation_counts_again(walk: Care, web: str) -> None:
    to("2026-12-07T15:00:00Z")
    run()
    last = Message.objects.filter(kind="reminder_24h").latest("due_at")
    assert last.body in texts()
    assert inbound(web, "SM1", "C") == 200
    assert Consultation.objects.get(status="booked").confirmed_at
    assert work("read_reply") == 0


def test_a_reply_to_nothing_has_no_context(web: str) -> None:
    assert inbound(web, "SM1", "C") == 200
    item = WorkItem.objects.get(kind="read_reply")
    assert item.detail == "Somebody answered a text: please read it."
