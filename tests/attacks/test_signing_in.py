"""Codes and passwords: what guessing, pumping and asking whom we know come to."""

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import CAST
from tests.conftest import Caller

API = "/_allauth/app/v1/auth/"
ALICE = "+18505550101"


def post(door: str, body: dict[str, Any], **headers: str) -> Any:
    return Client().post(
        API + door, body, content_type="application/json", headers=headers, REMOTE_ADDR="192.0.2.1"
    )


def statements(door: str, body: dict[str, str]) -> tuple[list[str], Any]:
    """The kinds of statements that an answer took, in order, and the answer."""
    with CaptureQueriesContext(connection) as asked:
        answer = post(door, body)
    bare = (re.sub(r"'[^']*'|\d+|s\w+_x\d+", "?", q["sql"]) for q in asked.captured_queries)
    return list(bare), answer


def test_a34_whether_somebody_is_known_changes_neither_answer_nor_work(outsider: Caller) -> None:
    for door, known, unknown in (
        ("code/request", {"phone": ALICE}, {"phone": "+13525550999"}),
        ("code/request", {"email": CAST["alice"]}, {"email": "nobody@example.org"}),
        ("login", {"email": CAST["sam"], "password": "x" * 12},
         {"email": "nobody@example.org", "password": "x" * 12}),
    ):  # fmt: skip
        (work, answer), (idle, other) = statements(door, known), statements(door, unknown)
        print("\n".join(w[:150] for w in work)); print("----"); print("\n".join(w[:150] for w in idle)); print("=====")
        assert answer.status_code == other.status_code
        assert work == idle
