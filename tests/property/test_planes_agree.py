"""The columnar form of a check marks every row that its scalar form fails: both planes then give one verdict."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dq_gate.checks import CATALOGUE
from tests.batches import compiled
from tests.catalogue import BUILTIN
from tests.property.nasty_text import texts

FILES = {"words.txt": "a\nword\né\n".encode()}
TEXT_OPTIONS = {
    "foreign_key": [{"file": "words.txt"}],
    "no_homoglyphs": [{}, {"whole_words": False}],
    "language": [{"allow": ["en"], "min_chars": 3, "min_confidence": 0.5}, {"allow": ["zh"]}],
    "known_words": [{"words": ["word", "a", "é", "ß", "0a"]}],
    "length": [{"min": 3}, {"max": 4}, {"min": 1, "max": 2}],
    "one_of": [{"allow": ["a", "", "é"]}],
    "tokens": [{"max": 3}, {"min": 2}],
    "denylist": [
        {"phrases": ["a", "word", "é"]},
        {"phrases": ["a b", "ss", "Å"], "whole_words": False},
        {"phrases": ["Z 9", "ß"], "ignore_case": False},
    ],
    "no_repetition": [{}, {"max_share": 0.1, "max_run": 4}],
    "no_secrets": [{}, {"kinds": ["assigned_secret", "random_string"]}],
    "no_pii": [{}, {"kinds": ["email", "phone", "ip_address", "date_of_birth", "passport", "driver_license"]}],
    "matches": [
        {"pattern": "^[a-z]+$"},
        {"pattern": r"\bword\b", "ignore_case": True},
        {"pattern": r"é|\s", "ignore_case": True},
    ],
    "not_matches": [
        {"patterns": [r"\bpass", r"\w\W\d"], "ignore_case": True},
        {"patterns": ["[[a]", r"\pL{3}", "(?i)ſ"]},
        {"patterns": [r"^\s*$", r"a.b", "[^a-z]{4}"]},
    ],
}
CASES = [
    (check.name, options)
    for check in BUILTIN.values()
    if "str" in check.accepts and "request" in check.planes and check.name != "depends_on"  # it needs another field
    for options in TEXT_OPTIONS.get(check.name, [{}])
]
SAMPLES = [value for check in BUILTIN.values() for _, value in check.passes + check.fails if isinstance(value, str)]


def unmarked_failures(name, options, values, dtype):
    """Values that fail on the request plane and would pass on the batch plane."""
    rule = compiled(name, options, field="v", fields={"v": "str"}, files=FILES)
    if rule.suspects is None:
        return []
    column = pl.Series("v", values, dtype=dtype)
    marks = column.to_frame().select(rule.suspects(pl.col("v")).fill_null(value=False))["v"]
    rows = zip(column.to_list(), marks, strict=True)
    return [value for value, mark in rows if not mark and rule.judge(value) is not None]


def encodable(text):
    return text.encode(errors="replace").decode()


@pytest.mark.parametrize(("name", "options"), CASES)
@settings(max_examples=40)
@example(values=[encodable(sample) for sample in SAMPLES])
@given(values=st.lists(texts(surrogates=False), min_size=20, max_size=60))
def test_no_failing_text_is_left_unmarked(name, options, values):
    assert unmarked_failures(name, options, values, pl.String) == []


@pytest.mark.parametrize(
    "options", [{"ge": 1}, {"gt": 0.5}, {"le": 100}, {"lt": float(2**53)}, {"ge": -(2**53) - 2, "le": 2**53 + 1}]
)
@given(
    floats=st.lists(st.floats(), max_size=20),
    integers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(2**53 - 3, 2**53 + 3), max_size=20),
    small=st.lists(st.integers(-128, 127), max_size=20),
    unsigned=st.lists(st.integers(0, 2**64 - 1), max_size=20),
)
def test_no_number_out_of_range_is_left_unmarked(options, floats, integers, small, unsigned):
    columns = [(floats, pl.Float64), (integers, pl.Int64), (small, pl.Int8), (unsigned, pl.UInt64)]
    for values, dtype in columns:
        assert unmarked_failures("range", options, values, dtype) == []


@given(values=st.lists(st.integers(-3, 3), max_size=20))
def test_no_number_outside_a_list_is_left_unmarked(values):
    assert unmarked_failures("one_of", {"allow": [1, 2]}, values, pl.Int64) == []


@given(values=st.lists(st.lists(st.text(max_size=2), max_size=5), max_size=20))
def test_no_list_of_the_wrong_length_is_left_unmarked(values):
    assert unmarked_failures("length", {"min": 1, "max": 3}, values, pl.List(pl.String)) == []


@pytest.mark.parametrize("options", [{}, {"unit": True}, {"non_zero": False}])
@pytest.mark.parametrize("inner", [pl.Float64, pl.Float32])
@given(
    values=st.lists(st.lists(st.floats(width=32) | st.sampled_from([0, 0.6, 0.8]), min_size=1, max_size=3), max_size=20)
)
def test_no_broken_vector_is_left_unmarked(options, inner, values):
    assert unmarked_failures("vector", {"dimension": 2, **options}, values, pl.List(inner)) == []


@settings(max_examples=30)
@given(
    number=st.sampled_from([0, 0.5]), values=st.lists(st.sampled_from([0.0, -0.0, 0.5, 1]), min_size=32, max_size=40)
)
def test_no_padded_vector_is_left_unmarked(number, values):
    vectors = [values, [number] * len(values), values[:24] + [0.0] * (len(values) - 24)]
    assert unmarked_failures("vector", {"dimension": len(values)}, vectors, pl.List(pl.Float64)) == []


def test_nulls_break_no_columnar_form():
    for name, options in CASES:
        assert unmarked_failures(name, options, [], pl.String) == []
        rule = compiled(name, options, field="v", fields={"v": "str"}, files=FILES)
        if rule.suspects is not None:
            assert pl.DataFrame({"v": [None, "a"]}).select(rule.suspects(pl.col("v"))).height == 2


def test_moments_are_judged_one_by_one():
    options = CATALOGUE["range"].options(ge=datetime(2026, 1, 1, tzinfo=UTC))
    assert CATALOGUE["range"].compile(options).suspects is None


@pytest.mark.parametrize("name", ["matches", "not_matches"])
def test_an_expression_that_is_too_large_for_columns_leaves_no_failing_row_unmarked(name):
    pattern = "x|" + "".join(f"[^{letter}]{{1000}}" for letter in "abcdefghijklmnopqrst")
    with pytest.raises(pl.exceptions.ComputeError):
        pl.Series([""]).str.contains(pattern)
    options = {"pattern": pattern} if name == "matches" else {"patterns": [pattern]}
    compiled = CATALOGUE[name].compile(CATALOGUE[name].options.model_validate(options))
    texts = ["a", "x", "ж"]
    marked = pl.DataFrame({"text": texts}).select(compiled.suspects(pl.col("text"))).to_series().to_list()
    failing = [compiled.judge(text) is not None for text in texts]
    assert any(failing)
    assert all(mark for mark, fails in zip(marked, failing, strict=True) if fails)


@pytest.mark.parametrize("least", [-5, -(2**63)])
@given(rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", ""]), st.sampled_from([1, 2, 3, -5])), max_size=20))
def test_no_value_that_does_not_go_with_its_key_is_left_unmarked(least, rows):
    options = {"given": "key", "values": {"a": 1, "b": [2, 3], "": least}}
    rule = compiled("depends_on", options, field="v", fields={"v": "int", "key": "str"})
    frame = pl.DataFrame(rows, {"key": pl.String, "v": pl.Int64}, orient="row")
    marks = frame.with_columns(mark=rule.suspects({name: pl.col(name) for name in frame.columns}))["mark"]
    assert [row for row, mark in zip(frame.to_dicts(), marks, strict=True) if not mark and rule.judge(row)] == []
