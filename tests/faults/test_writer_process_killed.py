"""Promise 1: what was acknowledged survives the death of the process, and of process and Redis together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.events import SpoolDrained, StoreUnsafe
from dq_gate.quarantine.spool import waiting
from tests.fakes import Reports, eventually, make_entry
from tests.faults import process
from tests.faults.writing import WAIT, count_kept, make_writer, times_kept
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_process_drains_the_spool_of_one_that_was_killed(tmp_path: Path, namespace: str) -> None:
    spool, reports = tmp_path / "spool", Reports()
    with RedisServer(tmp_path / "redis") as server:
        server.kill()
        with process.start("put", server.url, spool, namespace) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "spool\n"
            victim.kill()
        assert waiting(spool) == 500
        server.start()
        writer = make_writer(server.url, spool, namespace, reports)
        assert writer.submit(make_entry("new", namespace=namespace)).result(WAIT).stored == "store"
        eventually(lambda: count_kept(server.url, namespace) == 501)
        assert writer.close(WAIT) == 0
        assert set(times_kept(server.url, namespace).values()) == {1}
    assert SpoolDrained(entries=500, adopted=500) in reports.events
    assert waiting(spool) == 0


def test_what_an_unsafe_redis_took_survives_the_death_of_both(tmp_path: Path, namespace: str) -> None:
    spool, reports = tmp_path / "spool", Reports()
    with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        with process.start("put", server.url, spool, namespace) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "store\n"
            server.kill()
            victim.kill()
        server.start()
        assert count_kept(server.url, namespace) == 0
        writer = make_writer(server.url, spool, namespace, reports)
        writer.submit(make_entry("new", namespace=namespace)).result(WAIT)
        eventually(lambda: count_kept(server.url, namespace) == 501)
        writer.close(WAIT)
    assert [type(event) for event in reports.events].count(StoreUnsafe) == 1


def test_what_an_unsafe_redis_took_survives_its_death_while_the_process_goes_on(tmp_path: Path, namespace: str) -> None:
    with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        writer = make_writer(server.url, tmp_path / "spool", namespace, Reports())
        for n in range(50):
            assert writer.submit(make_entry(str(n), namespace=namespace)).result(WAIT).stored == "store"
        server.kill()
        assert writer.submit(make_entry("meanwhile", namespace=namespace)).result(WAIT).stored == "spool"
        server.start()
        eventually(lambda: count_kept(server.url, namespace) == 51)
        writer.close(WAIT)
