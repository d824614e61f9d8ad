"""Fixtures for whole gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dq_gate import Gate
from dq_gate.gate import shell
from dq_gate.quarantine import writer
from tests.integration.gating import write_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.redis_server import RedisServer


@pytest.fixture
def small_pack(tmp_path: Path) -> Path:
    """A small pack's file."""
    return write_pack(tmp_path)


@pytest.fixture
def load(
    tmp_path: Path, small_pack: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Gate]]:
    """Loads gates with everything of theirs below `tmp_path`, and closes them at the end.

    A busy machine must not send their entries to the spool; tests that are about lateness are in `tests/faults`.
    Which admitted inputs are sampled is chance, so none is unless a test asks.
    """
    monkeypatch.setattr(writer, "PATIENCE", 3600.0)
    monkeypatch.setattr(writer, "STUCK_AFTER", 3600.0)
    monkeypatch.setattr(shell, "DEADLINE_NS", 3600 * 10**9)
    gates: list[Gate] = []

    def load(pack: Path = small_pack, **settings: Any) -> Gate:
        own = {
            "state_dir": tmp_path / "state",
            "log": str(tmp_path / "events.jsonl"),
            "namespace": namespace,
            "admitted_sample_rate": 0.0,
        }
        gates.append(Gate.load(pack, **own | settings))
        return gates[-1]

    yield load
    for gate in gates:
        gate.close()


@pytest.fixture(params=["sqlite", "redis"])
def quarantine(request: pytest.FixtureRequest, redis_server: RedisServer) -> str | None:
    """Each kind of quarantine in turn: the local one of a gate without an address, and a Redis."""
    return redis_server.url if request.param == "redis" else None
