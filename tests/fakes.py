"""Stand-ins for what a writer writes to and reports to, and a way to wait for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from dq_gate.core.model import Violation
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.entry import Depth, Entry, Health
from dq_gate.quarantine.spool import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import PutResult
    from dq_gate.quarantine.spool import Kind

VIOLATION = Violation("query.text.present", "query", "not_blank", "quarantine", "is blank")


def make_entry(entry_id: str, *, namespace: str = "test", payload: bytes = b"{}") -> Entry:
    """A pending entry of the rule `query.text.present`."""
    return Entry(
        id=entry_id,
        namespace=namespace,
        source="tests",
        pack="query",
        pack_version=1,
        pack_digest="0" * 16,
        violations=(VIOLATION,),
        payload=payload,
        payload_digest="0" * 64,
        replayable=True,
        fingerprint="f" * 16,
        created_at=time.time(),
    )


def eventually(condition: Callable[[], object], within: float = 30.0) -> None:
    """Return once a condition holds; fail when it does not within some seconds.

    The longer it takes, the less often it looks: the machine is needed by what is waited for.
    """
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        assert waited < within, f"did not come true within {within:g} s"
        time.sleep(min(max(0.002, waited / 20), 0.02))


class FakeStore:
    """The part of a `Store` that a writer uses, in memory.

    Attributes:
        entries: What it keeps, by id.
        puts: Sizes of the puts it took, in order.
        sightings: How often each id was put.
        error: Raised by every method while set.
        refused: Ids whose put raises `TypeError`, as a defect would.
        full: Ids that are only counted.
        unsafe: What `health` answers.
        has_settled: What `settled` answers.
        erased: What `forgotten` answers.
        hides_depth: Set, it refuses to say how much it holds.
        open_for_puts: Cleared, it makes `put` wait.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.puts: list[int] = []
        self.sightings: Counter[str] = Counter()
        self.error: BaseException | None = None
        self.refused: set[str] = set()
        self.full: set[str] = set()
        self.unsafe: tuple[str, ...] = ()
        self.has_settled = True
        self.erased: dict[str, float] = {}
        self.hides_depth = False
        self.open_for_puts = threading.Event()
        self.open_for_puts.set()
        self.being_asked = threading.Event()
        self.is_closed = False
        self._lock = threading.Lock()

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        self.being_asked.set()
        self.open_for_puts.wait()
        self.ping()
        if self.refused.intersection(entry.id for entry in entries):
            raise TypeError
        with self._lock:
            self.puts.append(len(entries))
            return [self._put(entry) for entry in entries]

    def get(self, entry_id: str) -> Entry | None:
        self.ping()
        return self.entries.get(entry_id)

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        self.ping()
        return [entry_id in self.entries for entry_id in entry_ids]

    def ping(self) -> None:
        if self.error is not None:
            raise self.error

    def health(self) -> Health:
        self.ping()
        return Health(self.unsafe, {})

    def settled(self) -> bool:
        self.ping()
        return self.has_settled

    def depth(self) -> Depth:
        self.ping()
        if self.hides_depth:
            raise BackendUnavailableError("not allowed")
        oldest = min((entry.created_at for entry in self.entries.values()), default=None)
        return Depth(len(self.entries), 0, 0, 0, bytes=0, oldest_pending=oldest)

    def forgotten(self) -> dict[str, float]:
        self.ping()
        return self.erased

    def close(self) -> None:
        self.is_closed = True

    def _put(self, entry: Entry) -> PutResult:
        self.sightings[entry.id] += 1
        if entry.id in self.full:
            return "counted"
        if any(entry.created_at <= self.erased.get(subject, 0.0) for subject in entry.subjects):
            return "erased"
        is_known = entry.id in self.entries
        self.entries[entry.id] = entry
        return "seen" if is_known else "created"


class MemorySpool:
    """A `Spool` without a disk.

    Attributes:
        error: Raised by every method but `close` while set.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.is_closed = False
        self.waiting = 0
        self._rows: dict[int, tuple[Kind, Entry]] = {}
        self._newest = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        if self.error is not None:
            raise self.error

    def put(self, entries: Iterable[Entry], kind: Kind = "waiting") -> None:
        self.open()
        with self._lock:
            for entry in entries:
                self._newest += 1
                self._rows[self._newest] = (kind, entry)

    def take(self, limit: int, *, after: int = 0, kind: Kind = "waiting") -> list[Row]:
        self.open()
        with self._lock:
            found = [Row(number, entry, False) for number, (of, entry) in self._rows.items() if of == kind]
        return [row for row in found if row.number > after][:limit]

    def delete(self, numbers: Iterable[int]) -> None:
        self.open()
        with self._lock:
            for number in numbers:
                del self._rows[number]

    def mirror(self, numbers: Iterable[int]) -> None:
        self.open()
        with self._lock:
            for number in numbers:
                self._rows[number] = ("mirrored", self._rows[number][1])

    def prune(self, before: float) -> None:
        self.open()

    def forget(self, forgotten: Mapping[str, float]) -> None:
        self.open()

    def salvage(self) -> int:
        self.open()
        return 0

    def orphans(self) -> list[MemorySpool]:
        self.open()
        return []

    def ids(self, kind: Kind = "waiting") -> set[str]:
        with self._lock:
            return {entry.id for of, entry in self._rows.values() if of == kind}

    def close(self) -> None:
        self.is_closed = True


class Reports:
    """Takes events, as a gate's emitter does."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of a type, in order."""
        return [event for event in self.events if type(event) is kind]
