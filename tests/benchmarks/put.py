"""64 callers at once whose inputs fail, sealed and reported, against one client's SETs in a row on the same server.

On a busy machine some inputs wait too long for the store and go to the spool: time counts by entry in the store.
"""

from __future__ import annotations

import asyncio
import base64
import statistics
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
    from collections.abc import Callable, Iterator

CALLERS = 64
PAIRS = 7
PAYLOAD = 1024
PACK = """
pack: bench
version: 1
fields:
  query: {type: str}
rules:
  - {id: query.text.controls, field: query, check: no_control_characters}
"""
"""One rule: what a judgement costs is in the other benchmarks."""
RECORD = {"query": "\x00" + "a question that was damaged on its way " * 25}
"""About 1 KB as it is stored."""
PUTS = {"always": 1_280, "everysec": 6_400}
SLOWEST = {"always": 1.0, "everysec": 1 / 0.8}
"""Largest ratio of our time to the SETs' time: the rates are at least 1 and 0.8 of theirs."""


def figures() -> Iterator[Figure]:
    """Milliseconds for as many puts as SETs, of the pair whose ratio is the median of seven."""
    for fsync, puts in PUTS.items():
        with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder), "--appendfsync", fsync) as server:
            settings = {
                "quarantine": server.url,
                "state_dir": f"{folder}/state",
                "log": f"{folder}/events.jsonl",
                "sealing_keys": f"bench:{base64.b64encode(bytes(32)).decode()}",
            }
            pack = Path(folder, "bench.yaml")
            pack.write_text(PACK, encoding="utf-8")
            with Gate.load(pack, **settings) as gate, redis.Redis.from_url(server.url) as client:
                for name, put in (("threads", _put_by_threads), ("tasks", _put_by_tasks)):
                    ours, raw = _median_pair(gate, client, put, puts)
                    subject = f"fsync {fsync}: {puts} failing inputs, {CALLERS} {name}; SETs in a row"
                    # The target is that of threads; tasks share one with the loop, and are shown beside.
                    yield Figure(subject, "ms", ours, raw, SLOWEST[fsync], is_aim=name == "tasks")


def _median_pair(gate: Gate, client: redis.Redis, put: Callable[[Gate, int], int], puts: int) -> tuple[float, float]:
    """The two durations, in milliseconds, of the pair whose ratio is the median; pairs are taken in turn."""
    put(gate, CALLERS)
    _set_in_a_row(client, CALLERS)
    pairs = [
        (_ms(lambda: put(gate, puts)) * puts, _ms(lambda: _set_in_a_row(client, puts)) * puts) for _ in range(PAIRS)
    ]
    median = statistics.median(ours / raw for ours, raw in pairs)
    return next((ours, raw) for ours, raw in pairs if ours / raw == median)


def _ms(do: Callable[[], int]) -> float:
    """Milliseconds for each of as many as it did."""
    started = perf_counter()
    done = do()
    return (perf_counter() - started) * 1000 / done


def _set_in_a_row(client: redis.Redis, sets: int) -> int:
    value = b"x" * PAYLOAD
    for number in range(sets):
        client.set(f"raw:{number}", value)
    return sets


def _put_by_threads(gate: Gate, puts: int) -> int:
    def caller() -> None:
        for _ in range(puts // CALLERS):
            try:
                gate.admit(RECORD)
            except InputQuarantined as refused:
                kept.append(refused.stored)

    kept: list[str] = []
    threads = [threading.Thread(target=caller) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return kept.count("store")


def _put_by_tasks(gate: Gate, puts: int) -> int:
    async def caller() -> None:
        for _ in range(puts // CALLERS):
            try:
                await gate.aadmit(RECORD)
            except InputQuarantined as refused:
                kept.append(refused.stored)

    async def callers() -> None:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    kept: list[str] = []
    asyncio.run(callers())
    return kept.count("store")
