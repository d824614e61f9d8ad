"""Where programs and servers in processes of their own keep everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.processes.place import Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, namespace: str, quarantine: str | None) -> Place:
    """Where the processes of one test keep everything, on each kind of quarantine."""
    return Place.make(tmp_path, namespace, quarantine)
