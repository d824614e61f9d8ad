"""Denominators are exact only if every window counts once, whole, and its absence is noticed."""

from __future__ import annotations

import pytest

from dq_gate.alerts.evaluation.windows import MAX_GAPS, MAX_PROCESSES, MalformedWindowError, Windows


def line(seq, process="p", **fields):
    return {"process": process, "seq": seq, "inputs": [{"source": "web", "outcome": "clean", "count": 1}], **fields}


def test_numbers_may_begin_anywhere_and_come_in_any_order():
    windows = Windows(with_rules=False)
    assert [len(windows.take(line(seq))) for seq in (7, 5, 9, 6, 8, 5, 9)] == [1, 1, 1, 1, 1, 0, 0]
    assert (windows.missing, windows.duplicates) == (0, 2)


def test_a_huge_leap_in_the_numbering_is_counted_without_being_remembered():
    windows = Windows(with_rules=False)
    windows.take(line(0))
    windows.take(line(2**53))
    assert windows.missing == 2**53 - 1
    assert len(windows._processes["p"].gaps) == MAX_GAPS


def test_parts_come_in_any_order_and_repeated():
    windows = Windows(with_rules=True)
    failure = {"source": "web", "rule_id": "a.b", "mode": "enforce", "count": 4}
    found = []
    for part in (2, 2, 3, 1, 1):
        found += windows.take(line(4, part=part, parts=3, rules=[failure]))
    (window,) = found
    assert (window.inputs, window.failures) == ({"web": {"clean": 3}}, {("web", "a.b"): 12})
    assert (windows.duplicates, windows.incomplete) == (2, 0)


def test_the_next_window_releases_one_that_lacks_parts():
    windows = Windows(with_rules=False)
    assert windows.take(line(0, part=1, parts=2)) == []
    first, second = windows.take(line(1))
    assert (first.record["seq"], second.record["seq"], windows.incomplete) == (0, 1, 1)
    assert windows.release() == []


def test_too_many_processes_are_forgotten_loudly_with_what_they_missed():
    windows = Windows(with_rules=False)
    windows.take(line(0, process="first"))
    windows.take(line(3, process="first"))
    for number in range(MAX_PROCESSES):
        windows.take(line(0, process=f"p{number}"))
    assert (windows.forgotten, windows.missing) == (1, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"seq": -1},
        {"seq": True},
        {"seq": 2**60},
        {"process": ["p"]},
        {"part": 0, "parts": 2},
        {"part": 3, "parts": 2},
        {"parts": 2},
        {"parts": 10**9, "part": 1},
        {"inputs": None},
        {"inputs": [None]},
        {"inputs": [{"source": "web", "outcome": "clean"}]},
        {"inputs": [{"source": "web", "outcome": "clean", "count": 1.5}]},
        {"inputs": [{"source": ["web"], "outcome": "clean", "count": 1}]},
        {"rules": [{"source": "web"}]},
    ],
)
def test_what_has_no_windows_shape_is_refused(fields):
    with pytest.raises(MalformedWindowError):
        Windows(with_rules=True).take(line(0) | fields)


def test_a_process_is_known_by_every_source_that_it_has_named():
    windows = Windows(with_rules=False)
    windows.take(line(0, source="app"))
    (window,) = windows.take(line(1, source="app", inputs=[]))
    assert list(window.sources) == ["app", "web"]
