"""What changed between two packs, rule by rule and field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq_gate.packs.load import ResolvedPack, ResolvedRule
    from dq_gate.packs.schema import FieldSpec

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        kind: What happened to it.
        subject: A rule's id, `fields.<name>`, or `unknown_fields`.
        key: The part that changed; empty for what is new or gone.
        before: As the first pack has it, as written; None where it has none.
        after: As the second pack has it.
    """

    kind: Literal["added", "removed", "changed"]
    subject: str
    key: str = ""
    before: Any = None
    after: Any = None


def changes(first: ResolvedPack, second: ResolvedPack) -> Iterator[Change]:
    """What one has to do to make the second pack of the first. Reasons, examples and descriptions count too."""
    if first.on_unknown_fields != second.on_unknown_fields:
        yield Change("changed", "unknown_fields", "", first.on_unknown_fields, second.on_unknown_fields)
    before = {f"fields.{name}": _field(spec) for name, (spec, _) in first.fields.items()}
    after = {f"fields.{name}": _field(spec) for name, (spec, _) in second.fields.items()}
    yield from _compare(before, after)
    yield from _compare(
        {rule_id: _rule(rule) for rule_id, rule in first.rules.items()},
        {rule_id: _rule(rule) for rule_id, rule in second.rules.items()},
    )


def _compare(before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]) -> Iterator[Change]:
    for subject in sorted(before.keys() ^ after.keys()):
        yield Change("removed" if subject in before else "added", subject)
    for subject in sorted(before.keys() & after.keys()):
        old, new = before[subject], after[subject]
        for key in sorted(old.keys() | new.keys()):
            was, is_now = old.get(key, _MISSING), new.get(key, _MISSING)
            if was != is_now:
                yield Change(
                    "changed", subject, key, None if was is _MISSING else was, None if is_now is _MISSING else is_now
                )


def _field(spec: FieldSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_defaults=True)


def _rule(rule: ResolvedRule) -> dict[str, Any]:
    """A rule as written, with the content of its option files in place of their names."""
    written = rule.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"id"})
    return {key: value for key, value in written.items() if key not in rule.spec.options} | rule.options
