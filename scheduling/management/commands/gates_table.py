"""Prints docs/gates.md: every gate, and who asks it, read from the code that asks.

A gate is an `UnmetGate` of a module; what a function asks is what it names, or what the functions
name that it calls.
"""

import dis
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from inspect import isfunction, signature, unwrap
from types import CodeType, FunctionType, ModuleType
from typing import Any

from django.core.management.base import BaseCommand

from patients import gates as patients
from records.gates import UnmetGate
from scheduling import timeline
from scheduling.consultations.gates import standing_gates

FOLDERS = ("consultations", "subscriptions", "prescriptions", "deliveries", "sessions")
GATES = [patients, *(import_module(f"scheduling.{name}.gates") for name in FOLDERS), timeline]
ACTING = (*FOLDERS[:4], "deliveries.carrier", *FOLDERS[4:])
ACTIONS = [
    import_module("patients.contacts.actions"),
    *(import_module(f"scheduling.{name}.actions") for name in ACTING),
]
HEAD = """\
# Gates

What may stand in the way, who clears it, and who asks; in the order of care. Printed from the code
by `python manage.py gates_table`; a test compares. The sentence is told as it stands, by the
timeline and by a refusal `gate_unmet`. *Asked by*: the actions that look at it, by folder, and
`replan`, which makes the rows follow. *Step*: where the timeline shows it.

| code | what it says | cleared by | asked by | step |
|---|---|---|---|---|
"""


class Command(BaseCommand):
    help = "Print the table of gates (docs/gates.md)."

    def handle(self, **_: Any) -> str:
        return table()


def table() -> str:
    """The page, in Markdown."""
    asked, shown = by_action(), by_step()
    rows = [
        (
            f"`{gate.code}`",
            gate.detail,
            gate.who,
            _by_folder(name for name, codes in asked.items() if gate.code in codes) or "–",
            ", ".join(name for name, codes in shown.items() if gate.code in codes) or "–",
        )
        for gate in every_gate()
    ]
    return HEAD + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _by_folder(names: Iterable[str]) -> str:
    """``deliveries.pack`` and ``deliveries.hold`` as one: deliveries: pack, hold."""
    found = [name.partition(".") for name in names]
    folders = {folder: [name for f, _, name in found if f == folder] for folder, _, _ in found}
    told = (f"{folder}: {', '.join(names)}".removesuffix(": ") for folder, names in folders.items())
    return "; ".join(told)


def every_gate() -> list[UnmetGate]:
    """All gates in the order of care, each once."""
    found = [v for module in GATES for v in vars(module).values() if isinstance(v, UnmetGate)]
    return list(dict.fromkeys(found))


def by_action() -> dict[str, set[str]]:
    """Which codes each write asks, and what `replan` follows."""
    asks = {
        f"{module.__name__.split('.')[1]}.{name}": gates_of(function)
        for module in ACTIONS
        for name, function in vars(module).items()
        if isfunction(function) and _is_write(module, name, function)
    }
    return asks | {"replan": gates_of(timeline.changes)}


def _is_write(module: ModuleType, name: str, function: FunctionType) -> bool:
    here = function.__module__ == module.__name__ and not name.startswith("_")
    return here and "by" in signature(function).parameters


def by_step() -> dict[str, set[str]]:
    """Which codes each step of the timeline shows."""
    shown = {
        name.removeprefix("_"): gates_of(function)
        for name, function in _named(timeline.steps)
        if isfunction(function) and function.__annotations__.get("return") is timeline.Step
    }
    # The risks of a meeting come with the facts, computed already.
    shown["consultation"] |= gates_of(standing_gates)
    return shown


def gates_of(function: Any) -> set[str]:
    """The codes that a function asks, itself or by what it calls in rules and the same module."""
    found, waiting, seen = set[str](), [function], set[Any]()
    while waiting:
        one = waiting.pop()
        seen.add(one)
        for _, value in _named(one):
            if isfunction(value) and value not in seen and _is_followed(value, function):
                waiting.append(value)
            found |= {gate.code for gate in _in(value)}
    return found


def _is_followed(value: FunctionType, root: Any) -> bool:
    return value.__module__ in {module.__name__ for module in GATES} | {root.__module__}


def _in(value: Any) -> Iterable[UnmetGate]:
    held = value.values() if isinstance(value, Mapping) else [value]
    return [gate for gate in held if isinstance(gate, UnmetGate)]


def _named(function: Any) -> Iterator[tuple[str, Any]]:
    """What a function names of its module's globals, with their values."""
    plain = unwrap(function)
    for name in _globals(plain.__code__):
        yield name, plain.__globals__.get(name)


def _globals(code: CodeType) -> Iterator[str]:
    yield from dict.fromkeys(
        i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"
    )
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _globals(inner)
