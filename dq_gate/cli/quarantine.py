"""`dq-gate quarantine`: look at what failed, decide about it, send it on."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine, cli_settings
from dq_gate.cli.output import note, show, show_one, when
from dq_gate.errors import ConfigurationError, EntryNotFoundError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_gate.quarantine.entry import Entry, Filter, Group, Store
    from dq_gate.review.service import Outcome, Review
    from dq_gate.settings import Settings

app = typer.Typer(help="Review what failed: list, group, claim, release, discard, redrive.", no_args_is_help=True)
_DAY = 86_400

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Entries by id.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An entry's id.")]
ByGroup = Annotated[str | None, typer.Option("--group", help="All entries of a group of like failures.")]
ByRule = Annotated[str | None, typer.Option("--rule", help="All entries that failed a rule.")]
BySource = Annotated[str | None, typer.Option("--source", help="All entries of a source.")]
ByState = Annotated[
    str, typer.Option("--state", help="pending, leased, released, redriven, discarded, dead, expired, or any.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at the most.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the entry's history.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what the input contained. This is recorded.")]


@app.command("list")
def list_(
    state: ByState = "pending",
    group: ByGroup = None,
    rule: ByRule = None,
    source: BySource = None,
    limit: Limit = 50,
    after: Annotated[str | None, typer.Option("--after", help="Go on where a page ended.")] = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """List entries, oldest first.

    \b
    dq-gate quarantine list
    dq-gate quarantine list --rule query.text.markup --state any --format jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (store, _, _):
        entries, rest = _page(store, _filter(state, group, rule, source), limit, after)
        rows = [_summary(entry) for entry in entries]
        show(rows, format_, ["id", "state", "created_at", "source", "rules", "group"], empty="nothing matches")
    if rest is not None:
        note(f"more: add --after {rest}")


@app.command("show")
def show_(id_: Id, reveal: Reveal = False, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Show one entry: its reasons, its history, and the shape of its payload.

    \b
    dq-gate quarantine show 0193f1c2a7d4b1e2c3d4e5f6
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (store, review, _):
        entry = store.get(id_)
        if entry is None:
            raise EntryNotFoundError(id_)
        if reveal:
            review.reveal([id_])
        show_one(_detail(entry, reveal=reveal), format_)


@app.command()
def groups(limit: Limit = 50, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """List groups of like failures, the largest first. Every action takes a group: --group ID.

    \b
    dq-gate quarantine groups
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (store, _, _):
        rows = [_group(group) for group in store.groups(limit=limit)]
    columns = ["group", "open", "count", "source", "rules", "last_seen", "sample"]
    show(rows, format_, columns, empty="the quarantine is empty")


@app.command()
def stats(format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Count entries by state, and open ones by rule and source."""
    with _reviewing(quarantine) as (store, _, _):
        found = store.stats()
    rows: list[dict[str, Any]] = [
        *({"by": "state", "name": name, "entries": count} for name, count in found.by_state.items() if count),
        *({"by": "rule", "name": name, "entries": count} for name, count in _largest(found.open_by_rule)),
        *({"by": "source", "name": name, "entries": count} for name, count in _largest(found.open_by_source)),
    ]
    if format_ is OutputFormat.TABLE:
        show(rows, format_, ["by", "name", "entries"], empty="the quarantine is empty")
        return
    show_one(
        {
            "by_state": found.by_state,
            "open_by_rule": found.open_by_rule,
            "open_by_source": found.open_by_source,
            "groups": found.groups,
        },
        format_,
    )


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

    The lease is kept in the state directory; your next commands use it.

    \b
    dq-gate quarantine claim --group 3f1c9a2b5d6e7f80
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (_, review, settings):
        chosen = _chosen(review, ids, "pending", group, rule, source)
        lease, outcomes = review.claim(chosen, token=_token(settings))
    _report("claimed", outcomes, format_)
    note(f"yours until {when(lease.until)}")


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

    \b
    dq-gate quarantine release --group 3f1c9a2b5d6e7f80 --waive query.text.markup --reason "a question about HTML"
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (_, review, settings):
        chosen = _claimed(review, settings, ids, group, rule, source)
        outcomes = review.release(chosen, _token(settings), waive=waive or (), reason=reason)
    _report("released", outcomes, format_)


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

    \b
    dq-gate quarantine discard --rule query.text.present
    """  # noqa: D301 - \b keeps the examples' lines apart
    with _reviewing(quarantine) as (_, review, settings):
        chosen = _claimed(review, settings, ids, group, rule, source)
        outcomes = review.discard(chosen, _token(settings), reason=reason)
    _report("discarded", outcomes, format_)


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
        typer.Option("--out", "-o", help="Without a handler: the file that what passes is appended to; - is stdout."),
    ] = None,
    quarantine: Quarantine = None,
) -> None:
    """Send released entries through the gate again; what passes goes to a handler or, as JSON lines, to stdout.

    Without a choice, all released entries are taken. Waived rules are skipped. What fails again is pending again.

    \b
    dq-gate quarantine redrive --out fixed.jsonl
    dq-gate quarantine redrive --handler myapp.ingest:index_document
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate

    if handler and out:
        raise ConfigurationError("--handler and --out exclude each other")
    with _reviewing(quarantine) as (store, review, settings), contextlib.ExitStack() as stack:
        gate = Gate.load(pack or settings.pack)
        chosen = ids or review.matching(_filter("released", group, rule, source))
        _refuse_other_packs(store, chosen, gate.pack.id.name)
        handle = _import_handler(handler) if handler else stack.enter_context(_appending(out))
        outcomes = list(review.redrive(chosen, gate.check, handle, max_attempts=settings.max_attempts))
    tally = Counter(outcome.result for outcome in outcomes)
    note(f"{tally['done']} of {len(outcomes)} entries redriven" + _others(tally))
    if tally["done"] != len(outcomes):
        raise typer.Exit(FINDINGS)


@contextlib.contextmanager
def _reviewing(quarantine: str | None) -> Iterator[tuple[Store, Review, Settings]]:
    """The store, a reviewer at work on it, and the settings."""
    from dq_gate.gate.runtime import connect
    from dq_gate.review.service import Review
    from dq_gate.signals.emitter import Emitter

    settings = cli_settings(quarantine=quarantine)
    store = connect(settings)
    emitter = Emitter(
        settings.log or "stderr", namespace=settings.namespace, source=settings.source, release=settings.release
    )
    try:
        review = Review(store, who=_who(), emit=emitter.emit, lease_seconds=settings.lease_seconds)
        review.tidy(settings.retention_days * _DAY)
        yield store, review, settings
    finally:
        emitter.close()
        store.close()


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _token(settings: Settings) -> str:
    """This state directory's lease token: one secret for all of a reviewer's commands."""
    path = settings.state_dir / "lease-token"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        token = secrets.token_hex(16)
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(token, encoding="ascii")
        return token
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def _filter(state: str, group: str | None, rule: str | None, source: str | None) -> Filter:
    from dq_gate.core.lifecycle import STATES
    from dq_gate.quarantine.entry import Filter

    known = next((known for known in STATES if known == state), None)
    if known is None and state != "any":
        raise ConfigurationError(f"--state {state}: no such state{did_you_mean(state, (*STATES, 'any'))}")
    return Filter(state=known, group=group, rule=rule, source=source)


def _page(store: Store, where: Filter, limit: int, after: str | None) -> tuple[list[Entry], str | None]:
    from dq_gate.quarantine.entry import MAX_BATCH

    entries: list[Entry] = []
    while len(entries) < limit:
        page = store.find(where, limit=min(MAX_BATCH, limit - len(entries)), after=after)
        entries.extend(page.entries)
        after = page.after
        if after is None:
            break
    return entries, after


def _chosen(
    review: Review, ids: list[str] | None, state: str, group: str | None, rule: str | None, source: str | None
) -> list[str]:
    has_filter = any((group, rule, source))
    if bool(ids) == has_filter:
        raise ConfigurationError("name entries by id, or choose them with --group, --rule or --source")
    return ids or review.matching(_filter(state, group, rule, source))


def _claimed(
    review: Review, settings: Settings, ids: list[str] | None, group: str | None, rule: str | None, source: str | None
) -> list[str]:
    """The chosen entries, pending ones claimed; those already claimed by this token are among them."""
    chosen = _chosen(review, ids, "pending", group, rule, source)
    review.claim(chosen, token=_token(settings))
    if not ids:
        leased = review.matching(_filter("leased", group, rule, source))
        chosen = list(dict.fromkeys([*chosen, *leased]))
    return chosen


def _report(done: str, outcomes: Sequence[Outcome], format_: OutputFormat) -> None:
    tally = Counter(outcome.result for outcome in outcomes)
    if format_ is OutputFormat.TABLE:
        typer.echo(f"{tally['done']} {'entry' if tally['done'] == 1 else 'entries'} {done}" + _others(tally))
    else:
        rows = [{"id": outcome.entry_id, "result": outcome.result} for outcome in outcomes]
        show(rows, format_, ["id", "result"], empty="")
    if tally["done"] != len(outcomes):
        raise typer.Exit(FINDINGS)


def _others(tally: Counter[Any]) -> str:
    return "".join(f"; {count} {result.replace('_', ' ')}" for result, count in tally.items() if result != "done")


def _refuse_other_packs(store: Store, entry_ids: Sequence[str], pack: str) -> None:
    """Entries are judged by the pack that refused them, or not at all."""
    for entry_id in entry_ids:
        entry = store.get(entry_id)
        if entry is not None and entry.pack != pack:
            raise ConfigurationError(
                f"entry {entry_id} was refused by the pack {entry.pack!r}, not {pack!r}; name it with --pack"
            )


def _import_handler(name: str) -> Callable[[dict[str, Any]], object]:
    import importlib

    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise ConfigurationError(f"--handler {name}: write it as MODULE:FUNCTION")
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--handler {name}: {error}") from None
    if not callable(function):
        raise ConfigurationError(f"--handler {name}: is not a function")
    handler: Callable[[dict[str, Any]], object] = function
    return handler


@contextlib.contextmanager
def _appending(out: Path | None) -> Iterator[Callable[[dict[str, Any]], object]]:
    """A handler that writes each record as a JSON line, on disk before the entry counts as redriven."""
    from dq_gate.intake.files import to_json

    if out is None or str(out) == "-":
        yield lambda record: (sys.stdout.buffer.write(to_json(record) + b"\n"), sys.stdout.buffer.flush())
        return
    try:
        stream = out.open("ab")
    except OSError as error:
        raise ConfigurationError(f"{out}: cannot be written: {error.strerror}") from None
    with stream:

        def append(record: dict[str, Any]) -> None:
            stream.write(to_json(record) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

        yield append


def _summary(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "state": entry.state,
        "created_at": when(entry.created_at),
        "source": entry.source,
        "pack": f"{entry.pack}@{entry.pack_version}",
        "rules": _rule_ids(entry),
        "group": entry.fingerprint,
        "attempts": entry.attempts,
        "seen": entry.seen,
        "replayable": entry.replayable,
    }


def _detail(entry: Entry, *, reveal: bool) -> dict[str, Any]:
    from dq_gate.quarantine.codec import decode

    payload = decode(entry.payload)
    return _summary(entry) | {
        "namespace": entry.namespace,
        "pack_digest": entry.pack_digest,
        "violations": [
            {"rule_id": v.rule_id, "field": v.field, "on_fail": v.on_fail, "message": v.message, "span": v.span}
            for v in entry.violations
        ],
        "payload": payload if reveal else mask(payload),
        "lease": {"owner": entry.lease.owner, "until": when(entry.lease.until)} if entry.lease else None,
        "verdict": entry.verdict,
        "waivers": [{"rule_id": w.rule_id, "who": w.who, "reason": w.reason} for w in entry.waivers],
        "history": [{"at": when(h.at), "who": h.who, "action": h.action, "why": h.why} for h in entry.history],
    }


def mask(value: Any) -> Any:
    """The shape of a payload without its content: types and sizes. A record's own field names stay."""
    if isinstance(value, dict):
        return {str(name): mask(item) for name, item in value.items()}
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, (bytes, list, tuple, set)):
        return f"<{len(value)} {'bytes' if isinstance(value, bytes) else 'items'}>"
    return None if value is None else f"<{type(value).__name__}>"


def _rule_ids(entry: Entry) -> list[str]:
    return list(dict.fromkeys(v.rule_id for v in entry.violations if v.on_fail == "quarantine"))


def _group(group: Group) -> dict[str, Any]:
    return {
        "group": group.fingerprint,
        "open": group.open,
        "count": group.count,
        "counted_only": group.counted_only,
        "source": group.source,
        "pack": group.pack,
        "rules": list(group.rules),
        "first_seen": when(group.first_seen),
        "last_seen": when(group.last_seen),
        "sample": group.sample,
    }


def _largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
