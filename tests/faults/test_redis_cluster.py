"""Promises 1 and 2 in a cluster, while slots move and nodes die."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from tests.fakes import eventually
from tests.faults.gate_load import WAIT, GateLoad
from tests.integration.processes.place import Place
from tests.redis_topologies import Cluster

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.fault
def test_a_slot_that_moves_to_and_fro_under_load_loses_and_doubles_nothing(tmp_path: Path, namespace: str) -> None:
    key = f"dq:{{{namespace}}}:"
    slot = redis.crc.key_slot(key.encode())
    with Cluster(tmp_path / "redis") as cluster:
        with GateLoad(Place.make(tmp_path, namespace, cluster.url).settings) as callers:
            callers.await_more("store", 200)
            for _ in range(2):
                source = cluster.owner_of(key)
                target = next(node for node in cluster.primaries if node is not source)
                cluster.begin_move(slot, source, target)
                callers.await_more("spool", 50)
                cluster.finish_move(slot, source, target)
                callers.await_more("store", 200)
        callers.judge("Cluster: the namespace's slot moved to another node and back under load")


@pytest.mark.fault
@pytest.mark.parametrize("shards", [1, 6])
def test_a_lost_node_loses_nothing_once_its_replica_has_taken_over(tmp_path: Path, namespace: str, shards: int) -> None:
    prefix = f"dq:{{{namespace}}}:" if shards == 1 else f"dq:{{{namespace}/0}}:"
    with Cluster(tmp_path / "redis", has_replicas=True) as cluster:
        lost = cluster.owner_of(prefix)
        assert lost is not None
        url = f"redis+cluster://127.0.0.1:{lost.port}"  # no other node is named
        settings = Place.make(tmp_path, namespace, url).settings | {"shards": shards, "wait_replicas": 1}
        with GateLoad(settings) as callers:
            callers.await_more("store", 200)
            replica = cluster.replicas[cluster.primaries.index(lost)]
            lost.kill()
            callers.await_more("spool", 100)
            eventually(lambda: cluster.owner_of(prefix) is replica, WAIT)
            lost.start()  # it comes back as the replica of its replica, and confirms
            callers.await_more("store", 200)
        callers.judge(f"Cluster: a node killed, its replica promoted (wait_replicas = 1, shards = {shards})")
