"""Writes the samples in this directory: every so-many-th row of a larger set, unchanged.

    python -m tests.data.make_samples ../shared/data

Sources and licences are in `tests/data/README.md`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OUT = Path(__file__).parent


def sample(source: Path, name: str, count: int, keep: Callable[[str], bool] = lambda line: True) -> None:
    """Write about `count` rows, evenly spaced, byte for byte."""
    lines = [line for line in source.read_text(encoding="utf-8").split("\n") if line and keep(line)]
    chosen = [lines[index * len(lines) // count] for index in range(min(count, len(lines)))]
    (OUT / name).write_text("\n".join(chosen) + "\n", encoding="utf-8")


def _of_kinds(*kinds: str) -> Callable[[str], bool]:
    return lambda line: json.loads(line)["kind"] in kinds


def main(data: Path) -> None:
    """Write every file."""
    sample(data / "queries_clean/banking77_test.jsonl", "banking77.jsonl", 100)
    sample(data / "queries_clean/clinc150_test.jsonl", "clinc150.jsonl", 100)
    sample(data / "queries_clean/wands_product_queries.jsonl", "wands.jsonl", 50)
    sample(data / "encoding/ftfy_cases.jsonl", "ftfy_cases.jsonl", 25, lambda line: not json.loads(line)["hard"])
    sample(data / "encoding/json_test_suite.jsonl", "json_test_suite.jsonl", 60, lambda line: len(line) < 400)
    sample(data / "unicode/blns.jsonl", "blns.jsonl", 100)
    sample(data / "markup/xss.jsonl", "xss.jsonl", 20)
    special = data / "unicode/legit_special_unicode.jsonl"
    emoji = _of_kinds("regional_flag", "variation_selector", "zwj_sequence", "keycap", "tag_sequence_flag")
    sample(special, "emoji.jsonl", 50, emoji)
    sample(special, "right_to_left.jsonl", 30, _of_kinds("rtl_text", "zwnj_persian"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
