"""Promise 1: what was acknowledged outlives whoever was killed, at whatever point of the work."""

from __future__ import annotations

import random
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine.spool import Spool, target_of, waiting
from tests.fakes import Reports, eventually, make_entry
from tests.faults import process
from tests.faults.judging import judge
from tests.faults.writing import WAIT, make_store, make_writer
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPOOLED = 4000


def said(lines: Iterable[str]) -> tuple[set[str], set[str]]:
    """Ids that a producer began to put, and those of which it was told that they are kept."""
    begun: set[str] = set()
    kept: set[str] = set()
    for line in lines:
        entry_id, word = line.split()
        if word == "begun":
            begun.add(entry_id)
        elif word in {"store", "spool"}:
            kept.add(entry_id)
    return begun, kept


def bring_home(url: str, directory: Path, namespace: str) -> str:
    """Let a healthy process drain all spools; gives the id of the entry that it puts itself."""
    writer = make_writer(url, directory, namespace, Reports())
    receipt = writer.submit(make_entry("healthy", namespace=namespace)).result(WAIT)
    assert receipt.stored == "store"
    eventually(lambda: waiting(directory) == 0, WAIT)
    assert writer.close(WAIT) == 0
    return receipt.entry_id


@pytest.mark.fault
def test_a_producer_that_is_killed_at_random_points(tmp_path: Path, namespace: str) -> None:
    chance = random.Random(4)
    lines: list[str] = []
    with RedisServer(tmp_path / "redis") as server:
        for is_up in (True, False, True, True, False, True):
            if not is_up:
                server.kill()
            with process.start("put_and_tell", server.url, tmp_path / "spool", namespace) as victim:
                assert victim.stdout is not None
                lines += [victim.stdout.readline() for _ in range(chance.randint(1, 800))]
                victim.kill()
                lines += victim.stdout.readlines()
            if not is_up:
                server.start()
        begun, kept = said(lines)
        kept.add(bring_home(server.url, tmp_path / "spool", namespace))
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            judge("The producer killed 6 times (SIGKILL), Redis up or down", store, kept, unknown=begun)


@pytest.mark.fault
def test_a_drainer_that_is_killed_at_random_points(tmp_path: Path, namespace: str) -> None:
    chance = random.Random(5)
    directory = tmp_path / "spool"
    with RedisServer(tmp_path / "redis") as server:
        spool = Spool(directory, target_of(server.url, namespace))
        ids = [f"spooled-{n}" for n in range(SPOOLED)]
        for start in range(0, SPOOLED, 1000):
            spool.put([make_entry(entry_id, namespace=namespace) for entry_id in ids[start : start + 1000]])
        spool.close()
        own = []
        for _ in range(6):
            with process.start("drain", server.url, directory, namespace) as victim:
                assert victim.stdout is not None
                assert victim.stdout.readline() == "begun\n"
                own.append(f"{victim.pid}-0")
                time.sleep(chance.uniform(0.0, 0.1))
                victim.kill()
        own.append(bring_home(server.url, directory, namespace))
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            judge("The drainer killed 6 times in mid-drain (SIGKILL)", store, ids + own)
