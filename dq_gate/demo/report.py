"""What the demo prints. Nothing that an input carries reaches the terminal unescaped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from dq_gate.demo.story import Contrast, Fate
    from dq_gate.events import AlertFired
    from dq_gate.quarantine.entry import Group

_SHOWN = 72
"""Most characters of a query that are shown."""
_REPORT_EVERY = 100
"""Off a terminal, one line of progress for so many queries."""


def visible(value: Any) -> Text:
    """A query as one safe line: what is no visible character stands as its escape, and the rest is cut off."""
    text = value if isinstance(value, str) else repr(value)
    line = Text()
    for char in text[:_SHOWN]:
        line.append(char if char.isprintable() else ascii(char)[1:-1], None if char.isprintable() else "bold red")
    if not text:
        line.append("(empty)", "dim")
    if len(text) > _SHOWN:
        line.append(f"… ({len(text):,} characters)", "dim")
    return line


def watch(fates: Iterator[Fate], total: int, console: Console) -> list[Fate]:
    """Collect them while showing how far they are: a bar on a terminal, else a line now and then."""
    if console.is_terminal:
        columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console) as progress:
            return list(progress.track(fates, total=total))
    seen = []
    for fate in fates:
        seen.append(fate)
        if len(seen) % _REPORT_EVERY == 0 or len(seen) == total:
            console.print(f"Sent {len(seen)} of {total}")
    return seen


def print_counts(fates: Sequence[Fate], console: Console) -> None:
    """How many passed, were repaired, were quarantined, by feed."""
    counts = Counter((fate.message.source, fate.outcome) for fate in fates)
    table = _table("Feed", ">Queries", ">Passed", ">Repaired", ">Quarantined")
    sources = dict.fromkeys(fate.message.source for fate in fates)
    for source in sources:
        _add_counts(table, source, [counts[source, outcome] for outcome in ("clean", "repaired", "quarantined")])
    totals = Counter(fate.outcome for fate in fates)
    _add_counts(table, "all", [totals["clean"], totals["repaired"], totals["quarantined"]])
    _section(console, "What became of them", table)


def _add_counts(table: Table, name: str, counts: list[int]) -> None:
    table.add_row(name, *(str(count) for count in (sum(counts), *counts)))


def print_groups(groups: Sequence[Group], console: Console) -> None:
    """Like failures, the largest group first."""
    table = _table(">Count", "Feed", "Rules they failed", "Group")
    for group in groups:
        table.add_row(str(group.count), group.source, ", ".join(group.rules), group.fingerprint)
    _section(console, "Groups of like failures", table)


def print_contrasts(chosen: Iterable[Contrast], every: Sequence[Contrast], console: Console) -> None:
    """What search would have answered to refused queries, beside what their senders were looking for."""
    _heading(console, "What search would have returned without the gate")
    for each in chosen:
        _print_contrast(each, console)
    lost = [each for each in every if each.is_lost]
    crashed = sum(each.error is not None for each in lost)
    empty = sum(not each.without_gate and each.error is None for each in lost)
    console.print(
        f"Of the {len(every)} refused queries, {len(lost)} would have got none of the documents they were meant to "
        f"find: {len(lost) - crashed - empty} wrong ones in good faith, {empty} nothing, {crashed} a crash. The other "
        f"{len(every) - len(lost)} would have got some of them, by luck of which words the damage spared."
    )


def _print_contrast(each: Contrast, console: Console) -> None:
    refusal = each.fate.refusal
    assert refusal is not None
    facts = Table.grid(padding=(0, 2))
    facts.add_row("came in", visible(each.fate.message.query))
    facts.add_row("was meant", visible(each.fate.message.original))
    for violation in refusal.decision.violations:
        facts.add_row("refused", Text(f"{violation.rule_id}: {violation.message}"))
    console.print(Padding(facts, (1, 0, 0, 2)))
    table = _table("As it came, search finds", "As it was meant, search finds")
    found = [[visible(hit.title) for hit in hits] for hits in (each.without_gate, each.meant)]
    for rank in range(max(map(len, found))):
        table.add_row(*(titles[rank] if rank < len(titles) else "" for titles in found))
    console.print(Padding(table, (0, 0, 1, 2)))


def print_alerts(alerts: Sequence[AlertFired], console: Console) -> None:
    """What the shipped alert rules made of the events."""
    table = _table("Alert", "Severity", "For", ">Value", ">Limit", "Summary")
    for alert in alerts:
        group = ", ".join(alert.group.values())
        table.add_row(
            alert.alert, alert.severity, group, f"{alert.value:.2f}", f"{alert.threshold:.2f}", alert.summary
        )
    _section(console, "Alerts that the events raised", table)


def print_next_steps(commands: Sequence[tuple[str, str]], console: Console) -> None:
    """Commands to type, with what each does."""
    table = Table.grid(padding=(0, 2))
    for command, does in commands:
        table.add_row(Text(command, "bold", no_wrap=True), Text(does, "dim"))
    _section(console, "Go on from here", table)


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table


def _section(console: Console, title: str, body: Table) -> None:
    _heading(console, title)
    console.print(Padding(body, (0, 0, 0, 2)))


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(title, style="bold")
