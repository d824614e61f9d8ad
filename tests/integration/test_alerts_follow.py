"""Logs rotate, stop in the middle of a line and hold what others wrote; alerting must lose nothing of it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
import tracemalloc
from pathlib import Path

import pytest

from dq_gate.alerts.sources import open_sources
from dq_gate.alerts.sources.follow import FollowedFile
from dq_gate.alerts.sources.lines import MAX_LINE_BYTES, LineReader
from dq_gate.alerts.sources.streams import StreamSource
from dq_gate.errors import AlertStateError, UnreadableInputError

SUITE = Path(__file__).parents[1] / "data" / "json_test_suite.jsonl"
EVENT = b'{"timestamp":"2025-01-01T00:00:%02dZ","event":"dq_gate.store.local"}\n'
OPEN_EVENT = (EVENT % 0).removesuffix(b"}\n")


class Reading:
    """A followed file, read step by step; given a position, from there."""

    def __init__(self, path, position=None, **options):
        self.file = FollowedFile(path, **options)
        self.position = position
        if position is not None:
            self.file.go_on(json.loads(json.dumps(position)))

    def lines(self, limit=None):
        """Everything that can be read now; of the last chunk no more than `limit` lines are taken."""
        found = []
        while (chunk := self.file.poll()) is not None:
            taken = len(chunk.lines) if limit is None else min(limit, len(chunk.lines))
            found += chunk.lines[:taken]
            self.position = chunk.place(taken)
            if taken < len(chunk.lines):
                break
        return found

    def again(self, **options):
        """Another reader that goes on from here, as after a restart."""
        self.file.close()
        return Reading(self.file._path, self.position, **options)


def rotate(log, content):
    """Move a log one number up, as logrotate and the standard library do it, and begin it anew."""
    numbered = sorted(log.parent.glob(f"{log.name}.*"), key=lambda path: -int(path.suffix[1:]))
    for path in (*numbered, log):
        number = 0 if path == log else int(path.suffix[1:])
        path.rename(log.with_name(f"{log.name}.{number + 1}"))
    log.write_bytes(content)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


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


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_waited_for_until_there_is_one(log, make):
    said = []
    reading = Reading(log, say=said.append)
    make(log)
    assert reading.lines() == []
    assert said == [f"{log}: cannot be read; waiting for it"]
    log.rename(log.with_suffix(".odd"))
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


def test_two_rotations_between_two_looks_lose_nothing(log):
    log.write_bytes(b"1\n")
    reading = Reading(log)
    assert reading.lines() == [b"1"]
    rotate(log, b"2\n")
    rotate(log, b"3\n")
    assert reading.lines() == [b"2", b"3"]
    assert reading.lines() == []


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


def test_it_closes_its_files(log):
    log.write_bytes(b"1\n")
    open_before = open_files()
    reading = Reading(log)
    reading.lines()
    reading.file.close()
    assert open_files() == open_before


def test_a_pipe_ends_with_its_last_half_line():
    reader, writer = os.pipe()
    os.write(writer, b"1\n2\nhalf")
    source = StreamSource(reader, "-")
    assert source.poll().lines == [b"1", b"2"]
    assert source.poll() is None
    os.close(writer)
    assert (source.poll().lines, source.ended) == ([b"half"], True)
    source.close()


def test_a_fifo_is_followed_from_one_writer_to_the_next(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    events = open_sources([str(path)], follow=True).batches(threading.Event())
    assert next(events) == []
    for second in (1, 2):
        path.write_bytes(EVENT % second)
        assert [at for _, at in next(filter(None, events))] == [1_735_689_600_000 + second * 1000]
    events.close()


@pytest.mark.parametrize("follow_", [True, False])
def test_a_folder_is_no_input(tmp_path, follow_):
    with pytest.raises(UnreadableInputError, match="is a directory"):
        open_sources([str(tmp_path)], follow=follow_)


def test_a_missing_file_is_an_error_only_when_it_is_not_followed(log):
    with pytest.raises(UnreadableInputError, match="no such file"):
        open_sources([str(log)], follow=False)
    open_sources([str(log)], follow=True)


def test_a_restart_goes_on_behind_the_last_line_taken(log):
    log.write_bytes(b"1\n2\n3\nhal")
    reading = Reading(log)
    assert reading.lines(limit=2) == [b"1", b"2"]
    reading = reading.again()
    assert reading.lines() == [b"3"]
    reading = reading.again()
    with log.open("ab") as writer:
        writer.write(b"f\n")
    assert reading.lines() == [b"half"]


def test_a_restart_goes_on_within_rotated_files(log):
    log.write_bytes(b"1\n2\n")
    reading = Reading(log)
    assert reading.lines(limit=1) == [b"1"]
    for content in (b"3\n", b"4\n", b"5\n"):
        rotate(log, content)
    reading = reading.again()
    assert (reading.lines(), reading.file.lost) == ([b"2", b"3", b"4", b"5"], 0)
    assert reading.again().lines() == []


def test_a_restart_finds_the_rest_of_a_file_that_was_copied_and_truncated(log):
    before = b"".join(EVENT % second for second in range(10))
    log.write_bytes(before)
    reading = Reading(log)
    assert len(reading.lines(limit=4)) == 4
    shutil.copy(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
    with log.open("ab") as writer:
        writer.write(EVENT % 10)
    reading = reading.again()
    assert b"\n".join(reading.lines()) + b"\n" == b"".join(EVENT % second for second in range(4, 11))
    assert reading.file.lost == 0


def test_what_was_written_before_a_truncation_and_not_read_yet_is_read_from_the_copy(log):
    log.write_bytes(EVENT % 0)
    reading = Reading(log)
    reading.lines()
    with log.open("ab") as writer:
        writer.write(EVENT % 1)
    shutil.copy(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
    with log.open("ab") as writer:
        writer.write(EVENT % 2)
    assert reading.lines() == [(EVENT % second).strip() for second in (1, 2)]


def test_a_file_that_was_compressed_meanwhile_is_counted_as_lost(log):
    log.write_bytes(b"1\n2\n")
    reading = Reading(log)
    reading.lines(limit=1)
    rotate(log, b"3\n")
    log.with_name(f"{log.name}.1").rename(log.with_name(f"{log.name}.1.gz"))
    log.with_name(f"{log.name}.1.gz").write_bytes(b"\x1f\x8b compressed")
    reading = reading.again()
    assert (reading.lines(), reading.file.lost) == ([b"3"], 1)


def test_a_renamed_file_that_was_read_to_its_end_may_go(log):
    log.write_bytes(b"1\n")
    reading = Reading(log)
    reading.lines()
    rotate(log, b"2\n")
    assert reading.lines() == [b"2"]
    log.with_name(f"{log.name}.1").unlink()
    reading = reading.again()
    assert (reading.lines(), reading.file.lost) == ([], 0)


def test_another_file_with_the_same_inode_is_read_from_its_start(log):
    log.write_bytes(b"old 1\nold 2\n")
    reading = Reading(log)
    reading.lines()
    with log.open("r+b") as writer:  # what a file system does that gives a new file a freed inode
        writer.write(b"new 1\nnew 2\nnew 3\n")
    reading = reading.again()
    assert (reading.lines(), reading.file.lost) == ([b"new 1", b"new 2", b"new 3"], 1)


def test_a_copy_for_safekeeping_is_not_read(log):
    log.write_bytes(EVENT % 0)
    reading = Reading(log)
    reading.lines()
    shutil.copy(log, log.with_name(f"{log.name}-copy"))
    rotate(log, EVENT % 1)
    assert reading.lines() == [(EVENT % 1).strip()]


def test_a_link_that_moves_is_followed(tmp_path):
    pods, link = tmp_path / "pods", tmp_path / "containers" / "web.log"
    pods.mkdir()
    link.parent.mkdir()
    (pods / "0.log").write_bytes(b"1\n")
    link.symlink_to(pods / "0.log")
    reading = Reading(link)
    assert reading.lines() == [b"1"]
    (pods / "0.log").rename(pods / "0.log.20250101-000000")  # the kubelet rotates beside the link's target
    (pods / "0.log").write_bytes(b"2\n")
    assert reading.lines() == [b"2"]
    (pods / "1.log").write_bytes(b"3\n")  # the container was started anew
    link.unlink()
    link.symlink_to(pods / "1.log")
    reading = reading.again()
    assert (sorted(reading.lines()), reading.file.lost) == ([b"3"], 0)


def test_a_missing_file_is_said_once_and_so_is_its_return(log):
    said = []
    reading = Reading(log, say=said.append)
    reading.lines()
    reading.lines()
    log.write_bytes(b"1\n")
    reading.lines()
    reading.lines()
    assert said == [f"{log}: is not there; waiting for it", f"{log}: is there now"]


@pytest.mark.parametrize("position", [{}, {"files": 7}, {"files": [{"inode": 1}], "folders": []}, []])
def test_a_damaged_position_is_refused(log, position):
    log.write_bytes(b"")
    with pytest.raises(AlertStateError, match="is damaged"):
        open_sources([str(log)], follow=True, positions={str(log): {"at": position, "parts": None}})


def test_no_case_of_the_json_test_suite_stops_the_reader(log):
    cases = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]
    contents = [base64.b64decode(case["bytes_b64"]).replace(b"\n", b" ") for case in cases]
    log.write_bytes(b"".join(OPEN_EVENT + b',"field":' + content + b"}\n" for content in contents))
    reader = LineReader()
    found = [reader.read(line) for line in Reading(log).lines()]
    read = {case["must"] for case, event in zip(cases, found, strict=True) if event is not None}
    unread = {case["must"] for case, event in zip(cases, found, strict=True) if event is None}
    assert "reject" not in read
    assert "accept" not in unread
    assert reader.broken == sum(event is None for event in found) > 0
