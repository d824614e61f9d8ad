"""What every engine promises: which rows fail, and that nothing passes because something went wrong."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from dq_gate.core.decide import decide
from dq_gate.errors import MissingExtraError, PackError
from dq_gate.packs.compile import compile_pack

if TYPE_CHECKING:
    from dq_gate.packs.compile import CompiledPack

CODE = "tests.user_code"
SUITE = {
    "name": "offers",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "price", "min_value": 1}},
    ],
}
BROKEN_SUITE = {
    "name": "offers",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "name", "min_value": 1}}],
}


@dataclass(frozen=True)
class Engine:
    """An engine, with rules that ask for a price above 0.

    Attributes:
        rule: The rule.
        crashing: One that raises on every row.
        misconfigured: Ones that cannot be loaded, and what the error says.
        library: What it needs installed, if it is no part of the core.
    """

    name: str
    rule: dict[str, Any]
    crashing: dict[str, Any]
    misconfigured: tuple[tuple[dict[str, Any], str], ...]
    library: str | None = None


def _code(check: str, option: str, module: str, good: str, crashing: str, **keys: Any) -> Engine:
    """An engine whose rules name code."""
    rule = {"check": check, **keys}
    return Engine(
        f"{check} {module}{' of a field' if keys else ''}",
        {**rule, option: f"{CODE}.{module}:{good}"},
        {**rule, option: f"{CODE}.{module}:{crashing}"},
        (
            ({**rule, option: "os:getcwd"}, "trusted_packages"),
            ({**rule, option: f"{CODE}.{module}:missing"}, "has no attribute 'missing'"),
            ({**rule, option: f"{CODE}.missing:it"}, "No module named"),
            (rule, option),
            ({**rule, option: f"{CODE}.{module}:{good}", "nonsense": 1}, "nonsense"),
        ),
        library="pandera" if check == "pandera" else None,
    )


ENGINES = [
    _code("pydantic", "model", "models", "Offer", "Crashing"),
    _code("python", "function", "functions", "sensible_price", "crashes"),
    _code("python", "function", "functions", "positive", "crashes", field="price"),
    _code("pandera", "schema", "polars_schemas", "offers", "crashing"),
    _code("pandera", "schema", "pandas_schemas", "offers", "crashing"),
    Engine(
        "great_expectations",
        {"check": "great_expectations", "suite": "suite.json"},
        {"check": "great_expectations", "suite": "broken.json"},
        (
            ({"check": "great_expectations", "suite": "missing.json"}, "missing.json: cannot be read"),
            ({"check": "great_expectations", "suite": "pack.yaml"}, "pack.yaml is no suite"),
            ({"check": "great_expectations"}, "suite"),
            ({"check": "great_expectations", "suite": "suite.json", "nonsense": 1}, "nonsense"),
        ),
        library="great_expectations",
    ),
]
BATCH_ENGINES = [engine for engine in ENGINES if engine.library]


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request):
    return request.param


@pytest.fixture
def load(tmp_path):
    (tmp_path / "suite.json").write_text(json.dumps(SUITE))
    (tmp_path / "broken.json").write_text(json.dumps(BROKEN_SUITE))

    def load_pack_of(rule):
        fields = {"name": {"type": "str"}, "price": {"type": "int", "required": False}}
        path = tmp_path / "pack.yaml"
        path.write_text(
            json.dumps({"pack": "offers", "version": 1, "fields": fields, "rules": [{"id": "offer.sound", **rule}]})
        )
        return compile_pack(path, trusted_packages=("tests",))

    return load_pack_of


def failing(pack: CompiledPack, frame: pl.DataFrame) -> dict[int, str]:
    """What the pack's one rule of its own says, by row; a batch that fails has the row -1."""
    if not pack.frame_rules:
        decisions = enumerate(decide(pack.plan, record) for record in frame.to_dicts())
        return {row: decision.violations[0].message for row, decision in decisions if decision.violations}
    judge = pack.frame_rules[0].begin()
    found = {row: finding.message for row, finding in judge.look(frame).items()}
    end = judge.end()
    return found | ({-1: end.message} if end else {})


def offers(*prices: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"name": [f"SECRET{number}" for number in range(len(prices))], "price": prices},
        schema={"name": pl.String, "price": pl.Int64},
    )


def test_exactly_the_bad_rows_fail_and_their_content_is_not_told(engine, load):
    found = failing(load(engine.rule), offers(1, 0, 7, -4815))
    assert found.keys() == {1, 3}
    assert not any("SECRET" in message or "4815" in message or "\n" in message for message in found.values())


def test_nulls_are_no_values_to_judge(engine, load):
    assert failing(load(engine.rule), offers(1, None, 0)).keys() == {2}


def test_an_empty_batch_passes(engine, load):
    assert failing(load(engine.rule), offers()) == {}


def test_a_missing_column_is_no_pass_where_the_rule_is_about_the_batch(engine, load):
    pack = load(engine.rule)
    found = failing(pack, offers(1, 0).drop("price"))
    assert found.keys() == ({-1} if pack.frame_rules else set())


def test_what_raises_is_a_crash_and_no_pass(engine, load):
    pack = load(engine.crashing)
    frame = offers(1)
    if pack.frame_rules:
        with pytest.raises(RuntimeError, match=r"raised$"):
            failing(pack, frame)
    else:
        decision = decide(pack.plan, frame.to_dicts()[0])
        assert decision.outcome == "quarantined"
        assert [crash.rule_id for crash in decision.crashes] == ["offer.sound"]
        assert "secret" not in str(decision.violations).lower()


def test_a_rule_judges_again_and_again_with_the_same_verdict(engine, load):
    pack = load(engine.rule)
    frame = offers(1, 0, 3)
    assert failing(pack, frame) == failing(pack, frame)
    assert failing(pack, offers(0, 1, 0)).keys() == {0, 2}


def test_four_threads_get_the_verdicts_that_one_gets(engine, load):
    pack = load(engine.rule)
    frames = [offers(*(0 if row % 4 == worker else 1 for row in range(12))) for worker in range(4)]
    expected = [failing(pack, frame) for frame in frames]
    assert [found.keys() for found in expected] == [{0, 4, 8}, {1, 5, 9}, {2, 6, 10}, {3, 7, 11}]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda frame: failing(pack, frame), frames * 8))
    assert found == expected * 8


@pytest.mark.parametrize(
    ("rule", "reason"), [pytest.param(*case, id=f"{e.name}-{case[1]}") for e in ENGINES for case in e.misconfigured]
)
def test_a_mistake_in_a_rule_is_an_error_that_names_it_when_the_pack_is_loaded(load, rule, reason):
    with pytest.raises(PackError, match=reason) as caught:
        load(rule)
    assert caught.value.rule_id == "offer.sound"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("engine", BATCH_ENGINES, ids=lambda engine: engine.name)
def test_a_library_that_is_not_installed_is_told_by_the_extra_that_brings_it(engine, load, monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == engine.library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, engine.library, None)
    with pytest.raises(MissingExtraError, match=r"dq-gate\[batch\]"):
        load(engine.rule)
