"""The wall clock jumps by hours, forward and back: nothing is lost, found twice, or in two hands."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine import keeper as keeper_module
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.spool import Spool, target_of, waiting
from dq_gate.quarantine.writer import Writer
from dq_gate.review.service import Review
from tests.fakes import Reports, eventually, make_entry
from tests.faults.judging import judge, kind_of, walk
from tests.faults.writing import WAIT, make_store
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.quarantine.entry import Entry, Store

HOUR = 3600.0
LEASE = 900.0
MANY = 60


class JumpingClock:
    """Seconds since the epoch, as a wall clock that somebody sets."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer, namespace: str) -> Iterator[Store]:
    """Each kind of store in turn."""
    url = redis_server.url if request.param == "redis" else f"sqlite:///{tmp_path / 'q.db'}"
    with closing(open_store(url, namespace, max_open=1000, timeout=5.0)) as store:
        yield store


def at(entry_id: str, namespace: str, moment: float) -> Entry:
    return replace(make_entry(entry_id, namespace=namespace), created_at=moment)


def test_entries_put_while_the_clock_jumps_are_all_found_once_and_in_order(
    store: Store, namespace: str, clock: JumpingClock
) -> None:
    chance = random.Random(6)
    ids = []
    for n in range(MANY):
        clock.now += chance.choice([1.0, 5 * HOUR, -5 * HOUR, -1.0])
        ids.append(f"{n}")
        assert store.put([at(ids[-1], namespace, clock.now)]) == ["created"]
    times = [entry.created_at for entry in walk(store)]
    assert times == sorted(times)
    judge(f"The clock set forward and back by hours between puts ({kind_of(store)})", store, ids)


@pytest.mark.parametrize("jump", [5 * HOUR, -5 * HOUR], ids=["forward", "back"])
def test_what_waits_in_the_spool_outlives_a_jump(
    tmp_path: Path, namespace: str, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setattr(keeper_module, "time", clock)
    directory = tmp_path / "spool"
    with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        writer = Writer(
            lambda: make_store(server.url, namespace),
            lambda: Spool(directory, target_of(server.url, namespace)),
            Reports(),
            store_kind="redis",
            probe_after=0.05,
            round_every=0.05,
            retention_s=24 * HOUR,
        )

        def put(entry_id: str) -> str:
            return writer.submit(at(entry_id, namespace, clock.now)).result(WAIT).stored

        assert put("mirrored") == "store"
        server.kill()
        assert put("before") == "spool"
        clock.now += jump
        assert put("after") == "spool"
        server.start()
        eventually(lambda: waiting(directory) == 0, WAIT)
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            eventually(lambda: sum(1 for _ in walk(store)) == 3, WAIT)
            writer.close(WAIT)
            where = "forward" if jump > 0 else "back"
            judge(
                f"The clock set {where} by 5 h while entries wait in the spool, and Redis lost all it had",
                store,
                ["mirrored", "before", "after"],
            )


def test_no_entry_is_in_two_hands_when_the_clock_jumps(store: Store, namespace: str, clock: JumpingClock) -> None:
    ids = [f"{n}" for n in range(MANY)]
    store.put([at(entry_id, namespace, clock.now) for entry_id in ids])
    ada, bob = (Review(store, who=who, emit=lambda _: None, lease_seconds=LEASE, clock=clock) for who in ("ada", "bob"))
    of_ada, _ = ada.claim(ids)
    clock.now -= 5 * HOUR
    _, refused = bob.claim(ids)
    assert {outcome.result for outcome in refused} == {"wrong_state"}
    assert {outcome.result for outcome in ada.release(ids[:20], of_ada.token)} == {"done"}
    clock.now += 10 * HOUR
    store.lapse(clock.now)
    of_bob, taken = bob.claim(ids[20:])
    assert {outcome.result for outcome in taken} == {"done"}
    assert {outcome.result for outcome in ada.discard(ids[20:], of_ada.token)} == {"lease_lost"}
    assert {outcome.result for outcome in bob.discard(ids[20:], of_bob.token)} == {"done"}
    decided = [[item.action for item in entry.history].count("discard") for entry in walk(store)]
    assert max(decided) == 1
    judge(f"The clock set back by 5 h and forward by 10 h under a lease ({kind_of(store)})", store, ids)
