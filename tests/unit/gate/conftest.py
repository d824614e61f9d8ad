"""A gate between fakes, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.gate.kinds import KINDS
from tests.unit.gate.stage import make_gate

if TYPE_CHECKING:
    from dq_gate import Gate
    from tests.unit.gate.kinds import Kind
    from tests.unit.gate.stage import FakeRuntime


@pytest.fixture
def _stage() -> tuple[Gate, FakeRuntime]:
    return make_gate()


@pytest.fixture
def gate(_stage: tuple[Gate, FakeRuntime]) -> Gate:
    """A gate that is at work already."""
    return _stage[0]


@pytest.fixture
def runtime(_stage: tuple[Gate, FakeRuntime]) -> FakeRuntime:
    """What the gate works with."""
    return _stage[1]


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of function in turn."""
    found: Kind = request.param
    return found


@pytest.fixture
def calls() -> list[Any]:
    """The calls that came through to a guarded function."""
    return []
