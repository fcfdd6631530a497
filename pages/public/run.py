"""How far somebody is on the way to an assessment: kept, sealed, in the browser's session."""

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from patients import questionnaire
from patients.assessments.actions import forget_draft, read_draft
from patients.models import Assessment, Patient
from records.crypto import decrypt, encrypt

KEY, DONE = "qualify", "qualified"
SEALED = "session.qualify"  # to what its ciphertexts are bound
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

    Answers lie in the draft alone; the session has its id and secret, and what the draft does not
    hold until it is submitted. It is of who typed it: once somebody else sits there it is
    forgotten, but a visitor who signs in goes on with a draft that has their own contact. A
    patient who has signed in is asked the questions and the consents, nothing else.
    """

    def __init__(self, request: HttpRequest, patient: Patient | None) -> None:
        self.session, self.patient = request.session, patient
        self.whose = str(request.user.pk or "")
        self.typed: dict[str, Any] = unseal(self.session.get(KEY))
        self.draft: Assessment | None = None
        if "draft" in self.typed:
            self.draft = self._read()
        if self.typed and self.typed["whose"] != self.whose:
            self._hand_over()

    def keep(self, **more: Any) -> None:
        """Remember what was typed."""
        self.typed |= {**more, "whose": self.whose}
        self.session[KEY] = seal(self.typed)

    def forget(self) -> None:
        """The session keeps nothing of it."""
        self.session.pop(KEY, None)
        self.typed, self.draft = {}, None

    def discard(self) -> bool:
        """Forget it with the draft; whether that is gone too: a crisis stays with a physician."""
        is_gone = True
        if "draft" in self.typed:
            draft_id, secret = self.key
            with suppress(Assessment.DoesNotExist):
                is_gone = forget_draft(draft_id=draft_id, secret=secret)
        self.forget()
        return is_gone

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
        return bool(self.draft and self.draft.crisis)

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

    def _hand_over(self) -> None:
        """Somebody else sits there than who typed it, or the same one has signed in since."""
        patient, draft = self.patient, self.draft
        if patient and draft and not self.typed["whose"] and _reaches(patient, draft):
            draft_id, secret = self.key
            self.typed = {}
            self.keep(draft=str(draft_id), secret=secret)
        else:
            self.discard()


def seal(what: dict[str, Any]) -> str:
    """What a session keeps of somebody: unreadable in the table of sessions."""
    return encrypt(json.dumps(what), of=SEALED)


def unseal(sealed: str | None) -> dict[str, Any]:
    """What was sealed; nothing once its key is gone, as sessions are not sealed anew."""
    try:
        kept: dict[str, Any] = json.loads(decrypt(sealed, of=SEALED)) if sealed else {}
    except KeyError:
        return {}
    return kept


def _reaches(patient: Patient, draft: Assessment) -> bool:
    """Whether a draft has this patient's contact: in part is enough, but nothing may differ."""
    own = {"phone": str(patient.phone), "email": patient.email.lower()}
    both = [(own[name], draft.contact[name]) for name in own if own[name] and draft.contact[name]]
    return bool(both) and all(mine == told for mine, told in both)
