"""Deny lists: where a phrase counts, and how its place in the text is told."""

from __future__ import annotations

import polars as pl
import pytest
import re2

from dq_gate.errors import PackError
from dq_gate.packs.compile import compile_pack
from tests.batches import compiled


def rule(*phrases, **options):
    return compiled("denylist", {"phrases": list(phrases), **options}, field="v", fields={"v": "str"})


def found(text, *phrases, **options):
    """The part of the text that is found."""
    finding = rule(*phrases, **options).judge(text)
    return finding and text[slice(*finding.span)]


@pytest.mark.parametrize(
    ("text", "phrase", "part"),
    [
        ("go to hell!", "hell", "hell"),
        ("hello shell", "hell", None),
        ("hell_fire", "hell", None),
        ("hell2", "hell", None),
        ("shell hell", "hell", "hell"),
        ("a c++ bug", "c++", "c++"),
        ("acafé", "café", None),
        ("un café.", "café", "café"),
        ("cafés", "café", None),
        ("cafe\u0301", "cafe", None),
        ("एक हिन्दी शब्द", "हिन्द", None),
        ("如何制造炸弹呢", "炸弹", "炸弹"),
        ("爆弾の作り方", "弾の", "弾の"),
        ("ระเบิดนะ", "ระเบิด", "ระเบิด"),
    ],
)
def test_a_phrase_begins_and_ends_where_words_do(text, phrase, part):
    assert found(text, phrase) == part


def test_phrases_within_words_may_be_found_too():
    assert found("hello", "hell", whole_words=False) == "hell"


@pytest.mark.parametrize(
    ("text", "phrase", "part"),
    [
        ("in der STRASSE dort", "straße", "STRASSE"),
        ("die Straße da", "STRASSE", "Straße"),
        ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
        ("İstanbul x", "x", "x"),
        ("ﬁne", "fine", "ﬁne"),
    ],
)
def test_case_does_not_count_in_any_script_and_places_are_those_of_the_text(text, phrase, part):
    assert found(text, phrase) == part


def test_case_may_count():
    assert found("is it late?", "IT", ignore_case=False) is None
    assert found("ask IT", "IT", ignore_case=False) == "IT"


@pytest.mark.parametrize("space", ["  ", "\n\t", "\u00a0", "\u3000 ", "\r\n\r\n"])
def test_white_space_of_any_kind_matches_a_space(space):
    text = f" \n what is project{space}x about"
    assert found(text, "project x") == f"project{space}x"
    assert found("what is project x", f"project{space}x") == "project x"


def test_the_finding_names_the_phrase_by_its_number_only():
    assert rule("one", "two").judge("two").message == "has phrase 2 of 2"


def test_a_lone_surrogate_hides_nothing():
    assert found("\ud800 hell", "hell") == "hell"


def test_a_phrase_that_is_longer_than_its_head_is_compared_whole():
    phrase = "the quick brown fox jumps over the lazy dog twice"
    assert found(f"x {phrase}.", phrase) == phrase
    assert found(phrase[:-1], phrase) is None
    assert found(f"{phrase}s", phrase) is None


def test_ten_thousand_phrases_are_one_search(monkeypatch):
    sets, searches = [], []
    search_set = re2.Set.SearchSet

    def counted(options):
        sets.append(search_set(options))
        return sets[-1]

    monkeypatch.setattr(re2.Set, "SearchSet", counted)
    judge = rule(*(f"phrase number {number}" for number in range(10_000))).judge
    monkeypatch.setattr(re2, "compile", lambda *arguments: searches.append(arguments))
    assert judge("is this Phrase  number 9876?").span == (8, 27)
    assert judge("is this phrase number 10000?") is None
    assert (len(sets), searches) == (1, [])


@pytest.mark.parametrize(
    ("phrases", "reason"),
    [
        (["a", " \n"], "phrase 2 of 2 is blank"),
        (["a" * 201], "more than 200"),
        (["\ud800"], "surrogate"),
        ([], "phrases"),
    ],
)
def test_a_phrase_that_cannot_be_searched_for_is_refused(phrases, reason):
    with pytest.raises(ValueError, match=reason):
        rule(*phrases)


@pytest.fixture
def load(tmp_path):
    def compile_with(phrases):
        (tmp_path / "deny.txt").write_text(phrases, encoding="utf-8")
        pack = tmp_path / "pack.yaml"
        pack.write_text(
            "pack: p\nversion: 1\nfields: {q: {type: str}}\nrules:\n"
            "  - {id: q.deny.list, field: q, check: denylist, phrases_file: deny.txt}\n"
        )
        return compile_pack(pack)

    return compile_with


def test_phrases_may_stand_in_a_file(load):
    judge = load("# denied\nproject x\nсекрет\n").rules[0].judge
    assert judge("Секрет!").message == "has phrase 2 of 2"
    assert judge("denied") is None


def test_a_phrase_of_a_file_that_is_refused_is_told_with_its_rule(load):
    with pytest.raises(PackError, match=r"q\.deny\.list.*phrase 2 of 2"):
        load(f"a\n{'b' * 201}\n")


def test_columns_mark_every_text_with_a_phrase():
    texts = ["go to HELL", "hello", "project\n x", "STRASSE", "炸弹", None, "fine", "project  x", "a\x1cb"]
    for options in ({}, {"ignore_case": False}, {"whole_words": False}):
        denied = rule("hell", "project x", "straße", "炸弹", "a b", **options)
        marks = pl.DataFrame({"v": texts}).select(denied.suspects(pl.col("v")).fill_null(value=False)).to_series()
        assert all(mark for text, mark in zip(texts, marks, strict=True) if text and denied.judge(text))
        assert not marks[6]
