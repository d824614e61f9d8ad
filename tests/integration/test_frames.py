"""Frames of every library: what comes back, of which type, and what the gate keeps and counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dq_gate.core.decide import Rule
from dq_gate.core.model import Finding
from dq_gate.gate import frames as frames_module
from dq_gate.gate.frames import REASONS, check_frame
from dq_gate.packs.compile import FrameRule
from dq_gate.packs.frame import FramePass
from dq_gate.quarantine.codec import decode
from tests.integration.gating import CALM_NO_MORE, CLEAN, FAILING, REPAIRABLE, counts, entries, lines, named
from tests.packs import make_pack

DECOMPOSED, COMPOSED = "cafe\u0301", "caf\u00e9"
NFC = {"id": "query.text.normal", "field": "query", "check": "normalized", "repair": "nfc"}
FIELDS = {
    "query": {"type": "str"},
    "top_k": {"type": "int", "ge": 1, "le": 100, "default": 10},
    "tags": {"type": "list[str]", "required": False},
}
PRESENT = {"id": "query.text.present", "field": "query", "check": "not_blank"}
PACK = make_pack(FIELDS, [PRESENT, NFC])
ROWS = {
    "query": ["plain", DECOMPOSED, " ", "null", "plain"],
    "top_k": [1, 2, 3, None, 500],
    "tags": [["a"], None, [], ["b"], ["c"]],
}
IN_EVERY_LIBRARY = pytest.mark.parametrize(
    "make", [pl.DataFrame, pa.table, lambda rows: pd.DataFrame(rows | {"top_k": pd.array(rows["top_k"], "Int64")})]
)


def one(frame, column, row=0):
    """A cell of a frame of any library."""
    cell = frame.iloc[row][column] if isinstance(frame, pd.DataFrame) else frame[column][row]
    cell = cell.as_py() if isinstance(cell, pa.Scalar) else cell
    return cell.to_list() if isinstance(cell, pl.Series) else cell


def names(frame):
    return list(frame.column_names if isinstance(frame, pa.Table) else frame.columns)


# What comes back


@IN_EVERY_LIBRARY
def test_a_frame_is_parted_into_frames_of_its_own_kind(make):
    frame = make(ROWS)
    result = check_frame(PACK, frame)
    assert type(result.clean) is type(result.quarantined) is type(frame)
    assert names(result.clean) == names(frame)
    assert names(result.quarantined) == [*names(frame), REASONS]
    assert [one(result.clean, "query", row) for row in range(3)] == ["plain", COMPOSED, "null"]
    assert [one(result.clean, "top_k", row) for row in range(3)] == [1, 2, 10]
    assert [one(result.quarantined, "query", row) for row in range(2)] == [" ", "plain"]
    assert list(one(result.quarantined, REASONS)) == [
        {"rule_id": "query.text.present", "field": "query", "message": "has no visible character"}
    ]


@IN_EVERY_LIBRARY
def test_the_report_counts_rows_rules_and_fields(make):
    report = check_frame(PACK, make(ROWS)).report
    assert (report.rows, report.clean, report.repaired, report.quarantined) == (5, 2, 1, 2)
    assert report.by_rule == {"query.text.present": 1, "field.top_k.le": 1}
    assert report.by_field == {"query": 1, "top_k": 1}


@IN_EVERY_LIBRARY
def test_the_callers_frame_stays_as_it_was(make):
    frame, untouched = make(ROWS), make(ROWS)
    check_frame(PACK, frame)
    assert frame.equals(untouched)


def test_what_came_clean_has_the_types_it_came_with():
    schema = pa.schema(
        [
            pa.field("query", pa.string(), metadata={"note": "kept"}),
            pa.field("top_k", pa.int16()),
            pa.field("tags", pa.list_(pa.string())),
        ],
        metadata={"file": "kept too"},
    )
    result = check_frame(PACK, pa.table(ROWS, schema=schema))
    assert result.clean.schema.equals(schema, check_metadata=True)
    assert result.quarantined.schema.field("query").type == pa.string()

    typed = pl.DataFrame(ROWS, {"query": pl.Categorical, "top_k": pl.Int16, "tags": pl.List(pl.String)})
    assert check_frame(PACK, typed).clean.schema == typed.schema

    frame = pd.DataFrame({"query": pd.Categorical(ROWS["query"][:3]), "top_k": np.array([1, 2, 3], "int8")})
    clean = check_frame(PACK, frame.iloc[[0, 2]]).clean
    assert clean.dtypes.equals(frame.dtypes)


def test_a_pandas_frame_keeps_its_index():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["letter", "number"])
    result = check_frame(PACK, pd.DataFrame({"query": ["plain", DECOMPOSED, " "]}, index=index))
    assert result.clean.index.equals(index[:2])
    assert result.quarantined.index.equals(index[2:])


@pytest.mark.parametrize(
    "frame", [pl.DataFrame(), pd.DataFrame(), pa.table({}), pl.DataFrame(ROWS).head(0), pd.DataFrame(ROWS).head(0)]
)
def test_an_empty_frame_is_parted_into_empty_frames(frame):
    result = check_frame(PACK, frame)
    assert len(result.clean) == len(result.quarantined) == result.report.rows == 0
    assert names(result.quarantined) == [*names(frame), REASONS]
    assert result.report.by_rule == {}


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table])
def test_a_required_field_without_a_column_fails_every_row(make):
    result = check_frame(PACK, make({"top_k": [1, 2]}))
    assert result.report.by_rule == {"field.query.required": 2}
    assert len(result.clean) == 0


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table])
def test_reasons_of_an_earlier_look_give_way(make):
    result = check_frame(PACK, make({"query": [" "], REASONS: ["old"]}))
    assert names(result.quarantined) == ["query", REASONS]
    assert {reason["rule_id"] for reason in one(result.quarantined, REASONS)} == {
        "query.text.present", "record.fields.known",
    }  # fmt: skip


@pytest.mark.parametrize(
    "frame",
    [pl.LazyFrame({"query": ["a"]}), pd.Series(["a"]), [{"query": "a"}], {"query": ["a"]}, None],
)
def test_what_is_no_frame_is_refused_with_the_way_out(frame):
    with pytest.raises(TypeError, match="a polars or pandas DataFrame or a pyarrow Table is expected"):
        check_frame(PACK, frame)


# Null


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([None, np.nan], dtype=object), pd.Series([pd.NA, pd.NaT], dtype=object), pd.Series([np.nan, np.nan]),
        pd.Series([pd.NA, None], dtype="string"), pd.Series([None, None], dtype="category"),
        pd.Series([pd.NaT, pd.NaT]),
    ],
)  # fmt: skip
def test_every_null_of_pandas_is_null(column):
    assert check_frame(PACK, pd.DataFrame({"query": column})).report.by_rule == {"field.query.required": 2}


@pytest.mark.parametrize("mixed", [[None, 5], [np.nan, 5], [pd.NA, 5], [pd.NaT, 5]])
def test_null_is_null_beside_values_of_another_type(mixed):
    report = check_frame(PACK, pd.DataFrame({"query": pd.Series(mixed, dtype=object)})).report
    assert report.by_rule == {"field.query.required": 1, "field.query.type": 1}


def test_not_a_number_is_null_in_every_library():
    pack = make_pack({"score": {"type": "float", "ge": 0}})
    for frame in (
        pl.DataFrame({"score": [float("nan")]}),
        pd.DataFrame({"score": [np.nan]}),
        pa.table({"score": [np.nan]}),
    ):
        assert check_frame(pack, frame).report.by_rule == {"field.score.required": 1}


def test_a_default_fills_a_column_of_nulls_whatever_its_type():
    pack = make_pack({"tenant": {"type": "str", "default": "acme"}})
    frames = [
        pl.DataFrame({"tenant": [None]}),
        pl.DataFrame({"tenant": [None]}, {"tenant": pl.Enum(["globex"])}),
        pa.table({"tenant": pa.nulls(1)}),
        pa.table({"tenant": pa.array([None], pa.dictionary(pa.int8(), pa.string()))}),
        pd.DataFrame({"tenant": [None]}),
        pd.DataFrame({"tenant": [np.nan]}),
        pd.DataFrame({"tenant": pd.Categorical([None], ["globex"])}),
    ]
    for frame in frames:
        result = check_frame(pack, frame)
        assert (one(result.clean, "tenant"), result.report.clean, result.report.repaired) == ("acme", 1, 0)


# Types that only frames have


def test_columns_of_mixed_types_are_judged_value_by_value():
    frame = pd.DataFrame({"query": pd.Series(["plain", 5, True, b"bytes", "lone \ud800", DECOMPOSED], dtype=object)})
    result = check_frame(PACK, frame)
    assert result.clean["query"].tolist() == ["plain", "lone \ud800", COMPOSED]
    assert result.quarantined["query"].tolist() == [5, True, b"bytes"]


def test_a_bool_among_numbers_stays_a_bool():
    frame = pd.DataFrame({"query": ["a"] * 3, "top_k": pd.Series([1, True, 2.5], dtype=object)})
    assert check_frame(PACK, frame).quarantined["top_k"].tolist() == [True, 2.5]


def test_lists_of_text_may_be_arrays_as_parquet_readers_make_them():
    tags = pd.Series([np.array(["a", DECOMPOSED], dtype=object), np.array(["a", None], dtype=object)])
    rule = NFC | {"id": "tags.text.normal", "field": "tags"}
    result = check_frame(make_pack(FIELDS, [rule]), pd.DataFrame({"query": ["a", "b"], "tags": tags}))
    assert result.clean["tags"].tolist() == [["a", COMPOSED]]
    assert result.report.by_rule == {"field.tags.type": 1}


def test_vectors_may_be_arrays():
    pack = make_pack({"vector": {"type": "vector"}})
    vectors = pd.Series([np.array([1.0, 2.0]), np.array([[1.0]]), np.array([True]), [1, 2.5]])
    assert check_frame(pack, pd.DataFrame({"vector": vectors})).report.quarantined == 2
    assert check_frame(pack, pl.DataFrame({"vector": [[1.0, 2.0], [None, 1.0]]})).report.quarantined == 1


def test_a_repair_that_a_columns_type_cannot_hold_widens_the_column():
    frames = [
        pl.DataFrame({"query": [DECOMPOSED, "a"]}, {"query": pl.Enum([DECOMPOSED, "a"])}),
        pd.DataFrame({"query": pd.Categorical([DECOMPOSED, "a"])}),
        pa.table({"query": pa.array([DECOMPOSED, "a"]).dictionary_encode()}),
    ]
    for frame in frames:
        clean = check_frame(PACK, frame).clean
        assert [one(clean, "query", row) for row in range(2)] == [COMPOSED, "a"]


def test_types_that_no_field_has_fail_and_break_nothing():
    columns = {
        "decimal": pl.Series([Decimal("1.5")]),
        "binary": pl.Series([b"a"]),
        "time": pl.Series([datetime(2026, 1, 31, 12, tzinfo=UTC).time()]),
        "duration": pl.Series([1], dtype=pl.Duration),
        "array": pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)),
        "null": pl.Series([None]),
        "object": pl.Series([object()], dtype=pl.Object),
        "wide": pl.Series([1], dtype=pl.Int128),
    }
    for name, column in columns.items():
        result = check_frame(make_pack({name: {"type": "str"}}), column.alias(name).to_frame())
        assert result.report.quarantined == 1, name


def test_a_row_that_is_too_large_fails_alone():
    pack = make_pack(FIELDS, max_bytes=1000)
    rows = {"query": ["a", "é" * 500, "b"], "tags": [None, None, ["x" * 300] * 4]}
    report = check_frame(pack, pl.DataFrame(rows)).report
    assert (report.clean, report.by_rule) == (1, {"record.size": 2})
    assert check_frame(pack, pd.DataFrame(rows)).report == report


# Columns that the pack does not name


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, pa.table])
def test_unknown_columns_are_counted_for_every_row(make):
    frame = make({"query": ["a", " "], "extra": [1, 2]})
    assert check_frame(PACK, frame).report.by_rule == {"record.fields.known": 2, "query.text.present": 1}
    strict = make_pack(FIELDS, unknown_fields="quarantine")
    assert check_frame(strict, frame).report.quarantined == 2
    lax = make_pack(FIELDS, unknown_fields="allow")
    assert check_frame(lax, frame).report.by_rule == {}


def test_a_column_may_have_a_name_that_is_no_text():
    result = check_frame(make_pack({"0": {"type": "str"}}, [NFC | {"field": "0"}]), pd.DataFrame({0: [DECOMPOSED]}))
    assert result.clean[0].tolist() == [COMPOSED]


def test_a_column_found_under_an_alias_is_repaired_there():
    pack = make_pack({"query": {"type": "str", "aliases": ["question"]}}, [NFC], unknown_fields="quarantine")
    assert check_frame(pack, pl.DataFrame({"question": [DECOMPOSED]})).clean["question"].to_list() == [COMPOSED]


# Rules about batches


class Doubles:
    """Finds rows whose query came before, and batches of fewer than three rows."""

    def __init__(self):
        self.seen = set()
        self.rows = 0

    def look(self, frame):
        self.rows += frame.height
        return {row: Finding("came before") for row, query in enumerate(frame["query"]) if self.is_known(query)}

    def is_known(self, query):
        return query in self.seen or self.seen.add(query) is not None

    def end(self):
        return Finding("has fewer than 3 rows") if self.rows < 3 else None


class Breaking(Doubles):
    def look(self, frame):
        raise LookupError


def with_frame_rule(pack, begin=Doubles, **rule):
    """A pack with one more rule, about batches."""
    own = Rule("query.batch.sound", "query", "doubles", lambda _: None, **rule)
    return replace(pack, frame_rules=(FrameRule(own, begin),))


def test_a_row_that_a_batch_rule_finds_fails_beside_the_rows_own_violations():
    frame = pl.DataFrame({"question": ["a", " ", " ", "a"]})
    pack = with_frame_rule(make_pack({**FIELDS, "query": {"type": "str", "aliases": ["question"]}}, [PRESENT]))
    result = check_frame(pack, frame)
    assert result.clean["question"].to_list() == ["a"]
    assert [[reason["rule_id"] for reason in row] for row in result.quarantined[REASONS]] == [
        ["query.text.present"], ["query.text.present", "query.batch.sound"], ["query.batch.sound"],
    ]  # fmt: skip
    assert result.report.by_rule == {"query.text.present": 2, "query.batch.sound": 2}


def test_a_batch_rule_that_does_not_enforce_leaves_the_rows_alone():
    frame = pl.DataFrame({"query": ["a", "a", DECOMPOSED, DECOMPOSED]})
    warning = check_frame(with_frame_rule(PACK, on_fail="warn"), frame)
    assert (warning.report.by_rule, warning.report.repaired) == ({"query.batch.sound": 2}, 2)
    shadowed = check_frame(with_frame_rule(PACK, shadow=True), frame)
    assert (shadowed.report.by_rule, shadowed.report.shadowed) == ({}, {"query.batch.sound": 2})
    assert warning.clean["query"].to_list() == shadowed.clean["query"].to_list() == ["a", "a", COMPOSED, COMPOSED]


@IN_EVERY_LIBRARY
def test_a_batch_that_fails_as_a_whole_passes_no_row(make):
    frame = make({"query": ["a", " "], "top_k": [1, 2], "tags": [None, None]})
    result = check_frame(with_frame_rule(PACK), frame)
    assert (len(result.clean), len(result.quarantined), result.report.quarantined) == (0, 2, 2)
    assert [reason["rule_id"] for reason in one(result.quarantined, REASONS, 0)] == ["query.batch.sound"]
    assert [reason["rule_id"] for reason in one(result.quarantined, REASONS, 1)] == [
        "query.text.present", "query.batch.sound",
    ]  # fmt: skip
    assert [failure.message for failure in result.report.failures] == ["has fewer than 3 rows"]


def test_an_empty_batch_may_fail_as_a_whole():
    report = check_frame(with_frame_rule(PACK), pl.DataFrame(ROWS).head(0)).report
    assert (report.rows, [failure.rule_id for failure in report.failures]) == (0, ["query.batch.sound"])


@pytest.mark.parametrize("rule", [{"on_fail": "warn"}, {"shadow": True}])
def test_a_batch_rule_that_does_not_enforce_refuses_no_batch(rule):
    result = check_frame(with_frame_rule(PACK, **rule), pl.DataFrame({"query": ["a"]}))
    assert (result.report.clean, len(result.report.failures)) == (1, 1 if "on_fail" in rule else 0)


def test_a_batch_rule_that_breaks_refuses_the_batch_unless_it_is_to_pass():
    frame = pl.DataFrame({"query": ["a"] * 4})
    closed = check_frame(with_frame_rule(PACK, Breaking), frame)
    assert (closed.report.quarantined, closed.report.crashed) == (4, {"query.batch.sound": 1})
    assert [failure.message for failure in closed.report.failures] == ["the check crashed: LookupError"]
    opened = check_frame(with_frame_rule(PACK, Breaking, crash_passes=True), frame)
    assert (opened.report.clean, opened.report.crashed) == (4, {"query.batch.sound": 1})


def test_a_batch_in_several_frames_is_one_batch():
    batch = FramePass(with_frame_rule(make_pack({"query": {"type": "str"}})))
    first, second = (batch.judge(pl.DataFrame({"query": queries})) for queries in (["a", "b"], ["b", "c"]))
    assert (list(first.decisions), list(second.decisions)) == ([], [0])
    assert batch.end().violations == ()


def test_a_rule_that_needs_the_whole_batch_refuses_a_second_frame():
    pack = with_frame_rule(PACK)
    batch = FramePass(replace(pack, frame_rules=(replace(pack.frame_rules[0], needs_whole=True),)))
    batch.judge(pl.DataFrame({"query": ["a"]}))
    with pytest.raises(ValueError, match="needs the whole batch"):
        batch.judge(pl.DataFrame({"query": ["a"]}))


# What a report shows


def test_examples_show_the_shape_of_a_value_around_its_fault():
    control = {"id": "query.text.control", "field": "query", "check": "no_control_characters"}
    pack = make_pack({"query": {"type": "str"}}, [control])
    queries = ["Order 4711 of Ms Zo\u00eb\x1b[31m", "x" * 99 + "\x00", "b\x00", "c\x00", "d\x00"]
    examples = check_frame(pack, pl.DataFrame({"query": queries})).report.examples
    assert examples == {"query.text.control": (" xx Xx Xxx\u00b7[99x", "xxxxxxxxxx\u00b7", "x\u00b7")}


def test_nothing_is_shown_of_a_field_that_is_not_to_be_kept():
    pack = make_pack({"top_k": {"type": "int", "le": 5, "store": "omit"}})
    assert check_frame(pack, pl.DataFrame({"top_k": [6]})).report.examples == {}


# Without a close look at clean rows


def test_clean_rows_of_text_are_not_judged_one_by_one(monkeypatch):
    looks = []
    monkeypatch.setattr("dq_gate.packs.frame.decide", lambda plan, record: looks.append(record))
    monkeypatch.setattr(frames_module, "_part", lambda *_: None)
    frame = pl.DataFrame({"query": ["where is my card"] * 1000, "top_k": [5] * 1000, "tags": [["a", "b"] * 20] * 1000})
    check_frame(PACK, frame)
    assert looks == []


def test_a_default_that_no_column_takes_up_needs_no_close_look(monkeypatch):
    monkeypatch.setattr("dq_gate.packs.frame.decide", None)
    assert check_frame(PACK, pl.DataFrame({"query": ["where is my card"]})).report.clean == 1


# Through the gate

ADMITTED = pl.DataFrame([CLEAN, REPAIRABLE, FAILING, CALM_NO_MORE, CLEAN])


def test_admitting_a_frame_keeps_what_fails_and_counts_every_row(load, tmp_path):
    gate = load(source="crawl")
    result = gate.admit_frame(ADMITTED)
    assert result.report == gate.check_frame(ADMITTED).report
    (entry,) = entries(gate.settings)
    assert decode(entry.payload) == FAILING
    assert [violation.rule_id for violation in entry.violations] == ["query.text.deny"]
    gate.close()
    events = lines(tmp_path / "events.jsonl")
    assert counts(events) == {"clean": 3, "repaired": 1, "quarantined": 1}
    (batch,) = named(events, "batch.completed")
    told = [batch[name] for name in ("plane", "rows", "clean", "repaired", "quarantined", "rules")]
    assert told == ["batch", 5, 3, 1, 1, {"query.text.deny": 1}]
    (shadowed,) = [
        row for window in named(events, "window.closed") for row in window["rules"] if row["mode"] == "shadow"
    ]
    assert (shadowed["rule_id"], shadowed["count"]) == ("query.text.calm", 1)
    assert [window for window in named(events, "window.closed") if "latency_us" in window] == []


@pytest.fixture
def pack_with_row_count(small_pack):
    small_pack.write_text(f"{small_pack.read_text()}  - {{id: batch.rows.count, check: row_count, min: 100}}\n")
    return small_pack


def test_a_refused_batch_is_kept_as_one_entry_beside_the_rows_that_fail_by_themselves(
    load, pack_with_row_count, tmp_path
):
    gate = load(pack_with_row_count)
    result = gate.admit_frame(ADMITTED)
    assert (result.report.quarantined, result.clean.height) == (5, 0)
    own, whole = sorted(entries(gate.settings), key=lambda entry: not entry.replayable)
    assert (own.replayable, decode(own.payload)) == (True, FAILING)
    assert (whole.replayable, decode(whole.payload)) == (False, {"rows": 4, "columns": ["query", "top_k"]})
    assert [violation.rule_id for violation in whole.violations] == ["batch.rows.count"]
    gate.close()
    events = lines(tmp_path / "events.jsonl")
    assert counts(events) == {"quarantined": 5}
    (batch,) = named(events, "batch.completed")
    assert (batch["quarantined"], batch["rules"]) == (5, {"query.text.deny": 1, "batch.rows.count": 1})


def test_in_shadow_mode_a_batch_that_fails_as_a_whole_goes_on(load, pack_with_row_count, tmp_path):
    gate = load(pack_with_row_count, mode="shadow")
    assert gate.admit_frame(ADMITTED).clean.equals(ADMITTED)
    gate.close()
    windows = named(lines(tmp_path / "events.jsonl"), "window.closed")
    assert ("batch.rows.count", "shadow", 1) in {
        (row["rule_id"], row["mode"], row["count"]) for window in windows for row in window["rules"]
    }


def test_a_warning_about_unknown_columns_is_counted_for_every_row(load, tmp_path):
    gate = load()
    gate.admit_frame(ADMITTED.with_columns(extra=1))
    gate.close()
    rows = [row for window in named(lines(tmp_path / "events.jsonl"), "window.closed") for row in window["rules"]]
    assert [row["count"] for row in rows if row["rule_id"] == "record.fields.known"] == [5]


def test_in_shadow_mode_a_frame_goes_on_as_it_came(load, tmp_path):
    gate = load(mode="shadow")
    result = gate.admit_frame(ADMITTED)
    assert result.clean.equals(ADMITTED)
    assert result.quarantined.is_empty()
    assert entries(gate.settings) == []
    gate.close()
    assert counts(lines(tmp_path / "events.jsonl")) == {"clean": 3, "shadowed": 2}


def test_in_mode_off_a_frame_is_not_judged(load, tmp_path):
    gate = load(mode="off")
    result = gate.admit_frame(ADMITTED.to_pandas())
    assert len(result.clean) == 5
    gate.close()
    assert counts(lines(tmp_path / "events.jsonl")) == {"unjudged": 5}


def test_checking_a_frame_leaves_nothing_behind(load, tmp_path):
    gate = load()
    gate.check_frame(ADMITTED)
    gate.close()
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.Int8])
@pytest.mark.parametrize(
    ("allow", "rows_clean"), [([1, 2**64, -(10**30)], 1), ([2**63, 1], 1), ([2**80], 0), ([-1, 1], 1)]
)
def test_a_list_may_hold_whole_numbers_that_no_column_can(dtype, allow, rows_clean):
    pack = make_pack({"n": {"type": "int"}}, [{"id": "n.is.listed", "field": "n", "check": "one_of", "allow": allow}])
    result = check_frame(pack, pl.DataFrame({"n": pl.Series([1, 5], dtype=dtype)}))
    assert (result.clean.height, result.quarantined["n"].to_list()[-1]) == (rows_clean, 5)


def test_a_column_of_large_whole_numbers_meets_a_list_of_them():
    pack = make_pack({"n": {"type": "int"}}, [{"id": "n.is.listed", "field": "n", "check": "one_of", "allow": [2**63]}])
    result = check_frame(pack, pl.DataFrame({"n": pl.Series([2**63, 2**63 + 1], dtype=pl.UInt64)}))
    assert (result.clean["n"].to_list(), result.quarantined["n"].to_list()) == ([2**63], [2**63 + 1])


@pytest.mark.parametrize("frame", [pd.DataFrame(index=[1, 2]), pa.table({"query": ["a", "b"]}).select([])])
def test_rows_without_a_column_do_not_pass_unjudged(frame):
    with pytest.raises(ValueError, match="2 rows without a column cannot be judged"):
        check_frame(PACK, frame)
