"""Batch rules judge windows of admitted requests, in a process of their own, and no request waits for them."""

from __future__ import annotations

import json
import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from dq_gate.errors import PackError
from dq_gate.gate import drift
from tests.fakes import eventually
from tests.integration.gating import lines, named, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACK = """\
pack: drifting
version: 1
fields:
  query: {{type: str}}
  tenant: {{type: str, required: false, aliases: [customer]}}
rules:
  - {{id: query.text.present, field: query, check: not_blank}}
  - id: tenant.given.mostly
    field: tenant
    check: null_ratio
    max: 0.5
    window: {{inputs: {inputs}, seconds: {seconds}}}

"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "TICK", 0.01)


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    def write(inputs: int = 4, seconds: int = 3600, text: str = PACK) -> Path:
        path = tmp_path / "drifting.yaml"
        path.write_text(text.format(inputs=inputs, seconds=seconds))
        return path

    return write


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], list[dict[str, object]]]:
    return lambda name: named(lines(tmp_path / "events.jsonl"), name)


def test_a_window_that_fails_is_told_and_one_that_holds_is_not(load, pack, told):
    gate = load(pack())
    for _ in range(4):
        gate.admit({"query": "a", "customer": "acme"})
    eventually(lambda: gate.runtime()._drift._judge._process is not None)
    eventually(lambda: not gate.runtime()._drift._windows[0].records)
    for _ in range(3):
        refusal(gate, {"query": " "})
        gate.admit({"query": "a"})
    gate.admit({"query": "a", "tenant": "acme"})
    eventually(lambda: told("distribution.drifted"))
    (event,) = told("distribution.drifted")
    assert event["rule_id"] == "tenant.given.mostly"
    assert (event["field"], event["mode"], event["rows"], event["plane"]) == ("tenant", "enforce", 4, "batch")
    assert event["message"] == "0.75 of 4 values are null; the limit is 0.5"
    assert told("rule.crashed") == []


def test_a_window_that_does_not_fill_up_is_judged_when_it_is_old(load, pack, told):
    gate = load(pack(inputs=1000, seconds=1))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    assert told("distribution.drifted")[0]["rows"] == 1


def test_no_thread_and_no_process_where_no_rule_asks_for_windows(load, pack):
    gate = load(pack(text=PACK.replace("    window: {{inputs: {inputs}, seconds: {seconds}}}\n", "")))
    with pytest.warns(UserWarning, match=r"tenant.given.mostly"):
        gate.admit({"query": "a"})
    assert gate.runtime()._drift is None
    assert not gate.runtime().observes


def test_a_process_that_dies_is_told_and_the_next_window_gets_another(load, pack, told):
    gate = load(pack(inputs=1))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    os.kill(gate.runtime()._drift._judge._process.pid, signal.SIGKILL)
    gate.admit({"query": "a"})
    eventually(lambda: told("rule.crashed"))
    gate.admit({"query": "a"})
    eventually(lambda: len(told("distribution.drifted")) == 2)


def test_inputs_that_cannot_leave_their_process_are_told_and_fail_no_call(load, pack, told):
    gate = load(pack(inputs=1))
    assert gate.admit({"query": "a", "handle": lambda: 1})
    eventually(lambda: told("rule.crashed"))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))


def test_the_process_ends_with_its_gate(load, pack, told):
    gate = load(pack(inputs=1))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    process = gate.runtime()._drift._judge._process
    gate.close()
    assert process.returncode is not None


def test_rules_taken_up_at_work_judge_the_next_windows(load, pack, told, monkeypatch):
    from dq_gate.gate import reload
    from dq_gate.signals import windows

    monkeypatch.setattr(windows, "WINDOW_SECONDS", 0.01)
    monkeypatch.setattr(reload, "SETTLE_SECONDS", 0.0)
    gate = load(pack(inputs=1))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    pack(inputs=1, text=PACK.replace("version: 1", "version: 2").replace("given.mostly", "given.always"))
    eventually(lambda: len(told("pack.loaded")) == 2)
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted")[-1]["rule_id"] == "tenant.given.always")
    assert told("distribution.drifted")[-1]["pack_version"] == 2


def test_a_window_for_a_check_of_single_requests_is_refused(load, pack):
    text = PACK.replace("check: not_blank", "check: not_blank, window: {{inputs: 5}}")
    with pytest.raises(PackError, match="not_blank judges requests one by one; leave `window` out"):
        load(pack(text=text))


def test_a_machine_without_room_for_the_process_is_told_and_a_later_window_is_judged(load, pack, told, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError

    gate = load(pack(inputs=1))
    with monkeypatch.context() as full:
        full.setattr(drift.subprocess, "Popen", refuse)
        gate.admit({"query": "a"})
        eventually(lambda: told("rule.crashed"))
    assert told("rule.crashed")[0]["error"] == "BlockingIOError"
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))


def test_what_a_forked_child_lets_go_of_ends_with_the_parent_alone(load, pack, told):
    gate = load(pack(inputs=1))
    gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    judge = gate.runtime()._drift._judge
    process = judge._process
    kept = os.dup(process.stdin.fileno())  # the parent's end, as this process plays the child
    judge.let_go()
    assert not stat.S_ISFIFO(os.fstat(process.stdin.fileno()).st_mode)
    assert not stat.S_ISFIFO(os.fstat(process.stdout.fileno()).st_mode)
    assert process.poll() is None
    os.close(kept)
    assert process.wait(10) == 0


def test_a_suite_of_great_expectations_judges_windows_in_the_other_process(load, pack, told, tmp_path):
    rows = {"min_value": 1, "max_value": 2}
    suite = {"name": "s", "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": rows}]}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    rule = "check: great_expectations\n    suite: suite.json"
    text = PACK.replace("field: tenant\n    check: null_ratio\n    max: 0.5", rule)
    gate = load(pack(inputs=3, text=text))
    for _ in range(3):
        gate.admit({"query": "a"})
    eventually(lambda: told("distribution.drifted"))
    (event,) = told("distribution.drifted")
    assert (event["check"], event["field"], event["rows"]) == ("great_expectations", "*", 3)
    assert "expect_table_row_count_to_be_between" in event["message"]
    assert told("rule.crashed") == []
