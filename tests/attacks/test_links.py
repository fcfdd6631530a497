"""Secrets and links: guessed, worked out, used for another thing, used up."""

import hashlib
from datetime import timedelta
from math import log2
from typing import Any

import pytest
from django.test import Client

from patients.actions import issue_confirm_token, issue_link
from patients.models import Link, SupportPerson
from records import clock
from records.limits import LIMITS, TOO_MANY
from records.models import Count
from scheduling.consultations import links
from scheduling.models import Consultation, Reservation
from tests.care import ok
from tests.conftest import Caller, handler

ID = "0190a000-0000-7000-8000-000000000000"
(GUESSES,) = {n for by, n, _ in LIMITS["guess"] if by == "address"}
ADDRESSES, LIVING = 100_000, 10_000  # of a large botnet; of links that somebody has, at once


def browse(path: str, *, of: str = "192.0.2.1", **sent: str) -> Any:
    client = Client(REMOTE_ADDR=of)
    client.handler = handler()
    return client.post(path, sent) if sent else client.get(path)


@pytest.fixture
def meeting(alice: Caller) -> Consultation:
    wish = {"start": "2026-11-30T15:00:00Z", "kind": "initial", "location": {"state": "FL"}}
    return Consultation.objects.get(pk=ok(alice.post("consultations/", wish))["id"])


@pytest.fixture
def stays(alice: Caller) -> SupportPerson:
    named = {"name": "Bo", "date_of_birth": "1980-01-01", "phone": "850 555 0123"}
    return SupportPerson.objects.get(pk=ok(alice.post("me/support-persons/", named))["id"])


def test_a24_nobody_gives_back_another_s_hold(outsider: Caller) -> None:
    taken = [
        ok(outsider.post("holds/", {"start": f"2026-11-30T{hour}:00:00Z", "kind": "initial",
                                    "state": "FL"}))
        for hour in (15, 18)
    ]  # fmt: skip
    mine, theirs = taken
    stranger = Caller()
    answers = [
        stranger.delete(f"holds/{theirs['id']}/", {"secret": mine["secret"]}),
        stranger.delete(f"holds/{ID}/", {"secret": theirs["secret"]}),
        stranger.delete(f"holds/{theirs['id']}/", {"secret": ""}),
        stranger.delete(f"holds/{theirs['id']}/", {"secret": "%"}),
        stranger.delete(f"holds/{theirs['id']}/"),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 400, 404, 400]
    assert answers[0].content == answers[1].content
    assert Reservation.objects.filter(pk=theirs["id"]).exists()
    for _ in range(GUESSES):
        stranger.delete(f"holds/{theirs['id']}/", {"secret": "guess"})
    late = stranger.delete(f"holds/{theirs['id']}/", {"secret": theirs["secret"]})
    assert late.status_code == 429  # an oracle no more, also for what is right
    assert Reservation.objects.filter(pk=theirs["id"]).exists()


def test_a25_after_thirty_guesses_a_right_link_opens_nothing_either(meeting: Consultation) -> None:
    token = links.issue(meeting, Link.Action.CONFIRM, now=clock.now())
    wrong = [browse(f"/a/guess{n}") for n in range(GUESSES)]
    assert {answer.status_code for answer in wrong} == {404}
    assert len({answer.content for answer in wrong}) == 1
    for path in (f"/a/{token}", "/a/guess", "/support/guess"):
        stopped = browse(path)
        assert (stopped.status_code, TOO_MANY in stopped.content.decode()) == (429, True)
        assert 0 < int(stopped["Retry-After"]) <= 600
    assert Caller().post("support-persons/guess/confirm/").status_code == 404  # of 127.0.0.1
    assert browse(f"/a/{token}", of="198.51.100.1").status_code == 200


def test_a25_guessing_all_day_from_everywhere_finds_nothing() -> None:
    """The arithmetic: chance per day that any of all living links is found."""
    bits = 9 * 8  # `issue_link`: nine bytes at random
    a_day = GUESSES * 24 * 6 * ADDRESSES
    assert a_day * LIVING / 2**bits < 1e-8
    assert log2(64) * 12 == bits  # the letters of a token


def test_a25_whoever_has_a_link_is_not_counted(meeting: Consultation) -> None:
    token = links.issue(meeting, Link.Action.CONFIRM, now=clock.now())
    for _ in range(GUESSES + 5):
        assert browse(f"/a/{token}").status_code == 200
    assert set(Count.objects.values_list("n", flat=True)) == {0}


def test_a25_a_link_is_for_one_action_on_one_thing_once(
    meeting: Consultation, stays: SupportPerson, alice: Caller
) -> None:
    confirm = links.issue(meeting, Link.Action.CONFIRM, now=clock.now())
    stay = issue_confirm_token(stays)
    for path in (f"/a/{stay}", f"/support/{confirm}"):
        assert browse(path).status_code == 404
        assert browse(path, start="2026-12-01T15:00:00Z").status_code == 404
    assert Caller().post(f"support-persons/{confirm}/confirm/").status_code == 404
    moved = browse(f"/a/{confirm}", start="2026-12-01T15:00:00Z")
    assert moved.status_code == 200
    meeting.refresh_from_db()
    assert meeting.start.isoformat() == "2026-11-30T15:00:00+00:00"  # confirmed, and not moved
    assert browse(f"/a/{confirm}").status_code == 404
    other = links.issue(meeting, Link.Action.RESCHEDULE, now=clock.now())
    ok(alice.post(f"consultations/{meeting.pk}/reschedule/", {"start": "2026-12-01T15:00:00Z"}))
    assert browse(f"/a/{other}").status_code == 404
    clock.move(clock.now() + timedelta(days=15))
    assert browse(f"/support/{stay}").status_code == 404
    nothing = {browse(f"/a/{token}").content for token in (confirm, other, "x", ID)}
    assert len(nothing) == 1


def test_a25_a_draft_is_nobody_s_without_its_secret(outsider: Caller) -> None:
    begun = {"date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org"}
    one, two = (ok(outsider.post("assessments/drafts/", begun)) for _ in range(2))
    stranger = Caller()
    for secret in (two["secret"], "guess"):
        sent = {"secret": secret, "answers": {"preg": "no"}}
        assert stranger.patch(f"assessments/drafts/{one['id']}/", sent).status_code == 404
    for _ in range(GUESSES):
        stranger.patch(f"assessments/drafts/{one['id']}/", {"secret": "g", "answers": {}})
    right = {"secret": one["secret"], "answers": {"si_now": "yes"}}
    stopped = stranger.patch(f"assessments/drafts/{one['id']}/", right)
    assert stopped.status_code == 429


@pytest.mark.parametrize("hashed", ["md5", "sha1", "sha256"])
def test_a26_no_token_is_worked_out_from_what_is_known(meeting: Consultation, hashed: str) -> None:
    """As in CVE-2026-9188: of the patient, the start and the physician."""
    issue_link(
        Link.Action.CONFIRM, meeting.pk, patient_id=meeting.patient_id,
        expires_at=meeting.start, revision=meeting.revision,
    )  # fmt: skip
    known = [str(meeting.pk), str(meeting.patient_id), str(meeting.physician_id),
             meeting.start.isoformat(), str(int(meeting.start.timestamp()))]  # fmt: skip
    for glue in ("", ",", ":"):
        for parts in (known, known[:1], known[1:5], known[4:5] + known[1:3]):
            digest = hashlib.new(hashed, glue.join(parts).encode()).hexdigest()
            for token in (digest, digest[:12]):
                assert browse(f"/a/{token}", of=f"192.0.2.{len(parts)}").status_code == 404
    row = Link.objects.get(action=Link.Action.CONFIRM)
    assert browse(f"/a/{row.secret}").status_code == 404  # what is kept opens nothing
    assert browse(f"/a/{row.pk}").status_code == 404
    assert Consultation.objects.get().confirmed_at is None
