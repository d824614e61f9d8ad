"""Circuit-breaker states. Pure: the clock is an argument.

One time-out opens the circuit: with a socket time-out of 200 ms, a second one would hold a caller too long.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Circuit:
    """Whether the store is worth asking.

    Attributes:
        probe_after: Seconds to wait, once open, before the next probe.
        opened_at: Monotonic seconds when it opened, or None while closed.
        next_probe_at: Monotonic seconds of the next probe.
    """

    probe_after: float = 0.5
    opened_at: float | None = None
    next_probe_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """True while callers are to be sent to the spool."""
        return self.opened_at is not None

    def record_failure(self, now: float) -> bool:
        """Note a failed command or probe; True when this one opened the circuit."""
        just_opened = self.opened_at is None
        if just_opened:
            self.opened_at = now
        self.next_probe_at = now + self.probe_after
        return just_opened

    def record_success(self, now: float) -> float | None:
        """Note a successful probe; seconds the store was away if this one closed the circuit, else None."""
        if self.opened_at is None:
            return None
        away, self.opened_at = now - self.opened_at, None
        return away

    def until_probe(self, now: float) -> float | None:
        """Seconds from now to the next probe, at least 0; None while closed."""
        return None if self.opened_at is None else max(0.0, self.next_probe_at - now)
