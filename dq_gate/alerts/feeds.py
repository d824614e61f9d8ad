"""What a rule counts of a line: amounts by group. A clause is compiled to a function once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.fields import (
    ADMITTED,
    JUDGED,
    OUTCOMES,
    WINDOW_FIELDS,
    counted_by_windows,
    events_of,
)
from dq_gate.alerts.groups import Key
from dq_gate.alerts.windows import Record, Window

if TYPE_CHECKING:
    from dq_gate.alerts.rules import Clause, RatioRule

MAX_LABEL = 128
"""Longest value a group keeps: ours are shorter, and a hostile line must not fill the memory."""

LEAST_SAMPLE_RATE = 1e-6

Feed = Callable[[Record, Window | None], Iterable[tuple[Key, float]]]
"""Amounts by group, of a line and of the window it closes, if it closes one."""

ShareFeed = Callable[[Record, Window | None], Iterable[tuple[Key, float, float]]]
"""Amounts of a ratio's whole and part by group."""

Matches = Callable[[Record], bool]
_ROW_FIELDS = frozenset({"source", "rule_id"})


def matcher(clause: Clause) -> Matches:
    """Compile a clause: every field equals one of the wanted values; of a list, any item does."""
    tests = [(field, frozenset(wanted)) for field, wanted in clause.items()]

    def matches(record: Record) -> bool:
        for field, wanted in tests:
            value = record.get(field)
            if value.__class__ is list:
                if not any(item.__class__ is str and item in wanted for item in value):
                    return False
            elif value.__class__ is dict or value not in wanted:
                return False
        return True

    return matches


def label(value: Any) -> str:
    """A field's value as part of a group's key."""
    if value is None:
        return ""
    text = str(value).lower() if value.__class__ is bool else str(value)
    return text[:MAX_LABEL]


def keyed(record: Record, group_by: tuple[str, ...]) -> Key:
    """The group a line belongs to."""
    return tuple([label(record.get(field)) for field in group_by])


def lines(clause: Clause, group_by: tuple[str, ...]) -> Feed:
    """Count matching lines; a sampled one stands for as many as its sample rate says."""
    matches = matcher(clause)

    def feed(record: Record, _window: Window | None) -> Iterable[tuple[Key, float]]:
        if not matches(record):
            return ()
        amount = _weight(record) if record["event"] == ADMITTED else 1
        return ((keyed(record, group_by), amount),)

    return feed


def _weight(record: Record) -> float:
    rate = record.get("sample_rate")
    return 1 / rate if rate.__class__ is float and LEAST_SAMPLE_RATE <= rate < 1 else 1


def whole(rule: RatioRule) -> Feed:
    """Count the whole of a ratio; of inputs, without `rule_id`: a clean input has no rule."""
    if rule.of != "inputs":
        return lines(rule.of, rule.group_by)
    shares = _input_shares(rule, frozenset(), tuple(field for field in rule.group_by if field != "rule_id"))
    return lambda record, window: [(key, amount) for key, amount, _ in shares(record, window)]


def part(rule: RatioRule) -> Feed:
    """Count the part of a ratio: failures by rule from windows, when these count them, else lines."""
    return _failures(rule) if counted_by_windows(rule) else lines(rule.where, rule.group_by)


def shares(rule: RatioRule) -> ShareFeed:
    """Count both sides of a ratio at once."""
    if counted_by_windows(rule) and "rule_id" not in rule.where:
        return _input_shares(rule, frozenset(OUTCOMES[name] for name in events_of(rule.where)), rule.group_by)
    count_whole, count_part = whole(rule), part(rule)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float, float]]:
        yield from ((key, amount, 0) for key, amount in count_whole(record, window))
        yield from ((key, 0, amount) for key, amount in count_part(record, window))

    return feed


def _input_shares(rule: RatioRule, outcomes: frozenset[str], group_by: tuple[str, ...]) -> ShareFeed:
    """Count judged inputs, and those of certain outcomes, from windows."""
    sources, matches = rule.where.get("source"), _context(rule.where)
    key_of = _row_key(group_by)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float, float]]:
        if window is None or not matches(record):
            return
        for source, counts in window.inputs.items():
            if sources is not None and source not in sources:
                continue
            judged = wanted = 0
            for outcome, count in counts.items():
                if outcome in JUDGED:
                    judged += count
                    if outcome in outcomes:
                        wanted += count
            yield key_of(record, source, ""), judged, wanted

    return feed


def _failures(rule: RatioRule) -> Feed:
    sources, rule_ids, matches = rule.where.get("source"), rule.where.get("rule_id"), _context(rule.where)
    key_of = _row_key(rule.group_by)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float]]:
        if window is None or not matches(record):
            return
        for (source, rule_id, mode), amount in window.rules.items():
            wanted = (sources is None or source in sources) and (rule_ids is None or rule_id in rule_ids)
            if mode == "enforce" and wanted:
                yield key_of(record, source, rule_id), amount

    return feed


def _context(clause: Clause) -> Matches:
    """Match what a window says about itself, not its rows."""
    own = WINDOW_FIELDS - _ROW_FIELDS
    return matcher({field: wanted for field, wanted in clause.items() if field in own})


def _row_key(group_by: tuple[str, ...]) -> Callable[[Record, str, str], Key]:
    if group_by == ("source",):
        return lambda _record, source, _rule_id: (label(source),)

    def key_of(record: Record, source: str, rule_id: str) -> Key:
        row = {"source": source, "rule_id": rule_id}
        return tuple([label(row[field] if field in row else record.get(field)) for field in group_by])

    return key_of
