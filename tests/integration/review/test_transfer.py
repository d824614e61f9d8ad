"""Exports: what they hold, that no sheet calculates them, and that a revealed one brings its entries back."""

from __future__ import annotations

import base64
import csv
import io
import json
from contextlib import closing
from dataclasses import replace

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate import events
from dq_gate.errors import ReviewError
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter
from dq_gate.quarantine.vault import Vault, subject_digest
from dq_gate.review.editing import edit
from dq_gate.review.service import Ages, done
from dq_gate.review.sheets import COLUMNS, MAX_CELL, cell, write_csv, write_parquet
from dq_gate.review.transfer import exported, imported
from dq_gate.settings import SealingKey
from tests.integration.review.desk import BLANK, LOUD, RULES, Desk, judge

KEY = SealingKey("k1", base64.b64decode("a" * 43 + "="))
STRANGE = {"query": "\x1b[2J\u202e\ud800!!", "note": "=HYPERLINK(1)", "n": 2**70, "b": b"\x00", "t": (1,), "f": 1e300}


@pytest.fixture
def elsewhere(tmp_path, namespace, clock):
    """A desk with an empty store."""
    with closing(open_store(f"sqlite:///{tmp_path / 'else.db'}", namespace, max_open=100_000, timeout=10.0)) as store:
        yield Desk(store, namespace, clock)


def rows_of(desk, *entry_ids, reveal=True):
    """The rows of an export, as they are read from its file."""
    rows = [exported(desk.reviewer(), desk.entry(entry_id), reveal=reveal) for entry_id in entry_ids]
    return list(enumerate(map(orjson.loads, map(orjson.dumps, rows)), start=1))


def bring(desk, rows):
    return list(imported(desk.reviewer("bob"), rows, desk.namespace))


# Rows


def test_a_masked_row_has_the_shape_and_no_content(desk):
    ((_, row),) = rows_of(desk, desk.put(LOUD), reveal=False)
    assert (row["revealed"], row["payload"]) == (False, {"query": "<7 characters>"})
    assert "hello" not in json.dumps(row)


def test_a_payload_that_does_not_open_is_a_problem_of_its_row_alone(desk):
    desk.vault = Vault([KEY])
    entry_id = desk.put(LOUD)
    desk.vault = Vault()
    ((_, row),) = rows_of(desk, entry_id)
    assert (row["revealed"], row["payload"]) == (False, None)
    assert "sealed under key 'k1'" in row["problem"]


# Import


def test_a_revealed_export_brings_its_entries_back_pending_and_undecided(desk, review, elsewhere):
    entry_id, strange = desk.put(LOUD, key="topic/1"), desk.put(STRANGE)
    review.claim([entry_id], token="mine")
    review.release([entry_id], "mine", waive=["query.text.calm"], reason="x")

    assert done(bring(elsewhere, rows_of(desk, entry_id, strange))) == [entry_id, strange]

    back, before = elsewhere.entry(entry_id), desk.entry(entry_id)
    assert (back.state, back.waivers, back.verdict) == ("pending", (), None)
    assert [(item.who, item.action) for item in back.history] == [("bob", "import")]
    assert (back.violations, back.pack, back.fingerprint) == (before.violations, before.pack, before.fingerprint)
    assert back.history[0].why == "came on 1970-01-12"
    assert elsewhere.reviewer().content(elsewhere.entry(strange)).value == STRANGE
    assert elsewhere.told.of(events.EntryImported)[0].entry_ids == (entry_id, strange)


def test_what_came_long_ago_is_not_expired_by_the_next_command(desk, elsewhere, clock):
    rows = rows_of(desk, desk.put(LOUD))
    clock.now += 1_000
    review = elsewhere.reviewer()
    list(imported(review, rows, elsewhere.namespace))
    review.tidy(Ages(open_s=500, finished_s=500, tombstone_s=500))
    assert elsewhere.entry(rows[0][1]["id"]).state == "pending"


def test_importing_twice_changes_nothing(desk, elsewhere):
    rows = rows_of(desk, desk.put(LOUD))
    bring(elsewhere, rows)
    before = elsewhere.entry(rows[0][1]["id"])
    assert [outcome.result for outcome in bring(elsewhere, rows)] == ["already_there"]
    assert elsewhere.entry(before.id) == before


def test_what_was_purged_not_long_ago_does_not_come_back(desk, review):
    entry_id = desk.put(LOUD)
    rows = rows_of(desk, entry_id)
    review.claim([entry_id], token="mine")
    review.discard([entry_id], "mine")
    review.purge([entry_id], 1e10)  # tombstones count by the store's own clock
    assert [outcome.result for outcome in bring(desk, rows)] == ["already_there"]
    assert desk.store.get(entry_id) is None


def test_an_edited_entry_comes_back_with_its_original(desk, review, elsewhere):
    entry_id = desk.put(LOUD)
    review.claim([entry_id], token="mine")
    edit(review, desk.entry(entry_id), "mine", {"query": "hello"}, judge, rules=RULES)
    rows = rows_of(desk, entry_id)
    bring(elsewhere, rows)
    assert orjson.loads(elsewhere.reviewer().content(elsewhere.entry(entry_id)).document) == rows[0][1]["payload"]
    assert rows[0][1]["payload"]["original"] == LOUD


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["plain", "sealed"])
@pytest.mark.parametrize("from_keys", [(), (KEY,)], ids=["from plain", "from sealed"])
def test_a_subject_is_found_after_an_import_whatever_is_sealed(desk, elsewhere, keys, from_keys):
    desk.vault, elsewhere.vault = Vault(from_keys), Vault(keys)
    entry_id = desk.put(LOUD | {"customer": "c-1"})
    bring(elsewhere, rows_of(desk, entry_id))
    digest, *_ = elsewhere.vault.searches(subject_digest(desk.namespace, "c-1"))
    assert elsewhere.store.ids(Filter(subject=digest)).ids == (entry_id,)
    assert (b"hello" in elsewhere.entry(entry_id).payload) is not bool(keys)


def test_another_namespace_takes_what_is_about_nobody(desk, tmp_path, clock):
    with closing(open_store(f"sqlite:///{tmp_path / 'o.db'}", "other", max_open=9, timeout=10.0)) as store:
        other = Desk(store, "other", clock)
        entry_id = desk.put(LOUD)
        assert done(bring(other, rows_of(desk, entry_id))) == [entry_id]
        assert other.entry(entry_id).fingerprint != desk.entry(entry_id).fingerprint
        with pytest.raises(ReviewError, match="data of a person"):
            bring(other, rows_of(desk, desk.put(LOUD | {"customer": "c-1"})))


def test_a_masked_export_is_refused(desk, elsewhere):
    with pytest.raises(ReviewError, match=r"line 1: its payload is masked.*export with --reveal"):
        bring(elsewhere, rows_of(desk, desk.put(LOUD), reveal=False))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"export": 2}, r"line 1: is no row of an export \(export\)"),
        ({"id": 5}, r"\(id\)"),
        ({"id": "hello\x1b"}, r"\(id\)"),
        ({"source": "Not Allowed"}, r"\(source\)"),
        ({"violations": [{"rule_id": 1}]}, r"\(violations.0.rule_id\)"),
        ({"payload": {"v": 9, "value": 1}}, "damaged"),
        ({"payload": {"v": 1, "value": {"$date": "hello"}}}, "damaged"),
        ({"created_at": "hello"}, "damaged"),
        ({"problem": "hello"}, None),
    ],
)
def test_a_row_that_is_none_is_named_by_its_line_and_not_by_its_content(desk, elsewhere, change, message):
    ((number, row),) = rows_of(desk, desk.put(LOUD))
    if message is None:
        assert len(done(bring(elsewhere, [(number, row | change)]))) == 1
        return
    with pytest.raises(ReviewError, match=message) as refused:
        bring(elsewhere, [(number, row | change)])
    assert "hello" not in str(refused.value)


@pytest.mark.parametrize("row", [None, [], "hello", 5, {}])
def test_what_is_no_object_is_no_row(elsewhere, row):
    with pytest.raises(ReviewError, match="line 7: is no row of an export"):
        bring(elsewhere, [(7, row)])


# Sheets


def test_a_csv_is_read_back_by_columns_and_its_payload_is_json(desk):
    rows = [row for _, row in rows_of(desk, desk.put(LOUD), desk.put(BLANK))]
    stream = io.BytesIO()
    assert write_csv(stream, rows) == 2
    data = stream.getvalue()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 3
    first, _ = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert tuple(first) == COLUMNS
    assert json.loads(first["payload"])["value"] == LOUD
    assert first["rules"] == "query.text.calm"


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\uff0b1", "\uff20x"]
)
def test_what_a_sheet_would_calculate_becomes_text(start):
    assert cell(start).startswith("'")


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_cell_is_calculated_or_holds_what_does_not_show(text):
    made = cell(text)
    assert made.isprintable()
    assert not made.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert len(made) <= MAX_CELL


def test_a_cell_longer_than_a_sheet_takes_is_cut_and_says_so():
    assert cell("x" * 40_000) == "x" * (MAX_CELL - 1) + "\u2026"
    assert cell("=" * MAX_CELL).startswith("'=")


def test_a_parquet_file_has_typed_columns_and_every_row(desk, monkeypatch):
    monkeypatch.setattr("dq_gate.review.sheets.ROWS_AT_ONCE", 2)
    rows = [row for _, row in rows_of(desk, *(desk.put(LOUD) for _ in range(5)))]
    stream = io.BytesIO()
    assert write_parquet(stream, rows) == 5
    table = pq.read_table(io.BytesIO(stream.getvalue()))
    assert tuple(table.column_names) == COLUMNS
    first = table.to_pylist()[0]
    assert first["rules"] == ["query.text.calm"]
    assert first["created_at"].timestamp() == pytest.approx(desk.clock.now)
    assert json.loads(first["payload"])["value"] == LOUD


def test_an_entry_without_a_history_has_no_last_action(desk):
    entry = replace(desk.entry(desk.put(LOUD)), history=())
    stream = io.BytesIO()
    write_csv(stream, [exported(desk.reviewer(), entry, reveal=False)])
    (row,) = csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline=""))
    assert (row["last_action"], row["last_who"], row["last_at"]) == ("", "", "")
