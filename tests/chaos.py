"""Messages while processes die and answers are lost: `make chaos-messages`, about three minutes.

Workers and two beats of our own serve facts that come in all the while. Every second a child of a
worker is killed, now and then a whole process, and the broker is emptied twice; some of the
provider's answers are lost, some are errors, half of which are lies. The sandbox counts what each
number got. The exit code is 1 when a number was texted twice, or never.
"""

import os
import random
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psutil
import redis
from rich.console import Console
from rich.table import Table

from config import embedded
from config.run import commands
from tests.cast import NOW
from tests.started import ROOT, wait_for

AREAS = (
    201, 239, 305, 321, 352, 386, 407, 551, 561, 609, 640, 656, 689, 727, 728, 732, 754, 772, 786,
    813, 848, 850, 856, 862, 863, 904, 908, 941, 954, 973,
)  # fmt: skip
# kind, in how many of a hundred
FAULTS = (
    ("reset_accepted", 3),
    ("reset_accepted_silent", 2),
    ("500_accepted", 3),
    ("500_not_accepted", 3),
)
SHORT = {  # seconds: what is in doubt is settled while we look
    "SEND_LEASE": "6",
    "SEND_FENCE": "2",
    "SEND_GRACE": "3",
    "TWILIO_TIMEOUT": "3",
    "LOG_LEVEL": "ERROR",
    "DEMO": "0",
}
PATIENCE = 120  # seconds for what is left, once nobody is killed any more


@dataclass(frozen=True)
class Size:
    """How many texts and workers, and for how many seconds a child dies in each.

    Seconds in which every worker is starting again do not count.
    """

    texts: int
    workers: int
    seconds: int
    between: int = 15  # seconds between two deaths of a whole process


@dataclass
class Seen:
    """What happened: deaths, and what each number got by the sandbox's own count."""

    deaths: Counter[str] = field(default_factory=Counter)
    took: float = 0
    texts: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    told: int = 0
    found: int = 0
    lost: int = 0
    log: str = ""

    @property
    def doubled(self) -> int:
        return sum(count > 1 for count in self.texts.values())

    def rows(self) -> Iterator[tuple[str, str]]:
        yield "seconds", f"{self.took:.0f}"
        yield from ((what, str(count)) for what, count in sorted(self.deaths.items()))
        yield "messages by state", ", ".join(f"{n} {s}" for s, n in sorted(self.states.items()))
        yield "known by a callback before, or without, an answer", str(self.told)
        yield "found at the provider after a lost answer", str(self.found)
        yield "texts that the sandbox took", str(self.texts.total())
        yield "numbers that were texted twice", str(self.doubled)
        yield "numbers that were never texted", str(self.lost)


class Processes:
    """Processes of Hearth that we started, and may kill; nobody else's."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.env, self.log = env, log
        self.running: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}

    def start(self, name: str, command: str) -> None:
        with self.log.open("ab") as out:
            started = subprocess.Popen(
                shlex.split(command), cwd=ROOT, env=self.env, stdout=out, stderr=out
            )
        self.running[name] = (command, started)

    def kill(self, name: str) -> None:
        """A process with its children, at once."""
        _, process = self.running[name]
        if process.poll() is not None:
            return
        family = psutil.Process(process.pid).children(recursive=True)
        for member in (psutil.Process(process.pid), *family):
            _kill(member)
        process.wait()

    def restart(self, name: str) -> None:
        self.kill(name)
        self.start(name, self.running[name][0])

    def revive(self) -> list[str]:
        """Start what ended by itself again, as the process manager does; the names."""
        ended = [name for name, (_, p) in self.running.items() if p.poll() is not None]
        for name in ended:
            self.start(name, self.running[name][0])
        return ended

    def children(self) -> list[psutil.Process]:
        """Those of the workers."""
        workers = [
            p
            for name, (_, p) in self.running.items()
            if name.startswith("worker") and p.poll() is None
        ]
        return [c for p in workers for c in psutil.Process(p.pid).children()]

    def kill_a_child(self) -> bool:
        """One child of one worker; False while there is none."""
        children = self.children()
        if children:
            _kill(random.choice(children))
        return bool(children)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@contextmanager
def hearth(
    size: Size, database: dict[str, str], *, children: int = 2
) -> Iterator[tuple[Processes, redis.Redis]]:
    """Web, workers and two beats on a database, with a broker of their own; nothing is left.

    Nobody's chain is worked out anew: the machine is left to the texts.
    """
    _switch_off("scheduling.replan_everyone")
    with TemporaryDirectory(prefix="hearth-chaos-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # servers do not run as root; their own folders are closed
        word, port = secrets.token_hex(16), embedded.free_port()
        broker = stack.enter_context(embedded.valkey(Path(folder), {"broker": word}))
        url = f"redis://:{word}@127.0.0.1:{broker}/0"
        env = {**os.environ, **SHORT, **database, "BROKER_URL": url, "PORT": str(port)}
        env["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{port}"
        processes = Processes(env, Path(folder) / "chaos.log")
        run = commands(port)
        try:
            processes.start("web", run["web"])
            for number in range(size.workers):
                worker = run["worker"].replace("--concurrency 4", f"--concurrency {children}")
                processes.start(f"worker {number}", f"{worker} -n worker{number}@%h")
            for number in range(2):
                processes.start(f"beat {number}", run["beat"])
            yield processes, redis.Redis.from_url(url)
        finally:
            for name in processes.running:
                processes.kill(name)


def _switch_off(sweep: str) -> None:
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    hourly, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    PeriodicTask.objects.create(name=sweep, task=sweep, interval=hourly, enabled=False)


def fill(count: int) -> list[Any]:
    """As many patients, each with a number and a month to pay; the facts to tell of."""
    from accounts.models import User
    from patients.models import Consent, Patient
    from records.actor import sweep
    from records.models import Event
    from scheduling.models import BillingPeriod, Plan, Subscription

    plan = Plan.objects.order_by("monthly_price")[0]
    numbers = [f"+1{AREAS[n // 100]}55501{n % 100:02d}" for n in range(count)]
    users = [User(role="patient", name="C", password="!", phone=number) for number in numbers]
    people = [
        Patient(
            user=user,
            first_name="C",
            last_name="C",
            date_of_birth=NOW.date() - timedelta(days=12_000),
            phone=number,
            created_at=NOW,
        )
        for user, number in zip(users, numbers, strict=True)
    ]
    plans = [
        Subscription(
            reference=f"C{n:08}",
            patient=patient,
            plan=plan,
            started_at=NOW,
            anchor_on=NOW.date(),
            channel="web",
        )
        for n, patient in enumerate(people)
    ]
    months = [
        BillingPeriod(
            subscription=row,
            number=1,
            plan=plan,
            starts_on=NOW.date(),
            ends_on=NOW.date() + timedelta(days=30),
            price=Decimal(250),
            currency="USD",
            opened_at=NOW,
        )
        for row in plans
    ]
    yes = [
        Consent(patient=p, kind="sms", version="1", accepted=True, phone=p.phone, at=NOW)
        for p in people
    ]
    facts = [
        Event(
            kind="billing_period.opened",
            occurred_at=NOW,
            role="system",
            channel="sweep",
            cause=sweep().cause,
            object_kind="billingperiod",
            object_id=month.pk,
            patient_id=month.subscription.patient_id,
            payload={"revision": 1},
        )
        for month in months
    ]
    written: tuple[list[Any], ...] = (users, people, plans, months, yes, facts)
    for rows in written:
        type(rows[0])._default_manager.bulk_create(rows, batch_size=500)
    return facts


def run(size: Size, database: dict[str, str]) -> Seen:
    """Let it happen in an empty database with the cast, which Django talks to already."""
    from notifications.sandbox.models import SandboxFault

    facts, seen = fill(size.texts), Seen()
    for kind, percent in FAULTS:
        SandboxFault.objects.create(kind=kind, count=1_000_000, percent=percent)
    with hearth(size, database) as (processes, broker):
        wait_for(processes.kill_a_child, "a worker", 60)
        begun = time.monotonic()
        end = begun + size.seconds + PATIENCE
        while (second := seen.deaths["children killed"]) < size.seconds and time.monotonic() < end:
            if not processes.kill_a_child():  # perhaps since all workers have ended
                _revive(processes, seen)
                time.sleep(0.1)  # until one has been born
                continue
            seen.deaths["children killed"] += 1
            tell(facts, len(facts) * (second + 1) // (size.seconds * 3 // 4 or 1))
            _harm(processes, broker, second, size, seen)
            _look(broker)
            time.sleep(1)  # a child dies every second
        while not _is_over(broker, size.texts) and time.monotonic() < end:
            processes.revive()
            time.sleep(1)  # between two looks
        seen.took = time.monotonic() - begun
        time.sleep(1)  # one more would come now: that nothing comes cannot be waited for
        _count(seen, size)
        seen.log = processes.log.read_text(errors="replace")[-4000:]
    return seen


def tell(facts: list[Any], until: int) -> None:
    """The next facts come in; notifications has not looked at them."""
    from records.models import Event, Outbox

    rows = [Outbox(event=fact) for fact in facts[:until] if isinstance(fact, Event)]
    Outbox.objects.bulk_create(rows)
    facts[:until] = [None] * len(facts[:until])


def _revive(processes: Processes, seen: Seen) -> None:
    seen.deaths.update(f"{name} ended by itself" for name in processes.revive())


def _harm(processes: Processes, broker: redis.Redis, second: int, size: Size, seen: Seen) -> None:
    _revive(processes, seen)
    if second in (size.seconds // 3, size.seconds * 2 // 3):
        broker.flushall()
        seen.deaths["broker emptied"] += 1
    if second % size.between == size.between - 1:
        processes.restart(random.choice([name for name in processes.running if name != "web"]))
        seen.deaths["whole processes killed"] += 1


def _look(broker: redis.Redis) -> None:
    """A hint more: what is in doubt is looked at sooner than beat says."""
    from celery import Celery

    kwargs = broker.connection_pool.connection_kwargs
    url = f"redis://:{kwargs['password']}@127.0.0.1:{kwargs['port']}/0"
    with Celery(broker=url, set_as_current=False) as app:
        app.send_task("notifications.reconcile", expires=5, retry=False)


def _is_over(broker: redis.Redis, texts: int) -> bool:
    """Whether every fact is told and no message waits or is in doubt."""
    from notifications.models import Message
    from records.models import Outbox

    _look(broker)
    waits = Message.objects.filter(status__in=("pending", "sending", "unknown"))
    return Message.objects.count() >= texts and not waits.exists() and not Outbox.objects.exists()


def _count(seen: Seen, size: Size) -> None:
    from notifications.models import Message
    from notifications.sandbox.models import SandboxMessage

    seen.texts.update(SandboxMessage.objects.values_list("to", flat=True))
    seen.states.update(Message.objects.values_list("status", flat=True))
    seen.lost = size.texts - len(seen.texts)
    for line in Message.objects.values_list("history", flat=True):
        seen.found += any(step["why"] == "It was found at the provider." for step in line)
        seen.told += any(step["why"] == "The provider says that it left." for step in line)


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """The addresses of a database with the cast, which Django talks to; gone at the end."""
    import django

    django.setup()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from tests import conftest

    conftest.make_template()
    name = f"hearth_chaos_{uuid4().hex[:12]}"
    conftest.clone(name, conftest.TEMPLATE)
    try:
        conftest.use(name)
        from records import clock

        clock.move(NOW)
        yield conftest.urls_of(name)
    finally:
        conftest.drop(name)


def main() -> int:
    """Three minutes of it; 1 when anything was lost or doubled."""
    with database() as urls:
        seen = run(Size(texts=3000, workers=4, seconds=150), urls)
    table = Table("", "", title="Messages while processes die")
    for row in seen.rows():
        table.add_row(*row)
    Console().print(table)
    if seen.doubled or seen.lost:
        print(seen.log, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
