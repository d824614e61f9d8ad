from __future__ import annotations

import random
import string

import polars as pl
import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options
from tests.accuracy.keyboard import mash

compiled = CATALOGUE["not_gibberish"].compile(Options())
judge = compiled.judge

WORDS = {
    "misspelled": "whree can i fnid teh seting for langauge",
    "part number": "WH-1000XM4",
    "product code": "B07XJ8C8F5",
    "error codes": "0x80070005 ORA-00942 ERR_CONNECTION_RESET",
    "UUID": "550e8400-e29b-41d4-a716-446655440000",
    "hash": "d41d8cd98f00b204e9800998ecf8427e",
    "base64": "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Q=",
    "path": "/usr/lib/x86_64-linux-gnu/libgtk-3.so",
    "commands": "kubectl systemctl nslookup ifconfig",
    "C functions": "vsnprintf pthread_mutex_lock strncpy",
    "identifier": "NSXMLParserDelegateAbortedParseError",
    "words run together": "dtifibergrouppropertyweightedaverage",
    "drug": "hydrochlorothiazide acetylcysteine Xeljanz",
    "abbreviations": "GDPR CRISPR IADPSG",
    "drawn out": "noooooo aaaaaah hmmmmmm grrrrrr zzzzzzzz",
    "drawn out alone": "heyyyyyyyy",
    "drawn out sigh": "ughhhhhhhh",
    "a digit within": "dfgkjhsdfgk7",
    "kisses": "xoxoxoxo",
    "laughter": "hahahahaha jajajaja lololol",
    "alphabet": "abcdefghijklmnopqrstuvwxyz",
    "Roman numeral": "XXXVIII",
    "German": "Donaudampfschifffahrtsgesellschaft Angstschweiss",
    "Polish": "Szczecin Krzyzewski",
    "Czech": "ctvrt zmrzlina",
    "Vietnamese": "Nguyen nghieng",
    "Welsh": "Llanfairpwllgwyngyll",
    "Turkish with marks": "değiştirebileceğimizi düşünüyorsanız",
    "Russian": "ывапролджэ",
    "Chinese": "如何重置密码",
    "short": "sdfgh",
    "capitals that may be initials": "SDFGHJK",
    "nothing": "",
}
MASH = {
    "home row": "asdfghjklasdf",
    "top row": "qwertyuiop poiuytrewq",
    "stroke": "sdfsdfsdfsdf",
    "two hands": "fjdkslfjdksla",
    "capitals": "SDFKJHSDKJFH",
    "first letter capital": "Dfgkjhsdfgkjh",
    "several words": "sdkfjh skdjfh sdkjfhs",
    "beside a number": "dfgkjhdfg 1234567890123",
}


@pytest.mark.parametrize("text", WORDS.values(), ids=list(WORDS))
def test_what_means_something_passes(text):
    assert judge(text) is None


@pytest.mark.parametrize("text", MASH.values(), ids=list(MASH))
def test_mash_fails(text):
    assert judge(text) is not None


def test_mash_within_a_sentence_passes():
    assert judge("what does dfgkjhsdfgk mean in this log?") is None


def test_a_few_words_among_mash_do_not_save_it():
    assert judge("hi dfgkjhsdfgk skdjfhskdjf").span == (3, 14)


def test_the_end_of_a_long_text_is_not_judged():
    assert judge("word " * 1000 + "dfgkjhsdfgk" * 2000) is None
    assert judge("dfgkjhsdfgk " * 1000) is not None


def test_lone_surrogates_do_not_disturb():
    assert judge("\ud800 dfgkjhsdfgk") is not None
    assert judge("\ud800 how do I reset it?") is None


def test_most_made_up_mash_fails_and_both_planes_agree():
    rng = random.Random(5)
    pieces = [piece for piece in (mash(rng) for _ in range(500)) if len(piece) > 7]
    marked = pl.DataFrame({"v": pieces}).select(compiled.suspects(pl.col("v")))["v"].to_list()
    failed = [judge(piece) is not None for piece in pieces]
    assert sum(failed) > 0.8 * len(pieces)
    assert all(mark for mark, fails in zip(marked, failed, strict=True) if fails)


def test_few_passing_texts_are_looked_at_twice_on_the_batch_plane():
    texts = ["how do I reset the password of my account?", "where is my new card", "compare these two tables please"]
    assert pl.DataFrame({"v": texts}).select(compiled.suspects(pl.col("v")))["v"].to_list() == [False] * 3


def test_the_table_covers_every_triple():
    from dq_gate.checks.gibberish import _levels

    levels = _levels()
    assert len(levels) == 26**3
    assert set(levels.values()) <= set(range(-8, 9))
    assert all(levels[letter * 3] == 0 for letter in string.ascii_lowercase)
