"""Examples in alert rules: event streams spelled short, and whether the rule fires on them as they say. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.fields import WINDOW_CLOSED
from dq_gate.errors import AlertRuleError
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.alerts.evaluation.engine import Alert
    from dq_gate.alerts.rules import AlertRule, EventSpec

START_MS = 1_735_689_600_000
"""Examples begin with the year 2025."""

_CONTEXT = {"namespace": "default", "source": "example", "process": "example", "plane": "request", "pack": "query"}
_WINDOW: dict[str, Any] = {"mode": "enforce", "inputs": [], "rules": []}


@dataclass(frozen=True, slots=True)
class Result:
    """Whether an example holds.

    Attributes:
        alert: The rule's name.
        expected: "fires" or "quiet".
        number: Which of the rule's examples of this kind, from 1.
        holds: Whether the rule did as expected.
    """

    alert: str
    expected: Literal["fires", "quiet"]
    number: int
    holds: bool


def run_examples(rule: AlertRule) -> Iterator[Result]:
    """Run a rule's examples, each through an engine of its own.

    Raises:
        AlertRuleError: an example holds a window without a window's shape.
    """
    for number, stream in enumerate(rule.examples.fires, start=1):
        yield Result(rule.name, "fires", number, holds=fires(rule, stream))
    for number, stream in enumerate(rule.examples.quiet, start=1):
        yield Result(rule.name, "quiet", number, holds=not fires(rule, stream))


def fires(rule: AlertRule, stream: Sequence[EventSpec]) -> bool:
    """Whether a rule fires on a stream of events."""
    engine = Engine([rule])
    alerts: list[Alert] = []
    for at, record in expand(stream):
        alerts += engine.feed(record, at) if record is not None else engine.advance(at)
    alerts += engine.finish()
    if engine.losses.malformed:
        raise AlertRuleError(
            f"alert {rule.name}: an example's {WINDOW_CLOSED} needs inputs: [{{source: …, outcome: …, count: …}}]"
        )
    return any(isinstance(alert, AlertFired) for alert in alerts)


def expand(stream: Sequence[EventSpec]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Times and events of a stream, in order; None where only time passes."""
    moments = [
        (START_MS + spec.at + turn * spec.every, position, spec)
        for position, spec in enumerate(stream)
        for turn in range(spec.times)
    ]
    numbers: Counter[str] = Counter()
    for at, _, spec in sorted(moments, key=lambda moment: moment[:2]):
        if spec.event is None:
            yield at, None
            continue
        record: dict[str, Any] = {**_CONTEXT, "event": spec.event}
        record |= (_WINDOW if spec.event == WINDOW_CLOSED else {}) | (spec.model_extra or {})
        if spec.event == WINDOW_CLOSED and "seq" not in record:
            record["seq"] = numbers[record["process"]]
            numbers[record["process"]] += 1
        yield at, record
