"""YAML without its traps, and an error that names the line for each of them."""

from __future__ import annotations

import math

import pytest

from dq_gate.errors import PackError
from dq_gate.packs.yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, decode_utf8, load_yaml


def value_of(text):
    return load_yaml(text, path="pack.yaml").value


def error_of(text):
    with pytest.raises(PackError) as caught:
        load_yaml(text, path="pack.yaml")
    assert str(caught.value).startswith("pack.yaml:")
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "y", "N", "True", "TRUE", "False", "No"])
def test_only_true_and_false_are_booleans(word):
    assert value_of(f"a: [true, false, {word}]") == {"a": [True, False, word]}


@pytest.mark.parametrize(
    "text", ["2026-01-31", "2026-01-31T12:00:00Z", "012", "0o17", "0x1F", "1:30", "190:20:30", "1_000", "1,5", "0b1"]
)
def test_dates_and_foreign_numbers_are_text(text):
    assert value_of(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("-5", -5), ("+5", 5), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-1.5E-2", -0.015)],
)
def test_numbers_of_the_core_schema_are_numbers(text, number):
    (value,) = value_of(f"- {text}")
    assert (value, type(value)) == (number, type(number))


@pytest.mark.parametrize("digits", ["9223372036854775807", "12345678901234567890123"])
def test_a_long_whole_number_is_not_rounded(digits):
    assert value_of(f"a: {digits}") == {"a": int(digits)}


@pytest.mark.parametrize("digits", ["1" * 39, "1" * 5000])
def test_a_whole_number_that_no_column_can_hold_is_text(digits):
    assert value_of(f"a: {digits}") == {"a": digits}


def test_infinities_and_not_a_number_are_written_with_a_point():
    positive, negative, nan = value_of("[.inf, -.inf, .nan]")
    assert (positive, negative) == (math.inf, -math.inf)
    assert math.isnan(nan)
    assert value_of("[inf, nan]") == ["inf", "nan"]


@pytest.mark.parametrize("text", ["~", "null", "Null", "NULL", ""])
def test_null_has_its_spellings(text):
    assert value_of(f"a: {text}") == {"a": None}


@pytest.mark.parametrize("text", ["'no'", '"012"', "'null'", '"true"', "|-\n  5", ">-\n  null"])
def test_quoted_text_is_always_text(text):
    assert isinstance(value_of(f"a: {text}")["a"], str)


def test_keys_are_text_whatever_they_look_like():
    assert value_of("{1: a, true: b, null: c, 2026-01-31: d}") == {
        "1": "a",
        "true": "b",
        "null": "c",
        "2026-01-31": "d",
    }


def test_an_empty_file_holds_nothing():
    assert value_of("") is None
    assert value_of("# a comment\n") is None


def test_a_byte_order_mark_is_passed_over():
    assert load_yaml(decode_utf8(b"\xef\xbb\xbfa: 1", path="p"), path="p").value == {"a": 1}


def test_every_part_knows_its_line():
    document = load_yaml("pack: a\nrules:\n  - id: one\n    check: x\n  -\n    id: two\n", path="p")
    assert document.line("pack") == 1
    assert document.line("rules", 0) == 3
    assert document.line("rules", 0, "check") == 4
    assert document.line("rules", 1, "id") == 6
    assert document.line("rules", 1, "missing", 7) == 6
    assert document.line("nothing") == 1


def test_a_repeated_key_is_an_error_that_names_both_lines():
    error = error_of("rules: [a]\nfields: {}\nrules: [b]\n")
    assert error.line == 3
    assert "'rules' of line 1" in error.reason


@pytest.mark.parametrize(
    "text", ["a: !!int 5", "a: !!python/object:os.system x", "a: !mine x", "!!python/name:os.system a: b"]
)
def test_tags_are_refused(text):
    assert error_of(text).line == 1


@pytest.mark.parametrize("text", ["? [a, b]\n: c", "{a: b}: c", "? !!binary aGk=\n: c"])
def test_keys_that_are_no_plain_text_are_refused(text):
    assert error_of(text).reason == "has a key that is not plain text"


def test_a_merge_key_is_a_key_like_any_other():
    assert value_of("<<: {a: 1}") == {"<<": {"a": 1}}


def test_aliases_are_allowed():
    assert value_of("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: {c: *x}}", "&x [[[*x]]]"])
def test_a_document_that_holds_itself_is_refused(text):
    assert "refers to itself" in error_of(text).reason


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert f"more than {MAX_NODES} values" in error_of("\n".join(lines)).reason


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 100_000])
def test_deep_nesting_is_refused_and_does_not_end_the_process(opening, depth):
    assert error_of(opening * depth).reason == f"nests deeper than {MAX_DEPTH} levels"


def test_nesting_up_to_the_limit_is_fine():
    value = value_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", 1),
        ("a: 1\n\tb: 2", 2),
        ("a: [1,\nb: 2", 3),
        ("a: 'open", 1),
        ("a: *nowhere", 1),
        ("a: 1\n---\nb: 2", 2),
    ],
)
def test_what_is_no_yaml_is_an_error_with_its_line(text, line):
    assert error_of(text).line == line


@pytest.mark.parametrize("char", ["\x00", "\x01", "\x7f", "\ufffe"])
def test_a_control_character_is_an_error_with_its_line(char):
    assert error_of(f"é: 1\nb: 2\nc: {char}").line == 3


def test_a_file_that_is_not_utf_8_is_an_error_with_its_line():
    with pytest.raises(PackError) as caught:
        decode_utf8(b"a: 1\nb: caf\xe9\n", path="pack.yaml")
    assert caught.value.line == 2


def test_a_file_that_is_too_large_is_an_error():
    with pytest.raises(PackError, match="larger than 4 MiB"):
        decode_utf8(b" " * (MAX_BYTES + 1), path="pack.yaml")
