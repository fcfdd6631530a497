"""Twenty seconds of `make chaos-messages`: processes die, answers are lost, no text is."""

from tests import chaos
from tests.conftest import urls_of


def test_nothing_is_texted_twice_or_lost_while_processes_die(committed: str) -> None:
    size = chaos.Size(texts=100, workers=2, seconds=8, between=3)
    seen = chaos.run(size, urls_of(committed))
    assert (seen.doubled, seen.lost, seen.texts.total()) == (0, 0, 100), seen.log
    assert seen.deaths["children killed"] == 8
    assert seen.deaths["whole processes killed"] == 2
    assert seen.deaths["broker emptied"] == 2
