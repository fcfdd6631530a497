"""A13: a physician changes neither the notes nor the calendar of another one."""

from typing import Any
from uuid import uuid4

import pytest

from patients.models import CareRelationship, ClinicalHold
from scheduling.models import Consultation, Decision, Physician, TimeOff, WorkingHours
from tests.attacks.people import dora
from tests.care import Care, ok
from tests.conftest import Caller

HERE = {"location": {"state": "FL"}}


@pytest.fixture
def walk(prescribed: Care) -> Care:
    """Alice, in the care of Dr. Chen, who has written a note and decided."""
    return prescribed


@pytest.fixture
def stranger(walk: Care) -> Caller:
    return dora()


def notes() -> list[Any]:
    return [
        *Consultation.objects.order_by("pk").values_list("status", "version"),
        *[row.note for row in Consultation.objects.order_by("pk")],
        *[(row.note, row.outcome) for row in Decision.objects.order_by("pk")],
    ]


VERBS: list[tuple[str, dict[str, Any]]] = [
    ("arrive", HERE), ("note", {"note": "mine"}), ("complete", {"note": "mine"}), ("no-show", {}),
    ("decide", {"outcome": "declined", "note": "mine"}), ("correct", {"reason": "mine"}),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "body"), VERBS)
def test_the_note_of_a_patient_not_in_care_is_404(
    walk: Care, stranger: Caller, verb: str, body: dict[str, Any]
) -> None:
    before = notes()
    path = f"consultations/{walk.consultation}/{verb}/"
    answer = stranger.post(path, body)
    assert answer.status_code == 404
    assert answer.content == stranger.post(f"consultations/{uuid4()}/{verb}/", body).content
    assert notes() == before


@pytest.mark.parametrize(("verb", "body"), VERBS)
def test_who_shares_the_care_reads_the_note_and_changes_nothing_of_it(
    walk: Care, stranger: Caller, verb: str, body: dict[str, Any]
) -> None:
    talk = Consultation.objects.get(pk=walk.consultation)
    assert stranger.user
    CareRelationship.objects.create(
        patient=talk.patient, physician=stranger.user, since=talk.booked_at
    )
    assert ok(stranger.get(f"consultations/{talk.pk}/"))["note"] == "n"
    before = notes()
    assert stranger.post(f"consultations/{talk.pk}/{verb}/", body).status_code in (403, 404, 409)
    assert notes() == before


def test_the_calendar_of_another_is_403_or_404_and_stays(walk: Care, stranger: Caller) -> None:
    def rows() -> list[Any]:
        return [*WorkingHours.objects.order_by("pk").values_list(), *TimeOff.objects.values_list()]

    physician = Physician.objects.get(name="Dr. Chen")
    mine = f"physicians/{physician.pk}/"
    off = {"start": "2026-12-05T14:00:00Z", "end": "2026-12-06T14:00:00Z"}
    hours = {"weekday": 5, "opens": "09:00", "closes": "12:00"}
    licence = {
        "state": "FL", "number": "1", "valid_from": "2026-01-01", "expires_on": "2027-01-01",
    }  # fmt: skip
    before = rows()
    for path, body in (
        ("time-off/", off), ("openings/", off), ("working-hours/", hours), ("licences/", licence),
    ):  # fmt: skip
        assert stranger.post(mine + path, body).status_code in (403, 404), path
    hour = WorkingHours.objects.first()
    assert hour
    assert stranger.delete(f"{mine}working-hours/{hour.pk}/").status_code in (403, 404)
    days = {"from": "2026-11-30", "to": "2026-12-04"}
    assert stranger.get("calendar/", physician=str(physician.pk), **days).status_code == 404
    assert rows() == before


def test_a_hold_of_a_patient_not_in_care_stays(walk: Care, stranger: Caller) -> None:
    hold = ok(walk.chen.post(f"patients/{walk.id}/clinical-holds/", {"note": "wait"}))["id"]
    answer = stranger.post(f"clinical-holds/{hold}/clear/", {"note": "go on"})
    assert answer.status_code == 404
    assert ClinicalHold.objects.get(pk=hold).cleared_at is None
