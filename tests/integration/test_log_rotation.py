"""A log file that several processes fill and rotate at once loses no line and tears none."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tests.integration.gating import lines, named, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Gate

ROOT = Path(__file__).parents[2]
PROCESSES = 4
EVENTS = 1500

WRITER = """
import sys
from dq_gate.events import PackLoaded
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.sinks import SinkOptions

options = SinkOptions(max_bytes=20_000, backups=1000)
emitter = Emitter(sys.argv[1], namespace="test", source="faq", options=options)
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    emitter.emit(PackLoaded(number))
emitter.close()
sys.exit(emitter.dropped > 0)
"""


def test_several_processes_rotate_one_file_and_every_line_is_there_once(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    command = [sys.executable, "-c", WRITER, str(log), str(EVENTS)]
    with ExitStack() as started:
        writers = [
            started.enter_context(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for _ in range(PROCESSES)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.close()
        assert [writer.wait(60) for writer in writers] == [0] * PROCESSES
    files = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    contents = [path.read_bytes() for path in files]
    written = [orjson.loads(line) for content in contents for line in content.splitlines()]
    assert len({(line["process"], line["rules"]) for line in written}) == len(written) == PROCESSES * EVENTS
    assert all(content.endswith(b"\n") for content in contents)
    names = {path.name for path in files}
    assert names == {"events.jsonl", *(f"events.jsonl.{number}" for number in range(1, len(names)))}
    assert len(names) > 50
    assert max(map(len, contents)) < 20_000 + PROCESSES * 8192


def test_a_gate_rotates_its_log_as_set(load: Callable[..., Gate], tmp_path: Path) -> None:
    with load(log_max_mb=0.002, log_backups=2) as gate:
        for _ in range(30):
            refusal(gate)
    kept = [tmp_path / name for name in ("events.jsonl.2", "events.jsonl.1", "events.jsonl")]
    assert [path.name for path in sorted(tmp_path.glob("events.jsonl*")) if path.suffix != ".lock"] == [
        path.name for path in reversed(kept)
    ]
    (window,) = named(lines(kept[-1]), "window.closed")
    assert window["dropped"] == 0
    assert all(path.stat().st_size >= 2000 for path in kept[:-1])
