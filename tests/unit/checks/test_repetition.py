"""Repetition: texts that say one thing over and over, and texts that merely insist."""

from __future__ import annotations

import polars as pl
import pytest

from tests.batches import compiled

SENTENCE = "Refunds take five working days to reach your account."
OTHER = "Please keep the receipt until then, or the shop cannot help."
LOOPING = {
    "a key held down": "s" * 60,
    "a key held down at the end": "where is my carddddddddddddddddddddddd",
    "a digit": "1" * 30,
    "two letters in turn": "asas" * 10,
    "four letters in turn": "test" * 8,
    "a phrase": "buy now buy now buy now",
    "a phrase with other marks": "Buy now! Buy now, Buy now - Buy now...",
    "a word": "hello " * 12,
    "a sentence": f"{SENTENCE} " * 3,
    "two sentences in turn": f"{SENTENCE} {OTHER} " * 3,
    "numbered lines": "\n".join(f"{number}. {SENTENCE}" for number in range(9)),
    "a model that could not stop": f"{OTHER} {SENTENCE} " + "I am sorry, I cannot do that. " * 12,
    "another alphabet": "Купите сейчас дешево! " * 4,
    "a script without spaces": "你好吗" * 8,
    "one such character": "哈" * 40,
    "Thai": "สวัสดี" * 8,
    "letters and surrogates": "buy \ud800 now " * 9,
}
SOUND = {
    "nothing": "",
    "a long vowel": "nooooooooooo",
    "laughter": "hahahahaha ha ha ha",
    "insistence": "this is very very very very slow",
    "a refrain": "no no no no",
    "pasted twice": f"{SENTENCE} {SENTENCE}",
    "a ruler": "-" * 300 + "\n" + "=" * 300,
    "dots": "." * 500,
    "a table": "| a | b | c |\n|-----|-----|-----|\n" + "| 0 | 1 | 0 |\n" * 40,
    "a drawing": "+----+    +----+\n|    |----|    |\n+----+    +----+\n" * 8,
    "boxes": "┌────┐\n│    │\n└────┘\n" * 9,
    "emoji": "😀" * 50,
    "numbers": "0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1",
    "Chinese": "世界卫生组织是联合国下属的一个专门机构，总部设置在瑞士日内瓦，是国际上最大的政府间卫生组织。",
    "a long German word": "Donaudampfschifffahrtsgesellschaftskapitän",
    "a nil identifier": "00000000-0000-0000-0000-000000000000",
    "a question about a word": "“Near the church” vs. “near the St. John's church”",
}


def rule(**options):
    return compiled("no_repetition", options, field="v", fields={"v": "str"})


@pytest.mark.parametrize("text", LOOPING.values(), ids=LOOPING)
def test_a_text_that_repeats_itself_fails(text):
    start, end = rule().judge(text).span
    assert 0 <= start < end <= len(text)


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_a_text_that_insists_or_draws_passes(text):
    assert rule().judge(text) is None


def test_the_first_repetition_is_pointed_at():
    text = f"{OTHER} " + f"{SENTENCE} " * 5
    finding = rule().judge(text)
    start, end = finding.span
    assert text[start:end].startswith("Refunds take")
    assert text.index(SENTENCE) < start
    assert finding.message == "repeats itself: 66% of it was there before"


def test_a_run_is_pointed_at():
    finding = rule().judge("it was soooooooooooooooooooooooo slow")
    assert finding.span == (8, 29)
    assert finding.message == "has a word that goes on repeating a few letters"


def test_max_run_counts_characters():
    assert rule(max_run=10).judge("s" * 10) is None
    assert rule(max_run=10).judge("s" * 11) is not None
    assert rule(max_run=100).judge("s" * 100) is None


def test_max_share_counts_letters_of_what_was_there_before():
    twice = f"{SENTENCE} {SENTENCE}"
    assert rule(max_share=0.5).judge(twice) is None
    assert rule(max_share=0.49).judge(twice).message == "repeats itself: 50% of it was there before"


@pytest.mark.parametrize("options", [{"max_share": 1}, {"max_share": -0.1}, {"max_run": 3}, {"max_run": 101}])
def test_limits_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match="validation error"):
        rule(**options)


@pytest.mark.parametrize("options", [{}, {"max_share": 0.2, "max_run": 4}, {"max_share": 0.9, "max_run": 100}])
def test_columns_mark_every_text_that_repeats_itself_and_few_others(options):
    texts = [text for text in (*LOOPING.values(), *SOUND.values()) if "\ud800" not in text]
    marks = pl.DataFrame({"v": [*texts, None]}).select(rule(**options).suspects(pl.col("v"))).to_series()
    failing = [rule(**options).judge(text) is not None for text in texts]
    assert all(mark for mark, fails in zip(marks, failing, strict=False) if fails)
    assert marks.sum() < len(SOUND) / 2 + sum(failing)
