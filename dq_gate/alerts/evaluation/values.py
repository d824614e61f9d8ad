"""Numbers of the last stretch of time, put together in bounded memory. Pure; times are milliseconds."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dq_gate.alerts.evaluation.sums import MIN_SLICE_MS, NEVER_DUE, SLICES, SlidingSum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST = 1e15
"""A larger number is none of ours, and sums of such would lose what is small."""


class Values(Protocol):
    """What is kept of a group's numbers."""

    @property
    def due(self) -> int:
        """When the result may change without another number; `NEVER_DUE` if never."""
        ...

    @property
    def until(self) -> int:
        """When the last number is to be forgotten; `NEVER_DUE` without any."""
        ...

    def add(self, at: int, value: float) -> None:
        """Take in a number at a time; times may come in any order."""
        ...

    def expire(self, now: int) -> None:
        """Forget what is older than `within`."""
        ...

    def result(self) -> float | None:
        """What is made of the numbers; None when there are too few."""
        ...

    def save(self) -> Any:
        """What it holds, as JSON takes it."""
        ...

    def restore(self, saved: Any) -> Values:
        """Take up what `save` gave; returns itself."""
        ...


class Newest:
    """The newest number; of two of the same time, the one that was read last."""

    __slots__ = ("_at", "_value", "_within", "due")

    def __init__(self, within: int) -> None:
        self._within = within
        self._at = 0
        self._value: float | None = None
        self.due = NEVER_DUE

    @property
    def until(self) -> int:
        """See `Values`."""
        return self.due

    def add(self, at: int, value: float) -> None:
        """See `Values`."""
        if self._value is None or at >= self._at:
            self._at, self._value, self.due = at, value, at + self._within

    def expire(self, now: int) -> None:
        """See `Values`."""
        if self.due <= now:
            self._value, self.due = None, NEVER_DUE

    def result(self) -> float | None:
        """See `Values`."""
        return self._value

    def save(self) -> Any:
        """See `Values`."""
        return [self._at, self._value]

    def restore(self, saved: Any) -> Newest:
        """See `Values`."""
        at, value = saved
        if value is not None:
            self.add(at, value)
        return self


class Total:
    """The sum of the numbers. Zeros, which most are, only keep it alive."""

    __slots__ = ("_total", "_width", "_within", "until")

    def __init__(self, within: int) -> None:
        self._within = within
        self._width = max(MIN_SLICE_MS, within // SLICES)
        self._total = SlidingSum(within)
        self.until = NEVER_DUE

    @property
    def due(self) -> int:
        """See `Values`."""
        return min(self._total.due, self.until)

    def add(self, at: int, value: float) -> None:
        """See `Values`."""
        if value:
            self._total.add(at, value)
        until = at - at % self._width + self._within
        if until > self.until or self.until == NEVER_DUE:
            self.until = until

    def expire(self, now: int) -> None:
        """See `Values`."""
        self._total.expire(now)
        if self.until <= now:
            self.until = NEVER_DUE

    def result(self) -> float | None:
        """See `Values`."""
        return self._total.total if self.until != NEVER_DUE else None

    def save(self) -> Any:
        """See `Values`."""
        return [self.until, self._total.save()]

    def restore(self, saved: Any) -> Total:
        """See `Values`."""
        self.until, total = saved
        self._total.restore(total)
        return self


class Mean:
    """The mean of the numbers, in at most 301 slices of time.

    Args:
        within: How long a number counts; one may be forgotten a slice early, as in `sums.SlidingSum`.
    """

    __slots__ = ("_slices", "_width", "_within")

    def __init__(self, within: int) -> None:
        self._within = within
        self._width = max(MIN_SLICE_MS, within // SLICES)
        self._slices: dict[int, tuple[float, int]] = {}

    @property
    def due(self) -> int:
        """See `Values`."""
        return next(iter(self._slices)) * self._width + self._within if self._slices else NEVER_DUE

    @property
    def until(self) -> int:
        """See `Values`."""
        return next(reversed(self._slices)) * self._width + self._within if self._slices else NEVER_DUE

    def add(self, at: int, value: float) -> None:
        """See `Values`."""
        index, slices = at // self._width, self._slices
        found = slices.get(index)
        if found is not None:
            slices[index] = found[0] + value, found[1] + 1
            return
        self.expire(at)
        in_order = not slices or index > next(reversed(slices))
        slices[index] = value, 1
        if not in_order:
            self._slices = dict(sorted(slices.items()))

    def expire(self, now: int) -> None:
        """See `Values`."""
        slices, oldest = self._slices, (now - self._within) // self._width
        while slices and (first := next(iter(slices))) <= oldest:
            del slices[first]

    def result(self) -> float | None:
        """See `Values`."""
        if not self._slices:
            return None
        totals, counts = zip(*self._slices.values(), strict=True)
        return float(sum(totals) / sum(counts))

    def save(self) -> Any:
        """See `Values`."""
        return [[index, *numbers] for index, numbers in self._slices.items()]

    def restore(self, saved: Any) -> Mean:
        """See `Values`."""
        self._slices = {index: (total, count) for index, total, count in saved}
        return self


class Extreme:
    """The highest of the numbers, or the lowest, in at most 301 slices of time.

    Only slices are kept that no later one outdoes: the first of them has the extreme.

    Args:
        within: How long a number counts; one may be forgotten a slice early, as in `sums.SlidingSum`.
        sign: 1 for the highest, -1 for the lowest.
    """

    __slots__ = ("_sign", "_slices", "_width", "_within")

    def __init__(self, within: int, sign: int) -> None:
        self._within = within
        self._width = max(MIN_SLICE_MS, within // SLICES)
        self._sign = sign
        self._slices: dict[int, float] = {}

    @property
    def due(self) -> int:
        """See `Values`."""
        return next(iter(self._slices)) * self._width + self._within if self._slices else NEVER_DUE

    @property
    def until(self) -> int:
        """See `Values`."""
        return next(reversed(self._slices)) * self._width + self._within if self._slices else NEVER_DUE

    def add(self, at: int, value: float) -> None:
        """See `Values`."""
        index, value, slices = at // self._width, value * self._sign, self._slices
        later = []
        while slices:
            last = next(reversed(slices))
            if last > index:
                later.append((last, slices.pop(last)))
            elif slices[last] <= value:
                del slices[last]
            else:
                break
        if index not in slices and not (later and later[-1][1] >= value):
            slices[index] = value
        if later:
            slices.update(reversed(later))

    def expire(self, now: int) -> None:
        """See `Values`."""
        slices, oldest = self._slices, (now - self._within) // self._width
        while slices and (first := next(iter(slices))) <= oldest:
            del slices[first]

    def result(self) -> float | None:
        """See `Values`."""
        return next(iter(self._slices.values())) * self._sign if self._slices else None

    def save(self) -> Any:
        """See `Values`."""
        return list(self._slices.items())

    def restore(self, saved: Any) -> Extreme:
        """See `Values`."""
        self._slices = dict(saved)
        return self


@dataclass(slots=True)
class Slice:
    """The numbers of a short stretch of time."""

    first_at: int
    first: float
    last_at: int
    last: float
    count: int

    def add(self, at: int, value: float) -> None:
        """Take in one more."""
        if at < self.first_at:
            self.first_at, self.first = at, value
        if at >= self.last_at:
            self.last_at, self.last = at, value
        self.count += 1


class Increase:
    """The last number less the first; None when there is one only. In at most 301 slices of time.

    Args:
        within: How long a number counts; one may be forgotten a slice early, as in `sums.SlidingSum`.
    """

    __slots__ = ("_slices", "_width", "_within", "due")

    def __init__(self, within: int) -> None:
        self._within = within
        self._width = max(MIN_SLICE_MS, within // SLICES)
        self._slices: dict[int, Slice] = {}
        self.due = NEVER_DUE

    @property
    def until(self) -> int:
        """See `Values`."""
        return next(reversed(self._slices)) * self._width + self._within if self._slices else NEVER_DUE

    def add(self, at: int, value: float) -> None:
        """See `Values`."""
        self.expire(at)
        index = at // self._width
        found = self._slices.get(index)
        if found is not None:
            found.add(at, value)
            return
        in_order = not self._slices or index > next(reversed(self._slices))
        self._slices[index] = Slice(at, value, at, value, 1)
        if not in_order:
            self._slices = dict(sorted(self._slices.items()))
        self._set_due()

    def expire(self, now: int) -> None:
        """See `Values`."""
        while self.due <= now:
            del self._slices[next(iter(self._slices))]
            self._set_due()

    def result(self) -> float | None:
        """See `Values`."""
        slices = list(self._slices.values())
        is_single = len(slices) == 1 and slices[0].count == 1
        return slices[-1].last - slices[0].first if slices and not is_single else None

    def save(self) -> Any:
        """See `Values`."""
        return [[index, *astuple(numbers)] for index, numbers in self._slices.items()]

    def restore(self, saved: Any) -> Increase:
        """See `Values`."""
        self._slices = {index: Slice(*numbers) for index, *numbers in saved}
        self._set_due()
        return self

    def _set_due(self) -> None:
        self.due = next(iter(self._slices)) * self._width + self._within if self._slices else NEVER_DUE


_MADE: Mapping[str, Callable[[int], Values]] = {
    "last": Newest,
    "sum": Total,
    "avg": Mean,
    "max": lambda within: Extreme(within, 1),
    "min": lambda within: Extreme(within, -1),
    "increase": Increase,
}


def values(aggregate: str, within: int) -> Values:
    """Somewhere to keep numbers for an aggregate of `ThresholdRule`."""
    return _MADE[aggregate](within)
