from __future__ import annotations

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options

judge = CATALOGUE["no_homoglyphs"].compile(Options()).judge

GENUINE = {
    "science": "TNFα, IFNγ, NFκB, αvβ3, ΔΨm, PPARγ2, β-blocker, Cα, σmax, 5 μmol, 20 µg, 10 kΩ, λphage",
    "formula": "sin𝜃 + 𝑥² over 𝐴",
    "Japanese": "Tシャツ、iPhoneを買う、IT系",
    "Chinese": "怎么用Wi-Fi连接USB设备",
    "Japanese around names and symbols": "テストtestテストтестテスト",
    "Korean": "SNS에서 IT가",
    "Thai": "ใช้WiFiได้",
    "Hebrew": "בGoogle וGitHub",
    "Arabic": "بـGitHub",
    "Hindi": "SIMकार्ड",
    "Russian": "Что такое СССР? SMSки и PINкод, ТекстText",
    "Ukrainian": "Їжак і ґава",
    "Serbian": "Љубав и џемпер",
    "Greek": "Ποια είναι η Google;",
    "Armenian": "Ինչ է Facebook-ը",
    "Georgian": "Facebookზე",
    "quoted letters": "what does the Russian letter я mean, and СССР?",
    "quoted words": "what does мост mean",
    "decorations": "ⓘ ™ ℃ № Ⅳ",
    "full width": "ＡＢＣ １２３",
    "accents": "Ångström, naïve, Łódź, İstanbul, Việt Nam",
}
DISGUISED = {
    "one Cyrillic letter": "p\u0430ssword",
    "capital": "\u0412MW",
    "at the end": "SENS\u0415",
    "several letters": "\u0440r\u0435\u0455\u0456d\u0435nt",
    "ending like Latin": "GitHub\u0430",
    "Latin in Russian": "к\u0061к",
    "Greek omicron": "l\u03bfgin",
    "Greek capital": "\u039dew",
    "Greek alpha in a word": "p\u03b1ssword",
    "several Greek letters": "pα\u03baιsταn",
    "Armenian": "t\u0570e",
    "Cherokee": "w\u13c2at",
    "Lisu": "\ua4d0ank",
    "Coptic": "c\u2c9fde",
    "Canadian syllabics": "\u15eaog",
    "Deseret": "l\U0001042cgin",
    "mathematical word": "𝐛𝐚𝐧𝐤",
    "mathematical letter in a word": "p𝐚ssword",
    "script capitals": "ℋℰℒℒ",
    "full-width letter in a word": "passｗord",
    "all of a word": "the \u0441\u043e\u0440\u0443 machine",
}


@pytest.mark.parametrize("text", GENUINE.values(), ids=list(GENUINE))
def test_words_that_mix_for_a_reason_pass(text):
    assert judge(text) is None


@pytest.mark.parametrize("text", DISGUISED.values(), ids=list(DISGUISED))
def test_words_in_borrowed_letters_fail(text):
    assert judge(text) is not None


def test_the_word_is_the_span():
    assert judge("reset my p\u0430ssword now").span == (9, 17)


def test_lone_surrogates_do_not_disturb():
    assert judge("\ud800 p\u0430ssword") is not None
    assert judge("\ud800 password") is None
