"""The verdict on one record: `decide(plan, record) -> Decision`. Pure.

`_is_plainly_clean` answers the usual question as fast as Python can: nothing missing, nothing odd, no finding. All
else goes to `_Examination`, which starts over and says what is wrong, in full. Both run the same judges, so the
first can only be a shortcut to what the second would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from dq_gate.core.model import Crash, Decision, Finding, OnFail, Violation
from dq_gate.core.size import NODE, exceeds

Judge = Callable[[Any], Finding | None]
RECORD = "*"
"""Stands for the record as a whole where a field's name is expected."""

_SMALL = 4096
"""Bytes that a container may hold without being counted exactly."""
_WIDE = 2**64
"""A larger int is counted by its length."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to judge values of its field.

    Attributes:
        shadow: Judged and counted, never enforced.
        crash_passes: A crash of the judge lets the value through.
        skips_printable_ascii: It passes every string of printable ASCII.
        repair: Turns a value it fails into one it should pass.
    """

    id: str
    field: str
    check: str
    judge: Judge
    on_fail: OnFail = "quarantine"
    shadow: bool = False
    crash_passes: bool = False
    skips_printable_ascii: bool = False
    repair: Callable[[Any], Any] | None = None

    def violation(self, finding: Finding) -> Violation:
        """This rule's word on a value it fails."""
        return Violation(self.id, self.field, self.check, self.on_fail, finding.message, finding.span)


@dataclass(frozen=True, slots=True)
class RecordRule:
    """A rule about several fields at once.

    Attributes:
        rule: Its judge takes a mapping of the pack's field names to values.
        needs: Fields without which it is skipped: where one is null, or failed its type. None: it takes every record,
            with whatever stands in it.
    """

    rule: Rule
    needs: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """All that is judged about one field, in order.

    Attributes:
        type_name: The type as the pack names it.
        exact_type: Values of exactly this type need no further look at their type.
        accepts: Whether a value of any other type belongs here.
        null_rule: The constraint a null fails, or None when null is fine.
        not_null_rules: Rules of the pack that null fails.
        rules: Constraints first, then the pack's rules.
    """

    name: str
    aliases: tuple[str, ...]
    type_name: str
    exact_type: type
    accepts: Callable[[Any], bool]
    type_rule: Rule
    null_rule: Rule | None
    not_null_rules: tuple[Rule, ...]
    default: Any
    rules: tuple[Rule, ...]

    @property
    def null_is_fine(self) -> bool:
        """Whether a null needs no further look."""
        return self.null_rule is None and not self.not_null_rules and self.default is None


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled pack's request plane.

    Attributes:
        unknown_rule: What fields that the pack does not name fail; None allows them.
        max_bytes: A larger record fails before any rule runs.
        text_room: Code points of text that fit a record of these fields, whatever else it holds.
        record_rules: Judged after the fields.
        shortcuts: The fields as `_is_plainly_clean` reads them.
        record_shortcuts: The record rules as it reads them.
        ignores_unknown: Whether unknown fields need no further look.
    """

    fields: tuple[FieldPlan, ...]
    record_rules: tuple[RecordRule, ...]
    unknown_rule: Rule | None
    type_rule: Rule
    size_rule: Rule
    max_bytes: int
    text_room: int
    shortcuts: tuple[Shortcut, ...]
    record_shortcuts: tuple[RecordShortcut, ...]
    ignores_unknown: bool


Shortcut = tuple[str, type, Callable[[Any], bool], bool, tuple[Judge, ...], tuple[Judge, ...]]
"""A field's name, exact type, wider type test, whether null is fine, judges of printable ASCII, judges of all else."""

RecordShortcut = tuple[tuple[str, ...], Judge]
"""Fields that may be null, and then have the rule skipped, and its judge."""


def plan(
    fields: tuple[FieldPlan, ...],
    *,
    record_rules: tuple[RecordRule, ...] = (),
    unknown_rule: Rule | None,
    type_rule: Rule,
    size_rule: Rule,
    max_bytes: int,
) -> Plan:
    """Make a plan, with the shortcuts that its fields allow."""
    keys_and_atoms = sum(2 * NODE + len(field.name.encode("utf-8", "surrogatepass")) for field in fields)
    return Plan(
        fields=fields,
        record_rules=record_rules,
        unknown_rule=unknown_rule,
        type_rule=type_rule,
        size_rule=size_rule,
        max_bytes=max_bytes,
        text_room=(max_bytes - NODE - keys_and_atoms) // 4,  # a code point takes at most four bytes
        shortcuts=tuple(_shortcut(field) for field in fields),
        record_shortcuts=tuple(_record_shortcut(rule, fields) for rule in record_rules),
        ignores_unknown=unknown_rule is None and not any(field.aliases for field in fields),
    )


def _shortcut(field: FieldPlan) -> Shortcut:
    return (
        field.name,
        field.exact_type,
        field.accepts,
        field.null_is_fine,
        tuple(rule.judge for rule in field.rules if not rule.skips_printable_ascii),
        tuple(rule.judge for rule in field.rules),
    )


def _record_shortcut(rule: RecordRule, fields: tuple[FieldPlan, ...]) -> RecordShortcut:
    may_be_null = {field.name for field in fields if field.null_is_fine}
    return tuple(name for name in rule.needs or () if name in may_be_null), rule.rule.judge


def decide(plan: Plan, record: Any, *, waived: frozenset[str] = frozenset()) -> Decision:
    """Judge one record.

    Args:
        plan: The compiled pack.
        record: A mapping of field names to values; anything else fails. It is never changed.
        waived: Ids of rules that are skipped.
    """
    if not waived and _is_plainly_clean(plan, record):
        return Decision("clean", record)
    try:
        return _Examination(plan, waived).examine(record)
    except Exception as error:  # noqa: BLE001 - an object that cannot even be looked at is bad input, not a defect
        return _unreadable(plan.type_rule, error)


def _is_plainly_clean(plan: Plan, record: Any) -> bool:  # noqa: C901, PLR0912 - unrolled: each call costs
    """Whether every field is there, of its type, and passes every rule; False means: look closer."""
    if type(record) is not dict:
        return False
    known = len(plan.shortcuts)
    room = plan.text_room
    try:
        for name, exact_type, accepts, null_is_fine, plain_judges, judges in plan.shortcuts:
            value = record.get(name)
            if value is None:
                if not null_is_fine:
                    return False
                known -= name not in record
                continue
            kind = type(value)
            if kind is not exact_type and not accepts(value):
                return False
            if kind is str:
                room -= len(value)
                if room < 0:
                    return False
                if value.isascii() and value.isprintable():
                    judges = plain_judges  # noqa: PLW2901 - the shorter list is the point
            elif kind is int:
                if abs(value) >= _WIDE:
                    return False
            elif kind is float:
                if value != value:  # noqa: PLR0124 - NaN is null
                    return False
            elif kind is not bool:
                room -= _SMALL
                if room < 0 or isinstance(value, float) or exceeds(value, _SMALL):  # a float of any kind may be NaN
                    return False
            for judge in judges:
                if judge(value) is not None:
                    return False
        for needs, judge in plan.record_shortcuts:
            if None not in map(record.get, needs) and judge(record) is not None:
                return False
        if known == len(record):
            return room >= 0
        return plan.ignores_unknown and not exceeds(record, plan.max_bytes)
    except Exception:  # noqa: BLE001 - a judge crashed; the examination names it and fails closed
        return False


class _Examination:
    """One record under close look: gathers violations, repairs, crashes."""

    __slots__ = ("changes", "crashes", "plan", "repaired_by", "shadowed", "sound", "violations", "waived")

    def __init__(self, plan: Plan, waived: frozenset[str]) -> None:
        self.plan = plan
        self.waived = waived
        self.violations: list[Violation] = []
        self.shadowed: list[Violation] = []
        self.crashes: list[Crash] = []
        self.repaired_by: list[str] = []
        self.changes: dict[str, Any] = {}
        self.sound: dict[str, Any] = {}
        """Values that are there and of their type, as repaired, by the pack's names."""

    def examine(self, record: Any) -> Decision:
        mapping = self.as_mapping(record)
        if mapping is not None and not self.is_too_large(mapping):
            names: dict[str, str] = {}
            for field in self.plan.fields:
                self.examine_field(field, mapping, names)
            self.examine_record(mapping, names)
            self.examine_unknown(len(mapping.keys() - names.keys()))
        return self.decision(record, mapping)

    def as_mapping(self, record: Any) -> dict[Any, Any] | None:
        if type(record) is dict:
            return record
        if isinstance(record, Mapping):
            return dict(record)
        if self.plan.type_rule.id in self.waived:
            return None
        self.note(self.plan.type_rule, Finding(f"a record is a mapping of fields, not {_kind(record)}"))
        return None

    def is_too_large(self, record: dict[Any, Any]) -> bool:
        rule = self.plan.size_rule
        if rule.id in self.waived or not exceeds(record, self.plan.max_bytes):
            return False
        self.note(rule, Finding(f"larger than {self.plan.max_bytes} bytes; no rule was run"))
        return True

    def examine_unknown(self, count: int) -> None:
        rule = self.plan.unknown_rule
        if count and rule is not None and rule.id not in self.waived:
            self.violations.append(unknown_fields(rule, count))

    def examine_record(self, record: dict[Any, Any], names: dict[str, str]) -> None:
        """Run the rules about several fields; `names` gives the pack's name for each spelling."""
        for record_rule in self.plan.record_rules:
            rule, needs = record_rule.rule, record_rule.needs
            if rule.id in self.waived or not self.sound.keys() >= set(needs or ()):
                continue
            finding = self.judge(rule, self.sound if needs is not None else self.whole(record, names))
            if finding is not None:
                self.note(rule, finding)

    def whole(self, record: dict[Any, Any], names: dict[str, str]) -> dict[Any, Any]:
        """The record with its repairs, under the pack's names."""
        return {names.get(key, key): value for key, value in (record | self.changes).items()}

    def examine_field(self, field: FieldPlan, record: dict[Any, Any], names: dict[str, str]) -> None:
        key = next((key for key in (field.name, *field.aliases) if key in record), field.name)
        names[key] = field.name
        value = record.get(key)
        if _is_null(value):
            self.examine_null(field, key)
        elif type(value) is field.exact_type or field.accepts(value):
            self.judge_value(field, key, value)
        elif field.type_rule.id not in self.waived:
            self.note(field.type_rule, Finding(f"{_kind(value)} where {field.type_name} is expected"))

    def examine_null(self, field: FieldPlan, key: str) -> None:
        if field.default is not None:
            self.changes[key] = self.sound[field.name] = deepcopy(field.default)
            return
        for rule in (*((field.null_rule,) if field.null_rule else ()), *field.not_null_rules):
            if rule.id not in self.waived:
                self.note(rule, Finding("missing or null"))

    def judge_value(self, field: FieldPlan, key: str, value: Any) -> None:
        rules = [rule for rule in field.rules if rule.id not in self.waived]
        repaired = value
        for rule in rules:
            if rule.repair is not None and not rule.shadow:
                repaired = self.repair(rule, repaired)
        changed = repaired is not value
        if changed:
            self.changes[key] = repaired
        self.sound[field.name] = repaired
        for rule in rules:
            finding = self.judge(rule, repaired)
            if finding is not None:
                self.note(rule, replace(finding, span=self.span_before(rule, value)) if changed else finding)

    def repair(self, rule: Rule, value: Any) -> Any:
        assert rule.repair is not None
        try:
            if rule.judge(value) is None:
                return value
        except Exception:  # noqa: BLE001 - the judge meets the value again, and its crash is reported then
            return value
        try:
            repaired = rule.repair(value)
        except Exception as error:  # noqa: BLE001 - as with a judge's crash; the value stays and fails
            self.crashes.append(_crash(rule, error))
            return value
        if repaired == value:
            return value
        self.repaired_by.append(rule.id)
        return repaired

    def judge(self, rule: Rule, value: Any) -> Finding | None:
        try:
            return rule.judge(value)
        except Exception as error:  # noqa: BLE001 - any crash of a check fails closed, and is reported
            self.crashes.append(_crash(rule, error))
            return None if rule.crash_passes else Finding(f"the check crashed: {type(error).__name__}")

    def span_before(self, rule: Rule, original: Any) -> tuple[int, int] | None:
        """Where the rule finds the same kind of fault in the value as it came, if it does."""
        try:
            finding = rule.judge(original)
        except Exception:  # noqa: BLE001 - no span is better than a wrong one
            return None
        return finding.span if finding else None

    def note(self, rule: Rule, finding: Finding) -> None:
        (self.shadowed if rule.shadow else self.violations).append(rule.violation(finding))

    def decision(self, record: Any, mapping: dict[Any, Any] | None) -> Decision:
        if any(violation.on_fail == "quarantine" for violation in self.violations):
            outcome, value = "quarantined", None
        elif mapping is None:
            outcome, value = "clean", record
        elif self.repaired_by:
            outcome, value = "repaired", mapping | self.changes
        else:
            outcome, value = "clean", mapping | self.changes if self.changes else record
        return Decision(
            outcome,  # type: ignore[arg-type]  # one of the three literals above
            value,
            tuple(self.violations),
            tuple(self.repaired_by),
            tuple(self.shadowed),
            tuple(self.crashes),
        )


def unknown_fields(rule: Rule, count: int) -> Violation:
    """What the rule about them says of so many fields that the pack does not name."""
    return rule.violation(Finding(f"{count} {'field' if count == 1 else 'fields'} that the pack does not name"))


def _unreadable(rule: Rule, error: Exception) -> Decision:
    finding = Finding(f"the record cannot be read: {type(error).__name__}")
    return Decision("quarantined", None, (rule.violation(finding),), crashes=(_crash(rule, error),))


def _crash(rule: Rule, error: Exception) -> Crash:
    return Crash(rule.id, rule.field, rule.check, type(error).__name__)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
