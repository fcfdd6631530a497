"""Rules of this house that no linter knows: ``python -m tests.house_rules``, in ``make check``.

A line that has a reason to break one ends with ``# allowed: `` and the reason.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
APPS = (
    "accounts",
    "config",
    "notifications",
    "pages",
    "patients",
    "records",
    "rights",
    "scheduling",
)
DOORS = re.compile(r"(^pages/|/(api|many|webhooks|views|sign_in)\.py$)")
ALLOWED = re.compile(r"#.*\ballowed: \w")

METHODS = {"get", "post", "put", "patch", "delete"}
SECRET = re.compile(r"(?:^|[._])(?:signature|secret|token|password)$")

Found = Iterator[tuple[int, str]]
Rule = Callable[[str, Any], Found]


def _called(node: Any) -> str:
    """The dotted name of what is called: ``Patient.objects.all``; empty for what is no call."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _given(node: Any, name: str) -> ast.expr | None:
    """What a call passes by this name."""
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return next((word.value for word in keywords if word.arg == name), None)


def _decorators(node: Any) -> list[str]:
    return [ast.unparse(each).partition("(")[0] for each in getattr(node, "decorator_list", [])]


@cache
def _of_a_person() -> frozenset[str]:
    """Models whose rows are somebody's: those with ``visible_to``."""
    names: set[str] = set()
    for path in ROOT.glob("*/**/models.py"):
        text = path.read_text()
        for name in re.findall(
            r'models\.QuerySet\["(\w+)"\]\):(?:(?!\nclass )[\s\S])*?visible_to', text
        ):
            names.add(name)
    return frozenset(names)


def doors_ask_what_is_visible(path: str, node: Any) -> Found:
    """A door gets somebody's rows by ``visible_to`` alone."""
    match = re.match(r"(\w+)\.objects\.(\w+)", _called(node))
    if DOORS.search(path) and match and match[1] in _of_a_person() and match[2] != "visible_to":
        yield node.lineno, f"a door asks {match[1]}.objects.visible_to(user), not {match[2]}"


def no_conflict_is_ignored(path: str, node: Any) -> Found:
    """``ignore_conflicts`` passes over an exclusion constraint, too."""
    if _given(node, "ignore_conflicts") is not None:
        yield node.lineno, "ignore_conflicts swallows double bookings: records.once.add_once"


def broker_is_only_hinted(path: str, node: Any) -> Found:
    """Work lies in tables; only `records.hints` wakes a sweep."""
    name = _called(node).rpartition(".")[2]
    if name in ("delay", "apply_async", "send_task") and path != "records/hints.py":
        yield node.lineno, f"{name}: write a row, and records.hints.wake"


def sweeps_take_nothing(path: str, node: Any) -> Found:
    """A Celery task finds its own work."""
    is_task = isinstance(node, ast.FunctionDef) and "shared_task" in _decorators(node)
    if is_task and ast.unparse(node.args):
        yield node.lineno, f"{node.name}: a sweep takes no arguments"


def fields_are_named(path: str, node: Any) -> Found:
    """What a serializer, form or admin shows is a list, which nothing joins by itself."""
    if isinstance(node, ast.Assign):
        said = ast.unparse(node)
        if said.endswith("= '__all__'") or said.startswith("exclude ="):
            yield node.lineno, "name the fields that are there"


def sql_is_constant(path: str, node: Any) -> Found:
    """A statement is no f-string of what somebody sent, and no ORM door to one."""
    name = _called(node).rpartition(".")[2]
    first = next(iter(getattr(node, "args", [])), None) if name else None
    if name in ("extra", "RawSQL") and first:
        yield node.lineno, f"{name}: use expressions"
    if name in ("execute", "raw") and isinstance(first, (ast.JoinedStr, ast.BinOp)):
        yield node.lineno, "SQL is a constant, its values are parameters"


def forgery_is_checked(path: str, node: Any) -> Found:
    """Only what is signed otherwise goes without a CSRF token."""
    if "csrf_exempt" in _decorators(node) and not re.search(
        r"webhooks\.py$|^notifications/sandbox/", path
    ):
        yield node.lineno, "csrf_exempt is for signed webhooks"


def html_is_escaped(path: str, node: Any) -> Found:
    """What people typed is escaped by the template, always."""
    name = _called(node).rpartition(".")[2]
    if name in ("mark_safe", "SafeString"):
        yield node.lineno, f"{name}: let the template escape"


def time_is_given(path: str, node: Any) -> Found:
    """Functions take ``now``; only doors ask `records.clock`."""
    if _called(node) == "clock.now" and path.endswith(("actions.py", "gates.py", "models.py")):
        yield node.lineno, "take `now` as an argument"


def states_have_no_model_views(path: str, node: Any) -> Found:
    """What has a state is moved by actions, never written by a generic view."""
    if isinstance(node, ast.ClassDef):
        bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        if bases & {"ModelViewSet", "UpdateModelMixin", "DestroyModelMixin", "UpdateAPIView"}:
            yield node.lineno, "a door calls an action"


def doors_say_who_comes_in(path: str, node: Any) -> Found:
    """A door tells its permissions itself: nobody has to look for them elsewhere."""
    if isinstance(node, ast.ClassDef) and DOORS.search(path):
        bases = {ast.unparse(base) for base in node.bases}
        asks = {line.name for line in node.body if isinstance(line, ast.FunctionDef)}
        says = any(ast.unparse(line).startswith("permission_classes") for line in node.body)
        if bases & {"Door", "CsvDoor", "APIView"} and asks & METHODS and not says:
            yield node.lineno, f"{node.name} does not say who may come in"


def secrets_are_compared_in_constant_time(path: str, node: Any) -> Found:
    """``==`` on a signature, token or code tells by its time how much of it was right."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
        sides = [node.left, *node.comparators]
        is_known = any(isinstance(side, ast.Constant) for side in sides)
        if not is_known and any(SECRET.search(ast.unparse(side)) for side in sides):
            yield node.lineno, "hmac.compare_digest, or look up its hash"


def chance_is_not_guessed(path: str, node: Any) -> Found:
    """Secrets are drawn with `secrets`."""
    if isinstance(node, ast.ImportFrom) and node.module in ("random", "uuid"):
        for name in {one.name for one in node.names} & {"choice", "choices", "uuid1", "uuid3"}:
            yield node.lineno, f"{name}: draw it with secrets"


RULES: tuple[Rule, ...] = (
    doors_ask_what_is_visible,
    no_conflict_is_ignored,
    broker_is_only_hinted,
    sweeps_take_nothing,
    fields_are_named,
    sql_is_constant,
    forgery_is_checked,
    html_is_escaped,
    time_is_given,
    states_have_no_model_views,
    doors_say_who_comes_in,
    secrets_are_compared_in_constant_time,
    chance_is_not_guessed,
)
# What a page may not hold: a policy forbids it, and it would simply not run.
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style\b|\son\w+=[\"']|\sstyle=[\"']|javascript:"
    r"|\|\s*safe\b|autoescape off"
)


def broken(path: str, text: str) -> Iterator[str]:
    """What a file breaks: ``path:line: what to do instead``."""
    lines = text.splitlines()
    if path.endswith(".html"):
        for number, line in enumerate(lines, 1):
            if INLINE.search(line) and not ALLOWED.search(line):
                yield f"{path}:{number}: no inline script or style, nothing unescaped"
        return
    for node in ast.walk(ast.parse(text)):
        for rule in RULES:
            for number, what in rule(path, node):
                if not ALLOWED.search(lines[number - 1]):
                    yield f"{path}:{number}: {what}"


def main() -> int:
    """Every file of the product; 1 when any breaks a rule."""
    files = [p for app in APPS for end in ("py", "html") for p in (ROOT / app).rglob(f"*.{end}")]
    found = [
        line
        for path in sorted(files)
        if "migrations" not in path.parts
        for line in broken(str(path.relative_to(ROOT)), path.read_text())
    ]
    for line in found:
        sys.stderr.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
