"""What a rule counts of a line: amounts by group. Clauses and groups are compiled to functions once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.groups import MAX_LABEL, Key, label
from dq_gate.alerts.evaluation.windows import Record, Window
from dq_gate.alerts.fields import (
    ADMITTED,
    JUDGED,
    OUTCOMES,
    WINDOW_CLOSED,
    WINDOW_FIELDS,
    counted_by_windows,
    counts_rules,
    events_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.alerts.rules import BurnRateRule, CardinalityRule, Clause, Counting, NewTermRule, RatioRule

LEAST_SAMPLE_RATE = 1e-6

Feed = Callable[[Record, Window | None], Iterable[tuple[Key, float]]]
"""Amounts by group, of a line and of the window it closes, if it closes one."""

ShareFeed = Callable[[Record, Window | None], Iterable[tuple[Key, float, float]]]
"""Amounts of a ratio's whole and part by group."""

Matches = Callable[[Record], bool]
KeyOf = Callable[[Record], Key]
_ROW_FIELDS = frozenset({"source", "rule_id"})


def matcher(clause: Clause, *, heard: frozenset[str] = frozenset()) -> Matches:
    """Compile a clause: every field equals one of the wanted values; of a list, any item does.

    Args:
        clause: The clause.
        heard: The only events that the function will be asked about; empty means any. What they settle is not
            tested.
    """
    is_settled = bool(heard) and heard <= events_of(clause)
    tests = [_test(field, frozenset(wanted)) for field, wanted in clause.items() if field != "event" or not is_settled]
    if not tests:
        return lambda _record: True
    if len(tests) == 1:
        return tests[0]
    first, rest = tests[0], tests[1:]
    return lambda record: first(record) and all(test(record) for test in rest)


def _test(field: str, wanted: frozenset[Any]) -> Matches:
    def test(record: Record) -> bool:
        value = record.get(field)
        if value.__class__ is str:
            return value in wanted
        if value.__class__ is list:
            return any(item.__class__ is str and item in wanted for item in value)
        return value.__class__ is not dict and value in wanted

    return test


def key_of(group_by: Sequence[str]) -> KeyOf:
    """Compile what group a line belongs to."""
    if not group_by:
        return lambda _record: ()
    if len(group_by) == 1:
        return _single_key(group_by[0])
    return lambda record: tuple([label(record.get(field)) for field in group_by])


def _single_key(field: str) -> KeyOf:
    def key(record: Record) -> Key:
        value = record.get(field)
        if isinstance(value, str) and len(value) <= MAX_LABEL:
            return (value,)
        return (label(value),)

    return key


def lines(clause: Clause, group_by: Sequence[str], heard: frozenset[str] = frozenset()) -> Feed:
    """Count matching lines; a sampled one stands for as many as its sample rate says. `heard` as in `matcher`."""
    matches, key = matcher(clause, heard=heard), key_of(group_by)

    def feed(record: Record, _window: Window | None) -> Iterable[tuple[Key, float]]:
        return ((key(record), _weight(record)),) if matches(record) else ()

    return feed


def _weight(record: Record) -> float:
    if record["event"] != ADMITTED:
        return 1
    rate = record.get("sample_rate")
    return 1 / rate if rate.__class__ is float and LEAST_SAMPLE_RATE <= rate < 1 else 1


def heard_by(rule: Counting, *also: Clause | None, every_line: bool = False) -> frozenset[str]:
    """Events that a rule that counts is to be shown; empty means every one.

    Args:
        rule: The rule.
        also: Further clauses of the rule.
        every_line: Whether it must know of every line that comes, when it counts lines.
    """
    if counted_by_windows(rule):
        events = [frozenset({WINDOW_CLOSED})]
    elif every_line:
        return frozenset()
    else:
        events = [events_of(rule.where)]
    events += [events_of(clause) for clause in also if clause is not None]
    return frozenset[str]().union(*events) if all(events) else frozenset()


def counts(rule: Counting, heard: frozenset[str]) -> Feed:
    """Count what a rule counts: lines, inputs, or failures by rule."""
    if counted_by_windows(rule):
        return _from_windows(rule.where, rule.group_by)
    return lines(rule.where, rule.group_by, heard)


def terms(rule: NewTermRule | CardinalityRule, heard: frozenset[str]) -> Feed:
    """Count by group and value of a field, which is the last of the key; nothing is no value."""
    field, group_by = rule.field, (*rule.group_by, rule.field)
    if counted_by_windows(rule):
        return _from_windows(rule.where, group_by)
    matches, key = matcher(rule.where, heard=heard), key_of(rule.group_by)

    def feed(record: Record, _window: Window | None) -> Iterable[tuple[Key, float]]:
        if not matches(record):
            return ()
        group, amount = key(record), _weight(record)
        return [((*group, term), amount) for term in _items(record.get(field))]

    return feed


def appearances(rule: NewTermRule) -> Callable[[Record, Window | None], Iterable[Key]] | None:
    """The groups that a line shows to be there, whether or not it counts; None where only what counts does."""
    group_by, context = rule.group_by, WINDOW_FIELDS - {"mode", "rule_id"}
    if not group_by or not context.issuperset(group_by):
        return None
    key = _row_key(group_by)
    if not counted_by_windows(rule):
        own = key_of(group_by)
        return lambda record, _window: (own(record),)
    if "source" not in group_by:
        return lambda record, window: (key(record, "", ""),) if window is not None else ()
    return lambda record, window: [key(record, source, "") for source in window.sources] if window is not None else ()


def _items(value: Any) -> Iterable[str]:
    """The values in a field: one, or those in a list; nothing is no value, and what is nested is none."""
    if value.__class__ is list:
        return {label(item) for item in value if item.__class__ is not list and item.__class__ is not dict} - {""}
    return (label(value),) if value.__class__ is not dict and value not in (None, "") else ()


def _from_windows(clause: Clause, group_by: Sequence[str]) -> Feed:
    if counts_rules(clause, group_by):
        return _failures(clause, group_by)
    shares = _input_shares(clause, _outcomes(clause), group_by)
    return lambda record, window: [(key, amount) for key, _, amount in shares(record, window) if amount]


def whole(rule: RatioRule | BurnRateRule) -> Feed:
    """Count the whole of a ratio; of inputs, without `rule_id`: a clean input has no rule."""
    if rule.of != "inputs":
        return lines(rule.of, rule.group_by)
    shares = _input_shares(rule.where, frozenset(), [field for field in rule.group_by if field != "rule_id"])
    return lambda record, window: [(key, amount) for key, amount, _ in shares(record, window)]


def part(rule: RatioRule | BurnRateRule) -> Feed:
    """Count the part of a ratio: failures by rule from windows, when these count them, else lines."""
    if counted_by_windows(rule):
        return _failures(rule.where, rule.group_by)
    return lines(rule.where, rule.group_by)


def shares(rule: RatioRule | BurnRateRule) -> ShareFeed:
    """Count both sides of a ratio at once."""
    if counted_by_windows(rule) and "rule_id" not in rule.where:
        return _input_shares(rule.where, _outcomes(rule.where), rule.group_by)
    count_whole, count_part = whole(rule), part(rule)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float, float]]:
        yield from ((key, amount, 0) for key, amount in count_whole(record, window))
        yield from ((key, 0, amount) for key, amount in count_part(record, window))

    return feed


def _outcomes(clause: Clause) -> frozenset[str]:
    return frozenset(OUTCOMES[name] for name in events_of(clause))


def _input_shares(clause: Clause, outcomes: frozenset[str], group_by: Sequence[str]) -> ShareFeed:
    """Count judged inputs, and those of certain outcomes, from windows."""
    sources, matches, row_key = clause.get("source"), _context(clause), _row_key(group_by)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float, float]]:
        if window is None or not matches(record):
            return
        for source, by_outcome in window.inputs.items():
            if sources is not None and source not in sources:
                continue
            judged = wanted = 0
            for outcome, count in by_outcome.items():
                if outcome in JUDGED:
                    judged += count
                    if outcome in outcomes:
                        wanted += count
            if judged:
                yield row_key(record, source, ""), judged, wanted

    return feed


def _failures(clause: Clause, group_by: Sequence[str]) -> Feed:
    """Count failures of rules in force, from windows."""
    sources, rule_ids, matches = clause.get("source"), clause.get("rule_id"), _context(clause)
    if clause.keys() <= {"event"} and list(group_by) == ["source", "rule_id"]:
        return lambda _record, window: window.failures.items() if window is not None else ()
    row_key = _row_key(group_by)

    def feed(record: Record, window: Window | None) -> Iterable[tuple[Key, float]]:
        if window is None or not matches(record):
            return
        for (source, rule_id), amount in window.failures.items():
            if (sources is None or source in sources) and (rule_ids is None or rule_id in rule_ids):
                yield row_key(record, source, rule_id), amount

    return feed


def _context(clause: Clause) -> Matches:
    """Match what a window says about itself, not its rows."""
    own = WINDOW_FIELDS - _ROW_FIELDS
    return matcher({field: wanted for field, wanted in clause.items() if field in own})


def _row_key(group_by: Sequence[str]) -> Callable[[Record, str, str], Key]:
    if list(group_by) == ["source"]:
        return lambda _record, source, _rule_id: (source,)

    def key(record: Record, source: str, rule_id: str) -> Key:
        row = {"source": source, "rule_id": rule_id}
        return tuple([label(row[field] if field in row else record.get(field)) for field in group_by])

    return key
