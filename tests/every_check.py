"""A pack with a rule of every check and engine there is, and records of every kind for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
from dq_gate.checks import CATALOGUE
from tests.data import damage

DATA = Path(__file__).parent / "data"
FIELDS = {
    "name": "str",
    "kind": "str",
    "price": "int",
    "score": "float",
    "seen": "datetime",
    "tags": "list[str]",
    "embedding": "vector",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "foreign_key": {"file": "words.txt"},
    "depends_on": {"given": "kind", "values": {"banking77": ["word"]}},
    "cel": {"expr": "size(name) < 90 && (price != 3 || kind.startsWith('b'))"},
    "pydantic": {"model": "tests.user_code.models:Offer"},
    "python": {"function": "tests.user_code.functions:sensible_price"},
    "pandera": {"schema": "tests.user_code.polars_schemas:offers"},
    "great_expectations": {"suite": "suite.json"},
    "denylist": {"phrases": ["my card", "chair", "straße", "炸弹"]},
    "tokens": {"max": 24},
    "null_ratio": {"max": 0.01},
    "row_count": {"max": 10},
    "unique": {},
    "near_unique": {},
}
"""Options of the checks whose own failing sample does not suit the pack."""
SUITE = {
    "name": "offers",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 1}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "name"}},
    ],
}
_FIELD_OF = {"str": "name", "int": "price", "float": "score", "datetime": "seen", "vector": "embedding"}
_DECIDING = {"no_control_characters", "no_invisible", "well_formed", "unique", "pydantic", "great_expectations"}
"""Were they all to decide, no record would be left to be clean."""


def write_pack(folder: Path) -> Path:
    """The pack as a file, with the files that it names beside it."""
    (folder / "words.txt").write_text("word\nfood\n", encoding="utf-8")
    (folder / "suite.json").write_text(json.dumps(SUITE), encoding="utf-8")
    pack = {
        "pack": "every",
        "version": 1,
        "fields": {name: {"type": kind, "required": name == "name"} for name, kind in FIELDS.items()},
        "rules": [_rule(name) for name in CATALOGUE],
    }
    path = folder / "every.yaml"
    path.write_text(json.dumps(pack), encoding="utf-8")
    return path


def _rule(name: str) -> dict[str, Any]:
    check = CATALOGUE[name]
    options = OPTIONS[name] if name in OPTIONS else check.fails[0][0] if check.fails else {}
    about = {} if check.subject == "record" or name == "python" else {"field": _field(check.accepts)}
    repair = {"repair": next(iter(check.repairs))} if check.repairs else {}
    window = {} if "request" in check.planes else {"window": {}}  # without one, a gate warns that it skips the rule
    on_fail = "quarantine" if name in _DECIDING else "warn"
    return {"id": f"rule.of.{name}", "check": name, "on_fail": on_fail} | about | repair | window | options


def _field(accepts: frozenset[str]) -> str:
    return next(field for kind, field in _FIELD_OF.items() if kind in accepts)


def records(count: int = 2000) -> list[dict[str, Any]]:
    """Real texts, whole, long, and damaged in every way, with numbers, moments and vectors that mostly fit."""
    texts = [(path.stem, text) for path in sorted(DATA.glob("*.jsonl")) for text in _texts(path)]
    kinds = cycle(damage.KINDS)
    sound = [(stem, text) for stem, text in texts if stem in {"banking77", "clinc150", "wands"}]
    damaged = [
        (kind, damage.apply(kind, text, str(number)))
        for number, ((_, text), kind) in enumerate(zip(islice(cycle(sound), count), kinds, strict=False))
    ]
    long = [("long", text * (4000 // len(text))) for _, text in texts[::25] if 1 < len(text) < 4000]
    return [_record(number, *row) for number, row in enumerate([*texts, *long, *damaged][:count])]


def _texts(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        return [row["text"] for row in map(json.loads, lines) if "text" in row]


def _record(number: int, kind: str, text: Any) -> dict[str, Any]:
    return {
        "name": text,
        "kind": kind,
        "price": number % 23 - 2,
        "score": (number % 7) / 2 if number % 11 else float("nan"),
        "seen": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number - 900) if number % 13 else None,
        "tags": ["word", str(number % 3)],
        "embedding": [number % 5 - 2.0, 0.5, float(number % 2)],
    }
