"""Inputs beside plain files: a Redis stream that every reader reads whole, and several inputs at once."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import redis

from dq_gate.alerts.sources import open_sources, redis_stream
from dq_gate.alerts.sources.lines import MAX_LINE_BYTES
from dq_gate.alerts.sources.redis_stream import COUNT, RedisStreamSource
from dq_gate.errors import BackendUnavailableError, ConfigurationError, SettingsError
from tests.redis_server import RedisServer

START = datetime(2025, 1, 1, tzinfo=UTC)


def event(second, name="store.local"):
    at = (START + timedelta(seconds=second)).isoformat()
    return json.dumps({"timestamp": at, "level": "info", "event": f"dq_gate.{name}", "n": second}).encode()


@pytest.fixture
def client(redis_server):
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


@pytest.fixture
def url(redis_server, namespace):
    return f"{redis_server.url}?stream={namespace}"


def lines(source):
    """All lines there are now, and the position behind them."""
    found, position = [], None
    while (chunk := source.poll()) is not None:
        found += chunk.lines
        position = chunk.place(len(chunk.lines))
    return found, position


def opened(url, position=None, **options):
    source = RedisStreamSource(url, follow=True, **options)
    if position is not None:
        source.go_on(json.loads(json.dumps(position)))
    return source


def test_every_reader_reads_the_whole_stream(client, url, namespace):
    wanted = [b"%d" % number for number in range(3 * COUNT + 7)]
    for line in wanted:
        client.xadd(namespace, {"line": line})
    for _ in range(2):
        source = opened(url)
        assert lines(source)[0] == wanted
        assert source.lost == 0
        source.close()


def test_a_stream_may_begin_later_and_grows(client, url, namespace):
    source = opened(url)
    assert source.poll() is None
    for line in (b"1", b"2"):
        client.xadd(namespace, {"line": line})
        assert lines(source)[0] == [line]
    source.close()


def test_a_restart_goes_on_behind_the_last_line_taken(client, url, namespace):
    for number in range(5):
        client.xadd(namespace, {"line": b"%d" % number})
    source = opened(url)
    chunk = source.poll()
    source.close()
    for taken in range(6):
        again = opened(url, chunk.place(taken))
        assert lines(again)[0] == chunk.lines[taken:]
        assert again.lost == 0
        again.close()


def test_entries_that_were_trimmed_before_they_were_read_are_counted(client, url, namespace):
    for number in range(10):
        client.xadd(namespace, {"line": b"%d" % number})
    source = opened(url)
    _, position = lines(source)
    client.xtrim(namespace, maxlen=3, approximate=False)
    assert (lines(source)[0], source.lost) == ([], 0)
    for number in range(10, 20):
        client.xadd(namespace, {"line": b"%d" % number})
    client.xtrim(namespace, maxlen=4, approximate=False)
    assert (lines(source)[0], source.lost) == ([b"16", b"17", b"18", b"19"], 6)
    source.close()
    again = opened(url, position)
    assert (lines(again)[0], again.lost) == ([b"16", b"17", b"18", b"19"], 6)
    again.close()


def test_a_stream_that_began_anew_is_read_from_its_start(client, url, namespace):
    client.xadd(namespace, {"line": b"old"}, id="9999999999999-0")
    source = opened(url)
    lines(source)
    client.delete(namespace)
    client.xadd(namespace, {"line": b"new"})
    assert lines(source)[0] + lines(source)[0] == [b"new"]
    source.close()


def test_entries_of_others_and_too_long_ones_are_no_lines_of_ours(client, url, namespace):
    client.xadd(namespace, {"message": "x"})
    client.xadd(namespace, {"line": b"x" * (MAX_LINE_BYTES + 1)})
    source = opened(url)
    assert (lines(source)[0], source.overlong) == ([b""], 1)
    source.close()


def test_a_redis_that_dies_is_said_once_and_read_on_when_it_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_stream, "POLL_SECONDS", 0.001)
    said = []
    with RedisServer(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.xadd("events", {"line": b"1"})
            source = opened(f"{server.url}?stream=events", say=said.append)
            assert lines(source)[0] == [b"1"]
        server.kill()
        for _ in range(3):
            source._retry_at = 0.0
            assert source.poll() is None
        server.start()
        with redis.Redis.from_url(server.url) as client:
            client.xadd("events", {"line": b"2"})
        source._retry_at = 0.0
        assert lines(source)[0] == [b"2"]
        source.close()
    assert len(said) == 2
    assert "cannot be reached; is it running?; its stream is read on once it answers" in said[0]
    assert said[1].endswith("?stream=events: answers again")


def test_a_replay_does_not_wait_for_a_dead_redis():
    inputs = open_sources(["redis://127.0.0.1:1/0?stream=events"], follow=False)
    with pytest.raises(BackendUnavailableError, match="cannot be reached"):
        list(inputs.batches(threading.Event()))


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@host:6379/0?strm=x", "redis://u:hunter2@host:notaport/0?stream=x", "redis://?stream=x"]
)
def test_a_wrong_address_is_refused_and_its_password_not_shown(url):
    with pytest.raises(SettingsError) as refused:
        open_sources([url], follow=True)
    assert "hunter2" not in str(refused.value)


def test_a_password_is_no_part_of_a_position(url):
    secret = url.replace("redis://", "redis://someone:hunter2@")
    inputs = open_sources([secret], follow=True)
    assert "hunter2" not in json.dumps(inputs.positions()) + repr(inputs.positions())


def test_an_input_named_twice_is_refused(tmp_path):
    log, link = tmp_path / "events.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(log)
    for same in (str(log), f"{tmp_path}/../{tmp_path.name}/events.jsonl", str(link)):
        with pytest.raises(ConfigurationError, match="named twice"):
            open_sources([str(log), same], follow=True)


def test_a_file_a_stream_and_wrapped_lines_are_one_log_by_time(client, url, namespace, tmp_path):
    plain, wrapped = tmp_path / "plain.jsonl", tmp_path / "0.log"
    plain.write_bytes(b"".join(event(n) + b"\n" for n in range(0, 300, 3)))
    wrapped.write_bytes(b"".join(b"2025-01-01T00:00:00Z stdout F " + event(n) + b"\n" for n in range(1, 300, 3)))
    for n in range(2, 300, 3):
        client.xadd(namespace, {"line": event(n)})
    inputs = open_sources([str(plain), url, str(wrapped)], follow=False)
    assert [record["n"] for batch in inputs.batches(threading.Event()) for record, _ in batch] == list(range(300))
    assert (inputs.lines, inputs.foreign, inputs.broken, inputs.lost) == (300, 0, 0, 0)
