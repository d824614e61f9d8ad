"""What becomes of a released entry that is sent through the gate again. Pure: the shell calls the handler.

    judge ─ fails ───────────────┬→ returned, or dead after the limit
       └ passes → handle ─ raised ┘
                     └ returned   → redriven

A redrive that was begun and never ended killed its consumer, or outlived its lease. It is an attempt too: otherwise
an entry that kills whoever takes it would be taken for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.core.lifecycle import BEGIN_REDRIVE, DIE, INTERRUPT, REDRIVE, RELEASE, after_failed_redrive, backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from dq_gate.core.lifecycle import Action
    from dq_gate.core.model import Decision

Result = Literal["done", "failed_again", "handler_failed", "cut_short"]
MAX_NAMED = 32
"""Most rules that an ending names."""


@dataclass(slots=True)
class Handle:
    """Give the handler a record. Answer: None once it returned, else the type of what it raised."""

    entry_id: str
    record: dict[str, Any]


@dataclass(slots=True)
class Wait:
    """Let some seconds pass, or less when the run is to end. No answer."""

    seconds: float


Command = Handle | Wait


@dataclass(frozen=True, slots=True)
class Limits:
    """How often, and how soon again, a released entry is tried.

    Attributes:
        max_attempts: Failed redrives after which an entry is dead.
        backoff_s: Seconds before an entry that failed once is redriven again; doubled with every failure.
        backoff_max_s: Seconds they never exceed.
        lease_s: Seconds after which another consumer may take over what one has begun and no longer renews.
    """

    max_attempts: int = 5
    backoff_s: float = 10.0
    backoff_max_s: float = 3600.0
    lease_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a redrive ended.

    Attributes:
        action: What is done with the entry.
        result: What that is called in a summary.
        why: For the entry's history.
        pause_s: Seconds before it may be redriven again.
        rules: Rules it failed.
        error: Type of what its handler raised.
    """

    action: Action
    result: Result
    why: str = ""
    pause_s: float = 0.0
    rules: tuple[str, ...] = ()
    error: str | None = None


def redriving(
    entry_id: str, judge: Callable[[], Decision], *, attempts: int, cut_short: int, limits: Limits
) -> Generator[Handle, str | None, Ending]:
    """Judge an entry again and have what passes handled.

    Args:
        entry_id: The entry, which is under our lease.
        judge: Judges its record, with its waivers.
        attempts: Failed redrives so far.
        cut_short: Redrives before this one that never ended.
        limits: How often it is tried.
    """
    failed = attempts + cut_short
    if failed >= limits.max_attempts:
        return Ending(DIE, "cut_short", f"{cut_short} redrives were cut short")
    decision = judge()
    if decision.value is None:
        rules = failed_rules(decision)[:MAX_NAMED]
        return _failed(failed, limits, "failed_again", "failed again: " + ", ".join(rules), rules=rules)
    error = yield Handle(entry_id, decision.value)
    if error is not None:
        return _failed(failed, limits, "handler_failed", f"handler raised {error}", error=error)
    return Ending(REDRIVE, "done")


def failed_rules(decision: Decision) -> tuple[str, ...]:
    """Ids of the rules that refuse a record, each once; warnings do not."""
    return tuple(dict.fromkeys(item.rule_id for item in decision.violations if item.on_fail == "quarantine"))


def count_cut_short(actions: Iterable[tuple[str, str, float]]) -> int:
    """How many redrives of an entry were begun and never ended since it was last released.

    Args:
        actions: Name of each action in its history, who did it and at what time, oldest first. A begin by the same one
            at the same time as the begin before it is that one, sent again because no answer came.
    """
    begun, latest = 0, None
    for name, who, at in actions:
        if name == BEGIN_REDRIVE.name:
            begun += (who, at) != latest
            latest = who, at
        elif name == INTERRUPT.name:
            begun -= 1
        elif name == RELEASE.name:
            begun = 0
    return begun


def _failed(
    failed: int,
    limits: Limits,
    result: Result,
    why: str,
    *,
    rules: tuple[str, ...] = (),
    error: str | None = None,
) -> Ending:
    action = after_failed_redrive(failed, limits.max_attempts)
    pause = 0.0 if action is DIE else backoff(failed + 1, limits.backoff_s, limits.backoff_max_s)
    return Ending(action, result, why, pause, rules, error)
