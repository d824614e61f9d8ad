"""A whole gate, threads and tasks, while its Redis dies, hangs and comes back: promises 1 and 2."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from dq_gate import Gate
from dq_gate.quarantine import spool
from tests.fakes import eventually
from tests.faults.promise import Control, Span, is_kept, is_settled
from tests.integration.gating import arefusal, entries, refusal, spooled
from tests.integration.processes.place import Place, refused
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from dq_gate import InputQuarantined

THREADS = 8
TASKS = 8
INPUTS = 2000
WAIT = 60.0


class Callers:
    """Threads and tasks that put failing inputs through a gate until they are told to stop."""

    def __init__(self, gate: Gate) -> None:
        self.waits: list[Span] = []
        self.answers: list[InputQuarantined] = []
        self.kept: Counter[str] = Counter()
        self.is_over = threading.Event()
        self._gate = gate

    def start(self, pool: ThreadPoolExecutor) -> list[Future[None]]:
        """Start them all; gives what to wait for at the end."""
        return [pool.submit(self._in_thread) for _ in range(THREADS)] + [pool.submit(asyncio.run, self._in_tasks())]

    def await_more(self, stored: str, count: int) -> None:
        """Return once that many more answers said that the entry went to a place."""
        goal = self.count(stored) + count
        eventually(lambda: self.count(stored) >= goal, WAIT)

    def count(self, stored: str) -> int:
        return sum(answer.stored == stored for answer in list(self.answers))

    def _in_thread(self) -> None:
        while not self.is_over.is_set():
            started = time.monotonic()
            answer = refusal(self._gate)
            self.waits.append(Span(started, time.monotonic()))
            self.answers.append(answer)

    async def _in_tasks(self) -> None:
        await asyncio.gather(*(self._in_task() for _ in range(TASKS)))

    async def _in_task(self) -> None:
        while not self.is_over.is_set():
            started = time.monotonic()
            answer = await arefusal(self._gate)
            self.waits.append(Span(started, time.monotonic()))
            self.answers.append(answer)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A redis-server of the test's own."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, namespace: str, server: RedisServer) -> Place:
    """Where gates keep everything."""
    return Place.make(tmp_path, namespace, server.url)


@contextmanager
def under_load(place: Place) -> Iterator[Callers]:
    """Callers that put all the while; at the end there were enough of them and every spool is drained."""
    with Gate.load(**place.settings) as gate, ThreadPoolExecutor(THREADS + 1) as pool:
        callers = Callers(gate)
        running = callers.start(pool)
        try:
            yield callers
            eventually(lambda: len(callers.answers) >= INPUTS, WAIT)
        finally:
            callers.is_over.set()
        for each in running:
            each.result(WAIT)
        eventually(lambda: spooled(gate.settings) == 0, WAIT)
        callers.kept = Counter(entry.id for entry in entries(gate.settings))


def test_every_acknowledged_entry_survives_two_deaths_of_redis_once(place: Place, server: RedisServer) -> None:
    with under_load(place) as callers:
        for _ in range(2):
            callers.await_more("store", 100)
            server.kill()
            callers.await_more("spool", 100)
            server.start()
        callers.await_more("store", 100)
    assert {answer.stored for answer in callers.answers} <= {"store", "spool", "unknown"}
    assert callers.kept == Counter(answer.entry_id for answer in callers.answers)


def test_a_redis_that_hangs_holds_no_caller_longer_than_promised_and_loses_nothing(
    place: Place, server: RedisServer
) -> None:
    longest: list[float] = []
    with Control() as control, under_load(place) as callers:
        while not is_settled(longest):
            before = len(callers.waits)
            callers.await_more("store", 100)
            server.stop()
            callers.await_more("spool", 100)
            server.cont()
            callers.await_more("store", 100)
            longest.append(control.longest(callers.waits[before:]))
    assert is_kept(longest), longest
    assert {answer.stored for answer in callers.answers} <= {"store", "spool", "unknown"}
    assert callers.kept == Counter(answer.entry_id for answer in callers.answers)


def test_a_disk_that_hangs_as_well_holds_no_caller_and_loses_nothing(place: Place, server: RedisServer) -> None:
    with under_load(place) as callers:
        callers.await_more("store", 100)
        with spool._guard:  # as a write to the disk that does not return
            server.stop()
            callers.await_more("unknown", 100)  # nothing but the deadline answers while both hang
        server.cont()
        callers.await_more("store", 100)
    assert {answer.stored for answer in callers.answers} <= {"store", "spool", "unknown"}
    assert callers.kept == Counter(answer.entry_id for answer in callers.answers)


def test_the_first_input_of_a_process_waits_no_longer_though_redis_hangs(place: Place, server: RedisServer) -> None:
    said, longest = [], []
    server.stop()
    while not is_settled(longest):
        said += place.run("time_the_first_input")
        longest.append(said[-2]["held"])
    server.cont()
    assert is_kept(longest), longest
    assert place.kept() == refused(said)


def test_a_process_that_ends_while_redis_hangs_leaves_all_to_the_next_one(place: Place, server: RedisServer) -> None:
    server.stop()
    ids = refused(place.run("end_without_closing"))
    assert len(ids) == 20
    assert place.waiting == 20
    server.cont()
    assert place.kept() == ids
