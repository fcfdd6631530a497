"""Staff act for who calls: every event says by which channel, and nobody else may say one."""

from datetime import timedelta
from typing import Any

import pytest

from patients.actions import issue_confirm_token
from patients.models import LINK_OPENS, SupportPerson
from records import clock
from records.models import AccessLog, Event
from tests.care import ON_THE_PHONE, care, code, ok, to
from tests.conftest import Caller

ANN = {"name": "Ann", "date_of_birth": "1990-01-01", "phone": "850 555 0178"}


def told(kind: str) -> tuple[str, str]:
    """Role and channel of the latest event of a kind."""
    event = Event.objects.filter(kind=kind).latest("pk")
    return event.role, event.channel


@pytest.mark.parametrize(
    ("verb", "body", "kind"),
    [
        ("pause", {}, "subscription.paused"),
        ("cancel", {"when": "period_end"}, "subscription.ends"),
    ],
)
def test_staff_change_a_plan_for_a_caller(
    alice: Caller, verb: str, body: dict[str, Any], kind: str
) -> None:
    walk = care(alice).subscribed()
    path = f"subscriptions/{walk.subscription}/{verb}/"
    assert code(alice.post(path, {**body, **ON_THE_PHONE})) == (400, "invalid")
    assert code(walk.sam.post(path, {**body, "channel": "pigeon"})) == (400, "invalid")
    ok(walk.sam.post(path, {**body, **ON_THE_PHONE}))
    assert told(kind) == ("staff", "telephone")


def test_staff_move_and_cancel_a_session_for_a_caller(alice: Caller) -> None:
    walk = care(alice).planned()
    path = f"sessions/{walk.session}/"
    move = {"start": "2026-12-08T15:00:00Z"}
    assert code(alice.post(path + "reschedule/", {**move, **ON_THE_PHONE})) == (400, "invalid")
    assert code(walk.chen.post(path + "cancel/", ON_THE_PHONE)) == (400, "invalid")
    ok(walk.sam.post(path + "reschedule/", {**move, **ON_THE_PHONE}))
    assert told("session.rescheduled") == ("staff", "telephone")
    ok(walk.sam.post(path + "cancel/"))
    assert told("session.cancelled") == ("staff", "web")


def test_staff_name_who_stays_for_a_caller(alice: Caller, chen: Caller) -> None:
    walk = care(alice).approved()
    path = f"patients/{walk.id}/support-persons/"
    assert alice.post(path, {**ANN, **ON_THE_PHONE}).status_code == 403
    assert chen.get(path).status_code == 403
    (missing,) = walk.sam.post(path, ANN).json()["errors"]
    assert missing["pointer"] == "/channel"
    young = {**ANN, **ON_THE_PHONE, "date_of_birth": "2015-01-01"}
    assert code(walk.sam.post(path, young)) == (422, "under_age")
    named = ok(walk.sam.post(path, {**ANN, **ON_THE_PHONE}))
    assert told("support_person.named") == ("staff", "telephone")
    assert ok(walk.sam.get(path))["results"] == [named]
    assert AccessLog.objects.latest("pk").object_kind == "supportperson"


def test_a_link_opens_for_two_weeks_and_for_whom_was_named_last(
    alice: Caller, outsider: Caller
) -> None:
    walk = care(alice).approved()
    named = SupportPerson.objects.get(pk=ok(alice.post("me/support-persons/", ANN))["id"])
    token, start = issue_confirm_token(named), clock.now()

    def opens(link: str) -> tuple[int, int]:
        looked = outsider.get(f"/support/{link}").status_code
        return looked, outsider.post(f"support-persons/{link}/confirm/").status_code

    to(start + LINK_OPENS - timedelta(minutes=1))
    assert opens(token) == (200, 200)
    to(start + LINK_OPENS)
    assert opens(token) == (404, 404)
    first = SupportPerson.objects.get(pk=ok(alice.post("me/support-persons/", ANN))["id"])
    ok(walk.sam.post(f"patients/{walk.id}/support-persons/", {**ANN, **ON_THE_PHONE}))
    late = issue_confirm_token(first)  # an invitation that leaves after somebody else was named
    assert opens(late) == (404, 404)


def test_a_month_is_paid_and_a_parcel_replaced_as_they_were_seen(alice: Caller) -> None:
    walk = care(alice).subscribed()
    plan = f"subscriptions/{walk.subscription}/"
    paid, body = f"{plan}periods/1/mark-paid/", {"reference": "r"}
    assert code(walk.sam.post(paid, body, If_Match='"99"')) == (412, "stale")
    ok(walk.sam.post(paid, body, If_Match=walk.sam.get(plan)["ETag"]))
    walk.delivery_in("lost")
    parcel = f"deliveries/{walk.delivery['id']}/"
    assert code(walk.chen.post(parcel + "replace/", If_Match='"99"')) == (412, "stale")
    ok(walk.chen.post(parcel + "replace/", If_Match=walk.chen.get(parcel)["ETag"]))
