"""Promise 1: what a gate acknowledged survives the deaths of Redis, at every setting of its fsync."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.faults.gate_load import GateLoad
from tests.integration.processes.place import Place
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 3


@pytest.mark.fault
@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_a_redis_that_is_killed_mid_batch(tmp_path: Path, namespace: str, fsync: str) -> None:
    chance = random.Random(fsync)
    with RedisServer(tmp_path / "redis", "--appendfsync", fsync) as server:
        load = GateLoad(Place.make(tmp_path, namespace, server.url).settings)
        with load:
            for _ in range(KILLS):
                load.await_more("store", chance.randint(50, 250))
                server.kill()
                load.await_more("spool", chance.randint(50, 250))
                server.start()
            load.await_more("store", 100)
        load.judge(f"Redis killed {KILLS} times mid-batch (SIGKILL), appendfsync {fsync}")
