"""How far somebody is on the way to an assessment: kept in the browser's session."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest

from patients import questionnaire
from patients.assessments.actions import read_draft
from patients.models import Assessment, Patient

KEY, DONE = "qualify", "qualified"
FIRST = ("birthday", "zip", "zone", "name", "contact")  # before there is a draft
LAST = ("address", "consents")
# Step → what of it is kept.
KEEPS = {
    "birthday": "born",
    "zip": "postal_code",
    "zone": "time_zone",
    "name": "first_name",
    "contact": "draft",
    "address": "line1",
}


class Run:
    """What was typed, and the draft with the answers.

    Answers lie in the draft alone, encrypted; the session has its id and secret, and what the
    draft does not hold until it is submitted. A patient who has signed in is asked the questions
    and the consents, nothing else.
    """

    def __init__(self, request: HttpRequest, patient: Patient | None) -> None:
        self.session, self.patient = request.session, patient
        self.typed: dict[str, Any] = dict(self.session.get(KEY, {}))
        self.draft: Assessment | None = None
        if "draft" in self.typed:
            self.draft = self._read()

    def keep(self, **more: Any) -> None:
        """Remember what was typed."""
        self.typed |= more
        self.session[KEY] = self.typed

    def forget(self) -> None:
        """Nothing of it is kept."""
        self.session.pop(KEY, None)
        self.typed, self.draft = {}, None

    @property
    def key(self) -> tuple[UUID, str]:
        """The draft's id and the secret that opens it."""
        return UUID(self.typed["draft"]), self.typed["secret"]

    @property
    def is_lost(self) -> bool:
        """Whether there was a draft that nothing opens any more."""
        return "draft" in self.typed and self.draft is None

    @property
    def answers(self) -> dict[str, Any]:
        return self.draft.answers if self.draft else {}

    @property
    def is_crisis(self) -> bool:
        return bool(self.typed.get("crisis") or (self.draft and self.draft.crisis))

    @property
    def steps(self) -> list[str]:
        """All of them in order, for who asks."""
        questions = list(questionnaire.BY_KEY)
        if self.patient:
            return [*questions, "consents"]
        asks_zone = len(self.typed.get("zones", ())) > 1
        first = [step for step in FIRST if step != "zone" or asks_zone]
        return [*first, *questions, *LAST]

    @property
    def first_open(self) -> str:
        """The first step that is not done."""
        return next(filter(self._is_open, self.steps))

    def may_see(self, step: str) -> bool:
        """Whether all before it is done."""
        steps = self.steps
        return step in steps and steps.index(step) <= steps.index(self.first_open)

    def after(self, step: str) -> str:
        """The step after one; the last has none after it."""
        steps = self.steps
        return steps[steps.index(step) + 1]

    def before(self, step: str) -> str:
        """The step before one; empty for the first."""
        place = self.steps.index(step)
        return self.steps[place - 1] if place else ""

    def _is_open(self, step: str) -> bool:
        question = questionnaire.BY_KEY.get(step)
        if question:
            return question.required and step not in self.answers
        return step == "consents" or not self.typed.get(KEEPS[step])

    def _read(self) -> Assessment | None:
        try:
            return read_draft(*self.key)
        except Assessment.DoesNotExist:
            return None
