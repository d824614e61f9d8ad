"""A log file that is followed through rotation by renaming, by copying and truncating, and by a link that moves.

Nothing here takes more memory than one chunk and one line.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.sources.base import CHUNK_BYTES, Chunk, Say, say_nothing
from dq_gate.alerts.sources.lines import LineCutter
from dq_gate.alerts.sources.places import HEAD_BYTES, Place, find, folders_of, rotated_since, try_open

if TYPE_CHECKING:
    from collections.abc import Iterator

LINGER_SECONDS = 60.0
"""A file that was renamed away is read until it was quiet for this long: its writer may not have noticed yet, but a
gate writes a window every 10 s."""
MISSED_SECONDS = 5.0
"""Rotation may leave a name without a file for a moment."""

_MAX_RENAMED = 8
_REMEMBERED = 64


class FollowedFile:
    """Reads a file from its start, and goes on as it grows, is truncated, or is replaced by another of its name.

    Args:
        path: The file; it need not exist yet.
        follow: Whether to go on at its end. Otherwise a last line without an end is left for the next time.
        linger: Seconds that a renamed file must be quiet before it is let go.
        say: Told when the file is not there, and when it is back.

    Attributes:
        lost: Files that were gone, or compressed, before they were read to their end.
    """

    descriptor = None

    def __init__(
        self,
        path: Path,
        *,
        follow: bool = True,
        linger: float = LINGER_SECONDS,
        say: Say = say_nothing,
    ) -> None:
        self.name = str(path.absolute())
        self.lost = 0
        self.ended = False
        self._path = path
        self._follow = follow
        self._linger = linger
        self._say = say
        self._files: list[_OpenFile] = []
        self._past: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._written_since: int | None = None
        self._overlong_of_closed = 0
        self._missing_since: float | None = time.monotonic() - MISSED_SECONDS
        self._is_missed = False

    @property
    def overlong(self) -> int:
        """See `Source`."""
        return self._overlong_of_closed + sum(file.cutter.overlong for file in self._files)

    def go_on(self, position: Any) -> None:
        """See `Source`."""
        places = [Place(**saved) for saved in position["files"]]
        folders = tuple(dict.fromkeys((*map(Path, position["folders"]), *folders_of(self._path))))
        for place in places:
            self._written_since = place.changed_at
            descriptor = find(place, self._path, folders)
            if descriptor is not None:
                self._files.append(_OpenFile(descriptor, place.offset))
            elif place is places[-1] or place.offset < place.size:
                self.lost += 1

    def progress(self) -> tuple[int, int]:
        """See `Source`."""
        places = self._places()
        return sum(place.offset for place in places), sum(place.size for place in places)

    def poll(self) -> Chunk | None:
        """See `Source`."""
        for index, file in enumerate(self._files):
            if file.was_replaced():
                return self._start_over(index)
            lines = file.read()
            if lines is not None:
                return self._chunk(lines, index)
        quiet = self._quiet()
        if quiet is not None:
            return self._let_go(quiet)
        if self._open_current():
            return self._chunk([], 0)
        self.ended = not self._follow
        return None

    def close(self) -> None:
        """See `Source`."""
        for file in self._files:
            file.close()
        self._files.clear()

    def _places(self) -> list[Place]:
        return [file.place for file in self._files]

    def _saved(self, places: list[Place]) -> dict[str, Any]:
        return {"files": [asdict(place) for place in places], "folders": [str(path) for path in folders_of(self._path)]}

    def _chunk(self, lines: list[bytes], index: int) -> Chunk:
        """Whole lines of one of the files."""
        places = self._places()

        def place(taken: int) -> dict[str, Any]:
            there = list(places)
            untaken = sum(len(line) + 1 for line in lines[taken:])
            if untaken:
                there[index] = replace(there[index], offset=there[index].offset - untaken)
            return self._saved(there)

        return Chunk(lines, place)

    def _last_line(self, lines: list[bytes], before: list[Place]) -> Chunk:
        """The line without an end of a file that is no more; none when it had an end."""
        after = self._places()
        return Chunk(lines, lambda taken: self._saved(after if taken == len(lines) else before))

    def _start_over(self, index: int) -> Chunk:
        """Read a truncated file from its start, after what a copy of it has and was not read here."""
        file, before = self._files[index], self._places()
        copy = find(before[index], self._path, folders_of(self._path))
        last_line = file.start_over()
        if copy is not None:
            self._files.insert(index, _OpenFile(copy, before[index].offset))
            last_line = []  # which the copy has too
        return self._last_line(last_line, before)

    def _quiet(self) -> int | None:
        """Which renamed file is to be let go: one that has been quiet for long, or the first of too many."""
        renamed, now = self._files[:-1], time.monotonic()
        too_many = len(renamed) > _MAX_RENAMED
        return next((n for n, file in enumerate(renamed) if too_many or now - file.quiet_since > self._linger), None)

    def _let_go(self, index: int) -> Chunk:
        before, file = self._places(), self._files.pop(index)
        self._past.append(file.identity)
        self._overlong_of_closed += file.cutter.overlong
        return self._last_line(file.close(), before)

    def _open_current(self) -> bool:
        """Open what the path names, if it is not open yet, and what had its name since the last look."""
        if self._files and self._files[-1].is_at(self._path):
            self._note(is_there=True)
            return False
        descriptor = try_open(self._path)
        self._note(is_there=descriptor is not None)
        if descriptor is None:
            return False
        fresh = _OpenFile(descriptor)
        self._files += [*self._missed_between(fresh), fresh]
        return True

    def _missed_between(self, fresh: _OpenFile) -> Iterator[_OpenFile]:
        """Files that got the path's name and lost it while nobody looked."""
        since = self._files[-1].place.changed_at if self._files else self._written_since
        if since is None:
            return
        known = {*self._past, fresh.identity, *(file.identity for file in self._files)}
        heads = {fresh.read_head(), *(file.read_head() for file in self._files)}
        for path in rotated_since(self._path, since, folders_of(self._path)):
            descriptor = try_open(path)
            if descriptor is None:
                continue
            file = _OpenFile(descriptor)
            if file.identity in known or file.read_head() in heads:  # a copy has been read as the original
                file.close()
            else:
                yield file

    def _note(self, *, is_there: bool) -> None:
        """Say once that there is no file of this name to be read, and once that there is."""
        if is_there:
            if self._is_missed:
                self._say(f"{self._path}: is there now")
            self._missing_since, self._is_missed = None, False
            return
        now = time.monotonic()
        if self._missing_since is None:
            self._missing_since = now
        if not self._is_missed and now - self._missing_since >= MISSED_SECONDS:
            is_something = os.path.exists(self._path)  # noqa: PTH110 - Path.exists raises where it may not look
            reason = "cannot be read" if is_something else "is not there"
            self._say(f"{self._path}: {reason}; waiting for it")
            self._is_missed = True


class _OpenFile:
    """A file being read.

    Args:
        descriptor: The file.
        offset: Where to go on.
    """

    def __init__(self, descriptor: int, offset: int = 0) -> None:
        found = os.fstat(descriptor)
        self.identity = found.st_dev, found.st_ino
        self.cutter = LineCutter()
        self.quiet_since = time.monotonic()
        self._descriptor = descriptor
        self._read_to = self._whole_to = offset
        self._head = self.read_head() if offset else b""

    @property
    def place(self) -> Place:
        """Where the last whole line that was read ends."""
        return Place.of(self._descriptor, self._whole_to, self._head)

    def read_head(self) -> bytes:
        """Its first bytes."""
        return os.pread(self._descriptor, HEAD_BYTES, 0)

    def was_replaced(self) -> bool:
        """Whether its content was replaced under its name: it shrank, or begins differently."""
        head = self.read_head()
        if os.fstat(self._descriptor).st_size < self._read_to or not head.startswith(self._head):
            return True
        self._head = head
        return False

    def read(self) -> list[bytes] | None:
        """The next whole lines, possibly none; None at the end."""
        piece = os.pread(self._descriptor, CHUNK_BYTES, self._read_to)
        if not piece:
            return None
        last_end = piece.rfind(b"\n")
        if last_end >= 0:
            self._whole_to = self._read_to + last_end + 1
        self._read_to += len(piece)
        self.quiet_since = time.monotonic()
        return self.cutter.cut(piece)

    def start_over(self) -> list[bytes]:
        """Read it from its start next; returns the last line of what it was, when that has no end."""
        self._read_to = self._whole_to = 0
        self._head = b""
        return self.cutter.flush()

    def is_at(self, path: Path) -> bool:
        """Whether the path names this file."""
        try:
            found = path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self.identity

    def close(self) -> list[bytes]:
        """Let go of it; returns the last line, when it has no end."""
        os.close(self._descriptor)
        return self.cutter.flush()
