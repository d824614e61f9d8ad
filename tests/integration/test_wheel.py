"""The built wheel carries everything that runs, and nothing that does not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_carries_the_shipped_rules(names: list[str]) -> None:
    shipped = {f"dq_gate/rules/{path.name}" for path in (ROOT / "rules").iterdir()}

    assert shipped <= set(names)


def test_wheel_carries_every_file_of_the_package(names: list[str]) -> None:
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "dq_gate").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert package <= set(names)


def test_wheel_carries_no_tests(names: list[str]) -> None:
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]
