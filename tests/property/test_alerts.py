"""The engine against a model that looks at every second, and the reader against every byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.alerts.sources.lines import LineCutter, LineReader
from tests.unit.alerts.scene import Scene

RATIO = (
    "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], above: 0.3, "
    "min_volume: 20, within: 60s"
)
FREQUENCY = "kind: frequency, where: {event: dq_gate.rule.crashed}, above: 3, within: 60s"

gaps = st.integers(1, 25)
counts = st.tuples(st.integers(0, 8), st.integers(0, 8))


def expected(values, bound, hold_for, last):
    """What a rule should say, second by second. `values` maps a second to its measurement; None is not known."""
    said, since, firing = [], None, False
    for second in range(last + 1):
        value = values(second)
        if firing:
            if value is not None and value <= bound:
                firing, since = False, None
                said.append(("resolved", second))
            continue
        since = (second if since is None else since) if value is not None and value > bound else None
        if since is not None and second - since >= hold_for:
            firing = True
            said.append(("fired", second))
    return said


def seconds_of(steps):
    now, found = 0, []
    for gap, *rest in steps:
        found.append((now, *rest))
        now += gap
    return found


@given(st.lists(st.tuples(gaps, counts), min_size=1, max_size=60), st.sampled_from([0, 10, 45]))
def test_ratio_says_what_a_look_at_every_second_says(steps, hold_for):
    windows = seconds_of(steps)
    scene = Scene(f"{RATIO}, for: {hold_for}s")
    for second, (clean, quarantined) in windows:
        scene.window(second, web={"clean": clean, "quarantined": quarantined})

    def share(now):
        recent = [count for second, count in windows if now - 60 < second <= now]
        volume = sum(clean + quarantined for clean, quarantined in recent)
        return sum(quarantined for _, quarantined in recent) / volume if volume >= 20 else None

    wanted = expected(share, 0.3, hold_for, windows[-1][0])
    assert [(what, second) for what, second, _ in scene.ends()] == wanted


@given(st.lists(st.tuples(gaps, st.booleans()), min_size=1, max_size=80), st.sampled_from([0, 10, 45]))
def test_frequency_says_what_a_look_at_every_second_says(steps, hold_for):
    events = seconds_of(steps)
    scene = Scene(f"{FREQUENCY}, for: {hold_for}s")
    for second, crashed in events:
        scene.event(second, "rule.crashed" if crashed else "store.local")

    def count(now):
        return sum(crashed for second, crashed in events if now - 60 < second <= now)

    wanted = expected(count, 3, hold_for, events[-1][0])
    assert [(what, second) for what, second, _ in scene.ends()] == wanted


@given(st.lists(counts, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_order_and_repetition_of_windows_change_no_measurement(windows, random):
    lines = [(number * 10, number, clean, bad) for number, (clean, bad) in enumerate(windows)]
    ordered, mixed = Scene(RATIO), Scene(RATIO)
    for scene, order in ((ordered, lines), (mixed, random.sample(lines * 2, len(lines) * 2))):
        for second, seq, clean, bad in order:
            scene.window(second, seq=seq, web={"clean": clean, "quarantined": bad})
        scene.ends()
    values = [[(status.value, status.volume) for status in scene.engine.report()] for scene in (ordered, mixed)]
    assert values[0] == values[1]
    assert mixed.engine.losses.duplicates == len(lines)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
window_fields = st.sampled_from(
    ["process", "seq", "part", "parts", "inputs", "rules", "mode", "source", "sample_rate", "rule_id"]
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.dictionaries(window_fields, json_values), st.booleans()), max_size=20))
def test_no_event_however_malformed_stops_the_engine(records):
    scene = Scene(
        RATIO.replace("[source]", "[source, rule_id]"),
        FREQUENCY.replace("crashed}", "crashed, rule_id: a.b}") + ", group_by: [source]",
        "kind: absence, where: {event: dq_gate.window.closed}, group_by: [process], within: 1m",
        "kind: frequency, where: {event: dq_gate.input.admitted}, above: 1, within: 1m",
    )
    for number, (fields, is_window) in enumerate(records):
        name = "window.closed" if is_window else ("rule.crashed", "input.admitted")[number % 2]
        scene.event(number, name, **fields)
    scene.ends()
    scene.engine.report()


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=200))
def test_reader_counts_every_line_as_something_and_raises_on_none(lines, noise):
    reader = LineReader()
    events = [reader.read(line) for line in [*lines, b'{"event":"dq_gate.x","timestamp":' + noise]]
    found = sum(event is not None for event in events)
    assert reader.lines == len(lines) + 1 == found + reader.foreign + reader.broken


@given(st.binary(max_size=300).map(lambda text: text.replace(b"a", b"\n")), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(text, data):
    cutter, found, rest = LineCutter(limit=20), [], text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += cutter.cut(rest[:size])
        rest = rest[size:]
    found += cutter.flush()
    *whole, last = text.split(b"\n")
    assert found == [line for line in [*whole, *([last] if last else [])] if len(line) <= 20]
    assert cutter.overlong == sum(len(line) > 20 for line in [*whole, last])
