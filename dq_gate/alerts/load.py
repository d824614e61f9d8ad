"""From a YAML file to alert rules, or to one precise error: file, line, alert, what is allowed instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dq_gate.alerts.fields import WINDOW_FIELDS, counted_by_windows, events_of, groupable, selectable
from dq_gate.alerts.rules import KINDS, AlertRule, EventSpec, Examples, RatioRule
from dq_gate.errors import AlertRuleError, PackError, did_you_mean
from dq_gate.events import CATALOGUE
from dq_gate.packs.load import describe_problem
from dq_gate.packs.shipped import shipped_path
from dq_gate.packs.yaml import Document, load_yaml, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dq_gate.alerts.rules import Clause

_NOT_BUILT = frozenset({"threshold", "spike", "flatline", "new_term", "cardinality", "change", "burn_rate"})

Keys = tuple[str | int, ...]
Problem = tuple[Keys, str]


def load_rules(path: Path | None = None) -> tuple[AlertRule, ...]:
    """Read an alert rule file.

    Args:
        path: The file; None means the rules that travel with dq_gate.

    Raises:
        AlertRuleError: the file cannot be read, or a rule in it cannot be used.
    """
    file = path or shipped_path("alerts")
    try:
        document = read_yaml(file)
    except PackError as error:
        raise AlertRuleError(str(error)) from None
    return _parse_document(document, file)


def parse_rules(text: str, *, path: Path | str = "alerts.yaml") -> tuple[AlertRule, ...]:
    """Parse the text of an alert rule file.

    Args:
        text: YAML.
        path: Where it came from, for errors.

    Raises:
        AlertRuleError: a rule cannot be used.
    """
    try:
        document = load_yaml(text, path=path)
    except PackError as error:
        raise AlertRuleError(str(error)) from None
    return _parse_document(document, path)


def gaps(rule: AlertRule) -> Iterator[str]:
    """What a usable rule leaves open."""
    if rule.runbook is None:
        yield "has no runbook"
    if not rule.examples.fires:
        yield "has no example that fires it"
    if not rule.examples.quiet:
        yield "has no example that leaves it quiet"


def _parse_document(document: Document, path: Path | str) -> tuple[AlertRule, ...]:
    value = document.value
    raws = value.get("alerts") if isinstance(value, dict) else None
    if not isinstance(raws, list) or not raws:
        raise AlertRuleError(f"{path}:{document.line('alerts')}: is no alert file: a list `alerts` is expected")
    for key in sorted(value.keys() - {"alerts"}):
        reason = f"unknown key {key!r}{did_you_mean(key, ['alerts'])}"
        raise AlertRuleError(f"{path}:{document.line(key)}: {reason}")
    rules: dict[str, AlertRule] = {}
    for index, raw in enumerate(raws):
        place = _Place(document, path, index, raw)
        rule = _parse_rule(raw, place)
        if rule.name in rules:
            raise place.error(("name",), "this name stands twice")
        rules[rule.name] = rule
    return tuple(rules.values())


class _Place:
    """Where an alert stands in its file."""

    def __init__(self, document: Document, path: Path | str, index: int, raw: Any) -> None:
        self._document = document
        self._path = path
        self._index = index
        name = raw.get("name") if isinstance(raw, dict) else None
        self._alert = f"alert {name}" if isinstance(name, str) else f"alert number {index + 1}"

    def error(self, keys: Keys, reason: str) -> AlertRuleError:
        """An error about the node under these keys, or the nearest that exists."""
        line = self._document.line("alerts", self._index, *keys)
        return AlertRuleError(f"{self._path}:{line}: {self._alert}: {reason}")


def _parse_rule(raw: Any, place: _Place) -> AlertRule:
    if not isinstance(raw, dict):
        raise place.error((), "a mapping with name, kind, where, within and severity is expected")
    kind = str(raw.get("kind"))
    if kind in _NOT_BUILT:
        raise place.error(("kind",), f"kind {kind!r} is not built yet. Allowed: {', '.join(sorted(KINDS))}")
    if kind not in KINDS:
        raise place.error(("kind",), f"unknown kind {kind!r}{did_you_mean(kind, KINDS)}")
    try:
        rule = KINDS[kind].model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise place.error(problem["loc"], describe_problem(problem, _keys_at(KINDS[kind], problem["loc"]))) from None
    for keys, reason in _problems(rule):
        raise place.error(keys, reason)
    return rule


def _keys_at(model: type[AlertRule], keys: Keys) -> Iterable[str]:
    """Keys allowed at a place of a rule."""
    if keys[:1] == ("examples",):
        return Examples.model_fields
    return [field.alias or name for name, field in model.model_fields.items()]


def _problems(rule: AlertRule) -> Iterator[Problem]:
    """What is wrong with a well-formed rule: unknown events, fields that events do not have."""
    clauses = {"where": rule.where, "until": getattr(rule, "until", None), "of": getattr(rule, "of", None)}
    for key, clause in clauses.items():
        if isinstance(clause, dict):
            yield from _unknown_events((key, "event"), events_of(clause))
    if isinstance(rule, RatioRule) and rule.of == "inputs":
        yield from _problems_of_share(rule)
    else:
        for key, clause in clauses.items():
            if clause is not None:
                yield from _unknown_fields(key, clause, rule.group_by)
    yield from _problems_of_examples(rule.examples)


def _problems_of_share(rule: RatioRule) -> Iterator[Problem]:
    """A ratio of inputs: its `where` may name what windows count by; its groups must be known to windows."""
    if counted_by_windows(rule):
        if rule.threshold >= 1 and rule.above is not None:
            yield ("above",), "must be less than 1: a share of inputs, not a percentage"
        return
    yield from _unknown_fields("where", rule.where, rule.group_by)
    for field in rule.group_by:
        if field not in WINDOW_FIELDS:
            yield ("group_by",), f"inputs are not counted by {field!r}{did_you_mean(field, WINDOW_FIELDS)}"


def _unknown_events(keys: Keys, names: Iterable[str]) -> Iterator[Problem]:
    for name in sorted(names):
        if name not in CATALOGUE:
            yield keys, f"unknown event {name!r}{did_you_mean(name, CATALOGUE)}"


def _unknown_fields(key: str, clause: Clause, group_by: tuple[str, ...]) -> Iterator[Problem]:
    events = events_of(clause)
    named = ", ".join(sorted(events)) or "every event"
    for field in clause.keys() - {"event"} - selectable(events):
        yield (key, field), f"{named} has no field {field!r}{did_you_mean(field, selectable(events))}"
    for field in group_by:
        if field not in groupable(events):
            reason = f"{named} cannot be grouped by {field!r}{did_you_mean(field, groupable(events))}"
            yield ("group_by",), reason


def _problems_of_examples(examples: Examples) -> Iterator[Problem]:
    for kind, streams in (("fires", examples.fires), ("quiet", examples.quiet)):
        for number, stream in enumerate(streams):
            for position, spec in enumerate(stream):
                yield from _problems_of_spec(("examples", kind, number, position), spec)


def _problems_of_spec(keys: Keys, spec: EventSpec) -> Iterator[Problem]:
    given = spec.model_extra or {}
    if spec.event is not None:
        yield from _unknown_events((*keys, "event"), [spec.event])
        allowed = selectable(()) | set(CATALOGUE[spec.event].__dataclass_fields__)
    else:
        allowed = frozenset(EventSpec.model_fields)
    for field in sorted(given.keys() - allowed):
        yield (
            (*keys, field),
            f"unknown key {field!r}{did_you_mean(field, allowed | EventSpec.model_fields.keys())}",
        )
