"""However a process ends and whatever it forks, what was acknowledged is kept, once, and every input is counted."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.integration.gating import named
from tests.integration.processes.place import WAIT, acknowledged, refused

if TYPE_CHECKING:
    from tests.integration.processes.place import Place


@pytest.mark.parametrize(
    ("quarantine", "name", "code"),
    [("sqlite", "end_without_closing", 0), ("redis", "end_without_closing", 0), ("sqlite", "end_by_an_error", 3)],
    indirect=["quarantine"],
)
def test_a_process_that_ends_without_closing_leaves_nothing_undone(place: Place, name: str, code: int) -> None:
    ids = refused(place.run(name, code=code))
    assert len(ids) == 20
    assert place.counted() == {"quarantined": 20, "clean": 1}
    assert place.events[-1]["event"] == "dq_gate.gate.stopped"
    assert place.events[-1]["unwritten"] == 0
    assert place.waiting == 0
    assert place.kept() == ids


def test_the_puts_of_cancelled_tasks_land_though_the_process_ends(place: Place) -> None:
    assert place.run("end_with_puts_under_way")[-1]["cancelled"] == 20
    assert len(place.kept()) == 20
    quarantined = named(place.events, "input.quarantined")
    assert [line["stored"] for line in quarantined] == ["unknown"] * 20
    assert place.counted() == {"quarantined": 20}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_under_load_loses_nothing_that_was_acknowledged(place: Place, end: signal.Signals) -> None:
    with place.start("put_until_killed") as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(100)]
        process.send_signal(end)
        said += process.stdout.read().splitlines()
        assert process.wait(WAIT) == -end
    ids = acknowledged(json.loads(line) for line in said if line.endswith(("}", "}\n")))
    assert len(ids) >= 50
    assert ids.issubset(place.kept())


def test_a_notebook_may_call_both_ways_while_its_loop_runs(place: Place) -> None:
    said = place.run("run_a_notebook")
    answers = [fact["answers"] for fact in said if "answers" in fact]
    assert answers == [["clean", "fallback", "clean", "fallback"]] * 4
    ids = refused(said)
    assert len(ids) == 8
    assert set(ids).issubset(place.kept())
    assert place.counted() == {"quarantined": 16, "clean": 8}


def test_a_child_that_is_forked_after_the_first_use_starts_afresh(place: Place) -> None:
    said = place.run("fork_after_first_use")
    at = {fact["name"]: fact for fact in said if "name" in fact}
    assert at["child at first"]["threads"] == ["MainThread"]
    assert sorted(at["child"]["threads"]) == sorted(at["parent"]["threads"])

    names = ("parent", "parent later", "child at first", "child")
    before, after, first, child = (at[name]["files"].items() for name in names)
    parent = dict(before & after)  # without what its keeper had open for a moment
    for ending in (".lock", "events.jsonl"):
        files = {number: file for number, file in parent.items() if file.endswith(ending)}
        assert files, f"the parent has no {ending}"
        assert not files.items() & first, "the child holds on to a file of its parent's"
    own = dict(child - first)
    for ending in (".db", ".lock", "events.jsonl"):
        assert [file for file in own.values() if file.endswith(ending)], f"the child opened no {ending} of its own"
    spools = [
        {file for file in files if "/spool/" in file and file.endswith(".lock")}
        for files in (parent.values(), own.values())
    ]
    assert spools[0].isdisjoint(spools[1])
    if "quarantine" in place.settings:
        assert [file for file in own.values() if file.startswith("socket:")], "the child opened no connection"

    ids = refused(said)
    assert len(ids) == 31
    assert place.kept() == ids
    assert place.counted() == {"quarantined": 31}
    assert len({line["process"] for line in place.events}) == 2


def test_forks_under_load_harm_neither_side(place: Place) -> None:
    said = place.run("fork_under_load")
    assert said[-1]["codes"] == [0] * 5
    ids = refused(said)
    assert place.counted() == {"quarantined": len(ids)}
    assert place.kept() == ids


@pytest.mark.parametrize(
    ("quarantine", "name", "puts", "clean"),
    [
        ("sqlite", "multiprocess_by_fork", 1 + 10, 2),
        ("redis", "multiprocess_by_fork", 1 + 10, 2),
        ("sqlite", "multiprocess_by_spawn", 1 + 10, 2),
        ("redis", "multiprocess_by_forkserver", 1 + 10, 2),
        ("sqlite", "use_a_process_pool", 1 + 20, 4),
    ],
    indirect=["quarantine"],
)
def test_workers_of_multiprocessing_close_their_gates(place: Place, name: str, puts: int, clean: int) -> None:
    said = place.run(name)
    assert said[-1]["codes"] == [0, 0]
    ids = refused(said)
    assert len(ids) == puts
    assert place.counted() == {"quarantined": puts, "clean": clean}
    assert place.waiting == 0
    assert place.kept() == ids
    assert len(named(place.events, "gate.stopped")) == len(named(place.events, "gate.started"))
