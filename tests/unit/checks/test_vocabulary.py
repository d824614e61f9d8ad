"""Known words: what counts as a word, and what does not."""

from __future__ import annotations

import pytest

from tests.batches import compiled


def judge(text, *words):
    return compiled("known_words", {"words": list(words)}, field="v", fields={"v": "str"}).judge(text)


@pytest.mark.parametrize("text", ["Pump A", "pump_a", "pump-a!", "(PUMP) 12 a", "", "12", "٣٤ pump"])
def test_case_marks_and_numbers_do_not_count(text):
    assert judge(text, "pump", "a") is None


@pytest.mark.parametrize(
    ("text", "span"), [("pump xa", (5, 7)), ("pumpa", (0, 5)), ("12x pump", (0, 3)), ("ﬁx pump", (0, 2)), ("é", (0, 1))]
)
def test_the_first_unknown_word_is_pointed_at(text, span):
    finding = judge(text, "pump", "a")

    assert (finding.message, finding.span) == ("has a word that is not in the list of 2 words", span)


def test_letters_beyond_ascii_are_compared_without_case():
    assert judge("ÉTÉ straße STRASSE", "été", "straße") is None


@pytest.mark.parametrize("word", ["two words", "a-b", "", "12", "a_b"])
def test_a_listed_text_that_is_no_single_word_is_refused(word):
    with pytest.raises(ValueError, match="no single word"):
        judge("a", word)
