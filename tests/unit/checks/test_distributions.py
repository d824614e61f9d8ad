"""References of columns, and how far batches are from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dq_gate.checks.distributions import compare, parse_reference, reference_of

MOMENTS = pl.Series([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * i) for i in range(400)])
COLUMNS = {
    "str": pl.Series(["card", "cash", "card", None] * 100),
    "int": pl.Series([1, 2, 3, None] * 100),
    "float": pl.Series([0.5 * i for i in range(399)] + [float("nan")]),
    "bool": pl.Series([True, False, False, None] * 100),
    "datetime": MOMENTS,
}


@pytest.mark.parametrize("field_type", COLUMNS)
def test_a_reference_survives_json(field_type):
    made = reference_of(COLUMNS[field_type], field_type)
    assert parse_reference(json.dumps(made).encode(), field_type) == parse_reference(made, field_type)


@pytest.mark.parametrize("field_type", COLUMNS)
def test_every_value_is_in_one_bin_of_every_histogram(field_type):
    made = reference_of(COLUMNS[field_type], field_type)
    assert made["rows"] == 400
    assert {sum(histogram["counts"]) for histogram in made["histograms"].values()} == {400 - made["nulls"]}


def test_few_values_are_counted_one_by_one():
    assert reference_of(COLUMNS["int"], "int")["histograms"] == {
        "value": {"edges": [0.0, 1.0, 2.0, 3.0], "counts": [0, 100, 100, 100, 0]}
    }


def test_many_values_are_counted_by_quantiles():
    value = reference_of(COLUMNS["float"], "float")["histograms"]["value"]
    assert len(value["edges"]) == 20
    assert max(value["counts"]) <= 21


def test_frequent_text_is_counted_by_value_and_length():
    histograms = reference_of(COLUMNS["str"], "str")["histograms"]
    assert histograms["value"] == {"labels": ["card", "cash"], "counts": [200, 100, 0]}
    assert histograms["length"] == {"edges": [3.0, 4.0], "counts": [0, 300, 0]}


def test_of_many_values_the_most_frequent_are_counted_one_by_one():
    column = pl.Series([f"value {n:02}" for n in range(60) for _ in range(100 if n >= 20 else 10)])
    value = reference_of(column, "str")["histograms"]["value"]
    assert len(value["labels"]) == 50
    assert value["labels"][:40] == [f"value {n}" for n in range(20, 60)]
    assert value["counts"][-1] == 100


def test_text_that_repeats_little_leaves_no_word_in_the_reference():
    made = reference_of(pl.Series([f"customer {i}" for i in range(400)]), "str")
    assert list(made["histograms"]) == ["length"]
    assert "customer" not in json.dumps(made)


def test_moments_are_counted_by_hour_and_weekday():
    assert list(reference_of(MOMENTS, "datetime")["histograms"]) == ["hour", "weekday"]


@pytest.mark.parametrize("field_type", COLUMNS)
def test_a_column_without_values_has_a_reference_too(field_type):
    made = reference_of(pl.Series([None, None]), field_type)
    assert (made["rows"], made["nulls"], made["histograms"]) == (2, 2, {})


def test_infinite_numbers_are_in_the_outer_bins():
    made = reference_of(pl.Series([float("-inf"), 1.0, 2.0, float("inf")]), "float")
    assert made["histograms"]["value"]["counts"] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "reference"),
        ({"version": 2}, "version"),
        ({"extra": 1}, "extra"),
        ({"type": "int"}, "of type int, not float"),
        ({"histograms": {"value": {"edges": [1.0], "counts": [1]}}}, "one count more"),
        ({"histograms": {"value": {"edges": [2.0, 1.0], "counts": [1, 1, 1]}}}, "ascend"),
        ({"histograms": {"value": {"counts": [1]}}}, "either edges or labels"),
        ({"histograms": {"value": {"edges": [1.0], "counts": [1, -1]}}}, "counts"),
        ({"histograms": {"value": {"edges": [float("nan")], "counts": [1, 1]}}}, "finite"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(content, reason):
    whole = {"version": 1, "type": "float", "rows": 2, "nulls": 0, "histograms": {}}
    with pytest.raises(ValueError, match=reason):
        parse_reference(content if isinstance(content, bytes) else whole | content, "float")


def test_like_counts_differ_by_nothing():
    found = compare([10, 20, 30], [100, 200, 300], ordered=True)
    assert found.psi < 0.01
    assert found.js < 0.02
    assert found.ks == pytest.approx(0)
    assert found.is_chance


def test_measures_are_those_of_the_textbook():
    found = compare([500_000, 500_000], [250_000, 750_000], ordered=True)
    assert found.psi == pytest.approx(0.27465, abs=1e-4)
    assert found.js == pytest.approx(0.22090, abs=1e-4)
    assert found.ks == pytest.approx(0.25)
    assert not found.is_chance


def test_what_has_no_order_has_no_ks():
    assert compare([1, 2], [2, 1], ordered=False).ks is None


def test_counts_far_apart_in_js_are_at_most_one_apart():
    assert 0.99 < compare([10_000, 0], [0, 10_000], ordered=False).js <= 1


def test_a_difference_that_chance_may_bring_about_is_chance():
    assert compare([100, 100], [90, 110], ordered=True).is_chance
    assert not compare([10_000, 10_000], [9_000, 11_000], ordered=True).is_chance


def test_a_single_bin_is_always_alike():
    assert compare([5, 0], [900, 0], ordered=True).is_chance
