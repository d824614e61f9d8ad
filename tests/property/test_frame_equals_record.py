"""The same record gets the same verdict on both planes, whichever library its frame is of."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.core.decide import RecordRule, Rule, decide
from dq_gate.core.decide import plan as make_plan
from dq_gate.core.model import Finding
from dq_gate.gate.frames import REASONS, check_frame
from tests.property.nasty_text import texts
from tests.property.random_packs import MOMENT, packs

TEXT = texts(surrogates=False) | st.sampled_from(["a", "word", "plain text"])
INTEGER = st.integers(-2, 4) | st.integers(-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class Kind:
    """A kind of column: what is in it, and its type in polars and pandas."""

    cells: st.SearchStrategy[Any] = field(repr=False)
    polars: Any
    pandas: str


KINDS = {
    "text": Kind(TEXT, pl.String, "str"),
    "categories": Kind(st.sampled_from(["a", "word", "e\u0301", "Ã©", ""]), pl.Categorical, "category"),
    "integers": Kind(INTEGER, pl.Int64, "Int64"),
    "bytes": Kind(st.integers(-2, 4), pl.Int8, "Int8"),
    "unsigned": Kind(st.integers(0, 2**64 - 1), pl.UInt64, "UInt64"),
    "floats": Kind(st.floats(), pl.Float64, "float64"),
    "booleans": Kind(st.booleans(), pl.Boolean, "boolean"),
    "moments": Kind(st.just(MOMENT.replace(tzinfo=None)), pl.Datetime("us"), "datetime64[us]"),
    "zoned": Kind(st.just(MOMENT), pl.Datetime("us", "UTC"), "datetime64[us, UTC]"),
    "lists": Kind(st.lists(st.none() | TEXT, max_size=3), pl.List(pl.String), "object"),
    "vectors": Kind(st.lists(st.none() | st.floats(-9, 9), max_size=3), pl.List(pl.Float64), "object"),
    "nulls": Kind(st.none(), pl.Null, "object"),
    "structs": Kind(st.fixed_dictionaries({"a": st.none() | INTEGER, "b": TEXT}), None, "object"),
    "binary": Kind(st.binary(max_size=3), pl.Binary, "object"),
}
FITTING = {
    "str": ["text", "text", "categories"],
    "int": ["integers", "bytes", "unsigned"],
    "float": ["floats", "integers"],
    "bool": ["booleans"],
    "datetime": ["moments", "zoned"],
    "list[str]": ["lists"],
    "vector": ["vectors"],
    "object": ["structs"],
    "any": list(KINDS),
}


@dataclass(frozen=True)
class Table:
    """Columns by name: their kinds and cells."""

    kinds: dict[str, Kind]
    rows: list[dict[str, Any]]

    def cells(self, name):
        return [row[name] for row in self.rows]

    def as_polars(self):
        return pl.DataFrame({name: pl.Series(self.cells(name), dtype=kind.polars) for name, kind in self.kinds.items()})

    def as_pandas(self):
        index = [f"row {number % 3}" for number in range(len(self.rows))]
        return pd.DataFrame(
            {name: pd.Series(self.cells(name), index, kind.pandas) for name, kind in self.kinds.items()}, index
        )


@st.composite
def tables_for(draw, pack):
    """A frame for a pack: columns there or not, under an alias, of the field's type or another; columns of its own."""
    kinds = {}
    for plan in pack.plan.fields:
        kind = KINDS[draw(st.sampled_from(FITTING[plan.type_name] * 4 + list(KINDS)))]
        for name in (plan.name, *plan.aliases):
            if draw(st.integers(0, 5)) != 0:
                kinds[name] = kind
    if draw(st.integers(0, 4)) == 0:
        kinds["unknown"] = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    row = st.fixed_dictionaries({name: st.none() | kind.cells | kind.cells for name, kind in kinds.items()})
    return Table(kinds, draw(st.lists(row, max_size=6)) if kinds else [])


def has_no_default_object(pack):
    """An object with other keys does not fit a column of structs."""
    return all(plan.default is None or plan.type_name != "object" for plan in pack.plan.fields)


class Moody:
    """A judge that fails some values and breaks on others, alike for a record and for one of its values."""

    def __init__(self, mood):
        self.mood = mood

    def __call__(self, value):
        signs = f"{plain(value)}" if not isinstance(value, dict) else f"{[plain(value[key]) for key in sorted(value)]}"
        match (len(signs) + self.mood) % 4:
            case 0:
                raise LookupError
            case 1:
                return Finding("is odd", (0, 1))
        return None


@st.composite
def moody_rules(draw, pack, number):
    """A rule about a record, whatever its fields, with a columnar form that leaves nothing out."""
    names = [plan.name for plan in pack.plan.fields]
    rule = Rule(
        f"record.rule.n{number}",
        "*",
        "moody",
        Moody(draw(st.integers(0, 3))),
        on_fail=draw(st.sampled_from(["quarantine", "warn"])),
        shadow=draw(st.booleans()),
        crash_passes=draw(st.booleans()),
    )
    needs = draw(st.none() | st.lists(st.sampled_from(names), unique=True, max_size=2).map(tuple))
    return RecordRule(rule, needs)


def every_row(columns):
    return pl.lit(value=True) if len(columns) % 2 else None


@st.composite
def moody_packs(draw):
    """A pack some of whose rules judge whole records, and some of whose checks break."""
    pack = draw(packs(limits=(250, 1024 * 1024)).filter(has_no_default_object))
    record_rules = tuple(draw(moody_rules(pack, number)) for number in range(draw(st.integers(0, 2))))
    suspects = dict(pack.suspects)
    fields = []
    for plan in pack.plan.fields:
        rules = list(plan.rules)
        for number in range(len(rules)):
            if draw(st.integers(0, 5)) == 0:
                suspects.pop(rules[number].id, None)
                rules[number] = replace(
                    rules[number], judge=Moody(number), skips_printable_ascii=False, crash_passes=draw(st.booleans())
                )
        fields.append(replace(plan, rules=tuple(rules)))
    old = pack.plan
    moody_plan = make_plan(
        tuple(fields),
        record_rules=record_rules,
        unknown_rule=old.unknown_rule,
        type_rule=old.type_rule,
        size_rule=old.size_rule,
        max_bytes=old.max_bytes,
    )
    marks = {rule.rule.id: every_row for rule in record_rules if draw(st.booleans())}
    return replace(pack, plan=moody_plan, suspects=suspects, record_suspects=marks)


def pairs():
    """A pack and a frame for it."""
    return moody_packs().flatmap(lambda pack: st.tuples(st.just(pack), tables_for(pack)))


def plain(cell):
    """A cell in a form that every library agrees on."""
    if isinstance(cell, float):
        return None if math.isnan(cell) else cell
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=cell.tzinfo or UTC).isoformat()
    if isinstance(cell, (list, tuple)):
        return [plain(item) for item in cell]
    return cell


def plain_rows(rows, names):
    return [{name: plain(row[name]) for name in names} for row in rows]


def expected(pack, table):
    """What the request plane says, in the shape of a frame's result."""
    decisions = [decide(pack.plan, row) for row in table.rows]
    passed = [decision.value for decision in decisions if decision.value is not None]
    failed = [row for row, decision in zip(table.rows, decisions, strict=True) if decision.value is None]
    reasons = [
        [{"rule_id": v.rule_id, "field": v.field, "message": v.message} for v in decision.violations]
        for decision in decisions
        if decision.value is None
    ]
    outcomes = Counter(decision.outcome for decision in decisions)
    return plain_rows(passed, table.kinds), plain_rows(failed, table.kinds), reasons, outcomes


def counted(pack, table):
    """What the request plane finds, rule by rule: violations, shadow hits, crashes."""
    decisions = [decide(pack.plan, row) for row in table.rows]
    return (
        Counter(rule for decision in decisions for rule in {v.rule_id for v in decision.violations}),
        Counter(violation.rule_id for decision in decisions for violation in decision.shadowed),
        Counter(crash.rule_id for decision in decisions for crash in decision.crashes),
    )


def of_polars(frame):
    return frame.to_dicts()


def of_arrow(table):
    return table.to_pylist()


def of_pandas(frame):
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


LIBRARIES = {
    "polars": (Table.as_polars, of_polars),
    "pandas": (Table.as_pandas, of_pandas),
    "pyarrow": (lambda table: table.as_polars().to_arrow(), of_arrow),
}


@pytest.mark.parametrize("library", LIBRARIES)
@settings(max_examples=100)
@given(pairs())
def test_a_frames_rows_get_the_verdicts_of_the_records_they_are(library, pair):
    pack, table = pair
    make, rows_of = LIBRARIES[library]
    result = check_frame(pack, make(table))
    passed, failed, reasons, outcomes = expected(pack, table)

    assert plain_rows(rows_of(result.clean), table.kinds) == passed
    quarantined = rows_of(result.quarantined)
    assert plain_rows(quarantined, table.kinds) == failed
    assert [row[REASONS] for row in quarantined] == reasons
    assert result.report.rows == len(table.rows)
    for outcome in ("clean", "repaired", "quarantined"):
        assert getattr(result.report, outcome) == outcomes[outcome]
    assert (result.report.by_rule, result.report.shadowed, result.report.crashed) == counted(pack, table)
