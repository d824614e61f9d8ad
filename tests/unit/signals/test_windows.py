"""Every input is in exactly one window, and a window is told at its end, whatever came."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from dq_gate.core.model import Decision, Violation
from dq_gate.core.window import ROWS_PER_PART
from dq_gate.signals import windows as windows_module
from dq_gate.signals.windows import Windows

CLEAN = Decision("clean", {})


class Emitted:
    """An emitter that keeps what it gets."""

    def __init__(self):
        self.events = []
        self.dropped = 0
        self.refuses = False

    def try_emit(self, event):
        if self.refuses:
            self.dropped += 1
            return False
        self.events.append(event)
        return True


def failing(rule_id):
    return Decision("quarantined", None, (Violation(rule_id, "query", "x", "quarantine", ""),))


@pytest.fixture
def emitted():
    return Emitted()


def run(emitted, *, mode=lambda: "enforce", on_close=lambda: None, **readings):
    return Windows(emitted, mode, on_close, **readings)


def test_the_last_window_is_told_at_the_close_though_nothing_came(emitted):
    run(emitted, mode=lambda: "shadow").close()
    (window,) = emitted.events
    assert (window.seq, window.part, window.parts, window.mode) == (0, 1, 1, "shadow")
    assert (window.inputs, window.rules, window.latency_us, window.put_ms, window.dropped) == ((), (), None, None, 0)


def test_a_window_tells_what_was_counted(emitted):
    windows = run(emitted)
    windows.count("faq", "clean", CLEAN, 2_000)
    windows.count("faq", "quarantined", failing("query.text.present"), 4_000)
    windows.count("faq", "unjudged", None, 0, 5)
    windows.count_put(3_000_000)
    windows.close()
    (window,) = emitted.events
    assert [(row["outcome"], row["count"]) for row in window.inputs] == [
        ("clean", 1), ("quarantined", 1), ("unjudged", 5),
    ]  # fmt: skip
    assert window.rules == ({"source": "faq", "rule_id": "query.text.present", "mode": "enforce", "count": 1},)
    assert window.latency_us["p50"] == pytest.approx(2.0, rel=0.01)
    assert window.latency_us["p99"] == pytest.approx(4.0, rel=0.01)
    assert window.put_ms["p95"] == pytest.approx(3.0, rel=0.01)


def test_windows_follow_each_other_without_a_gap(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    windows = run(emitted, on_close=closed.release)
    for _ in range(3):
        assert closed.acquire(timeout=30)
    windows.close()
    told = emitted.events
    assert [window.seq for window in told] == list(range(len(told)))
    assert [window.opened_at for window in told[1:]] == [window.closed_at for window in told[:-1]]
    assert all(datetime.fromisoformat(window.opened_at).tzinfo for window in told)


def test_a_window_tells_what_was_lost_since_the_one_before(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    lost = iter([0, 3])
    windows = run(emitted, on_close=closed.release, unkept=lambda: next(lost, 5))
    for _ in range(3):
        assert closed.acquire(timeout=30)
    windows.close()
    assert [window.unkept for window in emitted.events[:3]] == [0, 3, 2]
    assert sum(window.unkept for window in emitted.events) == 5


def test_no_count_is_lost_or_doubled_between_windows(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.001)
    windows = run(emitted)

    def count(_):
        for _ in range(2_000):
            windows.count("faq", "clean", CLEAN, 1_000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    windows.close()
    assert sum(row["count"] for window in emitted.events for row in window.inputs) == 8_000


def test_a_large_window_comes_in_numbered_parts(emitted):
    windows = run(emitted)
    for number in range(3 * ROWS_PER_PART):
        windows.count("faq", "quarantined", failing(f"query.rule.n{number:03}"), 1_000)
    emitted.dropped = 4
    windows.close()
    assert [(window.part, window.parts) for window in emitted.events] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {(window.seq, window.opened_at, window.closed_at) for window in emitted.events} == {
        (0, emitted.events[0].opened_at, emitted.events[0].closed_at)
    }
    assert [window.dropped for window in emitted.events] == [4, 0, 0, 0]
    assert [window.latency_us is None for window in emitted.events] == [False, True, True, True]
    assert sum(row["count"] for window in emitted.events for row in window.rules) == 3 * ROWS_PER_PART


def test_drops_that_could_not_be_told_are_told_later(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    emitted.dropped = 3
    emitted.refuses = True
    windows = run(emitted, on_close=closed.release)
    assert closed.acquire(timeout=30)
    emitted.refuses = False
    windows.close()
    assert sum(window.dropped for window in emitted.events) == emitted.dropped >= 3 + 1


def test_a_window_tells_what_waits_in_the_spool_at_its_end(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    spooled = iter([0, 3])
    windows = run(emitted, on_close=closed.release, spooled=lambda: next(spooled, 1))
    for _ in range(3):
        assert closed.acquire(timeout=30)
    windows.close()
    assert [window.spooled for window in emitted.events[:3]] == [0, 3, 1]


def test_tallies_add_up_to_the_windows(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.02)
    monkeypatch.setattr(windows_module, "TICK_SECONDS", 0.001)
    tallies = []
    windows = run(emitted, on_tick=tallies.append)

    def count(_):
        for number in range(500):
            windows.count("faq", "quarantined", failing("query.text.present"), 1_000 + number)
            windows.count_put(2_000_000)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    windows.close()
    inputs, rules = Counter(), Counter()
    for tally in tallies:
        inputs += tally.inputs
        rules += tally.rules
    assert inputs == {("faq", "quarantined"): 2_000}
    assert rules == {("faq", "query.text.present", "enforce"): 2_000}
    assert sum(row["count"] for window in emitted.events for row in window.inputs) == 2_000
    assert sorted(each for tally in tallies for each in tally.latencies_ns) == sorted([*range(1_000, 1_500)] * 4)
    assert sum(len(tally.puts_ns) for tally in tallies) == 2_000


def test_quantiles_are_of_all_that_came_since_the_window_opened(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "TICK_SECONDS", 0.001)
    ticked = threading.Semaphore(0)
    windows = run(emitted, on_tick=lambda tally: ticked.release() if tally.latencies_ns else None)
    for duration in (1_000_000, 9_000_000):
        windows.count("faq", "clean", CLEAN, duration)
        assert ticked.acquire(timeout=30)
    windows.close()
    (window,) = emitted.events
    assert window.latency_us["p50"] == pytest.approx(1_000, rel=0.01)
    assert window.latency_us["p95"] == pytest.approx(9_000, rel=0.01)


def test_a_window_without_inputs_has_no_quantiles_of_those_before(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    windows = run(emitted, on_close=closed.release)
    windows.count("faq", "clean", CLEAN, 1_000_000)
    for _ in range(3):
        assert closed.acquire(timeout=30)
    windows.close()
    assert [window.latency_us is None for window in emitted.events] == [not window.inputs for window in emitted.events]


def test_a_mode_that_changes_after_the_close_counts_for_the_next_window(emitted, monkeypatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.01)
    closed = threading.Semaphore(0)
    modes = ["enforce"]

    def change():
        modes[0] = "shadow"
        closed.release()

    windows = run(emitted, mode=lambda: modes[0], on_close=change)
    assert closed.acquire(timeout=30)
    windows.close()
    assert [window.mode for window in emitted.events[:2]] == ["enforce", "shadow"]
