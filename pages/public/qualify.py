"""See if you qualify: one question a screen, saved as it is answered; then a physician looks."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from pages.page import Invalid, Page
from pages.public.book import patient_of
from pages.public.held import Held
from pages.public.place import ZipForm
from pages.public.questions import (
    AddressForm,
    BirthdayForm,
    ConsentsForm,
    ContactForm,
    NameForm,
    QuestionForm,
    ZoneForm,
)
from pages.public.run import DONE, Run, seal, unseal
from patients import questionnaire
from patients.actions import accept, require_adult
from patients.api import of_typed
from patients.assessments import actions
from patients.facts import facts_of
from patients.models import Assessment
from patients.service_area import EASTERN
from records.limits import address_of, take
from records.refused import Refused

TITLES = {
    "birthday": "When were you born?",
    "zip": "Where do you live?",
    "zone": "Which time do your clocks show?",
    "name": "What is your name?",
    "contact": "How can we reach you?",
    "address": "What is your address?",
    "consents": "Almost done",
}
HELP = {
    "birthday": "This is a service for adults of 18 and older.",
    "zip": "We treat at home, in Florida and New Jersey.",
    "zone": "Your ZIP code lies in two time zones.",
    "name": "As it stands on your photo ID.",
    "contact": "One of the two is enough. You sign in with a code that we send there.",
    "address": "This is where the physician may treat you. No post office box, please.",
    "consents": "Please read this, and send your answers to the physician.",
}
# Refusal → the field that it is about; what is not here stands above the form.
FIELDS = {
    "not_us_number": "phone",
    "po_box": "line1",
    "pmb": "line1",
    "general_delivery": "line1",
    "county_mismatch": "county",
}
LOST = "We could not find your answers any more. Please begin once more."
FORGOTTEN = "Nothing of what you typed is left."
CALLED = "The physician has been told that you may need help, and keeps how to reach you."


class Begin(Page):
    """What the assessment is, and the way into it."""

    template = "pages/public/qualify.html"

    def facts(self) -> Mapping[str, Any]:
        patient = patient_of(self.request.user)
        run = Run(self.request, patient)
        return {
            "here": "qualify",
            "patient": patient,
            "run": run,
            "begun": bool(run.typed) and not run.is_lost,
            "assessed": patient is not None and facts_of(patient).assessed,
        }

    def do_begin(self) -> HttpResponseBase:
        """Begin anew; a patient is known already, and goes on to the questions at once."""
        patient = patient_of(self.request.user)
        run = Run(self.request, patient)
        run.discard()
        if patient is None or patient.address is None:
            return redirect("qualify-step", run.first_open)
        take("draft", user=str(patient.user_id))
        draft, secret = actions.begin_draft(
            born=patient.date_of_birth,
            address={
                "postal_code": patient.address.postal_code,
                "time_zone": patient.address.time_zone,
            },
            phone=str(patient.phone),
            email=patient.email,
            by=self.by(),
            now=self.now,
        )
        run.keep(draft=str(draft.pk), secret=secret)
        return redirect("qualify-step", run.steps[0])

    def do_forget(self) -> HttpResponseBase:
        """They stop here, and leave nothing to who sits there next."""
        is_gone = Run(self.request, patient_of(self.request.user)).discard()
        messages.success(self.request, FORGOTTEN if is_gone else CALLED)
        return redirect("qualify")


class Qualify(Page):
    """One step: a question, or what is asked around them.

    There is no ``template`` until the step turns out to be theirs to see: a refusal before that
    stands alone.
    """

    run: Run

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._elsewhere() or super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._elsewhere() or super().post(request, *args, **kwargs)

    def _elsewhere(self) -> HttpResponse | None:
        """Where somebody goes who cannot be at this step."""
        self.run = run = Run(self.request, patient_of(self.request.user))
        if run.is_lost:
            return self._lost()
        if self.step == "consents" and not run.typed and DONE in self.request.session:
            return redirect("qualify-done")  # sent twice
        if run.patient and run.draft is None:
            return redirect("qualify")
        if self.step not in run.steps and self.step not in TITLES:
            raise Http404
        if not run.may_see(self.step):
            return redirect("qualify-step", run.first_open)
        self.template = "pages/public/step.html"
        return None

    @property
    def step(self) -> str:
        return str(self.kwargs["step"])

    @property
    def question(self) -> questionnaire.Question | None:
        return questionnaire.BY_KEY.get(self.step)

    def facts(self) -> Mapping[str, Any]:
        run, step, steps = self.run, self.step, self.run.steps
        return {
            "here": "qualify",
            "run": run,
            "step": step,
            "question": self.question,
            "title": self.question.text if self.question else TITLES[step],
            "help": HELP.get(step, ""),
            "form": self.form(),
            "back": run.before(step),
            "number": steps.index(step) + 1,
            "total": len(steps),
            "crisis_text": questionnaire.CRISIS_TEXT,
            "calls": calls_of(self.question),
        }

    def form(self, data: Any = None) -> forms.Form:
        """The form of this step, with what was answered before or typed now."""
        typed = self.run.typed
        if self.question:
            return QuestionForm(
                self.question, data, initial={"answer": self.run.answers.get(self.step)}
            )
        if self.step == "birthday":
            return BirthdayForm(data, initial=_parts(typed.get("born")))
        if self.step == "address":
            return AddressForm(data, initial=typed, counties=tuple(typed["counties"]))
        if self.step == "consents":
            return ConsentsForm(data, texts=bool(typed.get("phone") or self.run.patient))
        shape = {"zip": ZipForm, "zone": ZoneForm, "name": NameForm, "contact": ContactForm}
        return shape[self.step](data, initial=typed)

    def do_save(self) -> HttpResponseBase:
        try:
            return self._save()
        except Assessment.DoesNotExist:  # it went between our look and this
            return self._lost()

    def _save(self) -> HttpResponseBase:
        form = self.form(self.request.POST)
        if self.question:
            self._answer(self.read(form)["answer"])
        else:
            keep: Callable[[dict[str, Any]], HttpResponseBase | None]
            keep = getattr(self, f"_keep_{self.step}")
            try:
                if answer := keep(self.read(form)):
                    return answer
            except Refused as refused:
                raise _on_field(refused, form) from refused
        return redirect("qualify-step", self.run.after(self.step))

    def _answer(self, answer: Any) -> None:
        """Keep an answer; one that is emptied, where none is asked for, is taken back."""
        draft_id, secret = self.run.key
        if answer in (None, ""):
            actions.take_back_answer(draft_id=draft_id, secret=secret, key=self.step)
            return
        answers = {self.step: answer}
        actions.answer_draft(
            draft_id=draft_id, secret=secret, answers=answers, by=self.by(), now=self.now
        )

    def _keep_birthday(self, typed: dict[str, Any]) -> None:
        # Where clocks are ahead, one is of age first: who is not yet, is so nowhere.
        require_adult(typed["born"], zones=[EASTERN], now=self.now, at="/date_of_birth")
        self.run.keep(born=typed["born"].isoformat())

    def _keep_zip(self, typed: dict[str, Any]) -> None:
        place = accept(typed, born=self._born, now=self.now)
        moved = typed["postal_code"] != self.run.typed.get("postal_code")
        self.run.keep(
            postal_code=typed["postal_code"],
            state=place.state,
            county=place.county,
            counties=place.counties,
            zones=place.time_zones,
            time_zone=place.time_zone or "",
            line1="" if moved else self.run.typed.get("line1", ""),
        )

    def _keep_zone(self, typed: dict[str, Any]) -> None:
        self.run.keep(time_zone=typed["time_zone"])

    def _keep_name(self, typed: dict[str, Any]) -> None:
        self.run.keep(**typed)

    def _keep_contact(self, typed: dict[str, Any]) -> None:
        """Here the draft begins; one that was begun before goes on with another contact."""
        known = self.run.typed
        if self.run.draft and typed == {name: known.get(name) for name in typed}:
            return
        take("draft", address=address_of(self.request), **of_typed(typed))
        if self.run.draft:
            draft_id, secret = self.run.key
            actions.change_contact(draft_id=draft_id, secret=secret, **typed)
            self.run.keep(**typed)
            return
        names = ("postal_code", "state", "time_zone")
        draft, secret = actions.begin_draft(
            born=self._born,
            address={name: known[name] for name in names},
            **typed,
            by=self.by(),
            now=self.now,
        )
        self.run.keep(**typed, draft=str(draft.pk), secret=secret)

    def _keep_address(self, typed: dict[str, Any]) -> None:
        accept(self._address(typed), born=self._born, now=self.now)
        self.run.keep(**typed)

    def _keep_consents(self, typed: dict[str, Any]) -> HttpResponseBase:
        """The end: what was answered becomes an assessment."""
        run, known = self.run, self.run.typed
        draft_id, secret = run.key
        if run.patient:
            take("assessment", user=str(run.patient.user_id))
            made, _ = actions.submit_own_draft(
                patient=run.patient,
                draft_id=draft_id,
                secret=secret,
                consents=typed,
                by=self.by(),
                now=self.now,
            )
        else:
            take("assessment", address=address_of(self.request), **of_typed(known))
            names = ("first_name", "last_name", "phone", "email")
            made, _ = actions.submit_draft(
                draft_id=draft_id,
                secret=secret,
                person={name: known[name] for name in names} | {"date_of_birth": self._born},
                address=self._address(known),
                consents=typed,
                by=self.by(),
                now=self.now,
            )
        return self._done(made)

    @property
    def _born(self) -> date:
        return date.fromisoformat(self.run.typed["born"])

    def _address(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        known = self.run.typed
        names = ("state", "postal_code", "county", "time_zone")
        lines = {name: typed[name] for name in ("line1", "line2", "city")}
        return {name: typed.get(name) or known[name] for name in names} | lines

    def _done(self, made: Assessment) -> HttpResponse:
        postal_code = self.run.typed.get("postal_code", "")
        self.run.forget()
        done = {"crisis": made.crisis, "postal_code": postal_code}
        self.request.session[DONE] = seal(done)
        return redirect("qualify-done")

    def _lost(self) -> HttpResponse:
        """Sent already, or gone: that counts as a guess, as it does at the API's door."""
        if made := actions.submitted(self.run.key[0]):
            return self._done(made)
        self.run.forget()
        self.template = ""
        take("guess", address=address_of(self.request))
        messages.warning(self.request, LOST, extra_tags="warn")
        return redirect("qualify")

    def _refused(self, refused: Refused) -> HttpResponse:
        """Out of area and under age: said kindly, with what they can do; nothing is kept."""
        if refused.code not in actions.NOTHING_KEPT:
            return super()._refused(refused)
        crisis = not self.run.discard()
        facts = {
            "why": refused,
            "crisis": crisis,
            "called": CALLED,
            "crisis_text": questionnaire.CRISIS_TEXT,
        }
        return render(self.request, "pages/public/sorry.html", facts, status=422)


class Done(Page):
    """It is under review: what happens next, and the way to a consultation."""

    template = "pages/public/done.html"

    def facts(self) -> Mapping[str, Any]:
        done = unseal(self.request.session.get(DONE))
        if not done:
            raise Http404
        held = Held.of(self.request)
        return {
            "here": "qualify",
            "done": done,
            "held": held if held and held.lives(self.now) else None,
            "review_text": questionnaire.REVIEW_TEXT,
            "crisis_text": questionnaire.CRISIS_TEXT,
        }


def calls_of(question: questionnaire.Question | None) -> list[str]:
    """The answers of a question that call for help at once."""
    flags = question.flags if question else ()
    return [answer for answer, weight in flags if weight == questionnaire.CRISIS]


def _parts(born: str | None) -> dict[str, Any]:
    if not born:
        return {}
    day = date.fromisoformat(born)
    return {"month": day.month, "day": day.day, "year": day.year}


def _on_field(refused: Refused, form: forms.Form) -> Exception:
    """A refusal as an error of the field that it is about; or itself, where there is none."""
    if refused.code in actions.NOTHING_KEPT or "retry_after" in refused.facts:
        return refused
    field = FIELDS.get(refused.code) or refused.facts.get("pointer", "").rpartition("/")[2]
    form.add_error(field if field in form.fields else None, refused.detail)
    return Invalid(form, "form")
