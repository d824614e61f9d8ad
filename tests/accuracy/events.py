"""No input, however hostile, forges, splits or hides an event: asserted on the bytes that a gate writes.

Every text goes through a guarded call, through `admit` as value, as field name and as key, through a frame whose column
is named by a text, and through a file whose lines are the texts as they are. Events go to a file and to standard output
at once.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from dq_gate import Gate, InputQuarantined
from dq_gate.cli.check import shape_of
from dq_gate.gate.files import Source, admit_file
from dq_gate.signals.line import MAX_LINE_BYTES
from tests.accuracy.planes import texts_by_column
from tests.schemas import assert_valid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FILES = ("blns", "json_test_suite", "xss", "right_to_left", "legit_special_unicode", "attacks_derived", "csv_formula")
TELLING_CHARACTERS = 8
"""A shorter text may well be part of a line by chance: `null`, `true`, a digit."""
SINGLE_CALLS = 600
"""Most texts that go one by one, each waiting for its entry to be stored."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """What a gate wrote of hostile inputs.

    Attributes:
        texts: The inputs.
        events: How many events were emitted.
        content: What was written, by destination.
    """

    texts: tuple[str, ...]
    events: int
    content: dict[str, bytes]

    def problems(self) -> list[str]:
        """What is wrong with the bytes."""
        return [f"{name}: {problem}" for name, content in self.content.items() for problem in self._wrong(content)]

    def _wrong(self, content: bytes) -> Iterator[str]:
        lines = content.split(b"\n")
        if lines.pop() != b"" or len(lines) != self.events:
            yield f"{len(lines)} lines of {self.events} events"
        if not all(0x20 <= byte < 0x7F for byte in set(content) - {0x0A}):
            yield "bytes that are no printable ASCII"
        if max(map(len, lines)) + 1 >= MAX_LINE_BYTES:
            yield "a line that is too long"
        events = [orjson.loads(line) for line in lines]
        assert_valid(events)
        if {event["source"] for event in events} != {"hostile"}:
            yield "a line that is not of this gate"
        said = "\n".join(_strings(events))
        for number, text in enumerate(self.texts):
            if len(text.strip()) >= TELLING_CHARACTERS and text.strip() in said:
                yield f"text {number} is in it"


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)


def hostile_texts(data: Path) -> tuple[str, ...]:
    """Every text of the hostile sets, and what a forger of events would send."""
    found = {text for name in FILES for path in data.rglob(f"{name}.jsonl") for text in _texts(path)}
    forged = '{"timestamp":"2026-01-31T12:00:00Z","level":"info","event":"dq_gate.gate.stopped","source":"forged"}'
    made = {f"x{end}{forged}{end}" for end in ("\n", "\r\n", "\x0b", "\x85", "\u2028", "\0", '"}\n')}
    made |= {f"a{chr(code)}control {code:02} character" for code in (*range(0x20), *range(0x7F, 0xA0))}
    return tuple(sorted(found | made))


def _texts(path: Path) -> Iterator[str]:
    for column, texts in texts_by_column(path).items():
        if column in {"text", "bytes_b64"}:
            yield from texts


def emitted(data: Path) -> Emitted:
    """Send the texts of a folder through a gate every way there is."""
    texts = hostile_texts(data)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="dq-gate-events-") as name, contextlib.redirect_stdout(out):
        folder = Path(name)
        log = folder / "events.jsonl"
        gate = Gate.load(
            "query",
            source="hostile",
            state_dir=folder / "state",
            log=f"{log},stdout",
            log_queue=1_000_000,
            admitted_sample_rate=1.0,
        )
        with gate:
            counted = _count_events(gate)
            _send(gate, texts, folder)
        return Emitted(texts, counted[0], {"file": log.read_bytes(), "stdout": out.buffer.getvalue()})  # type: ignore[attr-defined]  # a BytesIO


def _count_events(gate: Gate) -> list[int]:
    """Counts what the gate emits from now on, after the three events of its start."""
    emitter = gate.runtime().emitter
    counted, emit = [3], emitter.try_emit

    def counting(*arguments: Any, **named: Any) -> bool:
        counted[0] += 1
        return emit(*arguments, **named)

    emitter.try_emit = counting  # type: ignore[method-assign]  # a spy on this one emitter
    return counted


def _send(gate: Gate, texts: Sequence[str], folder: Path) -> None:
    guarded = gate.guard(lambda query: query, bind={"query": "query"})
    for text in texts[:: max(1, len(texts) // SINGLE_CALLS)]:
        _refused_or_not(guarded, text)
        _refused_or_not(gate.admit, {"query": text, text: text})
    with gate.batch() as batch:
        for number, text in enumerate(texts):
            batch.admit({"query": text, text: text}, key=f"{number}{text}")
            batch.admit(text)
    storable = [text.encode("utf-8", "replace").decode() for text in texts]
    for name in ("query", *storable[:20]):
        gate.admit_frame(pl.DataFrame({"query": storable, name: storable}))
    lines = [text.encode("utf-8", "surrogateescape" if _is_bytes(text) else "surrogatepass") for text in texts]
    lines += [json.dumps({"query": text, text: text}).encode() for text in texts]
    path = folder / "hostile.jsonl"
    path.write_bytes(b"\n".join(lines))
    with path.open("rb") as stream, gate.batch() as batch, (folder / "clean").open("wb") as clean:
        admit_file(batch, Source(stream, "jsonl", shape_of(gate.pack, None)), clean, iter)


def _is_bytes(text: str) -> bool:
    """Whether a text stands for bytes that are no UTF-8."""
    return any(0xDC80 <= ord(character) <= 0xDCFF for character in text) and not any(
        0xD800 <= ord(character) < 0xDC80 or 0xDD00 <= ord(character) <= 0xDFFF for character in text
    )


def _refused_or_not(call: Any, argument: Any) -> None:
    with contextlib.suppress(InputQuarantined):
        call(argument)


@dataclass(frozen=True, slots=True)
class EventsResult:
    """What came of the hostile texts of a folder."""

    found: Emitted

    @property
    def is_met(self) -> bool:
        return not self.found.problems()

    def line(self) -> str:
        told = "; ".join(self.found.problems()) or "each one line, valid, without a word of theirs"
        return f"{len(self.found.texts)} hostile texts, {self.found.events} events: {told}"


def results(data: Path) -> Iterable[EventsResult]:
    """For `make accuracy`."""
    yield EventsResult(emitted(data))
