"""Logs rotate, stop in the middle of a line and hold what others wrote; alerting must lose nothing of it."""

from __future__ import annotations

import base64
import json
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from dq_gate.alerts import follow
from dq_gate.alerts.follow import FollowedFile, open_source
from dq_gate.alerts.lines import MAX_LINE_BYTES, LineReader
from dq_gate.errors import UnreadableInputError

SUITE = Path(__file__).parents[1] / "data" / "json_test_suite.jsonl"
EVENT = '{"timestamp":"2025-01-01T00:00:00Z","event":"dq_gate.store.local"'


class Reading:
    """A followed file, read step by step."""

    def __init__(self, path, **options):
        self.file = FollowedFile(path, **options)
        self.stop = threading.Event()
        self._batches = self.file.batches(self.stop)

    def lines(self):
        """Everything that can be read now."""
        found = []
        while batch := next(self._batches):
            found += batch
        return found


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _polls_often(monkeypatch):
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.001)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.jsonl"


def test_a_file_is_read_from_its_start_and_as_it_grows(log):
    log.write_bytes(b"1\n2\n")
    reading = Reading(log)
    assert reading.lines() == [b"1", b"2"]
    assert reading.lines() == []
    with log.open("ab") as writer:
        writer.write(b"3\n4\n")
    assert reading.lines() == [b"3", b"4"]


def test_a_line_counts_when_its_end_was_written(log):
    log.write_bytes(b"1\nhal")
    reading = Reading(log)
    assert reading.lines() == [b"1"]
    with log.open("ab") as writer:
        writer.write(b"f\n")
    assert reading.lines() == [b"half"]


def test_a_file_may_appear_later(log):
    reading = Reading(log)
    assert reading.lines() == []
    log.write_bytes(b"1\n")
    assert reading.lines() == [b"1"]


def test_rotation_by_rename_loses_nothing_of_either_file(log):
    log.write_bytes(b"1\n")
    reading = Reading(log)
    assert reading.lines() == [b"1"]
    with log.open("ab") as slow_writer:
        log.rename(log.with_suffix(".1"))
        slow_writer.write(b"2\n")
        slow_writer.flush()
        assert reading.lines() == [b"2"]
        log.write_bytes(b"4\n")
        assert reading.lines() == [b"4"]
        slow_writer.write(b"3\n")
    with log.open("ab") as writer:
        writer.write(b"5\n")
    assert reading.lines() == [b"3", b"5"]


def test_two_rotations_between_two_looks_lose_only_what_was_never_open(log):
    log.write_bytes(b"1\n")
    reading = Reading(log)
    assert reading.lines() == [b"1"]
    log.rename(log.with_suffix(".2"))
    log.write_bytes(b"never seen\n")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"3\n")
    assert reading.lines() == [b"3"]


def test_a_renamed_file_is_let_go_when_quiet_and_its_last_half_line_is_read(log):
    log.write_bytes(b"1\nhalf")
    reading = Reading(log, linger=0)
    assert reading.lines() == [b"1"]
    open_before = open_files()
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"2\n")
    assert sorted(reading.lines() + reading.lines()) == [b"2", b"half"]
    assert open_files() == open_before


def test_copy_and_truncate_starts_over(log):
    log.write_bytes(b"1\n2\n3\nhalf")
    reading = Reading(log)
    assert reading.lines() == [b"1", b"2", b"3"]
    os.truncate(log, 0)
    with log.open("ab") as writer:
        writer.write(b"4\n")
    assert reading.lines() == [b"half", b"4"]


def test_copy_and_truncate_is_noticed_when_the_file_has_grown_again(log):
    log.write_bytes(b"old 1\n")
    reading = Reading(log)
    assert reading.lines() == [b"old 1"]
    os.truncate(log, 0)
    with log.open("ab") as writer:
        writer.write(b"new 1\nnew 2\nnew 3\n")
    assert reading.lines() == [b"new 1", b"new 2", b"new 3"]


def test_a_line_of_ten_megabytes_is_skipped_in_constant_memory(log):
    with log.open("wb") as writer:
        writer.write(b"1\n")
        for _ in range(10):
            writer.write(b"x" * 1024 * 1024)
        writer.write(b"\n2\n")
    reading = Reading(log)
    tracemalloc.start()
    lines = reading.lines()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (lines, reading.file.overlong) == ([b"1", b"2"], 1)
    assert peak < 3 * MAX_LINE_BYTES


def test_it_ends_when_told_to_and_closes_its_files(log):
    log.write_bytes(b"1\n")
    open_before = open_files()
    reading = Reading(log)
    reading.lines()
    reading.stop.set()
    with pytest.raises(StopIteration):
        reading.lines()
    assert open_files() == open_before


def test_a_pipe_ends_with_its_last_half_line():
    reader, writer = os.pipe()
    os.write(writer, b"1\n2\nhalf")
    os.close(writer)
    source = follow.StreamSource(reader)
    assert [line for batch in source.batches(threading.Event()) for line in batch] == [b"1", b"2", b"half"]


def test_a_stream_that_rests_says_so():
    reader, writer = os.pipe()
    batches = follow.StreamSource(reader).batches(threading.Event())
    assert next(batches) == []
    os.write(writer, b"1\n")
    assert next(batches) == [b"1"]
    os.close(writer)
    batches.close()


@pytest.mark.parametrize("follow_", [True, False])
def test_a_folder_is_no_input(tmp_path, follow_):
    with pytest.raises(UnreadableInputError, match="is a directory"):
        open_source(str(tmp_path), follow=follow_)


def test_a_missing_file_is_an_error_only_when_it_is_not_followed(log):
    with pytest.raises(UnreadableInputError, match="no such file"):
        open_source(str(log), follow=False)
    open_source(str(log), follow=True)


def test_no_case_of_the_json_test_suite_stops_the_reader(log):
    cases = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]
    contents = [base64.b64decode(case["bytes_b64"]).replace(b"\n", b" ") for case in cases]
    log.write_bytes(b"".join(EVENT.encode() + b',"field":' + content + b"}\n" for content in contents))
    reader = LineReader()
    found = [reader.read(line) for line in Reading(log).lines()]
    read = {case["must"] for case, event in zip(cases, found, strict=True) if event is not None}
    unread = {case["must"] for case, event in zip(cases, found, strict=True) if event is None}
    assert "reject" not in read
    assert "accept" not in unread
    assert reader.broken == sum(event is None for event in found) > 0
