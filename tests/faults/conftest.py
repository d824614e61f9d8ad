"""A server and a place for each fault test, and the table of what all of them found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.gate_load import GateLoad
from tests.faults.record import FINDINGS, name_of, write_table
from tests.integration.processes.place import Place
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ALL = "fault or not fault"
"""The marker expression of `make faults`."""
PAGE = HERE.parents[1] / "docs/explanation/reliability.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A redis-server of the test's own."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, namespace: str, server: RedisServer) -> Place:
    """Where the gates of a test keep everything."""
    return Place.make(tmp_path, namespace, server.url)


@pytest.fixture
def load(place: Place) -> GateLoad:
    """Callers of a gate on that server."""
    return GateLoad(place.settings)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the table after a complete run: one in which every fault test ran, and none failed."""
    option = session.config.option
    ran = {item.path for item in session.items}
    is_complete = option.markexpr == ALL and not option.keyword and ran == set(HERE.glob("test_*.py"))
    if is_complete and exitstatus == pytest.ExitCode.OK and not option.collectonly:
        write_table(PAGE, FINDINGS, (name_of(item.nodeid) for item in session.items))
