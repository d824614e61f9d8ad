"""`dq-gate quarantine list`, `show`, `groups`, `stats`, `history`: look, and change nothing."""

from __future__ import annotations

import heapq
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli.choosing import ByGroup, ByState, Reveal, by_filter, seconds_of, state_of
from dq_gate.cli.entries import detail, group_row, payload_of, readable, step, summary
from dq_gate.cli.options import Format, OutputFormat, Quarantine
from dq_gate.cli.output import age, note, show, show_one
from dq_gate.cli.progress import while_counting
from dq_gate.cli.reviewing import Session, reviewing
from dq_gate.cli.spool import note_spooled
from dq_gate.errors import ConfigurationError, EntryNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq_gate.quarantine.entry import Entry, HistoryItem
    from dq_gate.review.selection import Selection

MAX_GROUPS = 100
NOTHING = "nothing matches"

Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="How many at the most.")]
GroupLimit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=MAX_GROUPS, help="How many at the most.")
]


@by_filter
def list_(
    choice: Selection,
    state: ByState = "pending",
    limit: Limit = 50,
    after: Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on where a page ended.")] = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """List entries, oldest first. When there are more, the cursor of the next page is on stderr.

    JSON has one object an entry: id, state, created_at, source, pack, rules, group, attempts, seen, replayable.

    \b
    dq-gate quarantine list
    dq-gate quarantine list --rule query.text.markup --state any --format jsonl
    dq-gate quarantine list --older-than 3d --reason-text mojibake
    """  # noqa: D301 - \b keeps the examples' lines apart
    chosen = _in_state(choice, state)
    with reviewing(quarantine) as session:
        entries, rest = _page(session, chosen, limit, after)
        show(
            _rows(entries, format_),
            format_,
            ["id", "state", "age", "source", "rules"],
            spare=["group", "attempts", "created_at"],
            folding=["source", "rules"],
            empty=NOTHING,
        )
        note_spooled(session.settings)
    if rest is not None:
        note(f"more: add --after {rest}")


def show_(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="An entry's id.", show_default=False)] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="GROUP", help="The newest entry of a group, in place of an id.")
    ] = None,
    reveal: Reveal = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Show one entry: its reasons, its history, and the shape of its payload.

    JSON has what the list has, and namespace, pack_digest, violations (rule_id, field, check, on_fail, message,
    span), payload, lease (owner, until), verdict, waivers (rule_id, who, reason), history (at, who, account, action,
    why), not_before, original (when edited), edits (at, who; revealed, patch), problem (why the payload does not open).

    \b
    dq-gate quarantine show 0193f1c2a7d4b1e2c3d4e5f6
    dq-gate quarantine show --group 3f1c9a2b5d6e7f80
    dq-gate quarantine show 0193f1c2a7d4b1e2c3d4e5f6 --reveal --format json
    """  # noqa: D301 - \b keeps the examples' lines apart
    if (id_ is None) == (group is None):
        raise ConfigurationError("name an entry by its id, or a group with --group")
    with reviewing(quarantine) as session:
        entry = entry_of(session, id_ or _sample(session, str(group)))
        if reveal:
            session.reveal([entry.id])
            entry = entry_of(session, entry.id)
        shown = payload_of(session.review, entry, reveal=reveal)
        show_one((readable if format_ is OutputFormat.TABLE else detail)(entry, shown), format_)


def groups(limit: GroupLimit = 50, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """List groups of like failures, the largest first. Every action takes a group: --group GROUP.

    JSON has one object a group: group, open, count, counted_only, source, pack, rules, first_seen, last_seen, sample.

    \b
    dq-gate quarantine groups
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        found = session.store.groups(limit=limit)
        now = time.time()
        rows = [group_row(group) for group in found]
        if format_ is OutputFormat.TABLE:
            rows = [row | {"last": age(group.last_seen, now)} for row, group in zip(rows, found, strict=True)]
        show(
            rows,
            format_,
            ["group", "open", "count", "last", "source", "rules"],
            spare=["sample", "counted_only", "first_seen"],
            folding=["source", "rules"],
            empty=NOTHING,
        )
        note_spooled(session.settings)


def stats(format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Count entries by state, and open ones by rule and source; the stored bytes, and inputs that were only counted.

    JSON is one object: by_state, open_by_rule, open_by_source, groups, bytes, counted_only.

    \b
    dq-gate quarantine stats
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        found = session.store.stats()
        note_spooled(session.settings)
    if format_ is not OutputFormat.TABLE:
        counts = {
            "by_state": found.by_state,
            "open_by_rule": found.open_by_rule,
            "open_by_source": found.open_by_source,
        }
        totals = {"groups": found.groups, "bytes": found.bytes, "counted_only": found.counted_only}
        show_one(counts | totals, format_)
        return
    by: dict[str, Mapping[Any, int]] = {
        "state": found.by_state,
        "rule": found.open_by_rule,
        "source": found.open_by_source,
        "all": {"bytes stored": found.bytes, "only counted": found.counted_only, "groups": found.groups},
    }
    rows = [{"by": kind, "name": name, "count": count} for kind, of in by.items() for name, count in _largest(of)]
    show(rows, format_, ["by", "name", "count"], empty=NOTHING, folding=["name"])


def history(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="Only this entry's.", show_default=False)] = None,
    newer_than: Annotated[str, typer.Option("--newer-than", metavar="AGE", help="Actions after that.")] = "1d",
    group: ByGroup = None,
    limit: Limit = 200,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Say who did what, when and why: of one entry all of it, of all entries what was done of late, newest last.

    `who` is the name as claimed, `account` the store's own: the user of Redis, or of the system. Of all entries, every
    one is read. JSON has one object an action: id, at, who, account, action, why.

    \b
    dq-gate quarantine history 0193f1c2a7d4b1e2c3d4e5f6
    dq-gate quarantine history --newer-than 2h --format jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    since = time.time() - seconds_of(newer_than, "--newer-than")
    with reviewing(quarantine) as session:
        if id_ is not None:
            items = [(id_, item) for item in entry_of(session, id_).history]
        else:
            steps = _steps(session, group, since)
            items = sorted(heapq.nlargest(limit, steps, key=_time_of), key=_time_of)
        rows = [{"id": entry_id} | step(item) for entry_id, item in items]
        columns = ["at", "action", "who", "why"]
        columns = columns if id_ is not None else ["id", *columns]
        show(rows, format_, columns, spare=["account"], folding=["action", "who", "why"], empty="nothing was done")


def entry_of(session: Session, entry_id: str) -> Entry:
    """An entry by its id.

    Raises:
        EntryNotFoundError: there is none.
    """
    entry = session.store.get(entry_id)
    if entry is None:
        raise EntryNotFoundError(entry_id)
    return entry


def _in_state(choice: Selection, state: str) -> Selection:
    return replace(choice, where=replace(choice.where, state=state_of(state)))


def _page(session: Session, choice: Selection, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
    from dq_gate.review.selection import page_of

    try:
        return page_of(session.store, choice, limit, after, session.left_out.append)
    except ValueError:
        raise ConfigurationError(f"--after {after}: give it as an earlier page printed it") from None


def _rows(entries: Iterable[Entry], format_: OutputFormat) -> Iterator[dict[str, Any]]:
    now = time.time()
    for entry in entries:
        row = summary(entry)
        yield row | {"age": age(entry.created_at, now)} if format_ is OutputFormat.TABLE else row


def _sample(session: Session, fingerprint: str) -> str:
    group = session.store.group(fingerprint)
    if group is None or not group.sample:
        raise ConfigurationError(f"--group {fingerprint}: no such group, or none of its entries is kept any more")
    return group.sample


def _steps(session: Session, group: str | None, since: float) -> Iterator[tuple[str, HistoryItem]]:
    """What was done of late, on every entry."""
    from dq_gate.quarantine.entry import Filter
    from dq_gate.review.selection import Selection, matching

    found = matching(session.store, Selection(where=Filter(group=group)), session.left_out.append)
    for entry in while_counting(found):
        for item in entry.history:
            if item.at >= since:
                yield entry.id, item


def _time_of(step_: tuple[str, HistoryItem]) -> float:
    return step_[1].at


def _largest(counts: Mapping[Any, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
