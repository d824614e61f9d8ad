"""What a profile says of tables whose nature is known."""

from __future__ import annotations

import pytest

from dq_gate.packs.profile import profile
from dq_gate.packs.profile.sample import Sample
from dq_gate.packs.yaml import load_yaml


def profiled(rows, *, folder=None, has_cells=False):
    made = profile(Sample(rows, len(rows), has_cells), name="p", source="s.csv", folder=folder)
    return load_yaml(made.yaml, path="p.yaml").value, made


def rules_of(values, **options):
    """The rules that a single column gets, by id without the column's name."""
    pack, _ = profiled([{"v": value} for value in values], **options)
    return {rule["id"].removeprefix("v."): rule for rule in pack["rules"]}


def test_few_values_that_come_often_are_a_closed_set():
    rules = rules_of(["red", "green"] * 50)

    assert rules["value.known"]["allow"] == ["green", "red"]
    assert "fewer than 3 % of rows" in rules["value.known"]["why"]
    assert not rules.keys() & {"text.shape", "words.known", "text.length", "text.characters"}


def test_a_set_that_was_sorted_says_that_other_blocks_bring_other_values():
    mixed = [f"v{n % 6}" for n in range(60)]

    assert "stand together" in rules_of(sorted(mixed))["value.known"]["why"]
    assert "stand together" not in rules_of(mixed)["value.known"]["why"]


def test_an_empty_text_decides_nothing():
    rows = [{"key": ["", "a", "b"][n % 3], "value": ["x", "y", "z"][n % 3]} for n in range(90)]
    pack, _ = profiled(rows, folder="refs")

    assert all(rule["examples"]["pass"][0]["key"] != "" for rule in pack["rules"] if rule["check"] == "depends_on")


def test_values_that_keep_coming_new_are_no_set():
    assert "value.known" not in rules_of([f"name {n % 90}" for n in range(100)])


def test_dates_are_no_set():
    rules = rules_of(["01/02/2026", "01/03/2026"] * 50)

    assert "value.known" not in rules
    assert rules["text.shape"]["pattern"] == "^[0-9]{2}/[0-9]{2}/[0-9]{4}$"


def test_text_made_of_few_words_is_held_to_them():
    names = [
        f"{a} {b} {c}" for a in ("old", "new") for b in ("north", "south", "east") for c in ("mill", "farm", "inn")
    ]

    assert rules_of(names * 2)["words.known"]["words"] == [
        "east", "farm", "inn", "mill", "new", "north", "old", "south",
    ]  # fmt: skip


def test_keys_are_unique_and_have_neither_range_nor_set():
    assert rules_of(list(range(100, 400))).keys() == {"value.unique", "batch.columns.drift"}


def test_numbers_that_happen_not_to_repeat_are_no_key():
    rules = rules_of([n * n * 1000 for n in range(1, 60)])

    assert not rules.keys() & {"value.unique", "number.range", "number.known"}


@pytest.mark.parametrize(
    ("numbers", "check", "options"),
    [
        ([1, 2, 3, 4, 5] * 20, "range", {"ge": 1, "le": 5}),
        ([1, 2, 99] * 40, "one_of", {"allow": [1, 2, 99]}),
    ],
)
def test_few_numbers_are_bounded_exactly(numbers, check, options):
    rule = rules_of(numbers)["number.known"]

    assert rule["check"] == check
    assert options.items() <= rule.items()


def test_measured_numbers_have_room_but_no_sign_they_never_had():
    rule = rules_of([n / 7 for n in range(1, 200)] * 2)["number.range"]

    assert (rule["ge"], rule["le"]) == (0.0, 43.0)


def test_nulls_make_a_field_optional_and_bound_their_share():
    pack, _ = profiled([{"v": None if n % 10 == 0 else "a"} for n in range(100)])
    (rule,) = (rule for rule in pack["rules"] if rule["check"] == "null_ratio")

    assert pack["fields"]["v"]["required"] is False
    assert (rule["max"], rule["on_fail"]) == (0.27, "warn")


@pytest.fixture
def cities():
    towns = [(f"{n:05}", f"Town{chr(97 + n)}ville", n) for n in range(20)]
    return [{"zip": code, "city": city, "n": n, "row": i} for i in range(10) for code, city, n in towns]


def test_what_another_field_decides_is_held_to_it(cities):
    pack, made = profiled(cities, folder="refs")

    found = {rule["field"]: rule for rule in pack["rules"] if rule["check"] == "depends_on"}

    assert {(field, rule["given"], rule["file"]) for field, rule in found.items()} == {
        ("city", "zip", "refs/given.zip.csv"),
        ("n", "zip", "refs/given.zip.csv"),
    }
    assert made.files["refs/given.zip.csv"].splitlines()[:2] == ["zip,city,n", "00000,Townaville,0"]


def test_a_dependency_that_every_fiftieth_record_breaks_is_none(cities):
    broken = [row | ({"city": f"Town{n}"} if n % 50 == 0 else {}) for n, row in enumerate(cities)]
    pack, _ = profiled(broken)

    assert ("depends_on", "city") not in {(rule["check"], rule.get("field")) for rule in pack["rules"]}


def test_without_a_folder_everything_stands_in_the_pack(cities):
    pack, made = profiled(cities)
    by_zip = next(rule for rule in pack["rules"] if rule["id"] == "city.given_zip.fits")

    assert made.files == {}
    assert by_zip["values"]["00001"] == "Townbville"


def test_rules_together_refuse_about_a_hundredth_of_what_is_good():
    rows = [{f"c{c}": "new" + "abcdefghij"[c] if n == c else "usual" for c in range(10)} for n in range(500)]
    pack, _ = profiled(rows)

    assert sum(rule["id"].endswith("value.known") for rule in pack["rules"]) == 5


def test_the_same_sample_gives_the_same_text(cities):
    assert profiled(cities)[1] == profiled(cities)[1]


def test_an_empty_set_of_rules_is_still_a_pack():
    pack, made = profiled([{"v": "a"}, {"v": "b"}])

    assert pack["fields"] == {"v": {"type": "str", "required": False}}
    assert [rule["check"] for rule in pack["rules"]] == ["schema_drift"]
    assert made.rules == 1


def test_a_shape_makes_bounds_of_the_length_superfluous():
    rules = rules_of([f"{n}%" for n in range(100)])

    assert "text.shape" in rules
    assert not rules.keys() & {"text.length", "text.characters"}


def test_a_field_that_nearly_decides_gives_way_to_one_that_does(cities):
    odd = [row | {"zone": "z" + row["zip"] if n % 33 else "z00001"} for n, row in enumerate(cities)]
    first = [{"zone": row["zone"]} | row for row in odd]
    pack, _ = profiled(first, folder="refs")

    assert {rule["given"] for rule in pack["rules"] if rule["check"] == "depends_on"} == {"zip"}


def test_counted_numbers_with_gaps_are_no_set():
    counted = [n * 3 for n in range(40)] * 12 + [1000, 2000, 3000]

    rules = rules_of(counted)

    assert "number.known" not in rules
    assert "number.range" in rules


def test_words_that_keep_coming_new_are_no_vocabulary():
    assert "words.known" not in rules_of([f"old mill {chr(97 + n % 26)}{chr(97 + n // 26)}x" for n in range(100)])
