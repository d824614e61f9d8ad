"""Promise 1: what was acknowledged survives the death of Redis and is there exactly once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dq_gate.quarantine.spool import waiting
from tests.fakes import Reports, eventually, make_entry
from tests.faults.writing import WAIT, count_kept, make_writer, times_kept
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate.quarantine.writer import Writer

THREADS = 8
EACH = 250


class Progress:
    """Counts receipts and lets a test wait for a number of them."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self._changed = threading.Condition()

    def add(self, stored: str) -> None:
        with self._changed:
            self.stored.append(stored)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.stored) >= count, WAIT)


def put_all(writer: Writer, namespace: str, thread: int, tell: Callable[[str], None]) -> None:
    for n in range(EACH):
        tell(writer.submit(make_entry(f"{thread}-{n}", namespace=namespace)).result(WAIT).stored)


def test_2000_entries_by_8_threads_survive_two_kills_exactly_once(tmp_path: Path, namespace: str) -> None:
    progress = Progress()
    with RedisServer(tmp_path / "redis") as server, ThreadPoolExecutor(THREADS) as pool:
        writer = make_writer(server.url, tmp_path / "spool", namespace, Reports())
        work = [pool.submit(put_all, writer, namespace, n, progress.add) for n in range(THREADS)]
        for kill_at, start_at in ((300, 600), (1000, 1300)):
            progress.wait_for(kill_at)
            server.kill()
            progress.wait_for(start_at)
            server.start()
        for each in work:
            each.result()
        eventually(lambda: count_kept(server.url, namespace) == THREADS * EACH)
        assert writer.close(WAIT) == 0
        kept = times_kept(server.url, namespace)
    assert set(progress.stored) == {"store", "spool"}
    assert kept == dict.fromkeys((f"{t}-{n}" for t in range(THREADS) for n in range(EACH)), 1)
    assert waiting(tmp_path / "spool") == 0
