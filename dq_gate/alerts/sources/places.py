"""Where a reader stands in a file, and how that file is found again after it was renamed, copied or replaced.

A name says nothing, as rotation gives it to another file; a device and an inode are given to a new file once the old
one is gone. So a place holds both and a digest of the file's first bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEAD_BYTES = 256
_TELLING_HEAD = 64
"""Fewer first bytes than this do not tell a copy from another file."""
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z"})


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read.

    Attributes:
        device: Of its file system.
        inode: Its number there.
        offset: Bytes of whole lines that were read.
        head: Its first bytes, at most `HEAD_BYTES` and not more than were read, as a digest.
        head_bytes: How many these are.
        size: Bytes it had.
        changed_at: When it was written last, nanoseconds.
    """

    device: int
    inode: int
    offset: int
    head: str
    head_bytes: int
    size: int
    changed_at: int

    @classmethod
    def of(cls, descriptor: int, offset: int, head: bytes) -> Place:
        """The place in an open file."""
        found, head = os.fstat(descriptor), head[:offset]
        return cls(found.st_dev, found.st_ino, offset, digest(head), len(head), found.st_size, found.st_mtime_ns)

    def is_in(self, descriptor: int) -> bool:
        """Whether an open file is the one, or a copy of it, and still has what was read."""
        found = os.fstat(descriptor)
        is_it = (found.st_dev, found.st_ino) == (self.device, self.inode) or self.head_bytes >= _TELLING_HEAD
        has_it = found.st_size >= self.offset
        return is_it and has_it and digest(os.pread(descriptor, self.head_bytes, 0)) == self.head


def digest(head: bytes) -> str:
    """A file's first bytes, so that they are known again and not kept."""
    return hashlib.sha256(head).hexdigest()[:16]


def find(place: Place, path: Path, folders: Sequence[Path]) -> int | None:
    """Open the file that a place is in: under its old name, by its inode, or as a copy. None when it is gone."""
    candidates = [path, *_by_inode(place, folders), *_with_the_name(path, folders)]
    for candidate in candidates:
        descriptor = try_open(candidate)
        if descriptor is None:
            continue
        if place.is_in(descriptor):
            return descriptor
        os.close(descriptor)
    return None


def rotated_since(path: Path, changed_at: int, folders: Sequence[Path]) -> list[Path]:
    """Files that had the name of a log after one that was written last at `changed_at`; the oldest first."""
    found: dict[tuple[int, int], tuple[int, Path]] = {}
    for sibling in _with_the_name(path, folders):
        with suppress(OSError):
            seen = sibling.stat()
            if stat.S_ISREG(seen.st_mode) and seen.st_mtime_ns >= changed_at:
                found[seen.st_dev, seen.st_ino] = seen.st_mtime_ns, sibling
    return [sibling for _, sibling in sorted(found.values())]


def folders_of(path: Path) -> tuple[Path, ...]:
    """Where a log's rotated files may be: beside its name, and beside what the name points to."""
    return tuple(dict.fromkeys((path.absolute().parent, path.resolve().parent)))


def try_open(path: Path) -> int | None:
    """Open a regular file for reading, if it is one and that is possible."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _by_inode(place: Place, folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries if entry.inode() == place.inode]


def _with_the_name(path: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Siblings as rotation names them: the log's own name, and a number or a date after it; not compressed ones."""
    names = {f"{name}{mark}" for name in (path.name, path.resolve().name) for mark in ".-"}
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            yield from [
                Path(entry.path)
                for entry in entries
                if entry.name.startswith(tuple(names)) and Path(entry.name).suffix not in _COMPRESSED
            ]
