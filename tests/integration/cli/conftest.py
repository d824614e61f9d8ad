"""Fixtures for the command line."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.cli import main
from tests.integration.cli.command import Result, environment, write_lines
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - environment().keys():
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command in this process, through `main`: for commands that a process of their own tells nothing about."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["dq-gate", *map(str, arguments)])
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        for number, handler in handlers.items():  # or a process started from here would ignore them
            signal.signal(number, handler)
        out, err = capsysbinary.readouterr()
        return Result(int(left.value.code or 0), out.decode(), err.decode())

    return run


@pytest.fixture
def events(place: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Events of a name in the state directory's log."""

    def events(name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, (place / ".dq_gate" / "events.jsonl").read_text().splitlines())
        return [line for line in lines if line["event"] == f"dq_gate.{name}"]

    return events


@pytest.fixture
def quarantined(place: Path, run: Run) -> list[str]:
    """Ids in the quarantine, oldest first: two with a control character, one blank."""
    write_lines(place / "bad.jsonl", {"query": "first\x01"}, {"query": "second\x02"}, {"query": " "})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    return [row["id"] for row in run("quarantine", "list", "--format", "jsonl").rows]


@pytest.fixture
def silent_redis(tmp_path: Path) -> str:
    """Address of a Redis that refuses connections."""
    return RedisServer(tmp_path / "redis").url
