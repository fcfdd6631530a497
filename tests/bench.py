"""The performance of a started Hearth over HTTP, as a table: `make bench`, about 90 s, loopback.

Machines are noisy: a time is also told as a ratio to the floor, GET /livez on the same kind of
connection, asked in turn with it. The exit code is 1 when a race has not one winner, anything
overlaps or deadlocks, a message is late, or a county is wrong; no speed fails it.
"""

import math
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as hour
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, LiteralString, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import psutil
import psycopg
import requests
from rich.console import Console
from rich.table import Table

from patients import zip_table
from patients.questionnaire import QUESTIONS
from patients.service_area import CENTRAL, CENTRAL_COUNTIES, EASTERN, SPLIT_COUNTY
from tests.cast import PENSACOLA, YES, person
from tests.started import Hearth, started

T = TypeVar("T")
Slot = dict[str, Any]

LONGEST = 300  # seconds after which all is given up
CLIENTS, ROUNDS, QUARREL = 50, 10, 10  # the last one in seconds
PROMPT = 30  # seconds within which a message must leave
ON_THE_PHONE = {"channel": "telephone"}
DAY, BUFFER = timedelta(days=1), timedelta(minutes=15)
TODAY = datetime.now(UTC).date()
MONDAY: date = TODAY + DAY * (7 - TODAY.weekday())
# At night, confirmations wait until 8:00 in Pensacola: nothing is sent while bookings are timed.
NIGHT = datetime.combine(MONDAY, hour(9), UTC)
MORNING = datetime.combine(MONDAY, hour(8), ZoneInfo(CENTRAL))
OVERLAPS = """
    SELECT count(*) FROM scheduling_reservation a JOIN scheduling_reservation b ON a.id < b.id
    AND (a.physician_id = b.physician_id AND a.busy && b.busy
         OR a.patient_id = b.patient_id AND a.period && b.period)"""
HOLD = """
    INSERT INTO scheduling_reservation (id, physician_id, busy, expires_at, hold_start, hold_kind,
        hold_state, hold_secret, hold_browser)
    VALUES (gen_random_uuid(), %(physician)s,
        tstzrange(%(start)s, %(end)s::timestamptz + interval '15 minutes'),
        '2999-01-01', %(start)s, 'initial', 'FL', 'bench', '')"""
WAITING = "SELECT count(*) FROM notifications_message WHERE status = 'pending' AND due_at = %s"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

# --- figures --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of the table; ``times`` and ``floor`` in seconds. ``holds``: no bound is missed."""

    what: str
    times: Sequence[float] = ()
    floor: Sequence[float] = ()
    note: str = ""
    holds: bool = True

    def cells(self, floor_of_run: float) -> list[str]:
        """Median, p95, the floor then or of the run, the ratio to it; and the note."""
        shown = [""] * 4
        if self.times:
            floor = median(self.floor) if self.floor else floor_of_run
            rare = _shown(p95(self.times)) if len(self.times) > 1 else ""
            ratio = f"{median(self.times) / floor:,.1f}"
            shown = [_shown(median(self.times)), rare, _shown(floor), ratio]
        return [self.what, *shown, self.note if self.holds else f"MISSED: {self.note}"]

    def raw(self) -> str:
        """All in milliseconds, for scripts."""
        words = [f"{self.what}:"]
        for name, some in (("", self.times), ("floor_", self.floor)):
            figures = (("min", min), ("median", median), ("p95", p95), ("max", max))
            words += [f"{name}{word}={f(some) * 1e3:.2f}" for word, f in figures if some]
        return " ".join([*words, f"n={len(self.times)} holds={self.holds}", self.note])


def p95(times: Sequence[float]) -> float:
    """What 95 of 100 keep."""
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


def _shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def took(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def at_once(calls: Sequence[Callable[[], T]]) -> tuple[list[T], float]:
    """What calls give from threads that start together, and the seconds until the last is done."""
    begun: list[float] = []
    gate = threading.Barrier(len(calls), action=lambda: begun.append(time.perf_counter()))

    def run(call: Callable[[], T]) -> T:
        gate.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        given = list(pool.map(run, calls))
    return given, time.perf_counter() - begun[0]


# --- who asks -------------------------------------------------------------------------------------


class Caller:
    """One kept connection to Hearth: a visitor's, or that of staff who book for one patient."""

    def __init__(self, hearth: Hearth, headers: dict[str, str] | None = None) -> None:
        self.base, self.session = hearth.base, requests.Session()
        self.session.trust_env = False
        self.session.headers.update({k.replace("_", "-"): v for k, v in (headers or {}).items()})
        self.patient = self.phone = ""
        self.used = 0.0

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        url = self.base + (path if path.startswith("/") else f"/api/v1/{path}")
        if time.monotonic() - self.used > 1:  # the server ends what idles for two seconds
            self.session.close()
        answer = self.session.request(method, url, json=body, timeout=30)
        self.used = time.monotonic()
        return answer

    def must(self, method: str, path: str, body: Any = None) -> Any:
        """What is said to a request that has to succeed."""
        answer = self.call(method, path, body)
        if not answer.ok:
            raise RuntimeError(f"{method} {answer.url}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.text

    def wish(self, slot: Slot) -> dict[str, Any]:
        """The body of a booking for the patient."""
        whom = {"patient": self.patient, **ON_THE_PHONE, "location": {"state": "FL"}}
        return {"start": slot["start"], "physician": slot["physician"], "kind": "follow_up", **whom}

    def book(self, slots: Sequence[Slot]) -> None:
        """Book one after another."""
        for slot in slots:
            self.must("POST", "consultations/", self.wish(slot))

    def enter(self, number: int) -> None:
        """Enter the patient, with consents and an assessment that raises no flag."""
        how = {"consents": YES, **ON_THE_PHONE}
        whom = {"person": person(number), "address": PENSACOLA}
        entered = self.must("POST", "patients/", {**whom, **how})
        self.patient, self.phone = entered["id"], entered["phone"]
        calm = {q.key: q.options[0] for q in QUESTIONS if q.required and q.type == "choice"}
        answers = {**calm, "reason": ["depression"], "meds": ["none"]}
        self.must("POST", "assessments/", {"patient": self.patient, "answers": answers, **how})


@dataclass
class Bench:
    """A started Hearth, who asks it, the owner of its database, and slots nobody has booked."""

    hearth: Hearth
    owner: psycopg.Connection
    visitor: Caller
    staff: list[Caller]
    slots: Iterator[Slot] = field(default_factory=lambda: iter(()))

    def in_turn(self, calls: Sequence[Callable[[], object]]) -> tuple[list[float], list[float]]:
        """The times of calls, and of the floor before each: noise meets both."""
        pairs = [(took(partial(self.visitor.must, "GET", "/livez")), took(call)) for call in calls]
        return [pair[1] for pair in pairs], [pair[0] for pair in pairs]

    def ask(self, query: LiteralString, *values: object) -> Any:
        """The first cell that a query of the owner gives."""
        row = self.owner.execute(query, values).fetchone()
        return row and row[0]

    def free(self, days: int) -> list[Slot]:
        """The free slots from Tuesday on."""
        asked = f"from={MONDAY + DAY}&to={MONDAY + DAY * days}&postal_code=32501&kind=follow_up"
        slots: list[Slot] = self.visitor.must("GET", f"slots/?{asked}")["results"]
        return slots


def apart(slots: Sequence[Slot]) -> Iterator[Slot]:
    """Of free slots, some that leave room for each other, buffers included."""
    until: dict[str, datetime] = {}
    for slot in slots:
        if datetime.fromisoformat(slot["start"]) >= until.get(slot["physician"], NIGHT):
            until[slot["physician"]] = datetime.fromisoformat(slot["end"]) + BUFFER
            yield slot


# --- starting -------------------------------------------------------------------------------------


@contextmanager
def start(data: Path, found: list[Row], what: str, aim: int) -> Iterator[tuple[Hearth, str]]:
    """Start Hearth with servers of its own, and end it; gives it and its database's owner URL."""
    begun, place = time.perf_counter(), len(found)
    with started(data) as hearth:
        ready = time.perf_counter() - begun
        family = psutil.Process(hearth.process.pid).children()
        urls = [process.environ().get("DATABASE_OWNER_URL") for process in family]
        yield hearth, next(url for url in urls if url)
        family = psutil.Process(hearth.process.pid).children(recursive=True)
        begun = time.perf_counter()
    ended = time.perf_counter() - begun
    left = [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    note = f"aim {aim} s; Ctrl-C took {ended:.1f} s and left {len(left)} of {len(family)} processes"
    found.insert(place, Row(what, [ready], note=note))


def prepared(hearth: Hearth, owner_url: str) -> Bench:
    """An empty calendar, at night, and 50 patients who may book."""
    hearth.move_clock(now=NIGHT.isoformat())
    sam = hearth.sign_in("sam")
    staff = [Caller(hearth, sam) for _ in range(CLIENTS)]
    for row in staff[0].must("GET", "consultations/?status=booked&limit=100")["results"]:
        staff[0].must("POST", f"consultations/{row['id']}/cancel/", ON_THE_PHONE)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Caller.enter, staff, range(CLIENTS)))
    bench = Bench(hearth, psycopg.connect(owner_url, autocommit=True), Caller(hearth), staff)
    bench.slots = apart(bench.free(28))
    return bench


# --- what is measured -----------------------------------------------------------------------------


def cheapest(bench: Bench) -> Iterator[Row]:
    """The floors; a request that asks the database opens a connection of its own for it."""

    def connect() -> None:
        with psycopg.connect(bench.owner.info.dsn, password=bench.owner.info.password) as other:
            other.execute("SELECT 1")

    for what, call in (
        ("GET /livez, the floor", partial(bench.visitor.must, "GET", "/livez")),
        ("SELECT 1, connected", partial(bench.ask, "SELECT 1")),
        ("SELECT 1, with its connection", connect),
    ):
        yield Row(what, *bench.in_turn([call] * 50))


def free_slots(bench: Bench) -> Iterator[Row]:
    """The free slots of two physicians, while nothing is taken and while everything is."""
    for state in ("empty", "full"):
        if state == "full":
            with bench.owner.cursor() as cursor:
                cursor.executemany(HOLD, list(apart(bench.free(62))))
        for days, rounds in ((1, 40), (62, 20)):
            times = bench.in_turn([partial(bench.free, days)] * rounds)
            note = f"{len(bench.free(days))} slots in the answer"
            yield Row(f"GET slots/, {days} d, {state} calendar", *times, note)
    bench.owner.execute("DELETE FROM scheduling_reservation WHERE hold_secret = 'bench'")


def bookings(bench: Bench) -> Iterator[Row]:
    """Bookings one after another, then by eight clients at once, each of another slot."""
    some = list(islice(bench.slots, 100))
    alone = [partial(bench.staff[n].book, [some[n]]) for n in range(20)]
    times = bench.in_turn(alone)
    rate = len(alone) / sum(times[0])
    yield Row("POST consultations/", *times, note=f"{rate:.0f} bookings a second, 1 client")
    rest = some[20:]
    _, seconds = at_once([partial(bench.staff[20 + n].book, rest[n::8]) for n in range(8)])
    note = f"{len(rest) / seconds:.0f} bookings a second, 8 clients (the time is for each booking)"
    yield Row("POST consultations/, 8 clients", [seconds / len(rest)], times[1], note=note)


def race(bench: Bench) -> Iterator[Row]:
    """Fifty clients want one slot; ten rounds."""
    seen, seconds = Counter[int](), []
    for slot in islice(bench.slots, ROUNDS):
        asked = [partial(c.call, "POST", "consultations/", c.wish(slot)) for c in bench.staff]
        answers, round_took = at_once(asked)
        seen.update(answer.status_code for answer in answers)
        seconds.append(round_took)
    note = f"{_told(seen)} in {ROUNDS} rounds, the slowest {max(seconds):.2f} s"
    holds = seen == {201: ROUNDS, 409: ROUNDS * (CLIENTS - 1)}
    yield Row(f"{CLIENTS} clients on one slot, a round", seconds, note=note, holds=holds)


def _told(seen: Counter[int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(seen.items()))


def quarrel(bench: Bench) -> Iterator[Row]:
    """Eight book, move and cancel over four slots of two physicians, in any order."""
    slots, booked, seconds = list(islice(bench.slots, 4)), list[str](), list[float]()
    end = time.monotonic() + QUARREL

    def play(seed: int) -> Counter[int]:
        dice, seen = random.Random(seed), Counter[int]()
        while time.monotonic() < end:
            begun = time.perf_counter()
            seen[_one_move(dice, bench.staff[seed * 5 + dice.randrange(5)], slots, booked)] += 1
            seconds.append(time.perf_counter() - begun)
        return seen

    seen = sum(at_once([partial(play, seed) for seed in range(8)])[0], Counter[int]())
    overlaps = bench.ask(OVERLAPS)
    faults = sum(count for status, count in seen.items() if status not in (200, 201, 409))
    note = f"{seen.total()} moves in {QUARREL} s ({_told(seen)}), {overlaps} overlaps"
    note += f", FAULTS: {faults}" if faults else ""
    yield Row("8 clients quarrel over 4 slots, a move", seconds, note=note, holds=not overlaps)


def _one_move(dice: random.Random, caller: Caller, slots: list[Slot], booked: list[str]) -> int:
    """Book with one physician or any, or move or cancel what somebody has booked; the status."""
    slot, mine = dice.choice(slots), list(booked)
    if not mine or dice.random() < 0.4:
        whom = slot["physician"] if dice.random() < 0.7 else None
        answer = caller.call("POST", "consultations/", {**caller.wish(slot), "physician": whom})
        if answer.status_code == 201:
            booked.append(answer.json()["id"])
        return answer.status_code
    path = f"consultations/{(chosen := dice.choice(mine))}/"
    if dice.random() < 0.6:
        to = {"start": slot["start"], "physician": slot["physician"], **ON_THE_PHONE}
        return caller.call("POST", path + "reschedule/", to).status_code
    answer = caller.call("POST", path + "cancel/", ON_THE_PHONE)
    if answer.ok:
        booked.remove(chosen)
    return answer.status_code


def surge(bench: Bench) -> Iterator[Row]:
    """All that was booked at night is confirmed at 8:00, by beat and worker alone."""
    late, due = come_due(bench, MORNING)
    beside = bench.in_turn([partial(bench.visitor.must, "GET", "/livez")] * 20)[1]
    each = (max(late) - min(late)) / (len(late) - 1)
    note = f"{1 / each:.0f} texts a second; {len(late)} of {due} that were due at once, "
    note += f"after {min(late):.1f} to {max(late):.1f} s"
    yield Row("texts at 8:00, time for each", [each], beside, note=note)


def promptness(bench: Bench) -> Iterator[Row]:
    """From booking to the confirmation, by a hint; from due to the reminder, by beat alone."""
    asked = {}
    for caller, slot in zip(bench.staff[:10], bench.slots, strict=False):
        asked[caller.phone] = datetime.now(UTC)
        caller.book([slot])
        time.sleep(0.3)  # one by one, as people book: ten at once would wait for each other
    came = received(bench, min(asked.values()), len(asked))
    late = [(at - asked[to]).total_seconds() for to, at in came]
    yield _prompt("confirmation, from booking on", late, len(asked))
    yield _prompt("reminder, from due on", *come_due(bench, MORNING + DAY))


def _prompt(what: str, late: Sequence[float], due: int) -> Row:
    note = f"{len(late)} of {due}, the last after {max(late, default=math.inf):.1f} s; "
    holds = len(late) == due > 0 and max(late) <= PROMPT
    return Row(what, late, note=f"{note}bound {PROMPT} s", holds=holds)


def come_due(bench: Bench, due: datetime) -> tuple[list[float], int]:
    """Seconds from ``due`` to the sandbox, while Hearth just runs; and how many were due then."""
    for before in (60, 3):  # what is due earlier leaves with the first move
        bench.hearth.move_clock(now=(due - timedelta(seconds=before)).isoformat())
    now = datetime.fromisoformat(bench.visitor.must("GET", "/sandbox/clock/")["now"])
    real, waiting = datetime.now(UTC) + (due - now), int(bench.ask(WAITING, due))
    came = received(bench, real, waiting)
    return [(at - real).total_seconds() for _, at in came], waiting


def received(bench: Bench, since: datetime, count: int) -> list[tuple[str, datetime]]:
    """To whom and when the sandbox took something since then; once it is all, or in a minute."""
    for _ in range(120):
        time.sleep(0.5)  # between two looks, so that looking is not what is measured
        kept = bench.visitor.must("GET", "/sandbox/messages/?limit=1000")["results"]
        came = [(m["to"], datetime.fromisoformat(m["created_at"])) for m in kept]
        came = [(to, at) for to, at in came if at >= since]
        if len(came) >= count:
            break
    return came


def counties(bench: Bench) -> Iterator[Row]:
    """A deliverable ZIP code of every county is served, with its county and zones."""
    known = [row for row in zip_table.rows() if row.active and row.kind == "STANDARD"]
    of_county = {(row.state, row.counties[0]): row.postal_code for row in known if row.counties}
    names = zip_table.corrections()["counties"]
    every = [(state, name) for state in ("FL", "NJ") for name in names[state]]
    right = []

    def look(state: str, name: str) -> None:
        told = bench.visitor.must("GET", f"service-area/?postal_code={of_county[state, name]}")
        zones = {CENTRAL if state == "FL" and name in CENTRAL_COUNTIES else EASTERN}
        zones |= {CENTRAL} if name == SPLIT_COUNTY else set()
        got = (told["served"], told["state"], told["county"], set(told["time_zones"]))
        right.append(got == (True, state, name, zones))

    times = bench.in_turn([partial(look, *county) for county in every])
    note = f"{sum(right)} of 67 + 21 counties right"
    yield Row("GET service-area/", *times, note=note, holds=sum(right) == len(every) == 67 + 21)


def deadlocks(bench: Bench) -> Iterator[Row]:
    """What PostgreSQL counted in all of the above; the database was new."""
    time.sleep(1)  # until the last connections have told their count
    count = bench.ask(DEADLOCKS)
    yield Row("deadlocks in PostgreSQL, in all", note=str(count), holds=count == 0)


PARTS = (cheapest, free_slots, bookings, race, surge, promptness, quarrel, counties, deadlocks)


def show(found: Sequence[Row]) -> None:
    """The table; and the raw numbers where nobody looks."""
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    table = Table("", "median", "p95", "floor", "× floor", "", title="Hearth, started, over HTTP")
    floor = median(next(row.floor for row in found if row.floor))
    for row in found:
        table.add_row(*row.cells(floor), style="" if row.holds else "bold red")
    console.print(table)
    if not console.is_terminal:
        print("milliseconds", *(row.raw() for row in found), sep="\n")


def _give_up(*_: object) -> NoReturn:
    raise TimeoutError(f"this took longer than {LONGEST} s")


def main() -> int:
    """Measure, show; 1 when a bound is missed."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(LONGEST)
    begun = time.monotonic()
    with TemporaryDirectory(prefix="hearth-bench-") as folder:
        Path(folder).chmod(0o755)  # servers do not run as root; their own folders are closed
        data, found = Path(folder) / "data", list[Row]()
        with start(data, found, "first start, with demo data, to /readyz", 180):
            pass
        with start(data, found, "second start, to /readyz", 15) as (hearth, owner_url):
            bench = prepared(hearth, owner_url)
            with bench.owner:
                for part in PARTS:
                    print(f"{time.monotonic() - begun:4.0f} s  {part.__name__}", file=sys.stderr)
                    found += part(bench)
    show(found)
    return 0 if all(row.holds for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
