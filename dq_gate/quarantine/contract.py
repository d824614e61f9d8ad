"""What both stores share: what they refuse, how they read an action, how a page points at the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dq_gate.core.lifecycle import LAPSE
from dq_gate.quarantine.entry import MAX_BATCH, Act, HistoryItem

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized
    from typing import Self

    from dq_gate.core.lifecycle import Action
    from dq_gate.quarantine.entry import Entry

LeaseRule = Literal["takes", "needs", "lapsed", ""]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of entries: behind this time and, among equal times, this id."""

    created_at: float
    entry_id: str

    def __str__(self) -> str:
        return f"{self.created_at!r}_{self.entry_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor that an earlier page gave.

        Raises:
            ValueError: it is none.
        """
        created_at, separator, entry_id = text.partition("_")
        try:
            if separator and math.isfinite(float(created_at)):
                return cls(float(created_at), storable(entry_id))
        except ValueError:
            pass
        raise ValueError("not a cursor: give `after` as an earlier page returned it")


def check_batch(items: Sized) -> None:
    """Refuse more entries or ids than one call may take."""
    if len(items) > MAX_BATCH:
        raise ValueError(f"{len(items)} entries or ids; a call takes at most {MAX_BATCH}")


def check_limit(limit: int, most: int = MAX_BATCH) -> None:
    """Refuse a page size that is no page."""
    if not 1 <= limit <= most:
        raise ValueError(f"limit is {limit}; it must be from 1 to {most}")


def check_new(entries: Sequence[Entry], namespace: str) -> None:
    """Refuse entries that a put would not keep as they are, before anything is written."""
    check_batch(entries)
    for entry in entries:
        if entry.namespace != namespace:
            raise ValueError(f"entry {entry.id} is of namespace {entry.namespace}, this store keeps {namespace}")
        has_lived = any(
            (
                entry.attempts,
                entry.lease,
                entry.verdict,
                entry.waivers,
                entry.history,
                entry.revision,
                entry.not_before,
            )
        )
        if entry.state != "pending" or has_lived:
            raise ValueError(f"entry {entry.id} is not new: a put takes pending entries without a history")
        if not math.isfinite(entry.created_at):
            raise ValueError(f"entry {entry.id}: created_at is no time")


def check_act(entry_ids: Sequence[str], act: Act) -> None:
    """Refuse an act that lacks the lease its action takes, or the payload it writes."""
    check_batch(entry_ids)
    if act.action.takes_lease and act.lease is None:
        raise ValueError(f"{act.action.name} takes a lease, and the act carries none")
    if act.action.rewrites != (act.rewrite is not None):
        raise ValueError(f"{act.action.name} {'needs a' if act.action.rewrites else 'takes no'} payload")
    if act.rewrite is not None and list(entry_ids) != [act.rewrite.id]:
        raise ValueError("a payload is replaced in the entry it belongs to, one at a time")


def lease_rule(action: Action) -> LeaseRule:
    """What an action asks of an entry's lease.

    Returns:
        `takes`: that none runs but the one it sets. `needs`: that the caller's runs. `lapsed`: that none
        runs, so that a lease taken meanwhile is not lost. Empty: nothing.
    """
    if action.needs_lease:
        return "needs"
    if action.takes_lease:
        return "takes"
    return "lapsed" if action == LAPSE else ""


def lapse_at(now: float) -> Act:
    """The act that returns entries whose lease ran out."""
    return Act(LAPSE, HistoryItem(at=now, who="dq_gate", action=LAPSE.name, why="the lease ran out"))


def deciding_rules(entry: Entry) -> list[str]:
    """Ids of the rules that put an entry here, sorted, each once; warnings do not count."""
    return sorted({violation.rule_id for violation in entry.violations if violation.on_fail == "quarantine"})


def storable(text: str) -> str:
    """The text as a backend can take it: a lone surrogate, which a terminal can send, becomes `?`."""
    return text.encode("utf-8", "replace").decode()
