"""A record and a row of a frame get one verdict, on all the text in tests/data. `make accuracy` shows it on more."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dq_gate import Gate
from tests.accuracy import planes

DATA = Path(__file__).parent.parent / "data"
FILES = sorted(DATA.glob("*.jsonl"))


@pytest.mark.parametrize("pack", ["query", "document"])
def test_no_text_is_judged_differently_as_a_row(pack):
    gate = Gate.load(pack)
    (field,) = (plan.name for plan in gate.pack.plan.fields if plan.null_rule)
    results = [planes.of_texts(path.stem, gate, field, planes.texts_by_column(path)) for path in FILES]
    assert [result.line() for result in results if not result.is_met] == []
    assert sum(result.rows for result in results) > 2000
    assert sum(result.outcomes["quarantined"] for result in results) > 50
    assert sum(result.replaced for result in results) > 0


def test_no_row_of_a_table_is_judged_differently():
    texts = planes.texts_by_column(DATA / "blns.jsonl")["text"]
    numbers = [None if number % 9 == 0 else number % 50 for number in range(len(texts))]
    result = planes.of_table("table", pl.DataFrame({"text": texts, "number": numbers, "half": numbers}))
    assert result.is_met
    assert min(result.outcomes[outcome] for outcome in ("clean", "quarantined")) > 0


def test_a_columnar_form_that_overlooks_rows_shows():
    gate = Gate.load("query")
    gate.pack.suspects["query.text.markup"] = lambda column: column.is_null()
    result = planes.of_texts("xss", gate, "query", planes.texts_by_column(DATA / "xss.jsonl"))
    assert not result.is_met
    assert all(result.differences[library] for library in ("polars", "pandas", "pyarrow"))
