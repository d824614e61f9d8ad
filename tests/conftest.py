"""Fixtures that several test directories share."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the whole run; tests keep apart by `namespace` and leave the process alone.

    A test that kills or stops its server starts its own: `with RedisServer(tmp_path) as server`.
    """
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def namespace() -> str:
    """A quarantine namespace that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
