"""Where lines end up, and that no line ends up in another file."""

from __future__ import annotations

import io
import os
import sys
import threading

import pytest

from dq_gate.signals.sinks import FileSink, StreamSink, open_sink


def test_lines_are_appended_to_what_is_there(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"before\n")
    sink = FileSink(path)
    sink.write(b"one\n")
    sink.write(b"two\n")
    sink.close()
    assert path.read_bytes() == b"before\none\ntwo\n"


def test_the_file_and_its_folder_are_for_the_owner_alone(tmp_path):
    path = tmp_path / "state" / "events.jsonl"
    FileSink(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_file_is_not_handed_to_child_processes(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl")
    assert not os.get_inheritable(sink._fd)
    sink.close()


@pytest.mark.parametrize("move", [lambda path: path.rename(path.with_suffix(".1")), lambda path: path.unlink()])
def test_a_rotated_file_is_opened_anew(tmp_path, move):
    path = tmp_path / "events.jsonl"
    sink = FileSink(path)
    sink.write(b"one\n")
    move(path)
    sink.write(b"two\n")
    sink.follow_rotation()
    sink.write(b"three\n")
    sink.close()
    assert path.read_bytes() == b"three\n"


def test_a_file_in_place_is_kept_open(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl")
    before = sink._fd
    sink.follow_rotation()
    assert sink._fd == before
    sink.close()


def test_what_comes_after_the_close_is_refused_and_reaches_no_other_file(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl")
    fd = sink._fd
    sink.close()
    with (tmp_path / "other").open("wb") as other:
        assert other.fileno() == fd
        with pytest.raises(OSError, match="closed"):
            sink.write(b"late\n")
        sink.follow_rotation()
        sink.close()
    assert (tmp_path / "other").read_bytes() == b""


def test_a_line_that_the_disk_took_half_of_is_an_error_and_the_next_one_stands_alone(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    sink = FileSink(path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    with pytest.raises(OSError, match="only part"):
        sink.write(b"first line\n")
    monkeypatch.setattr(os, "write", write)
    sink.write(b"second line\n")
    sink.close()
    assert path.read_bytes() == b"fir\nsecond line\n"


def test_lines_of_several_threads_stay_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    sink = FileSink(path)

    def write(name):
        for _ in range(200):
            sink.write(name * 500 + b"\n")
            sink.follow_rotation()

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 600
    assert {len(line) for line in lines} == {500}
    assert all(len(set(line)) == 1 for line in lines)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_is_looked_up_at_each_write(monkeypatch, name):
    sink = open_sink(name)
    for number in range(2):
        stream = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, name, stream)
        sink.write(b"line %d\n" % number)
        sink.flush()
        assert stream.buffer.getvalue() == b"line %d\n" % number


def test_a_stream_of_text_alone_takes_text(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    StreamSink("stderr").write("é\n".encode())
    assert sys.stderr.getvalue() == "é\n"


def test_a_process_without_the_stream_refuses_lines(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(OSError, match="closed"):
        StreamSink("stderr").write(b"line\n")


def test_a_file_that_cannot_be_opened_gives_way_to_stderr_loudly(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    sink = open_sink(str(tmp_path / "file" / "events.jsonl"))
    assert isinstance(sink, StreamSink)
    sink.write(b"line\n")
    warning, line = capsys.readouterr().err.splitlines()
    assert "events cannot be written to" in warning
    assert line == "line"


def test_a_child_lets_go_of_the_file_though_the_parent_held_the_lock(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl")
    sink._lock.acquire()
    sink.abandon()
    with pytest.raises(OSError, match="closed"):
        sink.write(b"late\n")
