"""A gate keeps a sample of what it admits, when asked to, within limits."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from dq_gate.gate import recording
from dq_gate.gate.recording import folder_of, recorded
from dq_gate.signals import windows as windows_module
from tests.fakes import eventually
from tests.integration.gating import CLEAN, REPAIRABLE, lines, named, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from dq_gate import Gate


def test_nothing_is_recorded_unless_asked_for(load):
    with load(record_rate=1.0) as gate:
        gate.admit(CLEAN)
    assert not folder_of(gate.settings).exists()


def test_admitted_inputs_are_recorded_as_they_came_and_refused_ones_are_not(load):
    with load(record="full", record_rate=1.0) as gate:
        gate.admit(CLEAN)
        gate.admit(REPAIRABLE | {"unknown": 1})
        refusal(gate)
    assert list(recorded(gate.settings)) == [CLEAN, REPAIRABLE]
    (piece,) = folder_of(gate.settings).iterdir()
    assert stat.S_IMODE(piece.stat().st_mode) == 0o600


def test_a_masked_recording_holds_shapes_only(load):
    with load(record="masked", record_rate=1.0) as gate:
        gate.admit({"query": "Where is card 12?", "top_k": 25})
    assert list(recorded(gate.settings)) == [{"query": "Xxxxx xx xxxx 99?", "top_k": 10}]


def test_a_field_that_the_quarantine_may_not_keep_is_not_recorded_either(load, tmp_path):
    path = tmp_path / "pack.yaml"
    path.write_text("pack: p\nversion: 1\nfields:\n  query: {type: str}\n  email: {type: str, store: masked}\n")
    with load(path, record="full", record_rate=1.0) as gate:
        gate.admit({"query": "a", "email": "who"})
    assert list(recorded(gate.settings)) == [{"query": "a"}]


def test_a_guarded_call_is_recorded_too_and_only_a_share_of_them(load):
    with load(record="full", record_rate=0.2) as gate:

        @gate.guard
        def retrieve(query: str) -> str:
            return query

        for number in range(2000):
            retrieve(f"query {number}")
    assert 250 < len(list(recorded(gate.settings))) < 550


def test_the_oldest_pieces_go_when_there_is_too_much(load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.005)
    with load(record="full", record_rate=1.0, record_max_mb=0.02) as gate:
        for number in range(600):
            gate.admit({"query": f"{number:0100}", "top_k": 5})
            if number % 20 == 0:
                eventually(lambda: not gate.runtime()._recorder._lines)
    kept = [record["query"] for record in recorded(gate.settings)]
    assert kept[-1] == f"{599:0100}"
    assert kept == sorted(kept)
    assert kept[0] != f"{0:0100}"
    assert sum(piece.stat().st_size for piece in folder_of(gate.settings).iterdir()) < 25_000


def test_pieces_that_are_too_old_go(load, monkeypatch: pytest.MonkeyPatch):
    with load(record="full", record_rate=1.0) as gate:
        gate.admit(CLEAN)
    monkeypatch.setattr(recording, "_DAY", 0.0)
    with load(record="full", record_rate=1.0) as gate:
        gate.admit(REPAIRABLE)
    assert list(recorded(gate.settings)) == []


def test_a_disk_that_refuses_is_told_and_fails_no_call(load: Callable[..., Gate], tmp_path):
    with load(record="full", record_rate=1.0) as gate:
        folder_of(gate.settings).parent.mkdir(exist_ok=True)
        folder_of(gate.settings).write_text("in the way")
        assert gate.admit(CLEAN) is CLEAN
    (event,) = named(lines(tmp_path / "events.jsonl"), "recording.failed")
    assert event["lost"] == 1


def test_another_sources_recordings_stay_apart(load):
    with (
        load(record="full", record_rate=1.0, source="shop") as gate,
        load(record="full", record_rate=1.0, source="shop.eu") as other,
    ):
        gate.admit(CLEAN)
        other.admit(REPAIRABLE)
    assert list(recorded(gate.settings)) == [CLEAN]
    assert list(recorded(other.settings)) == [REPAIRABLE]


def test_a_line_that_was_cut_is_left_out(load):
    with load(record="full", record_rate=1.0) as gate:
        gate.admit(CLEAN)
        gate.admit(REPAIRABLE)
    (piece,) = folder_of(gate.settings).iterdir()
    first, second = piece.read_bytes().splitlines(keepends=True)
    piece.write_bytes(first[:30] + b"\n{}\n" + second + first[:20])
    assert list(recorded(gate.settings)) == [REPAIRABLE]


def test_no_more_than_so_much_waits_in_memory(load, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "MAX_WAITING", 1000)
    with load(record="full", record_rate=1.0) as gate:
        for number in range(20):
            gate.admit({"query": f"{number:0100}", "top_k": 5})
        assert 0 < sum(len(line.content) for line in gate.runtime()._recorder._lines) <= 1000
    assert next(record["query"] for record in recorded(gate.settings)) == f"{0:0100}"


def test_an_input_that_cannot_be_kept_whole_is_not_recorded(load, tmp_path):
    path = tmp_path / "pack.yaml"
    path.write_text("pack: p\nversion: 1\nfields:\n  query: {type: str}\n")
    with load(path, record="full", record_rate=1.0) as gate:
        gate.admit({"query": "a" * 300_000})
        gate.admit({"query": "a"})
    assert list(recorded(gate.settings)) == [{"query": "a"}]


def test_lines_that_no_recorder_wrote_are_left_out(load):
    with load(record="full", record_rate=1.0) as gate:
        gate.admit(CLEAN)
    (piece,) = folder_of(gate.settings).iterdir()
    piece.write_bytes(b'[1]\n5\n"text"\n{"record": 5}\n{"record": {"v": 1, "value": 5}}\n\xff\n' + piece.read_bytes())
    assert list(recorded(gate.settings)) == [CLEAN]
