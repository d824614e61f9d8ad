"""A sample of admitted inputs, kept on request: what `rules backtest` shows a new version of a pack.

Lines of JSON in the state directory, a file per process and piece, mode 0600. Size and age are bounded: the oldest
pieces go first. Whoever writes a piece locks it (flock) and then looks at `erased.json`: what a process still had in
memory of a subject whose data was erased is not written.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import orjson

from dq_gate.core.shape import masked
from dq_gate.errors import UnreadableEntryError
from dq_gate.events import RecordingFailed
from dq_gate.quarantine.build import subjects_in
from dq_gate.quarantine.codec import decode, encode
from dq_gate.quarantine.vault import subject_digest, vault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from dq_gate.events import Event
    from dq_gate.gate.rules import Rules
    from dq_gate.settings import Settings

MAX_WAITING = 16 * 1024 * 1024
"""Bytes of recorded inputs held in memory until the next window closes; what comes on top is not recorded."""
PIECES = 10
"""The limit on size is kept in steps of a tenth."""
_DAY = 86_400.0
_ERASED = "erased.json"
_DRAFT = ".draft"


@dataclass(frozen=True, slots=True)
class _Line:
    """An input to be recorded: when it came, whose data it is, and what is written."""

    at: float
    subjects: tuple[str, ...]
    content: bytes


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
        self._namespace = settings.namespace
        self._stem = f"{settings.namespace}.{settings.source}"
        self._vault = vault_of(settings)
        self._process = process
        self._report = report
        self._lines: list[_Line] = []
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
            subjects = self._vault.subjects(subjects_in(record, rules.subject_fields, self._namespace))
            now = time.time()
            line = {"at": now, "pack": rules.pack.id.name, "subjects": subjects}
            content = orjson.dumps(line | {"record": orjson.Fragment(encoded.payload)}) + b"\n"
            self._take(_Line(now, subjects, content))

    def _take(self, line: _Line) -> None:
        size = len(line.content)
        with self._taking:
            if self._waiting + size <= MAX_WAITING:
                self._lines.append(line)
                self._waiting += size

    def flush(self) -> None:
        """Write what was sampled, and remove what is too old or too much."""
        with self._writing:
            with self._taking:
                lines, self._lines, self._waiting = self._lines, [], 0
            try:
                if lines:
                    self._write(lines)
                self._sweep()
            except OSError as error:
                self._report(RecordingFailed(error.strerror or type(error).__name__, len(lines)))

    def _write(self, lines: list[_Line]) -> None:
        if self._piece is None or not self._piece.exists() or self._piece.stat().st_size > self._max_bytes / PIECES:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._piece = self._folder / f"{self._stem}.{time.time_ns()}.{self._process}.jsonl"
        with _locked(self._piece, "ab") as piece:
            erased = _erasures(self._folder)
            piece.write(b"".join(line.content for line in lines if not _is_erased(line.at, line.subjects, erased)))

    def _sweep(self) -> None:
        """Remove the oldest pieces; another process may be at it too."""
        kept = 0.0
        for piece in reversed(_pieces(self._folder, self._stem)):
            with suppress(FileNotFoundError):
                status = piece.stat()
                kept += status.st_size
                if time.time() - status.st_mtime > self._max_age or (kept > self._max_bytes and piece != self._piece):
                    piece.unlink(missing_ok=True)
        for draft in self._folder.glob(f"*{_DRAFT}"):  # of an erasure that was killed
            with suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > _DAY:
                    draft.unlink()


def forget(settings: Settings, digests: Collection[str], at: float) -> int:
    """Erase a subject from the recordings of the settings' namespace, those of living processes included.

    Args:
        settings: Where the recordings are.
        digests: What the subject's data is known by; see `Vault.searches`.
        at: Up to when, seconds since the epoch.

    Returns:
        How many records were erased.

    Raises:
        OSError: the recordings cannot be read or written.
    """
    folder = folder_of(settings)
    if not folder.exists():
        return 0
    _note_erasure(folder, dict.fromkeys(digests, at))
    pieces = sorted(folder.glob(f"{settings.namespace}.*.jsonl"))
    return sum(_forget_in(piece, settings.namespace, dict.fromkeys(digests, at)) for piece in pieces)


def count(settings: Settings, digests: Collection[str]) -> int:
    """How many records of a subject there are in the recordings."""
    found, erased = 0, dict.fromkeys(digests, time.time())
    for piece in folder_of(settings).glob(f"{settings.namespace}.*.jsonl"):
        with suppress(FileNotFoundError), piece.open("rb") as lines:
            found += sum(_is_of(line, settings.namespace, erased) for line in lines)
    return found


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


def _forget_in(piece: Path, namespace: str, erased: dict[str, float]) -> int:
    """Replace a piece by one without the records of erased subjects; a process that writes to it waits meanwhile."""
    with suppress(FileNotFoundError), _locked(piece, "rb") as content:
        lines = list(content)
        kept = [line for line in lines if not _is_of(line, namespace, erased)]
        if len(kept) == len(lines):
            return 0
        times, draft = piece.stat(), piece.with_suffix(_DRAFT)
        with open(draft, "wb", opener=_owner_only) as file:
            file.write(b"".join(kept))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(piece)
        os.utime(piece, ns=(times.st_atime_ns, times.st_mtime_ns))  # by its age it is removed one day
        return len(lines) - len(kept)
    return 0


def _is_of(line: bytes, namespace: str, erased: dict[str, float]) -> bool:
    """Whether a recorded line is of a subject whose data was erased."""
    try:
        document = orjson.loads(line)
        subjects = document.get("subjects")
        if subjects is None:  # an older release wrote it: any of its values may be the subject
            record = decode(orjson.dumps(document["record"]))
            subjects = [subject_digest(namespace, value) for value in record.values()]
        return _is_erased(document["at"], subjects, erased)
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError, UnreadableEntryError):
        return False


def _is_erased(at: float, subjects: Collection[str], erased: Mapping[str, float]) -> bool:
    return any(at <= erased.get(subject, 0.0) for subject in subjects)


def _note_erasure(folder: Path, erased: dict[str, float]) -> None:
    """Tell the processes that record here; what they had in memory a day ago is written long since."""
    path = folder / _ERASED
    with _locked(path, "a+b") as file:
        before = {subject: at for subject, at in _read(file).items() if at > time.time() - _DAY}
        file.truncate(0)
        file.write(orjson.dumps(before | erased))


def _erasures(folder: Path) -> dict[str, float]:
    path = folder / _ERASED
    if not path.exists():
        return {}
    with _locked(path, "rb") as file:
        return _read(file)


def _read(file: IO[bytes]) -> dict[str, float]:
    file.seek(0)
    try:
        found: dict[str, float] = orjson.loads(file.read())
    except orjson.JSONDecodeError:
        return {}
    return found


@contextmanager
def _locked(path: Path, mode: str) -> Iterator[IO[bytes]]:
    """A file, open and locked; the one that has the name once it is locked, for another may take its place."""
    while True:
        with open(path, mode, opener=_owner_only) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                yield file
                return


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
