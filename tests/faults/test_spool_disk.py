"""A state directory without room: what does not fit is refused by name, and nothing that was acknowledged goes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from dq_gate.events import StoreDegraded
from dq_gate.quarantine.spool import waiting
from tests.fakes import Reports, eventually, make_entry
from tests.faults.disks import needs_mount, small_disk
from tests.faults.judging import judge
from tests.faults.promise import Control
from tests.faults.writing import WAIT, make_store, make_writer, timed_put
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


@needs_mount
def test_a_spool_whose_disk_is_full(tmp_path: Path, namespace: str) -> None:
    reports, stored, waits = Reports(), {}, []
    with small_disk(tmp_path / "state", 2) as disk, RedisServer(tmp_path / "redis") as server, Control() as control:
        writer = make_writer(server.url, disk.path / "spool", namespace, reports)

        def put(entry_id: str) -> str:
            entry = make_entry(entry_id, namespace=namespace, payload=b'"' + b"x" * 2000 + b'"')
            stored[entry_id], wait = timed_put(writer, entry)
            waits.append(wait)
            return stored[entry_id]

        put("first")
        server.kill()
        n = 0
        while put(f"spooled-{n}") != "none":
            n += 1
        assert [put(f"refused-{n}") for n in range(20)] == ["none"] * 20
        server.start()
        eventually(lambda: waiting(disk.path / "spool") == 0, WAIT)
        assert put("after") == "store"
        server.kill()
        assert put("again") == "spool"
        server.start()
        eventually(lambda: waiting(disk.path / "spool") == 0, WAIT)
        assert writer.unkept == list(stored.values()).count("none")
        assert writer.close(WAIT) == 0
        kept = {entry_id for entry_id, place in stored.items() if place in {"store", "spool"}}
        with closing(make_store(server.url, namespace, timeout=5.0)) as store:
            longest = control.longest(waits) or max(wait.ended - wait.began for wait in waits)
            judge(
                "The disk of the spool full (tmpfs) while Redis is down",
                store,
                kept,
                unknown=stored,
                longest_wait_s=longest,
            )
    (told,) = [event for event in reports.of(StoreDegraded) if event.store == "spool"]
    assert told.reason == "its disk is full"
