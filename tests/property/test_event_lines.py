"""Whatever an event's fields hold, it is one line: printable ASCII, under 8 KiB, its name and level unharmed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.core.model import PackId
from dq_gate.events import CATALOGUE, Event
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.line import MAX_LINE_BYTES

HOSTILE = [
    '"}\n{"event":"dq_gate.gate.stopped"}\n', "\ud800", "\x1b[2J\x7f\x9b", "\u2028\u202e", "é" * 9000, "x" * 100_000,
    "\U0001f600" * 5000,
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
NUMBERS = st.one_of(st.integers(), st.just(2**62), st.floats())
LONG = st.sampled_from(
    [
        ["r" * 128] * 1000,
        {f"{number}" * 20: number for number in range(3000)},
        [dict.fromkeys(HOSTILE, text) for text in HOSTILE * 10],
    ]
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values as a field's type has them, and no better than that."""
    options = [st.none()] if type(None) in get_args(hint) else []
    if "tuple" in str(hint) or "dict" in str(hint):
        return st.one_of(*options, LONG, st.lists(TEXTS, max_size=5), st.dictionaries(TEXTS, NUMBERS, max_size=5))
    return st.one_of(*options, TEXTS, NUMBERS)


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=6)
@given(data=st.data())
def test_every_event_is_one_line_whatever_its_fields_hold(kind: type[Event], data: st.DataObject) -> None:
    event, release = data.draw(events(kind)), data.draw(TEXTS)
    emitter = Emitter("/dev/null", namespace="n", source="s", release=release, pack=PackId("query", 1, "0" * 16))
    line = emitter._line(event, "request", None, None)
    emitter.close()
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in set(line[:-1]))
    assert len(line) < MAX_LINE_BYTES
    fields = json.loads(line)
    assert (fields["event"], fields["level"], fields["source"]) == (kind.name, kind.level, "s")
    assert event.payload().keys() | {"timestamp", "namespace", "process", "release", "plane"} <= fields.keys()
