"""A thousand texts due at once: how late they leave, `make bench-sending`, two minutes.

Web, a worker and beat of our own; the stand-in without limits takes the texts over real HTTP on
the same machine. Once with its callbacks, three of each text, two at a time, which come back
meanwhile and after, and once without, which tells what sending alone takes. The exit code is 1 when
95 of a hundred did not leave within 20 seconds, with them.
"""

import sys
from datetime import UTC, datetime, timedelta

import psutil
from rich.console import Console
from rich.table import Table

from tests import chaos
from tests.cast import NOW
from tests.started import wait_for

TEXTS, BOUND = 1000, 20.0
IDLE = 25  # percent of the machine that starting up does not take any more
PATIENCE = 180  # seconds until we no longer wait for the last


def measure(urls: dict[str, str], *, called_back: bool) -> tuple[list[float], float]:
    """Seconds of each text between when it was due and when the stand-in had it, sorted.

    And seconds until the last status was heard, where they are told.
    """
    from notifications.models import Message, ProviderEvent
    from notifications.sandbox.models import SandboxFault, SandboxMessage
    from notifications.writing import write_messages
    from records import clock

    chaos.tell(chaos.fill(TEXTS), TEXTS)
    while write_messages(now=clock.now()):
        pass
    due = NOW + timedelta(hours=1)
    Message.objects.update(due_at=due)
    if not called_back:
        SandboxFault.objects.create(kind="no_callbacks", count=TEXTS)
    size = chaos.Size(texts=TEXTS, workers=1, seconds=0)
    with chaos.hearth(size, urls, children=4) as (processes, _):
        wait_for(processes.children, "a worker", 60)
        wait_for(lambda: psutil.cpu_percent(2) < IDLE, "the servers, and then quiet,", PATIENCE)
        moved = datetime.now(UTC)
        clock.move(due)
        wait_for(lambda: SandboxMessage.objects.count() == TEXTS, "all texts", PATIENCE)
        heard = 3 * TEXTS if called_back else 0
        wait_for(lambda: ProviderEvent.objects.count() == heard, "all statuses", PATIENCE)
        told = (datetime.now(UTC) - moved).total_seconds()
        times = SandboxMessage.objects.values_list("created_at", flat=True)
        return sorted((at - moved).total_seconds() for at in times), told


def main() -> int:
    """Measure in databases of their own; 1 when the bound is missed."""
    table = Table("", "with callbacks", "without", title=f"{TEXTS:,} texts due at once")
    late, told = [], []
    for called_back in (True, False):
        with chaos.database() as urls:
            times, heard = measure(urls, called_back=called_back)
        late.append(times)
        told.append(heard)
    for part in (50, 95, 100):
        table.add_row(
            f"{part} of 100 left within", *(f"{_within(part, row):.1f} s" for row in late)
        )
    table.add_row("texts a second", *(f"{TEXTS / row[-1]:.0f}" for row in late))
    table.add_row("the last status heard within", f"{told[0]:.1f} s", "")
    Console().print(table)
    return 0 if _within(95, late[0]) < BOUND else 1


def _within(part: int, late: list[float]) -> float:
    return late[len(late) * part // 100 - 1]


if __name__ == "__main__":
    sys.exit(main())
