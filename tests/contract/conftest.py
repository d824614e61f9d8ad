"""The stores the contract is held against: SQLite in a file, Redis on a real server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import pytest
import redis

from dq_gate.quarantine.address import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.quarantine.entry import Store


class OpenStore(Protocol):
    """Opens one more store on the same data, closed when the test ends."""

    def __call__(self, *, max_open: int = 100_000, max_bytes: int = 0, namespace: str | None = None) -> Store: ...


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty quarantine of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'quarantine.db'}"
    return request.getfixturevalue("redis_server").url


@pytest.fixture
def open_another(url: str, namespace: str) -> Iterator[OpenStore]:
    opened: list[Store] = []
    in_force = namespace

    def open_another(*, max_open: int = 100_000, max_bytes: int = 0, namespace: str | None = None) -> Store:
        # Generous: these tests are about meaning, and the machine may be busy.
        store = open_store(url, namespace or in_force, max_open=max_open, max_bytes=max_bytes, timeout=10.0)
        opened.append(store)
        return store

    yield open_another
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: OpenStore) -> Store:
    return open_another()


@pytest.fixture
def in_version_1(store: Store, url: str, namespace: str) -> Store:
    """A store whose namespace the release before still uses."""
    store.ping()
    store.close()
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            db.execute("PRAGMA user_version = 1")
    else:
        with redis.Redis.from_url(url) as server:
            server.hset(f"dq:{{{namespace}}}:meta", "schema", 1)
    return store
