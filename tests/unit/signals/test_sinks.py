"""Where lines end up, that no line ends up in another file, and that nobody waits for a slow destination."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from dq_gate.errors import MissingExtraError, SettingsError
from dq_gate.signals.sinks import SinkOptions, open_sinks, otel, require_sinks
from dq_gate.signals.sinks.base import NOT_NOW, Sent
from dq_gate.signals.sinks.file import FileSink
from dq_gate.signals.sinks.queued import QueuedSink, QueueFullError
from dq_gate.signals.sinks.redis import RedisOutlet, StreamAddress
from dq_gate.signals.sinks.stream import CHUNK_BYTES, PipeOutlet, StreamOutlet

# A file


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


def test_a_child_lets_go_of_the_file_though_the_parent_held_the_lock(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl")
    sink._lock.acquire()
    sink.abandon()
    with pytest.raises(OSError, match="closed"):
        sink.write(b"late\n")


# A file that is rotated


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix != ".lock"}


def test_a_full_file_gives_its_name_to_a_new_one_and_the_oldest_goes(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl", max_bytes=10, backups=2)
    for number in range(9):
        sink.write(b"line%d\n" % number)
    sink.close()
    assert contents(tmp_path) == {
        "events.jsonl": b"line8\n",
        "events.jsonl.1": b"line6\nline7\n",
        "events.jsonl.2": b"line4\nline5\n",
    }


def test_without_a_size_no_file_is_rotated(tmp_path):
    sink = FileSink(tmp_path / "events.jsonl", backups=2)
    for _ in range(100):
        sink.write(b"x" * 1000 + b"\n")
    sink.close()
    assert list(contents(tmp_path)) == ["events.jsonl"]


def test_two_writers_of_one_file_rotate_it_once(tmp_path):
    first, second = (FileSink(tmp_path / "events.jsonl", max_bytes=10) for _ in range(2))
    first.write(b"0123456789\n")
    first.write(b"first\n")
    second.write(b"more\n")
    assert contents(tmp_path) == {"events.jsonl": b"first\nmore\n", "events.jsonl.1": b"0123456789\n"}
    first.close()
    second.close()


def test_a_writer_whose_file_is_gone_from_among_the_backups_loses_no_line(tmp_path):
    path = tmp_path / "events.jsonl"
    idle, busy = (FileSink(path, max_bytes=100, backups=1) for _ in range(2))
    for _ in range(10):
        busy.write(b"x" * 100 + b"\n")
    idle.write(b"late\n")
    assert path.read_bytes().endswith(b"late\n")
    idle.close()
    busy.close()


def test_a_directory_that_takes_no_new_file_refuses_the_line_and_takes_the_next_when_it_does(tmp_path, monkeypatch):
    sink = FileSink(tmp_path / "events.jsonl", max_bytes=5)
    sink.write(b"first\n")

    def refuse(*_):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(PermissionError):
            sink.write(b"second\n")
    sink.write(b"third\n")
    sink.close()
    assert contents(tmp_path) == {"events.jsonl": b"third\n", "events.jsonl.1": b"first\n"}


def test_a_folder_that_is_gone_is_made_anew_for_the_next_line(tmp_path):
    path = tmp_path / "logs" / "events.jsonl"
    sink = FileSink(path, max_bytes=1000)
    path.unlink()
    path.parent.rmdir()
    sink.write(b"line\n")
    sink.close()
    assert path.read_bytes() == b"line\n"


def test_a_line_that_interrupts_another_of_its_thread_is_written(tmp_path, monkeypatch):
    """As a signal handler's: it comes amid a write, and amid a rotation."""
    sink = FileSink(tmp_path / "events.jsonl", max_bytes=10)
    write, open_ = os.write, os.open
    interruptions = {"write": b"amid a write\n", "open": b"amid a rotation\n"}

    def interrupt(where):
        if line := interruptions.pop(where, None):
            sink.write(line)

    monkeypatch.setattr(os, "write", lambda *args: (interrupt("write"), write(*args))[1])
    sink.write(b"first line\n")
    monkeypatch.setattr(os, "open", lambda *args: (open_(*args), interrupt("open"))[0])
    sink.write(b"last line\n")
    monkeypatch.undo()
    sink.close()
    written = b"".join(contents(tmp_path).values()).splitlines()
    assert sorted(written) == [b"amid a rotation", b"amid a write", b"first line", b"last line"]


# A queue


class Gate:
    """An outlet that takes lines only while it is open, so many at once."""

    def __init__(self, at_once=1000):
        self.taken = []
        self.open = threading.Event()
        self.asked = threading.Event()
        self._at_once = at_once

    def send(self, lines):
        self.asked.set()
        if not self.open.is_set():
            return NOT_NOW
        self.taken += lines[: self._at_once]
        return Sent(written=len(lines[: self._at_once]))

    def close(self):
        self.closed = True


class Lost:
    """Counts what a queue says it lost."""

    count = 0

    def __call__(self, lines):
        self.count += lines


def lines(count):
    return [b"line %d\n" % number for number in range(count)]


def test_lines_are_written_in_order_by_a_thread_that_starts_with_the_first():
    outlet, lost = Gate(at_once=7), Lost()
    outlet.open.set()
    sink = QueuedSink(outlet, 100, lost)
    assert sink._thread is None
    for line in lines(50):
        sink.write(line)
    assert sink.flush(10)
    assert outlet.taken == lines(50)
    sink.close(1)
    assert outlet.closed
    assert not sink._thread.is_alive()
    assert lost.count == 0


def test_a_stalled_outlet_costs_lines_and_every_line_is_written_or_counted():
    outlet, lost = Gate(), Lost()
    sink = QueuedSink(outlet, 10, lost)
    refused = 0
    for line in lines(100):
        try:
            sink.write(line)
        except QueueFullError:
            refused += 1
    assert refused == 90
    assert not sink.flush(0.01)
    outlet.open.set()
    assert sink.flush(10)
    sink.close(1)
    assert outlet.taken == lines(10)
    assert lost.count == 0


def test_what_waits_at_the_close_is_lost_and_counted_and_nothing_is_taken_afterwards():
    outlet, lost = Gate(), Lost()
    sink = QueuedSink(outlet, 10, lost)
    for line in lines(4):
        sink.write(line)
    sink.close(0.01)
    assert lost.count == 4
    outlet.open.set()
    with pytest.raises(QueueFullError):
        sink.write(b"late\n")
    sink._thread.join()
    assert outlet.taken == []
    assert lost.count == 4


def test_a_line_under_way_at_the_close_is_counted_once():
    started, may_end, lost = threading.Event(), threading.Event(), Lost()

    class Stuck(Gate):
        def send(self, batch):
            started.set()
            may_end.wait()
            return Sent(written=len(batch))

    sink = QueuedSink(Stuck(), 10, lost)
    sink.write(b"line\n")
    started.wait()
    sink.close(0.01)
    may_end.set()
    sink._thread.join()
    assert lost.count == 1


def test_what_an_outlet_refuses_for_good_is_counted_and_the_next_line_goes_on():
    class Picky(Gate):
        def send(self, batch):
            if batch[0] == b"line 0\n":
                return Sent(lost=1)
            return super().send(batch)

    outlet, lost = Picky(at_once=1), Lost()
    outlet.open.set()
    sink = QueuedSink(outlet, 10, lost)
    for line in lines(3):
        sink.write(line)
    assert not sink.flush(10)
    assert sink.flush(10)
    assert (outlet.taken, lost.count) == (lines(3)[1:], 1)
    sink.close(1)


def test_an_outlet_that_raises_loses_what_it_was_given_and_does_not_end_the_thread():
    class Broken(Gate):
        def send(self, batch):
            if batch[0] == b"bad\n":
                raise LookupError
            return super().send(batch)

    outlet, lost = Broken(), Lost()
    outlet.open.set()
    sink = QueuedSink(outlet, 10, lost)
    sink.write(b"bad\n")
    sink.flush(10)
    sink.write(b"good\n")
    assert sink.flush(10)
    assert (outlet.taken, lost.count) == ([b"good\n"], 1)
    sink.close(1)


def test_a_child_leaves_what_waits_to_the_parent():
    outlet, lost = Gate(), Lost()
    sink = QueuedSink(outlet, 10, lost)
    sink.write(b"of the parent\n")
    sink._changed.acquire()
    sink.abandon()
    with pytest.raises(QueueFullError):
        sink.write(b"late\n")
    assert lost.count == 0


# Streams


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_is_looked_up_at_each_write(monkeypatch, name):
    outlet = StreamOutlet(name)
    for number in range(2):
        stream = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, name, stream)
        assert outlet.send([b"line %d\n" % number]) == Sent(written=1)
        assert stream.buffer.getvalue() == b"line %d\n" % number


def test_a_stream_of_text_alone_takes_text(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    StreamOutlet("stderr").send([b"line\n"])
    assert sys.stderr.getvalue() == "line\n"


def test_a_process_without_the_stream_loses_lines(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert StreamOutlet("stderr").send([b"line\n"]) == Sent(lost=1)


def test_a_pipe_gets_no_more_at_once_than_it_takes_as_one_piece(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    line = b"x" * (CHUNK_BYTES // 3) + b"\n"
    assert StreamOutlet("stderr").send([line] * 5) == Sent(written=2)
    assert StreamOutlet("stderr").send([line * 4, line]) == Sent(written=1)


def test_a_named_pipe_waits_for_a_reader_and_for_the_next_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    outlet = PipeOutlet(path)
    assert outlet.send([b"one\n"]) == NOT_NOW
    for number in range(2):
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert outlet.send([b"two\n", b"three\n"]) == Sent(written=2), number
        assert os.read(reader, 100) == b"two\nthree\n"
        os.close(reader)
        assert outlet.send([b"four\n"]) == NOT_NOW
    outlet.close()


# What the setting names


def opened(log):
    sinks = open_sinks(log, SinkOptions(), Lost())
    outlets = [sink._outlet if isinstance(sink, QueuedSink) else sink for sink in sinks]
    for sink in sinks:
        sink.close(0)
    return [type(outlet).__name__ for outlet in outlets]


def test_several_destinations_are_named_with_commas(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    log = (
        f"stderr, {tmp_path}/a.jsonl,stdout,{tmp_path}/pipe,redis://localhost/1?stream=x,otel,structlog,logging,stderr"
    )
    assert opened(log) == [
        "StreamOutlet", "FileSink", "StreamOutlet", "PipeOutlet", "RedisOutlet", "OTelOutlet", "StructlogSink",
        "LoggingSink",
    ]  # fmt: skip


def test_the_streams_by_their_paths_are_the_streams():
    assert opened("/dev/stdout,/dev/stderr") == ["StreamOutlet", "StreamOutlet"]


def test_a_file_that_cannot_be_opened_gives_way_to_stderr_loudly(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    (sink,) = open_sinks(str(tmp_path / "file" / "events.jsonl"), SinkOptions(), Lost())
    sink.write(b"line\n")
    sink.close(1)
    warning, line = capsys.readouterr().err.splitlines()
    assert "events cannot be written to" in warning
    assert line == "line"


@pytest.mark.parametrize(
    "log",
    [
        "kafka://localhost/events", "redis://", "redis://host/0?maxlen=0", "redis://host/0?maxlen=many",
        "redis://host/0?stream=", "redis://host/0?strema=x", "redis://host/name", "stderr,redis://:secret@host:x/0",
        " , ",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_without_a_word_of_it(log):
    with pytest.raises(SettingsError) as caught:
        require_sinks(log)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("log", ["stderr,stdout,structlog,logging,otel", "some/file.jsonl", "rediss://host/0?stream=x"])
def test_what_can_be_passes_and_opens_nothing(log):
    require_sinks(log)
    assert not Path("some").exists()


def test_a_missing_extra_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry._logs", None)
    with pytest.raises(MissingExtraError, match=r"dq-gate\[otel\]"):
        otel.require_otel()


def test_a_stream_has_defaults_and_its_password_is_in_no_repr():
    address = StreamAddress.parse("redis://gate:secret@localhost:6380/2?maxlen=50")
    assert (address.url, address.stream, address.maxlen) == ("redis://gate:secret@localhost:6380/2", "dq:events", 50)
    assert "secret" not in repr(address)


@pytest.mark.parametrize(("stream", "tag"), [("dq:events", "{dq:events}:"), ("a{b}c", "{b}:"), ("a{}c", "{a{}c}:")])
def test_a_writers_marker_is_where_a_cluster_keeps_the_stream(stream, tag):
    assert RedisOutlet(StreamAddress("redis://localhost", stream, 10), {})._marker.startswith(tag)


def test_files_for_tls_go_to_addresses_over_tls_alone():
    options = SinkOptions(ca_file=Path("ca.pem"), key_file=Path("a.key"))
    assert options.tls("redis://localhost") == {}
    assert options.tls("rediss://localhost") == {
        "ssl_ca_certs": "ca.pem", "ssl_keyfile": "a.key", "ssl_check_hostname": True,
    }  # fmt: skip
