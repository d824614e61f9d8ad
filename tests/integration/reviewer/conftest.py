"""A reviewer's desk on a real quarantine that a real gate filled."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dq_gate import Gate
from dq_gate.cli.reviewer.desk import Desk
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.entry import Filter
from dq_gate.review.service import Review
from tests.fakes import Reports, eventually
from tests.integration.gating import refusal, write_pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.quarantine.entry import Store

INPUTS = ("a forbidden word", "forbidden \x1b]0;owned\x07 \u202e\u200b", "forbidden 3", " ", "\t")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with Gate.load(write_pack(tmp_path), state_dir=tmp_path / "state", log=str(tmp_path / "events.jsonl")) as gate:
        yield gate


@pytest.fixture
def store(gate: Gate) -> Iterator[Store]:
    with closing(connect(gate.settings)) as store:
        yield store


@pytest.fixture
def ids(gate: Gate, store: Store) -> list[str]:
    """Entries in the order of `INPUTS`: a group of three, and one of two."""
    ids = [refusal(gate, {"query": text}, key=str(number)).entry_id for number, text in enumerate(INPUTS)]
    eventually(lambda: all(map(store.get, ids)))  # on a busy machine some go by way of the spool
    return ids


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def desk(store: Store, ids: list[str], gate: Gate, reports: Reports) -> Desk:
    review = Review(store, who="ada", emit=reports, lease_seconds=60.0)
    return Desk(review, "token-of-ada", gate, Filter())


@pytest.fixture
def other(store: Store, gate: Gate) -> Desk:
    """Someone else's desk on the same quarantine."""
    return Desk(Review(store, who="bob", emit=Reports(), lease_seconds=60.0), "token-of-bob", gate, Filter())
