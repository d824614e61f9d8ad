"""A sum over the last stretch of time, in bounded memory. Pure; times are milliseconds."""

from __future__ import annotations

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
        total: The sum, exact up to `due`.
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
            in_order = not slices or index > next(reversed(slices))
            slices[index] = amount
            if not in_order:
                self._slices = dict(sorted(slices.items()))
            self.due = min(self.due, index * self._width + self._within)
        self.total += amount

    def expire(self, now: int) -> None:
        """Forget what is older than `within`."""
        slices = self._slices
        while self.due <= now:
            self.total -= slices.pop(next(iter(slices)))
            if not slices:
                self.clear()
                return
            self.due = next(iter(slices)) * self._width + self._within

    def clear(self) -> None:
        """Forget everything."""
        self._slices.clear()
        self.total = 0
        self.due = NEVER_DUE
