"""Whoever interrupts a thread, as a signal handler or a finaliser does, may ask the gate: nobody waits for ever."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from dq_gate import signals
from dq_gate.events import MetricsServed
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.meter import Meter
from dq_gate.signals.sinks import SinkOptions
from dq_gate.signals.windows import Windows

OURS = (str(Path(signals.__file__).parent), threading.__file__)
EVENT = MetricsServed("127.0.0.1:9464", "one")


@pytest.fixture
def interrupted():
    """Runs something, and something else before every line of it: how often that was, is returned."""
    before = sys.gettrace()

    def run(work, interruption):
        times, is_busy = 0, False

        def trace(frame, event, _):
            nonlocal times, is_busy
            if not frame.f_code.co_filename.startswith(OURS):
                return None
            if event == "line" and not is_busy:
                is_busy, times = True, times + 1
                interruption()
                is_busy = False
            return trace

        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return times

    yield run
    sys.settrace(before)


def emitter(log, **options):
    meter = Meter("registry", "default", "default")
    return Emitter(log, namespace="default", source="default", options=SinkOptions(**options), observe=meter.note)


def test_an_event_amid_another_reaches_the_file_though_it_is_rotated(interrupted, tmp_path):
    ours = emitter(str(tmp_path / "events.jsonl"), max_bytes=2_000, backups=100)

    def work():
        for _ in range(10):
            ours.emit(EVENT)
        ours.count_dropped(1)

    times = interrupted(work, lambda: ours.emit(EVENT))
    ours.close()
    written = [line for path in tmp_path.glob("events.jsonl*") for line in path.read_bytes().splitlines()]
    assert len(written) == 10 + times
    assert ours.dropped == 1


def test_an_event_amid_another_reaches_a_queue(interrupted, capsysbinary):
    ours = emitter("stdout")
    times = interrupted(lambda: ours.emit(EVENT), lambda: ours.emit(EVENT))
    ours.close()
    assert len(capsysbinary.readouterr().out.splitlines()) == 1 + times
    assert ours.dropped == 0


def test_an_input_amid_another_is_counted(interrupted, tmp_path):
    ours = emitter(str(tmp_path / "events.jsonl"))
    counted = Counter()
    windows = Windows(ours, mode=lambda: "enforce", on_close=lambda: None, on_tick=lambda t: counted.update(t.inputs))

    def count():
        windows.count("default", "clean", None, 1)

    times = interrupted(count, count)
    windows.close()
    ours.close()
    assert counted == {("default", "clean"): 1 + times}
