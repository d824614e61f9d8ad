"""A gate whose store is away and whose spool is full still refuses, says so once, and counts what it could not keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate import Gate
from tests.fakes import eventually
from tests.integration.gating import lines, named, refusal, write_pack
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from pathlib import Path


def test_what_does_not_fit_is_refused_told_once_and_counted(tmp_path: Path, namespace: str) -> None:
    log = tmp_path / "events.jsonl"
    with RedisServer(tmp_path / "redis") as server:
        server.kill()
        gate = Gate.load(
            write_pack(tmp_path),
            quarantine=server.url,
            namespace=namespace,
            state_dir=tmp_path / "state",
            log=str(log),
            spool_max_mb=0.1,
        )
        with gate:
            while refusal(gate).stored != "none":
                pass
            assert [refusal(gate).stored for _ in range(5)] == ["none"] * 5
            server.start()
            eventually(lambda: refusal(gate).stored == "store")
    events = lines(log)
    spool = [event for event in named(events, "store.degraded") if event["store"] == "spool"]
    unkept = [event for event in named(events, "input.quarantined") if event["stored"] == "none"]
    assert [event["error"] for event in spool] == ["SpoolFullError"]
    assert "full" in spool[0]["reason"]
    assert sum(window["unkept"] for window in named(events, "window.closed")) == len(unkept) >= 6
