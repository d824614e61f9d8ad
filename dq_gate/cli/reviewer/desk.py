"""A reviewer's desk: the entries in front of them, and the decisions they have taken but not yet sent.

A decision claims its entries at once, so that nobody else decides about them, and reaches the store only when it is
sent: until then the last one can be undone. Nothing here draws. Thread-safe: the screen calls it off its event loop.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.cli.editor import parse_text
from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.review import editing
from dq_gate.review.selection import Selection, page_of, snapshot
from dq_gate.review.service import done

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.gate.gate import Gate
    from dq_gate.quarantine.entry import Entry, Filter, Group
    from dq_gate.review.editing import Edit
    from dq_gate.review.service import Outcome, Result, Review

Kind = Literal["release", "discard"]
PAGE = 200
"""Entries of a state that are read at a time."""
UNDECIDED: tuple[State, ...] = ("pending", "leased")


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of some entries.

    Attributes:
        waive: With a release: the rules that were wrong about them; needs a reason.
        reason: Goes into the history.
    """

    kind: Kind
    waive: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A ruling with the entries it was taken on, all of them claimed."""

    entry_ids: tuple[str, ...]
    ruling: Ruling


@dataclass(slots=True)
class Tally:
    """What became of entries: how many were done, and how many were not, by the reason."""

    done: int = 0
    refused: Counter[Result] = field(default_factory=Counter)

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Tally:
        """Count what an action did."""
        done_ = sum(outcome.result == "done" for outcome in outcomes)
        return cls(done_, Counter(outcome.result for outcome in outcomes if outcome.result != "done"))

    def add(self, other: Tally) -> None:
        """Count with this what another says."""
        self.done += other.done
        self.refused += other.refused


class Desk:
    """What a reviewer looks at and decides.

    Args:
        review: Who decides.
        token: Their lease's secret.
        gate: Judges what is edited.
        where: Which entries are reviewed at all.
        reveals_all: Whether what entries hold is shown unasked; each look is recorded all the same.

    Attributes:
        left_out: Ids of the entries that cannot be read, and so are in no list.
    """

    def __init__(self, review: Review, token: str, gate: Gate, where: Filter, *, reveals_all: bool = False) -> None:
        self.review = review
        self.gate = gate
        self.reveals_all = reveals_all
        self.sent = Tally()
        self.left_out: set[str] = set()
        self._token = token
        self._where = where
        self._decided: list[Decided] = []
        self._rulings: dict[str, Ruling] = {}
        self._revealed: set[str] = set()
        self._lock = threading.RLock()

    @property
    def unsent(self) -> int:
        """Entries decided about, but not sent."""
        return len(self._rulings)

    def groups(self) -> list[Group]:
        """The groups with undecided entries, the largest first."""
        return [group for group in self.review.store.groups(limit=MAX_BATCH) if group.open and self._wants(group)]

    def entries(self, fingerprint: str, after: str | None = None) -> tuple[list[Entry], str | None]:
        """A page of a group's undecided entries, oldest first, and the cursor of the next one.

        Claimed entries come with the first page, before those that nobody has claimed.
        """
        where = replace(self._where, group=fingerprint)
        claimed = [] if after else self._page(_of(where, "leased"), None)[0]
        pending, rest = self._page(_of(where, "pending"), after)
        return claimed + pending, rest

    def every_id(self, fingerprint: str) -> list[str]:
        """Ids of all undecided entries that a group has now."""
        return snapshot(self.review.store, Selection(where=replace(self._where, group=fingerprint)), UNDECIDED)

    def entry(self, entry_id: str) -> Entry | None:
        """One entry, as it is now."""
        return self.review.store.get(entry_id)

    def is_mine(self, entry: Entry) -> bool:
        """Whether an entry is under this reviewer's lease."""
        return entry.lease is not None and entry.lease.token == self._token and entry.lease.until > self.review.now()

    def ruling_on(self, entry_id: str) -> Ruling | None:
        """The decision about an entry that was not sent yet."""
        return self._rulings.get(entry_id)

    def is_revealed(self, entry_id: str) -> bool:
        """Whether this reviewer had an entry's content shown."""
        return entry_id in self._revealed

    def reveal(self, entry_id: str) -> None:
        """Have an entry's content shown from now on; its history says so.

        Raises:
            ReviewError: it could not be recorded, so nothing may be shown.
        """
        if entry_id not in self._revealed:
            self.review.reveal([entry_id])
            self._revealed.add(entry_id)

    def value(self, entry: Entry) -> Any:
        """What an entry holds. Raises `UnreadableEntryError` when it cannot be opened."""
        return self.review.content(entry).value

    def claim(self, entry_ids: Sequence[str]) -> Tally:
        """Take entries, so that nobody else decides about them."""
        return Tally.of(self._claim(entry_ids))

    def unclaim(self, entry_ids: Sequence[str]) -> Tally:
        """Give entries back, undecided."""
        return Tally.of(self.review.unclaim(entry_ids, self._token))

    def decide(self, entry_ids: Sequence[str], ruling: Ruling) -> Tally:
        """Take a decision, to be sent later. Entries that cannot be claimed, or are decided about, are left out.

        Raises:
            ReviewError: a waiver without a reason.
        """
        if ruling.waive and not ruling.reason:
            raise ReviewError("a waiver needs a reason")
        with self._lock:
            fresh = [entry_id for entry_id in entry_ids if entry_id not in self._rulings]
            outcomes = self._claim(fresh)
            if claimed := done(outcomes):
                self._decided.append(Decided(tuple(claimed), ruling))
                self._rulings.update(dict.fromkeys(claimed, ruling))
            return Tally.of(outcomes)

    def undo(self) -> Decided | None:
        """Take the last unsent decision back; its entries stay claimed. None when there is none."""
        with self._lock:
            return self._forget(-1) if self._decided else None

    def drop(self) -> None:
        """Take back every unsent decision, and give the entries back."""
        with self._lock:
            while decided := self.undo():
                self.review.unclaim(decided.entry_ids, self._token)

    def send(self) -> Iterator[Tally]:
        """Carry the decisions out, oldest first; gives what became of each.

        Raises:
            UnreadableEntryError: what is stored is damaged; that decision is still unsent, those after it are carried
                out.
            BackendUnavailableError: the store went away; what was not carried out is still unsent.
        """
        damage: UnreadableEntryError | None = None
        with self._lock:
            place = 0
            while place < len(self._decided):
                try:
                    tally = Tally.of(self._carry_out(self._decided[place]))
                except UnreadableEntryError as error:
                    damage, place = error, place + 1
                    continue
                self._forget(place)
                self.sent.add(tally)
                yield tally
        if damage is not None:
            raise damage

    def renew(self) -> None:
        """Hold on to what is decided but not sent."""
        with self._lock:
            for decided in self._decided:
                self.review.renew(decided.entry_ids, self._token)

    def edit(self, entry: Entry, text: str, waive: Sequence[str] = (), reason: str = "") -> Edit:
        """Give an entry another value, if the gate takes it. Claims the entry.

        Raises:
            ReviewError: the text is no JSON, or the entry cannot be edited, or not here.
        """
        if entry.pack != self.gate.pack.id.name:
            raise ReviewError(f"this entry was refused by the pack {entry.pack}; review it with --pack {entry.pack}")
        value = parse_text(text)
        self._claim([entry.id])
        return editing.edit(
            self.review,
            entry,
            self._token,
            value,
            self.gate.check,
            rules=self.gate.rules,
            waive=waive,
            reason=reason,
        )

    def _claim(self, entry_ids: Sequence[str]) -> list[Outcome]:
        """Claim entries, and hold on to those that are ours already."""
        _, claimed = self.review.claim(entry_ids, token=self._token)
        others = [outcome.entry_id for outcome in claimed if outcome.result == "wrong_state"]
        held = {outcome.entry_id: outcome for outcome in self.review.renew(others, self._token)[1]}
        return [held.get(outcome.entry_id, outcome) for outcome in claimed]

    def _page(self, selection: Selection, after: str | None) -> tuple[list[Entry], str | None]:
        return page_of(self.review.store, selection, PAGE, after, self.left_out.add)

    def _forget(self, place: int) -> Decided:
        decided = self._decided.pop(place)
        for entry_id in decided.entry_ids:
            del self._rulings[entry_id]
        return decided

    def _carry_out(self, decided: Decided) -> list[Outcome]:
        ruling = decided.ruling
        if ruling.kind == "discard":
            return self.review.discard(decided.entry_ids, self._token, reason=ruling.reason)
        return self.review.release(decided.entry_ids, self._token, waive=ruling.waive, reason=ruling.reason)

    def _wants(self, group: Group) -> bool:
        """Whether a group may hold entries that are reviewed here."""
        where = self._where
        return (
            where.group in (None, group.fingerprint)
            and where.source in (None, group.source)
            and (where.rule is None or where.rule in group.rules)
        )


def _of(where: Filter, state: State) -> Selection:
    return Selection(where=replace(where, state=state))
