"""A consumer of released entries dies in the middle of its work: another takes over, and no entry is missed."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dq_gate import Gate
from dq_gate.gate.runtime import connect
from dq_gate.review.service import Review
from tests.faults import process
from tests.faults.judging import judge, walk
from tests.integration.gating import refusal, write_pack
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

MANY = 300
KILLS = 4


@pytest.mark.fault
def test_a_redriver_that_is_killed_at_random_points(tmp_path: Path, namespace: str) -> None:
    chance = random.Random(7)
    handled: Counter[str] = Counter()
    with RedisServer(tmp_path / "redis") as server:
        place = {
            "quarantine": server.url,
            "namespace": namespace,
            "state_dir": tmp_path / "state",
            "log": str(tmp_path / "events.jsonl"),
            "redrive_lease_s": 1.0,
        }
        with Gate.load(write_pack(tmp_path), **place) as gate:
            ids = [refusal(gate).entry_id for _ in range(MANY)]
        with closing(connect(gate.settings.model_copy(update={"store_timeout": 10.0}))) as store:
            review = Review(store, who="ada", emit=lambda _: None, lease_seconds=900.0)
            lease, _ = review.claim(ids)
            review.release(ids, lease.token, waive=["query.text.deny"], reason="the rule is wrong here")
            for _ in range(KILLS):
                with process.start("redrive", server.url, tmp_path, namespace) as victim:
                    assert victim.stdout is not None
                    assert victim.stdout.readline() == "begun\n"
                    goal = chance.randint(1, MANY // KILLS)
                    handled.update(victim.stdout.readline().strip() for _ in range(goal))
                    victim.kill()
                    handled.update(line.strip() for line in victim.stdout.readlines())
            with Gate.load(tmp_path / "small.yaml", **place) as heir:
                while store.stats().by_state["released"]:
                    heir.redrive(lambda record, entry_id: handled.update([entry_id]), once=True)
                    time.sleep(0.1)  # a dead consumer's lease has to run out
            found = list(walk(store))
            judge(f"The redriver killed {KILLS} times (SIGKILL)", store, ids)
    assert {entry.state for entry in found} == {"redriven"}
    assert handled.keys() == set(ids)
    assert all([item.action for item in entry.history].count("redrive") == 1 for entry in found)
    assert sum(handled.values()) <= MANY + KILLS
