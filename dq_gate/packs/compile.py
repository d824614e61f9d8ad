"""From a resolved pack to what judges: every rule bound to its check, every mistake an error naming its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Compiled, CompiledFrame, CompiledRecord
from dq_gate.core.decide import RECORD, FieldPlan, Plan, RecordRule, Rule, plan
from dq_gate.core.model import Finding, PackId
from dq_gate.engines.plugins import find_check
from dq_gate.errors import did_you_mean
from dq_gate.packs.context import PackContext
from dq_gate.packs.load import describe_problem, first_problem, load_pack
from dq_gate.packs.schema import CONSTRAINTS, RuleSpec, WindowSpec
from dq_gate.packs.types import TYPES

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from dq_gate.checks.base import AnyCompiled, Check, FieldType, FrameJudge, Judge, Suspects
    from dq_gate.packs.load import Place, ResolvedPack, ResolvedRule
    from dq_gate.packs.schema import FieldSpec

_BOUNDS = frozenset({"ge", "gt", "le", "lt"})
_RECORD_RULES = frozenset({"record.fields.known", "record.size", "record.syntax", "record.type"})
_SUBJECT_TYPES: frozenset[FieldType] = frozenset({"str", "int", "list[str]", "any"})
DEFAULT_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FrameRule:
    """A rule that needs many rows: it runs on the batch plane only.

    Attributes:
        rule: What its findings are called; it judges no value.
        begin: Starts a pass over one batch.
        window: Which windows of admitted requests it judges; None leaves requests alone.
        needs_whole: Its pass looks once, at all rows in one frame.
    """

    rule: Rule
    begin: Callable[[], FrameJudge]
    window: WindowSpec | None = None
    needs_whole: bool = False


RecordSuspects = Callable[["Mapping[str, pl.Expr]"], "pl.Expr | None"]


@dataclass(frozen=True, slots=True)
class CompiledPack:
    """A pack ready to judge.

    Attributes:
        plan: The request plane.
        frame_rules: What only batches are judged by.
        suspects: The batch plane's first look, by rule id; a rule without one judges every row.
        record_suspects: The same for the plan's record rules.
        redactors: By rule id, what hides that which the rule found and nobody should keep.
        specs: The fields as written, by name.
        resolved: What it was compiled from.
    """

    id: PackId
    plan: Plan
    frame_rules: tuple[FrameRule, ...]
    suspects: dict[str, Suspects]
    record_suspects: dict[str, RecordSuspects]
    redactors: dict[str, Callable[[Any], Any]]
    specs: dict[str, FieldSpec]
    resolved: ResolvedPack

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, the fields' constraints included."""
        of_fields = (rule for field in self.plan.fields for rule in (*field.not_null_rules, *field.rules))
        of_records = (record_rule.rule for record_rule in self.plan.record_rules)
        return (*of_fields, *of_records, *(frame_rule.rule for frame_rule in self.frame_rules))


def compile_pack(
    reference: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES, trusted_packages: tuple[str, ...] = ()
) -> CompiledPack:
    """Load and compile a pack.

    Args:
        reference: A shipped pack's name, `name@version`, or a path.
        max_bytes: A larger record fails before any rule runs.
        trusted_packages: Packages that code named in the pack may be imported from.

    Raises:
        PackError: with file, line, rule id, and what is allowed instead.
        MissingExtraError: a rule needs a library that is not installed.
    """
    return compile_resolved(load_pack(reference), max_bytes=max_bytes, trusted_packages=trusted_packages)


def compile_resolved(
    pack: ResolvedPack, *, max_bytes: int = DEFAULT_MAX_BYTES, trusted_packages: tuple[str, ...] = ()
) -> CompiledPack:
    """Compile a pack that was resolved already."""
    compiler = _Compiler(pack, trusted_packages)
    fields = tuple(compiler.field_plan(name) for name in pack.fields)
    record_rules = tuple(compiler.record_rules())
    unknown = _record_rule("record.fields.known", "unknown_fields", warn=pack.on_unknown_fields == "warn")
    return CompiledPack(
        id=pack.id,
        plan=plan(
            fields,
            record_rules=record_rules,
            unknown_rule=None if pack.on_unknown_fields == "allow" else unknown,
            type_rule=_record_rule("record.type", "type"),
            size_rule=_record_rule("record.size", "max_input_bytes"),
            max_bytes=max_bytes,
        ),
        frame_rules=tuple(compiler.frame_rules),
        suspects=compiler.suspects,
        record_suspects=compiler.record_suspects,
        redactors=compiler.redactors,
        specs={name: spec for name, (spec, _) in pack.fields.items()},
        resolved=pack,
    )


def _never(_: Any) -> Finding | None:
    """Judge of rules that the gate itself decides."""
    return None


def _record_rule(rule_id: str, check: str, *, warn: bool = False) -> Rule:
    return Rule(rule_id, RECORD, check, _never, on_fail="warn" if warn else "quarantine")


class _Compiler:
    """Compiles one pack, gathering what the batch plane needs on the way."""

    def __init__(self, pack: ResolvedPack, trusted_packages: tuple[str, ...]) -> None:
        self.pack = pack
        self.trusted_packages = trusted_packages
        self.suspects: dict[str, Suspects] = {}
        self.record_suspects: dict[str, RecordSuspects] = {}
        self.redactors: dict[str, Callable[[Any], Any]] = {}
        self.frame_rules: list[FrameRule] = []
        self.record_rules_of_fields: list[RecordRule] = []
        self.types = {name: spec.type for name, (spec, _) in pack.fields.items()}
        self.by_field: dict[str | None, list[ResolvedRule]] = {None: []} | {name: [] for name in pack.fields}
        self.check_names()
        self.check_subjects()
        for rule in pack.rules.values():
            if rule.spec.field not in self.by_field:
                reason = f"unknown field {rule.spec.field!r}{did_you_mean(str(rule.spec.field), pack.fields)}"
                raise rule.place.error(reason, rule_id=rule.spec.id)
            self.by_field[rule.spec.field].append(rule)

    def check_names(self) -> None:
        """Refuse an alias that is another field's spelling too, and a rule id that the gate uses itself."""
        owner = {name: name for name in self.pack.fields}
        for name, (spec, place) in self.pack.fields.items():
            for alias in spec.aliases:
                if owner.setdefault(alias, name) != name:
                    raise place.error(f"alias {alias!r} of {name} names the field {owner[alias]} already")
        keys = (*CONSTRAINTS, "required", "type")
        taken = _RECORD_RULES.union(f"field.{name}.{key}" for name in self.pack.fields for key in keys)
        for rule_id, rule in self.pack.rules.items():
            if rule_id in taken:
                raise rule.place.error("names a constraint of the gate's own; choose another id", rule_id=rule_id)

    def check_subjects(self) -> None:
        """Refuse a field as the subject whose values are no names of anybody."""
        for name, (spec, place) in self.pack.fields.items():
            if spec.subject and spec.type not in _SUBJECT_TYPES:
                allowed = ", ".join(sorted(_SUBJECT_TYPES))
                raise place.error(f"field {name}: `subject` does not go with type {spec.type}; it goes with {allowed}")

    def field_plan(self, name: str) -> FieldPlan:
        spec, place = self.pack.fields[name]
        exact_type, accepts = TYPES[spec.type]
        rules = [compiled for rule in self.by_field[name] if (compiled := self.field_rule(rule, spec))]
        required = Rule(f"field.{name}.required", name, "not_null", _never)
        value_rules = (*self.constraints(name, spec, place), *(rule for rule in rules if rule.check != "not_null"))
        return FieldPlan(
            name=name,
            aliases=tuple(spec.aliases),
            type_name=spec.type,
            exact_type=exact_type,
            accepts=accepts,
            type_rule=Rule(f"field.{name}.type", name, "type", _never),
            null_rule=required if spec.is_required else None,
            not_null_rules=tuple(rule for rule in rules if rule.check == "not_null"),
            default=_default(name, spec, place, value_rules),
            rules=value_rules,
        )

    def constraints(self, name: str, spec: FieldSpec, place: Place) -> list[Rule]:
        """The field's own bounds and value list, as rules."""
        rules = []
        for key in CONSTRAINTS:
            value = getattr(spec, key)
            if value is None:
                continue
            rule_id = f"field.{name}.{key}"
            check_name, option = ("one_of", "allow") if key == "one_of" else ("range", key)
            check = CATALOGUE[check_name]
            each = _judges_each(check, spec, place, rule_id)
            compiled = self.compile(check, {option: value}, name, place, rule_id)
            assert isinstance(compiled, Compiled)
            rules.append(Rule(rule_id, name, check_name, self.judge(compiled, rule_id, each=each)))
        return rules

    def field_rule(self, rule: ResolvedRule, field: FieldSpec) -> Rule | None:
        """A rule about one field's value; None when it needs many rows, or the record's other fields as well."""
        check = self.check(rule)
        if check.subject == "record":
            raise rule.place.error(f"check {check.name} judges whole records; leave `field` out", rule_id=rule.spec.id)
        each = _judges_each(check, field, rule.place, rule.spec.id)
        compiled = self.compile(check, rule.options, rule.spec.field, rule.place, rule.spec.id)
        if isinstance(compiled, CompiledFrame):
            self.frame_rules.append(self.frame_rule(rule, compiled))
            return None
        if isinstance(compiled, CompiledRecord):
            self.record_rules_of_fields.append(self.record_rule(rule, compiled))
            return None
        assert isinstance(compiled, Compiled)
        return replace(
            self.rule(rule, self.judge(compiled, rule.spec.id, each=each)),
            skips_printable_ascii=check.passes_printable_ascii and not each,
            repair=self.repair(check, rule, field),
        )

    def record_rules(self) -> Iterator[RecordRule]:
        """The rules that judge whole records, those for the batch plane alone left out."""
        yield from self.record_rules_of_fields
        for rule in self.by_field[None]:
            check = self.check(rule)
            if check.subject == "field":
                raise rule.place.error(f"check {check.name} judges one field; name it", rule_id=rule.spec.id)
            if rule.spec.repair is not None:
                raise rule.place.error("only a rule about one field can repair", rule_id=rule.spec.id)
            compiled = self.compile(check, rule.options, None, rule.place, rule.spec.id)
            if isinstance(compiled, CompiledFrame):
                self.frame_rules.append(self.frame_rule(rule, compiled))
                continue
            assert isinstance(compiled, CompiledRecord)
            yield self.record_rule(rule, compiled)

    def record_rule(self, rule: ResolvedRule, compiled: CompiledRecord) -> RecordRule:
        if compiled.suspects is not None:
            self.record_suspects[rule.spec.id] = compiled.suspects
        return RecordRule(self.rule(rule, compiled.judge), compiled.needs)

    def frame_rule(self, rule: ResolvedRule, compiled: CompiledFrame) -> FrameRule:
        return FrameRule(self.rule(rule, _never), compiled.begin, rule.spec.window, compiled.needs_whole)

    def rule(self, rule: ResolvedRule, judge: Judge) -> Rule:
        spec = rule.spec
        return Rule(
            id=spec.id,
            field=spec.field or RECORD,
            check=spec.check,
            judge=judge,
            on_fail=spec.on_fail,
            shadow=spec.mode == "shadow",
            crash_passes=spec.on_error == "pass",
        )

    def check(self, rule: ResolvedRule) -> Check:
        try:
            check = find_check(rule.spec.check, self.context(rule.spec.field, rule.place).load)
        except ValueError as error:
            raise rule.place.error(str(error), rule_id=rule.spec.id) from None
        if check is None:
            reason = f"unknown check {rule.spec.check!r}{did_you_mean(rule.spec.check, CATALOGUE)}"
            raise rule.place.error(reason, rule_id=rule.spec.id)
        if rule.spec.window is not None and "request" in check.planes:
            raise rule.place.error(
                f"check {check.name} judges requests one by one; leave `window` out", rule_id=rule.spec.id
            )
        return check

    def context(self, field: str | None, place: Place) -> PackContext:
        return PackContext(field, self.types, place.path.parent, self.trusted_packages, self.pack.attachments)

    def judge(self, compiled: Compiled, rule_id: str, *, each: bool = False) -> Judge:
        """The rule's judge; notes what else the batch plane and the quarantine need of it."""
        if compiled.redact is not None:
            self.redactors[rule_id] = _map_each(compiled.redact) if each else compiled.redact
        if each:
            return _each(compiled.judge)
        if compiled.suspects is not None:
            self.suspects[rule_id] = compiled.suspects
        return compiled.judge

    def compile(
        self, check: Check, options: dict[str, Any], field: str | None, place: Place, rule_id: str
    ) -> AnyCompiled:
        """Parse a rule's options and compile its check."""
        spec = None if field is None else self.pack.fields[field][0]
        context = self.context(field, place)
        try:
            parsed = check.options.model_validate(_as_type(options, spec))
            _refuse_values_of_another_type(check, parsed, spec)
            return check.compile(parsed, context)
        except ValidationError as error:
            problem = first_problem(error)
            keys = (*check.options.model_fields, *RuleSpec.model_fields)
            raise place.error(describe_problem(problem, keys), rule_id=rule_id) from None
        except ValueError as error:
            raise place.error(str(error), rule_id=rule_id) from None

    def repair(self, check: Check, rule: ResolvedRule, field: FieldSpec) -> Callable[[Any], Any] | None:
        name = rule.spec.repair
        if name is None:
            return None
        if name not in check.repairs:
            hint = did_you_mean(name, check.repairs) if check.repairs else f"; {check.name} has no repair"
            raise rule.place.error(f"unknown repair {name!r}{hint}", rule_id=rule.spec.id)
        repair = check.repairs[name]
        if field.type == "list[str]":
            return _map_each(repair)
        return repair


def _judges_each(check: Check, field: FieldSpec, place: Place, rule_id: str) -> bool:
    """Whether the check judges the items of a list field, one by one; refuses a check that does not fit."""
    if field.type in check.accepts or check.name == "not_null":
        return False
    if field.type == "list[str]" and "str" in check.accepts:
        return True
    fitting = ", ".join(sorted(check.accepts))
    raise place.error(f"check {check.name} does not go with type {field.type}; it judges: {fitting}", rule_id=rule_id)


def _each(judge: Judge) -> Judge:
    def judge_items(values: Any) -> Finding | None:
        for index, value in enumerate(values):
            finding = judge(value)
            if finding is not None:
                return Finding(f"item {index}: {finding.message}")
        return None

    return judge_items


def _default(name: str, spec: FieldSpec, place: Place, rules: tuple[Rule, ...]) -> Any:
    """The field's default; refuses one that the field itself would not let pass."""
    if spec.default is None:
        return None
    default = _moment(spec.default) if spec.type == "datetime" else spec.default
    if default != default or not TYPES[spec.type][1](default):  # noqa: PLR0124 - NaN is null
        raise place.error(f"default of {name} is no {spec.type}")
    for rule in rules:
        finding = None if rule.shadow or rule.on_fail == "warn" else rule.judge(default)
        if finding is not None:
            raise place.error(f"default of {name} fails: {finding.message}", rule_id=rule.id)
    return default


def _map_each(change: Callable[[str], str]) -> Callable[[Any], Any]:
    def change_items(values: Any) -> Any:
        return (tuple if isinstance(values, tuple) else list)(map(change, values))

    return change_items


def _as_type(options: dict[str, Any], field: FieldSpec | None) -> dict[str, Any]:
    """Bounds of a datetime field, written as text in YAML, as datetimes."""
    if field is None or field.type != "datetime":
        return options
    moments = {key: _moment(value) for key, value in options.items() if key in _BOUNDS}
    for key, moment in moments.items():
        if moment is None:
            raise ValueError(f"{key}: a moment is written in ISO 8601, such as 2026-01-31T12:00:00Z")
    return options | moments


def _refuse_values_of_another_type(check: Check, options: Any, field: FieldSpec | None) -> None:
    """A list of values none of which the field can have would refuse every input, or none."""
    if field is None or check.name != "one_of":
        return
    item_type: FieldType = "str" if field.type == "list[str]" else field.type
    for value in options.allow:
        if not TYPES[item_type][1](value):
            raise ValueError(f"one of the allowed values is no {item_type}: {value!r}")


def _moment(value: Any) -> datetime | None:
    """A datetime written as text in YAML, or None when it is not one."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
