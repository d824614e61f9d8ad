"""What tests of a whole gate share: a small pack, gates that close, and readers of what a gate leaves."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.errors import InputQuarantined
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.entry import Filter
from dq_gate.quarantine.spool import waiting
from tests.schemas import assert_valid_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dq_gate import Gate
    from dq_gate.quarantine.entry import Entry
    from dq_gate.settings import Settings

PACK = """\
pack: small
version: 3
fields:
  query: {type: str}
  top_k: {type: int, ge: 1, le: 100, default: 10}
rules:
  - {id: query.text.present, field: query, check: not_blank}
  - {id: query.text.length, field: query, check: length, max: 200}
  - {id: query.text.deny, field: query, check: not_matches, patterns: [forbidden]}
  - {id: query.text.normal, field: query, check: normalized, repair: nfc}
  - {id: query.text.calm, field: query, check: not_matches, patterns: ["!!"], mode: shadow}
"""
CLEAN = {"query": "where is my card", "top_k": 5}
REPAIRABLE = {"query": "cafe\u0301", "top_k": 5}
FAILING = {"query": "a forbidden word", "top_k": 5}
CALM_NO_MORE = {"query": "where is my card!!", "top_k": 5}


def write_pack(directory: Path) -> Path:
    """The pack as a file."""
    path = directory / "small.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


def refusal(gate: Gate, record: Any = FAILING, *, key: str | None = None) -> InputQuarantined:
    """The error that a failing record gets."""
    try:
        gate.admit(record, key=key)
    except InputQuarantined as error:
        return error
    raise AssertionError("it passed")


async def arefusal(gate: Gate, record: Any = FAILING, *, key: str | None = None) -> InputQuarantined:
    """The error that a failing record gets, awaited."""
    try:
        await gate.aadmit(record, key=key)
    except InputQuarantined as error:
        return error
    raise AssertionError("it passed")


def lines(log: Path) -> list[dict[str, Any]]:
    """The events in a log, each a whole line as the schema says; one that is being written does not count yet."""
    content = log.read_bytes()
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    for line in whole:
        assert_valid_line(line)
    return [orjson.loads(line) for line in whole]


def named(events: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The events of one name, without its prefix."""
    return [event for event in events if event["event"] == f"dq_gate.{name}"]


def counts(events: Iterable[dict[str, Any]]) -> Counter[str]:
    """Inputs by outcome, over all windows."""
    rows = (row for window in named(events, "window.closed") for row in window["inputs"])
    found: Counter[str] = Counter()
    for row in rows:
        found[row["outcome"]] += row["count"]
    return found


def entries(settings: Settings) -> list[Entry]:
    """Every entry in the store that a gate puts in, as a reviewer finds it."""
    store = connect(settings)
    found: list[Entry] = []
    after = None
    while True:
        page = store.find(Filter(), limit=100, after=after)
        found += page.entries
        if (after := page.after) is None:
            break
    store.close()
    return found


def spooled(settings: Settings) -> int:
    """How many entries wait in spools."""
    return waiting(settings.state_dir / "spool")
