"""The docs say what the code does."""

from scheduling.management.commands import gates_table
from tests.started import ROOT


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
    for folder in ("patients", "scheduling", "notifications", "records", "accounts"):
        for file in (ROOT / folder).rglob("*.py"):
            for line in file.read_text().splitlines():
                made = "UnmetGate(" in line and not line.startswith("class ")
                assert not made or not line.startswith(" "), f"{file}: {line}"
