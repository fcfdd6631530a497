"""What schemathesis does beyond itself: asks for real rows of others, looks for them in answers.

The environment names the world (`tests.fuzz` writes it): ids that there are, and what must not be
told to whoever asks.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as some

WORLD = json.loads(Path(os.environ["FUZZ_WORLD"]).read_text())
IDS: list[str] = WORLD["ids"]
HIDDEN: list[str] = WORLD["hidden"]
ASKED: Counter[str] = Counter()
PLACES = {
    "id", "row", "patient", "physician", "hold", "window", "plan", "zone", "delivery", "ids",
    "consultation", "assessment",
}  # fmt: skip


def _with_real_ids(sent: Any, real: list[str], take: bool) -> Any:
    """What was made up, with ids of rows that there are."""
    if not take or not isinstance(sent, dict):
        return sent
    picks = iter(real)
    return {
        name: (list(real) if isinstance(value, list) else next(picks, value))
        if name in PLACES
        else value
        for name, value in sent.items()
    }


def _among(strategy: Any) -> Any:
    real = some.lists(some.sampled_from(IDS), min_size=3, max_size=3)
    return some.builds(_with_real_ids, strategy, real, some.booleans())


@schemathesis.hook
def before_generate_path_parameters(context: Any, strategy: Any) -> Any:
    return _among(strategy)


@schemathesis.hook
def before_generate_query(context: Any, strategy: Any) -> Any:
    return _among(strategy)


@schemathesis.hook
def before_generate_body(context: Any, strategy: Any) -> Any:
    return _among(strategy)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """From another address each time: limits by address are shown elsewhere."""
    number = sum(ASKED.values())
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    case.headers["X-Forwarded-For"] = address


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    ASKED[str(response.status_code)] += 1
    if sum(ASKED.values()) % 50 == 0:
        Path(os.environ["FUZZ_COUNT"]).write_text(json.dumps(ASKED))


@schemathesis.check
def nobody_else_is_told(context: Any, response: Any, case: Any) -> bool | None:
    """No answer holds what its reader must not see, unless the reader said it."""
    said = f"{response.request.url} {response.request.body!r}"
    text = response.text
    for hidden in HIDDEN:
        if hidden in text and hidden not in said:
            raise AssertionError(f"told what is hidden: {hidden}")
    return None
