"""`dq-gate quarantine`: look at what failed, decide about it, send it on."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.entries import deciding_rules, detail, group_row, readable, summary
from dq_gate.cli.handlers import import_handler, writing_records
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine
from dq_gate.cli.output import note, safe, show, show_one, when
from dq_gate.cli.progress import while_counting
from dq_gate.cli.reviewing import Choice, Session, choose, filter_of, reviewing
from dq_gate.cli.spool import note_spooled
from dq_gate.errors import ConfigurationError, EntryNotFoundError, did_you_mean
from dq_gate.quarantine.entry import MAX_BATCH, Filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.review.service import Outcome

app = typer.Typer(help="Review what failed: list, group, claim, release, discard, redrive.", no_args_is_help=True)

MAX_TOLD = 20
"""Most entries that are named with the reason why an action could not be done on them."""
_NOTHING = "nothing matches"
_RESULTS = {
    "not_found": "no such entry",
    "lease_lost": "someone else holds it, or the lease ran out",
    "not_replayable": "its payload was not kept whole, so it cannot be judged again",
    "failed_again": "failed the gate again",
    "handler_failed": "the handler failed",
    "other_pack": "another pack refused it; name that with --pack",
}

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Entries by id.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An entry's id.")]
ByGroup = Annotated[
    str | None, typer.Option("--group", metavar="GROUP", help="All entries of a group of like failures.")
]
ByRule = Annotated[str | None, typer.Option("--rule", metavar="RULE", help="All entries that failed a rule.")]
BySource = Annotated[str | None, typer.Option("--source", metavar="NAME", help="All entries of a source.")]
ByState = Annotated[
    str,
    typer.Option(
        "--state", metavar="STATE", help="pending, leased, released, redriven, discarded, dead, expired, or any."
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="How many at the most.")]
GroupLimit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=MAX_BATCH, help="How many at the most.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the entry's history.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what the input contained. This is recorded.")]


@app.command("list")
def list_(
    state: ByState = "pending",
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
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
    """  # noqa: D301 - \b keeps the examples' lines apart
    where = filter_of(state, group, rule, source)
    with reviewing(quarantine) as session:
        entries, rest = _page(session.store, where, limit, after)
        show(map(summary, entries), format_, ["id", "state", "created_at", "source", "rules", "group"], empty=_NOTHING)
        note_spooled(session.settings)
    if rest is not None:
        note(f"more: add --after {rest}")


@app.command("show")
def show_(id_: Id, reveal: Reveal = False, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Show one entry: its reasons, its history, and the shape of its payload.

    JSON has what the list has, and namespace, pack_digest, violations (rule_id, field, check, on_fail, message,
    span), payload, lease (owner, until), verdict, waivers (rule_id, who, reason), history (at, who, action, why).

    \b
    dq-gate quarantine show 0193f1c2a7d4b1e2c3d4e5f6
    dq-gate quarantine show 0193f1c2a7d4b1e2c3d4e5f6 --reveal --format json
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        entry = session.store.get(id_)
        if entry is None:
            raise EntryNotFoundError(id_)
        if reveal:
            session.review.reveal([id_])
            if session.emitter.take_dropped():
                raise ConfigurationError(f"{session.settings.log}: cannot be written, so nothing is revealed")
        shown = readable if format_ is OutputFormat.TABLE else detail
        show_one(shown(entry, reveal=reveal), format_)


@app.command()
def groups(limit: GroupLimit = 50, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """List groups of like failures, the largest first. Every action takes a group: --group GROUP.

    JSON has one object a group: group, open, count, counted_only, source, pack, rules, first_seen, last_seen, sample.

    \b
    dq-gate quarantine groups
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        rows = map(group_row, session.store.groups(limit=limit))
        show(rows, format_, ["group", "open", "count", "source", "rules", "last_seen", "sample"], empty=_NOTHING)
        note_spooled(session.settings)


@app.command()
def stats(format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Count entries by state, and open ones by rule and source.

    JSON is one object: by_state, open_by_rule, open_by_source, groups.

    \b
    dq-gate quarantine stats
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        found = session.store.stats()
        note_spooled(session.settings)
    if format_ is not OutputFormat.TABLE:
        counts = {"by_state": found.by_state, "open_by_rule": found.open_by_rule}
        show_one({**counts, "open_by_source": found.open_by_source, "groups": found.groups}, format_)
        return
    by: dict[str, Mapping[Any, int]] = {
        "state": found.by_state,
        "rule": found.open_by_rule,
        "source": found.open_by_source,
    }
    rows = [{"by": kind, "name": name, "entries": count} for kind, of in by.items() for name, count in _largest(of)]
    show(rows, format_, ["by", "name", "entries"], empty=_NOTHING)


@app.command()
def claim(
    ids: Ids = None,
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Take pending entries for yourself, so that nobody else acts on them meanwhile.

    The lease's token is kept in the state directory; your next commands use it. Exits with 1 when an entry cannot be
    claimed. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine claim --group 3f1c9a2b5d6e7f80
    """  # noqa: D301 - \b keeps the examples' lines apart
    choice = choose(ids, group, rule, source)
    with reviewing(quarantine) as session:
        lease, outcomes = session.review.claim(session.chosen(choice, "pending"), token=session.token())
        if any(outcome.result == "done" for outcome in outcomes):
            note(f"yours until {when(lease.until)}")
        _report_action(session, outcomes, "claimed", format_)


@app.command()
def release(
    ids: Ids = None,
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    waive: Annotated[
        list[str] | None,
        typer.Option("--waive", metavar="RULE", help="The rule was wrong about these inputs; needs --reason."),
    ] = None,
    reason: Reason = "",
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Let entries go on to be redriven; those you have not claimed are claimed first.

    Exits with 1 when an entry cannot be released. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine release --group 3f1c9a2b5d6e7f80 --waive query.text.markup --reason "a question about HTML"
    """  # noqa: D301 - \b keeps the examples' lines apart
    choice = choose(ids, group, rule, source)
    if waive and not reason:
        raise ConfigurationError("a waiver needs a reason: --reason 'why the rule is wrong here'")
    with reviewing(quarantine) as session:
        chosen = session.chosen(choice, "pending", "leased")
        _refuse_strange_waivers(session.store, chosen, waive or ())
        session.review.claim(chosen, token=session.token())
        outcomes = session.review.release(chosen, session.token(), waive=waive or (), reason=reason)
        _report_action(session, outcomes, "released", format_)


@app.command()
def discard(
    ids: Ids = None,
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    reason: Reason = "",
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Throw entries away, because the gate was right; those you have not claimed are claimed first.

    Exits with 1 when an entry cannot be discarded. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine discard --rule query.text.present
    """  # noqa: D301 - \b keeps the examples' lines apart
    choice = choose(ids, group, rule, source)
    with reviewing(quarantine) as session:
        chosen = session.chosen(choice, "pending", "leased")
        session.review.claim(chosen, token=session.token())
        outcomes = session.review.discard(chosen, session.token(), reason=reason)
        _report_action(session, outcomes, "discarded", format_)


@app.command()
def redrive(
    ids: Ids = None,
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    pack: Pack = None,
    handler: Annotated[
        str | None, typer.Option("--handler", metavar="MODULE:FUNCTION", help="Called with each record that passes.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Without a handler: the file that what passes is appended to; - is stdout.",
        ),
    ] = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Send released entries through the gate again; what passes goes to a handler or, as JSON lines, to stdout.

    Without a choice, all released entries are taken. Waived rules are skipped. What fails again is pending again. An
    entry is redriven once its handler returned, or its line is on the disk: a handler may see one twice, but never
    misses one. Exits with 1 when an entry is not redriven. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine redrive --out fixed.jsonl
    dq-gate quarantine redrive --handler myapp.ingest:index_document
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate

    choice = choose(ids, group, rule, source) if ids or group or rule or source else Choice((), Filter())
    file = None if out == Path("-") else out
    if handler and out:
        raise ConfigurationError("--handler and --out exclude each other")
    if not (handler or file) and format_ is not OutputFormat.TABLE:
        raise ConfigurationError(f"--format {format_} needs --handler or --out: stdout carries the records")
    gate = Gate.load(pack)
    with contextlib.ExitStack() as stack:
        handle = import_handler(handler) if handler else stack.enter_context(writing_records(file))
        session = stack.enter_context(reviewing(quarantine))
        own, others = _by_pack(session.store, session.chosen(choice, "released"), gate.pack.id.name)
        if choice.ids and others:
            raise ConfigurationError(
                f"entry {others[0]}: another pack than {gate.pack.id.name!r} refused it; use --pack"
            )
        outcomes = session.review.redrive(own, gate.check, handle, max_attempts=session.settings.max_attempts)
        results: list[tuple[str, str]] = [
            (outcome.entry_id, outcome.result) for outcome in while_counting(outcomes, len(own))
        ]
        results += [(entry_id, "other_pack") for entry_id in others]
        done = sum(result == "done" for _, result in results)
        _report(session.store, results, format_, say=note, summary=f"{done} of {len(results)} entries redriven")


def _page(store: Store, where: Filter, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
    entries: list[Entry] = []
    while len(entries) < limit:
        try:
            page = store.find(where, limit=min(MAX_BATCH, limit - len(entries)), after=after)
        except ValueError:
            raise ConfigurationError(f"--after {after}: give it as an earlier page printed it") from None
        entries.extend(page.entries)
        after = page.after
        if after is None:
            break
    return entries, after


def _by_pack(store: Store, entry_ids: Sequence[str], pack: str) -> tuple[list[str], list[str]]:
    """Entries that a pack refused, and those of other packs: an entry is judged by its own pack, or not at all."""
    own: list[str] = []
    others: list[str] = []
    for entry_id in entry_ids:
        entry = store.get(entry_id)
        (own if entry is None or entry.pack == pack else others).append(entry_id)
    return own, others


def _refuse_strange_waivers(store: Store, entry_ids: Sequence[str], waive: Sequence[str]) -> None:
    """Refuse to waive a rule that none of the entries failed: it is misspelled, and would help none of them."""
    if not waive or not entry_ids:
        return
    entries = map(store.get, entry_ids)
    failed = {rule for entry in entries if entry is not None for rule in deciding_rules(entry)}
    for rule in waive:
        if rule not in failed:
            raise ConfigurationError(f"--waive {rule}: none of these entries failed it{did_you_mean(rule, failed)}")


def _report_action(session: Session, outcomes: Sequence[Outcome], done: str, format_: OutputFormat) -> None:
    results = [(outcome.entry_id, outcome.result) for outcome in outcomes]
    count = sum(result == "done" for _, result in results)
    summary = f"{count} {'entry' if count == 1 else 'entries'} {done}"
    _report(session.store, results, format_, say=typer.echo, summary=summary)


def _report(
    store: Store,
    results: Sequence[tuple[str, str]],
    format_: OutputFormat,
    *,
    say: Callable[[str], None],
    summary: str,
) -> None:
    """Say what was done and on which entries it could not be done; exit with 1 when there are any."""
    undone = [(entry_id, result) for entry_id, result in results if result != "done"]
    if format_ is OutputFormat.TABLE:
        say(summary + (f", {len(undone)} not:" if undone else ""))
        for entry_id, result in undone[:MAX_TOLD]:
            say(safe(f"  {entry_id}  {_why_not(store, entry_id, result)}"))
        if len(undone) > MAX_TOLD:
            say(f"  and {len(undone) - MAX_TOLD} more; --format jsonl names them")
    else:
        show([{"id": entry_id, "result": result} for entry_id, result in results], format_, [], empty="")
    if undone:
        raise typer.Exit(FINDINGS)


def _why_not(store: Store, entry_id: str, result: str) -> str:
    if result != "wrong_state":
        return _RESULTS[result]
    entry = store.get(entry_id)
    if entry is None:
        return _RESULTS["not_found"]
    return f"is {entry.state}" + (f" by {entry.lease.owner} until {when(entry.lease.until)}" if entry.lease else "")


def _largest(counts: Mapping[Any, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
