"""The group-commit writer with 64 callers at once, against one client's SETs in a row on the same server."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import redis

from dq_gate import Gate, InputQuarantined
from tests.benchmarks.measure import Figure
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLERS = 64
PUTS = 6_400


def figures() -> Iterator[Figure]:
    """Milliseconds for as many puts as SETs."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        raw = _sets_ms(server.url)
        ours = _puts_ms(server.url, Path(folder))
    subject = f"{PUTS} failing inputs of {CALLERS} callers, against as many SETs in a row"
    yield Figure(subject, "ms", ours, raw, 1.0, is_aim=True)


def _sets_ms(url: str) -> float:
    client = redis.Redis.from_url(url)
    value = b"x" * 400
    client.ping()
    started = perf_counter()
    for number in range(PUTS):
        client.set(f"raw:{number}", value)
    return (perf_counter() - started) * 1000


def _puts_ms(url: str, folder: Path) -> float:
    settings = {"quarantine": url, "state_dir": str(folder / "state"), "log": str(folder / "events.jsonl")}
    with Gate.load("query", **settings) as gate:
        _refused(gate)
        threads = [threading.Thread(target=_caller, args=(gate,)) for _ in range(CALLERS)]
        started = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (perf_counter() - started) * 1000


def _caller(gate: Gate) -> None:
    for _ in range(PUTS // CALLERS):
        _refused(gate)


def _refused(gate: Gate) -> None:
    try:
        gate.admit({"query": "\x00 broken " * 40})
    except InputQuarantined as refused:
        kept = refused.stored in ("store", "spool")  # on a busy machine some wait too long and go to the spool
    if not kept:
        raise AssertionError("an entry was neither stored nor spooled")
