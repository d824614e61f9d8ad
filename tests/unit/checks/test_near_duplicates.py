"""`near_unique`: which texts say nearly the same as an earlier one."""

from __future__ import annotations

from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dq_gate.checks.sketches import Sketcher, groups, plain
from tests.batches import compiled, failing_rows, judge

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(count, seed):
    random = Random(seed)
    return ["".join(random.choices(LETTERS, k=random.randint(3, 9))) for _ in range(count)]


def changed(text, share, seed=0):
    """The text with a share of its words replaced."""
    random = Random(seed)
    new = iter(words(len(text.split()), f"new {seed}"))
    return " ".join(next(new) if random.random() < share else word for word in text.split())


def repeats(*frames, **options):
    rule = compiled("near_unique", options, field="text", fields={"text": "str"})
    return failing_rows(rule, *(pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}) for texts in frames))


TEXT = " ".join(words(200, "text"))
OTHER = " ".join(words(200, "other"))


def test_a_text_with_few_changes_fails_and_another_text_passes():
    assert repeats([TEXT, OTHER, changed(TEXT, 0.03), changed(OTHER, 0.03)]) == [2, 3]


def test_a_text_with_many_changes_is_another_text():
    assert repeats([TEXT, changed(TEXT, 0.4)]) == []


def test_the_threshold_says_how_like_is_too_like():
    texts = [TEXT, changed(TEXT, 0.15)]
    assert [repeats(texts, threshold=threshold) for threshold in (0.5, 0.9)] == [[1], []]


def test_case_punctuation_and_white_space_make_no_difference():
    assert repeats(["Where is my order?", " where is  my ORDER", "ｗhere is my order!"], threshold=1.0) == [1, 2]


def test_texts_of_symbols_alone_are_compared_too():
    assert repeats(["?!", "?!", "🎉🎉", "🎉 🎉"]) == [1]


@pytest.mark.parametrize("texts", [["", "", " ", "\n"], [None, None]])
def test_blank_texts_and_nulls_are_not_compared(texts):
    assert repeats(texts) == []


def test_short_texts_are_compared_as_a_whole():
    assert repeats(["a", "b", "ab", "a", "A"]) == [3, 4]


def test_frames_of_one_batch_are_one_sequence_of_rows():
    assert repeats([TEXT], [OTHER], [changed(TEXT, 0.02)]) == [2]


def test_batches_know_nothing_of_each_other():
    rule = compiled("near_unique", {}, field="text", fields={"text": "str"})
    frame = pl.DataFrame({"text": [TEXT]})
    assert judge(rule, frame) == judge(rule, frame) == ({}, None)


def test_texts_are_compared_with_those_that_passed():
    chain = [TEXT]
    for step in range(12):
        chain.append(changed(chain[-1], 0.05, step))
    failing = repeats(chain, threshold=0.7)
    assert 1 in failing
    assert 0 < len(failing) < 12


def test_the_finding_tells_how_like_and_quotes_nothing():
    rule = compiled("near_unique", {}, field="text", fields={"text": "str"})
    rows, batch = judge(rule, pl.DataFrame({"text": ["one two three", "One, two, three!"]}))
    assert (rows[1].message, batch) == ("nearly repeats an earlier row (similarity 1.00)", None)


def test_fields_are_compared_together():
    rows = [("Ada Byron", "Ely", 12), ("Ada Byron", "Cork", 99), ("ada byron", "Elly", 12), (None, None, None)]
    fields = {"name": "str", "town": "str", "house": "int"}
    frame = pl.DataFrame(rows, schema=list(fields), orient="row")
    rule = compiled("near_unique", {"fields": list(fields), "threshold": 0.6}, fields=fields)
    assert failing_rows(rule, frame) == [2]


def test_a_missing_value_leaves_the_others_to_compare():
    fields = {"name": "str", "town": "str"}
    frame = pl.DataFrame([("Ada Lovelace Byron", None)] * 2, schema=list(fields), orient="row")
    assert failing_rows(compiled("near_unique", {"fields": list(fields)}, fields=fields), frame) == [1]


@pytest.mark.parametrize(("field", "fields"), [("page", None), (None, None), ("text", ["text"]), (None, ["tags"])])
def test_fields_that_do_not_fit_are_refused(field, fields):
    types = {"text": "str", "page": "int", "tags": "list[str]"}
    with pytest.raises(ValueError, match=r"either one|of type"):
        compiled("near_unique", {"fields": fields} if fields else {}, field=field, fields=types)


@pytest.mark.parametrize("options", [{"threshold": 0.2}, {"threshold": 1.1}, {"shingle": 0}, {"fields": []}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValidationError):
        compiled("near_unique", options, field="text", fields={"text": "str"})


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_groups_find_what_is_just_as_like_as_asked(threshold):
    count, size = groups(threshold)
    assert count * size <= 128
    assert threshold == 1.0 or 1 - (1 - threshold**size) ** count >= 0.985


def test_nearly_all_texts_above_the_threshold_are_found():
    originals = [" ".join(words(30, seed)) for seed in range(200)]
    copies = [changed(text, 0.04, seed) for seed, text in enumerate(originals)]
    sketcher = Sketcher(4, 0.6)
    pairs = [(sketcher.sketch(one), sketcher.sketch(other)) for one, other in zip(originals, copies, strict=True)]
    like = {200 + number for number, pair in enumerate(pairs) if sketcher.similarity(*pair) >= 0.6}
    found = set(repeats(originals + copies, threshold=0.6))
    assert found <= like
    assert len(found) >= 0.97 * len(like)


def test_many_texts_outgrow_the_first_table():
    texts = [" ".join(words(10, seed)) for seed in range(3000)]
    assert repeats(texts + texts[::100]) == list(range(3000, 3030))
    assert repeats(texts + [f"{text} x" for text in texts[::100]]) == list(range(3000, 3030))


def test_equal_rows_without_end_take_one_place():
    assert len(repeats([TEXT] * 10_000)) == 9_999


def exact(one, other, size=4):
    runs = [{text[i : i + size] for i in range(max(1, len(text) - size + 1))} for text in (one, other)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_short_texts_are_compared_exactly(one, other, shared):
    sketcher = Sketcher(4, 0.5)
    texts = [plain(one + shared) or "x", plain(other + shared) or "y"]
    similarity = sketcher.similarity(*map(sketcher.sketch, texts))
    padded = [text.ljust(4, "\0") for text in texts]
    assert similarity == pytest.approx(exact(*padded))


def test_long_texts_are_compared_closely_enough():
    sketcher = Sketcher(4, 0.5)
    long = " ".join(words(3000, "long"))
    for share in (0.05, 0.1, 0.2, 0.3):
        other = changed(long, share)
        similarity = sketcher.similarity(sketcher.sketch(long), sketcher.sketch(other))
        assert similarity == pytest.approx(exact(long, other), abs=0.1)
