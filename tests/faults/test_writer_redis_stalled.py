"""Promise 2: a Redis that does not answer holds no caller longer than 300 ms, and loses nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.fakes import Reports, eventually, make_entry
from tests.faults.promise import Control, Span, is_kept, is_settled
from tests.faults.writing import WAIT, count_kept, make_writer, times_kept
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

    from dq_gate.quarantine.entry import Entry
    from dq_gate.quarantine.writer import Writer

THREADS = 8
DEADLINE = 0.28
"""What a gate waits for; the rest is for waking up."""


def put(writer: Writer, entry: Entry) -> tuple[str, Span]:
    """Put an entry as a gate does: where it went, and when that was."""
    started = time.monotonic()
    try:
        stored = writer.submit(entry).result(DEADLINE - (time.monotonic() - started)).stored
    except TimeoutError:
        stored = "unknown"
    return stored, Span(started, time.monotonic())


class Callers:
    """Threads that put entries until they are told to stop."""

    def __init__(self, writer: Writer, namespace: str) -> None:
        self.waits: list[Span] = []
        self.stored: dict[str, str] = {}
        self.is_over = threading.Event()
        self._writer = writer
        self._namespace = namespace

    def put_until_over(self, thread: int) -> None:
        n = 0
        while not self.is_over.is_set():
            n += 1
            entry = make_entry(f"{thread}-{n}", namespace=self._namespace)
            self.stored[entry.id], waited = put(self._writer, entry)
            self.waits.append(waited)

    def await_more(self, stored: str, count: int) -> None:
        """Return once that many more entries went to a place."""
        goal = self._count(stored) + count
        eventually(lambda: self._count(stored) >= goal, WAIT)

    def _count(self, stored: str) -> int:
        return list(self.stored.values()).count(stored)


def test_no_caller_waits_longer_than_promised_and_nothing_is_lost(tmp_path: Path, namespace: str) -> None:
    with (
        RedisServer(tmp_path / "redis") as server,
        Control() as control,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        writer = make_writer(server.url, tmp_path / "spool", namespace, Reports())
        callers = Callers(writer, namespace)
        work = [pool.submit(callers.put_until_over, n) for n in range(THREADS)]
        longest: list[float] = []
        while not is_settled(longest):
            before = len(callers.waits)
            callers.await_more("store", 100)
            server.stop()
            callers.await_more("spool", 100)
            server.cont()
            callers.await_more("store", 100)
            longest.append(control.longest(callers.waits[before:]))
        callers.is_over.set()
        for each in work:
            each.result()
        eventually(lambda: count_kept(server.url, namespace) == len(callers.stored))
        writer.close(WAIT)
        kept = times_kept(server.url, namespace)
    assert kept == dict.fromkeys(callers.stored, 1)
    assert is_kept(longest), longest


def test_a_redis_that_is_stalled_from_the_start_holds_nobody(tmp_path: Path, namespace: str) -> None:
    with RedisServer(tmp_path / "redis") as server:
        server.stop()
        writers, longest = [], []
        while not is_settled(longest):
            writers.append(make_writer(server.url, tmp_path / "spool", namespace, Reports()))
            with Control() as control:
                stored, wait = put(writers[-1], make_entry(f"{len(longest)}", namespace=namespace))
            assert stored in {"spool", "unknown"}
            longest.append(control.longest([wait]))
        assert is_kept(longest), longest
        server.cont()
        eventually(lambda: count_kept(server.url, namespace) == len(longest))
        for writer in writers:
            writer.close(WAIT)
