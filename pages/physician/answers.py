"""The answers of an assessment as a physician reads them: what is flagged first, then all. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from patients.models import Assessment
from patients.questionnaire import BY_KEY, QUESTIONS, weigh

# What a flag is about, in few words; the answer stands beside it.
FLAGS = {
    "SUIC": "Thoughts of suicide",
    "PREG": "Pregnancy or nursing",
    "HTN": "High blood pressure",
    "CARD": "Heart, stroke or vessels",
    "RESP": "Breathing or sleep apnea",
    "PSYCH": "Psychosis or schizophrenia",
    "MANIA": "Mania",
    "SUD": "Alcohol or drugs",
    "CYST": "Bladder",
    "LIVER": "Liver disease",
    "THYR": "Overactive thyroid",
    "ALLG": "Allergy to ketamine",
    "SEIZ": "Seizures",
    "ICP": "Raised pressure in the head",
    "GLAU": "Glaucoma",
    "MEDS": "Other medication",
    "HOME": "Home is not ready",
    "PRIOR": "Treated elsewhere now",
    "PDMPX": "Another controlled medication",
}
SPELLED = {"ptsd": "PTSD", "ocd": "OCD", "maoi": "MAOI"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with what was answered. ``was``: what called for help before it was changed."""

    question: str
    given: str
    flag: str = ""
    urgency: int = 3
    crisis: bool = False
    was: str = ""


def words(value: Any) -> str:
    """An answer as people write it; a dash for none."""
    if isinstance(value, list):
        return ", ".join(words(item) for item in value) or "–"
    if value is None or value == "":
        return "–"
    text = str(value)
    known = any(text in question.options for question in QUESTIONS)
    return SPELLED.get(text, text.replace("_", " ")) if known else text


def flag_words(flag: str) -> str:
    return FLAGS.get(flag, flag.capitalize())


def answered(assessment: Assessment) -> Sequence[Answer]:
    """Each question that was answered, in the order in which they are asked."""
    given, called = assessment.answers, assessment.crisis_answers
    keys = [key for key in BY_KEY if key in given or key in called]
    return [_answer(assessment, key, given.get(key, called.get(key)), called) for key in keys]


def flagged(assessment: Assessment) -> Sequence[Answer]:
    """The answers that raised a flag, what calls for help first, then what is urgent."""
    rows = [row for row in answered(assessment) if row.flag]
    return sorted(rows, key=lambda row: (not row.crisis, row.urgency))


def _answer(assessment: Assessment, key: str, value: Any, called: Any) -> Answer:
    """A number of the blood pressure raises the flag of the question about it."""
    about = key.partition("_")[0].upper()
    weighed = weigh({key: value} | ({key: called[key]} if key in called else {}))
    return Answer(
        question=BY_KEY[key].text,
        given=words(value),
        flag=flag_words(about) if about in assessment.flags else "",
        urgency=weighed.urgency,
        crisis=weighed.crisis,
        was=words(called[key]) if key in called and called[key] != value else "",
    )
