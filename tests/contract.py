"""An answer of the API against what openapi.yaml promises."""

import re
from functools import cache, partial
from typing import Any

import yaml
from django.urls import resolve
from jsonschema import Draft202012Validator, FormatChecker

from tests.started import ROOT


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return not isinstance(value, str) or bool(pattern.fullmatch(value))


FORMATS = FormatChecker(["uuid", "date"])
for name, pattern in (
    ("date-time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    ("time", r"\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"),
):
    FORMATS.checks(name)(partial(_is, re.compile(pattern)))


@cache
def promised() -> dict[str, Any]:
    """The committed schema, its paths without the names of their parameters."""
    schema: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    schema["paths"] = {re.sub(r"{\w+}", "{}", path): at for path, at in schema["paths"].items()}
    return schema


def faults(answer: Any) -> list[str]:
    """What the schema says otherwise: of this operation, this status, or a body such as this."""
    asked = answer.wsgi_request
    route = re.sub(r"<[\w:]+>", "{}", "/" + resolve(asked.path).route)
    about = f"{asked.method} {route} {answer.status_code}"
    responses = promised()["paths"][route][asked.method.lower()]["responses"]
    if str(answer.status_code) not in responses:
        return [f"{about} is not promised"]
    content = responses[str(answer.status_code)].get("content")
    if content is None:
        return [f"{about} has a body"] if answer.content else []
    schema = {**content["application/json"]["schema"], "components": promised()["components"]}
    found = Draft202012Validator(schema, format_checker=FORMATS).iter_errors(answer.json())
    return [f"{about} {error.json_path}: {error.message[:200]}" for error in found]
