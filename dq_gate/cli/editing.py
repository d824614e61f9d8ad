"""`dq-gate quarantine edit`: mend an input, in an editor or by options; only what passes the gate is kept."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.choosing import Id, Reason, Reveal
from dq_gate.cli.deciding import Waive
from dq_gate.cli.editor import decoded, editable_text, in_editor, parse_text
from dq_gate.cli.looking import entry_of
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine
from dq_gate.cli.outcomes import REASONS
from dq_gate.cli.output import ask, note, safe, show_one, when
from dq_gate.cli.reviewing import Session, reviewing
from dq_gate.errors import ConfigurationError, ReviewError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate import Gate
    from dq_gate.quarantine.entry import Entry
    from dq_gate.review.editing import Change, Edit


_is_plain_path = re.compile(r"[A-Za-z0-9_.\[\]-]{0,128}").fullmatch


@dataclass(frozen=True, slots=True)
class Bench:
    """What an edit works with.

    Attributes:
        gate: Judges the new value, by the pack that refused the entry.
        entry: As it was read under the lease.
        waive: Rules that are wrong about the new value.
        reason: Why.
        shows: Whether content is shown; that is recorded then.
    """

    session: Session
    gate: Gate
    entry: Entry
    waive: tuple[str, ...]
    reason: str
    shows: bool


def edit(
    id_: Id,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Give a field this value; no editor opens.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="Take the whole new value, JSON, from a file or - .")
    ] = None,
    waive: Waive = None,
    reason: Reason = "",
    pack: Pack = None,
    reveal: Reveal = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Mend an entry's input in $VISUAL or $EDITOR, or by --set or --from. What still fails a rule is not kept.

    It is claimed first if it is free. An editor shows the content, and that is recorded; with --set and --from, content
    is shown with --reveal only. What the input was at first stays in the payload. Release it next. Exits with 1 when
    nothing is kept. JSON is one object: id, result, violations (rule_id, field, message, span), changes (path, before,
    after; null unless revealed).

    \b
    dq-gate quarantine edit 0193f1c2a7d4b1e2c3d4e5f6
    dq-gate quarantine edit 0193f1c2a7d4b1e2c3d4e5f6 --set top_k=5 --set "query=where is my card"
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate

    if set_ and from_:
        raise ConfigurationError("--set and --from exclude each other")
    if waive and not reason:
        raise ConfigurationError("a waiver needs a reason: --reason 'why the rule is wrong here'")
    uses_editor = not (set_ or from_)
    gate = Gate.load(pack)
    with reviewing(quarantine) as session, _claimed(session, id_, gate) as entry:
        bench = Bench(session, gate, entry, tuple(waive or ()), reason, uses_editor or reveal)
        if bench.shows:
            session.reveal([id_])
        done = _edit_by_hand(bench) if uses_editor else _edit(bench, _given(bench, set_ or (), from_))
        _report(bench, done, format_)
    if done.result != "done":
        raise typer.Exit(FINDINGS)


@contextmanager
def _claimed(session: Session, entry_id: str, gate: Gate) -> Iterator[Entry]:
    """The entry under our lease, given back when it was claimed for this and is not changed."""
    from dq_gate.review.editing import editable

    if entry_of(session, entry_id).pack != gate.pack.id.name:
        raise ConfigurationError(f"entry {entry_id}: another pack than {gate.pack.id.name!r} refused it; use --pack")
    token = session.token()
    _, (claimed,) = session.review.claim([entry_id], token=token)
    entry = entry_of(session, entry_id)
    if entry.lease is None or entry.lease.token != token:
        held = f" by {entry.lease.owner} until {when(entry.lease.until)}" if entry.lease else ""
        raise ReviewError(f"entry {entry_id}: is {entry.state}{held}, so it cannot be edited")
    try:
        editable(session.review, entry)
        yield entry
    finally:
        if claimed.result == "done" and entry_of(session, entry_id).revision == entry.revision:
            session.review.unclaim([entry_id], token)


def _given(bench: Bench, settings: Sequence[str], file: str | None) -> Any:
    """The new value as options say it."""
    if file is not None:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return parse_text(decoded(data))
    value = bench.session.review.content(bench.entry).value
    if not isinstance(value, dict):
        raise ConfigurationError(f"entry {bench.entry.id}: is no record of fields; give the whole value with --from")
    return value | dict(_setting(bench, setting) for setting in settings)


def _setting(bench: Bench, setting: str) -> tuple[str, Any]:
    """A field's name and new value: text, unless the pack says that the field is something else."""
    from dq_gate.intake.records import parse_cell

    name, separator, text = setting.partition("=")
    if not (separator and name):
        raise ConfigurationError("--set: write it as FIELD=VALUE")
    spec = bench.gate.pack.specs.get(name)
    return name, parse_cell(text, spec.type) if spec is not None and spec.type != "str" else text


def _edit(bench: Bench, value: Any) -> Edit:
    from dq_gate.review.editing import edit as put_in_place

    review, token = bench.session.review, bench.session.token()
    check, rules = bench.gate.check, bench.gate.rules
    return put_in_place(review, bench.entry, token, value, check, rules=rules, waive=bench.waive, reason=bench.reason)


def _edit_by_hand(bench: Bench) -> Edit:
    """Have the user edit until the value is kept, is as it was, or they give up."""
    text = _draft(bench)
    while True:
        text = in_editor(text)
        _hold_on(bench)
        try:
            done = _edit(bench, parse_text(text))
        except ReviewError as error:
            if not _again(str(error)):
                raise
            continue
        if done.result != "refused" or not _again(*_verdict(done)):
            return done


def _hold_on(bench: Bench) -> None:
    """Have the lease run on: it may have run out while the editor was open."""
    review, ids, token = bench.session.review, [bench.entry.id], bench.session.token()
    if review.renew(ids, token)[1][0].result == "lease_lost":
        review.lapse()
        review.claim(ids, token=token)


def _draft(bench: Bench) -> str:
    value = bench.session.review.content(bench.entry).value
    reasons = (
        f"// {v.rule_id} ({v.field}): {v.message}" + (f", at {v.span[0]} to {v.span[1]}" if v.span else "")
        for v in bench.entry.violations
    )
    head = ["// Edit the value below; save and leave. Lines that begin with // do not count. It failed:", *reasons]
    return "\n".join(map(safe, head)) + "\n" + editable_text(value)


def _again(*lines: str) -> bool:
    """Whether the user wants to go on editing, having read why the value was not kept."""
    if not sys.stdin.isatty():
        return False
    for line in lines:
        note(line)
    return ask("Edit it again?", default=True)


def _report(bench: Bench, done: Edit, format_: OutputFormat) -> None:
    if format_ is not OutputFormat.TABLE:
        changes = [_change(change, shows=bench.shows) for change in done.changes]
        violations = [asdict(violation) for violation in done.violations]
        show_one({"id": bench.entry.id, "result": done.result, "violations": violations, "changes": changes}, format_)
        return
    for change in done.changes:
        before, after = _told(change.before, shows=bench.shows), _told(change.after, shows=bench.shows)
        typer.echo(safe(f"  {_path(change, shows=bench.shows) or 'value'}: {before} -> {after}"))
    for line in _verdict(done):
        typer.echo(safe(line))
    if done.result == "done":
        lease = bench.session.store.get(bench.entry.id)
        until = f", yours until {when(lease.lease.until)}" if lease is not None and lease.lease is not None else ""
        note(f"release it next{until}")


def _verdict(done: Edit) -> list[str]:
    """What became of an edit, and which rules the value fails where."""
    said = {
        "done": "it passes the gate and is kept",
        "unchanged": "the value is as it was; nothing was changed",
        "refused": "it still fails the gate and is not kept; waive a rule that is wrong: --waive RULE --reason WHY",
    }
    failed = [
        f"  {v.rule_id} ({v.field}): {v.message}" + (f", at {v.span[0]} to {v.span[1]}" if v.span else "")
        for v in done.violations
    ]
    return [said.get(done.result) or f"nothing was changed: {REASONS[done.result]}", *failed]


def _change(change: Change, *, shows: bool) -> dict[str, Any]:
    before, after = (json.loads(text) if shows and text is not None else None for text in (change.before, change.after))
    return {"path": _path(change, shows=shows), "before": before, "after": after}


def _path(change: Change, *, shows: bool) -> str:
    """Where a change is; a name that is no field's may be content itself."""
    return change.path if shows or _is_plain_path(change.path) else "<a name>"


def _told(text: str | None, *, shows: bool) -> str:
    if text is None:
        return "nothing"
    return text if shows else f"<{len(text)} characters of JSON>"
