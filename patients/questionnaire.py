"""The free assessment: its questions by version, and the flags that answers raise.

PURE. Software flags, a physician decides: nothing here approves or declines anybody. Sources: the
FDA alert on compounded ketamine of 2023-10-10, the esketamine label, published exclusion lists of
at-home programmes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1

CRISIS_TEXT = (
    "If you may act on thoughts of suicide or are in danger, call 911. You can call or text 988 "
    "(Suicide & Crisis Lifeline), 24 hours a day, free. Veterans: call 988, then press 1. "
    "We are not an emergency service.\n"
    "Si puede actuar por pensamientos de suicidio o está en peligro, llame al 911. Puede llamar "
    "o enviar un mensaje de texto al 988 (oprima 2 para español), las 24 horas, gratis. "
    "No somos un servicio de emergencia."
)
HELP = {"crisis": True, "crisis_text": CRISIS_TEXT}
REVIEW_TEXT = "Thank you. A physician will review your answers."

REVIEW, URGENT, CRISIS = 3, 2, 1  # the smaller, the sooner


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``type``: choice, choices (a list), number, text; ``flags``: answer, weight."""

    key: str
    text: str
    type: str = "choice"
    options: tuple[str, ...] = ("no", "yes")
    required: bool = True
    flags: tuple[tuple[str, int], ...] = ()
    low: int = 0
    high: int = 0


def _yes(key: str, text: str, weight: int) -> Question:
    return Question(key, text, flags=(("yes", weight),))


QUESTIONS: tuple[Question, ...] = (
    Question(
        "reason",
        "What would you like help with?",
        type="choices",
        options=("depression", "anxiety", "ptsd", "ocd", "chronic_pain", "other"),
    ),
    Question(
        "suic",
        "In the last month, have you thought that you would be better off dead, or about "
        "hurting yourself?",
        options=("no", "thoughts", "plan_or_intent", "attempt_in_last_year"),
        flags=(("thoughts", URGENT), ("plan_or_intent", CRISIS), ("attempt_in_last_year", URGENT)),
    ),
    _yes("preg", "Are you pregnant, trying to become pregnant, or nursing?", REVIEW),
    Question(
        "htn",
        "Do you have high blood pressure that is not under control?",
        options=("no", "yes", "not_sure"),
        flags=(("yes", REVIEW), ("not_sure", REVIEW)),
    ),
    Question(
        "htn_systolic",
        "Your latest blood pressure, the upper number, if you know it",
        type="number",
        options=(),
        required=False,
        low=50,
        high=280,
    ),
    Question(
        "htn_diastolic",
        "Your latest blood pressure, the lower number, if you know it",
        type="number",
        options=(),
        required=False,
        low=30,
        high=200,
    ),
    _yes(
        "card",
        "Have you had a heart attack, a stroke, an irregular heartbeat, an aneurysm, a "
        "malformed blood vessel or bleeding in the head?",
        URGENT,
    ),
    _yes("resp", "Do you have trouble breathing, or untreated sleep apnea?", REVIEW),
    _yes("psych", "Have you been told that you have psychosis or schizophrenia?", URGENT),
    _yes("mania", "Have you had mania, or bipolar disorder with mania?", URGENT),
    _yes(
        "sud",
        "Do you have a problem with alcohol or drugs now, or have you misused ketamine or PCP?",
        URGENT,
    ),
    _yes("cyst", "Do you have painful or frequent urination, or a bladder disease?", REVIEW),
    _yes("liver", "Do you have severe liver disease?", REVIEW),
    _yes("thyr", "Do you have an overactive thyroid that is not treated?", REVIEW),
    _yes("allg", "Are you allergic to ketamine?", URGENT),
    _yes("seiz", "Have you had seizures?", REVIEW),
    _yes("icp", "Have you been told of raised pressure in your head?", REVIEW),
    _yes("glau", "Do you have glaucoma, or raised pressure in an eye?", REVIEW),
    Question(
        "meds",
        "Which of these do you take?",
        type="choices",
        options=("none", "maoi", "benzodiazepine", "opioid", "stimulant", "other_sedating"),
        flags=tuple(
            (name, REVIEW)
            for name in ("maoi", "benzodiazepine", "opioid", "stimulant", "other_sedating")
        ),
    ),
    Question(
        "home",
        "Can an adult stay with you, are children looked after by somebody else, and can the "
        "medication be locked away?",
        options=("yes", "no"),
        flags=(("no", REVIEW),),
    ),
    Question(
        "prior",
        "Have you had ketamine treatment before?",
        options=("no", "earlier", "with_another_provider_now"),
        flags=(("with_another_provider_now", REVIEW),),
    ),
    _yes("pdmpx", "Has a doctor prescribed another controlled medication to you?", REVIEW),
    Question(
        "note",
        "Is there anything else that the physician should know?",
        type="text",
        options=(),
        required=False,
        high=2000,
    ),
)
BY_KEY = {question.key: question for question in QUESTIONS}


@dataclass(frozen=True, slots=True)
class Weighed:
    """``flags``: codes in upper case; ``urgency``: 1 urgent or crisis, 2 review, 3 none."""

    flags: tuple[str, ...]
    urgency: int
    crisis: bool


def weigh(answers: Mapping[str, Any]) -> Weighed:
    """The flags that checked answers raise."""
    weights = {key: _weight(BY_KEY[key], value) for key, value in answers.items()}
    pressure = _pressure(answers)
    if pressure:
        weights["htn"] = min(pressure, weights.get("htn") or REVIEW)
    flagged = {key: weight for key, weight in weights.items() if weight}
    worst = min(flagged.values(), default=0)
    return Weighed(
        flags=tuple(key.upper() for key in BY_KEY if key in flagged),
        urgency={0: 3, REVIEW: 2}.get(worst, 1),
        crisis=worst == CRISIS,
    )


def _weight(question: Question, value: Any) -> int:
    given = value if isinstance(value, list) else [value]
    return min((weight for answer, weight in question.flags if answer in given), default=0)


def _pressure(answers: Mapping[str, Any]) -> int:
    """Above 140/90 a physician looks, above 160/90 urgently (esketamine label)."""
    upper, lower = answers.get("htn_systolic") or 0, answers.get("htn_diastolic") or 0
    if upper > 160:
        return URGENT
    return REVIEW if upper > 140 or lower > 90 else 0


def crisis_answers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the answers, checked or not, that call for help."""
    return {
        key: value
        for key, value in answers.items()
        if key in BY_KEY and _weight(BY_KEY[key], value) == CRISIS
    }


def problems(answers: Mapping[str, Any], *, complete: bool) -> dict[str, tuple[str, str]]:
    """What is wrong: key → (code, sentence); with ``complete``, also what is missing."""
    found = {}
    for key, value in answers.items():
        question = BY_KEY.get(key)
        if question is None:
            found[key] = ("unknown_field", "There is no such question.")
        elif reason := _wrong(question, value):
            found[key] = ("invalid", reason)
    if complete:
        for question in QUESTIONS:
            if question.required and question.key not in answers:
                found[question.key] = ("required", "Please answer this question.")
    return found


def _wrong(question: Question, value: Any) -> str:
    if question.type == "choice":
        known = isinstance(value, str) and value in question.options
        return "" if known else f"Choose one of: {', '.join(question.options)}."
    if question.type == "choices":
        return _wrong_choices(question, value)
    if question.type == "number":
        fits = type(value) is int and question.low <= value <= question.high
        return "" if fits else f"Use a whole number from {question.low} to {question.high}."
    return _wrong_text(question, value)


def _wrong_choices(question: Question, value: Any) -> str:
    fits = (
        isinstance(value, list)
        and value
        and all(isinstance(item, str) and item in question.options for item in value)
        and len(set(value)) == len(value)
        and not ("none" in value and len(value) > 1)
    )
    return "" if fits else f"Choose one or more of: {', '.join(question.options)}."


def _wrong_text(question: Question, value: Any) -> str:
    if not isinstance(value, str) or len(value) > question.high:
        return f"Use text of up to {question.high} characters."
    broken = re.search(r"[\x00\ud800-\udfff]", value)
    return "The text contains characters that cannot be kept." if broken else ""
