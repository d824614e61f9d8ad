"""Fields that decide others: found by leaving one record out, and asking the others that share its value."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.packs.profile.rules import Attachment, Candidate, csv_text, expected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.packs.profile.sample import Column

_FEWEST_TESTS = 30
"""Records that share their deciding value with another one."""
_LEAST_COVERED = 0.5
"""The share of records whose deciding value came before."""
_LEAST_POWER = 0.3
"""The share of wrong values, drawn from the field's own, that the rule has to catch."""
_MOST_REFUSED = 0.01
_FEWEST_KEYS = 3
_MAX_COLUMNS = 60
_GLANCE = 1000
_MOST_AT_A_GLANCE = 0.03
_MAX_INLINE = 500
_LONGEST = 300
_DECIDING = frozenset({"str", "int"})
_DECIDED = frozenset({"str", "int", "float", "bool"})


@dataclass(frozen=True, slots=True)
class _Dependency:
    """One field decides another.

    Attributes:
        covered: Records whose deciding value other records have as well.
        refused: Rows that would be refused, had the rule been made without them.
        pairs: Values that come together.
    """

    given: Column
    decided: Column
    covered: int
    refused: frozenset[int]
    pairs: tuple[tuple[Any, Any], ...]


def dependency_rules(columns: Sequence[Column]) -> Iterator[Candidate]:
    """Rules that hold fields to what others decide: each by the one that decides most."""
    found = [dependency for given in columns[:_MAX_COLUMNS] for dependency in _decided_by(given, columns)]
    by_given: dict[str, list[_Dependency]] = defaultdict(list)
    for dependency in _cover(found, [column.name for column in columns]):
        by_given[dependency.given.name].append(dependency)
    for dependencies in by_given.values():
        content = _table(dependencies)
        yield from (_candidate(dependency, content) for dependency in dependencies)


def _decided_by(given: Column, columns: Sequence[Column]) -> Iterator[_Dependency]:
    repeats = sum(count for count in given.counts.values() if count > 1)
    is_key = given.type in _DECIDING and len(given.counts) >= _FEWEST_KEYS
    if not is_key or repeats < max(_FEWEST_TESTS, _LEAST_COVERED * given.present):
        return
    for decided in columns[:_MAX_COLUMNS]:
        if decided is not given and _can_be_decided(decided) and _holds_at_a_glance(given, decided):
            dependency = _measure(given, decided)
            if dependency is not None:
                yield dependency


def _can_be_decided(column: Column) -> bool:
    """Whether it is worth a rule, and its values fit the cells of a table: an empty one is null there."""
    if column.type not in _DECIDED or len(column.counts) <= 1 or column.is_unique:
        return False
    return column.type != "str" or 0 < min(map(len, column.counts)) <= max(map(len, column.counts)) <= _LONGEST


def _holds_at_a_glance(given: Column, decided: Column) -> bool:
    """Whether it may hold, by the first rows: most pairs of fields have nothing to do with each other."""
    pairs = Counter(zip(given.values[:_GLANCE], decided.values[:_GLANCE], strict=True))
    keys = Counter(given.values[:_GLANCE])
    refused = sum(1 for pair, count in pairs.items() if count == 1 and keys[pair[0]] > 1)
    return refused <= _MOST_AT_A_GLANCE * _GLANCE


def _measure(given: Column, decided: Column) -> _Dependency | None:
    """The dependency of a field on another one, unless it refuses too much, or catches too little."""
    records = [pair for pair in zip(given.values, decided.values, strict=True) if _is_whole(pair)]
    pairs = Counter(records)
    keys = Counter(key for key, _ in records)
    covered = sum(count for count in keys.values() if count > 1)
    if covered < _LEAST_COVERED * len(records) or covered < _FEWEST_TESTS:
        return None
    refused = frozenset(
        row
        for row, pair in enumerate(zip(given.values, decided.values, strict=True))
        if pairs[pair] == 1 and keys[pair[0]] > 1
    )
    is_strong = _power(pairs, keys, decided, len(records)) >= _LEAST_POWER
    if len(refused) > _MOST_REFUSED * len(records) or not is_strong:
        return None
    return _Dependency(given, decided, covered, refused, tuple(sorted(pairs)))


def _is_whole(pair: tuple[Any, Any]) -> bool:
    """Whether both are there, also in the cells of a table."""
    return None not in pair and pair[0] != ""


def _power(pairs: Counter[Any], keys: Counter[Any], decided: Column, records: int) -> float:
    """The share of records in which another value of the field would be refused."""
    shares = {value: count / decided.present for value, count in decided.counts.items()}
    fitting: dict[Any, float] = defaultdict(float)
    for key, value in pairs:
        fitting[key] += shares[value]
    return sum((1 - fitting[key]) * count for key, count in keys.items() if count > 1) / records


def _cover(found: list[_Dependency], order: list[str]) -> list[_Dependency]:
    """Each decided field once, under as few deciding ones as possible; these are not decided in return."""
    left = list(found)
    chosen: list[_Dependency] = []
    while left:
        numbers = Counter(dependency.given.name for dependency in left)
        best = min(numbers, key=lambda name: (-numbers[name], order.index(name)))
        taken = [dependency for dependency in left if dependency.given.name == best]
        done = {best, *(dependency.decided.name for dependency in taken)}
        chosen += taken
        left = [each for each in left if each.decided.name not in done]
    return chosen


def _candidate(dependency: _Dependency, content: str) -> Candidate:
    given, decided, refused = dependency.given, dependency.decided, dependency.refused
    (key, value), others = dependency.pairs[0], {value for _, value in dependency.pairs}
    fitting = {value for other, value in dependency.pairs if other == key}
    wrong = min(others - fitting, default=None)
    return Candidate(
        id=f"{decided.slug}.given_{given.slug}.fits",
        kind="dependency",
        field=decided.name,
        check="depends_on",
        options={"given": given.name},
        why=f"{len(given.counts)} values of {given.name} decide it in {dependency.covered} rows; another value is "
        f"expected in {expected(refused, dependency.covered)}.",
        passing=({given.name: key, decided.name: value},),
        failing=() if wrong is None else ({given.name: key, decided.name: wrong},),
        refused=refused,
        attachment=Attachment("file", f"given.{given.slug}.csv", content, _inline(dependency)),
    )


def _inline(dependency: _Dependency) -> dict[str, Any] | None:
    if len(dependency.pairs) > _MAX_INLINE:
        return None
    values: dict[str, list[Any]] = defaultdict(list)
    for key, value in dependency.pairs:
        values[str(key)].append(value)
    return {"values": {key: fitting[0] if len(fitting) == 1 else fitting for key, fitting in values.items()}}


def _table(dependencies: list[_Dependency]) -> str:
    """A CSV table of a deciding field and all that it decides; what comes in several ways has several rows."""
    given = dependencies[0].given
    fields = [given, *(dependency.decided for dependency in dependencies)]
    rows = {row for row in zip(*(field.values for field in fields), strict=True) if row[0] is not None}
    cells = sorted([_cell(value) for value in row] for row in rows)
    return csv_text([[field.name for field in fields], *cells])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
