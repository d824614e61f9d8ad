"""Values that follow from another field's."""

from __future__ import annotations

import pytest

from dq_gate.core.decide import decide
from tests.batches import compiled
from tests.packs import make_pack

FIELDS = {"zip": "str", "city": "str", "count": "int", "tags": "list[str]"}


def rule(field, *, files=None, **options):
    return compiled("depends_on", options, field=field, fields=FIELDS, files=files)


def test_a_table_beside_the_pack_may_give_a_key_several_values():
    table = b"zip,city,count\n1,Aa,3\n1,Bb,3\n2,,4\n,Cc,5\n"
    city = rule("city", given="zip", file="t.csv", files={"t.csv": table}).judge
    count = rule("count", given="zip", file="t.csv", files={"t.csv": table}).judge

    assert [city({"zip": "1", "city": name}) is None for name in ("Aa", "Bb", "Cc", "aa")] == [True, True, False, False]
    assert city({"zip": "2", "city": "Zz"}) is None, "an empty cell says nothing"
    assert count({"zip": "1", "count": 3}) is None
    assert count({"zip": "2", "count": 3}).message == "does not go with the value of zip"


def test_keys_of_a_number_field_are_numbers():
    by_count = rule("city", given="count", values={"7": "Aa"}).judge

    assert by_count({"count": 7, "city": "Bb"}) is not None
    assert by_count({"count": 8, "city": "Bb"}) is None


@pytest.mark.parametrize(
    ("field", "options", "reason"),
    [
        ("city", {"given": "zip"}, "give either values or a file"),
        ("city", {"given": "zip", "values": {"1": "a"}, "file": "t.csv"}, "give either values or a file"),
        ("city", {"given": "zip", "file": "t.txt"}, "ends in .csv"),
        ("city", {"given": "city", "values": {"1": "a"}}, "does not follow from itself"),
        ("city", {"given": "town", "values": {"1": "a"}}, "unknown field 'town'"),
        ("city", {"given": "tags", "values": {"1": "a"}}, r"tags is of type list\[str\]"),
        ("city", {"given": "zip", "values": {}}, "holds no pair"),
        ("city", {"given": "zip", "values": {"1": 2}}, "a value is no str, or one that goes with it no str"),
        ("city", {"given": "count", "values": {"x": "a"}}, "values: a value is no int"),
        ("city", {"given": "zip", "file": "gone.csv"}, "cannot be read"),
        ("city", {"given": "zip", "file": "t.csv"}, "t.csv: has no column 'city'"),
        ("count", {"given": "zip", "file": "u.csv"}, "u.csv: a value is no str, or one that goes with it no int"),
    ],
)
def test_what_cannot_be_judged_by_is_refused(field, options, reason):
    files = {"t.csv": b"zip,name\n1,a\n", "u.csv": b"zip,count\n1,many\n"}
    with pytest.raises(ValueError, match=reason):
        rule(field, files=files, **options)


def test_a_violation_names_the_field_that_does_not_fit():
    pack = make_pack(
        {"zip": {"type": "str"}, "city": {"type": "str", "required": False}},
        [{"id": "city.zip.fits", "field": "city", "check": "depends_on", "given": "zip", "values": {"1": "Aa"}}],
    )

    (violation,) = decide(pack.plan, {"zip": "1", "city": "Bb"}).violations
    assert (violation.rule_id, violation.field) == ("city.zip.fits", "city")
    assert decide(pack.plan, {"zip": "1", "city": None}).outcome == "clean"
