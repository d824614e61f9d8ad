"""Events of several inputs in the order of their times.

While an input has more to give than was read yet, its next event decides which events of the others come before it:
one file's day is not late against another's. Once all are caught up, events are taken as they come.

A line whose time lies ahead of the lines after it comes with these: one bad clock must not hold a whole file back.
"""

from __future__ import annotations

import select
from bisect import bisect_right
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.sources.base import POLL_SECONDS
from dq_gate.alerts.sources.lines import LAST_MS, Event, LineReader
from dq_gate.errors import AlertStateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from threading import Event as Flag

    from dq_gate.alerts.sources.base import Chunk, Source

LOOKAHEAD = 16
"""Events of an input that are looked at to tell how far ahead a line's time is of those after it."""

Batch = list[Event]
_Origin = tuple["Chunk", int, dict[str, str] | None]
"""Where an event's line ends: how many lines of a chunk came with it, and what parts of others were open then."""


class Inputs:
    """All inputs of a watch.

    Args:
        sources: Where lines come from, each with a name of its own.
        waits: Whether one that has nothing now is waited for: for a replay, which must not depend on who is fast.
        positions: Where an earlier watch stood, by the source's name.
        ignored: Events that only tell that time passes, unless their line holds one of some texts.

    Raises:
        AlertStateError: a position is damaged.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        waits: bool,
        positions: Mapping[str, Any] | None = None,
        ignored: Mapping[str, tuple[bytes, ...]] | None = None,
    ) -> None:
        self._waits = waits
        self._positions = dict(positions or {})
        self._inputs = [
            _Input(source, LineReader(ignored), self._positions.get(source.name), is_alone=len(sources) == 1)
            for source in sources
        ]

    @property
    def lines(self) -> int:
        """All lines read, overlong ones too."""
        return sum(each.reader.lines for each in self._inputs) + self.overlong

    @property
    def foreign(self) -> int:
        """Lines of others."""
        return sum(each.reader.foreign for each in self._inputs)

    @property
    def broken(self) -> int:
        """Lines that could not be read: damaged or too long."""
        return sum(each.reader.broken for each in self._inputs) + self.overlong

    @property
    def overlong(self) -> int:
        """Lines that were too long and skipped."""
        return sum(each.source.overlong + each.reader.joiner.overlong for each in self._inputs)

    @property
    def lost(self) -> int:
        """Files or stream entries that were gone before they were read."""
        return sum(each.source.lost for each in self._inputs)

    def progress(self) -> tuple[int, int]:
        """Bytes read so far, and all there are, as far as that is known."""
        counts = [each.source.progress() for each in self._inputs]
        return sum(read for read, _ in counts), sum(size for _, size in counts)

    def positions(self) -> dict[str, Any]:
        """Where each input stands after the batches that were given out."""
        return self._positions | {each.source.name: each.position() for each in self._inputs}

    def batches(self, stop: Flag) -> Iterator[Batch]:
        """Events, until all inputs have ended or until told to stop. An empty batch says that there are none now.

        Raises:
            UnreadableInputError: an input cannot be read any more.
            BackendUnavailableError: a server does not answer, and is not waited for.
        """
        try:
            while not stop.is_set():
                has_read = [each.read_on() for each in self._inputs]
                if batch := self._take():
                    yield batch
                elif all(each.source.ended for each in self._inputs):
                    return
                elif not any(has_read):
                    yield []
                    self._wait(stop)
        finally:
            for each in self._inputs:
                each.source.close()

    def _take(self) -> Batch:
        """The next events of all inputs, as far as their order is settled."""
        if len(self._inputs) == 1:
            return self._inputs[0].take_all()
        settled = [until for each in self._inputs if (until := each.settled_until(waits=self._waits)) is not None]
        keyed = [pair for each in self._inputs for pair in each.take_keyed(min(settled, default=LAST_MS))]
        keyed.sort(key=itemgetter(0))
        return [event for _, event in keyed]

    def _wait(self, stop: Flag) -> None:
        descriptors = [each.source.descriptor for each in self._inputs if not each.source.ended]
        streams = [descriptor for descriptor in descriptors if descriptor is not None]
        if streams:
            select.select(streams, [], [], POLL_SECONDS)
        else:
            stop.wait(POLL_SECONDS)


class _Input:
    """One input: its source, how its lines are read, and events that were read and not taken.

    Args:
        source: Where lines come from.
        reader: Reads them.
        saved: What `position` gave of it in an earlier watch.
        is_alone: Whether there are no others, whose events it would have to be held against.
    """

    def __init__(self, source: Source, reader: LineReader, saved: Any, *, is_alone: bool) -> None:
        self._is_alone = is_alone
        self.source = source
        self.reader = reader
        self._events: Batch = []
        self._keys: list[int] = []
        self._origins: list[_Origin] = []
        self._last: Chunk | None = None
        self._taken: _Origin | None = None
        self._saved = saved
        self._is_idle = False
        if saved is not None:
            self._go_on(saved)

    def read_on(self) -> bool:
        """Read the next lines when too few events are waiting; whether there were some."""
        if len(self._events) > LOOKAHEAD or self.source.ended:
            return False
        chunk = self.source.poll()
        self._is_idle = chunk is None
        if chunk is None:
            return False
        self._last = chunk
        if self._is_alone:
            self._events += self.reader.read_all(chunk.lines)
        else:
            self._read_in_order(chunk)
        return True

    def settled_until(self, *, waits: bool) -> int | None:
        """Up to which time all events of this input are here; None when no more is to be waited for."""
        if self.source.ended or (self._is_idle and not waits):
            return None
        settled = len(self._events) - LOOKAHEAD
        return self._keys[settled - 1] if settled > 0 else -1

    def take_all(self) -> Batch:
        """All events that were read, in the order of their lines."""
        events, self._events = self._events, []
        if self._last is not None:
            self._taken = (self._last, len(self._last.lines), self.reader.joiner.save())
        return events

    def take_keyed(self, until: int) -> list[tuple[int, Event]]:
        """Events up to a time, each after the time that its place among others goes by."""
        count = bisect_right(self._keys, until)
        taken = list(zip(self._keys[:count], self._events[:count], strict=True))
        if count:
            self._taken = self._origins[count - 1]
        del self._keys[:count], self._events[:count], self._origins[:count]
        return taken

    def position(self) -> Any:
        """Where the last event that was taken ends; None when the source has no positions."""
        if self._taken is None:
            return self._saved
        chunk, lines, parts = self._taken
        at = chunk.place(lines)
        return None if at is None else {"at": at, "parts": parts}

    def _go_on(self, saved: Any) -> None:
        try:
            self.source.go_on(saved["at"])
            self.reader.joiner.restore(saved["parts"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise AlertStateError(f"the saved position in {self.source.name} is damaged") from None

    def _read_in_order(self, chunk: Chunk) -> None:
        """Read lines, noting where each event's line ends and what its place among those of others goes by."""
        read, joiner = self.reader.read, self.reader.joiner
        for count, line in enumerate(chunk.lines, 1):
            event = read(line)
            if event is not None:
                self._events.append(event)
                self._origins.append((chunk, count, joiner.save()))
        if not self._events:
            self._taken = (chunk, len(chunk.lines), joiner.save())
        times = [at for _, at in self._events]
        keys = (min(times[index : index + LOOKAHEAD]) for index in range(len(times)))
        self._keys = list(accumulate(keys, max))
