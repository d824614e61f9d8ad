"""A gate between fakes: real rules, real wrappers and shells, and a runtime that only remembers."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate import Gate
from dq_gate.core.model import Receipt
from dq_gate.packs.compile import compile_resolved
from dq_gate.packs.load import Place, ResolvedPack, ResolvedRule
from dq_gate.packs.schema import FieldSpec, RuleSpec
from dq_gate.settings import Settings
from tests.fakes import make_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.flow import Count, Counted, Report
    from dq_gate.core.model import Decision, GateMode
    from dq_gate.gate.rules import Rules
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.quarantine.entry import Entry

CLEAN = "where is my card"
DECOMPOSED = "cafe\u0301"
COMPOSED = "caf\u00e9"
BAD = "  "

_HERE = Place(Path("stage.yaml"), 1)
_FIELDS = {
    "query": FieldSpec(type="str"),
    "top_k": FieldSpec(type="int", ge=1, le=100, default=10),
    "tags": FieldSpec(type="list[str]", required=False),
}
_RULES = (
    RuleSpec(id="query.text.present", field="query", check="not_blank"),
    RuleSpec(id="query.text.normal", field="query", check="normalized", repair="nfc"),
    RuleSpec(id="query.text.short", field="query", check="length", on_fail="warn", max=40),
    RuleSpec(id="query.text.calm", field="query", check="not_matches", mode="shadow", patterns=["!!"]),
    RuleSpec(id="tags.text.present", field="tags", check="not_blank"),
    RuleSpec(id="tags.text.normal", field="tags", check="normalized", repair="nfc"),
)


def make_pack(**fields: FieldSpec) -> CompiledPack:
    """The stage's pack, or one of other fields without a rule."""
    pack = ResolvedPack("stage", 1, "", _HERE.path)
    pack.fields = {name: (spec, _HERE) for name, spec in (fields or _FIELDS).items()}
    if not fields:
        pack.rules = {rule.id: ResolvedRule(rule, rule.options, _HERE) for rule in _RULES}
    return compile_resolved(pack)


@dataclass
class FakeRuntime:
    """Takes what a `Runtime` takes.

    Attributes:
        counted: What inputs were counted as, in order.
        unseen: How many inputs were counted unseen, by outcome.
        kept: What was to be quarantined: the input, ids of the rules, the key.
        reports: What was reported of failed inputs.
        keep: Answers a put; by default at once, and that the store has it.
    """

    mode: GateMode = "enforce"
    counted: list[Counted] = field(default_factory=list)
    planes: set[str] = field(default_factory=set)
    unseen: dict[str, int] = field(default_factory=dict)
    kept: list[tuple[Any, tuple[str, ...], str | None]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    keep: Callable[[Entry], Future[Receipt]] | None = None
    observes = False

    @property
    def emitter(self) -> FakeRuntime:
        return self

    def emit(self, event: Any, *, plane: str = "request") -> None:
        self.planes.add(plane)
        self.events.append(event)

    def count(self, rules: Rules, command: Count, latency_ns: int, *, plane: str = "request") -> None:
        self.planes.add(plane)
        self.counted.append(command.outcome)

    def count_unseen(self, outcome: Counted, times: int, decision: Decision | None = None) -> None:
        self.unseen[outcome] = self.unseen.get(outcome, 0) + times

    def entry(self, rules: Rules, record: Any, decision: Decision, key: str | None) -> Entry:
        self.kept.append((record, tuple(violation.rule_id for violation in decision.violations), key))
        return make_entry(f"entry-{len(self.kept)}")

    def put(self, entry: Entry) -> Future[Receipt]:
        return self.keep(entry) if self.keep is not None else put_in("store")(entry)

    def report(self, command: Report, entry: Entry, latency_ns: int, put_ns: int) -> None:
        assert command.receipt.entry_id == entry.id
        self.reports.append(command)


def put_in(place: Any) -> Callable[[Entry], Future[Receipt]]:
    """Answers each put at once: the entry went there."""

    def put(entry: Entry) -> Future[Receipt]:
        receipt: Future[Receipt] = Future()
        receipt.set_result(Receipt(entry.id, place))
        return receipt

    return put


def make_gate(pack: CompiledPack | None = None) -> tuple[Gate, FakeRuntime]:
    """A gate that is at work already, and what it works with."""
    gate = Gate(pack or make_pack(), Settings())
    runtime = FakeRuntime()
    gate._runtime = runtime  # type: ignore[assignment]  # a stand-in
    return gate, runtime


async def until(condition: Callable[[], object]) -> None:
    """Let other tasks run until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for knows of no event loop
            await asyncio.sleep(0)
