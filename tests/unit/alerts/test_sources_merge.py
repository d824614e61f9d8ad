"""Several inputs are one log: events of a backlog come by time, live ones as they come."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from dq_gate.alerts.sources.base import Chunk
from dq_gate.alerts.sources.lines import LineReader
from dq_gate.alerts.sources.merge import LOOKAHEAD, Inputs

START = datetime(2025, 1, 1, tzinfo=UTC)


def line(second, name="store.local"):
    at = (START + timedelta(seconds=second)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f'{{"timestamp":"{at}","level":"info","event":"dq_gate.{name}","namespace":"default"}}'.encode()


class Script:
    """A source that gives what it is told to: at each look some seconds' lines, None for nothing now, then its end."""

    descriptor, overlong, lost = None, 0, 0

    def __init__(self, name, *looks, ends=True):
        self.name = name
        self.ended = False
        self.is_closed = False
        self._looks = list(looks)
        self._ends = ends
        self._read = 0

    def go_on(self, position):
        self._read = position

    def poll(self):
        if not self._looks:
            self.ended = self._ends
            return None
        seconds = self._looks.pop(0)
        if seconds is None:
            return None
        begin, self._read = self._read, self._read + len(seconds)
        return Chunk([line(one) if isinstance(one, (int, float)) else one for one in seconds], lambda n: begin + n)

    def progress(self):
        return 0, 0

    def close(self):
        self.is_closed = True


def seconds(batch):
    return [(at - int(START.timestamp() * 1000)) // 1000 for _, at in batch]


def read(*sources, waits=True, batches=None):
    inputs, found = Inputs(sources, waits=waits), []
    for number, batch in enumerate(inputs.batches(threading.Event()), 1):
        found.append(seconds(batch))
        if number == batches:
            break
    return found


def flat(batches):
    return [second for batch in batches for second in batch]


@pytest.fixture(autouse=True)
def _polls_often(monkeypatch):
    monkeypatch.setattr("dq_gate.alerts.sources.merge.POLL_SECONDS", 0.001)


def test_two_files_of_one_day_are_read_by_time():
    first, second = range(0, 1000, 2), range(1, 1000, 2)
    chunks = [list(range(start, start + 100)) for start in range(0, 1000, 100)]
    found = read(
        Script("a", *(list(first)[begin : begin + 70] for begin in range(0, 500, 70))),
        Script("b", *(list(second)[begin : begin + 33] for begin in range(0, 500, 33))),
    )
    assert flat(found) == [second for chunk in chunks for second in chunk]


def test_a_short_file_comes_at_its_time_within_a_long_one():
    found = read(Script("long", *([n] * 50 for n in range(20))), Script("short", [7, 7]))
    assert flat(found) == [n for n in range(20) for _ in range(52 if n == 7 else 50)]


def test_lines_out_of_order_within_a_file_keep_their_order():
    found = read(Script("a", [1, 2, 5, 3, 4, 6]), Script("b", [10]))
    assert flat(found) == [1, 2, 5, 3, 4, 6, 10]


def test_a_bad_clock_holds_back_neither_its_own_file_nor_another():
    times = [n if n % 3 else n + 100_000 for n in range(60)]
    found = read(Script("bad", times), Script("good", list(range(60))))
    good = next(index for index, second in enumerate(flat(found)) if second == 59)
    assert good > 90
    assert sorted(flat(found)) == sorted([*times, *range(60)])


def test_a_replay_waits_for_a_slow_pipe_and_does_not_depend_on_it():
    fast, slow = list(range(100)), list(range(0, 100, 3))
    at_once = flat(read(Script("a", fast), Script("b", slow)))
    assert flat(read(Script("a", fast), Script("b", slow[:5], None, None, slow[5:20], None, slow[20:]))) == at_once


def test_live_inputs_that_are_caught_up_with_give_their_lines_as_they_come():
    late = [None] * 5
    found = read(Script("a", [1], *late, [3]), Script("b", [2], None, [9]), waits=False)
    assert flat(found) == [1, 2, 9, 3]


def test_a_live_line_waits_while_another_input_is_caught_up_with():
    backlog = [list(range(start, start + 50)) for start in range(0, 200, 50)]
    found = read(Script("live", [1000], ends=False), Script("backlog", *backlog, ends=False), waits=False, batches=8)
    assert flat(found) == [*range(200), 1000]


def test_an_empty_batch_says_that_nothing_is_there_now():
    assert read(Script("a", [1], None, [2]), waits=False) == [[1], [], [2]]


def test_positions_stand_behind_what_was_given_out_and_not_behind_what_was_read():
    sources = [Script("a", list(range(100)), ends=False), Script("b", list(range(50, 90)), [200] * 60, ends=False)]
    inputs = Inputs(sources, waits=False, positions={"gone": {"at": 1, "parts": None}})
    batch = next(inputs.batches(threading.Event()))
    given = seconds(batch)
    positions = inputs.positions()
    assert positions["gone"] == {"at": 1, "parts": None}
    at_a, at_b = positions["a"]["at"], positions["b"]["at"] if positions.get("b") else 0
    assert sorted(given) == sorted([*range(at_a), *range(50, 50 + at_b)])
    assert at_a <= 100 - LOOKAHEAD


def test_a_position_leads_back_to_the_next_event():
    inputs = Inputs([Script("a", [1, 2, 3])], waits=True, positions={"a": {"at": 40, "parts": None}})
    for _ in inputs.batches(threading.Event()):
        pass
    assert inputs.positions() == {"a": {"at": 43, "parts": None}}


def test_all_sources_are_closed_when_told_to_stop():
    sources, stop = [Script("a", [1], ends=False), Script("b", [2], ends=False)], threading.Event()
    batches = Inputs(sources, waits=False).batches(stop)
    next(batches)
    stop.set()
    assert list(batches) == []
    assert all(source.is_closed for source in sources)


def test_of_events_nobody_asks_for_one_of_a_second_is_given():
    reader = LineReader({"dq_gate.input.admitted": (b'"none"',)})
    lines = [line(n / 10, "input.admitted") for n in range(40)] + [line(3.9), line(3.95, "input.admitted")]
    lines.append(line(3.97, "input.admitted").replace(b"}", b',"stored":"none"}'))
    given = [at % 60_000 for _, at in reader.read_all(lines)]
    assert given == [0, 1000, 2000, 3000, 3900, 3970]
    assert (reader.lines, reader.foreign, reader.broken) == (43, 0, 0)


def test_lines_read_together_are_the_lines_read_one_by_one():
    lines = [line(1), line(1.5), b"{", b"other", line(0.2), line(1).replace(b".000000Z", b"+01:00"), line(1)[:-3], b""]
    one, all_ = LineReader(), LineReader()
    assert all_.read_all(lines) == [event for each in lines if (event := one.read(each)) is not None]
    assert (one.lines, one.foreign, one.broken) == (all_.lines, all_.foreign, all_.broken)
