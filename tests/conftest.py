"""Fixtures that several test directories share."""

from __future__ import annotations

import os
import signal
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


# The same examples every time, and no deadline: the machine may be busy.
settings.register_profile("dq_gate", deadline=None, derandomize=True, database=None)
settings.load_profile("dq_gate")

# Compiling is a third of what a command's start takes, and tests start hundreds: what they start is to keep it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A run in the background, or under nohup, hands down signals that are ignored; what tests start has to heed them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
