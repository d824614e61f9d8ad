"""Which entries an action is about: found first, as a snapshot of ids, then acted on batch by batch.

Entries that come while an action runs are not in its snapshot, so that every action ends. One that is cut short is
completed by doing it again: what is decided already is not found again.

Where entries themselves are read, one that cannot be read is left out, and `leave_out` is told its id; without
`leave_out` it is an `UnreadableEntryError`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import CLAIM, CLOSED, DISCARD, RELEASE
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine.entry import MAX_BATCH, Filter, Page
from dq_gate.review.service import batches, done, refusing_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.review.service import Outcome, Result, Review

    LeaveOut = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Selection:
    """Entries by name, or all that a filter finds.

    Attributes:
        ids: When there are any, the rest counts for nothing.
        where: The filter.
        text: What the message of one of its reasons contains, in any case; None for anything.
    """

    ids: tuple[str, ...] = ()
    where: Filter = Filter()  # noqa: RUF009 - a frozen value
    text: str | None = None


@dataclass(slots=True)
class Forecast:
    """What an action would do, as things are now.

    Attributes:
        would: Entries that it would be done on.
        refused: Entries that it would not be done on, by the reason why.
        by_state: Entries by the state they are in.
        held: Entries that others have claimed, by whom.
        fits: Entries that each waived rule had refused.
    """

    would: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    by_state: Counter[State] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    fits: Counter[str] = field(default_factory=Counter)


def snapshot(
    store: Store,
    selection: Selection,
    states: Iterable[State | None] = (None,),
    *,
    leave_out: LeaveOut | None = None,
) -> list[str]:
    """Ids of the named entries, or of those in some states that the filter finds, each state's oldest first."""
    if selection.ids:
        return list(selection.ids)
    found: dict[str, None] = {}
    for state in states:
        where = replace(selection.where, state=state)
        if selection.text is None:
            found.update(dict.fromkeys(_ids(store, where)))
        else:
            entries = matching(store, replace(selection, where=where), leave_out)
            found.update(dict.fromkeys(entry.id for entry in entries))
    return list(found)


def considered(
    store: Store,
    selection: Selection,
    states: Iterable[State | None] = (None,),
    *,
    leave_out: LeaveOut | None = None,
) -> Iterator[Entry | None]:
    """The entries of a snapshot themselves; None for one that is named and not there."""
    if selection.ids:
        yield from _each(store, selection.ids, leave_out)
        return
    for state in states:
        yield from matching(store, replace(selection, where=replace(selection.where, state=state)), leave_out)


def matching(store: Store, selection: Selection, leave_out: LeaveOut | None = None) -> Iterator[Entry]:
    """The entries themselves, oldest first; of named ones, those that are there."""
    if selection.ids:
        yield from (entry for entry in _each(store, selection.ids, leave_out) if entry is not None)
        return
    after: str | None = None
    while True:
        page = _page(store, selection.where, MAX_BATCH, after, leave_out)
        yield from (entry for entry in page.entries if mentions(entry, selection.text))
        if (after := page.after) is None:
            return


def page_of(
    store: Store, selection: Selection, limit: int, after: str | None, leave_out: LeaveOut | None = None
) -> tuple[list[Entry], str | None]:
    """So many matching entries, and the cursor from which the next ones are found, or None at the end.

    Raises:
        ValueError: the cursor is none.
    """
    found: list[Entry] = []
    while len(found) < limit:
        page = _page(store, selection.where, min(MAX_BATCH, limit - len(found)), after, leave_out)
        found += [entry for entry in page.entries if mentions(entry, selection.text)]
        if (after := page.after) is None:
            break
    return found, after


def mentions(entry: Entry, text: str | None) -> bool:
    """Whether the message of one of an entry's reasons contains a text, in any case."""
    return text is None or any(text.casefold() in violation.message.casefold() for violation in entry.violations)


def decide(
    review: Review, entry_ids: Sequence[str], token: str, act: Callable[[Sequence[str]], list[Outcome]]
) -> Iterator[Outcome]:
    """Claim entries a batch at a time, carry out a decision on them, and give back those it left undecided.

    Args:
        review: Who decides.
        entry_ids: Any number of entries; those under the lease already stay under it.
        token: The lease's secret.
        act: Decides on a batch of entries.
    """
    for batch in batches(entry_ids):
        _, claimed = review.claim(batch, token=token)
        try:
            outcomes = act(batch)
        except BaseException:
            with contextlib.suppress(BackendUnavailableError):  # their lease runs out by itself
                review.unclaim(done(claimed), token)
            raise
        left = set(done(claimed)).difference(done(outcomes))
        review.unclaim([entry_id for entry_id in batch if entry_id in left], token)
        yield from outcomes


def forecast(
    entries: Iterable[Entry | None], name: str, *, token: str, now: float, waive: Sequence[str] = ()
) -> Forecast:
    """Say what an action would do, and change nothing.

    Args:
        entries: What it is about; None for one that is not there.
        name: The action: claim, release, discard or purge.
        token: The caller's lease token.
        now: Seconds since the epoch.
        waive: Rules to waive with a release.
    """
    found = Forecast()
    for entry in entries:
        if entry is None:
            found.refused["not_found"] += 1
            continue
        found.by_state[entry.state] += 1
        fits = refusing_rules(entry).intersection(waive)
        found.fits.update(fits)
        result = _expected(entry, name, token, now)
        if result == "lease_lost" and entry.lease is not None:
            found.held[entry.lease.owner] += 1
        if result == "done" and waive and not fits:
            result = "no_waiver_fits"
        if result == "done":
            found.would += 1
        else:
            found.refused[result] += 1
    return found


def _expected(entry: Entry, name: str, token: str, now: float) -> Result:
    if name == "purge":
        return "done" if entry.state in CLOSED else "wrong_state"
    if entry.state == "pending":
        return "done"
    if entry.state != "leased" or entry.lease is None:
        return "wrong_state"
    if name == CLAIM.name:
        return "wrong_state"
    is_ours = entry.lease.token == token and entry.lease.until > now
    return "done" if is_ours and name in (RELEASE.name, DISCARD.name) else "lease_lost"


def _page(store: Store, where: Filter, limit: int, after: str | None, leave_out: LeaveOut | None) -> Page:
    """A page of entries, without those that cannot be read."""
    try:
        return store.find(where, limit=limit, after=after)
    except UnreadableEntryError:  # one of them: look at each
        page = store.ids(where, limit=limit, after=after)
        entries = (entry for entry in _each(store, page.ids, leave_out) if entry is not None)
        # Between the two calls an entry may have changed its state.
        return Page(tuple(entry for entry in entries if where.state in (None, entry.state)), page.after)


def _each(store: Store, entry_ids: Iterable[str], leave_out: LeaveOut | None) -> Iterator[Entry | None]:
    """Entries by their ids, without those that cannot be read; None for one that is not there."""
    for entry_id in entry_ids:
        try:
            entry = store.get(entry_id)
        except UnreadableEntryError:
            if leave_out is None:
                raise
            leave_out(entry_id)
        else:
            yield entry


def _ids(store: Store, where: Filter) -> Iterator[str]:
    after: str | None = None
    while True:
        page = store.ids(where, after=after)
        yield from page.ids
        if (after := page.after) is None:
            return
