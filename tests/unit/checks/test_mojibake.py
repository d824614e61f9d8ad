from __future__ import annotations

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options
from dq_gate.checks.mojibake import fix_encoding

judge = CATALOGUE["no_mojibake"].compile(Options()).judge

TEXTS = ["naïve café", "Привет, мир", "“quoted” – it’s", "Ελληνικά", "עברית", "日本語", "Łódź, Žižkov", "señor 😀"]
MISREAD = [(text, "latin-1") for text in TEXTS] + [
    ("naïve café", "cp437"),
    ("naïve café", "mac-roman"),
    ("naïve café", "cp1250"),
    ("naïve café", "cp1257"),
    ("señor", "cp1254"),
    ("señor 😀", "iso8859-2"),
    ("Что это?", "cp1251"),
]


@pytest.mark.parametrize(("text", "encoding"), MISREAD)
def test_misread_text_fails_and_is_turned_back(text, encoding):
    damaged = text.encode().decode(encoding)
    assert judge(damaged) is not None
    assert fix_encoding(damaged) == text


def test_twofold_damage_is_turned_back():
    assert fix_encoding("naïve café".encode().decode("cp1252").encode().decode("cp1252")) == "naïve café"


@pytest.mark.parametrize(
    "text",
    [*TEXTS, "Её «СССР», РФ…", "її надії партії", "créée à l’été", "40 °C", "RETWEET SE VOCÊ…", "Bjørnstjerne",
     "TP. Hồ Chí Minh", "ĐẶC BIỆT", "Ångström", "½ – ¾", "«à la»"],
)  # fmt: skip
def test_undamaged_text_passes_and_is_left_alone(text):
    assert judge(text) is None
    assert fix_encoding(text) is text


def test_quotation_marks_ligatures_and_widths_stay_as_they_are():
    assert fix_encoding("“ﬁne” Ａ cafÃ©") == "“ﬁne” Ａ café"


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param("â€œquotedâ€ text cafÃ©", id="a closing quotation mark lost its last byte"),
        pytest.param("cafÃ© Slovenà\ufffdina", id="a byte was unreadable"),
        pytest.param("GrÃ¶Ã\ufffde", id="a byte was replaced"),
        pytest.param("Ãœber caf\u00c3\u00a9 â€", id="the end was cut off"),
    ],
)
def test_damage_with_losses_fails_and_is_left_for_a_human(damaged):
    assert judge(damaged) is not None
    assert fix_encoding(damaged) == damaged


def test_a_lone_control_character_is_not_this_checks_business():
    assert judge("airb\x85ender") is None
    assert fix_encoding("\x84Handwerk\x93") == "\x84Handwerk\x93"


@pytest.mark.parametrize("unit", ["Ãƒ©", "ÃƒÂ", "Ã ", "aÃƒ©", "√©"])
def test_hostile_text_takes_linear_time(unit):
    damaged = unit * (100_000 // len(unit))
    judge(damaged)
    fix_encoding(damaged)


def test_lone_surrogates_do_not_disturb():
    assert judge("\ud800 café") is None
    fix_encoding("\ud800 cafÃ©")


def test_the_span_covers_the_damage():
    assert judge("my cafÃ© is open").span == (6, 8)
