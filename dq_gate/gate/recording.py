"""A sample of admitted inputs, kept on request: what `rules backtest` shows a new version of a pack.

Lines of JSON in the state directory, a file per process and piece, mode 0600. Size and age are bounded: the oldest
pieces go first.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.core.shape import masked
from dq_gate.errors import UnreadableEntryError
from dq_gate.events import RecordingFailed
from dq_gate.quarantine.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from dq_gate.events import Event
    from dq_gate.gate.rules import Rules
    from dq_gate.settings import Settings

MAX_WAITING = 16 * 1024 * 1024
"""Bytes of recorded inputs held in memory until the next window closes; what comes on top is not recorded."""
PIECES = 10
"""The limit on size is kept in steps of a tenth."""
_DAY = 86_400.0


class Recorder:
    """Samples admitted inputs and writes them with every window. Thread-safe.

    Args:
        settings: What is recorded, and how much of it is kept.
        process: Names this process's files.
        report: Takes the event that a write failed.
    """

    def __init__(self, settings: Settings, process: str, report: Callable[[Event], None]) -> None:
        self._is_masked = settings.record == "masked"
        self._rate = settings.record_rate
        self._max_bytes = settings.record_max_mb * 1e6
        self._max_age = settings.record_days * _DAY
        self._folder = folder_of(settings)
        self._stem = f"{settings.namespace}.{settings.source}"
        self._process = process
        self._report = report
        self._lines: list[bytes] = []
        self._waiting = 0
        self._taking = threading.Lock()
        self._piece: Path | None = None
        self._writing = threading.Lock()

    def offer(self, rules: Rules, record: Mapping[str, Any]) -> None:
        """Take an admitted input into the sample, or not.

        Only fields that the pack names are kept, and of these what the pack lets the quarantine keep. An input that
        cannot be kept whole is left out: cut, it would get another verdict.
        """
        if random.random() >= self._rate:  # noqa: S311 - sampling
            return
        kept = {name: record[name] for name in rules.names if name in record and name not in rules.withheld}
        kept = masked(kept) if self._is_masked else rules.redacted(kept)
        encoded = encode(kept)
        if encoded.complete:
            line = {"at": time.time(), "pack": rules.pack.id.name, "record": orjson.Fragment(encoded.payload)}
            self._take(orjson.dumps(line) + b"\n")

    def _take(self, line: bytes) -> None:
        with self._taking:
            if self._waiting + len(line) <= MAX_WAITING:
                self._lines.append(line)
                self._waiting += len(line)

    def flush(self) -> None:
        """Write what was sampled, and remove what is too old or too much."""
        with self._writing:
            with self._taking:
                lines, self._lines, self._waiting = self._lines, [], 0
            try:
                if lines:
                    self._write(b"".join(lines))
                self._sweep()
            except OSError as error:
                self._report(RecordingFailed(error.strerror or type(error).__name__, len(lines)))

    def _write(self, content: bytes) -> None:
        if self._piece is None or not self._piece.exists() or self._piece.stat().st_size > self._max_bytes / PIECES:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._piece = self._folder / f"{self._stem}.{time.time_ns()}.{self._process}.jsonl"
            self._piece.touch(mode=0o600)
        with self._piece.open("ab") as piece:
            piece.write(content)

    def _sweep(self) -> None:
        """Remove the oldest pieces; another process may be at it too."""
        kept = 0.0
        for piece in reversed(_pieces(self._folder, self._stem)):
            with suppress(FileNotFoundError):
                status = piece.stat()
                kept += status.st_size
                if time.time() - status.st_mtime > self._max_age or (kept > self._max_bytes and piece != self._piece):
                    piece.unlink(missing_ok=True)


def folder_of(settings: Settings) -> Path:
    """Where recordings are."""
    return settings.state_dir / "recordings"


def recorded(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every recorded input of the settings' namespace and source, oldest piece first.

    A line that is cut, or still being written, is left out.
    """
    for piece in _pieces(folder_of(settings), f"{settings.namespace}.{settings.source}"):
        with suppress(FileNotFoundError), piece.open("rb") as lines:
            for line in lines:
                with suppress(orjson.JSONDecodeError, LookupError, TypeError, UnreadableEntryError):
                    record = decode(orjson.dumps(orjson.loads(line)["record"]))
                    if isinstance(record, dict):
                        yield record


def _pieces(folder: Path, stem: str) -> list[Path]:
    """The files of one namespace and source, oldest first; other sources' names may begin alike."""
    found = [piece for piece in folder.glob(f"{stem}.*.jsonl") if piece.name.count(".") == stem.count(".") + 3]
    return sorted(found, key=lambda piece: piece.name.split(".")[-3])
