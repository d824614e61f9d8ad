"""What the demo prints. Nothing that an input carries reaches the terminal unescaped."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from dq_gate.demo.story import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from dq_gate.demo.story import Contrast, Fate
    from dq_gate.events import AlertFired
    from dq_gate.quarantine.entry import Group

_SHOWN = 44
"""Most characters of a query that are shown, escapes counted as they stand."""
_REPORT_EVERY = 100
"""Off a terminal, one line of progress for so many queries."""


def visible(value: Any) -> Text:
    """A value as one safe line: what is no visible character stands as its escape, and the rest is cut off."""
    text = value if isinstance(value, str) else repr(value)
    line = Text()
    for char in text:
        if len(line) >= _SHOWN:
            line.append(f"… ({len(text):,} characters)", "dim")
            break
        line.append(*((char,) if char.isprintable() else (ascii(char)[1:-1], "red")))
    return line


def print_opening(queries: int, documents: int, console: Console) -> None:
    """What is going to happen."""
    console.print(
        f"{queries} real queries, some of them damaged on their way, to a full-text search over {documents:,} "
        f"documents. First a web site's, then those of a mobile client whose new release breaks its text."
    )
    console.print()


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
    table = _table("feed", ">queries", ">passed", ">repaired", ">quarantined")
    for source in (*dict.fromkeys(fate.message.source for fate in fates), None):
        counts = outcomes(fates, source)
        table.add_row(source or "all", *(str(count) for count in (sum(counts), *counts)))
    _print_section("What became of them", table, console)


def print_groups(groups: Sequence[Group], earlier: int, console: Console) -> None:
    """Like failures, the largest group first, and how many of them are from earlier runs."""
    table = _table(">count", "feed", "rules they failed", "group")
    for group in groups:
        table.add_row(str(group.count), group.source, ", ".join(group.rules), group.fingerprint)
    _print_section("The quarantine, in groups of like failures", table, console)
    if earlier:
        console.print(f"  {earlier} of them are from earlier runs: every run adds its own.")


def print_contrasts(chosen: Iterable[Contrast], every: Sequence[Contrast], console: Console) -> None:
    """What search would have answered to refused queries, beside what their senders were looking for."""
    _print_heading("What search would have returned, had they gone through", console)
    for each in chosen:
        _print_contrast(each, console)
    lost = [each for each in every if each.is_lost]
    wrong = sum(bool(each.unguarded) for each in lost)
    crashed = sum(each.error is not None for each in lost)
    console.print(
        f"Of the {len(every)} refused queries, {len(lost)} would have found none of the documents that their "
        f"undamaged text finds: {wrong} only wrong ones, {len(lost) - wrong - crashed} none at all, and {crashed} "
        f"crash the search. For the other {len(every) - len(lost)} the damage spared enough words."
    )


def _print_contrast(each: Contrast, console: Console) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_row("came in", visible(each.message.query))
    facts.add_row("was meant", visible(each.message.original))
    for violation in each.refusal.decision.violations:
        facts.add_row("refused", Text(f"{violation.rule_id}: {violation.message}"))
    _print_indented(facts, console)
    table = _table("search finds, as it came in", "search finds, as it was meant")
    for came, meant in zip_longest(each.unguarded, each.meant):
        table.add_row(*(Text(hit.title if hit else "", no_wrap=True, overflow="ellipsis") for hit in (came, meant)))
    _print_indented(table, console)
    console.print()


def print_alerts(alerts: Iterable[AlertFired], console: Console) -> None:
    """What the shipped alert rules made of the events."""
    _print_heading("The alert that the events raised", console)
    for alert in alerts:
        feed = ", ".join(alert.group.values())
        console.print(
            f"  {alert.alert} ({alert.severity}) for {feed}: {alert.value:.2f}, over {alert.threshold:.2f}", style="red"
        )
        advice = f" What to do: {alert.runbook}" if alert.runbook else ""
        console.print(f"  {alert.summary}{advice}", soft_wrap=True)
    console.print("  Watching for real, the rule waits until this has lasted 2 minutes.", style="dim")


def print_next_steps(steps: Iterable[tuple[str, str]], console: Console) -> None:
    """Commands to type, each after what it does."""
    _print_heading("Go on from here", console)
    for what, command in steps:
        console.print(f"  # {what}", style="dim", soft_wrap=True)
        console.print(f"  {command}", soft_wrap=True)


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table


def _print_section(title: str, body: RenderableType, console: Console) -> None:
    _print_heading(title, console)
    _print_indented(body, console)


def _print_heading(title: str, console: Console) -> None:
    console.print()
    console.print(title, style="bold")


def _print_indented(body: RenderableType, console: Console) -> None:
    console.print(Padding(body, (0, 0, 0, 2), expand=False))
