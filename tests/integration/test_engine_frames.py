"""Engines at work on frames, by way of the gate: rows, batches, crashes."""

from __future__ import annotations

import json

import polars as pl
import pytest

from dq_gate import Gate

SUITE = {
    "name": "offers",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 1}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"max_value": 4}},
    ],
}
RULES = {
    "pydantic": {"check": "pydantic", "model": "tests.user_code.models:Offer"},
    "python": {"check": "python", "function": "tests.user_code.functions:sensible_price"},
    "polars": {"check": "pandera", "schema": "tests.user_code.polars_schemas:offers"},
    "pandas": {"check": "pandera", "schema": "tests.user_code.pandas_schemas:offers"},
    "suite": {"check": "great_expectations", "suite": "suite.json"},
}


@pytest.fixture
def gate(tmp_path):
    (tmp_path / "suite.json").write_text(json.dumps(SUITE))

    def load(rule):
        fields = {"name": {"type": "str"}, "price": {"type": "int", "required": False}}
        path = tmp_path / "pack.yaml"
        rules = [{"id": "offer.sound", **rule}]
        path.write_text(json.dumps({"pack": "offers", "version": 1, "fields": fields, "rules": rules}))
        return Gate.load(path, trusted_packages=("tests",), state_dir=tmp_path)

    return load


@pytest.mark.filterwarnings("ignore:.*batch")  # one names the rules that requests are not judged by
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("convert", [lambda frame: frame, pl.DataFrame.to_pandas, pl.DataFrame.to_arrow])
def test_each_engine_parts_a_frame_of_every_kind(gate, rule, convert):
    frame = pl.DataFrame({"name": ["a", "b", "c", "d"], "price": [1, 0, 3, 7]})
    result = gate(rule).check_frame(convert(frame))
    assert type(result.clean) is type(convert(frame))
    assert list(result.clean["name"].to_numpy()) == ["a", "c", "d"]
    assert list(result.quarantined["name"].to_numpy()) == ["b"]
    assert result.report.by_rule == {"offer.sound": 1}


@pytest.mark.filterwarnings("ignore:.*batch")
@pytest.mark.parametrize("engine", ["polars", "pandas", "suite"])
def test_a_missing_column_leaves_no_row_clean(gate, engine):
    result = gate(RULES[engine]).check_frame(pl.DataFrame({"name": ["a", "b"]}))
    assert (result.clean.height, result.quarantined.height) == (0, 2)


@pytest.mark.filterwarnings("ignore:.*batch")
@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_crash_leaves_no_row_clean_unless_the_rule_lets_crashes_pass(gate, kind):
    rule = {"check": "pandera", "schema": f"tests.user_code.{kind}_schemas:crashing"}
    frame = pl.DataFrame({"name": ["a", "b"]})
    assert gate(rule).check_frame(frame).clean.height == 0
    assert gate({**rule, "on_error": "pass"}).check_frame(frame).clean.height == 2
