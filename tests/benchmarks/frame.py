"""`check_frame` against hand-written polars expressions that give the same clean frame and reasons."""

from __future__ import annotations

import gc
import random
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from tests.benchmarks.measure import Figure
from tests.benchmarks.record import DENIED, TENANTS, WORDS, benchmark_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 1_000_000
ROUNDS = 5
BAD_EVERY = 33


def frame() -> pl.DataFrame:
    """Rows of about 200 characters, 3 % of them bad."""
    draw = random.Random(33)
    pool = [" ".join(draw.choices(WORDS, k=38)) for _ in range(2000)]
    queries = [
        pool[number % 2000] + ("\x07" if number % (2 * BAD_EVERY) else " <script") if number % BAD_EVERY == 0
        else pool[number % 2000]
        for number in range(ROWS)
    ]  # fmt: skip
    return pl.DataFrame(
        {
            "query": queries,
            "top_k": [number % 100 + 1 for number in range(ROWS)],
            "tenant": [TENANTS[number % 50] for number in range(ROWS)],
        }
    )


def figures() -> Iterator[Figure]:
    """Milliseconds for the whole frame, and how much memory that takes."""
    table, gate = frame(), benchmark_gate()
    expected = by_hand(table)
    result = gate.check_frame(table)
    assert result.clean.equals(expected[0])
    assert result.quarantined.height == expected[1].height
    rounds = [(_ms(lambda: gate.check_frame(table)), _ms(lambda: by_hand(table))) for _ in range(ROUNDS)]
    ours, limit = (min(times) for times in zip(*rounds, strict=True))
    yield Figure(f"check_frame on {ROWS} rows, against polars expressions by hand", "ms", ours, limit, 1.0)
    with get_context("spawn").Pool(1) as pool:
        peak, size = pool.apply(memory)
    yield Figure("memory that check_frame takes beside the frame, against the frame", "MB", peak, size, 2.0)


def memory() -> tuple[float, float]:
    """Megabytes that a process grows by at most while it judges the frame, and the frame's own size."""
    table, gate = frame(), benchmark_gate()
    gate.check_frame(table.head(1000))
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    result = gate.check_frame(table)
    assert result.quarantined.height
    return (_status("VmHWM") - before) / 1024, table.estimated_size("mb")


def _status(name: str) -> int:
    """A line of this process's status, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def by_hand(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The benchmark pack over a frame, as a polars user would write it."""
    query = pl.col("query")
    denied = "(?i)" + "|".join(pattern.replace(r"\b", r"(?-u:\b)").replace(r"\s", r"[\t\n\f\r ]") for pattern in DENIED)
    failures = {
        "query.text.present": query.str.strip_chars() == "",
        "query.text.length": ~query.str.len_chars().is_between(3, 2000),
        "query.text.control": query.str.contains("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\u009f]"),
        "query.text.invisible": query.str.contains("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"),
        "query.text.replacement": query.str.contains("\ufffd", literal=True),
        "query.text.deny": query.str.contains(denied),
        "field.top_k.range": ~pl.col("top_k").is_between(1, 100),
        "field.tenant.one_of": ~pl.col("tenant").is_in(TENANTS),
    }
    marked = table.with_columns(failed.alias(rule) for rule, failed in failures.items())
    is_bad = pl.any_horizontal(list(failures))
    bad = marked.filter(is_bad)
    reasons = pl.concat_list(pl.when(pl.col(rule)).then(pl.lit(rule)) for rule in failures).list.drop_nulls()
    columns = table.columns
    return marked.filter(~is_bad).select(columns), bad.with_columns(reasons.alias("reasons")).select(
        *columns, "reasons"
    )


def _ms(call: object) -> float:
    assert callable(call)
    started = perf_counter()
    call()
    return (perf_counter() - started) * 1000
