"""Ten stories of gates, each with the alerts it must raise and no others: by the engine and by the real command.

Two of them happen to the watch as well: it is killed in the middle of the incident, and its file is rotated.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import orjson
import pytest

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import load_rules
from dq_gate.alerts.sources import open_sources
from tests.fakes import eventually
from tests.receivers import Receiver
from tests.scenarios.judge import alerts_run, apart, by_command, by_engine, judge, raised_by, write_log
from tests.scenarios.stories import RECORDED, STORIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.alerts.sources.lines import Event
    from tests.scenarios.fleet import Line
    from tests.scenarios.stories import Story

SHIPPED = load_rules()
TOLD = {story.name: story for story in STORIES}


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_shipped_alerts_miss_nothing_and_invent_nothing(story: Story, tmp_path: Path) -> None:
    log = story.log(seed=0)
    raised = by_engine(SHIPPED, log)
    verdict = judge(raised, story.must)
    assert (verdict.missed, verdict.false) == ((), ())

    write_log(log, tmp_path / "events.jsonl")
    assert by_command(tmp_path / "events.jsonl") == raised


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_nor_do_they_in_another_log_of_the_same_story(story: Story) -> None:
    """`make scenarios` judges ten more of each."""
    verdict = judge(by_engine(SHIPPED, story.log(seed=1)), story.must)

    assert (verdict.missed, verdict.false) == ((), ())


def test_of_an_incident_that_real_gates_logged_nothing_is_missed_or_invented(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(gzip.decompress(RECORDED.path.read_bytes()))
    first = orjson.loads(log.read_bytes().splitlines()[0])

    done = subprocess.run(alerts_run(log, "--once"), env=apart(log), capture_output=True, check=False)
    raised = raised_by(map(orjson.loads, done.stdout.splitlines()), datetime.fromisoformat(first["timestamp"]))

    verdict = judge(raised, RECORDED.must)
    assert (verdict.missed, verdict.false) == ((), ())


def test_a_watch_killed_in_the_middle_of_an_incident_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """It is killed as soon as it was told that the alert fires; the second one reads on where it stood."""
    story, log = TOLD["restart mid-incident"], tmp_path / "events.jsonl"
    killed_at = 28 * 60.0
    start = datetime.now(UTC) - timedelta(seconds=killed_at)
    lines = story.log(seed=0, start=start)
    write_log((line for line in lines if line[0] <= killed_at), log)
    state = f"sqlite:///{tmp_path / 'alerts.db'}"
    with Receiver() as receiver:
        command = alerts_run(log, "--state", state, "--notify", f"webhook+{receiver.url}")
        with subprocess.Popen(command, env=apart(log), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as watch:
            try:
                eventually(lambda: receiver.posts)
            finally:
                watch.kill()
        write_log(lines, log)
        subprocess.run([*command, "--once"], env=apart(log), capture_output=True, check=False)

    told = {post.headers["webhook-id"]: post.json for post in receiver.posts}
    raised = raised_by(({"event": body["type"], **body["data"]} for body in told.values()), start)
    verdict = judge(raised, story.must)
    assert (verdict.missed, verdict.false) == ((), ())


@pytest.mark.parametrize("how", ["renamed", "copied and truncated"])
def test_a_rotation_in_the_middle_of_an_incident_changes_nothing(how: str, tmp_path: Path) -> None:
    """The shipped alerts, over a file that is followed while it is written and rotated every 5 minutes."""
    story, engine = TOLD["rotation"], Engine(SHIPPED)
    alerts = []
    with closing(Rotated(tmp_path / "events.jsonl", how)) as log:
        batches = open_sources([str(log.path)], follow=True).batches(threading.Event())
        for piece in in_pieces(story.log(seed=0), 5 * 60.0):
            log.write(piece)
            for record, at in read_on(batches, len(piece)):
                alerts += engine.feed(record, at)
            log.rotate()
        batches.close()
    alerts += engine.finish()

    raised = raised_by({"event": alert.name, **alert.payload()} for alert in alerts)
    verdict = judge(raised, story.must)
    assert log.rotations > 10
    assert (verdict.missed, verdict.false) == ((), ())


class Rotated:
    """A log that a gate goes on writing under its old name for some lines after it was renamed."""

    def __init__(self, path: Path, how: str) -> None:
        self.path = path
        self.rotations = 0
        self._is_renamed = how == "renamed"
        self._file = path.open("ab", buffering=0)

    def write(self, lines: list[Line]) -> None:
        late = lines[:20] if self.rotations and self._is_renamed else []
        self._file.write(text(late))
        if self._is_renamed:
            self._file.close()
            self._file = self.path.open("ab", buffering=0)
        self._file.write(text(lines[len(late) :]))

    def close(self) -> None:
        self._file.close()

    def rotate(self) -> None:
        self.rotations += 1
        kept = self.path.with_suffix(f".{self.rotations}")
        if self._is_renamed:
            self.path.rename(kept)
        else:
            shutil.copy(self.path, kept)
            self._file.truncate(0)


def text(lines: list[Line]) -> bytes:
    return b"".join(line + b"\n" for _, line in lines)


def in_pieces(log: list[Line], seconds: float) -> Iterator[list[Line]]:
    """A log in pieces of so many seconds."""
    for _, piece in groupby(log, key=lambda line: line[0] // seconds):
        yield list(piece)


def read_on(batches: Iterator[list[Event]], count: int) -> Iterator[Event]:
    """So many events, as they are read."""
    while count > 0:
        batch = next(batches)
        count -= len(batch)
        yield from batch
