"""A disk that takes nothing more costs entries while Redis is away too, but no caller and no process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes import eventually
from tests.faults import process
from tests.faults.writing import count_kept
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_full_disk_is_told_and_got_over(tmp_path: Path, namespace: str) -> None:
    with RedisServer(tmp_path / "redis") as server:
        server.kill()
        with process.start("fill_the_disk", server.url, tmp_path / "spool", namespace) as starving:
            assert starving.stdout is not None
            assert starving.stdin is not None
            assert starving.stdout.readline().split() == ["none", "spool", "redis", "spool"]
            server.start()
            eventually(lambda: count_kept(server.url, namespace) >= 10)
            starving.stdin.write("\n")
            starving.stdin.flush()
        assert starving.returncode == 0


def test_a_directory_that_may_not_be_written_is_told_and_survived(tmp_path: Path, namespace: str) -> None:
    (tmp_path / "state").mkdir(mode=0o500)
    with RedisServer(tmp_path / "redis") as server:
        server.kill()
        spool = tmp_path / "state" / "spool"
        with process.start("may_not_write", server.url, spool, namespace) as starving:
            assert starving.stdout is not None
            none, *events = starving.stdout.readline().split()
        assert none == "none"
        assert sorted(events) == ["redis", "spool"]
        assert starving.returncode == 0
