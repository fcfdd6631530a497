"""The brake: what one change would do to more than ten patients waits for a person."""

from typing import Any
from uuid import UUID

import pytest

from notifications import writing
from notifications.models import Message
from patients.models import Patient
from records import brake, clock
from records.ids import uuid7
from records.models import Brake, Event, Outbox, WorkItem
from scheduling import replan as chain
from scheduling.models import Subscription
from scheduling.tasks import replan, replan_everyone
from tests import chaos
from tests.cast import NOW
from tests.conftest import Caller, caller
from tests.texting import run, to

PAST = "2026-11-28T15:00:00Z"


def shorter_grace() -> None:
    """Dr. Chen changes a number, by which months that are not paid are late at once."""
    answer = caller("chen").patch("settings/", {"billing_grace": 1})
    assert answer.status_code == 200, answer.content


def late() -> int:
    return Subscription.objects.filter(status="past_due").count()


def item() -> dict[str, Any]:
    """The open work item, as Dr. Chen sees it."""
    (row,) = caller("chen").get("work-items/", kind="brake").json()["results"]
    return dict(row)


def test_a_change_that_touches_ten_goes_through(web: str) -> None:
    chaos.fill(brake.MOST)
    to(PAST)
    shorter_grace()
    replan()
    assert (late(), WorkItem.objects.filter(kind="brake").exists()) == (10, False)


def test_a_change_that_touches_eleven_waits_and_is_let_go(web: str) -> None:
    chaos.fill(brake.MOST + 1)
    to(PAST)
    shorter_grace()
    for _ in range(2):
        replan()
        replan_everyone()
    assert late() == 0
    asked = item()
    assert asked["detail"] == (
        "One change would touch 11 patients: for 11 the last day of a plan changes. Nothing of "
        "it happens yet. Approve it, or put the cause right and close this."
    )
    path = f"work-items/{asked['id']}/approve/"
    assert caller("sam").post(path).status_code == 404  # the change is a physician's
    assert caller("chen").post(path).json()["status"] == "closed"
    replan()
    assert late() == 11
    assert caller("chen").post(path).status_code == 409


def test_who_puts_the_cause_right_and_closes_it_has_changed_nothing(web: str) -> None:
    chaos.fill(brake.MOST + 1)
    to(PAST)
    shorter_grace()
    replan()
    first = item()["id"]
    assert caller("chen").patch("settings/", {"billing_grace": 14}).status_code == 200
    note = {"note": "put back"}
    assert caller("chen").post(f"work-items/{first}/close/", note).status_code == 200
    replan()
    replan_everyone()
    assert late() == 0


def test_who_closes_it_and_leaves_the_cause_is_asked_again(web: str) -> None:
    chaos.fill(brake.MOST + 1)
    to(PAST)
    shorter_grace()
    replan()
    first = item()["id"]
    chen = caller("chen")
    assert chen.post(f"work-items/{first}/close/", {"note": "no"}).status_code == 200
    replan()
    assert (late(), item()["id"] == first) == (0, False)


def facts_of_one_cause(count: int) -> list[Event]:
    """Months of as many patients are opened by one cause; nobody has looked at it yet."""
    cause = uuid7()
    return [
        Event(
            kind=row.kind,
            occurred_at=NOW,
            role="staff",
            channel="web",
            cause=cause,
            object_kind=row.object_kind,
            object_id=row.object_id,
            patient_id=row.patient_id,
            payload=row.payload,
        )
        for row in chaos.fill(count)
        if isinstance(row, Event)
    ]


def told_by_one_cause(count: int) -> UUID:
    """As many patients are told of their month, all at once."""
    facts = facts_of_one_cause(count)
    Event.objects.bulk_create(facts)
    Outbox.objects.bulk_create(Outbox(event=fact) for fact in facts)
    return facts[0].cause


@pytest.mark.parametrize(("verb", "then"), [("approve", "accepted"), ("close", "cancelled")])
def test_texts_of_one_cause_to_eleven_wait_for_a_person(web: str, verb: str, then: str) -> None:
    cause = told_by_one_cause(brake.MOST + 1)
    run()
    mine = Message.objects.filter(cause=cause)
    assert set(mine.values_list("status", flat=True)) == {"pending"}
    sam = caller("sam")
    (asked,) = sam.get("work-items/", kind="brake").json()["results"]
    body = {"note": "wrong"} if verb == "close" else {}
    assert sam.post(f"work-items/{asked['id']}/{verb}/", body).status_code == 200
    run()
    left = {then} if then == "cancelled" else {"accepted", "sent", "delivered"}
    assert set(mine.values_list("status", flat=True)) <= left
    assert mine.count() == 11


def test_what_was_withdrawn_with_its_cause_leaves_when_staff_send_it_again(
    web: str, sam: Caller
) -> None:
    cause = told_by_one_cause(brake.MOST + 1)
    run()
    (asked,) = sam.get("work-items/", kind="brake").json()["results"]
    assert sam.post(f"work-items/{asked['id']}/close/", {"note": "x"}).status_code == 200
    run()
    parent = Message.objects.filter(cause=cause).earliest("pk")
    assert sam.post(f"messages/{parent.pk}/resend/").status_code == 200
    run()
    assert Message.objects.get(parent=parent).status in ("accepted", "sent", "delivered")


def test_texts_of_one_cause_to_ten_leave(web: str) -> None:
    told_by_one_cause(brake.MOST)
    writing.write_messages(now=clock.now())
    assert not Brake.objects.exists()


def test_what_comes_one_by_one_waits_from_the_eleventh_on_and_says_who_was_told(
    web: str, sam: Caller
) -> None:
    facts = facts_of_one_cause(brake.MOST + 3)
    for fact in facts:
        fact.save()
        Outbox.objects.create(event=fact)
        run()
    mine = Message.objects.filter(cause=facts[0].cause)
    assert mine.filter(status="pending").count() == 3
    (asked,) = sam.get("work-items/", kind="brake").json()["results"]
    assert asked["detail"] == (
        "One change would touch 13 patients: they get a text or a mail. It has happened to 10 of "
        "them, and to no more yet. Approve it, or put the cause right and close this."
    )
    assert sam.post(f"work-items/{asked['id']}/approve/").status_code == 200
    run()
    assert not mine.filter(status="pending").exists()


def test_a_cause_that_moved_few_rows_is_weighed_again_when_it_tells_many(
    web: str, sam: Caller
) -> None:
    cause = told_by_one_cause(brake.MOST + 1)
    replan_everyone()
    Patient.objects.exclude(replan_due_at=None).update(replan_due_at=NOW, replan_cause=cause)
    replan()
    assert Brake.objects.get().status == "released"
    run()
    assert set(Message.objects.filter(cause=cause).values_list("status", flat=True)) == {"pending"}
    assert len(sam.get("work-items/", kind="brake").json()["results"]) == 1


def test_a_cause_that_moved_few_rows_at_first_moves_ten_and_no_more(web: str) -> None:
    """The first one follows it before the others; their own month is late by itself then."""
    chaos.fill(brake.MOST + 2)
    replan_everyone()
    shorter_grace()
    first, *_ = Patient.objects.exclude(replan_cause=None).order_by("pk")
    chain.replan(first.pk, now=clock.now())
    assert Brake.objects.get().status == "released"
    to(PAST)
    for _ in range(2):
        replan()
    assert late() == 1 + brake.MOST
    assert item()["detail"].startswith(
        "One change would touch 11 patients: for 1 a month counts as paid late. It has happened "
        "to 10 of them, and to no more yet."
    )
    assert caller("chen").post(f"work-items/{item()['id']}/approve/").status_code == 200
    replan()
    assert late() == brake.MOST + 2


def test_every_change_is_quiet_or_has_words() -> None:
    assert {*chain.MEANS, *chain.QUIET} == {*chain._APPLY}
    assert not {*chain.MEANS} & chain.QUIET


def test_only_a_brake_is_approved(web: str, sam: Caller) -> None:
    writing.raise_work_item(
        "read_reply",
        ("message", uuid7()),
        detail="Read.",
        urgency=WorkItem.Urgency.TODAY,
        for_role="staff",
        by=writing.sweep(),
        now=clock.now(),
    )
    (row,) = sam.get("work-items/", kind="read_reply").json()["results"]
    refused = sam.post(f"work-items/{row['id']}/approve/")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
