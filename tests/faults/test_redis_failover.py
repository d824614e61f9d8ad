"""Promises 1 and 2 where sentinels put a replica in the place of a primary that died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import eventually
from tests.faults.gate_load import WAIT, GateLoad
from tests.integration.processes.place import Place
from tests.redis_topologies import Watched, ask

if TYPE_CHECKING:
    from pathlib import Path


def load(tmp_path: Path, namespace: str, url: str) -> GateLoad:
    """Callers of a gate whose entries one replica must confirm."""
    return GateLoad(Place.make(tmp_path, namespace, url).settings | {"wait_replicas": 1})


@pytest.mark.fault
def test_a_failover_by_sentinels_loses_nothing_and_holds_nobody(tmp_path: Path, namespace: str) -> None:
    with Watched(tmp_path / "redis", replicas=2) as servers:
        with load(tmp_path, namespace, servers.url) as callers:
            callers.await_more("store", 200)
            servers.primary.kill()
            callers.await_more("spool", 100)
            eventually(lambda: servers.current_primary() is not servers.primary, WAIT)
            callers.await_more("store", 200)
        callers.judge("Sentinel failover: the primary killed, a replica promoted (wait_replicas = 1)")


@pytest.mark.fault
def test_a_primary_that_hangs_and_comes_back_when_another_has_its_place_takes_nothing(
    tmp_path: Path, namespace: str
) -> None:
    with Watched(tmp_path / "redis", replicas=2) as servers:
        with load(tmp_path, namespace, servers.url) as callers:
            callers.await_more("store", 200)
            servers.primary.stop()
            callers.await_more("spool", 100)
            eventually(lambda: servers.current_primary() is not servers.primary, WAIT)
            servers.primary.cont()  # for a moment there are two primaries
            callers.await_more("store", 200)
        callers.judge("Sentinel failover: the primary hangs, comes back and is made a replica (wait_replicas = 1)")


@pytest.mark.fault
def test_a_primary_that_dies_cut_off_from_its_replica_takes_nothing_acknowledged_along(
    tmp_path: Path, namespace: str
) -> None:
    with Watched(tmp_path / "redis", sentinels=1) as servers:
        (replica,), (sentinel,) = servers.replicas, servers.sentinels
        with load(tmp_path, namespace, servers.url) as callers:
            callers.await_more("store", 200)
            ask(replica, "REPLICAOF", "127.0.0.1", 1)
            callers.await_more("spool", 200)
            servers.primary.kill()
            ask(replica, "REPLICAOF", "NO", "ONE")
            ask(sentinel, "SENTINEL", "REMOVE", "main")
            ask(sentinel, "SENTINEL", "MONITOR", "main", "127.0.0.1", replica.port, 1)
            callers.await_more("spool", 100)
            servers.primary.options = (*servers.primary.options, "--replicaof", f"127.0.0.1 {replica.port}")
            servers.primary.start()
            callers.await_more("store", 200)
        callers.judge("Replication cut, then the primary killed (wait_replicas = 1)")
