"""`distribution`: batches held against a reference."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl
import pytest

from dq_gate.checks.distributions import reference_of
from tests.batches import compiled, judge

START = datetime(2026, 1, 5, tzinfo=UTC)


def fares(count, *, seed, factor=1.0):
    random = Random(seed)
    return pl.Series([round(factor * random.lognormvariate(2.3, 0.6), 2) for _ in range(count)])


def words(count, *, seed, weights=(6, 3, 1)):
    return pl.Series(Random(seed).choices(["card", "cash", "none"], weights, k=count))


def moments(count, *, seed, later=0):
    random = Random(seed)
    hours = [min(23, max(0, int(random.gauss(14, 4)))) for _ in range(count)]
    return pl.Series([START + timedelta(days=random.randrange(28), hours=hour + later) for hour in hours])


def drift(reference, field_type, *frames, **options):
    """What is said of a batch, given a sample or a reference made of one."""
    made = reference if isinstance(reference, (dict, str)) else reference_of(reference, field_type)
    rule = compiled("distribution", {"reference": made} | options, field="v", fields={"v": field_type})
    rows, batch = judge(rule, *(frame.alias("v").to_frame() for frame in frames))
    assert rows == {}
    return batch and batch.message


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [200, 1000])
def test_samples_of_like_data_pass(seed, size):
    assert drift(fares(1000, seed=-1 - seed), "float", fares(size, seed=seed)) is None
    assert drift(words(1000, seed=-1 - seed), "str", words(size, seed=seed)) is None
    assert drift(moments(1000, seed=-1 - seed), "datetime", moments(size, seed=seed)) is None


def test_scaled_numbers_drift():
    message = drift(fares(1000, seed=1), "float", fares(1000, seed=2, factor=1.3))
    assert message.startswith("1000 rows differ from the reference: value PSI 0.")
    assert "(limit 0.2)" in message
    assert "value KS 0." in message


@pytest.mark.parametrize("value", [0.0, 0.25, 0.5, -0.3])
def test_a_constant_that_changes_drifts_either_way(value):
    assert drift(pl.Series([0.3] * 1000), "float", pl.Series([value] * 1000)) is not None


def test_values_below_a_floor_drift():
    floored = pl.Series([0] * 900 + list(range(1, 101)))
    assert drift(floored, "int", floored) is None
    assert drift(floored, "int", pl.Series([-1] * 100 + [0] * 800 + list(range(1, 101)))) is not None


@pytest.mark.parametrize("weights", [(9, 0, 1), (2, 3, 1)])
def test_text_with_other_shares_drifts(weights):
    assert "value JS" in drift(words(1000, seed=1), "str", words(1000, seed=2, weights=weights))


def test_a_value_that_was_never_seen_drifts():
    batch = words(1000, seed=2).to_list()[:900] + ["crypto"] * 100
    message = drift(words(1000, seed=1), "str", pl.Series(batch))
    assert "value PSI" in message
    assert "crypto" not in message


def test_booleans_drift():
    reference = pl.Series([True, False] * 500)
    assert drift(reference, "bool", reference) is None
    assert "value JS" in drift(reference, "bool", pl.Series([True, True, True, False] * 250))


def test_longer_text_drifts_though_no_text_repeats():
    short, long = ([f"{'x' * (n % k)} {n}" for n in range(1000)] for k in (20, 40))
    assert "length PSI" in drift(pl.Series(short), "str", pl.Series(long))


def test_shifted_hours_drift_and_later_dates_do_not():
    assert "hour PSI" in drift(moments(1000, seed=1), "datetime", moments(1000, seed=2, later=4))
    assert drift(moments(1000, seed=1), "datetime", moments(1000, seed=2, later=24 * 28)) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_more_nulls_drift(share):
    column = fares(1000, seed=2)
    nulls = pl.Series([None] * int(1000 * share), dtype=pl.Float64)
    message = drift(fares(1000, seed=1), "float", column[len(nulls) :].append(nulls))
    assert "nulls KS" in message or share == 0.1
    assert "nulls PSI" in message
    assert "value" not in message


def test_a_column_that_is_gone_drifts():
    rule = compiled(
        "distribution",
        {"reference": reference_of(fares(1000, seed=1), "float")},
        field="v",
        fields={"v": "float"},
    )
    assert "nulls" in judge(rule, pl.DataFrame({"w": [1] * 1000}))[1].message


def test_frames_add_up_to_one_batch():
    batch = fares(1000, seed=2, factor=1.3)
    whole = drift(fares(1000, seed=1), "float", batch)
    assert drift(fares(1000, seed=1), "float", batch[:1], batch[1:400], batch[400:]) == whole is not None


def test_nulls_of_all_frames_count():
    batch = pl.Series([*fares(500, seed=2), *[None] * 100])
    assert "nulls PSI" in drift(fares(1000, seed=1), "float", batch[500:], batch[:500])
    assert "nulls PSI" in drift(fares(1000, seed=1), "float", batch[500:], batch[:500], fares(50, seed=3))


def test_few_values_are_not_judged():
    assert drift(fares(1000, seed=1), "float", fares(199, seed=2, factor=9)) is None
    assert drift(fares(1000, seed=1), "float", fares(199, seed=2, factor=9), min_rows=100) is not None


def test_limits_can_be_raised():
    batch = fares(1000, seed=2, factor=1.3)
    assert drift(fares(1000, seed=1), "float", batch, max_psi=9.0, max_js=1.0, max_ks=1.0) is None


def test_a_reference_may_stand_in_a_file_beside_the_pack():
    files = {"fare.json": json.dumps(reference_of(fares(1000, seed=1), "float")).encode()}
    rule = compiled("distribution", {"reference": "fare.json"}, field="v", fields={"v": "float"}, files=files)
    assert judge(rule, fares(1000, seed=2).alias("v").to_frame())[1] is None


def test_a_reference_too_small_to_ever_count_is_refused():
    with pytest.raises(ValueError, match="has 100 rows, below min_rows"):
        drift(fares(100, seed=1), "float", fares(1000, seed=2))


def test_a_reference_of_another_type_is_refused():
    with pytest.raises(ValueError, match="of type float, not int"):
        drift(reference_of(fares(1000, seed=1), "float"), "int", fares(1000, seed=2))
