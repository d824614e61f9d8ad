"""States of a quarantine entry, and which actions lead from one to the next.

    pending → leased → released → redriven              (passed the gate and its handler)
       ↑        │          └ returned → pending, attempts + 1 → dead after the limit
       └ lapse  └ discarded         anything open (pending, leased, released) → expired

Pure: the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["pending", "leased", "released", "redriven", "discarded", "dead", "expired"]
STATES: tuple[State, ...] = ("pending", "leased", "released", "redriven", "discarded", "dead", "expired")
OPEN: frozenset[State] = frozenset({"pending", "leased", "released"})


@dataclass(frozen=True, slots=True)
class Action:
    """A step in an entry's life.

    Attributes:
        name: What history and events call it.
        sources: States it may start from.
        target: State it leads to.
        takes_lease: It starts a lease (and refuses an entry whose lease still runs).
        needs_lease: Only the holder of the running lease may do it; it ends the lease.
        counts_attempt: It adds one to the entry's attempts.
    """

    name: str
    sources: frozenset[State]
    target: State
    takes_lease: bool = False
    needs_lease: bool = False
    counts_attempt: bool = False


CLAIM = Action("claim", frozenset({"pending"}), "leased", takes_lease=True)
UNCLAIM = Action("unclaim", frozenset({"leased"}), "pending", needs_lease=True)
LAPSE = Action("lapse", frozenset({"leased"}), "pending")
RELEASE = Action("release", frozenset({"leased"}), "released", needs_lease=True)
DISCARD = Action("discard", frozenset({"leased"}), "discarded", needs_lease=True)
BEGIN_REDRIVE = Action("begin-redrive", frozenset({"released"}), "released", takes_lease=True)
INTERRUPT = Action("interrupt-redrive", frozenset({"released"}), "released", needs_lease=True)
REDRIVE = Action("redrive", frozenset({"released"}), "redriven", needs_lease=True)
RETURN = Action("return", frozenset({"released"}), "pending", needs_lease=True, counts_attempt=True)
DIE = Action("die", frozenset({"released"}), "dead", needs_lease=True, counts_attempt=True)
EXPIRE = Action("expire", OPEN, "expired")

ACTIONS: tuple[Action, ...] = (
    CLAIM, UNCLAIM, LAPSE, RELEASE, DISCARD, BEGIN_REDRIVE, INTERRUPT, REDRIVE, RETURN, DIE, EXPIRE,
)  # fmt: skip


def after_failed_redrive(attempts: int, max_attempts: int) -> Action:
    """Which action follows when a released entry fails the gate or its handler again.

    Args:
        attempts: Failed redrives before this one.
        max_attempts: How many failed redrives an entry may have before it dies.
    """
    return DIE if attempts + 1 >= max_attempts else RETURN
