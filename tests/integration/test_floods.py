"""A flood of failing input stays within the caps, is counted exactly, and leaves the queue usable for others."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dq_gate.gate.runtime import connect
from dq_gate.quarantine.entry import Filter
from tests.fakes import eventually
from tests.faults.judging import assert_counters_hold, walk
from tests.faults.promise import PROMISED, Control, Span
from tests.integration.gating import FAILING, counts, lines, refusal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from dq_gate import Gate
    from dq_gate.quarantine.entry import Group, Stats

MANY = 3000
CAP = 200


def left(gate: Gate) -> tuple[Stats, list[Group]]:
    """What the store counts, after it was held against a walk over what it keeps."""
    with closing(connect(gate.settings.model_copy(update={"store_timeout": 10.0}))) as store:
        assert_counters_hold(store, list(walk(store)))
        return store.stats(), store.groups()


def flood(gate: Gate, rows: int = MANY) -> Counter[str]:
    """Have a batch of nothing but failing records admitted; where they went."""
    with gate.batch() as batch:
        for _ in range(rows):
            batch.admit(FAILING)
    assert batch.report.quarantined == rows
    return batch.report.stored


def test_a_batch_of_failing_rows_stays_within_the_cap_of_its_group(
    load: Callable[..., Gate], quarantine: str | None, tmp_path: Path
) -> None:
    gate = load(quarantine=quarantine, max_open=CAP)
    stored = flood(gate)
    gate.close()
    stats, (group,) = left(gate)
    assert stored == {"store": CAP, "none": MANY - CAP}
    assert (group.count, group.open, group.counted_only) == (MANY, CAP, MANY - CAP)
    assert stats.counted_only == MANY - CAP
    assert counts(lines(tmp_path / "events.jsonl")) == {"quarantined": MANY}
    assert sum(window["unkept"] for window in lines(tmp_path / "events.jsonl") if "unkept" in window) == 0


def test_a_batch_of_failing_rows_stays_within_the_bytes_of_its_namespace(
    load: Callable[..., Gate], quarantine: str | None
) -> None:
    gate = load(quarantine=quarantine, max_store_mb=0.1)
    stored = flood(gate)
    gate.close()
    stats, (group,) = left(gate)
    assert 0.09e6 < stats.bytes <= 0.1e6
    assert stored == {"store": group.open, "none": MANY - group.open}
    assert (group.count, group.counted_only) == (MANY, MANY - group.open)


def test_a_flood_at_full_speed_is_counted_exactly_and_lets_others_in(
    load: Callable[..., Gate], quarantine: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the promise is held with the patience and the deadline that gates have
    flooding = load(quarantine=quarantine, max_open=CAP, source="flood", log=os.devnull)
    other = load(quarantine=quarantine, max_open=CAP, source="other", log=os.devnull)
    flooded: list[str] = []
    is_over = threading.Event()

    def put_on() -> None:
        while not is_over.is_set():
            flooded.append(refusal(flooding).stored)

    def timed(do: Callable[[], Any]) -> tuple[Any, Span]:
        began = time.monotonic()
        return do(), Span(began, time.monotonic())

    threads = [threading.Thread(target=put_on) for _ in range(4)]
    patient = other.settings.model_copy(update={"store_timeout": 10.0})
    with Control() as control, closing(connect(patient)) as reviewers_store:
        for thread in threads:
            thread.start()
        answers = []
        try:
            while len(answers) < 50 or len(flooded) < 2 * CAP:
                answers.append(timed(lambda: refusal(other)))
            eventually(lambda: len(reviewers_store.find(Filter(source="other"), limit=50).entries) == 50)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
    flooding.close()
    other.close()
    ids = {answer.entry_id for answer, _ in answers if answer.stored in {"store", "spool"}}
    with closing(connect(patient)) as store:
        found = list(walk(store))
        assert_counters_hold(store, found)
        groups = {group.source: group for group in store.groups()}
    assert len(ids) >= min(len(answers), CAP) - [answer.stored for answer, _ in answers].count("unknown")
    assert ids <= {entry.id for entry in found}
    assert groups["flood"].count == len(flooded)
    assert groups["flood"].open == CAP
    assert groups["other"].count == len(answers)
    assert control.longest(wait for _, wait in answers) <= PROMISED
