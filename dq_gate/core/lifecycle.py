"""States of a quarantine entry, and which actions lead from one to the next.

    pending → leased → released → redriven              (passed the gate and its handler)
       ↑        │          └ returned → pending, attempts + 1 → dead after the limit
       └ lapse  └ discarded         anything open (pending, leased, released) → expired

A reviewer may renew a lease and edit under it; looking, erasing and changing the key leave the state as it is.

Pure: the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["pending", "leased", "released", "redriven", "discarded", "dead", "expired"]
STATES: tuple[State, ...] = ("pending", "leased", "released", "redriven", "discarded", "dead", "expired")
OPEN: frozenset[State] = frozenset({"pending", "leased", "released"})
CLOSED: frozenset[State] = frozenset(STATES) - OPEN


@dataclass(frozen=True, slots=True)
class Action:
    """A step in an entry's life.

    Attributes:
        name: What history and events call it.
        sources: States it may start from.
        target: State it leads to; None leaves the state as it is.
        takes_lease: It starts a lease (and refuses an entry whose lease still runs).
        needs_lease: Only the holder of the running lease may do it; it ends the lease, unless it takes one too.
        keeps_lease: It leaves the lease as it is.
        counts_attempt: It adds one to the entry's attempts.
        waits: It is refused before the entry's `not_before`.
        rewrites: It replaces the entry's payload.
    """

    name: str
    sources: frozenset[State]
    target: State | None
    takes_lease: bool = False
    needs_lease: bool = False
    keeps_lease: bool = False
    counts_attempt: bool = False
    waits: bool = False
    rewrites: bool = False


_ANY: frozenset[State] = frozenset(STATES)

CLAIM = Action("claim", frozenset({"pending"}), "leased", takes_lease=True)
RENEW = Action("renew", frozenset({"leased", "released"}), None, takes_lease=True, needs_lease=True)
UNCLAIM = Action("unclaim", frozenset({"leased"}), "pending", needs_lease=True)
LAPSE = Action("lapse", frozenset({"leased"}), "pending")
EDIT = Action("edit", frozenset({"leased"}), None, needs_lease=True, keeps_lease=True, rewrites=True)
RELEASE = Action("release", frozenset({"leased"}), "released", needs_lease=True)
DISCARD = Action("discard", frozenset({"leased"}), "discarded", needs_lease=True)
BEGIN_REDRIVE = Action("begin-redrive", frozenset({"released"}), "released", takes_lease=True, waits=True)
INTERRUPT = Action("interrupt-redrive", frozenset({"released"}), "released", needs_lease=True)
REDRIVE = Action("redrive", frozenset({"released"}), "redriven", needs_lease=True)
RETURN = Action("return", frozenset({"released"}), "pending", needs_lease=True, counts_attempt=True)
DIE = Action("die", frozenset({"released"}), "dead", needs_lease=True, counts_attempt=True)
EXPIRE = Action("expire", OPEN, "expired")
IMPORT = Action("import", frozenset({"pending"}), None, keeps_lease=True)
REVEAL = Action("reveal", _ANY, None, keeps_lease=True)
ERASE = Action("erase", _ANY, None, keeps_lease=True, rewrites=True)
REWRAP = Action("rewrap", _ANY, None, keeps_lease=True, rewrites=True)

ACTIONS: tuple[Action, ...] = (
    CLAIM, RENEW, UNCLAIM, LAPSE, EDIT, RELEASE, DISCARD, BEGIN_REDRIVE, INTERRUPT, REDRIVE, RETURN, DIE, EXPIRE,
    IMPORT, REVEAL, ERASE, REWRAP,
)  # fmt: skip


def after_failed_redrive(attempts: int, max_attempts: int) -> Action:
    """Which action follows when a released entry fails the gate or its handler again.

    Args:
        attempts: Failed redrives before this one.
        max_attempts: How many failed redrives an entry may have before it dies.
    """
    return DIE if attempts + 1 >= max_attempts else RETURN


def backoff(attempts: int, base_s: float, most_s: float) -> float:
    """Seconds to wait before an entry is redriven again: doubled with every failed attempt.

    Args:
        attempts: Failed redrives so far, at least 1.
        base_s: Seconds after the first.
        most_s: Seconds it never exceeds.
    """
    return min(most_s, base_s * 2.0 ** min(attempts - 1, 64))
