"""A sum over the last stretch of time, in bounded memory. Pure; times are milliseconds."""

from __future__ import annotations

from typing import Any

SLICES = 300
MIN_SLICE_MS = 100
NEVER_DUE = 10**15


class SlidingSum:
    """Adds amounts up and forgets them when they are older than `within`.

    Amounts are kept in at most 301 slices, so one may be forgotten early, by a three-hundredth of `within` or by
    0.1 s, whichever is longer; never late.

    Args:
        within: How long an amount counts.

    Attributes:
        total: The sum, exact up to `due`; what is to be forgotten by then is, with `expire`.
        due: When the next amount is to be forgotten.
    """

    __slots__ = ("_slices", "_width", "_within", "due", "total")

    def __init__(self, within: int) -> None:
        self._within = within
        self._width = max(MIN_SLICE_MS, within // SLICES)
        self._slices: dict[int, float] = {}
        self.total: float = 0
        self.due = NEVER_DUE

    def add(self, at: int, amount: float) -> None:
        """Count an amount at a time; times may come in any order."""
        index = at // self._width
        slices = self._slices
        if index in slices:
            slices[index] += amount
        else:
            self._drop(at)
            self._slices = _added(slices, index, amount)
            self.due = min(self.due, index * self._width + self._within)
        self.total += amount

    def slice_of(self, at: int) -> tuple[int, int]:
        """Where the slice that a time lies in begins, and where it ends."""
        begin = at - at % self._width
        return begin, begin + self._width

    def expire(self, now: int) -> None:
        """Forget what is older than `within`."""
        if self.due > now:
            return
        self._drop(now)
        self._sum_up()

    def clear(self) -> None:
        """Forget everything."""
        self._slices.clear()
        self._sum_up()

    def save(self) -> Any:
        """What it holds, as JSON takes it: the total too, which depends on the order of additions in its last bits."""
        return [self.total, self.due, *_saved(self._slices)]

    def restore(self, saved: Any) -> SlidingSum:
        """Take up what `save` gave, in a sum that is new and looks as far back; returns itself."""
        self.total, self.due, *slices = saved
        self._slices = _restored(*slices)
        return self

    def _drop(self, now: int) -> None:
        """Drop old slices. They are part of `total` until `expire`, which is not called for every amount."""
        slices, oldest = self._slices, (now - self._within) // self._width
        while slices and (first := next(iter(slices))) <= oldest:
            del slices[first]

    def _sum_up(self) -> None:
        """Add up anew: subtracting what is forgotten would let errors of rounding grow."""
        slices = self._slices
        self.total = sum(slices.values())
        self.due = next(iter(slices)) * self._width + self._within if slices else NEVER_DUE


class DelayedSum:
    """Adds up the amounts of a stretch of time that ended `delay` ago.

    It counts a fixed number of whole slices, the newest that are wholly older than `delay`. There are at most 300 of
    them, and in `delay` and `within` together at most 602.

    Args:
        delay: How old an amount is when it begins to count.
        within: How long it counts then.
        least: The least length of a slice.

    Attributes:
        slices: How many slices are counted.
        covered: How much time these are: `within`, or up to a slice less.
        total: The sum, exact up to `due`.
        due: When it may change.
    """

    __slots__ = ("_coming", "_counted", "_delay", "_end", "_width", "covered", "due", "slices", "total")

    def __init__(self, delay: int, within: int, least: int = MIN_SLICE_MS) -> None:
        self._delay = delay
        self._width = max(least, -(-within // SLICES), -(-(delay + within) // (2 * SLICES)))
        self._coming: dict[int, float] = {}
        self._counted: dict[int, float] = {}
        self._end = 0
        self.slices = max(1, within // self._width)
        self.covered = self.slices * self._width
        self.total: float = 0
        self.due = NEVER_DUE

    def add(self, at: int, amount: float) -> None:
        """Count an amount at a time; times may come in any order."""
        self.move(at)
        index = at // self._width
        if index >= self._end:
            self._coming = _added(self._coming, index, amount)
        elif index >= self._end - self.slices:
            self._counted = _added(self._counted, index, amount)
            self.total += amount
        self._set_due()

    def slice_of(self, at: int) -> tuple[int, int]:
        """Where the slice that a time lies in begins, and where it ends."""
        begin = at - at % self._width
        return begin, begin + self._width

    def mark(self, at: int) -> None:
        """Note that a slice of time had something in it: it counts as 1, however much there was."""
        index = at // self._width
        if index not in self._coming and index not in self._counted:
            self.add(at, 1)

    def move(self, now: int) -> None:
        """Let time pass."""
        if now < self.due:
            return
        self._end = (now - self._delay) // self._width
        coming, counted = self._coming, self._counted
        while coming and (first := next(iter(coming))) < self._end:
            self._counted = counted = _added(counted, first, coming.pop(first))
        while counted and (first := next(iter(counted))) < self._end - self.slices:
            del counted[first]
        self.total = sum(counted.values())
        self._set_due()

    def is_empty(self, now: int) -> bool:
        """Whether it counts nothing and nothing is on its way."""
        self.move(now)
        return not self._counted and not self._coming

    def save(self) -> Any:
        """What it holds, as JSON takes it."""
        return [self._end, self.total, _saved(self._coming), _saved(self._counted)]

    def restore(self, saved: Any) -> DelayedSum:
        """Take up what `save` gave, in a sum that is new and looks as far back; returns itself."""
        self._end, self.total, coming, counted = saved
        self._coming, self._counted = _restored(*coming), _restored(*counted)
        self._set_due()
        return self

    def _set_due(self) -> None:
        due = NEVER_DUE
        if self._coming:
            due = (next(iter(self._coming)) + 1) * self._width + self._delay
        if self._counted:
            due = min(due, (next(iter(self._counted)) + self.slices + 1) * self._width + self._delay)
        self.due = due


def _added(slices: dict[int, float], index: int, amount: float) -> dict[int, float]:
    """Slices in order of time, with an amount more."""
    if index in slices:
        slices[index] += amount
        return slices
    in_order = not slices or index > next(reversed(slices))
    slices[index] = amount
    return slices if in_order else dict(sorted(slices.items()))


def _saved(slices: dict[int, float]) -> list[Any]:
    """Two lists, not one of pairs: tens of thousands of these are written every few seconds."""
    return [list(slices), list(slices.values())]


def _restored(indexes: list[int], amounts: list[float]) -> dict[int, float]:
    return dict(zip(indexes, amounts, strict=True))
