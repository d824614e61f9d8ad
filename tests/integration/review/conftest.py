"""Fixtures for reviewing: each test runs on both stores."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine.address import open_store
from tests.integration.review.desk import Clock, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.quarantine.entry import Store
    from dq_gate.review.service import Review


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, namespace: str) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'quarantine.db'}"
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    with closing(open_store(url, namespace, max_open=100_000, timeout=10.0)) as store:
        yield store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(store: Store, namespace: str, clock: Clock) -> Desk:
    return Desk(store, namespace, clock)


@pytest.fixture
def review(desk: Desk) -> Review:
    return desk.reviewer()
