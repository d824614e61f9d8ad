"""What holds for every pack and every record on the request plane."""

from __future__ import annotations

from collections import OrderedDict, UserDict, deque
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.core.decide import _Examination, _is_plainly_clean, decide
from dq_gate.core.model import Decision
from tests.packs import make_pack
from tests.property.random_packs import packs, records_for

MANY = settings(max_examples=120)


def pairs(**options):
    """A pack and a record for it."""
    return packs(**options).flatmap(lambda pack: st.tuples(st.just(pack), records_for(pack)))


@MANY
@given(pairs(limits=(1, 30, 60, 90, 150, 400, 20_000, 1024 * 1024)))
def test_what_the_shortcut_passes_the_examination_finds_clean(pair):
    pack, record = pair
    if _is_plainly_clean(pack.plan, record):
        examined = _Examination(pack.plan, frozenset()).examine(record)
        assert examined == Decision("clean", record)
        assert examined.value is record


@MANY
@given(pairs(warns_and_repairs=False))
def test_what_passed_once_passes_again_unchanged(pair):
    pack, record = pair
    first = decide(pack.plan, record)
    if first.outcome != "quarantined":
        second = decide(pack.plan, first.value)
        assert second.outcome == "clean"
        assert second.value is first.value
        assert second.repaired_by == ()


@MANY
@given(pairs())
def test_the_callers_record_is_never_changed(pair):
    pack, record = pair
    before = repr(record)
    decide(pack.plan, record)
    assert repr(record) == before


@MANY
@given(pairs())
def test_a_record_without_changes_comes_back_as_the_same_object(pair):
    pack, record = pair
    decision = decide(pack.plan, record)
    if decision.outcome == "clean" and all(field.default is None for field in pack.plan.fields):
        assert decision.value is record


@MANY
@given(pairs())
def test_outcome_and_reasons_agree(pair):
    pack, record = pair
    decision = decide(pack.plan, record)
    fails = any(violation.on_fail == "quarantine" for violation in decision.violations)
    assert (decision.outcome == "quarantined") == fails
    assert (decision.value is None) == fails
    assert (decision.outcome == "repaired") == (bool(decision.repaired_by) and not fails)
    assert decision.crashes == ()


@MANY
@given(pairs())
def test_spans_lie_within_the_value_as_it_came(pair):
    pack, record = pair
    names = {field.name: (field.name, *field.aliases) for field in pack.plan.fields}
    decision = decide(pack.plan, record)
    for violation in decision.violations + decision.shadowed:
        if violation.span is not None:
            value = next(record[name] for name in names[violation.field] if name in record)
            start, end = violation.span
            assert 0 <= start < end <= len(value)


@MANY
@given(pairs())
def test_no_message_carries_the_input(pair):
    pack, record = pair
    marked = {name: value + "Sesame-4711" if type(value) is str else value for name, value in record.items()}
    decision = decide(pack.plan, marked)
    assert "Sesame" not in str(decision.violations + decision.shadowed + decision.crashes)


class Spite(Exception):  # noqa: N818 - what a hostile object throws
    pass


def spite(*_args):
    raise Spite("the input's own text")


class HostileMapping(Mapping):
    __getitem__ = __iter__ = __len__ = spite


class HostileText(str):
    __slots__ = ()
    __len__ = __eq__ = __iter__ = __getitem__ = isascii = isprintable = encode = find = spite
    __hash__ = str.__hash__


class HostileInt(int):
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __abs__ = bit_length = spite
    __hash__ = int.__hash__


class HostileFloat(float):
    __ne__ = __lt__ = __ge__ = spite


class HostileDict(dict):
    __len__ = __iter__ = __getitem__ = get = keys = values = items = spite


class HostileList(list):
    __len__ = __iter__ = spite


class HostileKey(str):
    """Stands in the way of the field `query`."""

    __slots__ = ()
    __eq__ = spite

    def __hash__(self):
        return hash("query")


class Liar:
    """Claims to be whatever it is asked about, by raising."""

    __class__ = property(spite)
    __getattr__ = spite


def in_itself(make):
    value = make()
    value.append(value) if isinstance(value, list) else value.update(me=value)
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


HOSTILE_VALUES = [
    HostileText("query"), HostileInt(3), HostileFloat(1), HostileDict(a=1), HostileList([1]), HostileMapping(), Liar(),
    Liar, object(), 10**100_000, -(10**100_000), float("nan"), float("inf"), "\ud800",
    "a" * 3_000_000, b"\x00" * 3_000_000,
    in_itself(list), in_itself(dict), deep(100_000), [[]] * 300_000, {"a": [None] * 200_000}, set(), frozenset({1}),
    Decimal("NaN"), Decimal("sNaN"), 1j, NotImplemented, Ellipsis, memoryview(b"x"), range(10**12), deque([1]),
    iter(()), type, lambda: None, OrderedDict(a=1), UserDict(a=1),
]  # fmt: skip
HOSTILE_RECORDS = [
    HostileMapping(), HostileDict(query="a"), UserDict(query="a"), {HostileKey("x"): 1},
    {None: 1}, {("a",): 1}, {1: {2: {3: 4}}}, Liar(), None, 5, "text", b"bytes", [], [{"query": "a"}], in_itself(dict),
    dict.fromkeys(range(300_000)),
]  # fmt: skip
HOSTILE_PACKS = [
    make_pack({"query": {"type": type_name, "required": required}}, rules, unknown_fields=unknown)
    for type_name in ("str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any")
    for required in (True, False)
    for unknown in ("allow", "quarantine")
    for rules in [
        [{"id": f"query.x.{check}", "field": "query", "check": check} for check in ("not_blank", "no_mojibake")]
        if type_name in ("str", "list[str]")
        else [{"id": "query.x.range", "field": "query", "check": "range", "ge": 0}]
        if type_name in ("int", "float")
        else []
    ]
]


@pytest.mark.parametrize("pack", HOSTILE_PACKS)
def test_no_input_crashes_the_decision(pack):
    records = [{"query": value} for value in HOSTILE_VALUES] + [{"other": value} for value in HOSTILE_VALUES]
    for record in records + HOSTILE_RECORDS:
        decision = decide(pack.plan, record)
        assert decision.outcome in ("clean", "repaired", "quarantined")
        assert "own text" not in str(decision.violations)


def test_what_cannot_be_looked_at_fails_closed_and_is_reported_as_a_crash():
    pack = make_pack({"query": {"type": "str"}})
    for record in (HostileMapping(), {HostileKey("x"): 1}, {"query": Liar()}):
        decision = decide(pack.plan, record)
        assert decision.outcome == "quarantined"
        assert [crash.error for crash in decision.crashes] == ["Spite"]
