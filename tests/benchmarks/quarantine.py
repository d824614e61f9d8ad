"""The quarantine in Redis: pages, releases beside a producer, and memory, on a server of its own."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from dq_gate.core.lifecycle import CLAIM, RELEASE
from dq_gate.core.model import PackId, Violation
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.entry import MAX_BATCH, Act, Filter, HistoryItem, Lease
from dq_gate.quarantine.vault import Vault
from dq_gate.settings import SealingKey
from tests.benchmarks.measure import Figure, best_of
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Event

    from dq_gate.quarantine.entry import Entry, Store

FEW, MANY, RELEASED = 200, 200_000, 20_000
RULES = ("query.text.controls", "query.text.length")
RECORD = {"query": "\x00" + "a question that was damaged on its way " * 25}
"""About 1 KB as it is stored."""
PLAIN, SEALING = Vault(), Vault([SealingKey("bench", bytes(32))])
PACED_S = 0.002
"""Seconds between a producer's puts."""


def figures() -> Iterator[Figure]:
    """Every figure that is about Redis."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield from _released(server.url)
        yield _page(server.url)


def _page(url: str) -> Figure:
    few, many = (_filled(url, name, count, {}, PLAIN) for name, count in (("few", FEW), ("many", MANY)))
    where = Filter("pending", rule=RULES[0])

    def pages(store: Store) -> Callable[[], None]:
        def read() -> None:
            for _ in range(5):
                if len(store.find(where, limit=50).entries) != 50:
                    raise AssertionError("a page is not full")

        return read

    among_many, among_few = best_of(pages(many), pages(few), per=5)
    return Figure(f"a page of 50 by state and rule among {MANY}; among {FEW}", "us", among_many, among_few, 3.0)


def _released(url: str) -> Iterator[Figure]:
    client = redis.Redis.from_url(url)
    before = client.info("memory")["used_memory"]
    store = _filled(url, "release", RELEASED, RECORD, SEALING)
    kilobytes = (client.info("memory")["used_memory"] - before) / RELEASED / 1024
    seconds, producer_ms = _release_beside_a_producer(url, store)
    yield Figure(f"memory an entry, 1 KB sealed, of {RELEASED}", "KB", kilobytes, None, 2.5)
    yield Figure(f"claim and release of {RELEASED} entries", "s", seconds, None, RELEASED / 5_000)
    yield Figure("p99 of a producer's puts meanwhile", "ms", producer_ms, None, 20.0)


def _release_beside_a_producer(url: str, store: Store) -> tuple[float, float]:
    """Seconds that it took, and the 99th percentile of the puts of another process, in milliseconds."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    ours, theirs = context.Pipe()
    producer = context.Process(target=_produce, args=(url, theirs, stop))
    producer.start()
    ours.recv()
    started = time.perf_counter()
    _release_all(store)
    seconds = time.perf_counter() - started
    stop.set()
    put_ms = ours.recv()
    producer.join()
    return seconds, statistics.quantiles(put_ms, n=100)[98]


def _release_all(store: Store) -> None:
    ids: list[str] = []
    after: str | None = None
    while True:
        page = store.ids(Filter("pending", rule=RULES[0]), after=after)
        ids += page.ids
        after = page.after
        if after is None:
            break
    claim = Act(CLAIM, HistoryItem(time.time(), "bench", "claim"), lease=Lease("t" * 43, "bench", time.time() + 900))
    release = Act(RELEASE, HistoryItem(time.time(), "bench", "release"), token="t" * 43)
    for some in (ids[at : at + MAX_BATCH] for at in range(0, len(ids), MAX_BATCH)):
        for act in (claim, release):
            if set(store.act(some, act)) != {"done"}:
                raise AssertionError("an entry was not released")


def _produce(url: str, results: Connection, stop: Event) -> None:
    """Put one entry after the other until told to stop; then send how long each took, in milliseconds."""
    store = open_store(url, "release", max_open=10**9, timeout=10.0)
    put_ms = []
    results.send("ready")
    for entry in _entries("release", 10**9, RECORD, SEALING, RULES[1]):
        if stop.wait(PACED_S):
            break
        started = time.perf_counter()
        store.put([entry])
        put_ms.append((time.perf_counter() - started) * 1000)
    results.send(put_ms)


def _filled(url: str, namespace: str, count: int, record: dict[str, str], vault: Vault) -> Store:
    store = open_store(url, namespace, max_open=10**9, timeout=10.0)
    waiting: list[Entry] = []
    for entry in _entries(namespace, count, record, vault, RULES[0]):
        waiting.append(entry)
        if len(waiting) == MAX_BATCH:
            store.put(waiting)
            waiting = []
    store.put(waiting)
    return store


def _entries(namespace: str, count: int, record: dict[str, str], vault: Vault, rule: str) -> Iterator[Entry]:
    violation = Violation(rule, "query", "no_control_characters", "quarantine", "has the character U+0000", (0, 1))
    for _ in range(count):
        yield build_entry(
            record,
            (violation,),
            pack=PackId("query", 2, "0123456789abcdef"),
            namespace=namespace,
            source="bench",
            now=time.time(),
            vault=vault,
        )
