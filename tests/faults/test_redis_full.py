"""Promises 1 and 2 when Redis has no memory, or no disk, for what it is to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.disks import needs_mount, small_disk
from tests.faults.gate_load import GateLoad
from tests.integration.processes.place import Place
from tests.redis_server import RedisServer
from tests.redis_topologies import ask

if TYPE_CHECKING:
    from pathlib import Path


def test_a_redis_without_memory(load: GateLoad, server: RedisServer) -> None:
    with load:
        load.await_more("store", 200)
        ask(server, "CONFIG", "SET", "maxmemory", 1)
        load.await_more("spool", 200)
        ask(server, "CONFIG", "SET", "maxmemory", 0)
        load.await_more("store", 200)
    load.judge("Redis out of memory (maxmemory, noeviction)")


@needs_mount
@pytest.mark.fault
@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
def test_a_redis_whose_disk_is_full(tmp_path: Path, namespace: str, dies: bool) -> None:
    with small_disk(tmp_path / "redis", 4) as disk, RedisServer(disk.path) as server:
        load = GateLoad(Place.make(tmp_path, namespace, server.url).settings)
        with load:
            load.await_more("store", 200)
            disk.fill()
            load.await_more("spool", 200)
            if dies:
                server.kill()
            disk.clear()
            if dies:
                server.start()
            load.await_more("store", 200)
        load.judge("The disk of Redis full (tmpfs)" + (", and Redis killed meanwhile (SIGKILL)" if dies else ""))


@needs_mount
@pytest.mark.fault
def test_a_redis_that_ends_itself_because_its_disk_is_full(tmp_path: Path, namespace: str) -> None:
    with small_disk(tmp_path / "redis", 4) as disk, RedisServer(disk.path, "--appendfsync", "always") as server:
        load = GateLoad(Place.make(tmp_path, namespace, server.url).settings)
        with load:
            load.await_more("store", 200)
            disk.fill()
            load.await_more("spool", 200)
            server.close()
            disk.clear()
            server.start()
            load.await_more("store", 200)
        load.judge("The disk of Redis full (tmpfs), appendfsync always: Redis ends itself")
