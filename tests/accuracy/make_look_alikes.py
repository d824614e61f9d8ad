"""Write the table of letters that look Latin, by alphabet: `python -m tests.accuracy.make_look_alikes DATA`."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

TABLE = Path(__file__).parents[2] / "dq_gate/checks/data/look_alikes.txt"
FEWEST = 4
"""Alphabets with fewer look-alikes spell no word."""
ELSEWHERE = {"LATIN", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "FULLWIDTH"}
"""Judged by other rules, or (full width) added below as a whole."""
TOO_COMMON = "гЬ"
"""They look Latin in few typefaces and are in most Russian texts."""


def alphabets(path: Path) -> dict[str, dict[str, str]]:
    """Latin letter by look-alike, by the first word of the look-alike's name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in map(json.loads, path.read_text("utf-8").splitlines()):
        letter, looks = row["char"], [look for look in row["looks_like"] if len(look) == 1 and look.isalpha()]
        if looks and len(letter) == 1 and letter.isalpha() and letter not in TOO_COMMON:
            found[unicodedata.name(letter).split()[0]][letter] = looks[0]
    kept = {name: letters for name, letters in found.items() if len(letters) >= FEWEST and name not in ELSEWHERE}
    wide = [chr(code) for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))]
    return {**kept, "FULLWIDTH": {letter: unicodedata.normalize("NFKC", letter) for letter in wide}}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    head = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("#")]
    found = alphabets(Path(arguments[0]) / "unicode/confusables_to_ascii.jsonl")
    rows = [f"{name} {''.join(letters)} {''.join(letters.values())}" for name, letters in sorted(found.items())]
    TABLE.write_text("\n".join([*head, *rows, ""]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
