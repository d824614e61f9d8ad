"""Text built from what breaks text, for tests over all checks."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = [
    "", " ", "\t", "\n", "\r", "a", "Z", "0", "9", "#", "*", "_", "-", ".", "?", "word", "password", "TNF", "mol",
    "é", "ß", "Å", "œ", "ÿ", "’", "“", "”", "–", "…", "»", "€", "™", "°", "²", "×", "¬", "√", "├", "╨",
    "\x00", "\x0b", "\x0c", "\x1a", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9d", "\xa0", "\ufffd",
    "\u00ad", "\u034f", "\u061c", "\u180b", "\u200b", "\u200c",
    "\u200d", "\u200e", "\u200f", "\u202a", "\u202c", "\u202e",
    "\u2028", "\u2060", "\u2061", "\u2066", "\u2067", "\u2069",
    "\u206a", "\u2800", "\u3000", "\u3164", "\ufeff", "\ufff9",
    "\ufe00", "\ufe0e", "\ufe0f", "\u20e3", "\U000e0001",
    "\U000e0067", "\U000e0062", "\U000e0065", "\U000e006e", "\U000e007f",
    "\U000e0100", "\U000e0155", "🏴", "👩", "🏽", "❤", "☠", "🇩",
    "\u0300", "\u0301", "\u0307", "\u0323", "\u0345", "\u0483",
    "\u05b8", "\u064b", "\u0653", "\u093c", "\u0e49", "\u1037",
    "ا", "ی", "م", "ש", "ל", "क", "र", "्", "ि", "ক", "া", "ே", "ไ",
    "ท", "ក", "က", "ས", "葛", "漢", "か", "ガ", "ｶ", "한", "ᄒ", "ᅡ", "ᆫ",
    "а", "с", "е", "о", "р", "у", "х", "і", "ѕ", "я", "ж", "С",
    "В", "α", "ν", "ο", "π", "Ω", "Α", "ս", "օ", "Ꭺ", "ꓐ", "ⲟ", "ᗪ",
    "𝐚", "𝐛", "𝑥", "𝜃", "ℋ", "ℒ", "ａ", "Ⅳ", "ⅽ", "\U0001042c", "µ", "Å", "ﬁ", "क़",
    "\ue000", "\uf8ff", "\ufdd0", "\uffff", "\U0001fffe", "\U000f0000", "\U0010ffff",
    "<", ">", "&", "=", ":", "(", "/", "'", '"',
    ";", "<b>", "</b>", "<br>", "<br/>", "<h1 ", "<p class=q", "<!--", "<?xml ",
    "&amp;", "&#8217;", "&AT;", "&copy", " onload=x(", "javascript:alert(",
    "Ã©", "Ã ", "â€™", "â€œ", "â€", "Ä«", "Å ", "Рі", "Р°Рё",
    "вЂ", "Ð¿", "√©", "├⌐", "ГѓВ©", "ï¿½", "Â\xa0", "×‘×", "–ø",
]  # fmt: skip
"""Characters of every kind that a check looks at, and their neighbours; markup; misread text."""

SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d\ude00"]


def texts(*, surrogates: bool) -> st.SearchStrategy[str]:
    """Text of such pieces, and of any other characters."""
    pieces = PIECES + SURROGATES if surrogates else PIECES
    other = st.text(max_size=4)
    return st.lists(st.sampled_from(pieces) | other, max_size=12).map("".join)
