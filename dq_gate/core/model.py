"""The values everything else speaks in: findings, violations, decisions. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["clean", "repaired", "quarantined"]
OnFail = Literal["quarantine", "warn"]
RuleMode = Literal["enforce", "shadow"]
GateMode = Literal["enforce", "shadow", "off"]
Stored = Literal["store", "spool", "none", "unknown"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says about a value that fails it.

    Attributes:
        message: One line for an operator; it never carries the value.
        span: Where, in code points of the judged value: start and end (exclusive).
    """

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that an input failed.

    Attributes:
        rule_id: The rule, as the pack names it.
        field: The pack's field, or "*" for the record as a whole.
        check: The check behind the rule.
        on_fail: "quarantine" decides the outcome; "warn" leaves it alone.
        message: One line for an operator; never the value.
        span: Code points in the original value, start and end (exclusive).
    """

    rule_id: str
    field: str
    check: str
    on_fail: OnFail
    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Crash:
    """A rule that raised instead of judging.

    Attributes:
        error: The exception's type name; its text might carry the input.
    """

    rule_id: str
    field: str
    check: str
    error: str


@dataclass(slots=True)
class Decision:
    """What the gate decided about one record.

    Not frozen: freezing costs a third of a microsecond a call. Treat it as a value.

    Attributes:
        outcome: "clean", "repaired" or "quarantined".
        value: The same object when clean, a repaired copy, or None when quarantined.
        violations: Rules that failed, warnings included.
        repaired_by: Ids of the rules whose repair changed the value.
        shadowed: Rules in shadow mode that would have failed.
        crashes: Rules that raised.
    """

    outcome: Outcome
    value: dict[str, Any] | None
    violations: tuple[Violation, ...] = ()
    repaired_by: tuple[str, ...] = ()
    shadowed: tuple[Violation, ...] = ()
    crashes: tuple[Crash, ...] = ()


@dataclass(frozen=True, slots=True)
class PackId:
    """Which rules judged: goes with every event and every entry.

    Attributes:
        digest: Hash of the resolved pack, 16 hexadecimal digits.
    """

    name: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a quarantined input went."""

    entry_id: str
    stored: Stored
