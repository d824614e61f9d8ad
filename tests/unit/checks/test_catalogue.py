"""What holds of every check alike."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError

from dq_gate.checks.base import CompiledFrame
from tests.batches import compiled
from tests.batches import judge as judge_batch
from tests.catalogue import BUILTIN

EXPECTED = {
    "not_null", "not_blank", "length", "matches", "not_matches", "no_markup", "one_of", "range",
    "well_formed", "no_mojibake", "no_replacement_character", "normalized",
    "no_control_characters", "no_invisible", "no_stray_codepoints", "no_homoglyphs",
    "not_gibberish", "language", "no_injection",
    "unique", "near_unique", "null_ratio", "row_count", "foreign_key", "distribution", "schema_drift",
    "known_words", "depends_on", "no_secrets", "no_pii",
    "vector", "no_repetition", "tokens", "denylist", "no_formula", "freshness", "not_future",
}  # fmt: skip

PASSES = [(check, options, value) for check in BUILTIN.values() for options, value in check.passes]
FAILS = [(check, options, value) for check in BUILTIN.values() for options, value in check.fails]
REPAIRS = [(check, name, value) for check in BUILTIN.values() for name in check.repairs for _, value in check.fails]


TYPES = {bool: "bool", int: "int", float: "float", str: "str", list: "list[str]", dict: "object"}


def type_of(values):
    return next((TYPES[type(value)] for value in values if type(value) in TYPES), "str")


def judge(check, options, value):
    """What a check says of a sample: a value, a record, or, where it needs a batch, its values or records."""
    is_batch = isinstance(value, list) and (check.planes == ("batch",) or any(isinstance(row, dict) for row in value))
    is_record = isinstance(value, dict) and "object" not in check.accepts
    rows = [row if isinstance(row, dict) else {"v": row} for row in (value if is_batch else [value])]
    columns = {name: [row.get(name) for row in rows] for row in rows for name in row} if is_batch or is_record else {}
    fields = {name: type_of(cells) for name, cells in columns.items()} or {"v": "str"}
    field = None if check.subject == "record" or "fields" in options else next(iter(fields))
    rule = compiled(check.name, options, field=field, fields=fields)
    if not isinstance(rule, CompiledFrame):
        return rule.judge(value)
    of_rows, of_batch = judge_batch(rule, pl.DataFrame(columns or {"v": []}))
    return next(iter(of_rows.values()), of_batch)


def test_the_catalogue_has_the_checks_that_packs_are_promised():
    assert set(BUILTIN) == EXPECTED


@pytest.mark.parametrize("check", BUILTIN.values(), ids=list(BUILTIN))
def test_every_check_explains_itself_and_shows_samples(check):
    assert check.summary.endswith(".")
    assert len((check.compile.__doc__ or "").splitlines()) > 1
    assert check.passes
    assert check.fails or check.name == "not_null"


@pytest.mark.parametrize(("check", "options", "value"), PASSES)
def test_samples_that_should_pass_do(check, options, value):
    assert judge(check, options, value) is None


@pytest.mark.parametrize(("check", "options", "value"), FAILS)
def test_samples_that_should_fail_do_without_quoting_the_value(check, options, value):
    finding = judge(check, options, value)
    assert finding is not None
    assert "\n" not in finding.message
    assert not isinstance(value, str) or len(value) < 3 or value not in finding.message


@pytest.mark.parametrize(("check", "options", "value"), FAILS)
def test_a_span_lies_within_the_value(check, options, value):
    span = judge(check, options, value).span
    if span is not None:
        assert 0 <= span[0] < span[1] <= len(value)


@pytest.mark.parametrize("check", BUILTIN.values(), ids=list(BUILTIN))
def test_an_unknown_option_is_refused(check):
    with pytest.raises(ValidationError):
        check.options.model_validate({"no_such_option": 1})


@pytest.mark.parametrize(("check", "name", "value"), REPAIRS)
def test_a_repair_that_changes_a_failing_sample_makes_it_pass(check, name, value):
    repaired = check.repairs[name](value)
    if repaired != value:
        assert judge(check, {}, repaired) is None
