"""`gate.check` and `@gate.guard` against the same rules written by hand."""

from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import re2

from dq_gate import Gate
from tests.benchmarks.measure import Figure, best_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TENANTS = [f"tenant-{number}" for number in range(50)]
DENIED = [
    r"\bdrop\s+table\b", r"\bunion\s+select\b", r"<script", r"javascript:", r"\bexec\s*\(", r"\.\./\.\./",
    r"\bignore (all )?previous\b", r"\bsystem prompt\b", r"\bjailbreak\b", r"\bbase64,", r"\bonerror\s*=",
    r"\bpassword\s*[:=]", r"\bapi[_-]?key\b", r"-----begin", r"\bxp_cmdshell\b", r"\bwget http", r"\bcurl http",
    r"\bchmod 777\b", r"/etc/passwd", r"\brm -rf\b",
]  # fmt: skip
PACK = """
pack: benchmark
version: 1
fields:
  query: {{type: str}}
  top_k: {{type: int, ge: 1, le: 100, default: 10}}
  tenant: {{type: str, one_of: [{tenants}]}}
  filters: {{type: object, required: false}}
rules:
  - {{id: query.text.present, field: query, check: not_blank}}
  - {{id: query.text.length, field: query, check: length, min: 3, max: 2000}}
  - {{id: query.text.control, field: query, check: no_control_characters}}
  - {{id: query.text.invisible, field: query, check: no_invisible}}
  - {{id: query.text.replacement, field: query, check: no_replacement_character}}
  - {{id: query.text.deny, field: query, check: not_matches, patterns: {denied}, ignore_case: true}}
"""
WORDS = [
    "how",
    "do",
    "i",
    "reset",
    "my",
    "card",
    "pin",
    "when",
    "the",
    "app",
    "says",
    "that",
    "transfer",
    "failed",
    "please",
    "refund",
    "order",
    "late",
    "today",
]
FOREIGN = ["café", "Zürich", "naïve", "São", "jalapeño", "Дом", "東京", "größer"]
RECORDS = 256
_SUSPECT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd]")


def records() -> list[dict[str, Any]]:
    """256 clean records of 40 to 400 characters, one in five with a word that is not ASCII."""
    draw = random.Random(20)
    made = []
    for number in range(RECORDS):
        words: list[str] = []
        length = draw.randint(40, 400)
        while sum(map(len, words)) + len(words) < length:
            words.append(draw.choice(WORDS))
        if number % 5 == 0:
            words[draw.randrange(len(words))] = draw.choice(FOREIGN)
        filters = {"lang": "en"} if number % 3 else {}
        query = " ".join(words)[:400]
        made.append({"query": query, "top_k": draw.randint(1, 100), "tenant": draw.choice(TENANTS), "filters": filters})
    return made


def by_hand() -> Callable[[dict[str, Any]], bool]:
    """The benchmark pack's rules, written out: what a careful engineer would put in front of one retriever."""
    options = re2.Options()
    options.case_sensitive = False
    options.max_mem = 64 << 20
    denied = re2.Set.SearchSet(options)
    for pattern in DENIED:
        denied.Add(pattern)
    denied.Compile()
    matches, suspect, tenants = denied.Match, _SUSPECT.search, frozenset(TENANTS)

    def is_clean(record: dict[str, Any]) -> bool:
        query = record["query"]
        top_k = record["top_k"]
        return (
            type(query) is str
            and type(top_k) is int
            and 1 <= top_k <= 100
            and record["tenant"] in tenants
            and type(record["filters"]) is dict
            and 3 <= len(query) <= 2000
            and not query.isspace()
            and ((query.isascii() and query.isprintable()) or suspect(query) is None)
            and not matches(query)
        )

    return is_clean


def benchmark_gate() -> Gate:
    """A gate on the benchmark pack that writes nothing."""
    denied = "[" + ", ".join(f"'{pattern}'" for pattern in DENIED) + "]"
    folder = Path(tempfile.mkdtemp(prefix="dq-gate-bench-"))
    path = folder / "benchmark.yaml"
    path.write_text(PACK.format(tenants=", ".join(TENANTS), denied=denied), encoding="utf-8")
    return Gate.load(path, state_dir=str(folder / "state"), log=str(folder / "events.jsonl"), admitted_sample_rate=0.0)


def figures() -> Iterator[Figure]:
    """The record benchmark of design section 10."""
    gate, is_clean, made = benchmark_gate(), by_hand(), records()
    assert all(is_clean(record) for record in made)
    assert all(gate.check(record).outcome == "clean" for record in made)
    check = gate.check
    subject, limit = best_of(
        lambda: [check(record) for record in made], lambda: [is_clean(record) for record in made], len(made)
    )
    yield Figure("gate.check on a clean record, against the rules by hand", "µs", subject, limit, 3.0)
    yield Figure("  the same, against what it aims at", "µs", subject, limit, 2.0, is_aim=True)

    def search(query: str, top_k: int, tenant: str, filters: dict[str, str]) -> int:
        return top_k

    guarded = gate.guard(search)

    def bare(record: dict[str, Any]) -> int:
        check(record)
        return search(**record)

    subject, bare_us = best_of(
        lambda: [guarded(**record) for record in made], lambda: [bare(record) for record in made], len(made)
    )
    # Design section 10 allows 3 µs where the rules by hand take 1.11.
    yield Figure("@gate.guard on a clean call, beyond gate.check and the call", "µs", subject - bare_us, limit, 2.7)

    long = [{"query": "größer als ein Café in 東京 und Zürich " * 52, "top_k": 1, "tenant": "tenant-1", "filters": {}}]
    long[0]["query"] = long[0]["query"][:2000]
    assert check(long[0]).outcome == "clean"
    subject, _ = best_of(lambda: [check(long[0]) for _ in range(20)], lambda: None, 20)
    yield Figure("gate.check on 2,000 characters, not all ASCII", "µs", subject, limit, 36.0)
    gate.close()
