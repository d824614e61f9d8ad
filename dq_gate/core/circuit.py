"""Circuit-breaker states. Pure: the clock is an argument.

One time-out opens the circuit: with a 250 ms socket time-out, a second try would hold a caller past its deadline.
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

    def record_success(self) -> bool:
        """Note a successful probe; True when this one closed the circuit."""
        was_open = self.opened_at is not None
        self.opened_at = None
        return was_open

    def wants_probe(self, now: float) -> bool:
        """Whether the background probe should try the store now."""
        return self.opened_at is not None and now >= self.next_probe_at
