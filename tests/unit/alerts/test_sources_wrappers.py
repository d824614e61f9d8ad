"""Container runtimes wrap every line and split long ones; what a program wrote must come out, and in bounded memory."""

from __future__ import annotations

import json

import pytest

from dq_gate.alerts.sources.lines import MAX_LINE_BYTES, LineReader
from dq_gate.alerts.sources.wrappers import Joiner, Piece, cri_piece, docker_piece

EVENT = '{"timestamp":"2025-01-01T00:00:00Z","level":"info","event":"dq_gate.store.local","note":"ü \\" \\n"}'
AT = 1_735_689_600_000


def cri(text, flag="F", stream="stdout"):
    return f"2025-01-01T00:00:00.123456789Z {stream} {flag} {text}".encode()


def docker(text, stream="stdout"):
    return json.dumps({"log": text, "stream": stream, "time": "2025-01-01T00:00:00.1Z"}).encode()


def read(*lines):
    reader = LineReader()
    found = [event for line in lines if (event := reader.read(line)) is not None]
    return [record for record, _ in found], reader


@pytest.mark.parametrize(
    "lines",
    [
        [EVENT.encode()],
        [cri(EVENT)],
        [cri(EVENT, stream="stderr"), cri("other program's text")],
        [cri(EVENT[:30], "P"), cri(EVENT[30:])],
        [cri(EVENT[:9], "P"), cri("mixed in", stream="stderr"), cri(EVENT[9:20], "P:tag"), cri(EVENT[20:], "F:tag")],
        [docker(EVENT + "\n")],
        [docker(EVENT[:30]), docker("mixed in\n", "stderr"), docker(EVENT[30:] + "\n")],
    ],
)
def test_a_wrapped_event_comes_out_as_it_was_written(lines):
    (record,), reader = read(*lines)
    assert record == json.loads(EVENT)
    assert (reader.ours, reader.broken) == (1, 0)


@pytest.mark.parametrize(
    "line",
    [
        b"2025-01-01T00:00:00Z stdout F",
        b"2025-01-01T00:00:00Z stdin F {}",
        b"2025-01-01T00:00:00Z stdout X {}",
        b"",
        b"   ",
        b"\xff stdout F \xff",
        b'{"log": 7, "stream": "stdout"}',
        b'{"log": "x\\n", "stream": "other"}',
        b'{"log": "x\\n", "stream": ["stdout"]}',
        b'{"log": "\\ud800\\n", "stream": "stdout"}',
    ],
)
def test_what_only_looks_wrapped_is_no_event_and_no_error(line):
    records, reader = read(line)
    assert records == []
    assert reader.foreign + reader.broken == reader.lines == 1


def test_a_wrapped_damaged_event_is_broken():
    _, reader = read(cri(EVENT[:-9]), docker(EVENT[:-9] + "\n"))
    assert (reader.lines, reader.broken) == (2, 2)


def test_parts_of_a_line_count_once():
    _, reader = read(cri("a", "P"), cri("b", "P"), cri("c"))
    assert (reader.lines, reader.foreign) == (1, 1)


def test_a_line_without_an_end_takes_bounded_memory_and_the_next_is_read():
    reader = LineReader()
    for _ in range(3 * MAX_LINE_BYTES // 16_000):
        assert reader.read(cri("x" * 16_000, "P")) is None
    assert sum(map(len, reader.joiner._begun.values())) <= MAX_LINE_BYTES
    assert reader.read(cri("end")) is None
    assert reader.read(cri(EVENT)) is not None
    assert (reader.joiner.overlong, reader.lines) == (1, 1)


def test_a_joiner_goes_on_with_parts_that_were_saved():
    before, after = Joiner(100), Joiner(100)
    assert before.save() is None
    before.join(Piece("stdout", b"\xff a", False))
    after.restore(json.loads(json.dumps(before.save())))
    assert after.join(Piece("stdout", b" b", True)) == b"\xff a b"


def test_an_event_that_nests_a_wrapped_line_is_itself():
    line = json.dumps({**json.loads(EVENT), "log": EVENT + "\n", "stream": "stdout"}).encode()
    (record,), _ = read(line)
    assert "log" in record


def test_pieces_of_other_lines_are_none():
    assert cri_piece(b"198.18.0.0 - - [17/May/2015:10:05:03 +0000]") is None
    assert docker_piece([]) is None
    assert docker_piece({"message": "x"}) is None
