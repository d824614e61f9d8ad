"""A log holds whatever its writers and their crashes left in it; reading must survive all of it."""

from __future__ import annotations

import pytest

from dq_gate.alerts.sources.lines import LineCutter, LineReader, milliseconds

EVENT = b'{"timestamp":"2025-01-01T00:00:00.250Z","level":"info","event":"dq_gate.store.local"}'


def read(line):
    reader = LineReader()
    found = reader.read(line)
    return "ours" if found else "foreign" if reader.foreign else "broken"


def test_an_event_comes_with_its_time():
    record, at = LineReader().read(EVENT + b"\r")
    assert (record["event"], at) == ("dq_gate.store.local", 1_735_689_600_250)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"", "foreign"),
        (b'127.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 7', "foreign"),
        (b'{"message":"hello"}', "foreign"),
        (b'{"event":"user.login","timestamp":"2025-01-01T00:00:00Z"}', "foreign"),
        (b'{"event":7}', "foreign"),
        (b'["dq_gate.store.local"]', "foreign"),
        (b'"dq_gate.store.local"', "foreign"),
        (b"null", "foreign"),
        (b"\xff\xfe\x00", "foreign"),
        (b"[" * 100_000, "foreign"),
        (EVENT[:-9], "broken"),
        (EVENT.replace(b"info", b"in\xffo"), "broken"),
        (EVENT.replace(b"info", b"in\x00o"), "broken"),
        (b'{"a":' * 100_000, "broken"),
        (EVENT.replace(b"2025-01-01T00:00:00.250Z", b"yesterday"), "broken"),
        (EVENT.replace(b"2025-01-01T00:00:00.250Z", b"2025-01-01T00:00:00"), "broken"),
        (EVENT.replace(b'"2025-01-01T00:00:00.250Z"', b"1735689600"), "broken"),
        (EVENT.replace(b'"timestamp":"2025-01-01T00:00:00.250Z",', b""), "broken"),
        (EVENT.replace(b"2025", b"1925"), "broken"),
        (EVENT.replace(b"2025", b"9999"), "broken"),
        (EVENT.replace(b"store.local", b"of.a.later.release"), "ours"),
    ],
)
def test_every_line_is_ours_foreign_or_broken(line, kind):
    assert read(line) == kind


def test_times_of_all_zones_are_one_time():
    assert milliseconds("2025-01-01T01:30:00.0009+01:30") == milliseconds("2025-01-01T00:00:00Z")


def test_a_line_too_long_is_skipped_and_takes_no_memory():
    cutter = LineCutter(limit=1000)
    lines = cutter.cut(b"first\n" + b"x" * 600)
    for _ in range(1000):
        lines += cutter.cut(b"x" * 1000)
        assert len(cutter._rest) <= 1000
    lines += cutter.cut(b"xx\nlast\n")
    assert (lines, cutter.overlong) == ([b"first", b"last"], 1)
