from __future__ import annotations

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.homoglyphs import HomoglyphOptions, look_alikes
from tests.accuracy.disguises import disguise

CHECK = CATALOGUE["no_homoglyphs"]
judge = CHECK.compile(HomoglyphOptions()).judge

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
    "Russian of look-alikes alone": "роса сор рот",
    "Russian of look-alikes in Russian": "роса на PINкоде и сор",
    "Russian word in English": "the word мама means mum",
    "Russian capitals": "what does МОСКВА mean, and СССР or НАТО",
    "Greek in science": "σ, µ, Δ, ρ and ν of the fit",
    "Greek word": "the Greek word λόγος means word",
    "Greek initials": "ΑΒΓ and ΑΕΚ are clubs",
    "Greek name in Greek": "Το ΝΑΤΟ και η Google",
    "Cherokee": "Cherokee is ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "Armenian name in English": "Yerevan is Երևան",
    "full width in Japanese": "ＧＯＯＧＬＥ 検索 iPhone",
    "three Greek letters": "what is ΑΕΚ",
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
    "all of a word with a capital": "log in to \u0420\u0430\u0443\u0440\u0430\u04cf",
    "all of a word in Greek": "ask \u039d\u0391\u03a4\u039f for help",
    "all of a word in Cherokee": "the \u13a2\u13c0\u13ac\u13a1 of it",
    "all of a word in Lisu": "my \ua4d1\ua4ee\ua4ec\ua4d1\ua4ee\ua4e1 account",
    "all of a word in full width": "my \uff50\uff41\uff59\uff50\uff41\uff4c account",
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


@pytest.mark.parametrize("alphabet", ["CYRILLIC", "GREEK", "CHEROKEE", "LISU", "FULLWIDTH", "WARANG"])
def test_whole_words_in_any_alphabet_fail_unless_left_alone(alphabet):
    letters = {latin: letter for letter, latin in look_alikes()[alphabet].items()}
    words = [
        other for word in ("voyage", "coax", "heap", "sales", "pose", "solve") if (other := disguise(word, letters))
    ]
    lenient = CHECK.compile(HomoglyphOptions(whole_words=False)).judge
    assert words
    assert all(judge(f"where is my {word} now") for word in words)
    assert not any(lenient(f"where is my {word} now") for word in words)


def test_look_alikes_are_single_letters_of_other_alphabets():
    for letters in look_alikes().values():
        assert all(len(letter) == 1 and not letter.isascii() for letter in letters)
        assert all(latin.isascii() and latin.isalpha() for latin in letters.values())
