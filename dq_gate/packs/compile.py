"""From a resolved pack to what judges: every rule bound to its check, every mistake an error naming its line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dq_gate.checks import CATALOGUE
from dq_gate.core.decide import RECORD, FieldPlan, Plan, Rule, plan
from dq_gate.core.model import Finding, PackId
from dq_gate.errors import did_you_mean
from dq_gate.packs.load import describe_problem, load_pack
from dq_gate.packs.schema import CONSTRAINTS, RuleSpec
from dq_gate.packs.types import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate.checks.base import Check, FieldType, Judge, Suspects
    from dq_gate.packs.load import Place, ResolvedPack, ResolvedRule
    from dq_gate.packs.schema import FieldSpec

_BOUNDS = frozenset({"ge", "gt", "le", "lt"})
_RECORD_RULES = frozenset({"record.fields.known", "record.size", "record.syntax", "record.type"})
DEFAULT_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CompiledPack:
    """A pack ready to judge.

    Attributes:
        plan: The request plane.
        suspects: The batch plane's first look, by rule id; a rule without one judges every row.
        specs: The fields as written, by name.
        resolved: What it was compiled from.
    """

    id: PackId
    plan: Plan
    suspects: dict[str, Suspects]
    specs: dict[str, FieldSpec]
    resolved: ResolvedPack

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, the fields' constraints included."""
        return tuple(rule for field in self.plan.fields for rule in (*field.not_null_rules, *field.rules))


def compile_pack(reference: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> CompiledPack:
    """Load and compile a pack.

    Args:
        reference: A shipped pack's name, `name@version`, or a path.
        max_bytes: A larger record fails before any rule runs.

    Raises:
        PackError: with file, line, rule id, and what is allowed instead.
    """
    return compile_resolved(load_pack(reference), max_bytes=max_bytes)


def compile_resolved(pack: ResolvedPack, *, max_bytes: int = DEFAULT_MAX_BYTES) -> CompiledPack:
    """Compile a pack that was resolved already."""
    compiler = _Compiler(pack)
    fields = tuple(compiler.field_plan(name) for name in pack.fields)
    unknown = _record_rule("record.fields.known", "unknown_fields", warn=pack.on_unknown_fields == "warn")
    return CompiledPack(
        id=pack.id,
        plan=plan(
            fields,
            unknown_rule=None if pack.on_unknown_fields == "allow" else unknown,
            type_rule=_record_rule("record.type", "type"),
            size_rule=_record_rule("record.size", "max_input_bytes"),
            max_bytes=max_bytes,
        ),
        suspects=compiler.suspects,
        specs={name: spec for name, (spec, _) in pack.fields.items()},
        resolved=pack,
    )


def _never(_: Any) -> Finding | None:
    """Judge of rules that the gate itself decides."""
    return None


def _record_rule(rule_id: str, check: str, *, warn: bool = False) -> Rule:
    return Rule(rule_id, RECORD, check, _never, on_fail="warn" if warn else "quarantine")


class _Compiler:
    """Compiles one pack, gathering the batch plane's first looks on the way."""

    def __init__(self, pack: ResolvedPack) -> None:
        self.pack = pack
        self.suspects: dict[str, Suspects] = {}
        self.by_field: dict[str, list[ResolvedRule]] = {name: [] for name in pack.fields}
        self.check_names()
        for rule in pack.rules.values():
            if rule.spec.field not in pack.fields:
                reason = f"unknown field {rule.spec.field!r}{did_you_mean(rule.spec.field, pack.fields)}"
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

    def field_plan(self, name: str) -> FieldPlan:
        spec, place = self.pack.fields[name]
        exact_type, accepts = TYPES[spec.type]
        rules = [self.rule(rule, spec) for rule in self.by_field[name]]
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
            judge = self.compile(CATALOGUE[check_name], {option: value}, spec, place, rule_id)
            rules.append(Rule(rule_id, name, check_name, judge))
        return rules

    def rule(self, rule: ResolvedRule, field: FieldSpec) -> Rule:
        spec, place = rule.spec, rule.place
        check = CATALOGUE.get(spec.check)
        if check is None:
            raise place.error(f"unknown check {spec.check!r}{did_you_mean(spec.check, CATALOGUE)}", rule_id=spec.id)
        judge = self.compile(check, rule.options, field, place, spec.id)
        return Rule(
            id=spec.id,
            field=spec.field,
            check=spec.check,
            judge=judge,
            on_fail=spec.on_fail,
            shadow=spec.mode == "shadow",
            crash_passes=spec.on_error == "pass",
            skips_printable_ascii=check.passes_printable_ascii and field.type != "list[str]",
            repair=self.repair(check, rule, field),
        )

    def compile(self, check: Check, options: dict[str, Any], field: FieldSpec, place: Place, rule_id: str) -> Judge:
        """Parse a rule's options and compile its check for a field's type."""
        each = _judges_each(check, field, place, rule_id)
        try:
            parsed = check.options.model_validate(_as_type(options, field))
            _refuse_values_of_another_type(check, parsed, field)
            compiled = check.compile(parsed)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            keys = (*check.options.model_fields, *RuleSpec.model_fields)
            raise place.error(describe_problem(problem, keys), rule_id=rule_id) from None
        except ValueError as error:
            raise place.error(str(error), rule_id=rule_id) from None
        if each:
            return _each(compiled.judge)
        if compiled.suspects is not None:
            self.suspects[rule_id] = compiled.suspects
        return compiled.judge

    def repair(self, check: Check, rule: ResolvedRule, field: FieldSpec) -> Callable[[Any], Any] | None:
        name = rule.spec.repair
        if name is None:
            return None
        if name not in check.repairs:
            hint = did_you_mean(name, check.repairs) if check.repairs else f"; {check.name} has no repair"
            raise rule.place.error(f"unknown repair {name!r}{hint}", rule_id=rule.spec.id)
        repair = check.repairs[name]
        if field.type == "list[str]":
            return _repair_each(repair)
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


def _repair_each(repair: Callable[[str], str]) -> Callable[[Any], Any]:
    def repair_items(values: Any) -> Any:
        return (tuple if isinstance(values, tuple) else list)(map(repair, values))

    return repair_items


def _as_type(options: dict[str, Any], field: FieldSpec) -> dict[str, Any]:
    """Bounds of a datetime field, written as text in YAML, as datetimes."""
    if field.type != "datetime":
        return options
    moments = {key: _moment(value) for key, value in options.items() if key in _BOUNDS}
    for key, moment in moments.items():
        if moment is None:
            raise ValueError(f"{key}: a moment is written in ISO 8601, such as 2026-01-31T12:00:00Z")
    return options | moments


def _refuse_values_of_another_type(check: Check, options: Any, field: FieldSpec) -> None:
    """A list of values none of which the field can have would refuse every input, or none."""
    if check.name != "one_of":
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
