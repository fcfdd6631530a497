"""JSON as we read it: of bounded depth and number, each key once, no number that is none. PURE."""

import json
import re
from typing import Any

DEEPEST = 20
MOST = 5000  # values, in whatever shape
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
BRACKET = re.compile(rb"[\[{]|[\]}]")


def read_json(body: bytes) -> Any:
    """What ``body`` says; raises ValueError, with a sentence, on what is no JSON of ours.

    Depth and number are looked at before anything is made of it. Only UTF-8 is read.
    """
    bare = STRING.sub(b"", body)
    if bare.count(b",") > MOST:
        raise ValueError("The body holds too many values.")
    if _depth(bare) > DEEPEST:
        raise ValueError("The body is nested too deeply.")
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_number,
        )
    except _Wrong as wrong:
        raise ValueError(str(wrong)) from None
    except (ValueError, RecursionError):
        raise ValueError("This is no JSON.") from None


class _Wrong(ValueError):
    """JSON by its grammar, and not what we read."""


def _depth(bare: bytes) -> int:
    deepest = depth = 0
    for bracket in BRACKET.findall(bare):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > DEEPEST:
            break
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Wrong("A key stands twice in one object.")
    return made


def _no_number(text: str) -> Any:
    raise _Wrong(f"{text} is no number.")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Wrong("A number is too large.")
    return number
