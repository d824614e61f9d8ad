"""A process may fork at any time: parent and child go on, each with its own threads, files and sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine.spool import Spool, target_of, waiting
from tests.fakes import eventually
from tests.faults import process
from tests.faults.writing import count_kept, times_kept
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = 500 + 20 + 50 + 20


@pytest.mark.parametrize("is_up", [True, False], ids=["redis up", "redis down"])
def test_parent_and_child_both_keep_what_they_put(tmp_path: Path, namespace: str, *, is_up: bool) -> None:
    spool = tmp_path / "spool"
    with RedisServer(tmp_path / "redis") as server:
        if not is_up:
            server.kill()
        with process.start("fork_while_writing", server.url, spool, namespace) as parent:
            assert parent.stdout is not None
            assert parent.stdin is not None
            childs_exit, *stored = parent.stdout.readline().split()
            assert childs_exit == "0"
            assert set(stored) <= {"store", "spool"}
            if not is_up:
                server.start()
            eventually(lambda: count_kept(server.url, namespace) == ENTRIES)
            parent.stdin.write("\n")
            parent.stdin.flush()
            assert parent.stdout.readline() == "0\n"
        assert set(times_kept(server.url, namespace).values()) == {1}
    assert waiting(spool) == 0


def test_a_child_may_use_sqlite_though_its_parent_was_using_it(tmp_path: Path, namespace: str) -> None:
    with process.start("fork_often", "", tmp_path / "spool", namespace) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "0\n"


def test_a_child_that_lives_on_does_not_keep_its_dead_parents_spool_locked(tmp_path: Path, namespace: str) -> None:
    spool = tmp_path / "spool"
    with RedisServer(tmp_path / "redis") as server:
        server.kill()
        with process.start("fork_and_wait", server.url, spool, namespace) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "forked\n"
            heir = Spool(spool, target_of(server.url, namespace))
            assert list(heir.orphans()) == []
            parent.kill()
            parent.wait()
            assert [orphan.count() for orphan in heir.orphans()] == [20]
