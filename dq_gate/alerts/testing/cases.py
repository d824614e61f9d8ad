"""Case files: a log, or events spelled short, and the alerts that fire at certain times. As promtool's unit tests."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import load_rules
from dq_gate.alerts.rules import EventSpec
from dq_gate.alerts.rules.base import Duration
from dq_gate.alerts.sources.lines import LineCutter, LineReader
from dq_gate.alerts.testing.examples import expand
from dq_gate.errors import AlertRuleError, PackError, did_you_mean
from dq_gate.events import AlertFired
from dq_gate.packs.load import describe_problem, first_problem
from dq_gate.packs.yaml import Document, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from dq_gate.alerts.evaluation.notices import Alert
    from dq_gate.alerts.rules import AlertRule

SHIPPED = "shipped"
_CHUNK_BYTES = 256 * 1024


class ExpectedAlert(BaseModel):
    """An alert that must be firing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    alert: str = Field(description="The rule's name.")
    group: dict[str, str] = Field(default_factory=dict, description="Values of the fields that the rule groups by.")


class ExpectedMoment(BaseModel):
    """What must be firing at a time: these alerts and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at: Duration = Field(description="When, counted from the log's first event: 12m.")
    alerts: list[ExpectedAlert] = Field(description="Every alert that fires then; [] means none.")


class Case(BaseModel):
    """One log and what it must raise."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, description="What it shows, for whoever reads a failure.")
    log: str | None = Field(None, description="A log of events, .jsonl or .jsonl.gz, relative to the case file.")
    events: list[EventSpec] | None = Field(None, min_length=1, description="Events, as in a rule's examples.")
    expect: list[ExpectedMoment] = Field(default_factory=list, description="What fires at which time.")
    fired: dict[str, int] | None = Field(
        None, description="How often each alert fires in the whole log; those not named never do."
    )
    resolved: dict[str, int] | None = Field(None, description="The same of alerts that resolve.")

    @model_validator(mode="after")
    def _has_events_and_expectations(self) -> Case:
        if (self.log is None) == (self.events is None):
            raise ValueError("give either log or events")
        if not self.expect and self.fired is None and self.resolved is None:
            raise ValueError("expects nothing; give expect, fired or resolved")
        return self


class CaseFile(BaseModel):
    """A file of cases."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rules: str = Field(SHIPPED, description="The alert rules, relative to the case file; or `shipped`.")
    cases: list[Case] = Field(min_length=1, description="The cases, in any order.")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, in a group."""

    alert: str
    group: dict[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """What fired at a time, and what was to.

    Attributes:
        at: Milliseconds since the log's first event.
        expected: What was to fire.
        got: What fired.
    """

    at: int
    expected: tuple[Firing, ...]
    got: tuple[Firing, ...]

    @property
    def holds(self) -> bool:
        """Whether these are the same."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class Total:
    """How often an alert fired or resolved in a whole log, and how often it was to.

    Attributes:
        what: "fired" or "resolved".
        alert: The rule's name.
        expected: How often it was to.
        got: How often it did.
    """

    what: str
    alert: str
    expected: int
    got: int

    @property
    def holds(self) -> bool:
        """Whether these are the same."""
        return self.expected == self.got


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, run.

    Attributes:
        path: The case file.
        line: Where the case stands in it.
        name: What it shows.
        moments: What was looked at, in order of time.
        totals: What was counted.
    """

    path: Path
    line: int
    name: str
    moments: tuple[Moment, ...]
    totals: tuple[Total, ...]

    @property
    def holds(self) -> bool:
        """Whether everything was as expected."""
        return all(moment.holds for moment in self.moments) and all(total.holds for total in self.totals)


def run_cases(path: Path, rules: Path | None = None) -> Iterator[CaseResult]:
    """Run every case of a file.

    Args:
        path: The case file.
        rules: An alert rule file to take in place of the one that the case file names.

    Raises:
        AlertRuleError: the case file, its rules or a log cannot be used; says file and line.
    """
    try:
        document = read_yaml(path)
    except PackError as error:
        raise AlertRuleError(str(error)) from None
    file = _parse(document, path)
    own = None if file.rules == SHIPPED else path.parent / file.rules
    loaded = load_rules(rules or own)
    for index, case in enumerate(file.cases):
        place = _Place(document, path, index)
        place.check(case, {rule.name: rule for rule in loaded})
        yield _run(case, loaded, place)


def _parse(document: Document, path: Path) -> CaseFile:
    try:
        return CaseFile.model_validate(document.value)
    except ValidationError as error:
        problem = first_problem(error)
        line = document.line(*problem["loc"])
        raise AlertRuleError(f"{path}:{line}: {describe_problem(problem, _keys_at(problem['loc']))}") from None


def _keys_at(location: tuple[int | str, ...]) -> Iterable[str]:
    """Keys allowed at a place of a case file."""
    match location:
        case ("cases", _, "expect", _, "alerts", _, *_):
            return ExpectedAlert.model_fields
        case ("cases", _, "expect", _, *_):
            return ExpectedMoment.model_fields
        case ("cases", _, *_):
            return Case.model_fields
        case _:
            return CaseFile.model_fields


class _Place:
    """Where a case stands in its file."""

    def __init__(self, document: Document, path: Path, index: int) -> None:
        self._document = document
        self._index = index
        self.path = path
        self.line = document.line("cases", index)

    def error(self, keys: tuple[str | int, ...], reason: str) -> AlertRuleError:
        """An error about the node under these keys."""
        line = self._document.line("cases", self._index, *keys)
        return AlertRuleError(f"{self.path}:{line}: {reason}")

    def check(self, case: Case, rules: Mapping[str, AlertRule]) -> None:
        """Refuse what can never be: an alert that the rules do not have, a group that it cannot be in."""
        for kind, totals in (("fired", case.fired), ("resolved", case.resolved)):
            for name in totals or ():
                self._check_alert((kind, name), name, rules)
        for number, moment in enumerate(case.expect):
            for position, expected in enumerate(moment.alerts):
                keys = ("expect", number, "alerts", position)
                self._check_alert((*keys, "alert"), expected.alert, rules)
                fields = rules[expected.alert].group_fields
                if expected.group and set(expected.group) != set(fields):
                    raise self.error((*keys, "group"), f"{expected.alert} is told apart by: {', '.join(fields) or '-'}")

    def _check_alert(self, keys: tuple[str | int, ...], name: str, rules: Mapping[str, AlertRule]) -> None:
        if name not in rules:
            raise self.error(keys, f"the rules have no alert {name!r}{did_you_mean(name, rules)}")


def _run(case: Case, rules: Sequence[AlertRule], place: _Place) -> CaseResult:
    """Read the log once, and look at what fires whenever its clock passes a time of the case."""
    engine = Engine(rules)
    alerts: list[Alert] = []
    moments: list[Moment] = []
    ahead = sorted(case.expect, key=lambda moment: moment.at, reverse=True)
    start: int | None = None
    for at, record in _events(case, place):
        start = at if start is None else start
        while ahead and at > start + ahead[-1].at:
            moments.append(_look(engine, ahead.pop(), start, alerts))
        alerts += engine.feed(record, at) if record is not None else engine.advance(at)
    if start is None:
        raise place.error(("log",), "there is no event of ours in the log")
    alerts += engine.finish()
    moments += [_look(engine, ahead.pop(), start, alerts) for _ in range(len(ahead))]
    if engine.losses.malformed:
        raise place.error(("events",), "a window lacks its shape: inputs: [{source: …, outcome: …, count: …}]")
    return CaseResult(place.path, place.line, case.name, tuple(moments), tuple(_totals(case, alerts)))


def _look(engine: Engine, expected: ExpectedMoment, start: int, alerts: list[Alert]) -> Moment:
    """Let time pass to a moment, and say what fires."""
    alerts += engine.advance(start + expected.at)
    got = [Firing(status.alert, status.group) for status in engine.report() if status.state == "firing"]
    wanted = [Firing(alert.alert, alert.group) for alert in expected.alerts]
    return Moment(expected.at, _sorted(wanted), _sorted(got))


def _sorted(firings: Iterable[Firing]) -> tuple[Firing, ...]:
    return tuple(sorted(firings, key=lambda firing: (firing.alert, sorted(firing.group.items()))))


def _totals(case: Case, alerts: Sequence[Alert]) -> Iterator[Total]:
    for what, expected in (("fired", case.fired), ("resolved", case.resolved)):
        if expected is not None:
            got = Counter(alert.alert for alert in alerts if isinstance(alert, AlertFired) == (what == "fired"))
            for name in sorted({*expected, *got}):
                yield Total(what, name, expected.get(name, 0), got[name])


def _events(case: Case, place: _Place) -> Iterator[tuple[int, dict[str, Any] | None]]:
    if case.events is not None:
        yield from expand(case.events)
        return
    path = place.path.parent / str(case.log)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as log:
            yield from _logged(log)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise place.error(("log",), f"the log {case.log} cannot be read: {reason}") from None


def _logged(log: BinaryIO | gzip.GzipFile) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = LineReader()
    for line in _lines(log):
        if (found := reader.read(line)) is not None:
            record, at = found
            yield at, record


def _lines(log: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    cutter = LineCutter()
    while chunk := log.read(_CHUNK_BYTES):
        yield from cutter.cut(chunk)
    yield from cutter.flush()
