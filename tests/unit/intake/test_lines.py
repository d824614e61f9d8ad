"""Lines come whole, whatever ends them, and a line without end costs no memory."""

from __future__ import annotations

import io

import pytest

from dq_gate.intake import lines as lines_module
from dq_gate.intake.lines import Line, read_lines


@pytest.fixture
def limit(monkeypatch):
    """Lines of more than eight bytes are long."""
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 8)
    monkeypatch.setattr(lines_module, "_CHUNK", 4)
    return 8


def lines_of(data):
    return list(read_lines(io.BytesIO(data)))


def test_lf_and_crlf_end_a_line_and_the_last_line_needs_no_end():
    assert lines_of(b"one\ntwo\r\n\nfour") == [
        Line(1, b"one", 3, b"\n"),
        Line(2, b"two", 3, b"\r\n"),
        Line(3, b"", 0, b"\n"),
        Line(4, b"four", 4, b""),
    ]


def test_nothing_has_no_lines():
    assert lines_of(b"") == []


def test_a_carriage_return_alone_ends_nothing():
    assert [line.data for line in lines_of(b"a\rb\n\rc")] == [b"a\rb", b"\rc"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_up_to_the_limit_is_whole(limit, end):
    (line,) = lines_of(b"x" * limit + end)
    assert line == Line(1, b"x" * limit, limit, end)
    assert not line.is_cut


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("size", [9, 10, 11, 12, 13, 100])
def test_a_longer_line_keeps_its_beginning_and_tells_its_size(limit, size, end):
    after = b"after\n" if end else b""
    long, *rest = lines_of(b"x" * size + end + after)
    assert (long.data, long.size, long.is_cut) == (b"x" * limit, size, True)
    assert [line.data for line in rest] == after.split()


def test_a_long_line_is_never_held_whole():
    class Endless(io.RawIOBase):
        """Two hundred megabytes without a line end."""

        left = 200 * 1024 * 1024
        largest = 0

        def readline(self, size=-1):
            Endless.largest = max(self.largest, size)
            taken = min(size, self.left)
            self.left -= taken
            return bytes(taken)

    (line,) = read_lines(Endless())
    assert line.size == 200 * 1024 * 1024
    assert len(line.data) == lines_module.MAX_LINE_BYTES
    assert Endless.largest <= lines_module.MAX_LINE_BYTES + 2
