"""`schema_drift`: columns held against a reference."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from dq_gate.checks.schemas import parse_schema, schema_of
from tests.batches import compiled, judge

DATES = [f"{month}/{day}/2026 9:{day}" for month in (1, 2) for day in range(10, 20)]
NUMBERS = [str(7 * n) for n in range(20)]
NAMES = ["Hubei", "New South Wales", "Île-de-France", "Jilin"] * 5
BEFORE = pl.DataFrame({"Province/State": NAMES, "Last Update": DATES, "Cases": list(range(20))})


def drift(reference, *frames):
    rows, batch = judge(compiled("schema_drift", {"reference": reference}), *frames)
    assert rows == {}
    return batch and batch.message.removeprefix("the columns have changed: ")


def test_a_frame_fits_its_own_reference_read_back_from_json():
    reference = json.loads(json.dumps(schema_of(BEFORE)))
    assert drift(reference, BEFORE) is None


def test_a_reference_has_types_and_forms_but_no_words():
    assert schema_of(BEFORE) == {
        "version": 1,
        "columns": {
            "Province/State": {"type": "str"},
            "Last Update": {"type": "str", "form": "9/9/9999 9:9"},
            "Cases": {"type": "int"},
        },
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series(["a"]), {"type": "str"}),
        (pl.Series(["a"], dtype=pl.Categorical), {"type": "str"}),
        (pl.Series([1], dtype=pl.UInt8), {"type": "int"}),
        (pl.Series([1.5]), {"type": "float"}),
        (pl.Series([True]), {"type": "bool"}),
        (pl.Series([datetime(2026, 1, 1, tzinfo=UTC)]), {"type": "datetime"}),
        (pl.Series([datetime(2026, 1, 1, tzinfo=UTC)]).dt.date(), {"type": "date"}),
        (pl.Series([["a"]]), {"type": "list[str]"}),
        (pl.Series([[0.5, 1.0]]), {"type": "vector"}),
        (pl.Series([[0.5, 1.0]], dtype=pl.Array(pl.Float32, 2)), {"type": "vector"}),
        (pl.Series([{"a": 1}]), {"type": "object"}),
        (pl.Series([b"a"]), {"type": "other"}),
        (pl.Series([None]), {}),
        (pl.Series([None], dtype=pl.Int64), {}),
        (pl.Series([[]], dtype=pl.List(pl.Null)), {}),
        (pl.Series([1, 2.5, None], dtype=pl.Object), {"type": "float"}),
        (pl.Series([1, "a"], dtype=pl.Object), {"type": "any"}),
        (pl.Series([{"a": 1}, {"b": 2}], dtype=pl.Object), {"type": "object"}),
        (pl.Series([("a", "b")], dtype=pl.Object), {"type": "list[str]"}),
        (pl.Series([np.zeros(2)], dtype=pl.Object), {"type": "vector"}),
        (pl.Series([object()], dtype=pl.Object), {"type": "other"}),
        (pl.Series(NUMBERS), {"type": "str", "form": "int"}),
        (pl.Series([*NUMBERS, "-1.5e3"]), {"type": "str", "form": "float"}),
        (pl.Series(["AB-12", "CD-345", "E-6", "F-7", "G-8"]), {"type": "str", "form": "a-9"}),
        (pl.Series(["1 x " * 20] * 9), {"type": "str"}),
        (pl.Series(["1/2", "1/2"]), {"type": "str"}),
    ],
)
def test_every_column_has_a_type_or_no_value(values, expected):
    assert schema_of(values.alias("v").to_frame())["columns"] == {"v": expected}


def test_missing_and_new_columns_are_told():
    after = BEFORE.drop("Cases").with_columns(secret=pl.lit(1))
    message = drift(schema_of(BEFORE), after)
    assert message.startswith("missing: Cases; new: 1 (names ")
    assert "secret" not in message


def test_a_digest_tells_new_columns_from_others():
    one, same, other = (drift(schema_of(BEFORE), BEFORE.with_columns(pl.lit(1).alias(name))) for name in "aab")
    assert one == same != other


@pytest.mark.parametrize("name", ["Province_State", "province state", "PROVINCE", "Province_State_Name"])
def test_a_column_of_a_similar_name_may_be_a_renamed_one(name):
    assert drift(schema_of(BEFORE), BEFORE.rename({"Province/State": name})).startswith(
        "missing: Province/State (renamed?); new: 1"
    )


@pytest.mark.parametrize("name", ["Pr", "State", "区"])
def test_a_column_of_another_name_is_no_renamed_one(name):
    assert drift(schema_of(BEFORE), BEFORE.rename({"Province/State": name})).startswith("missing: Province/State; new")


def test_a_column_of_another_type_is_told_with_the_type():
    assert drift(schema_of(BEFORE), BEFORE.with_columns(Cases=pl.col("Cases").cast(pl.String))) == (
        "of another type: Cases (str)"
    )


def test_a_few_values_of_another_type_are_left_to_the_type_rule():
    column = pl.Series("Cases", [*range(19), "n/a"], dtype=pl.Object)
    assert drift(schema_of(BEFORE), BEFORE.with_columns(column)) is None


def test_whole_numbers_fit_a_column_of_broken_ones_but_not_the_reverse():
    ints, floats = pl.DataFrame({"v": [1, 2]}), pl.DataFrame({"v": [1.5, 2.0]})
    assert drift({"v": "float"}, ints) is None
    assert drift({"v": "int"}, floats) == "of another type: v (float)"


@pytest.mark.parametrize("date", ["2026-01-{}T09:00:00Z", "1/{}/26 9:00", "{} Jan 2026"])
def test_dates_written_in_another_form_are_told(date):
    after = BEFORE.with_columns(pl.Series("Last Update", [date.format(day) for day in range(10, 30)]))
    assert drift(schema_of(BEFORE), after) == "written in another form: Last Update"


def test_numbers_that_turn_broken_are_told():
    reference = schema_of(pl.DataFrame({"zip": NUMBERS}))
    assert drift(reference, pl.DataFrame({"zip": [f"{number}.0" for number in NUMBERS]})) is not None
    assert drift(reference, pl.DataFrame({"zip": ["5"] * 20})) is None


def test_whole_numbers_fit_the_form_of_broken_ones():
    reference = schema_of(pl.DataFrame({"price": [f"{number}.5" for number in NUMBERS]}))
    assert drift(reference, pl.DataFrame({"price": NUMBERS})) is None
    assert drift(reference, pl.DataFrame({"price": [f"{number} EUR" for number in NUMBERS]})) is not None


def test_a_column_without_values_is_of_any_type():
    assert drift(schema_of(BEFORE), BEFORE.with_columns(pl.lit(None).alias("Cases"))) is None
    assert drift(schema_of(BEFORE.with_columns(pl.lit(None).alias("Cases"))), BEFORE) is None


def test_frames_add_up_to_one_batch():
    assert drift(schema_of(BEFORE), BEFORE.drop("Cases"), BEFORE.drop("Last Update")) is None
    wrong = BEFORE.with_columns(Cases=pl.lit("x"))
    assert drift(schema_of(BEFORE), BEFORE, wrong[:5]) is None
    assert drift(schema_of(BEFORE), BEFORE[:5], wrong[:3], wrong[:3]) is not None
    assert drift(schema_of(BEFORE), BEFORE[:5], wrong) == "of another type: Cases (any)"


def test_a_batch_without_a_frame_says_nothing():
    assert drift(schema_of(BEFORE)) is None


def test_an_empty_frame_still_has_columns():
    assert drift(schema_of(BEFORE), BEFORE[:0]) is None
    assert drift(schema_of(BEFORE), BEFORE[:0].drop("Cases")) == "missing: Cases"


def test_many_columns_make_no_long_message():
    message = drift({f"column {n}": "int" for n in range(100)}, pl.DataFrame({"other": [1]}))
    assert "column 7 and 92 more" in message


def test_without_a_reference_the_packs_fields_are_one():
    rule = compiled("schema_drift", {}, fields={"id": "int", "meta": "any"})
    assert judge(rule, pl.DataFrame({"id": [1], "meta": ["x"]}))[1] is None
    assert "missing: meta" in judge(rule, pl.DataFrame({"id": [1]}))[1].message


def test_a_reference_may_stand_in_a_file_beside_the_pack():
    rule = compiled("schema_drift", {"reference": "columns.json"}, files={"columns.json": b'{"id": "int"}'})
    assert judge(rule, pl.DataFrame({"id": [1]}))[1] is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no JSON"),
        (b"[]", "reference"),
        ({}, "names no column"),
        ({"id": "integer"}, "columns.id.type"),
        ({"version": 2, "columns": {"id": {}}}, "version"),
        ({"version": 1, "columns": {"id": {"kind": "int"}}}, "kind"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(content, reason):
    with pytest.raises(ValueError, match=reason):
        parse_schema(content)
