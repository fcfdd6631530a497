"""A minute of `make fuzz`: every role asks every door."""

from tests.conftest import urls_of
from tests.fuzz import run


def test_a_minute_of_questions_finds_nothing(committed: str) -> None:
    answers, found = run(urls_of(committed), 5, seed=7)
    assert not found, found[:20_000]
    assert set(answers) == {"visitor", "admin", "alice", "eve", "dee", "sam", "chen"}
    asked = sum(sum(row.values()) for row in answers.values())
    assert asked > 500
    read = sum(row.get("200", 0) for row in answers.values())
    assert read > 20
