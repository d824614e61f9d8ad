"""One batch of a million failing rows: within the caps, counted to the last row, in bounded memory."""

from __future__ import annotations

import resource
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq_gate import Gate
from dq_gate.gate.files import Source, admit_file
from dq_gate.gate.runtime import connect
from dq_gate.intake.records import Shape
from tests.fakes import eventually
from tests.faults.gate_load import WAIT
from tests.faults.judging import assert_counters_hold, walk
from tests.faults.record import record
from tests.integration.gating import counts, lines, named, spooled, write_pack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.redis_server import RedisServer

ROWS = 1_000_000
CAP = 5_000
GROWTH_MB = 600
"""Most that the process may grow by: pieces of the file and what is judged of them, however many there are."""


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_a_million_failing_rows_in_one_batch(tmp_path: Path, namespace: str, server: RedisServer) -> None:
    piece = pa.table({"query": ["a forbidden word"] * 10_000, "top_k": [5] * 10_000})
    with pq.ParquetWriter(tmp_path / "flood.parquet", piece.schema) as writer:
        for _ in range(ROWS // 10_000):
            writer.write_table(piece)
    log = tmp_path / "events.jsonl"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gate = Gate.load(
        write_pack(tmp_path),
        quarantine=server.url,
        namespace=namespace,
        state_dir=tmp_path / "state",
        log=str(log),
        max_open=CAP,
    )
    shape = Shape({"query": "str", "top_k": "int"}, {}, None)
    with gate:
        clean = (tmp_path / "clean.parquet").open("wb")
        with (tmp_path / "flood.parquet").open("rb") as stream, clean, gate.batch() as batch:
            admit_file(batch, Source(stream, "parquet", shape), clean, iter)
        eventually(lambda: spooled(gate.settings) == 0, WAIT)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with closing(connect(gate.settings.model_copy(update={"store_timeout": WAIT}))) as store:
        found = list(walk(store))
        assert_counters_hold(store, found)
        (group,) = store.groups()
    record("A batch of a million failing rows (max_open = 5,000)", acknowledged=CAP, lost=CAP - len(found))
    assert (group.open, len(found)) == (CAP, CAP)
    if not named(lines(log), "store.degraded"):  # after a time-out, what was only counted may be counted once more
        assert (group.count, group.counted_only) == (ROWS, ROWS - CAP)
    assert sum(batch.report.stored.values()) == batch.report.quarantined == ROWS
    assert +counts(lines(log)) == {"quarantined": ROWS}
    assert grown < GROWTH_MB
