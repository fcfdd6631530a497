"""The docs say what the code does."""

import re
from typing import Any

import pytest

from config.celery import SWEEPS
from scheduling.deliveries import models as deliveries
from scheduling.management.commands import gates_table
from scheduling.sessions import models as sessions
from tests.started import ROOT

ALARMS = ("reading", "check_in")  # what sessions.actions._alarm is called with


def test_the_page_of_gates_is_what_the_code_generates() -> None:
    page = (ROOT / "docs/gates.md").read_text()
    assert page == gates_table.table() + "\n", "python manage.py gates_table > docs/gates.md"


def test_every_gate_has_one_sentence_and_is_asked_or_shown() -> None:
    gates = gates_table.every_gate()
    assert len(gates) == len({gate.code for gate in gates})
    used = set().union(*gates_table.by_action().values(), *gates_table.by_step().values())
    assert {gate.code for gate in gates} == used


def test_no_gate_is_made_outside_a_constant() -> None:
    """One definition of each, with ``until`` filled in by ``replace``."""
    for folder in ("patients", "scheduling", "notifications", "records", "accounts", "rights"):
        for file in (ROOT / folder).rglob("*.py"):
            for line in file.read_text().splitlines():
                made = "UnmetGate(" in line and not line.startswith("class ")
                assert not made or not line.startswith(" "), f"{file}: {line}"


@pytest.mark.parametrize(("name", "models"), [("delivery", deliveries), ("session", sessions)])
def test_the_page_of_the_chain_shows_every_way_from_state_to_state(name: str, models: Any) -> None:
    page = (ROOT / "docs/chain.md").read_text()
    (block,) = re.findall(rf"```{name}\n(.*?)```", page, re.DOTALL)
    ways = [line.split(" → ") for line in block.splitlines()]
    told = {start.strip(): set(ends.split(", ")) for start, ends in ways}
    assert told == {start: ends for start, ends in models.TRANSITIONS.items() if ends}


def test_the_page_of_operations_names_every_sweep_and_how_often_it_runs() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    told = dict(re.findall(r"^\| `(\w+\.\w+)` \| (\d+ s|1 h) \|", page, re.MULTILINE))
    every = {name: "1 h" if seconds == 3600 else f"{seconds} s" for name, seconds in SWEEPS.items()}
    assert told == every


def test_the_page_of_operations_names_every_kind_of_work_item() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    told = set(
        re.findall(r"^\| `(\w+)` \| (?:staff|physician|administrator) \|", page, re.MULTILINE)
    )
    assert kinds_of_work_items() - told == set()


def kinds_of_work_items() -> set[str]:
    """What the code raises, where a call names it: all but those of assessments and of calls."""
    call = re.compile(r"(?:raise_work_item|ask_staff|_have_reviewed)\(\s*(f?)\"([\w{}]+)\"")
    found = set()
    for folder in ("patients", "scheduling", "notifications", "rights"):
        for file in (ROOT / folder).rglob("*.py"):
            for formatted, kind in call.findall(file.read_text()):
                found |= {f"session_{why}" for why in ALARMS} if formatted else {kind}
    return found


def test_every_threat_names_tests_that_there_are() -> None:
    page = (ROOT / "docs/security.md").read_text()
    (threats,) = re.findall(r"## Who wants what\n\n(.*?)\n\n", page, re.DOTALL)
    rows = threats.splitlines()[2:]
    assert len(rows) > 15
    files = list((ROOT / "tests").rglob("test_*.py"))
    tests = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named, row
        assert named <= tests, named - tests
