"""Count the letter triples of real words and of made-up mash; write the table that `not_gibberish` reads.

    python -m tests.accuracy.train_gibberish SOURCES DATA

SOURCES holds three unpacked distributions: `django` 5.2.19 (BSD-3-Clause: its translations, in 48 languages of Latin
script, and its code), `faker` (MIT: names and places of many countries) and `word-list` 4.1.0 (MIT: English words).
DATA is the folder of labelled sets, of which the even rows of those under CC BY, MIT or in the public domain are read.
No text of a share-alike or LGPL set is used, and no mash that anyone typed. The same input gives the same table.
"""

from __future__ import annotations

import ast
import itertools
import json
import math
import random
import re
import string
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.accuracy.keyboard import mash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TABLE = Path(__file__).parents[2] / "dq_gate/checks/data/letter_triples.txt"
LANGUAGES = (
    "af ast az br bs ca cs cy da de dsb en eo es et eu fi fr fy ga gd gl hr hsb hu ia id ig io is it kab lb lt lv "
    "ms nb nl nn os pl pt pt_BR ro sk sl sq sr_Latn sv sw tk tr uz vi"
)
SETS = {
    "queries_clean/banking77_test.jsonl": "text",
    "queries_clean/clinc150_test.jsonl": "text",
    "queries_clean/wands_product_queries.jsonl": "text",
    "kb_docs/wsl/docs.jsonl": "text",
    "kb_docs/cdc_faq_html.jsonl": "clean_text",
}
SOUNDS = (
    "hahahaha hehehehe hihihihi hohohoho huhuhu jajajaja jejeje ahahahah kekeke lololol xaxaxa xoxoxo wkwkwk bahahaha "
    "muahaha aah ooh hmm brr grr pss shh"
)
SOUND_WEIGHT = 400.0
NUMERAL_WEIGHT = 60.0
LANGUAGE_WEIGHT, NAME_WEIGHT, ENGLISH_WEIGHT, IDENTIFIER_WEIGHT, JOINED_WEIGHT = 4.0, 2.0, 0.5, 1.0, 0.5
LANGUAGE_MASS = 8000
LANGUAGE_SMOOTHING = 4000
LIKELIEST_LANGUAGE = 0.03
"""Share of the one language in which a triple is likeliest: small languages count, too."""
MASH_PIECES, JOINED_WORDS = 150_000, 20_000
TRIPLES = ["".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=3)]
FEWEST, MOST = -8, 8
"""Levels, half a natural logarithm each."""

_words = re.compile(r"[^\W\d_]+").findall
_pieces = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])").findall
_identifiers = re.compile(r"[A-Za-z_]{4,}").findall
_roman_digits = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def translations(django: Path) -> dict[str, set[str]]:
    """Words of each language."""
    words: dict[str, set[str]] = {language: set() for language in LANGUAGES.split()}
    for path in django.glob("django/**/LC_MESSAGES/*.po"):
        language = path.parts[-3]
        if language in words:
            lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith(("msgstr", '"'))]
            text = re.sub(r"%\(\w+\)[sd]|\\n", " ", "\n".join(lines))
            words[language].update(word.lower() for word in _words(text) if word.isascii())
    return words


def names(faker: Path) -> Iterator[str]:
    for path in faker.glob("faker/providers/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
                yield from _words(node.value)


def identifiers(roots: Iterable[Path]) -> Iterator[str]:
    for root in roots:
        for path in root.rglob("*.py"):
            if "site-packages" not in path.parts and "test" not in str(path.relative_to(root)):
                yield from _identifiers(path.read_text("utf-8", errors="ignore"))


def queries(data: Path) -> Iterator[str]:
    for name, column in SETS.items():
        for line in (data / name).read_text("utf-8").splitlines()[::2]:
            yield from _words(json.loads(line).get(column) or "")


def pieces(words: Iterable[str]) -> list[str]:
    """The distinct ASCII words, at changes of case apart."""
    return sorted({piece.lower() for word in words if word.isascii() for piece in _pieces(word)})


def roman(number: int) -> str:
    digits = ""
    for value, digit in _roman_digits:
        times, number = divmod(number, value)
        digits += digit * times
    return digits


def triples(words: Iterable[str]) -> Counter[str]:
    """Counts of triples; three times the same letter says nothing."""
    found = (word[i : i + 3] for word in words for i in range(len(word) - 2))
    return Counter(triple for triple in found if triple != triple[0] * 3)


def count_real(sources: Path, data: Path) -> tuple[Counter[str], dict[str, float]]:
    """Weighted counts in real words, and the share of each triple in the language where it is likeliest."""
    real: Counter[str] = Counter()
    likeliest: dict[str, float] = {}
    for words in translations(sources / "django").values():
        counts = triples(sorted(words))
        mass = counts.total() + LANGUAGE_SMOOTHING
        weigh(real, counts, LANGUAGE_WEIGHT * LANGUAGE_MASS / mass)
        for triple, count in counts.items():
            likeliest[triple] = max(likeliest.get(triple, 0.0), (count - 0.5) / mass)
    asked = pieces(queries(data))
    coded = pieces(identifiers((Path(sysconfig.get_path("stdlib")), sources / "django/django")))
    english = (sources / "word-list/words.txt").read_text("utf-8").split()
    weigh(real, triples(pieces(names(sources / "faker"))), NAME_WEIGHT)
    weigh(real, triples(english), ENGLISH_WEIGHT)
    weigh(real, triples(coded) + triples(asked), IDENTIFIER_WEIGHT)
    weigh(real, triples(joined(asked + coded)), JOINED_WEIGHT)
    weigh(real, triples([*SOUNDS.split(), string.ascii_lowercase]), SOUND_WEIGHT)
    weigh(real, triples(map(roman, range(1, 200))), NUMERAL_WEIGHT)
    return real, likeliest


def weigh(total: Counter[str], counts: Counter[str], weight: float) -> None:
    for triple, count in counts.items():
        total[triple] += weight * count


def joined(words: list[str]) -> Iterator[str]:
    """Words run together, as in identifiers and addresses."""
    rng = random.Random(7)
    short = [word for word in words if 3 <= len(word) <= 8]
    return ("".join(rng.sample(short, rng.randint(2, 4))) for _ in range(JOINED_WORDS))


def levels(sources: Path, data: Path) -> dict[str, int]:
    """How much more likely each triple is in mash than in words."""
    rng = random.Random(7)
    mashed = triples(mash(rng) for _ in range(MASH_PIECES))
    real, likeliest = count_real(sources, data)
    all_real, all_mashed = real.total(), mashed.total()
    seldom = all_real / 2e6

    def level(triple: str) -> int:
        if triple == triple[0] * 3:
            return 0
        in_mash = (mashed[triple] + 0.5) / (all_mashed + len(TRIPLES) / 2)
        in_words = (real[triple] + seldom) / (all_real + seldom * len(TRIPLES))
        in_words += LIKELIEST_LANGUAGE * (likeliest.get(triple, 0.0) - in_words)
        return min(MOST, max(FEWEST, round(2 * math.log(in_mash / in_words))))

    return {triple: level(triple) for triple in TRIPLES}


def write(table: dict[str, int]) -> None:
    head = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("#")]
    pairs = map("".join, itertools.product(string.ascii_lowercase, repeat=2))
    rows = [
        f"{pair} " + "".join(chr(ord("I") + table[pair + third]) for third in string.ascii_lowercase) for pair in pairs
    ]
    TABLE.write_text("\n".join([*head, *rows, ""]), "utf-8")


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    write(levels(Path(arguments[0]), Path(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
