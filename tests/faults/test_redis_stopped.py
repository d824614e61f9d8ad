"""Promises 1 and 2 while Redis hangs: frozen, paused, its scripts forgotten under way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes import eventually
from tests.faults.gate_load import GateLoad
from tests.integration.processes.place import Place
from tests.redis_server import RedisServer
from tests.redis_topologies import ask

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seconds", [1, pytest.param(12, marks=pytest.mark.fault)])
def test_a_redis_that_is_stopped_for_a_while(load: GateLoad, server: RedisServer, seconds: int) -> None:
    with load:
        load.await_more("store", 200)
        server.stop()
        time.sleep(seconds)
        server.cont()
        load.await_more("store", 200)
    load.judge(f"Redis stopped for {seconds} s (SIGSTOP)")


def test_clients_that_redis_makes_wait(load: GateLoad, server: RedisServer) -> None:
    with load:
        load.await_more("store", 200)
        ask(server, "CLIENT", "PAUSE", 1000, "ALL")
        load.await_more("spool", 100)
        load.await_more("store", 200)
    load.judge("CLIENT PAUSE for 1 s")


def test_scripts_that_redis_forgets_while_they_are_used(load: GateLoad, server: RedisServer) -> None:
    with load:
        for _ in range(20):
            ask(server, "SCRIPT", "FLUSH", "SYNC")
            load.await_more("store", 20)
    load.judge("SCRIPT FLUSH, 20 times while putting")


@pytest.mark.fault
def test_a_redis_that_restarts_with_much_to_load(tmp_path: Path, namespace: str) -> None:
    with RedisServer(tmp_path / "redis", "--enable-debug-command", "yes") as server:
        ask(server, "DEBUG", "POPULATE", 20_000)
        ask(server, "BGREWRITEAOF")
        eventually(lambda: not ask(server, "INFO", "persistence")["aof_rewrite_in_progress"])
        load = GateLoad(Place.make(tmp_path, namespace, server.url).settings)
        with load:
            load.await_more("store", 200)
            server.kill()
            server.options += ("--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024")
            server.start()
            load.await_more("store", 200)
        load.judge("Redis killed (SIGKILL), then 2 s of LOADING")
