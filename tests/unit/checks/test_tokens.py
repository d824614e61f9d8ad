"""Tokens: the estimate, its bounds, and tokenizers of the user's own."""

from __future__ import annotations

import polars as pl
import pytest

from dq_gate.checks.tokens import estimate
from dq_gate.errors import PackError
from dq_gate.packs.compile import compile_pack
from tests.batches import compiled
from tests.engines import compile_check


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("a", 1), ("word", 1), ("words", 2), ("a b c", 3), ("12345", 5), ("a, b!", 4), ("a   b", 3),
     ("a\n\nb", 3), ("é", 1), ("漢", 2), ("漢字", 3), ("😀", 2), ("\ud800", 2), (" ", 0)],
)  # fmt: skip
def test_letters_count_by_four_and_everything_else_one_by_one(text, size):
    assert estimate(text) == size


@pytest.mark.parametrize(
    ("text", "bytes_per_token"),
    [("how do I reset my card? " * 50, (3, 5)), ("wie geht das? " * 50, (2, 5)), ("漢" * 90, (1, 3))],
)
def test_the_estimate_is_about_what_encoders_find(text, bytes_per_token):
    low, high = bytes_per_token
    assert low <= len(text.encode()) / estimate(text) <= high


@pytest.mark.parametrize("text", ["x" * 40_000, " " * 40_000, "9" * 40_000, "é" * 40_000, "\n" * 40_000])
def test_no_text_has_more_tokens_than_bytes(text):
    assert 0 < estimate(text) <= len(text.encode())


def rule(**options):
    return compiled("tokens", options, field="v", fields={"v": "str"})


def test_both_bounds_are_inclusive():
    judge = rule(min=2, max=3).judge
    assert [judge(text) is None for text in ("a", "a b", "a b c", "a b c d")] == [False, True, True, False]
    assert judge("a").message == "has 1 tokens, fewer than 2"
    assert judge("a b c d").message == "has 4 tokens, more than 3"


@pytest.mark.parametrize("options", [{}, {"min": 3, "max": 2}, {"min": -1}, {"max": 1.5}, {"max": 1, "tokenizer": "x"}])
def test_bounds_that_no_text_can_meet_are_refused(options):
    with pytest.raises(ValueError, match="validation error"):
        rule(**options)


@pytest.mark.parametrize("options", [{"max": 3}, {"min": 3}, {"min": 2, "max": 4}])
def test_columns_mark_every_text_out_of_bounds(options):
    texts = ["", "a", "a b c", "漢字漢字", "é" * 7, "word " * 3, "1234", "  a  ", None]
    marks = pl.DataFrame({"v": texts}).select(rule(**options).suspects(pl.col("v")).fill_null(value=False)).to_series()
    judge = rule(**options).judge
    assert [
        text for text, mark in zip(texts, marks, strict=True) if text is not None and not mark and judge(text)
    ] == []


@pytest.fixture
def load(tmp_path):
    """The judge of a pack's rule with a tokenizer of these tests."""

    def compile_with(tokenizer, *, trusted=("tests",)):
        path = tmp_path / "pack.yaml"
        path.write_text(
            "pack: p\nversion: 1\nfields: {q: {type: str}}\nrules:\n"
            f"  - {{id: q.size.tokens, field: q, check: tokens, max: 2, tokenizer: '{tokenizer}'}}\n"
        )
        return compile_pack(path, trusted_packages=trusted).rules[0]

    return compile_with


@pytest.mark.parametrize("name", ["split_words", "count_words", "tuple_of_words"])
def test_a_trusted_tokenizer_returns_tokens_or_their_number(load, name):
    own = load(f"tests.user_code.tokenizers:{name}")
    assert own.judge("considerably longer") is None
    assert own.judge("a b c").message == "has 3 tokens, more than 2"


def test_texts_for_a_tokenizer_of_the_users_own_are_counted_one_by_one():
    own = compile_check("tokens", {"max": 2, "tokenizer": "tests.user_code.tokenizers:split_words"})
    assert own.suspects is None


@pytest.mark.parametrize("name", ["text", "mapping", "nothing", "truth", "share"])
def test_a_tokenizer_that_returns_something_else_crashes(load, name):
    with pytest.raises(TypeError, match="tokens or their number"):
        load(f"tests.user_code.tokenizers:{name}").judge("a b c")


@pytest.mark.parametrize(
    ("tokenizer", "trusted", "reason"),
    [
        ("tests.user_code.tokenizers:split_words", (), "trusted_packages"),
        ("tests.user_code.tokenizers:NOT_CALLABLE", ("tests",), "is no function"),
        ("tests.user_code.tokenizers:missing", ("tests",), "missing"),
    ],
)
def test_a_tokenizer_that_cannot_be_used_is_told_with_its_rule(load, tokenizer, trusted, reason):
    with pytest.raises(PackError, match=rf"q\.size\.tokens.*{reason}"):
        load(tokenizer, trusted=trusted)
