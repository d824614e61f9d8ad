"""Released entries of real quarantines go through the gate again, to handlers that are called and awaited."""

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.core import lifecycle
from dq_gate.errors import BackendUnavailableError, ConfigurationError
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.entry import Act, HistoryItem, Lease, Waiver
from dq_gate.review import consumer
from dq_gate.review.consumer import RedriveReport
from tests.fakes import eventually
from tests.integration.gating import lines, named, refusal, write_pack
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Gate

ROOT = Path(__file__).parents[2]
DENIED = "query.text.deny"


class Taken(list[str]):
    """A handler that takes queries."""

    def __call__(self, record: dict[str, Any]) -> None:
        self.append(record["query"])


@pytest.fixture
def gate(load: Callable[..., Gate], quarantine: str | None) -> Gate:
    """A gate with each kind of quarantine in turn."""
    return load(quarantine=quarantine)


def release(gate: Gate, *queries: str, waive: str | None = DENIED) -> list[str]:
    """Quarantine queries and release them, with a rule waived that all of them failed."""
    ids = [refusal(gate, {"query": query}).entry_id for query in queries]
    with closing(connect(gate.settings)) as store:
        release_again(store, ids, waive)
    return ids


def release_again(store: Any, ids: list[str], waive: str | None = DENIED) -> None:
    """Claim and release entries."""
    lease = Lease("reviewing", "ada", 4e9)
    for entry_id in ids:
        digest = store.get(entry_id).payload_digest
        waivers = (Waiver(waive, digest, "ada", "fine here"),) if waive else ()
        claim = Act(lifecycle.CLAIM, HistoryItem(1.0, "ada", "claim"), lease=lease)
        leave = Act(lifecycle.RELEASE, HistoryItem(2.0, "ada", "release"), token=lease.token, waivers=waivers)
        assert store.act([entry_id], claim) + store.act([entry_id], leave) == ["done", "done"]


def entry(gate: Gate, entry_id: str) -> Any:
    """An entry as it is stored."""
    with closing(connect(gate.settings)) as store:
        return store.get(entry_id)


def in_background(run: Callable[[], object]) -> threading.Thread:
    """Run something beside the test."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


# What becomes of entries


def test_what_passes_now_is_handled_and_redriven(gate: Gate) -> None:
    ids = release(gate, "forbidden one", "forbidden two")
    handled = Taken()

    report = gate.redrive(handled, once=True)

    assert report == RedriveReport(redriven=2, returned=0, died=0, skipped=0, reasons={})
    assert handled == ["forbidden one", "forbidden two"]
    assert [entry(gate, entry_id).state for entry_id in ids] == ["redriven", "redriven"]
    assert gate.redrive(handled, once=True).redriven == 0


def test_what_fails_again_is_pending_and_too_early_when_it_is_released_again(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden", waive=None)

    assert gate.redrive(print, once=True).returned == 1

    returned = entry(gate, entry_id)
    assert (returned.state, returned.attempts) == ("pending", 1)
    assert 5.0 < returned.not_before - returned.history[-1].at < 15.0
    with closing(connect(gate.settings)) as store:
        release_again(store, [entry_id])
    assert gate.redrive(print, once=True).reasons == {"too_early": 1}
    assert entry(gate, entry_id).attempts == 1


def test_a_handler_that_raises_costs_an_attempt_until_the_entry_is_dead(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    gate = load(quarantine=quarantine, max_attempts=2, redrive_backoff_s=0.0)
    (entry_id,) = release(gate, "forbidden")

    def fail(_record: dict[str, Any]) -> None:
        raise ValueError("a forbidden word")

    assert gate.redrive(fail, once=True).returned == 1
    with closing(connect(gate.settings)) as store:
        release_again(store, [entry_id])
    assert gate.redrive(fail, once=True) == RedriveReport(0, 0, 1, 0, {})

    assert entry(gate, entry_id).state == "dead"
    log = gate.settings.log or ""
    assert [event["error"] for event in named(lines(Path(log)), "entry.returned")] == ["ValueError"] * 2
    assert len(named(lines(Path(log)), "entry.died")) == 1
    assert b"word" not in Path(log).read_bytes()


def test_the_handler_gets_the_repaired_record_and_on_request_the_entrys_id(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden cafe\u0301")
    handled = []

    def index(record: dict[str, Any], entry_id: str = "") -> None:
        handled.append((record["query"], entry_id))

    gate.redrive(index, once=True)

    assert handled == [("forbidden caf\u00e9", entry_id)]


def test_entries_of_another_pack_are_left_to_its_own_gate(
    load: Callable[..., Gate], quarantine: str | None, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other_pack = write_pack(tmp_path / "other")
    other_pack.write_text(other_pack.read_text().replace("pack: small", "pack: other"))
    gate, other = load(quarantine=quarantine), load(other_pack, quarantine=quarantine)
    release(gate, "forbidden one")
    release(other, "forbidden two")
    handled = Taken()

    assert gate.redrive(handled, once=True).reasons == {"other_pack": 1}
    assert other.redrive(handled, once=True).redriven == 1
    assert handled == ["forbidden one", "forbidden two"]


KEYS = [f"{name}:{base64.b64encode(name.encode() * 8).decode()}" for name in ("2026", "2025")]


def test_a_sealed_entry_waits_for_its_key_and_loses_no_attempt(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    sealing = load(quarantine=quarantine, sealing_keys=KEYS[:1])
    (entry_id,) = release(sealing, "forbidden")
    for keys in ((), KEYS[1:]):
        keyless = load(quarantine=quarantine, sealing_keys=keys)
        assert keyless.redrive(print, once=True).reasons == {"sealed": 1}
    kept = entry(sealing, entry_id)
    assert (kept.state, kept.attempts, kept.lease, len(kept.history)) == ("released", 0, None, 2)
    handled = Taken()
    assert load(quarantine=quarantine, sealing_keys=KEYS).redrive(handled, once=True).redriven == 1
    assert handled == ["forbidden"]


# Handlers


def test_a_handler_is_awaited_and_a_function_called(gate: Gate) -> None:
    release(gate, "forbidden one", "forbidden two")
    handled: list[Any] = []

    async def index(record: dict[str, Any], *, entry_id: str) -> None:
        await asyncio.sleep(0)
        handled.append((record["query"], bool(entry_id)))

    assert asyncio.run(gate.aredrive(index, once=True)).redriven == 2
    assert handled == [("forbidden one", True), ("forbidden two", True)]
    release(gate, "forbidden three")
    assert asyncio.run(gate.aredrive(Taken(), once=True)).redriven == 1


def test_an_awaited_handler_that_raises_costs_an_attempt(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden")

    async def fail(_record: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        raise ValueError("a forbidden word")

    assert asyncio.run(gate.aredrive(fail, once=True)).returned == 1
    assert entry(gate, entry_id).attempts == 1


async def coroutine(_record: dict[str, Any]) -> None:
    """A handler that does nothing until it is awaited."""


def promise(record: dict[str, Any]) -> Any:
    """The same, not to be told by looking at it."""
    return coroutine(record)


def generator(_record: dict[str, Any]) -> Any:
    """A handler that does nothing until it is iterated over."""
    yield


@pytest.mark.parametrize("handler", [coroutine, promise, generator])
def test_a_handler_that_has_not_done_its_work_is_refused_and_nothing_counts_as_redriven(
    load: Callable[..., Gate], handler: Any
) -> None:
    gate = load()
    (entry_id,) = release(gate, "forbidden")

    with pytest.raises(ConfigurationError, match="handler"):
        gate.redrive(handler, once=True)

    assert (entry(gate, entry_id).state, entry(gate, entry_id).lease) == ("released", None)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(load: Callable[..., Gate], rate: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        load().redrive(print, rate=rate)


def test_a_rate_holds_back_what_is_begun(load: Callable[..., Gate]) -> None:
    gate = load()
    release(gate, *(f"forbidden {number}" for number in range(4)))
    began = time.monotonic()

    assert gate.redrive(Taken(), once=True, rate=10.0).redriven == 4

    assert time.monotonic() - began >= 3 / 10.0


# Following, stopping, interrupting


def test_it_follows_what_is_released_until_the_gate_is_closed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "SWEEP_S", 3600.0)  # what comes later has to be announced
    handled = Taken()
    reports: list[RedriveReport] = []
    thread = in_background(lambda: reports.append(gate.redrive(handled)))
    release(gate, "forbidden one")
    eventually(lambda: handled)
    release(gate, "forbidden two")
    eventually(lambda: len(handled) == 2)

    gate.close()

    thread.join(30)
    assert reports == [RedriveReport(2, 0, 0, 0, {})]


def test_a_stop_lets_the_handler_at_work_finish_and_begins_nothing_else(gate: Gate) -> None:
    ids = release(gate, "forbidden one", "forbidden two")
    handled = Taken()

    def index(record: dict[str, Any]) -> None:
        gate.stop_redrive()
        handled.append(record["query"])

    assert gate.redrive(index).redriven == 1

    assert handled == ["forbidden one"]
    assert [entry(gate, entry_id).state for entry_id in ids] == ["redriven", "released"]


def test_closing_waits_for_the_handler_at_work(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden")
    entered, leave = threading.Event(), threading.Event()

    def index(_record: dict[str, Any]) -> None:
        entered.set()
        leave.wait(30)

    in_background(lambda: gate.redrive(index))
    assert entered.wait(30)
    closing_gate = in_background(gate.close)
    leave.set()
    closing_gate.join(30)

    assert entry(gate, entry_id).state == "redriven"


def test_a_handler_may_close_the_gate_that_called_it(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden")
    closed = []

    def index(_record: dict[str, Any]) -> None:
        closed.append(gate.close())

    assert gate.redrive(index).redriven == 1
    assert entry(gate, entry_id).state == "redriven"
    with pytest.raises(RuntimeError, match="closed"):
        gate.redrive(index)


def test_an_interrupted_entry_stays_released_and_is_free_at_once(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden")

    def interrupt(_record: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate.redrive(interrupt)

    left = entry(gate, entry_id)
    assert (left.state, left.attempts, left.lease) == ("released", 0, None)
    assert gate.redrive(print, once=True).redriven == 1


def test_a_cancelled_task_leaves_its_entry_released_and_free_at_once(gate: Gate) -> None:
    (entry_id,) = release(gate, "forbidden")

    async def cancelled() -> None:
        entered = asyncio.Event()

        async def index(_record: dict[str, Any]) -> None:
            entered.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(gate.aredrive(index))
        await asyncio.wait_for(entered.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())

    left = entry(gate, entry_id)
    assert (left.state, left.attempts, left.lease) == ("released", 0, None)


def test_an_idle_run_on_an_event_loop_is_stopped_and_cancelled_at_once(gate: Gate) -> None:
    async def stop_and_cancel() -> RedriveReport:
        stopped = asyncio.create_task(gate.aredrive(coroutine))
        cancelled = asyncio.create_task(gate.aredrive(coroutine))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        gate.stop_redrive()
        return await asyncio.wait_for(stopped, 30)

    assert asyncio.run(stop_and_cancel()) == RedriveReport(0, 0, 0, 0, {})


def test_the_loop_goes_on_while_the_store_is_asked(gate: Gate) -> None:
    release(gate, *(f"forbidden {number}" for number in range(3)))

    async def beside() -> int:
        turns = 0
        task = asyncio.create_task(gate.aredrive(coroutine, once=True))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(beside()) > 50


# Several consumers, and consumers that die


def test_two_consumers_at_once_handle_each_entry_once(gate: Gate) -> None:
    queries = [f"forbidden {number}" for number in range(40)]
    release(gate, *queries)
    handled: Counter[str] = Counter()

    async def both() -> list[RedriveReport]:
        async def index(record: dict[str, Any]) -> None:
            await asyncio.sleep(0.001)
            handled[record["query"]] += 1

        return await asyncio.gather(*(gate.aredrive(index, once=True, consumer=f"worker-{n}") for n in range(2)))

    reports = asyncio.run(both())

    assert handled == Counter(queries)
    assert sum(report.redriven for report in reports) == 40


CONSUMER = """\
import os, signal, sys
from dq_gate import Gate

def index(record):
    print("began", flush=True)
    sys.stdin.readline()

Gate.load(sys.argv[1], **eval(sys.argv[2])).redrive(index)
"""


def test_a_consumer_killed_in_its_handler_is_taken_over_from_once_its_lease_ran_out(
    load: Callable[..., Gate], quarantine: str | None, small_pack: Path, namespace: str, tmp_path: Path
) -> None:
    lease_s = {"redrive_lease_s": 1.5}
    gate = load(quarantine=quarantine, **lease_s)
    (entry_id,) = release(gate, "forbidden")
    settings = {"quarantine": quarantine, "namespace": namespace, "state_dir": str(tmp_path / "state"), **lease_s}
    with subprocess.Popen(
        [sys.executable, "-c", CONSUMER, str(small_pack), repr(settings | {"log": str(tmp_path / "killed.jsonl")})],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        assert gate.redrive(print, once=True).reasons == {"held": 1}
        process.send_signal(signal.SIGKILL)
    handled = Taken()

    eventually(lambda: gate.redrive(handled, once=True).redriven)

    assert handled == ["forbidden"]
    actions = [item.action for item in entry(gate, entry_id).history if item.action != "renew"]
    assert actions == ["claim", "release", "begin-redrive", "begin-redrive", "redrive"]


def test_a_slow_consumer_keeps_its_entry_for_longer_than_a_lease(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    gate = load(quarantine=quarantine, redrive_lease_s=0.5)
    (entry_id,) = release(gate, "forbidden")
    entered, leave = threading.Event(), threading.Event()
    reports: list[RedriveReport] = []

    def index(_record: dict[str, Any]) -> None:
        entered.set()
        leave.wait(30)

    thread = in_background(lambda: reports.append(gate.redrive(index, once=True)))
    assert entered.wait(30)
    first = entry(gate, entry_id).lease
    eventually(lambda: entry(gate, entry_id).lease.until > first.until + 0.5)
    assert gate.redrive(print, once=True).reasons == {"held": 1}
    leave.set()
    thread.join(30)

    assert reports == [RedriveReport(1, 0, 0, 0, {})]


# A store that is away


def test_a_consumer_outlasts_a_store_that_dies_and_comes_back(load: Callable[..., Gate], tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        gate = load(quarantine=server.url)
        release(gate, "forbidden one", "forbidden two")
        handled: list[str] = []

        def index(record: dict[str, Any]) -> None:
            handled.append(record["query"])
            if len(handled) == 1:
                server.kill()

        reports: list[RedriveReport] = []
        thread = in_background(lambda: reports.append(gate.redrive(index)))
        log = Path(gate.settings.log or "")
        eventually(lambda: log.exists() and named(lines(log), "redrive.paused"))
        server.start()
        eventually(lambda: len(handled) >= 2)
        eventually(lambda: named(lines(log), "redrive.resumed"))
        gate.stop_redrive()
        thread.join(30)

    assert handled == ["forbidden one", "forbidden two"]
    assert reports == [RedriveReport(2, 0, 0, 0, {})]


def test_once_a_store_that_is_away_for_too_long_is_an_error(load: Callable[..., Gate], tmp_path: Path) -> None:
    gate = load(quarantine=RedisServer(tmp_path / "redis").url, redrive_lease_s=0.1)

    with pytest.raises(BackendUnavailableError):
        gate.redrive(print, once=True)


def test_a_damaged_payload_is_told_and_left(load: Callable[..., Gate]) -> None:
    import sqlite3

    gate = load()
    (entry_id,) = release(gate, "forbidden")
    with closing(sqlite3.connect(gate.settings.state_dir / "quarantine.db")) as db:
        (body,) = db.execute("SELECT body FROM bodies").fetchone()
        assert body.count(b'"forbidden"') == 1
        db.execute("UPDATE bodies SET body = ?", (body.replace(b'"forbidden"', b'"forbiddem"'),))
        db.commit()

    assert gate.redrive(print, once=True).reasons == {"damaged": 1}

    (event,) = named(lines(Path(gate.settings.log or "")), "entry.skipped")
    assert (event["entry_ids"], event["reason"]) == ([entry_id], "damaged")
    assert entry(gate, entry_id).attempts == 0
