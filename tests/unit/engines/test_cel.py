"""The check `cel`: what it understands, what it refuses when the pack is loaded, and what it makes of odd records."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from dq_gate.checks.base import CATALOGUE
from dq_gate.core.decide import decide
from dq_gate.engines.cel import parse
from dq_gate.errors import MissingExtraError, PackError
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.context import PackContext

FIELDS = {
    "top_k": "int", "price": "float", "tenant": "str", "query": "str", "flag": "bool", "at": "datetime",
    "tags": "list[str]", "vec": "vector", "filters": "object", "extra": "any",
}  # fmt: skip


def compiled(expression):
    check = CATALOGUE["cel"]
    return check.compile(check.options(expr=expression), PackContext(None, FIELDS, Path(), (), {}))


def holds(expression, **record):
    return compiled(expression).judge(record) is None


@pytest.mark.parametrize(
    ("expression", "record"),
    [
        ("top_k <= 20 || tenant == 'acme'", {"top_k": 50, "tenant": "acme"}),
        ("!flag && (top_k + 1) * 2 - 3 == 7", {"flag": False, "top_k": 4}),
        ("-7 / top_k == -3 && -7 % top_k == -1", {"top_k": 2}),
        ("0x1F == top_k", {"top_k": 31}),
        ("top_k < price && top_k != price", {"top_k": 1, "price": 1.5}),
        ("price / 0.0 > 1e300", {"price": 1.0}),
        ("!(price / 0.0 == price / 0.0)", {"price": 0.0}),
        ("double(top_k) * 0.5 == 1.0", {"top_k": 2}),
        ("price == 3.0", {"price": 3}),
        ("query + '!' == \"a!\"", {"query": "a"}),
        ("size(query) == 2 && query.size() == 2", {"query": "é😀"}),
        ("query.startsWith('h') && query.endsWith('o') && query.contains('ell')", {"query": "hello"}),
        (r"query.matches('^\\d+$') && matches(query, r'\d')", {"query": "12"}),
        (r"query == '\u00e9\x41\101\n\'' ", {"query": "éAA\n'"}),
        ("tenant in ['acme', 'globex'] && !(top_k in [1, 2])", {"tenant": "acme", "top_k": 3}),
        ("tenant in tags && !('x' in tags)", {"tenant": "a", "tags": ("a", "b")}),
        ("tags[1] == 'b' && size(tags) == 2", {"tags": ["a", "b"]}),
        ("vec[0] > 0.5 && size(vec) == 2", {"vec": [1, 0.0]}),
        ("tags.all(t, t.size() < 3 && t != tenant) && tags.exists(t, t == 'b')", {"tags": ["a", "b"], "tenant": "c"}),
        ("tags.all(t, false)", {"tags": []}),
        ("top_k > 5 ? tenant == 'acme' : true", {"top_k": 5, "tenant": "x"}),
        ("filters.lang == 'de' && has(filters.n) && !('x' in filters)", {"filters": {"lang": "de", "n": 1}}),
        ("filters.a.b in ['x', 'y']", {"filters": {"a": {"b": "y"}}}),
        ("filters.n == 1 && filters.n != true", {"filters": {"n": 1.0}}),
        ("extra == 'a' || extra in [1, 2]", {"extra": 2}),
        ("at >= timestamp('2026-01-01T00:00:00Z')", {"at": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)}),
        ("at == timestamp('2026-01-01T00:00:00+01:00')", {"at": datetime(2025, 12, 31, 23, tzinfo=UTC)}),
        ("at < timestamp('2026-01-01T00:00:00')", {"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}),
        ("top_k == 1 // as written: 'one'\n || flag", {"top_k": 1, "flag": False}),
    ],
)
def test_expressions_that_are_true(expression, record):
    assert holds(expression, **record)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("topk < 5", "did you mean 'top_k'?"),
        ("top_k", "field top_k is of type int where true or false is needed"),
        ("filters.on && flag", "compare it with == true"),
        ("query < 5", "compares str with int"),
        ("query == 5", "compares str with int"),
        ("at > '2026-01-01T00:00:00Z'", "write timestamp("),
        ("flag < true", "compares bool with bool"),
        ("tags == ['a']", "only stand after `in`"),
        ("extra < 5", "type any"),
        ("extra == extra", "type any"),
        ("top_k + price > 1.0", "write double(…) around the int"),
        ("price % 2.0 == 0.0", "% of float and float"),
        ("-query == 'a'", "- of str"),
        ("query in [1]", "looks for str among int"),
        ("top_k in tags", "looks for int in list[str]"),
        ("tenant in filters", "only for a key that is written out"),
        ("query.a == 1", ".a of str"),
        ("query[0] == 'a'", "[…] of str by int"),
        ("size(top_k) == 1", "size() of int"),
        ("lower(query) == 'a'", "Allowed: double, has, matches, size, timestamp"),
        ("query.lower() == 'a'", "unknown function .lower()"),
        ("contains(query, 'a')", "write x.contains(…)"),
        ("query.contains()", "given 1 arguments, not 2"),
        ("query.matches(tenant)", "written out"),
        ("query.matches('(?=a)')", "RE2"),
        ("has(query)", "compare a field with null"),
        ("timestamp(query) == at", "written out"),
        ("timestamp('yesterday') == at", "written out"),
        ("flag ? top_k : query", "sides of ? : are of types int and str"),
        ("(flag ? null : null) == null", "sides of ? :"),
        ("query + 'a' == null", "only fields and keys of objects can be null"),
        ("tags.all(t, query.contains(t))", "within all() or exists()"),
        ("tags.all(t, tags.exists(u, u == t))", "within all() or exists()"),
        ("tags.all(tenant, true)", "no field's"),
        ("query.all(t, true)", "list[str] field"),
        ("tags.map(t, t) == tags", "unknown function .map()"),
        ("1 < 2", "names no field"),
        ("top_k == 5u", "unsigned"),
        ("query == b'a'", "bytes"),
        ("query == '''a'''", "triple quotes"),
        ("{'a': 1} == filters", "maps"),
        ("Thing{a: 1} == filters", "messages"),
        (".query == 'a'", "start with a dot"),
        ("top_k == 9223372036854775808", "64 bits"),
        ("price == 1e999", "range of a float"),
        (r"query == '\q'", r"\q means nothing"),
        (r"query == '\ud800'", "lone surrogate"),
        ("query == '\\U00110000'", "no character"),
        ("query == 'a", "has no end"),
        ("query === 'a'", "line 1, column 9"),
        ("", "line 1"),
        ("(" * 40 + "top_k == 1", "no CEL expression"),
        ("!" * 40 + "flag", "nested more than"),
        ("flag || " * 1000 + "flag", "longer than"),
    ],
)
def test_what_is_not_supported_is_refused_with_the_reason(expression, reason):
    with pytest.raises(ValueError) as refusal:
        compiled(expression) if expression else parse.read_expression(expression)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_its_samples_pass_and_fail():
    check = CATALOGUE["cel"]
    fields = {"top_k": "int", "tenant": "str", "email": "str", "phone": "str"}
    for samples, passes in ((check.passes, True), (check.fails, False)):
        for options, record in samples:
            rule = check.compile(check.options(**options), PackContext(None, fields, Path(), (), {}))
            assert (rule.judge(record) is None) is passes


def test_long_chains_and_many_parentheses_are_no_depth():
    assert holds(" || ".join(["flag"] * 500), flag=True)
    assert holds("(" * 400 + "flag" + ")" * 400, flag=True)


@pytest.mark.parametrize("text", ["query == '" + "\\\\" * 40, "query == r'" + "\\'" * 40, "query == '" + "\\'" * 40])
def test_a_string_without_an_end_is_refused_at_once(text):
    start = time.process_time()
    with pytest.raises(ValueError, match="has no end"):
        compiled(text)
    assert time.process_time() - start < 30  # the library's own lexer takes days


@pytest.mark.parametrize(
    ("expression", "record", "error"),
    [
        ("top_k + 1 > 0", {"top_k": 2**63 - 1}, OverflowError),
        ("top_k * top_k > 0", {"top_k": 2**62}, OverflowError),
        ("-top_k > 0", {"top_k": -(2**63)}, OverflowError),
        ("top_k / -1 > 0", {"top_k": -(2**63)}, OverflowError),
        ("top_k > 0", {"top_k": 2**63}, OverflowError),
        ("price > 0.0", {"price": 10**400}, OverflowError),
        ("1 / top_k > 0", {"top_k": 0}, ZeroDivisionError),
        ("1 % top_k > 0", {"top_k": 0}, ZeroDivisionError),
        ("tags[0] == 'a'", {"tags": []}, IndexError),
        ("tags[-1] == 'a'", {"tags": ["a"]}, IndexError),
        ("filters.a == 1", {"filters": {}}, KeyError),
        ("filters.a.b == 1", {"filters": {"a": "b"}}, TypeError),
        ("has(filters.a.b)", {"filters": {"a": "b"}}, TypeError),
        ("size(query) > 1 || query == null", {}, None),
        ("size(query) > 1 && query != null", {}, None),
        ("size(query) > 1 && (query == null || flag)", {"flag": True}, TypeError),
        ("!flag && (flag == null || true)", {}, TypeError),
    ],
)
def test_where_cel_has_no_answer_the_rule_crashes(expression, record, error):
    if error is None:
        compiled(expression).judge(record)
        return
    with pytest.raises(error):
        compiled(expression).judge(record)


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("1 / top_k == 1 || true", True),
        ("true || 1 / top_k == 1", True),
        ("1 / top_k == 1 && false", False),
        ("tags.exists(t, 1 / top_k == 1 || t == 'b')", True),
        ("tags.all(t, t == 'a' ? 1 / top_k == 1 : false)", False),
    ],
)
def test_an_error_does_not_matter_when_the_other_side_settles_the_answer(expression, verdict):
    assert holds(expression, top_k=0, tags=["a", "b"]) is verdict


def test_a_lone_surrogate_is_matched_as_the_check_matches_does():
    assert holds("query.matches('^.$') && query.matches('\ufffd') && size(query) == 1", query="\ud800")


def test_fields_compared_with_null_are_not_needed():
    assert compiled("top_k > 1 && (tenant == null || tenant == 'a') && null != query").needs == ("top_k",)
    assert compiled("flag && flag").needs == ("flag",)


def test_null_aware_fields_may_be_missing_or_none():
    rule = compiled("tenant == null || tenant in ['a']")
    assert rule.judge({}) is rule.judge({"tenant": None}) is rule.judge({"tenant": "a"}) is None
    assert rule.judge({"tenant": "b"}) is not None


def test_the_finding_quotes_the_expression_and_no_value():
    assert compiled("tenant ==\n   'acme'").judge({"tenant": "x"}).message == "is not true: tenant == 'acme'"
    message = compiled(" || ".join(["tenant == 'acme'"] * 20)).judge({"tenant": "x"}).message
    assert len(message) < 150
    assert message.endswith("…")


def test_literals_are_data_in_every_place():
    text = "') or __import__('os') or ('{0}{}"
    assert holds(f'query == "{text}" && "{text}" in [query] && query.contains("{text}")', query=text)


@pytest.mark.parametrize(
    ("expression", "marked"),
    [
        ("top_k <= 20 || tenant == 'acme'", [2]),
        ("size(tenant) <= 5 && top_k * 2 < 100", [2]),
        ("tenant in ['acme', 'é']", [2]),
        ("tags.all(t, t.size() < 2)", [1]),
        ("price == null || price < 2.0", [2]),
        ("at < timestamp('2026-01-02T00:00:00Z')", [1, 2]),
        (r"tenant.matches('^\\w+$')", [1]),
        ("1 / (top_k - 50) == 0 || tenant == 'é'", [2]),
        ("extra == 1", [0, 1, 2]),
    ],
)
def test_columns_mark_the_rows_that_fail_and_few_others(expression, marked):
    frame = pl.DataFrame(
        {
            "top_k": [1, 20, 50],
            "tenant": ["acme", "é", "globex"],
            "price": [None, 1.5, float("inf")],
            "tags": [["a", "é"], ["bb"], []],
            "at": [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)],
            "extra": [1, 2, 1],
        }
    )
    mark = compiled(expression).suspects({name: pl.col(name) for name in frame.columns})
    marks = [True] * 3 if mark is None else frame.select(mark.alias("mark"))["mark"].to_list()
    assert [row for row, is_marked in enumerate(marks) if is_marked] == marked


def test_rows_in_which_a_needed_field_is_null_are_not_marked():
    frame = pl.DataFrame({"top_k": [None, 30]}, schema={"top_k": pl.Int64})
    assert frame.select(compiled("top_k < 5").suspects({"top_k": pl.col("top_k")}))["top_k"].to_list() == [False, True]


def test_an_expression_that_rust_cannot_search_for_is_judged_row_by_row():
    too_large = r"\pL{300}"
    assert compiled(f"query.matches(r'{too_large}')").suspects({"query": pl.col("query")}) is None
    assert compiled("query.matches(r'[^--a]')").suspects({"query": pl.col("query")}) is None


def test_without_the_library_the_extra_is_named(monkeypatch):
    parse._parser.cache_clear()
    monkeypatch.setitem(sys.modules, "celpy.celparser", None)
    with pytest.raises(MissingExtraError, match=r"dq-gate\[cel\]"):
        compiled("flag")


def pack(folder, expression, more=""):
    path = folder / "pack.yaml"
    path.write_text(
        "pack: p\nversion: 1\nfields:\n  top_k: {type: int}\n  email: {type: str, required: false}\n"
        f"rules:\n  - {{id: query.top_k.affordable, check: cel, expr: {expression!r}{more}}}\n"
    )
    return path


def test_a_pack_with_an_expression_judges_records(tmp_path):
    plan = compile_pack(pack(tmp_path, "top_k <= 20 && 100 / top_k > 1")).plan
    assert decide(plan, {"top_k": 20}).outcome == "clean"
    assert [v.rule_id for v in decide(plan, {"top_k": 21}).violations] == ["query.top_k.affordable"]
    crashed = decide(plan, {"top_k": 0})
    assert (crashed.outcome, crashed.crashes[0].error) == ("quarantined", "ZeroDivisionError")


def test_a_rule_about_a_field_that_is_null_is_skipped(tmp_path):
    plan = compile_pack(pack(tmp_path, 'email.contains("@")')).plan
    assert decide(plan, {"top_k": 1}).outcome == "clean"
    assert decide(plan, {"top_k": 1, "email": "a"}).outcome == "quarantined"


def test_a_mistake_is_told_with_file_line_and_rule(tmp_path):
    with pytest.raises(PackError, match=r"pack\.yaml:7: rule query\.top_k\.affordable: unknown field 'topk'"):
        compile_pack(pack(tmp_path, "topk <= 20"))
