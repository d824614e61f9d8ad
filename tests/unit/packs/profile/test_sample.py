"""A sample as typed columns."""

from __future__ import annotations

import pytest

from dq_gate.packs.profile.sample import Sample, columns_of, take_sample


def columns(*rows, has_cells=True):
    return columns_of(Sample(rows, len(rows), has_cells))


def type_of(*cells, has_cells=True):
    (column,) = columns(*({"v": cell} for cell in cells), has_cells=has_cells)
    return column.type


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1", "-2", "0"), "int"),
        (("1", "2.5", ".5", "1e-3"), "float"),
        (("1", None, "3"), "int"),
        (("007", "12"), "str"),
        (("12.0 oz", "16.0 oz"), "str"),
        (("1", "N/A"), "str"),
        (("1e999", "1"), "str"),
        (("1" * 30, "2"), "float"),
        (("-", "1"), "str"),
        (("true", "False"), "bool"),
        (("yes", "no"), "str"),
        (("2026-01-31", "2026-02-01"), "datetime"),
        (("2026-01-31 12:00:00", "2026-02-01T00:00:00Z"), "datetime"),
        (("2026-13-31", "2026-02-01"), "str"),
        (("01/02/2026", "03/02/2026"), "str"),
        ((None, None), "str"),
        (tuple(map(str, range(35000, 35020))), "str"),
        (tuple(map(str, range(3500, 3520))), "int"),
    ],
)
def test_cells_have_the_narrowest_type_that_fits_all_of_them(cells, expected):
    assert type_of(*cells) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1", "2"), "str"),
        ((True, False), "bool"),
        ((1, 2), "int"),
        ((1, 2.5), "float"),
        (([1.0, 2], [3]), "vector"),
        ((["a"], ["b", "c"]), "list[str]"),
        (({"a": 1}, {}), "object"),
        ((1, "a"), "any"),
        ((None, None), "any"),
    ],
)
def test_values_keep_their_types(values, expected):
    assert type_of(*values, has_cells=False) == expected


def test_names_become_slugs_and_where_a_pack_cannot_have_them_fields():
    names = ["Zip Code", "zipCode", "2nd", "Größe", "", "x" * 70, "猫"]

    found = columns(dict.fromkeys(names, "a"), dict.fromkeys(names, "b"))

    assert [column.source for column in found] == names
    assert [column.name for column in found] == ["Zip Code", "zipCode", "2nd", "Größe", "column_5", "x" * 40, "猫"]
    assert [column.slug for column in found] == [
        "zip_code", "zip_code_2", "column_3", "groe", "column_5", "x" * 40, "column_7",
    ]  # fmt: skip


def test_fields_that_only_some_records_have_are_null_elsewhere():
    first, second = columns({"a": "x"}, {"a": "y", "b": "z"})

    assert (first.nulls, second.nulls, second.values) == (0, 1, (None, "z"))


@pytest.mark.parametrize(("rows", "reason"), [([], "no record"), ([{"a": "1"}], "one record"), ([{}, {}], "no fields")])
def test_a_sample_without_anything_to_learn_from_is_refused(rows, reason):
    with pytest.raises(ValueError, match=reason):
        columns(*rows)


def test_a_large_file_is_sampled_evenly():
    sample = take_sample(({"n": n} for n in range(1000)), at_most=300, has_cells=False)

    assert (sample.total, len(sample.rows)) == (1000, 250)
    assert [row["n"] for row in sample.rows] == list(range(0, 1000, 4))
