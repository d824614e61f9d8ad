"""A rate limit as a token bucket. Pure: the clock is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

_BURST_S = 0.1
"""Seconds of tokens that the bucket holds, so that a late waker-up makes good what it missed."""


@dataclass(slots=True)
class TokenBucket:
    """Spreads what is begun over time: at most `rate` a second, and after a pause a tenth of a second's at once.

    Attributes:
        rate: Tokens a second, above 0.
    """

    rate: float
    _tokens: float = field(default=1.0, init=False)
    _at: float | None = field(default=None, init=False)

    def take(self, now: float) -> float:
        """Take the next token, which may still be under way.

        Args:
            now: Monotonic seconds.

        Returns:
            Seconds to wait before using it.
        """
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._tokens = min(max(1.0, self.rate * _BURST_S), self._tokens + passed * self.rate) - 1.0
        return max(0.0, -self._tokens / self.rate)
