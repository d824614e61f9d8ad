"""However a process ends and whatever it forks, what was acknowledged is kept, once, and every input is counted."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.integration.gating import named, spooled
from tests.integration.processes.conftest import WAIT, acknowledged

if TYPE_CHECKING:
    from tests.integration.processes.conftest import Place


@pytest.mark.parametrize(("name", "code"), [("end_without_closing", 0), ("end_by_an_error", 3)])
def test_a_process_that_ends_without_closing_leaves_nothing_undone(place: Place, name: str, code: int) -> None:
    ids = acknowledged(place.run(name, code=code))
    assert len(ids) == 20
    assert place.counted() == {"quarantined": 20, "clean": 1}
    assert place.events[-1]["event"] == "dq_gate.gate.stopped"
    assert place.events[-1]["unwritten"] == 0
    assert list((place.settings["state_dir"] / "spool").iterdir()) == []
    assert place.seen() == dict.fromkeys(ids, 1)


def test_the_puts_of_cancelled_tasks_land_though_the_process_ends(place: Place) -> None:
    assert place.run("end_with_puts_under_way")[-1]["cancelled"] == 20
    assert list(place.seen().values()) == [1] * 20
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
    seen = place.seen()
    assert seen.keys() >= set(ids)
    assert set(seen.values()) == {1}


def test_a_notebook_may_call_both_ways_while_its_loop_runs(place: Place) -> None:
    said = place.run("run_a_notebook")
    answers = [fact["answers"] for fact in said if "answers" in fact]
    assert answers == [["clean", "fallback", "clean", "fallback"]] * 4
    ids = acknowledged(said)
    assert len(ids) == 8
    assert place.seen().items() >= dict.fromkeys(ids, 1).items()
    assert place.counted() == {"quarantined": 16, "clean": 8}


def test_a_child_that_is_forked_after_the_first_use_starts_afresh(place: Place) -> None:
    said = place.run("fork_after_first_use")
    at = {fact["name"]: fact for fact in said if "name" in fact}
    assert at["child at first"]["threads"] == ["MainThread"]
    assert sorted(at["child"]["threads"]) == sorted(at["parent"]["threads"])

    parent, first, child = (at[name]["files"] for name in ("parent", "child at first", "child"))
    assert place.settings["log"] in parent.values()
    assert place.settings["log"] not in first.values()
    for ending in (".lock", "events.jsonl"):
        shared = {number for number, file in parent.items() if file.endswith(ending) and first.get(number) == file}
        assert shared == set(), "the child holds on to a file of its parent's"
    own = {number: file for number, file in child.items() if first.get(number) != file}
    for ending in (".db", ".lock", "events.jsonl"):
        assert [file for file in own.values() if file.endswith(ending)], f"the child opened no {ending} of its own"
    spools = [{file for file in files if "/spool/" in file and file.endswith(".lock")} for files in (parent.values(), own.values())]
    assert spools[0].isdisjoint(spools[1])
    if "quarantine" in place.settings:
        assert [file for file in own.values() if file.startswith("socket:")], "the child opened no connection"

    ids = acknowledged(said)
    assert len(ids) == 31
    assert place.seen() == dict.fromkeys(ids, 1)
    assert place.counted() == {"quarantined": 31}
    assert len({line["process"] for line in place.events}) == 2


def test_forks_under_load_harm_neither_side(place: Place) -> None:
    said = place.run("fork_under_load")
    assert said[-1]["codes"] == [0] * 5
    ids = acknowledged(said)
    seen = place.seen()
    assert seen.keys() >= set(ids)
    assert set(seen.values()) == {1}
    assert place.counted() == {"quarantined": len(seen)}


@pytest.mark.parametrize(
    ("name", "puts", "clean"),
    [
        ("multiprocess_by_fork", 1 + 10, 2),
        ("multiprocess_by_spawn", 1 + 10, 2),
        ("multiprocess_by_forkserver", 1 + 10, 2),
        ("use_a_process_pool", 1 + 20, 4),
    ],
)
def test_workers_of_multiprocessing_close_their_gates(place: Place, name: str, puts: int, clean: int) -> None:
    said = place.run(name)
    assert said[-1]["codes"] == [0, 0]
    ids = acknowledged(said)
    assert len(ids) == puts
    assert place.counted() == {"quarantined": puts, "clean": clean}
    assert spooled_now(place) == 0
    assert place.seen() == dict.fromkeys(ids, 1)
    assert len(named(place.events, "gate.stopped")) == len(named(place.events, "gate.started"))


def spooled_now(place: Place) -> int:
    from dq_gate.settings import load_settings

    return spooled(load_settings(**place.settings))
