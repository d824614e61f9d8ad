"""What `rules lint` says about a pack that loads: what it leaves open, what can never find anything, what is slow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq_gate.core.decide import FieldPlan, Rule
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.packs.load import ResolvedRule

_NO_FAILING_EXAMPLE = frozenset({"not_null", "well_formed", "length", "distribution"})
"""Checks whose failing values are not for a pack: null is no value of a field, YAML has no surrogates, and a text that
is too long helps nobody."""
SLOW_US = 100.0
"""Microseconds on a text of `_PROBE`'s length, more than any builtin check takes."""
_PROBE = "Where can I find the order that I placed last week, and how long will the delivery to Łódź take? " * 2
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a rule that wants a look.

    Attributes:
        line: Where the rule stands.
        problem: What it is.
    """

    rule_id: str
    path: str
    line: int
    problem: str


def problems(pack: CompiledPack, today: date) -> Iterator[Problem]:
    """All that is to be said about a pack's rules, in their order.

    Args:
        pack: The rules.
        today: What `shadow_until` is compared with.
    """
    covered = dict(_unreachable(pack))
    judges = {rule.id: rule for rule in pack.rules}
    for rule_id, rule in pack.resolved.rules.items():
        found = [*_gaps(rule), *_shadowed_for_too_long(rule, today), *_slow(judges[rule_id], pack)]
        if rule_id in covered:
            found.append(f"can never decide anything: {covered[rule_id]}")
        for problem in found:
            yield Problem(rule_id, str(rule.place.path), rule.place.line, problem)


def _gaps(rule: ResolvedRule) -> Iterator[str]:
    """What a rule lacks."""
    if not rule.spec.why:
        yield "has no `why`; say what goes wrong without it"
    if not rule.spec.examples.passing:
        yield "has no example that passes"
    if not rule.spec.examples.fail and rule.spec.check not in _NO_FAILING_EXAMPLE:
        yield "has no example that fails"


def _shadowed_for_too_long(rule: ResolvedRule, today: date) -> Iterator[str]:
    """Shadow mode is a trial: it wants an end."""
    if rule.spec.mode != "shadow":
        return
    if rule.spec.shadow_until is None:
        yield "is in shadow mode without a `shadow_until`; say when its trial ends"
    elif date.fromisoformat(rule.spec.shadow_until) < today:
        yield f"was to be in shadow mode until {rule.spec.shadow_until}; enforce it or drop it"


def _slow(rule: Rule, pack: CompiledPack) -> Iterator[str]:
    """Whether a rule about text takes much longer than one may expect."""
    spec = pack.specs.get(rule.field)
    if spec is None or spec.type != "str" or rule.check == "not_null":
        return
    try:
        fastest = min(_microseconds(rule) for _ in range(_ROUNDS))
    except Exception:  # noqa: BLE001 - a check that crashes is for `rules test`
        return
    if fastest > SLOW_US:
        yield f"is slow: {fastest:.0f} µs on a text of {len(_PROBE)} characters"


def _microseconds(rule: Rule) -> float:
    started = time.perf_counter()
    rule.judge(_PROBE)
    return (time.perf_counter() - started) * 1e6


def _unreachable(pack: CompiledPack) -> Iterator[tuple[str, str]]:
    """Rules that can change no verdict, and why."""
    for field in pack.plan.fields:
        for rule in field.not_null_rules:
            if field.null_rule is not None or field.default is not None:
                yield rule.id, f"null never reaches it, for `{field.name}` is required or has a default"
        yield from _never_failing(field, pack.specs[field.name].one_of)
        yield from _covered(field.rules, pack)


def _never_failing(field: FieldPlan, allowed: Iterable[Any] | None) -> Iterator[tuple[str, str]]:
    """Rules that pass each of the few values that the field may have."""
    if allowed is None:
        return
    values = list(allowed)
    for rule in field.rules:
        if not rule.id.startswith(f"field.{field.name}.") and all(_passes(rule, value) for value in values):
            yield rule.id, f"it passes every value that `one_of` allows for `{field.name}`"


def _passes(rule: Rule, value: Any) -> bool:
    try:
        return rule.judge(value) is None
    except Exception:  # noqa: BLE001 - whatever it is, it is no pass
        return False


def _covered(rules: tuple[Rule, ...], pack: CompiledPack) -> Iterator[tuple[str, str]]:
    """Rules that find nothing that an enforced rule of the same field does not find too."""
    options = {rule.id: _options(rule, pack) for rule in rules}
    deciding = [rule for rule in rules if rule.on_fail == "quarantine" and not rule.shadow and not rule.crash_passes]
    for number, rule in enumerate(rules):
        for other in deciding:
            if other is rule or other.check != rule.check or rule.repair is not None:
                continue
            is_twin = options[rule.id] == options[other.id]
            if is_twin and (rule not in deciding or rules.index(other) < number):
                yield rule.id, f"{other.id} is the same"
                break
            if not is_twin and _is_stricter(rule.check, options[other.id], options[rule.id]):
                yield rule.id, f"{other.id} is stricter"
                break


def _options(rule: Rule, pack: CompiledPack) -> dict[str, Any]:
    written = pack.resolved.rules.get(rule.id)
    if written is not None:
        return written.options
    key = rule.id.rpartition(".")[2]
    return {"allow" if key == "one_of" else key: getattr(pack.specs[rule.field], key)}


def _is_stricter(check: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether whatever fails the other options fails the one's as well."""
    match check:
        case "length":
            return _bounds_within(one, other, "min", "max")
        case "range":
            return _bounds_within(one, other, "ge", "le") and {*one, *other} <= {"ge", "le"}
        case "one_of":
            return set(one["allow"]) < set(other["allow"])
        case "not_matches":
            return one.get("ignore_case") == other.get("ignore_case") and set(one["patterns"]) > set(other["patterns"])
        case _:
            return False


def _bounds_within(one: dict[str, Any], other: dict[str, Any], low: str, high: str) -> bool:
    is_low_within = low not in other or (low in one and one[low] >= other[low])
    is_high_within = high not in other or (high in one and one[high] <= other[high])
    return is_low_within and is_high_within
