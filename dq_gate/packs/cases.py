"""Case files: whole records beside a pack, with the verdict that it has to give on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dq_gate.core.decide import decide
from dq_gate.core.model import Outcome
from dq_gate.errors import PackError
from dq_gate.packs.load import describe_problem, first_problem
from dq_gate.packs.yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.core.decide import Plan
    from dq_gate.core.model import Decision
    from dq_gate.packs.compile import CompiledPack

SUFFIX = ".cases.yaml"


class Case(BaseModel):
    """One record and its verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1, description="What it shows, for whoever reads a failure.")
    record: Any = Field(description="The input, as the gate gets it.")
    outcome: Outcome = Field(description="What must become of it.")
    rules: list[str] | None = Field(None, description="All rules that it must fail, warnings and shadow hits included.")
    value: Any = Field(None, description="What must come out, for a repaired one.")


class CaseFile(BaseModel):
    """A file of cases: `<pack>.cases.yaml`, beside `<pack>.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cases: list[Case] = Field(min_length=1, description="The cases, in any order.")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, run.

    Attributes:
        line: Where it stands.
        detail: What happened instead; empty when it holds.
    """

    name: str
    path: Path
    line: int
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the pack gives the verdict it has to."""
        return not self.detail


def case_file(pack: CompiledPack) -> Path | None:
    """The file of cases beside a pack; None when there is none."""
    path = pack.resolved.path
    beside = path.with_name(path.stem + SUFFIX)
    return beside if beside.is_file() else None


def run_cases(pack: CompiledPack, path: Path) -> Iterator[CaseResult]:
    """Run every case of a file through the whole pack, as a request.

    Raises:
        PackError: the file cannot be used; says line and key.
    """
    document = read_yaml(path)
    try:
        cases = CaseFile.model_validate(document.value).cases
    except ValidationError as error:
        problem = first_problem(error)
        keys = Case.model_fields if len(problem["loc"]) > 1 else CaseFile.model_fields
        raise PackError(describe_problem(problem, keys), path=path, line=document.line(*problem["loc"])) from None
    known = {rule.id for rule in pack.rules} | set(_gates_own(pack.plan))
    for index, case in enumerate(cases):
        line = document.line("cases", index)
        for rule_id in case.rules or ():
            if rule_id not in known:
                raise PackError(f"case {case.name!r} names no rule of the pack: {rule_id!r}", path=path, line=line)
        yield CaseResult(case.name, path, line, _difference(case, decide(pack.plan, case.record)))


def _gates_own(plan: Plan) -> Iterator[str]:
    """Ids of the rules that the gate itself decides."""
    for rule in (plan.unknown_rule, plan.type_rule, plan.size_rule):
        if rule is not None:
            yield rule.id
    for field in plan.fields:
        yield field.type_rule.id
        if field.null_rule is not None:
            yield field.null_rule.id


def _difference(case: Case, decision: Decision) -> str:
    failed = sorted({v.rule_id for v in (*decision.violations, *decision.shadowed)})
    if decision.outcome != case.outcome:
        return f"{decision.outcome}, not {case.outcome}" + (f": {', '.join(failed)}" if failed else "")
    if case.rules is not None and failed != sorted(set(case.rules)):
        return f"fails {', '.join(failed) or 'no rule'}"
    if case.value is not None and decision.value != case.value:
        return "comes out otherwise"
    return ""
