"""One entry in words: why it is here, what it holds, what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from dq_gate.cli.output import dump, safe, when
from dq_gate.cli.reviewer.marking import marked
from dq_gate.review.masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.quarantine.entry import Entry

_HEADING = "bold"
_QUIET = "dim"
MASKED = "v shows the content (this is recorded)"


def describe(entry: Entry, value: Any, *, is_revealed: bool) -> Text:
    """An entry for a reviewer to read.

    Args:
        entry: The entry.
        value: What it holds.
        is_revealed: Whether to show that, or its shape alone.
    """
    blocks = [_reasons(entry), _content(entry, value) if is_revealed else _shape(value), _life(entry)]
    return Text("\n").join(blocks)


def reasons_alone(entry: Entry, problem: str) -> Text:
    """An entry whose content cannot be read, and why."""
    return Text("\n").join([_reasons(entry), Text(f"{safe(problem)}\n", "red"), _life(entry)])


def _reasons(entry: Entry) -> Text:
    lines = Text()
    for violation in entry.violations:
        lines.append("refused by " if violation.on_fail == "quarantine" else "warned by ", _QUIET)
        lines.append(safe(violation.rule_id), _HEADING)
        lines.append(f"\n  {safe(violation.field)} {safe(violation.message)}\n")
    return lines


def _content(entry: Entry, value: Any) -> Text:
    lines = Text()
    for name, item in _named(value):
        lines.append(f"{safe(name)}\n" if name else "", _HEADING)
        lines.append_text(marked(item, _spans(entry, name)) if isinstance(item, str) else marked(dump(item)))
        lines.append("\n")
    return lines


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a record by name; anything else as one part without a name."""
    if isinstance(value, dict):
        yield from ((str(name), item) for name, item in value.items())
    else:
        yield "", value


def _spans(entry: Entry, name: str) -> list[tuple[int, int]]:
    """Where in a field something was found; in an edited entry the places are no longer those."""
    if entry.revision:
        return []
    return [violation.span for violation in entry.violations if violation.field == name and violation.span]


def _shape(value: Any) -> Text:
    lines = Text()
    for name, item in _named(mask(value)):
        lines.append(f"{safe(name)}: " if name else "", _HEADING)
        lines.append(f"{item if isinstance(item, str) else dump(item)}\n", _QUIET)
    return lines.append(f"{MASKED}\n", _QUIET)


def _life(entry: Entry) -> Text:
    lines = Text(style=_QUIET)
    lines.append(f"{entry.id}  {safe(entry.source)}  {safe(entry.pack)}@{entry.pack_version}  {entry.state}\n")
    if entry.seen > 1 or entry.attempts:
        lines.append(f"came {entry.seen} times, redriven in vain {entry.attempts} times\n")
    if not entry.replayable:
        lines.append("not kept whole: it cannot be edited or redriven\n")
    for item in entry.history:
        why = f": {safe(item.why)}" if item.why else ""
        lines.append(f"{when(item.at)} {item.action} by {safe(item.who)}{why}\n")
    return lines
