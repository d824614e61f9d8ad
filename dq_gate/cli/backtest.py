"""`dq-gate rules backtest`: a new version of a pack on inputs whose fate is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.check import Map, shape_of
from dq_gate.cli.options import Format, OutputFormat, Quarantine, cli_settings, open_pack
from dq_gate.cli.output import note, show
from dq_gate.cli.progress import while_reading
from dq_gate.cli.reviewing import stored_entries
from dq_gate.errors import ConfigurationError, UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.packs.backtest import Backtest
    from dq_gate.packs.compile import CompiledPack

Known = tuple[Any, tuple[tuple[str, str], ...] | None]
"""An input, and the rules that refused it with their fields; None where it was admitted."""


def backtest(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="The new version: a path, or a shipped pack's name.")],
    against: Annotated[
        str,
        typer.Option("--against", metavar="FILE|quarantine|recorded", help="Inputs whose fate is known."),
    ],
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="OLD", help="For a FILE: what judged it; default: the setting `pack`."),
    ] = None,
    map_: Map = None,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only this source's inputs.")] = None,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Show what a new version of a pack would have done: newly caught, newly let through, by rule.

    `quarantine` runs every replayable entry of the store that is not waived; `recorded` the sample of admitted
    inputs that the setting `record` keeps; a FILE is judged by the baseline first. Rules of the batch plane are left
    out. Exits with 1 when the fate of an input turns. Examples are shapes: no letter or digit of an input is shown.

    JSON has one object a rule and turn: turn, rule_id, count, examples.

    \b
    dq-gate rules backtest support-v4.yaml --against recorded
    dq-gate rules backtest support-v4.yaml --against quarantine --source support-bot
    dq-gate rules backtest support-v4.yaml --against queries.jsonl --baseline support-v3.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs.backtest import Backtest

    new = open_pack(pack)
    if baseline is not None and against in ("quarantine", "recorded"):
        raise ConfigurationError(f"--baseline goes with a FILE; what was {against} has its verdict already")
    test = Backtest(new.plan)
    for record, was_caught_by in _known(against, new, baseline, map_, source, quarantine):
        test.add(record, was_caught_by)
    _show(test, format_)
    if test.turned:
        raise typer.Exit(FINDINGS)


def _known(
    against: str, new: CompiledPack, baseline: str | None, map_: list[str] | None, source: str | None, url: str | None
) -> Iterator[Known]:
    if against == "quarantine":
        return _quarantined(source, url)
    if against == "recorded":
        return _recorded(source)
    return _of_file(against, new, baseline, map_)


def _quarantined(source: str | None, url: str | None) -> Iterator[Known]:
    from dq_gate.packs.backtest import deciding
    from dq_gate.quarantine.codec import decode
    from dq_gate.quarantine.vault import vault_of

    vault, skipped = vault_of(cli_settings()), 0
    with stored_entries(url, source) as entries:
        for entry in entries:
            if entry.replayable and not entry.waivers:
                yield decode(vault.open(entry.id, entry.payload)), deciding(entry.violations)
            else:
                skipped += 1
    if skipped:
        note(f"{skipped} entries were left out: masked, cut, or waived by a reviewer")


def _recorded(source: str | None) -> Iterator[Known]:
    from dq_gate.gate.recording import folder_of, recorded

    settings = cli_settings(source=source)
    is_empty = True
    for record in recorded(settings):
        is_empty = False
        yield record, None
    if is_empty:
        raise UnreadableInputError(
            f"{folder_of(settings)}: holds no recorded input of source {settings.source!r}; "
            "set `record` to masked or full where the gate runs"
        )


def _of_file(file: str, new: CompiledPack, baseline: str | None, map_: list[str] | None) -> Iterator[Known]:
    from dq_gate.core.decide import decide
    from dq_gate.gate.files import Source, items_of
    from dq_gate.intake.files import format_of, open_input
    from dq_gate.intake.records import Row
    from dq_gate.packs.backtest import deciding

    old = open_pack(baseline or cli_settings().pack)
    broken = 0
    with open_input(file) as stream:
        for item in while_reading(stream, items_of(Source(stream, format_of(file), shape_of(new, map_)))):
            if isinstance(item, Row):
                yield item.value, deciding(decide(old.plan, item.value).violations) or None
            else:
                broken += 1
    if broken:
        note(f"{broken} lines were left out: they hold no record")


def _show(test: Backtest, format_: OutputFormat) -> None:
    rows = [
        {"turn": turn, "rule_id": rule_id, "count": turns.count, "examples": turns.examples}
        for (turn, rule_id), turns in sorted(test.turns.items(), key=lambda item: -item[1].count)
    ]
    show(rows, format_, ["turn", "rule_id", "count", "examples"], empty="no input's fate turns")
    turned = ", ".join(f"{test.turned[turn]} {turn}" for turn in ("newly caught", "newly let through"))
    note(f"{test.rows} inputs: {turned}; {test.caught} caught in all")
    for rule_id, count in test.shadowed.most_common():
        note(f"  {count:>7}  {rule_id}, in shadow mode")
