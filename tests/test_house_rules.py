"""Each rule of the house finds what breaks it, and nothing in what keeps it."""

import pytest

from tests.house_rules import RULES, broken, main

API, ACTIONS, PAGE = "patients/api.py", "patients/actions.py", "pages/templates/x.html"
BREAKS = {
    "doors_ask_what_is_visible": (API, "rows = Patient.objects.filter(pk=pk)"),
    "no_conflict_is_ignored": (ACTIONS, "Row.objects.bulk_create(rows, ignore_conflicts=True)"),
    "broker_is_only_hinted": (ACTIONS, "sweep.delay()"),
    "sweeps_take_nothing": ("patients/tasks.py", "@shared_task(name='x')\ndef sweep(pk): ..."),
    "fields_are_named": (API, "class Meta:\n    fields = '__all__'"),
    "sql_is_constant": (ACTIONS, "cursor.execute(f'SELECT {name}')"),
    "forgery_is_checked": ("pages/public.py", "@csrf_exempt\ndef post(request): ..."),
    "html_is_escaped": (API, "mark_safe(name)"),
    "time_is_given": (ACTIONS, "now = clock.now()"),
    "states_have_no_model_views": (API, "class Rows(viewsets.ModelViewSet): ..."),
    "doors_say_who_comes_in": (API, "class Rows(Door):\n    def get(self, request): ..."),
    "secrets_are_compared_in_constant_time": (API, "row.secret == sent"),
    "chance_is_not_guessed": (ACTIONS, "from random import choices"),
}
KEEPS = (
    (API, "rows = Patient.objects.visible_to(user).filter(pk=pk)"),
    (API, "rows = Patient.objects.filter(pk=pk)  # allowed: only counted"),
    (API, "class Rows(Door):\n    permission_classes = (Anyone,)\n    def get(self): ..."),
    (ACTIONS, "cursor.execute(STATEMENT, [name])"),
    ("records/hints.py", "app.send_task(name)"),
    ("notifications/webhooks.py", "@csrf_exempt\ndef status(request): ..."),
    ("patients/tasks.py", "@shared_task(name='x')\ndef sweep(): ..."),
    (PAGE, '<script src="{% static "x.js" %}" defer></script>'),
)


def test_every_rule_has_something_that_breaks_it() -> None:
    assert {rule.__name__ for rule in RULES} == set(BREAKS)


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_a_rule_is_found(name: str) -> None:
    path, text = BREAKS[name]
    assert len(list(broken(path, text))) == 1


@pytest.mark.parametrize(
    "line",
    ["<script>x()</script>", '<p onclick="x()">', '<p style="color:red">', "{{ name|safe }}"],
)
def test_a_page_runs_nothing_that_stands_in_it(line: str) -> None:
    assert len(list(broken(PAGE, line))) == 1


@pytest.mark.parametrize(("path", "text"), KEEPS)
def test_what_keeps_them_is_left_alone(path: str, text: str) -> None:
    assert list(broken(path, text)) == []


def test_the_house_keeps_its_rules() -> None:
    assert main() == 0
